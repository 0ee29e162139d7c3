//! The composition root: opens what a node needs, in order, and closes it in the opposite one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use dispatcher::{Dispatcher, push};
use gateway::{Doors, Gateway};
use proto::Disk;
use queue::notify::LookAtDisk;
use queue::settings::Settings;
use queue::vault::Vault;
use queue::{Enqueuer, Queue};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::banner::{Banner, banner};
use crate::chores::Chores;
use crate::config::{self, Effective, Role, settings};
use crate::console;
use crate::embedded;
use crate::lifecycle::Lifecycle;
use crate::node::Node;
use crate::ports::Ports;
use crate::secret_key::{self, Origin};
use crate::tokens;

/// What the root is told besides the configuration.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// How this program was called.
    pub program: String,
    /// The variable `PATH`, for finding PostgreSQL.
    pub search_path: String,
    /// This machine's name, by which the node is known to people.
    pub host: String,
}

/// How long an external database may take to appear at start: beside it in a compose file, it starts at the same time.
const DATABASE_PATIENCE: Duration = Duration::from_mins(1);

/// The end of a start that was told to stop before the node served: it did, and nothing went wrong.
#[derive(Debug, thiserror::Error)]
#[error("stopped while {0}")]
pub struct Stopped(&'static str);

/// A node that runs.
#[derive(Debug)]
pub struct Running {
    /// Where the REST API listens; on a node that only dispatches, its health alone.
    pub rest: SocketAddr,
    /// Where gRPC listens besides.
    pub grpc: Option<SocketAddr>,
    /// Whether both are encrypted.
    pub encrypted: bool,
    /// The first admin key, if it was made just now.
    pub new_key: Option<String>,
    /// The first user's name and password, made with it.
    pub new_user: Option<(String, String)>,
    /// The queue, for whoever runs in the same process.
    pub queue: Queue,
    /// The way in for tasks, likewise.
    pub enqueuer: Enqueuer,
    own_database: Option<embedded::Server>,
    dispatcher: Option<Dispatcher>,
    serving: JoinHandle<Result<()>>,
    chores: JoinHandle<()>,
    chores_stop: CancellationToken,
    /// Tells the whole process to stop.
    stop: CancellationToken,
    _node: Node,
}

/// Starts a node and returns when it serves. One that cannot serve leaves no PostgreSQL of its own running. [`Stopped`] is the error of
/// one that was told to stop meanwhile.
pub async fn start(effective: &Effective, surroundings: &Surroundings, life: &Lifecycle) -> Result<Running> {
    let own_database = match effective.get(&settings::DATABASE_URL) {
        Some(_) => None,
        None => Some(start_own_database(effective, surroundings, life).await?),
    };
    let url = database_url(effective, own_database.as_ref());
    match start_on(url, own_database.is_some(), effective, surroundings, life).await {
        Ok(running) => Ok(Running {
            own_database,
            ..running
        }),
        Err(error) => {
            if let Some(server) = own_database {
                server.stop().await;
            }
            Err(error)
        }
    }
}

/// Starts all of a node but its database, which is at `url`.
async fn start_on(
    url: String,
    is_own: bool,
    effective: &Effective,
    surroundings: &Surroundings,
    life: &Lifecycle,
) -> Result<Running> {
    let data_dir: PathBuf = effective.get(&settings::DATA_DIR);
    let mut random = randomness();
    let node = Node::load(&data_dir, &mut random)?;
    let (key, origin) = secret_key::load(effective.get(&settings::SECRETS_KEY), &data_dir, &mut random)?;
    if let Origin::Made(path) = &origin
        && !is_own
    {
        warn!(path = %path.display(), "a key for signing secrets was made; every other node needs the same (secrets.key)");
    }
    let older = effective.get(&settings::SECRETS_OLDER_KEYS);
    let vault = older
        .iter()
        .fold(Vault::new(key.expose()), |vault, key| vault.reading(key.expose()));
    let queue = open_queue(queue_config(effective, url), vault, &life.stop()).await?;

    let ports = Ports::open(effective).await?;
    let (rest, grpc, encrypted) = (
        ports.rest.local_addr()?,
        ports.grpc_address()?,
        ports.tls.is_some(),
    );
    let egress = push::Egress {
        allow: effective.get(&settings::EGRESS_ALLOW),
        own_listeners: [Some(rest), grpc, ports.metrics_address()?]
            .into_iter()
            .flatten()
            .collect(),
    };
    let dispatcher = if effective.get(&settings::ROLE) == Role::Gateway {
        None
    } else {
        let config = dispatcher_config(effective, egress.clone());
        let started = Dispatcher::start(&queue, config, node.id, &surroundings.host).await?;
        queue.attach(Arc::new(started.clone()));
        Some(started)
    };
    let enqueuer = Enqueuer::start(&queue, &enqueue_config(effective));
    let chores_stop = CancellationToken::new();
    let disk = disk_in(is_own.then_some(data_dir));
    let chores = Chores::new(
        effective,
        queue.clone(),
        node.id,
        disk.clone(),
        dispatcher.is_none(),
    );
    let chores = tokio::spawn(chores.run(chores_stop.clone()));

    let gateway = open_gateway(effective, &queue, &enqueuer, dispatcher.clone(), egress, disk);
    let last = async {
        let accepted = tokens::accept(&gateway, effective.issuers().to_vec()).await?;
        // The key is shown once: what can still go wrong with the start has gone wrong before it is made.
        anyhow::Ok((accepted, make_first(&queue).await?))
    };
    let (accepted, (new_key, new_user)) = match last.await {
        Ok(made) => made,
        Err(error) => {
            // Others are to have the shards, and no more is pushed that could not be written.
            if let Some(dispatcher) = &dispatcher {
                dispatcher.drain().await;
            }
            chores_stop.cancel();
            let _ = chores.await;
            queue.close().await;
            return Err(error);
        }
    };
    let last_request = CancellationToken::new();
    tokio::spawn(close(life.stop(), dispatcher.clone(), last_request.clone()));
    let serving = tokio::spawn(async move {
        let following = tokio::spawn(tokens::follow(gateway.clone(), accepted));
        let served = ports.serve(&gateway, &last_request).await;
        following.abort();
        served
    });
    info!(node = %node.id, listening = %rest, grpc = grpc.map(tracing::field::display), "serving");
    Ok(Running {
        rest,
        grpc,
        encrypted,
        new_key,
        new_user,
        queue,
        enqueuer,
        own_database: None,
        dispatcher,
        serving,
        chores,
        chores_stop,
        stop: life.stop(),
        _node: node,
    })
}

/// The gateway, with what it asks of the rest of the node.
fn open_gateway(
    effective: &Effective,
    queue: &Queue,
    enqueuer: &Enqueuer,
    dispatcher: Option<Dispatcher>,
    egress: push::Egress,
    disk: LookAtDisk,
) -> Gateway {
    let ready = dispatcher.clone();
    let doors = Doors {
        vet_url: Arc::new(move |url: &url::Url| vet_url(&egress, url)),
        vet_auth: Arc::new(|auth: &proto::EndpointAuth| {
            let judged = push::check_identity(&dispatcher::identity(auth));
            judged.map_err(|error| queue::error::field_error(error.field, error.problem))
        }),
        ready: Arc::new(move || ready.as_ref().is_none_or(Dispatcher::is_ready)),
    };
    let gateway = Gateway::new(gateway_config(effective), queue.clone(), enqueuer.clone(), doors);
    gateway.describe(gateway::Surroundings {
        configuration: config::entries(effective),
        disk,
    });
    if let Some(dispatcher) = dispatcher {
        gateway.measured_by(Arc::new(move || dispatcher.measure()));
    }
    gateway
}

/// When it is time to stop, begins no more attempts, and only then takes no more requests: those that listen to a stream can take long
/// to end, and whoever is refused knows that nothing is begun any more.
async fn close(stop: CancellationToken, dispatcher: Option<Dispatcher>, last_request: CancellationToken) {
    stop.cancelled().await;
    if let Some(dispatcher) = dispatcher {
        dispatcher.close();
    }
    last_request.cancel();
}

/// Refuses a URL whose host may not be reached, as far as the URL itself shows.
fn vet_url(egress: &push::Egress, url: &url::Url) -> Result<(), String> {
    let port = url.port_or_known_default().unwrap_or(443);
    egress
        .vet_literal_host(url.host_str().unwrap_or_default(), port)
        .map_err(|refusal| refusal.to_string())
}

/// Makes the first key, and with it the first user: where there was a key already, whoever has it decides who signs in.
async fn make_first(queue: &Queue) -> Result<(Option<String>, Option<(String, String)>)> {
    let Some(key) = queue.make_first_key(now()).await? else {
        return Ok((None, None));
    };
    // The key is committed, and nobody has seen it yet: it is shown, whatever becomes of the user.
    let user = queue.make_first_user(now()).await.unwrap_or_else(|error| {
        warn!(%error, "the first user could not be made; whoever has the admin key can make one (posthaste user add)");
        None
    });
    Ok((Some(key), user))
}

/// The secret of the example that is printed. What is printed beside it may be the first key, which does not wait for an example.
fn example_secret(data_dir: &Path) -> Option<String> {
    secret_key::example(data_dir, &mut randomness())
        .inspect_err(|error| warn!(%error, "no example is printed"))
        .ok()
}

/// Waits for ever, unless a part of the node ends that nobody has told to: says which.
async fn broken(chores: &mut JoinHandle<()>, dispatcher: Option<&Dispatcher>) -> String {
    let dispatching = async {
        match dispatcher {
            Some(dispatcher) => dispatcher.failed().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = chores => match ended {
            Ok(()) => "the chores".to_owned(),
            Err(error) => format!("the chores ({error})"),
        },
        () = dispatching => "the dispatcher".to_owned(),
    }
}

impl Running {
    /// Waits until it is told to stop, or cannot go on, and ends in order: no more attempts, no more requests, every result written,
    /// shards released, and last the database. It cannot go on when a part of it has ended by itself: that is an error, so that whoever
    /// watches over the process starts it again.
    pub async fn until_stopped(mut self) -> Result<()> {
        let mut served = None;
        let defect = tokio::select! {
            ended = &mut self.serving => {
                served = Some(ended);
                None
            }
            part = broken(&mut self.chores, self.dispatcher.as_ref()) => Some(part),
        };
        if let Some(part) = &defect {
            error!(
                part,
                "a part of this node has ended by itself, which is a defect; the node stops"
            );
        }
        // Not only a signal leads here, and the rest of the process is to know.
        self.stop.cancel();
        let served = match served {
            Some(ended) => ended,
            None => (&mut self.serving).await,
        };
        if let Some(dispatcher) = &self.dispatcher {
            dispatcher.drain().await;
        }
        self.chores_stop.cancel();
        // What has ended was waited for, and cannot be waited for twice.
        if !self.chores.is_finished() {
            let _ = (&mut self.chores).await;
        }
        if let Err(error) = self.queue.flush_rollups().await {
            warn!(%error, "the last counts could not be written");
        }
        self.queue.close().await;
        if let Some(server) = self.own_database {
            server.stop().await;
        }
        info!("stopped");
        served.context("the gateway failed")??;
        if let Some(part) = defect {
            bail!("{part} ended by itself; what was logged before says why");
        }
        Ok(())
    }

    /// What to print when it serves.
    pub fn banner(&self, effective: &Effective, surroundings: &Surroundings) -> String {
        let data_dir: PathBuf = effective.get(&settings::DATA_DIR);
        let loopback = |net: &ipnet::IpNet| net.contains(&std::net::IpAddr::from([127, 0, 0, 1]));
        let example = if effective.get(&settings::EGRESS_ALLOW).iter().any(loopback) {
            example_secret(&data_dir)
        } else {
            None
        };
        banner(&Banner {
            program: &surroundings.program,
            rest: self.rest,
            grpc: self.grpc,
            encrypted: self.encrypted,
            own_database: self.own_database.as_ref().map(|_| data_dir.as_path()),
            new_key: self.new_key.as_deref(),
            new_user: self
                .new_user
                .as_ref()
                .map(|(name, password)| (name.as_str(), password.as_str())),
            example: example.as_deref(),
        })
    }
}

/// Where the database is: this node's own, or the one that is configured.
fn database_url(effective: &Effective, own: Option<&embedded::Server>) -> String {
    match own {
        Some(server) => server.url(),
        None => effective
            .get(&settings::DATABASE_URL)
            .map(String::from)
            .unwrap_or_default(),
    }
}

async fn start_own_database(
    effective: &Effective,
    surroundings: &Surroundings,
    life: &Lifecycle,
) -> Result<embedded::Server> {
    let connections: u32 = effective.get(&settings::DATABASE_MAX_CONNECTIONS);
    let options = embedded::Options {
        data_dir: effective.get(&settings::DATA_DIR),
        // Beside this node's own: its listening connection, and people with psql.
        max_connections: connections + 20,
        download: effective.get(&settings::EMBEDDED_DOWNLOAD),
        search_path: surroundings.search_path.clone(),
    };
    let stop = life.stop();
    let server = tokio::select! {
        started = embedded::start(&options) => started?,
        () = stop.cancelled() => return Err(Stopped("PostgreSQL was starting").into()),
    };
    life.before_forced_exit(server.interrupter());
    Ok(server)
}

/// Brings the schema of the configured database up to date, and does nothing else. The version that it then has; `None` where the node has a
/// PostgreSQL of its own, whose schema is brought up to date when it serves.
pub async fn migrate(effective: &Effective, stop: &CancellationToken) -> Result<Option<i64>> {
    let Some(url) = effective.get(&settings::DATABASE_URL) else {
        return Ok(None);
    };
    let config = queue_config(effective, url.into());
    let version = once_there(stop, async || queue::db::migrate(&config).await).await?;
    Ok(Some(version))
}

/// Opens the database; one that is not there yet is waited for.
async fn open_queue(config: queue::Config, vault: Vault, stop: &CancellationToken) -> Result<Queue> {
    once_there(stop, async || {
        Queue::open(config.clone(), vault.clone(), now()).await
    })
    .await
}

/// What is made of the database, once it is there.
async fn once_there<T>(stop: &CancellationToken, attempt: impl AsyncFn() -> queue::Result<T>) -> Result<T> {
    let begun = std::time::Instant::now();
    loop {
        match attempt().await {
            Ok(outcome) => return Ok(outcome),
            Err(queue::Error::Unavailable(problem)) if begun.elapsed() < DATABASE_PATIENCE => {
                warn!(problem, "the database is not there yet; waiting for it");
            }
            Err(error) => return Err(error).context("the database cannot be used"),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stop.cancelled() => return Err(Stopped("waiting for the database").into()),
        }
    }
}

fn queue_config(effective: &Effective, url: String) -> queue::Config {
    queue::Config {
        listen_url: effective.get(&settings::DATABASE_LISTEN_URL).map(String::from),
        max_connections: effective.get(&settings::DATABASE_MAX_CONNECTIONS),
        statement_timeout: effective.get(&settings::DATABASE_STATEMENT_TIMEOUT),
        defaults: Settings {
            timeout: effective.get(&settings::DISPATCHER_TIMEOUT),
            connect_timeout: effective.get(&settings::DISPATCHER_CONNECT_TIMEOUT),
            max_in_flight: effective.get(&settings::DISPATCHER_MAX_IN_FLIGHT_PER_ENDPOINT),
            ..Settings::default()
        },
        partition: effective.get(&settings::STORAGE_PARTITION),
        role: match effective.get(&settings::ROLE) {
            Role::All => "all",
            Role::Gateway => "gateway",
            Role::Dispatcher => "dispatcher",
        },
        ..queue::Config::new(url)
    }
}

fn enqueue_config(effective: &Effective) -> queue::enqueue::Config {
    queue::enqueue::Config {
        waiting_bytes: effective.get(&settings::GATEWAY_WAITING_MAX_BYTES),
        ..queue::enqueue::Config::default()
    }
}

fn dispatcher_config(effective: &Effective, egress: push::Egress) -> dispatcher::Config {
    let count = |setting| usize::try_from(effective.get::<_>(setting)).unwrap_or(usize::MAX);
    dispatcher::Config {
        push: push::Config {
            egress,
            proxy: effective.get(&settings::EGRESS_PROXY),
            response_body_kept: effective.get(&settings::DISPATCHER_RESPONSE_BODY_KEPT),
            ..push::Config::default()
        },
        max_in_flight: count(&settings::DISPATCHER_MAX_IN_FLIGHT),
        max_unwritten: count(&settings::DISPATCHER_MAX_UNWRITTEN),
        buffer_bytes: effective.get(&settings::DISPATCHER_BUFFER_BYTES),
        drain_timeout: effective.get(&settings::DISPATCHER_DRAIN_TIMEOUT),
        lease_ttl: effective.get(&settings::DISPATCHER_LEASE_TTL),
        lease_renew: effective.get(&settings::DISPATCHER_LEASE_RENEW),
        ..dispatcher::Config::default()
    }
}

fn gateway_config(effective: &Effective) -> gateway::Config {
    let items = effective.get(&settings::GATEWAY_BATCH_MAX_ITEMS);
    gateway::Config {
        health_only: effective.get(&settings::ROLE) == Role::Dispatcher,
        console: console::FILES,
        console_dir: effective.get(&settings::CONSOLE_DIR),
        payload_max: effective.get(&settings::GATEWAY_PAYLOAD_MAX),
        batch_max_items: usize::try_from(items).unwrap_or(usize::MAX),
        batch_max_bytes: effective.get(&settings::GATEWAY_BATCH_MAX_BYTES),
        request_timeout: effective.get(&settings::GATEWAY_REQUEST_TIMEOUT),
        traced: effective
            .get(&settings::TRACES_ENDPOINT)
            .map(|_| effective.get(&settings::TRACES_SAMPLE)),
        wrong_keys_max: effective.get(&settings::GATEWAY_WRONG_KEYS_MAX),
        streams_max_bytes: effective.get(&settings::GATEWAY_WAITING_MAX_BYTES) / 2,
        ..gateway::Config::default()
    }
}

/// What is known of the disk on which the database lies: where that is this node's own, in `own_folder`.
fn disk_in(own_folder: Option<PathBuf>) -> LookAtDisk {
    Arc::new(move || {
        let known = rustix::fs::statvfs(own_folder.as_deref()?).ok()?;
        Some(Disk {
            total_bytes: known.f_blocks.saturating_mul(known.f_frsize),
            // What is left for whoever is not root.
            free_bytes: known.f_bavail.saturating_mul(known.f_frsize),
        })
    })
}

/// The time.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: the root reads the clock for what it does at start and in its chores"
)]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the edge: keys that are made at the first start are drawn here"
)]
fn randomness() -> impl rand::Rng {
    rand::rng()
}

#[cfg(test)]
mod tests;
