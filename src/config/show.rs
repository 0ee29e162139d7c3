//! The configuration for people (`posthaste config`) and for machines (`--output json`).

use proto::ConfigEntry;
use serde_json::{Value, json};

use super::issuers;
use super::problem::Source;
use super::settings::{ALL, Fallback, variable};
use super::{Effective, Secrecy};

/// Width of a described paragraph: what a terminal has at least.
const WIDTH: usize = 80;

/// Every setting with its value and source, a line each; secrets are masked.
pub fn table(effective: &Effective) -> String {
    let mut rows = vec![["SETTING".to_owned(), "VALUE".to_owned(), "SOURCE".to_owned()]];
    for (setting, value, source) in effective.shown() {
        let value = if value.is_empty() {
            "-".to_owned()
        } else {
            plain(&value)
        };
        rows.push([setting.key().to_owned(), value, source.to_string()]);
    }
    for issuer in effective.issuers() {
        rows.push([
            issuers::KEY.to_owned(),
            plain(&issuer.to_string()),
            issuer.source.to_string(),
        ]);
    }
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    let line = |[key, value, source]: &[String; 3]| format!("{key:first$}  {value:second$}  {source}\n");
    rows.iter().map(line).collect::<Vec<_>>().concat()
}

/// The same as JSON: a list of objects with `key`, `value`, `layer`, `source` and `secret`; secrets are masked.
pub fn json(effective: &Effective) -> Value {
    entries(effective).iter().map(|entry| json!(entry)).collect()
}

/// The same as data.
pub fn entries(effective: &Effective) -> Vec<ConfigEntry> {
    let issuers = effective.issuers().iter().map(|issuer| ConfigEntry {
        key: issuers::KEY.to_owned(),
        value: issuer.to_string(),
        layer: "file".to_owned(),
        source: issuer.source.to_string(),
        secret: false,
    });
    effective
        .shown()
        .map(|(setting, value, source)| {
            let layer = match source {
                Source::Default => "default",
                Source::File(..) => "file",
                Source::Environment(_) => "environment",
                Source::Flag(_) => "flag",
            };
            ConfigEntry {
                key: setting.key().to_owned(),
                value,
                layer: layer.to_owned(),
                source: source.to_string(),
                secret: setting.secrecy() != Secrecy::Open,
            }
        })
        .chain(issuers)
        .collect()
}

/// What every setting is, may hold and holds by default, and the names it goes by.
pub fn describe() -> String {
    let paragraphs = ALL.iter().map(|setting| {
        let default = match setting.default() {
            Fallback::Fixed("") => "none",
            Fallback::Fixed(text) | Fallback::Derived(text, _) => text,
        };
        let lines = [
            format!("{}\n", setting.key()),
            wrapped(&setting.help().replace('`', "")),
            wrapped(&format!("Default: {default}")),
            wrapped(&format!("Allowed: {}", setting.allowed())),
            wrapped(&format!("Variable: {}", variable(setting.key()))),
        ];
        lines.concat()
    });
    let issuers = format!("{}\n{}", issuers::KEY, wrapped(&issuers::HELP.replace('`', "")));
    paragraphs.chain([issuers]).collect::<Vec<_>>().join("\n")
}

/// The same in Markdown: a heading a section, and in it one a setting.
pub fn markdown() -> String {
    let section = |key: &'static str| key.split_once('.').map_or("the node", |(section, _)| section);
    let mut current = "";
    let settings = ALL.iter().map(|setting| {
        let key = setting.key();
        let heading = match std::mem::replace(&mut current, section(key)) {
            before if before == current => String::new(),
            _ => format!("## {current}\n\n"),
        };
        let default = match setting.default() {
            Fallback::Fixed("") => "none".to_owned(),
            Fallback::Fixed(fixed) => format!("`{fixed}`"),
            Fallback::Derived(words, _) => words.to_owned(),
        };
        format!(
            "{heading}### `{key}`\n\n{}\n\n- default: {default}\n- allowed: {}\n- variable: `{}`\n\n",
            flowing(setting.help()),
            setting.allowed(),
            variable(key)
        )
    });
    let issuers = format!(
        "## auth\n\n### `[[{}]]`\n\n{}\n",
        issuers::KEY,
        flowing(issuers::HELP)
    );
    settings.chain([issuers]).collect()
}

/// A paragraph as one line.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Breaks a paragraph into indented lines.
fn wrapped(text: &str) -> String {
    let mut lines = Vec::new();
    let mut line = String::from("   ");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, String::from("   ")));
        }
        line.push(' ');
        line += word;
    }
    lines.push(line);
    lines.join("\n") + "\n"
}

/// Makes control characters visible: a value must not be able to write to the terminal what it likes.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}
