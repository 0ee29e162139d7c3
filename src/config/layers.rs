//! The layers above the defaults, each as a list of what it says: file, environment, flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Flags;
use super::issuers::{self, Issuer};
use super::problem::{Problems, Source, nearest};
use super::settings::{ALL, variable};

/// One value that a layer gives to a setting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) key: &'static str,
    pub(super) text: String,
    pub(super) source: Source,
}

/// The file that is read when no other is named.
pub(super) const FILE: &str = "posthaste.toml";
/// The variable that names another file.
const FILE_VARIABLE: &str = "POSTHASTE_CONFIG";
/// Variables of ours that are no settings of the server: the file, what client commands call with, and what tests use.
const OTHER_VARIABLES: [&str; 5] = [
    FILE_VARIABLE,
    "POSTHASTE_KEY",
    "POSTHASTE_PROFILE",
    "POSTHASTE_URL",
    "POSTHASTE_TEST_DATABASE_URL",
];
/// The name that platforms give to the database they provide; `POSTHASTE_DATABASE_URL` is more special and wins.
const DATABASE_VARIABLE: &str = "DATABASE_URL";

/// The file to read, and whether it must be there.
pub(super) fn file(flags: &Flags, environment: &BTreeMap<String, String>, folder: &Path) -> (PathBuf, bool) {
    let named = environment
        .get(FILE_VARIABLE)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    match flags.file.clone().or(named) {
        Some(path) => (path, true),
        None => (folder.join(FILE), false),
    }
}

/// What the file says. `shown` is its name in messages.
pub(super) fn from_file(text: &str, shown: &Path, problems: &mut Problems) -> (Vec<Given>, Vec<Issuer>) {
    let at = |offset: usize| {
        let line = text
            .as_bytes()
            .iter()
            .take(offset)
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        Source::File(shown.to_owned(), line)
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.add(
            &at(error.span().map_or(0, |span| span.start)),
            format!("not TOML: {}", error.message()),
        );
    }
    let mut said = (Vec::new(), Vec::new());
    // What was made of a broken file is a guess; complaints about a guess would only confuse.
    if errors.is_empty() {
        collect(table.get_ref(), "", &at, &mut said, problems);
    }
    said
}

fn collect(
    table: &DeTable<'_>,
    prefix: &str,
    at: &dyn Fn(usize) -> Source,
    said: &mut (Vec<Given>, Vec<Issuer>),
    problems: &mut Problems,
) {
    let is_above = |key: &str| issuers::KEY.starts_with(&format!("{key}."));
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        let source = at(name.span().start);
        match (ALL.iter().find(|setting| setting.key() == key), value.get_ref()) {
            (Some(setting), value) => match scalar(value) {
                Some(text) => said.0.push(Given {
                    key: setting.key(),
                    text,
                    source,
                }),
                None => problems.add(
                    &source,
                    format!("{key} is a {}; allowed: {}", value.type_str(), setting.allowed()),
                ),
            },
            (None, DeValue::Table(inner))
                if is_above(&key) || ALL.iter().any(|it| it.key().starts_with(&format!("{key}."))) =>
            {
                collect(inner, &format!("{key}."), at, said, problems);
            }
            (None, _) if key == issuers::KEY => said.1.extend(issuers::read(value, at, problems)),
            (None, _) => problems.add(&source, unknown(&key)),
        }
    }
}

