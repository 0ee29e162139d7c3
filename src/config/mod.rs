//! Configuration: defaults, then `posthaste.toml`, then the environment, then flags; what comes later wins.
//!
//! [`settings`] is the one list of everything that can be set. [`load`] reads the layers and checks everything, so that
//! all problems are told at once; after that, [`Effective::get`] hands out typed values and cannot fail. Every
//! crate owns its own `Config`; the composition root fills them from here. Nobody else reads the environment.

pub mod issuers;
mod kind;
mod layers;
mod problem;
mod secrecy;
pub mod settings;
mod show;
mod size;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use kind::Kind;
pub use problem::{Problem, Problems, Source};
pub use secrecy::Secrecy;
pub use settings::{LogFormat, Role, Setting};
pub use show::{describe, entries, json, markdown, table};

use issuers::Issuer;
use layers::Given;
use settings::{
    ALL, AnySetting, DATABASE_LISTEN_URL, DATABASE_URL, DISPATCHER_CONNECT_TIMEOUT, DISPATCHER_LEASE_RENEW,
    DISPATCHER_LEASE_TTL, DISPATCHER_MAX_IN_FLIGHT, DISPATCHER_MAX_IN_FLIGHT_PER_ENDPOINT,
    DISPATCHER_TIMEOUT, Fallback, GATEWAY_BATCH_MAX_BYTES, GATEWAY_PAYLOAD_MAX, GATEWAY_WAITING_MAX_BYTES,
    ROLE, TLS_CERTIFICATE, TLS_KEY,
};

/// What the command line says about the configuration.
#[derive(Debug, Default, Clone)]
pub struct Flags {
    /// `--config`: the file to read; it must be there.
    pub file: Option<PathBuf>,
    /// `--set key=value`, in their order.
    pub set: Vec<String>,
    /// Flags with names of their own: the flag, the setting's key, the value. They win over `--set`.
    pub named: Vec<(&'static str, &'static str, String)>,
}

/// What the configuration depends on besides flags and file.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// All environment variables.
    pub environment: &'a BTreeMap<String, String>,
    /// Whether the process runs as root.
    pub root: bool,
    /// The folder in which `posthaste.toml` is looked for.
    pub folder: &'a Path,
}

/// The configuration that holds: a checked value for every setting, and where it came from.
pub struct Effective(BTreeMap<&'static str, Chosen>, Vec<Issuer>);

struct Chosen {
    text: String,
    source: Source,
}

impl Effective {
    /// The value of a setting.
    ///
    /// # Panics
    /// Never after [`load`], which has parsed every value before.
    pub fn get<K: Kind>(&self, setting: &Setting<K>) -> K::Value {
        let text = &self.0[setting.key].text;
        setting
            .kind
            .parse(text)
            .unwrap_or_else(|reason| panic!("{} was checked, yet {reason}", setting.key))
    }

    /// Where the value of a setting came from.
    ///
    /// # Panics
    /// Never for a setting of the registry.
    pub fn source<K>(&self, setting: &Setting<K>) -> &Source {
        &self.0[setting.key].source
    }

    /// Whose tokens are accepted.
    pub fn issuers(&self) -> &[Issuer] {
        &self.1
    }

    /// Every setting with its value as it may be shown, and its source.
    fn shown(&self) -> impl Iterator<Item = (&'static dyn AnySetting, String, &Source)> {
        ALL.iter().filter_map(|setting| {
            let chosen = self.0.get(setting.key())?;
            Some((*setting, setting.secrecy().mask(&chosen.text), &chosen.source))
        })
    }
}

impl fmt::Debug for Effective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_map()
            .entries(self.shown().map(|(setting, value, _)| (setting.key(), value)))
            .entry(&issuers::KEY, &self.1)
            .finish()
    }
}

/// Reads all layers and checks them. Reads the file; everything else is handed in.
pub fn load(flags: &Flags, surroundings: &Surroundings<'_>) -> Result<Effective, Problems> {
    let mut problems = Problems::default();
    let (path, required) = layers::file(flags, surroundings.environment, surroundings.folder);
    let shown = path.strip_prefix(surroundings.folder).unwrap_or(&path);
    let (mut given, issuers) = match fs::read_to_string(&path) {
        Ok(text) => layers::from_file(&text, shown, &mut problems),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => (Vec::new(), Vec::new()),
        Err(error) => {
            let message = format!(
                "the configuration file {} cannot be read: {error}",
                path.display()
            );
            problems.add(&Source::Default, message);
            (Vec::new(), Vec::new())
        }
    };
    given.extend(layers::from_environment(surroundings.environment, &mut problems));
    given.extend(layers::from_flags(flags, &mut problems));
    settle(given, issuers, surroundings, problems)
}

