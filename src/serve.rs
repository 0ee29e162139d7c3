//! The composition root: opens what a node needs, in order, and closes it in the opposite one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use dispatcher::{Dispatcher, push};
use gateway::{Gateway, Port, Speaks, Tls};
use proto::Disk;
use queue::notify::LookAtDisk;
use queue::settings::Settings;
use queue::vault::Vault;
use queue::{Enqueuer, Queue};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::banner::{Banner, banner};
use crate::chores::Chores;
use crate::config::{self, Effective, Role, settings};
use crate::console;
use crate::embedded;
use crate::lifecycle::Lifecycle;
use crate::node::Node;
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
    serving: tokio::task::JoinHandle<Result<()>>,
    chores: tokio::task::JoinHandle<()>,
    chores_stop: CancellationToken,
    _node: Node,
}

/// Starts a node and returns when it serves.
pub async fn start(effective: &Effective, surroundings: &Surroundings, life: &Lifecycle) -> Result<Running> {
    let data_dir: PathBuf = effective.get(&settings::DATA_DIR);
    let own_database = match effective.get(&settings::DATABASE_URL) {
        Some(_) => None,
        None => Some(start_own_database(effective, surroundings, life, data_dir.clone()).await?),
    };
    let mut random = randomness();
    let node = Node::load(&data_dir, &mut random)?;
    let (key, origin) = secret_key::load(effective.get(&settings::SECRETS_KEY), &data_dir, &mut random)?;
    if let Origin::Made(path) = &origin
        && own_database.is_none()
    {
        warn!(path = %path.display(), "a key for signing secrets was made; every other node needs the same (secrets.key)");
    }
    let url = database_url(effective, own_database.as_ref());
    let older = effective.get(&settings::SECRETS_OLDER_KEYS);
    let vault = older
        .iter()
        .fold(Vault::new(key.expose()), |vault, key| vault.reading(key.expose()));
    let queue = open_queue(queue_config(effective, url), vault, &life.stop()).await?;
    let (new_key, new_user) = make_first(&queue).await?;

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
    let disk = disk_in(own_database.is_some().then_some(data_dir));
    let chores = Chores::new(
        effective,
        queue.clone(),
        node.id,
        disk.clone(),
        dispatcher.is_none(),
    );
    let chores = tokio::spawn(chores.run(chores_stop.clone()));

    let ready_dispatcher = dispatcher.clone();
    let ready = move || ready_dispatcher.as_ref().is_none_or(Dispatcher::is_ready);
    let vet = move |url: &url::Url| vet_url(&egress, url);
    let gateway = Gateway::new(
        gateway_config(effective),
        queue.clone(),
        enqueuer.clone(),
        Arc::new(vet),
        Arc::new(ready),
    );
    gateway.describe(gateway::Surroundings {
        configuration: config::entries(effective),
        disk,
    });
    if let Some(dispatcher) = dispatcher.clone() {
        gateway.measured_by(Arc::new(move || dispatcher.measure()));
    }
    gateway.judge_auth(Arc::new(|auth| {
        let judged = push::check_identity(&dispatcher::identity(auth));
        judged.map_err(|error| queue::error::field_error(error.field, error.problem))
    }));
    let accepted = tokens::accept(&gateway, effective.issuers().to_vec()).await?;
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
        own_database,
        dispatcher,
        serving,
        chores,
        chores_stop,
        _node: node,
    })
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
    Ok((Some(key), queue.make_first_user(now()).await?))
}

impl Running {
    /// Waits until it is told to stop, or cannot go on, and ends in order: no more attempts, no more requests, every result written,
    /// shards released, and last the database.
    pub async fn until_stopped(self) -> Result<()> {
        let served = self.serving.await.context("the gateway failed")?;
        if let Some(dispatcher) = &self.dispatcher {
            dispatcher.drain().await;
        }
        self.chores_stop.cancel();
        let _ = self.chores.await;
        if let Err(error) = self.queue.flush_rollups().await {
            warn!(%error, "the last counts could not be written");
        }
        self.queue.close().await;
        if let Some(server) = self.own_database {
            server.stop().await;
        }
        info!("stopped");
        served
    }

