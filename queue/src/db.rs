//! The connection to PostgreSQL: pools, migrations, and the check that this database is ours.

use std::{
    str::FromStr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use rand::{RngExt, rngs::StdRng};
use sqlx::{
    ConnectOptions,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tracing::log::LevelFilter;
use uuid::Uuid;

use crate::{
    catalog::Catalog,
    delivery::Door,
    depth::Depths,
    error::{Error, Result},
    events::{self, Bus},
    id::{self, Mint},
    metrics::Metrics,
    partition,
    pool::Pool,
    rollup::Rollups,
    settings::Settings,
    users::Passwords,
    vault::Vault,
};

/// How the database is reached.
#[derive(Debug, Clone)]
pub struct Config {
    /// A `postgres://` URL.
    pub url: String,
    /// A URL for LISTEN, which needs a session of its own: set it where `url` goes through a transaction pooler. Default: `url`.
    pub listen_url: Option<String>,
    /// Most connections in all. A third serves group commits and lanes, the rest the API.
    pub max_connections: u32,
    /// How long a statement waits for a connection before the answer is 503: long enough for a burst, short enough for a caller.
    pub acquire_timeout: Duration,
    /// How long a statement may take before its connection is given up as dead: longer than any takes on a healthy server, however busy,
    /// and shorter than the 30 s of a request.
    pub statement_timeout: Duration,
    /// The delivery settings that hold where neither endpoint nor queue says otherwise.
    pub defaults: Settings,
    /// How long an idempotency key is remembered.
    pub idempotency_window: Duration,
    /// What is kept for subscribers to events.
    pub events: events::Limits,
    /// How long the partitions of tasks and attempts are in time: 10 s to a day. What is kept no longer goes partition by partition.
    pub partition: Duration,
    /// What this node tells others that it does: `all` or `dispatcher`. For people.
    pub role: &'static str,
}

impl Config {
    /// The defaults, for this database.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            listen_url: None,
            max_connections: 24,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(20),
            defaults: Settings::default(),
            idempotency_window: Duration::from_hours(24),
            events: events::Limits::default(),
            partition: partition::DAY,
            role: "all",
        }
    }
}

/// The queue: every verb on tasks, deliveries and what they need is a method of it. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    pub(crate) inner: Arc<Inner>,
    /// For whom it acts; see [`Queue::on_behalf_of`].
    pub(crate) actor: Option<Arc<proto::Actor>>,
}

pub(crate) struct Inner {
    /// For the API: reads and management.
    pub(crate) pool: Pool,
    /// For group commits, lanes and leases: a slow list never takes their connections.
    pub(crate) hot: Pool,
    pub(crate) listen: PgConnectOptions,
    pub(crate) config: Config,
    pub(crate) vault: Vault,
    pub(crate) catalog: Catalog,
    pub(crate) rollups: Rollups,
    pub(crate) metrics: Metrics,
    pub(crate) events: Bus,
    pub(crate) depths: Depths,
    /// Names this process among all that share the database: a node's id may be used again by the next one.
    pub(crate) process: Uuid,
    pub(crate) passwords: Passwords,
    door: OnceLock<Arc<dyn Door>>,
    ids: Mutex<(Mint, StdRng)>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// Brings the schema of this database up to date, under a lock, and does nothing else: it needs no key, and no node. The version that
/// it then has.
///
/// # Errors
/// When the database cannot be reached, is too old, or has a schema that is newer than this program.
pub async fn migrate(config: &Config) -> Result<i64> {
    let options = connect_options(&config.url, "database.url")?;
    let one = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(config.acquire_timeout);
    let pool = Pool::new(one, options, config.statement_timeout);
    check_version(&pool).await?;
    MIGRATIONS.run(pool.unhurried()).await.map_err(migration_error)?;
    pool.close().await;
    Ok(MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0))
}

