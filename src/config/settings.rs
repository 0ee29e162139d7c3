//! The registry: every setting, its bounds, its default and the reason of both. A new setting is one entry below.
//!
//! The docstring of an entry is also what `posthaste config --describe` prints.

use std::net::SocketAddr;
use std::time::Duration;

use super::kind::{
    Count, DatabaseUrl, HttpUrl, Key, Keys, Kind, Listen, LogFilter, Maybe, Pairs, Place, ProxyUrl, Ranges,
    Share, Size, Switch, Time, Words,
};
use super::{Effective, Secrecy, Surroundings};

/// One setting, holding values of the kind `K`.
#[derive(Debug)]
pub struct Setting<K> {
    /// The dotted name, as in `posthaste.toml` and `--set`.
    pub key: &'static str,
    /// What it is, with the unit and the reason of the default.
    pub help: &'static str,
    /// What holds when nobody says anything.
    pub default: Fallback,
    /// What it may hold.
    pub kind: K,
}

/// A default.
#[derive(Debug, Clone, Copy)]
pub enum Fallback {
    /// Always the same.
    Fixed(&'static str),
    /// Follows from the surroundings or from other settings; the words say how.
    Derived(&'static str, fn(&Effective, &Surroundings<'_>) -> String),
}

/// A [`Setting`] of any kind.
pub trait AnySetting: Sync {
    /// See [`Setting::key`].
    fn key(&self) -> &'static str;
    /// See [`Setting::help`].
    fn help(&self) -> &'static str;
    /// See [`Setting::default`].
    fn default(&self) -> Fallback;
    /// Whether the text is a value; the error continues a sentence that begins with it.
    fn check(&self, text: &str) -> Result<(), String>;
    /// See [`Kind::allowed`].
    fn allowed(&self) -> String;
    /// See [`Kind::secrecy`].
    fn secrecy(&self) -> Secrecy;
}

impl<K: Kind> AnySetting for Setting<K> {
    fn key(&self) -> &'static str {
        self.key
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn default(&self) -> Fallback {
        self.default
    }

    fn check(&self, text: &str) -> Result<(), String> {
        self.kind.parse(text).map(drop)
    }

    fn allowed(&self) -> String {
        self.kind.allowed()
    }

    fn secrecy(&self) -> Secrecy {
        self.kind.secrecy()
    }
}

/// The environment variable of a setting: `POSTHASTE_` and the key in capitals, dots as underscores.
pub fn variable(key: &str) -> String {
    format!("POSTHASTE_{}", key.to_ascii_uppercase().replace('.', "_"))
}

/// What one process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Gateway and dispatcher.
    All,
    /// Takes requests; pushes nothing.
    Gateway,
    /// Pushes; takes no tasks.
    Dispatcher,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