    /// What to print when it serves.
    pub fn banner(&self, effective: &Effective, surroundings: &Surroundings) -> Result<String> {
        let data_dir: PathBuf = effective.get(&settings::DATA_DIR);
        let loopback = |net: &ipnet::IpNet| net.contains(&std::net::IpAddr::from([127, 0, 0, 1]));
        let example = if effective.get(&settings::EGRESS_ALLOW).iter().any(loopback) {
            Some(secret_key::example(&data_dir, &mut randomness())?)
        } else {
            None
        };
        Ok(banner(&Banner {
            program: &surroundings.program,
            rest: Some(self.rest),
            grpc: self.grpc,
            encrypted: self.encrypted,
            own_database: self.own_database.as_ref().map(|_| data_dir.as_path()),
            new_key: self.new_key.as_deref(),
            new_user: self
                .new_user
                .as_ref()
                .map(|(name, password)| (name.as_str(), password.as_str())),
            example: example.as_deref(),
        }))
    }
}

/// The certificate of the ports, if there is one.
fn open_tls(effective: &Effective) -> Result<Option<Tls>> {
    let (certificate, key) = (
        effective.get(&settings::TLS_CERTIFICATE),
        effective.get(&settings::TLS_KEY),
    );
    let Some((certificate, key)) = certificate.zip(key) else {
        return Ok(None);
    };
    let opened = Tls::open(gateway::Files { certificate, key });
    opened
        .map(Some)
        .context("the ports cannot be encrypted (tls.certificate, tls.key)")
}

/// What the gateway is served on.
struct Ports {
    rest: TcpListener,
    grpc: Option<TcpListener>,
    metrics: Option<TcpListener>,
    tls: Option<Tls>,
}

impl Ports {
    /// Takes the ports, and reads their certificate.
    async fn open(effective: &Effective) -> Result<Self> {
        let listen = effective.get(&settings::GATEWAY_LISTEN);
        let rest = TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on {listen} (gateway.listen); is another posthaste running? Choose another with --listen")
        })?;
        let grpc = match effective.get(&settings::GRPC_LISTEN) {
            None => None,
            Some(listen) => Some(TcpListener::bind(listen).await.with_context(|| {
                format!("cannot listen on {listen} (grpc.listen); choose another, or none, with --set grpc.listen=")
            })?),
        };
        let metrics = match effective.get(&settings::METRICS_LISTEN) {
            None => None,
            Some(listen) => Some(
                TcpListener::bind(listen)
                    .await
                    .with_context(|| format!("cannot listen on {listen} (metrics.listen)"))?,
            ),
        };
        let tls = open_tls(effective)?;
        Ok(Self {
            rest,
            grpc,
            metrics,
            tls,
        })
    }

    /// Where gRPC listens besides.
    fn grpc_address(&self) -> Result<Option<SocketAddr>> {
        Ok(self.grpc.as_ref().map(TcpListener::local_addr).transpose()?)
    }

    /// Where metrics are served besides.
    fn metrics_address(&self) -> Result<Option<SocketAddr>> {
        Ok(self.metrics.as_ref().map(TcpListener::local_addr).transpose()?)
    }

    /// Serves until stopped.
    async fn serve(self, gateway: &Gateway, stop: &CancellationToken) -> Result<()> {
        if let Some(tls) = &self.tls {
            tokio::spawn(tls.clone().follow(stop.clone()));
        }
        let rest = Port::new(self.rest, Speaks::Everything, self.tls.clone());
        let rest = gateway::serve(rest, gateway.clone(), stop.clone());
        let grpc = async {
            match self.grpc {
                Some(grpc) => {
                    let grpc = Port::new(grpc, Speaks::Grpc, self.tls);
                    gateway::serve(grpc, gateway.clone(), stop.clone()).await
                }
                None => Ok(()),
            }
        };
        let metrics = async {
            match self.metrics {
                Some(metrics) => {
                    let metrics = Port::new(metrics, Speaks::Monitoring, None);
                    gateway::serve(metrics, gateway.clone(), stop.clone()).await
                }
                None => Ok(()),
            }
        };
        let (rest, grpc, metrics) = tokio::join!(rest, grpc, metrics);
        Ok(rest.and(grpc).and(metrics)?)
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
    data_dir: PathBuf,
) -> Result<embedded::Server> {
    let connections: u32 = effective.get(&settings::DATABASE_MAX_CONNECTIONS);
    let options = embedded::Options {
        data_dir,
        // Beside this node's own: its listening connection, and people with psql.
        max_connections: connections + 20,
        download: effective.get(&settings::EMBEDDED_DOWNLOAD),
        search_path: surroundings.search_path.clone(),
    };
    let stop = life.stop();
    let server = tokio::select! {
        started = embedded::start(&options) => started?,
        () = stop.cancelled() => anyhow::bail!("stopped while PostgreSQL was starting"),
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
            () = stop.cancelled() => anyhow::bail!("stopped while waiting for the database"),
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
        listen: effective.get(&settings::GATEWAY_LISTEN),
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