impl Queue {
    /// Connects, brings the schema up to date under a lock, makes partitions, and reads the catalog.
    pub async fn open(config: Config, vault: Vault, now: DateTime<Utc>) -> Result<Self> {
        partition::check_length(config.partition)?;
        let options = connect_options(&config.url, "database.url")?;
        let listen = match &config.listen_url {
            Some(url) => connect_options(url, "database.listen_url")?,
            None => options.clone(),
        };
        let hot_share = (config.max_connections / 3).max(4);
        let pool = |size: u32| {
            PgPoolOptions::new()
                .max_connections(size)
                .acquire_timeout(config.acquire_timeout)
                // A dead connection shows itself in the statement; asking first costs a round trip each time.
                .test_before_acquire(false)
        };
        let hot = pool(hot_share).after_connect(|connection, _| {
                Box::pin(async move {
                    // Hot statements touch rows by key, always. Planned while a table is small, or with stale statistics, they
                    // would scan it whole, and a cached plan keeps doing so when it has grown (measured: 1.5 ms a row).
                    // With one sound plan left, planning each time anew would be waste.
                    sqlx::raw_sql(
                        "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
                         SET plan_cache_mode = force_generic_plan",
                    )
                    .execute(connection)
                    .await
                    .map(drop)
                })
            });
        let hot = Pool::new(hot, options.clone(), config.statement_timeout);
        let rest = pool(config.max_connections.saturating_sub(hot_share).max(2));
        let pool = Pool::new(rest, options, config.statement_timeout);
        check_version(&pool).await?;
        MIGRATIONS.run(pool.unhurried()).await.map_err(migration_error)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the edge: ids and secrets are drawn from this one generator"
        )]
        let mut rng: StdRng = rand::make_rng();
        let process = id::one(now, &mut rng);
        let inner = Inner {
            pool,
            hot,
            listen,
            vault,
            catalog: Catalog::default(),
            rollups: Rollups::default(),
            metrics: Metrics::new(),
            events: Bus::new(process, config.events.clone()),
            depths: Depths::new(rng.random()),
            process,
            passwords: Passwords::default(),
            door: OnceLock::new(),
            ids: Mutex::new((Mint::default(), rng)),
            config,
        };
        let queue = Self {
            inner: Arc::new(inner),
            actor: None,
        };
        queue.check_installation(now).await?;
        queue.make_partitions(now).await?;
        queue.refresh_catalog().await?;
        Ok(queue)
    }

    /// Makes this node's dispatcher known, once: what is committed here for its shards goes straight to it.
    pub fn attach(&self, door: Arc<dyn Door>) {
        // A second dispatcher in one process would be a bug of the root's; the first stays.
        let _ = self.inner.door.set(door);
    }

    /// This node's dispatcher, if it runs one.
    pub(crate) fn door(&self) -> Option<&Arc<dyn Door>> {
        self.inner.door.get()
    }

    /// A new id for `now`; ids of one process rise strictly.
    pub fn mint(&self, now: DateTime<Utc>) -> Uuid {
        self.with_ids(|mint, rng| mint.next(now, rng))
    }

    /// Uses the process's mint and random numbers, without giving them away for longer.
    pub(crate) fn with_ids<T>(&self, act: impl FnOnce(&mut Mint, &mut StdRng) -> T) -> T {
        let mut ids = self.inner.ids.lock();
        let (mint, rng) = &mut *ids;
        act(mint, rng)
    }

    /// The key that authenticates page tokens, the same on every node; see [`Vault::page_key`].
    pub fn page_key(&self) -> &[u8; 32] {
        self.inner.vault.page_key()
    }

    /// The key that signs the sessions of browsers, the same on every node; see [`Vault::session_key`].
    pub fn session_key(&self) -> &[u8; 32] {
        self.inner.vault.session_key()
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query!("-- ping\nSELECT 1 AS one")
            .fetch_one(&self.inner.pool)
            .await?;
        Ok(())
    }

    /// Ends all subscriptions, and closes every connection, once their statements have ended.
    pub async fn close(&self) {
        self.end_subscriptions();
        self.inner.hot.close().await;
        self.inner.pool.close().await;
    }
}

fn connect_options(url: &str, field: &str) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url).map_err(|error| {
        Error::invalid(
            field,
            format!("not a PostgreSQL URL (postgres://user:password@host/name): {error}"),
        )
    })?;
    // Every statement at debug, in the crate's own words, would cost more than the statement; slow ones are worth a line.
    Ok(options
        .application_name("posthaste")
        .log_statements(LevelFilter::Off)
        .log_slow_statements(LevelFilter::Warn, Duration::from_secs(1)))
}

async fn check_version(pool: &Pool) -> Result<()> {
    let row = sqlx::query!(
        r#"-- version
        SELECT current_setting('server_version_num')::int AS "number!", current_setting('server_version') AS "text!""#
    )
    .fetch_one(pool)
    .await?;
    if row.number >= 150_000 {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "the PostgreSQL server is version {}; Posthaste needs 15 or newer",
        row.text
    )))
}

fn migration_error(error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(error) => error.into(),
        MigrateError::VersionMissing(version) => Error::Conflict(format!(
            "the database's schema (migration {version}) is newer than this version of Posthaste ({}): start the newer one",
            env!("CARGO_PKG_VERSION")
        )),
        other => Error::Conflict(format!(
            "the database's schema cannot be brought up to date: {other}"
        )),
    }
}