macro_rules! settings {
    ($($(#[doc = $help:literal])+ $name:ident: $kind:ty = $key:literal, $default:expr, $value:expr;)+) => {
        $($(#[doc = $help])+
        pub static $name: Setting<$kind> =
            Setting { key: $key, help: concat!($($help),+), default: $default, kind: $value };)+

        /// Every setting, in the order in which they are shown.
        pub static ALL: &[&dyn AnySetting] = &[$(&$name),+];
    };
}

use self::Fallback::{Derived, Fixed};

const SECOND: Duration = Duration::from_secs(1);
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

settings! {
    /// What this process does: everything, or one side of it when several nodes share a database.
    ROLE: Words<Role> = "role", Fixed("all"),
        Words(&[("all", Role::All), ("gateway", Role::Gateway), ("dispatcher", Role::Dispatcher)]);
    /// Folder of what this node keeps: its secret key and, without `database.url`, its own PostgreSQL.
    DATA_DIR: Place = "data_dir",
        Derived("as root /var/lib/posthaste, else $XDG_DATA_HOME/posthaste or ~/.local/share/posthaste", data_dir),
        Place;

    /// PostgreSQL 15 or newer to use. Without it this node starts its own in `data_dir`. `DATABASE_URL` names it, too.
    DATABASE_URL: Maybe<DatabaseUrl> = "database.url", Fixed(""), Maybe(DatabaseUrl);
    /// The same database without a pooler between: LISTEN does not work through one that pools transactions.
    /// Left out, `database.url` serves for that as well.
    DATABASE_LISTEN_URL: Maybe<DatabaseUrl> = "database.listen_url", Fixed(""), Maybe(DatabaseUrl);
    /// Connections this node opens at most. Commits are grouped, so a few are busy; 16 leaves room for five nodes in
    /// PostgreSQL's default of 100.
    DATABASE_MAX_CONNECTIONS: Count = "database.max_connections", Fixed("16"), Count(4, 1000);
    /// How long a statement may take before its connection is given up as dead, and what it was for is answered 503: longer than any
    /// takes on a server that is well, shorter than `gateway.request_timeout`.
    DATABASE_STATEMENT_TIMEOUT: Time = "database.statement_timeout", Fixed("20s"), Time(SECOND, minutes(10));

    /// Whether PostgreSQL may be fetched from GitHub when this node needs its own and the machine has none.
    EMBEDDED_DOWNLOAD: Switch = "embedded.download", Fixed("true"), Switch;

    /// Encrypts signing secrets in the database; the same on every node, and needed to read them again. Left out, a
    /// key is made at the first start and kept in `data_dir/secret.key`.
    SECRETS_KEY: Maybe<Key> = "secrets.key", Fixed(""), Maybe(Key);
    /// Further keys with which signing secrets in the database may be sealed: they are read with these, and sealed with
    /// `secrets.key`. For a change of the key; `posthaste vault rotate` ends it.
    SECRETS_OLDER_KEYS: Keys = "secrets.older_keys", Fixed(""), Keys;

    /// Where the REST API and the console listen. Only this machine by default, so that a first try is not open to
    /// the network; in a container it is 0.0.0.0:8080.
    GATEWAY_LISTEN: Listen = "gateway.listen", Fixed("127.0.0.1:8080"), Listen;
    /// Where gRPC listens besides: it is spoken on `gateway.listen` as well. Empty: nowhere else.
    GRPC_LISTEN: Maybe<Listen> = "grpc.listen",
        Derived("the address of gateway.listen with port 50051, which the field uses; port 0 if that has port 0", grpc_listen),
        Maybe(Listen);
    /// The server's certificate for both ports, and behind it those that lead to a root that clients know: a PEM file. With it they are
    /// encrypted (TLS 1.2 and 1.3). It is read again when it changes.
    TLS_CERTIFICATE: Maybe<Place> = "tls.certificate", Fixed(""), Maybe(Place);
    /// The certificate's private key: a PEM file that is not encrypted. It is read again when it changes.
    TLS_KEY: Maybe<Place> = "tls.key", Fixed(""), Maybe(Place);
    /// A folder with a console that was built apart (`cargo xtask console`), served in place of the embedded one. For who works on it.
    CONSOLE_DIR: Maybe<Place> = "console.dir", Fixed(""), Maybe(Place);
    /// The largest payload of a task. Standard Webhooks advises 20 kB; this leaves room and bounds memory a request.
    GATEWAY_PAYLOAD_MAX: Size = "gateway.payload_max", Fixed("1MiB"), Size(KIB, 64 * MIB);
    /// Tasks in one batch request at most; bounds the answer, which has a result a task.
    GATEWAY_BATCH_MAX_ITEMS: Count = "gateway.batch_max_items", Fixed("10000"), Count(1, 100_000);
    /// Size of one batch request at most; bounds memory a request.
    GATEWAY_BATCH_MAX_BYTES: Size = "gateway.batch_max_bytes", Fixed("16MiB"), Size(KIB, GIB);
    /// Memory for enqueues that wait for their commit; above it they are answered 503. 64 MiB is four full batches,
    /// or a quarter of a million small tasks: seconds of work for the database.
    GATEWAY_WAITING_MAX_BYTES: Size = "gateway.waiting_max_bytes", Fixed("64MiB"), Size(MIB, 16 * GIB);
    /// Time for one request, its body included, before it is answered 503; what most clients wait for at most.
    GATEWAY_REQUEST_TIMEOUT: Time = "gateway.request_timeout", Fixed("30s"), Time(SECOND, minutes(10));
    /// Wrong API keys or tokens that one address may send at once, and one more every 3 s: enough for a fleet of clients with a stale
    /// key to be told so, too few to guess. What comes beyond is answered 429; a valid key works all the while.
    GATEWAY_WRONG_KEYS_MAX: Count = "gateway.wrong_keys_max", Fixed("20"), Count(1, 1_000_000);

    /// Attempts in flight on this node at most; each holds a socket and some 25 kB. What one endpoint gets falls with the
    /// square of what is left: alone it gets up to 274, and fifty that hang leave a sixth to the others.
    DISPATCHER_MAX_IN_FLIGHT: Count = "dispatcher.max_in_flight", Fixed("1024"), Count(1, 65_536);
    /// Results of attempts that are not written yet at which no attempt is begun: they are kept while the database is away, and a crash makes as
    /// many arrive twice. Enough for the fifth of a second that a commit may take now and then.
    DISPATCHER_MAX_UNWRITTEN: Count = "dispatcher.max_unwritten", Fixed("1024"), Count(1, 65_536);
    /// Attempts in flight to one endpoint at most: many enough that a slow answer does not hold the line, few enough
    /// not to drown a small receiver.
    DISPATCHER_MAX_IN_FLIGHT_PER_ENDPOINT: Count =
        "dispatcher.max_in_flight_per_endpoint", Fixed("64"), Count(1, 65_536);
    /// Memory for deliveries that are loaded and wait for their turn; a deeper backlog stays in the database.
    DISPATCHER_BUFFER_BYTES: Size = "dispatcher.buffer_bytes", Fixed("32MiB"), Size(MIB, 64 * GIB);
    /// Time for one attempt in all, from DNS to the last byte. Standard Webhooks asks for 15 to 30 s; serverless
    /// receivers start cold.
    DISPATCHER_TIMEOUT: Time =
        "dispatcher.timeout", Fixed("30s"), Time(millis(100), minutes(15));
    /// The part of `dispatcher.timeout` within which the connection must stand: one lost SYN is sent again after 1 s
    /// and after 3 s.
    DISPATCHER_CONNECT_TIMEOUT: Time =
        "dispatcher.connect_timeout", Fixed("5s"), Time(millis(50), minutes(2));
    /// How much of an answer's body is kept in the log of attempts: enough to debug, no bombs.
    DISPATCHER_RESPONSE_BODY_KEPT: Size = "dispatcher.response_body_kept", Fixed("16KiB"), Size(0, MIB);
    /// Time that attempts in flight have to end when this node is told to stop: `dispatcher.timeout` and time to write
    /// the results. What is cut off is attempted again later.
    DISPATCHER_DRAIN_TIMEOUT: Time =
        "dispatcher.drain_timeout", Fixed("35s"), Time(Duration::ZERO, minutes(60));
    /// How long this node owns its shards without renewing: after a crash, others take over within this time.
    DISPATCHER_LEASE_TTL: Time = "dispatcher.lease_ttl", Fixed("10s"), Time(millis(3_000), minutes(10));
    /// How often the lease is renewed: three times a lease. A renewal that fails, or takes two thirds of this time, is tried
    /// again after a third of it, so that one failure loses nothing.
    DISPATCHER_LEASE_RENEW: Time =
        "dispatcher.lease_renew", Fixed("3s"), Time(millis(100), minutes(5));

    /// Ranges that endpoints may lie in although they are special (loopback, private, link-local and so on). All such
    /// are refused otherwise, so that whoever registers an endpoint cannot reach into this network.
    EGRESS_ALLOW: Ranges = "egress.allow",
        Derived("loopback while trying it out (no database.url, every port on loopback), else none", egress_allow),
        Ranges;
    /// A proxy through which endpoints and token servers are reached: http (CONNECT) or socks5. Names are resolved and
    /// addresses judged here all the same, and the proxy is told an address: it must let pass connections to any port that
    /// endpoints have. Proxies that the environment names are never used.
    EGRESS_PROXY: Maybe<ProxyUrl> = "egress.proxy", Fixed(""), Maybe(ProxyUrl);

    /// How long the partitions of tasks and attempts are in time: what is kept no longer goes partition by partition. A day keeps them few;
    /// shorter ones suit retentions of hours or minutes.
    STORAGE_PARTITION: Time = "storage.partition", Fixed("1d"), Time(millis(10_000), minutes(24 * 60));
    /// How often is looked for what is kept no longer, and for partitions to be made.
    STORAGE_SWEEP_INTERVAL: Time = "storage.sweep_interval", Fixed("1m"), Time(SECOND, minutes(60));

    /// How often is looked for what those who run an installation are told on the queue `posthaste.ops`, if they have made it. A look
    /// takes the database some milliseconds.
    NOTIFY_INTERVAL: Time = "notify.interval", Fixed("30s"), Time(SECOND, minutes(10));
    /// Over how much time dead letters are counted for `notify.dead_letters` and `notify.dead_letters_share`, to the minute: long enough
    /// that a handful is no wave, short enough to hear of one while it lasts.
    NOTIFY_WINDOW: Time = "notify.window", Fixed("15m"), Time(minutes(1), minutes(24 * 60));
    /// Dead letters of one queue within `notify.window` from which on `dead_letters.rate` is told. A hundred are more than somebody wants
    /// to look through one by one.
    NOTIFY_DEAD_LETTERS: Maybe<Count> = "notify.dead_letters", Fixed("100"), Maybe(Count(1, 1_000_000_000));
    /// Their share of what ended within `notify.window`, 0 to 1, from which on the same is told, where there are ten at least: one in twenty, as
    /// in the alert rules.
    NOTIFY_DEAD_LETTERS_SHARE: Maybe<Share> = "notify.dead_letters_share", Fixed("0.05"), Maybe(Share);
    /// How long a delivery of a queue has been due, and could go, when `backlog.age` is told: well beyond what a burst or a
    /// restart takes. What is paused, disabled or down does not count.
    NOTIFY_BACKLOG_AGE: Maybe<Time> = "notify.backlog_age", Fixed("15m"), Maybe(Time(SECOND, minutes(30 * 24 * 60)));
    /// How long an endpoint's breaker is open, and nothing but failures come of it, when `endpoint.down` is told; a minute at least. Most
    /// deployments and restarts of a receiver are over by then.
    NOTIFY_ENDPOINT_DOWN: Maybe<Time> = "notify.endpoint_down", Fixed("10m"), Maybe(Time(minutes(1), minutes(30 * 24 * 60)));
    /// How far ahead the day is on which there is no room left for the database, by the forecast of `/v1/storage`, when `storage.forecast`
    /// is told: time to order a disk, or to keep less.
    NOTIFY_STORAGE_WITHIN: Maybe<Time> = "notify.storage_within", Fixed("14d"), Maybe(Time(minutes(24 * 60), minutes(240 * 24 * 60)));
    /// What the database may take, for that forecast. Without it that is what its disk has, which is known where this node has its own
    /// PostgreSQL; where it has not, nothing is told without this.
    NOTIFY_STORAGE_MAX: Maybe<Size> = "notify.storage_max", Fixed(""), Maybe(Size(MIB, 1 << 50));

    /// A port of its own for `/metrics`, without keys, for monitoring alone. Empty: only on `gateway.listen`, to keys with the scope `read`.
    METRICS_LISTEN: Maybe<Listen> = "metrics.listen", Fixed(""), Maybe(Listen);
    /// Where traces are sent: the OTLP over HTTP address of a collector, such as <http://127.0.0.1:4318/v1/traces>. Empty: nowhere.
    TRACES_ENDPOINT: Maybe<HttpUrl> = "traces.endpoint", Fixed(""), Maybe(HttpUrl);
    /// The share of enqueues that begin a trace, 0 to 1. Where the producer sends a `traceparent` it decides itself. At one in a hundred
    /// the cost is not to be measured.
    TRACES_SAMPLE: Share = "traces.sample", Fixed("0.01"), Share;
    /// Headers for the collector, such as a vendor's key: name=value, several with commas between.
    TRACES_HEADERS: Pairs = "traces.headers", Fixed(""), Pairs;
    /// The form of log lines on standard error.
    LOG_FORMAT: Words<LogFormat> = "log.format", Fixed("text"),
        Words(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    /// Which log lines are written. By default without PostgreSQL's remarks on what is there already.
    LOG_LEVEL: LogFilter = "log.level", Fixed("info,sqlx::postgres::notice=warn"), LogFilter;
}

fn data_dir(_: &Effective, surroundings: &Surroundings<'_>) -> String {
    let variable = |name| {
        surroundings
            .environment
            .get(name)
            .filter(|text| text.starts_with('/'))
    };
    if surroundings.root {
        "/var/lib/posthaste".to_owned()
    } else if let Some(folder) = variable("XDG_DATA_HOME") {
        format!("{folder}/posthaste")
    } else if let Some(home) = variable("HOME") {
        format!("{home}/.local/share/posthaste")
    } else {
        "./posthaste-data".to_owned()
    }
}

fn grpc_listen(effective: &Effective, _: &Surroundings<'_>) -> String {
    let rest = effective.get(&GATEWAY_LISTEN);
    let port = if rest.port() == 0 { 0 } else { 50_051 };
    SocketAddr::new(rest.ip(), port).to_string()
}

fn egress_allow(effective: &Effective, _: &Surroundings<'_>) -> String {
    // A gateway that others reach must not push to this machine's own services for them.
    let listens = [Some(effective.get(&GATEWAY_LISTEN)), effective.get(&GRPC_LISTEN)];
    let alone = listens.iter().flatten().all(|address| address.ip().is_loopback());
    let trying = effective.get(&DATABASE_URL).is_none() && alone;
    if trying { "127.0.0.0/8,::1/128" } else { "" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixed_default_is_allowed_and_every_key_is_one_name() {
        let mut variables: Vec<String> = ALL.iter().map(|setting| variable(setting.key())).collect();
        for setting in ALL {
            if let Fixed(text) = setting.default() {
                assert_eq!(setting.check(text), Ok(()), "{}", setting.key());
            }
            assert!(
                setting.help().starts_with(' ') && setting.help().len() > 20,
                "{}",
                setting.key()
            );
        }
        // `a.b_c` and `a_b.c` would share a variable.
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), ALL.len());
    }
}