/// The text of a value, as one would give it in the environment; `None` for what no setting holds.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(
            i128::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| number.to_string(), |number| number.to_string()),
        ),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        DeValue::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(Spanned::get_ref).map(scalar).collect();
            items.map(|items| items.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

fn unknown(key: &str) -> String {
    match nearest(key, ALL.iter().map(|setting| setting.key())) {
        Some(meant) => format!("there is no setting {key:?}; did you mean {meant}?"),
        None => format!("there is no setting {key:?}"),
    }
}

/// What the environment says. A `POSTHASTE_` variable that names no setting is a problem: it is a mistyped one.
pub(super) fn from_environment(
    environment: &BTreeMap<String, String>,
    problems: &mut Problems,
) -> Vec<Given> {
    let variables: Vec<(String, &'static str)> = ALL
        .iter()
        .map(|setting| (variable(setting.key()), setting.key()))
        .collect();
    let mut given = Vec::new();
    if let Some(text) = environment.get(DATABASE_VARIABLE) {
        let source = Source::Environment(DATABASE_VARIABLE.to_owned());
        given.push(Given {
            key: super::settings::DATABASE_URL.key,
            text: text.clone(),
            source,
        });
    }
    for (name, text) in environment
        .iter()
        .filter(|(name, _)| name.starts_with("POSTHASTE_"))
    {
        let source = Source::Environment(name.clone());
        if let Some((_, key)) = variables.iter().find(|(variable, _)| variable == name) {
            given.push(Given {
                key,
                text: text.clone(),
                source,
            });
        } else if !OTHER_VARIABLES.contains(&name.as_str()) && !is_service_link(name, text) {
            let known = variables
                .iter()
                .map(|(variable, _)| variable.as_str())
                .chain(OTHER_VARIABLES);
            problems.add(
                &source,
                match nearest(name, known) {
                    Some(meant) => format!("it names no setting; did you mean {meant}?"),
                    None => "it names no setting".to_owned(),
                },
            );
        }
    }
    given
}

/// Whether Kubernetes put it there: every pod sees variables about each service of its namespace, and one that is
/// called `posthaste` or `posthaste-gateway` gives them our prefix.
fn is_service_link(name: &str, text: &str) -> bool {
    if name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") {
        return true;
    }
    let address = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    let port = name
        .rsplit_once("_PORT_")
        .is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    // POSTHASTE_PORT_8080_TCP_PROTO, …_PORT and …_ADDR are split at the last `_PORT_` only when it is the numbered one.
    let detail = [
        "_TCP_PROTO",
        "_TCP_PORT",
        "_TCP_ADDR",
        "_UDP_PROTO",
        "_UDP_PORT",
        "_UDP_ADDR",
    ];
    (name.ends_with("_PORT") && address) || port || detail.iter().any(|end| name.ends_with(end))
}

/// What the flags say: `--set key=value` in their order, then the flags with names of their own.
pub(super) fn from_flags(flags: &Flags, problems: &mut Problems) -> Vec<Given> {
    let mut given = Vec::new();
    for text in &flags.set {
        let source = Source::Flag(format!("--set {}", text.split('=').next().unwrap_or_default()));
        let Some((key, value)) = text.split_once('=') else {
            problems.add(
                &source,
                format!("{text:?} is not key=value, such as log.level=debug"),
            );
            continue;
        };
        match ALL.iter().find(|setting| setting.key() == key.trim()) {
            Some(setting) => given.push(Given {
                key: setting.key(),
                text: value.to_owned(),
                source,
            }),
            None => problems.add(&source, unknown(key.trim())),
        }
    }
    for (flag, key, text) in &flags.named {
        given.push(Given {
            key,
            text: text.clone(),
            source: Source::Flag((*flag).to_owned()),
        });
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links() {
        for (name, text, expected) in [
            ("POSTHASTE_SERVICE_HOST", "10.0.0.1", true),
            ("POSTHASTE_SERVICE_PORT", "8080", true),
            ("POSTHASTE_SERVICE_PORT_HTTP", "8080", true),
            ("POSTHASTE_PORT", "tcp://10.0.0.1:8080", true),
            ("POSTHASTE_PORT_8080_TCP", "tcp://10.0.0.1:8080", true),
            ("POSTHASTE_PORT_8080_TCP_PROTO", "tcp", true),
            ("POSTHASTE_PORT_8080_TCP_PORT", "8080", true),
            ("POSTHASTE_PORT_8080_TCP_ADDR", "10.0.0.1", true),
            ("POSTHASTE_GATEWAY_SERVICE_HOST", "10.0.0.1", true),
            ("POSTHASTE_PORT", "8080", false),
            ("POSTHASTE_GATEWAY_PORT", "8080", false),
            ("POSTHASTE_GATEWAY_LISTE", "127.0.0.1:1", false),
        ] {
            assert_eq!(is_service_link(name, text), expected, "{name}");
        }
    }
}
