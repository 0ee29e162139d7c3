//! Arguments that several commands have.

#![expect(
    clippy::doc_markdown,
    reason = "docstrings here are help texts, where a backtick is printed as it is"
)]

use std::collections::BTreeMap;

use clap::Args;

use crate::cli::Output;

/// Which server is asked, and how its answers are printed.
#[derive(Debug, Clone, Args)]
pub(super) struct ServerArgs {
    /// Ask the server of this profile [env: POSTHASTE_PROFILE; POSTHASTE_URL and POSTHASTE_KEY without one]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Server")]
    pub profile: Option<String>,

    /// How to print answers
    #[arg(long, global = true, value_enum, default_value_t = Output::Table, help_heading = "Server")]
    pub output: Output,
}

/// How much of a list.
#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// Print so many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,

    /// Print all; with --output json a line each
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,

    /// Go on where an earlier answer ended
    #[arg(long, value_name = "TOKEN")]
    pub page: Option<String>,
}

/// Whether to ask first.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct SureArgs {
    /// Do not ask whether it is meant
    #[arg(long)]
    pub yes: bool,
}

/// `name: value`
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        }
        _ => Err("a header is written `name: value`".to_owned()),
    }
}

/// Headers by their name; one that is given twice is a mistake.
pub(super) fn headers(given: Vec<(String, String)>) -> Result<BTreeMap<String, String>, super::Usage> {
    let mut headers = BTreeMap::new();
    for (name, value) in given {
        if let Some(_before) = headers.insert(name.clone(), value) {
            return Err(super::Usage(format!("--header {name} is given twice")));
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_a_name_and_a_value() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(header("X-Shop: 7"), pair("x-shop", "7"));
        assert_eq!(header("x:"), pair("x", ""));
        assert_eq!(header("x: a:b "), pair("x", "a:b"));
        assert!(header("x").is_err() && header(": 7").is_err());
        let twice = vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
        assert!(headers(twice).is_err());
    }
}