/// Lays the given values over the defaults and checks each, then all together.
fn settle(
    given: Vec<Given>,
    issuers: Vec<Issuer>,
    surroundings: &Surroundings<'_>,
    mut problems: Problems,
) -> Result<Effective, Problems> {
    let mut effective = Effective(BTreeMap::new(), issuers);
    for setting in ALL {
        if let Fallback::Fixed(text) = setting.default() {
            effective.0.insert(
                setting.key(),
                Chosen {
                    text: text.to_owned(),
                    source: Source::Default,
                },
            );
        }
    }
    for Given { key, text, source } in given {
        let Some(setting) = ALL.iter().find(|setting| setting.key() == key) else {
            continue;
        };
        // A value is a mistake even where a later layer hides it; the defaults stay, for the checks below.
        match setting.check(&text) {
            Ok(()) => drop(effective.0.insert(key, Chosen { text, source })),
            Err(reason) => {
                let (shown, allowed) = (setting.secrecy().mask(&text), setting.allowed());
                problems.add(&source, format!("{key}: {shown:?} {reason}; allowed: {allowed}"));
            }
        }
    }
    check_together(&effective, &mut problems);
    if !problems.0.is_empty() {
        return Err(problems);
    }
    for setting in ALL {
        if let Fallback::Derived(_, derive) = setting.default()
            && !effective.0.contains_key(setting.key())
        {
            let text = derive(&effective, surroundings);
            effective.0.insert(
                setting.key(),
                Chosen {
                    text,
                    source: Source::Default,
                },
            );
        }
    }
    Ok(effective)
}

/// What no single value shows.
fn check_together(effective: &Effective, problems: &mut Problems) {
    let mut at_most = |least: &dyn AnySetting, most: &dyn AnySetting, holds: bool, why: &str| {
        if !holds {
            let (small, large) = (&effective.0[least.key()], &effective.0[most.key()]);
            // The one that somebody set is the one to change.
            let source = if small.source == Source::Default {
                &large.source
            } else {
                &small.source
            };
            let (a, b) = (least.key(), most.key());
            problems.add(
                source,
                format!("{a} ({}) is more than {b} ({}): {why}", small.text, large.text),
            );
        }
    };
    at_most(
        &DISPATCHER_CONNECT_TIMEOUT,
        &DISPATCHER_TIMEOUT,
        effective.get(&DISPATCHER_CONNECT_TIMEOUT) <= effective.get(&DISPATCHER_TIMEOUT),
        "connecting is a part of the attempt",
    );
    at_most(
        &DISPATCHER_LEASE_RENEW,
        &DISPATCHER_LEASE_TTL,
        effective.get(&DISPATCHER_LEASE_RENEW) * 2 + dispatcher::LEASE_MARGIN
            <= effective.get(&DISPATCHER_LEASE_TTL),
        "half of it at most, less half a second, so that one failure does not lose the shards",
    );
    at_most(
        &DISPATCHER_MAX_IN_FLIGHT_PER_ENDPOINT,
        &DISPATCHER_MAX_IN_FLIGHT,
        effective.get(&DISPATCHER_MAX_IN_FLIGHT_PER_ENDPOINT) <= effective.get(&DISPATCHER_MAX_IN_FLIGHT),
        "one endpoint cannot have more than all",
    );
    at_most(
        &GATEWAY_PAYLOAD_MAX,
        &GATEWAY_BATCH_MAX_BYTES,
        effective.get(&GATEWAY_PAYLOAD_MAX) <= effective.get(&GATEWAY_BATCH_MAX_BYTES),
        "a batch must have room for one task",
    );
    at_most(
        &GATEWAY_BATCH_MAX_BYTES,
        &GATEWAY_WAITING_MAX_BYTES,
        effective.get(&GATEWAY_BATCH_MAX_BYTES) <= effective.get(&GATEWAY_WAITING_MAX_BYTES),
        "a full batch could never be taken",
    );
    if effective.get(&TLS_CERTIFICATE).is_some() != effective.get(&TLS_KEY).is_some() {
        let given = if effective.get(&TLS_KEY).is_some() {
            effective.source(&TLS_KEY)
        } else {
            effective.source(&TLS_CERTIFICATE)
        };
        problems.add(
            given,
            "tls.certificate and tls.key belong together: set both or neither",
        );
    }
    if effective.get(&DATABASE_URL).is_none() {
        if effective.get(&DATABASE_LISTEN_URL).is_some() {
            let source = effective.source(&DATABASE_LISTEN_URL);
            problems.add(
                source,
                "database.listen_url is set and database.url is not: set both or neither",
            );
        }
        if effective.get(&ROLE) != Role::All {
            let message =
                "role is one side only, which needs a database that other nodes share: set database.url";
            problems.add(effective.source(&ROLE), message);
        }
    }
}
