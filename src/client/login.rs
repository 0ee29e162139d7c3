//! `posthaste login`, `logout` and `profiles`

#![expect(
    clippy::doc_markdown,
    reason = "docstrings here are help texts, where a backtick is printed as it is"
)]

use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use clap::Args;
use posthaste_client::Client;
use serde::Serialize;
use serde_json::json;
use url::{Host, Url};

use super::{
    Usage, client_of,
    profiles::{self, DEFAULT_NAME, Environment, KEY, Profile, Profiles, given, named, url_to_log_in},
    prompt,
    screen::{Screen, document, note},
    table::{Column, Row},
    times::Times,
};
use crate::cli::Output;

/// What `posthaste login` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  posthaste login                                    asks for the key of the server on this machine
  posthaste login https://posthaste.example.com --profile work
  posthaste login < key.txt                          takes the key from a file

The key is never an argument: those show in the list of processes. It is stored in posthaste/profiles.toml in your folder of \
configurations (XDG_CONFIG_HOME, or ~/.config), readable by you alone. In place of a profile, POSTHASTE_URL and POSTHASTE_KEY do.")]
pub struct LoginArgs {
    /// The server [default: POSTHASTE_URL, or http://127.0.0.1:8080]
    #[arg(value_name = "URL")]
    pub url: Option<String>,

    /// The name to store it under [default: POSTHASTE_PROFILE, or `default`]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// Store it without asking the server whether the key is good
    #[arg(long)]
    pub unchecked: bool,

    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// What `posthaste logout` is told.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// The profile to forget [default: POSTHASTE_PROFILE, or the current one]
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    pub profile: Option<String>,

    /// Forget all
    #[arg(long)]
    pub all: bool,
}

/// What `posthaste profiles` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  posthaste profiles                list them; the current one is marked
  posthaste profiles --use work     make it the current one")]
pub struct ProfilesArgs {
    /// Make this the one that is asked unless another is named
    #[arg(long = "use", value_name = "NAME")]
    pub chosen: Option<String>,

    /// How to print them
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// A profile as it is shown.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    name: &'a str,
    url: &'a str,
    /// What of the key may be shown.
    key: String,
    current: bool,
}

impl Row for Shown<'_> {
    const COLUMNS: &'static [Column] = &[
        Column::whole(""),
        Column::whole("name"),
        Column::whole("url"),
        Column::whole("key"),
    ];

    fn cells(&self, _: Times) -> Vec<String> {
        let mark = if self.current { "*" } else { "" };
        vec![mark.into(), self.name.into(), self.url.into(), self.key.clone()]
    }
}

/// Stores a server and a key.
pub(super) async fn login(args: LoginArgs, environment: &Environment) -> Result<()> {
    let path = Profiles::path(environment)?;
    let mut all = Profiles::load(&path)?;
    let name = named(args.profile.as_deref(), environment)
        .unwrap_or(DEFAULT_NAME)
        .to_owned();
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Usage("the name of a profile is one word".to_owned()).into());
    }
    let url = args
        .url
        .as_deref()
        .unwrap_or(url_to_log_in(environment))
        .to_owned();
    // A wrong URL is told before the key is asked for.
    let server = Client::builder(&url).build()?;
    let server = server.url().as_str().trim_end_matches('/').to_owned();
    let key = match given(environment, KEY) {
        Some(key) => {
            note(&format!("Storing the key that {KEY} has."));
            key.to_owned()
        }
        None => prompt::secret("API key")?,
    };
    let client = client_of(&url, &key).build()?;
    if !is_private(client.url()) {
        note("The key goes over the network unencrypted: use https, unless the network is yours alone.");
    }
    if !args.unchecked {
        check(&client).await?;
    }
    all.profiles.insert(
        name.clone(),
        Profile {
            url: server.clone(),
            key,
        },
    );
    all.current = Some(name.clone());
    all.store(&path)?;
    let shown = json!({ "profile": name, "url": server });
    let fields = [("profile", name), ("url", server)];
    Screen::here(args.output).thing(&shown, &fields)
}

/// Whether the server takes the key. What it allows is another matter.
async fn check(client: &Client) -> Result<()> {
    match client.queues().page_size(1).page().await {
        Ok(_) => Ok(()),
        Err(error) if error.status() == Some(403) => Ok(()),
        Err(error) if error.status() == Some(401) => bail!("{} does not take this key", client.url()),
        Err(error) => {
            Err(error).context("whether the key is good cannot be told (--unchecked stores it all the same)")
        }
    }
}

/// Whether nobody on the way can read what is sent.
fn is_private(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    };
    url.scheme() == "https" || is_here
}

/// Forgets.
pub(super) fn logout(args: &LogoutArgs, environment: &Environment) -> Result<()> {
    let path = Profiles::path(environment)?;
    let mut all = Profiles::load(&path)?;
    if args.all {
        all = Profiles::default();
        all.store(&path)?;
        note("All profiles are forgotten. The keys are valid as before: `posthaste key revoke` ends them.");
        return Ok(());
    }
    let name = named(args.profile.as_deref(), environment).or(all.current.as_deref());
    let name = name
        .ok_or_else(|| Usage("there is no current profile: name one with --profile".to_owned()))?
        .to_owned();
    all.find(&name)?;
    all.profiles.remove(&name);
    if all.current.as_ref() == Some(&name) {
        all.current = None;
    }
    all.store(&path)?;
    note(&format!(
        "Profile `{name}` is forgotten. Its key is valid as before: `posthaste key revoke` ends it."
    ));
    Ok(())
}

/// Lists, or chooses.
pub(super) fn profiles(args: &ProfilesArgs, environment: &Environment) -> Result<()> {
    let path = Profiles::path(environment)?;
    let mut all = Profiles::load(&path)?;
    if let Some(name) = &args.chosen {
        all.find(name)?;
        all.current = Some(name.clone());
        all.store(&path)?;
    }
    let screen = Screen::here(args.output);
    let shown: Vec<Shown<'_>> = all
        .profiles
        .iter()
        .map(|(name, profile)| shown(name, profile, &all))
        .collect();
    match args.output {
        Output::Table if shown.is_empty() => {
            note("There are none: `posthaste login` makes one.");
            Ok(())
        }
        Output::Table => screen.part(&shown, true),
        Output::Json => document(&shown),
    }
}

fn shown<'a>(name: &'a str, profile: &'a profiles::Profile, all: &profiles::Profiles) -> Shown<'a> {
    // As much as the server's own list of keys shows: not enough to guess from.
    let beginning: String = profile.key.chars().take(7).collect();
    Shown {
        name,
        url: &profile.url,
        key: format!("{beginning}…"),
        current: all.current.as_deref() == Some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_unencrypted_on_this_machine_only() {
        for (url, private) in [
            ("http://127.0.0.1:8080", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:8080", true),
            ("http://localhost", true),
            ("http://a.localhost", true),
            ("https://example.com", true),
            ("http://example.com", false),
            ("http://10.0.0.1", false),
            ("http://localhost.example.com", false),
        ] {
            assert_eq!(is_private(&url.parse().unwrap()), private, "{url}");
        }
    }
}
