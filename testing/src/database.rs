//! A database for one test: copied from a template with the schema, dropped with the value.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    str::FromStr,
    thread,
};

use sha2::{Digest, Sha256};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgSslMode},
};

/// Names the server; `cargo xtask test` sets it.
const VARIABLE: &str = "POSTHASTE_TEST_DATABASE_URL";

/// One creation at a time in the whole cluster: PostgreSQL refuses to copy a template that another session copies or fills.
const LOCK: i64 = 0x706f_7374_6861_7374;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// A database with the current schema and nothing in it. Dropped with it, connections or not.
#[derive(Debug)]
pub struct Database {
    server: PgConnectOptions,
    name: String,
    url: String,
}

impl Database {
    /// Makes one.
    ///
    /// # Panics
    /// If there is no server to make it on: such a test has not passed.
    #[expect(
        clippy::disallowed_methods,
        reason = "the edge of the tests: names are random, the server is in the environment"
    )]
    pub async fn create() -> Self {
        let server = std::env::var(VARIABLE).unwrap_or_else(|_| {
            panic!("{VARIABLE} names no PostgreSQL server: run `cargo xtask test`, or `cargo xtask postgres`")
        });
        let server = PgConnectOptions::from_str(&server)
            .unwrap_or_else(|error| panic!("{VARIABLE} is not a PostgreSQL URL: {error}"))
            .ssl_mode(PgSslMode::Prefer);
        let name = format!("posthaste_test_{:016x}", rand::random::<u64>());
        copy_template(&server, &name)
            .await
            .unwrap_or_else(|error| panic!("a database on {VARIABLE} cannot be made: {error}"));
        let url = server.clone().database(&name).to_url_lossy().to_string();
        Self { server, name, url }
    }

    /// Its `postgres://` URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends every connection to it, as a restart of the server would.
    ///
    /// # Panics
    /// If the server is gone.
    pub async fn disconnect_all(&self) {
        let ended = async {
            let mut server = self.server.connect().await?;
            sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1")
                .bind(&self.name)
                .execute(&mut server)
                .await?;
            server.close().await
        };
        ended
            .await
            .unwrap_or_else(|error| panic!("the connections to {} cannot be ended: {error}", self.name));
    }

    /// Locks a table: every statement on it waits, until the lock is released.
    ///
    /// # Panics
    /// If the server is gone, or there is no such table.
    pub async fn lock(&self, table: &str) -> Locked {
        let locked = async {
            let mut holder = self.server.clone().database(&self.name).connect().await?;
            let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
            sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut holder).await?;
            Ok::<_, sqlx::Error>(Locked { holder })
        };
        locked
            .await
            .unwrap_or_else(|error| panic!("{table} of {} cannot be locked: {error}", self.name))
    }

    /// Its URL by way of another address, and the address it has.
    pub(crate) fn url_through(&self, address: SocketAddr) -> (String, SocketAddr) {
        let (host, port) = (self.server.get_host(), self.server.get_port());
        let there = (host, port).to_socket_addrs().ok().and_then(|mut all| all.next());
        let there = there.unwrap_or_else(|| panic!("{VARIABLE} has no TCP address: {host}:{port}"));
        let through = self
            .server
            .clone()
            .database(&self.name)
            .host(&address.ip().to_string())
            .port(address.port());
        (through.to_url_lossy().to_string(), there)
    }
}

/// A table that is locked.
#[derive(Debug)]
pub struct Locked {
    holder: PgConnection,
}

impl Locked {
    /// Lets go of it.
    ///
    /// # Panics
    /// If the server is gone.
    pub async fn release(self) {
        self.holder.close().await.expect("a connection to close");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // Dropping may happen within a runtime, which cannot wait for itself.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(execute(&server, format!("DROP DATABASE {name} WITH (FORCE)")))
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("{} is left behind: {error}", self.name);
        }
    }
}

async fn execute(server: &PgConnectOptions, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = server.connect().await?;
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    connection.close().await
}

async fn copy_template(server: &PgConnectOptions, name: &str) -> Result<(), sqlx::Error> {
    let mut connection = server.connect().await?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut connection)
        .await?;
    let template = template(server, &mut connection).await?;
    // FILE_COPY would force a checkpoint each time; the template is small.
    let copy = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY WAL_LOG");
    sqlx::raw_sql(AssertSqlSafe(copy))
        .execute(&mut connection)
        .await?;
    // The lock goes with the connection.
    connection.close().await
}

/// The template of these very migrations; made if it is not there.
async fn template(server: &PgConnectOptions, connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    let mut hash = Sha256::new();
    MIGRATIONS
        .iter()
        .for_each(|migration| hash.update(&migration.checksum));
    let digest: String = hash.finalize()[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = format!("posthaste_template_{digest}");
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut *connection)
        .await?;
    if exists {
        return Ok(name);
    }
    // Filled under another name first: one that was left half filled is never taken for the template.
    let filling = format!("{name}_filling");
    for statement in [
        format!("DROP DATABASE IF EXISTS {filling} WITH (FORCE)"),
        format!("CREATE DATABASE {filling}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await?;
    }
    let mut filled = server.clone().database(&filling).connect().await?;
    MIGRATIONS.run(&mut filled).await?;
    filled.close().await?;
    let rename = format!("ALTER DATABASE {filling} RENAME TO {name}");
    sqlx::raw_sql(AssertSqlSafe(rename))
        .execute(&mut *connection)
        .await?;
    Ok(name)
}
