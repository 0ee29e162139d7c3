//! `posthaste endpoint`

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use posthaste_client::proto::{
    Endpoint, EndpointAuth, EndpointUpdate, Lane, NewEndpoint, SigningScheme, TestResult, TestSend,
};
use uuid::Uuid;

use super::{
    Session, Usage,
    args::{ListArgs, ServerArgs, SureArgs, header, headers},
    enqueue::json_text,
    profiles::Environment,
    prompt::{self, confirm},
    queue::until_done,
    rows,
    screen::note,
    secret::{self, RequestArgs, SecretVerb},
    settings::{ChangedSettings, NewSettings, SETTINGS_HELP},
    simulate::CaseArgs,
};
use crate::{cli::Output, receive::print::shown};

/// What `posthaste endpoint` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  posthaste endpoint make orders https://example.com/hooks --filter 'invoice.*' --set max_in_flight=10
  posthaste endpoint test 0199f0d2-5d2c-7c33-8c1e-1f5f0d7a3b11
  posthaste endpoint secret rotate 0199f0d2-5d2c-7c33-8c1e-1f5f0d7a3b11 --overlap 24h")]
pub struct EndpointArgs {
    #[command(subcommand)]
    verb: Verb,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Register an endpoint on a queue, and show its signing secret
    #[command(after_help = SETTINGS_HELP)]
    #[command(visible_alias = "create")]
    Make {
        /// The queue
        queue: String,
        /// Where deliveries are posted
        url: String,
        /// For people
        #[arg(long, default_value = "", hide_default_value = true)]
        description: String,
        /// A task type that it wants, such as 'invoice.*'; again for another [default: every one]
        #[arg(long, value_name = "GLOB")]
        filter: Vec<String>,
        /// A header that is sent with each request; again for another
        #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
        header: Vec<(String, String)>,
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        settings: NewSettings,
        /// How deliveries are signed first of all: v1 (HMAC) or v1a (ed25519) [default: v1]
        #[arg(long, value_parser = secret::scheme)]
        scheme: Option<SigningScheme>,
        /// Read the signing secret (whsec_… or whsk_…) from standard input in place of having one made
        #[arg(long)]
        secret_stdin: bool,
    },
    /// List the endpoints of a queue
    List {
        /// The queue
        queue: String,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Read an endpoint
    #[command(visible_alias = "get")]
    Read(#[command(flatten)] Which),
    /// Change an endpoint; it holds for what waits as well
    #[command(after_help = SETTINGS_HELP)]
    Update {
        #[command(flatten)]
        which: Which,
        /// Where deliveries are posted
        #[arg(long)]
        url: Option<String>,
        /// For people
        #[arg(long)]
        description: Option<String>,
        /// A task type that it wants, in place of those before; again for another
        #[arg(long, value_name = "GLOB")]
        filter: Vec<String>,
        /// It wants every task
        #[arg(long, conflicts_with = "filter")]
        no_filter: bool,
        /// A header that is sent with each request, in place of those before; again for another
        #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
        header: Vec<(String, String)>,
        /// No header of its own is sent
        #[arg(long, conflicts_with = "header")]
        no_headers: bool,
        #[command(flatten)]
        auth: AuthArgs,
        /// Its requests show nothing of who sends them
        #[arg(long, conflicts_with = "auth")]
        no_auth: bool,
        #[command(flatten)]
        settings: ChangedSettings,
    },
    /// Hold its deliveries back
    Pause(#[command(flatten)] Which),
    /// Let a paused one go on
    Resume(#[command(flatten)] Which),
    /// Let a disabled one go on
    Enable(#[command(flatten)] Which),
    /// Hold its deliveries back until it is enabled, as an answer of 410 does
    Disable(#[command(flatten)] Which),
    /// Cancel everything that waits for it
    Purge {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        sure: SureArgs,
    },
    /// Delete an endpoint; what waits for it is cancelled
    Delete {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        sure: SureArgs,
    },
    /// Show what its deliveries wait for
    Lane(#[command(flatten)] Which),
    /// Send it a task, once and at once, and show the whole exchange; fails unless it is accepted
    Test {
        #[command(flatten)]
        which: Which,
        /// The task type [default: posthaste.test]
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// The payload, as JSON
        #[arg(long, value_name = "JSON")]
        payload: Option<String>,
    },
    /// Show what a response of it would cause: verdict, rule, next attempt, lane; nothing is sent
    Simulate {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        case: CaseArgs,
    },
    /// Show its last attempts
    Attempts {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        list: ListArgs,
    },
    /// List, rotate, reveal and delete its signing secrets
    Secret {
        #[command(subcommand)]
        verb: SecretVerb,
    },
    /// Explain the signature of a request as a receiver has it; fails unless it is good
    Verify {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        request: RequestArgs,
    },
}

/// How requests show who sends them. Secrets stay out of the list of processes.
#[derive(Debug, Args)]
struct AuthArgs {
    /// File with how its requests show who sends them, a JSON object as the API takes it; - for standard input
    #[arg(long, value_name = "FILE")]
    auth: Option<PathBuf>,
}

impl AuthArgs {
    fn read(self) -> Result<Option<EndpointAuth>> {
        let Some(path) = self.auth else { return Ok(None) };
        let text = if path.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin()).context("cannot read standard input")?
        } else {
            std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Usage(format!("--auth: {error}")).into())
    }
}

/// Which endpoint.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Which {
    /// The endpoint's id
    #[arg(value_name = "ENDPOINT")]
    pub(super) id: Uuid,
}

/// Does what it is told.
pub(super) async fn run(args: EndpointArgs, environment: &Environment) -> Result<()> {
    let session = Session::open(&args.server, environment)?;
    let client = &session.client;
    match args.verb {
        Verb::Make {
            queue,
            url,
            description,
            filter,
            header,
            auth,
            settings,
            scheme,
            secret_stdin,
        } => {
            let new = NewEndpoint {
                url,
                description,
                filter,
                headers: headers(header)?,
                auth: auth.read()?,
                settings: settings.read()?,
                scheme,
                secret: secret_stdin
                    .then(|| prompt::secret("signing secret"))
                    .transpose()?,
            };
            session.endpoint(&client.make_endpoint(&queue, &new).await?)
        }
        Verb::List { queue, list } => session.list(client.endpoints(&queue), &list).await,
        Verb::Read(Which { id }) => session.endpoint(&client.endpoint(id).await?),
        Verb::Update {
            which,
            url,
            description,
            filter,
            no_filter,
            header,
            no_headers,
            auth,
            no_auth,
            settings,
        } => {
            let update = EndpointUpdate {
                url,
                description,
                filter: (no_filter || !filter.is_empty()).then_some(filter),
                headers: (no_headers || !header.is_empty())
                    .then(|| headers(header))
                    .transpose()?,
                auth: if no_auth {
                    Some(None)
                } else {
                    auth.read()?.map(Some)
                },
                settings: settings.patch()?,
            };
            if update == EndpointUpdate::default() {
                return Err(
                    Usage("nothing to change: give the options of what is to change".to_owned()).into(),
                );
            }
            session.endpoint(&client.update_endpoint(which.id, &update).await?)
        }
        Verb::Pause(Which { id }) => session.endpoint(&client.pause_endpoint(id).await?),
        Verb::Resume(Which { id }) => session.endpoint(&client.resume_endpoint(id).await?),
        Verb::Enable(Which { id }) => session.endpoint(&client.enable_endpoint(id).await?),
        Verb::Disable(Which { id }) => session.endpoint(&client.disable_endpoint(id).await?),
        Verb::Lane(Which { id }) => session.lane(&client.lane(id).await?),
        Verb::Purge { which, sure } => {
            let url = client.endpoint(which.id).await?.url;
            confirm(&format!("Cancel everything that waits for {url}?"), sure.yes)?;
            let count = until_done(async || client.purge_endpoint(which.id).await).await?;
            session.count("cancelled", count)
        }
        Verb::Delete { which, sure } => {
            let url = client.endpoint(which.id).await?.url;
            let question = format!("Delete the endpoint {url}, and cancel what waits for it?");
            confirm(&question, sure.yes)?;
            client.delete_endpoint(which.id).await?;
            note(&format!("The endpoint {url} is deleted."));
            Ok(())
        }
        Verb::Test { which, kind, payload } => {
            let payload = payload.map(|text| json_text(text.into())).transpose()?;
            let test = TestSend { kind, payload };
            session.tested(&client.test_endpoint(which.id, &test).await?)
        }
        Verb::Simulate { which, case } => {
            let told = client.simulate_endpoint(which.id, &case.read()?).await?;
            session.simulated(&told)
        }
        Verb::Attempts { which, list } => session.list(client.attempts_of_endpoint(which.id), &list).await,
        Verb::Secret { verb } => secret::run(verb, &session).await,
        Verb::Verify { which, request } => secret::verify(which, request, &session).await,
    }
}

impl Session {
    fn endpoint(&self, endpoint: &Endpoint) -> Result<()> {
        let times = self.screen.times;
        let lines = endpoint
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"));
        let mut fields = vec![
            ("id", endpoint.id.to_string()),
            ("queue", endpoint.queue.clone()),
            ("url", endpoint.url.clone()),
            ("description", endpoint.description.clone()),
            ("status", rows::word(endpoint.status)),
        ];
        fields.extend(
            endpoint
                .disabled_reason
                .iter()
                .map(|why| ("disabled", why.clone())),
        );
        fields.extend([
            ("filter", endpoint.filter.join(" ")),
            ("headers", lines.collect()),
            ("auth", rows::auth(endpoint.auth.as_ref())),
            ("settings", rows::settings(&endpoint.settings)),
            ("made", times.exact(endpoint.created_at)),
            ("changed", times.exact(endpoint.updated_at)),
        ]);
        fields.extend(endpoint.secret.iter().map(|secret| ("secret", secret.clone())));
        self.screen.thing(endpoint, &fields)
    }

    fn lane(&self, lane: &Lane) -> Result<()> {
        let times = self.screen.times;
        let waits = rows::word(lane.waits_for);
        let mut fields = vec![
            ("waits for", waits),
            (
                "in flight",
                format!(
                    "{} of {} now, {} when all is well",
                    lane.in_flight, lane.in_flight_limit, lane.max_in_flight
                ),
            ),
            ("ready", lane.ready.to_string()),
            ("breaker", rows::word(lane.breaker)),
        ];
        let mut also = |name, value: Option<String>| fields.extend(value.map(|value| (name, value)));
        also("until", lane.until.map(|at| times.exact(at)));
        also("tokens", lane.tokens.map(|tokens| tokens.to_string()));
        also("held until", lane.hold_until.map(|at| times.exact(at)));
        also("probe at", lane.probe_at.map(|at| times.exact(at)));
        also("answers in", lane.answer_ms.map(|ms| format!("{ms:.1} ms")));
        also("failing since", lane.failing_since.map(|at| times.exact(at)));
        also("seen", Some(times.exact(lane.updated_at)));
        self.screen.thing(lane, &fields)
    }

    fn tested(&self, result: &TestResult) -> Result<()> {
        let Some(attempt) = &result.attempt else {
            self.screen.thing(result, &[("task", result.task.to_string())])?;
            bail!(
                "the endpoint has not answered yet: `posthaste task attempts {}` tells when it has",
                result.task
            );
        };
        let response_headers = attempt
            .response_headers
            .iter()
            .map(|header| format!("{}: {}\n", header.name, header.value));
        let body = match (&attempt.response_body, &attempt.response_body_base64) {
            (Some(text), _) if !text.is_empty() => shown(text.as_bytes()),
            (_, Some(base64)) => format!("(in base64) {base64}"),
            _ => String::new(),
        };
        let fields = [
            ("task", result.task.to_string()),
            ("url", attempt.url.clone().unwrap_or_default()),
            ("answer", rows::answer(attempt.status, attempt.failure.as_deref())),
            ("took", format!("{:.1} ms", attempt.timing.total_ms)),
            ("verdict", attempt.verdict.clone()),
            ("reason", attempt.reason.clone()),
            ("headers", response_headers.collect()),
            ("body", body),
        ];
        self.screen.thing(result, &fields)?;
        if !result.delivered {
            // Programs have read it; people read the reason above.
            bail!("the endpoint did not accept it");
        }
        if self.screen.output == Output::Table {
            note("The endpoint accepted it.");
        }
        Ok(())
    }
}
