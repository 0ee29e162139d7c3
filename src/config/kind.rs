//! What a setting may hold: one type a kind, each with its parser and its allowed values in words.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use dispatcher::push::Proxy;
use ipnet::IpNet;
use proto::Span;
use tracing_subscriber::filter::{LevelFilter, Targets};
use url::Url;

use super::secrecy::Secrecy;
use super::size::{format_size, parse_size};
use crate::secret_key::SecretKey;

/// A kind of value.
pub trait Kind: Sync {
    /// What [`Setting`](super::Setting) hands to the code.
    type Value;

    /// Reads the value; the error continues a sentence that begins with what was given ("… is not a duration").
    fn parse(&self, text: &str) -> Result<Self::Value, String>;

    /// The allowed values in words, with an example where the form is not plain.
    fn allowed(&self) -> String;

    /// How much of it may be shown.
    fn secrecy(&self) -> Secrecy {
        Secrecy::Open
    }
}

/// A duration within bounds, both included.
#[derive(Debug)]
pub struct Time(
    /// The shortest.
    pub Duration,
    /// The longest.
    pub Duration,
);

impl Kind for Time {
    type Value = Duration;

    fn parse(&self, text: &str) -> Result<Duration, String> {
        let Span(value) = text.parse().map_err(|_| "is not a duration")?;
        within(value, self.0, self.1)
    }

    fn allowed(&self) -> String {
        format!(
            "{} to {}, with ms, s, m, h or d, such as 1m30s",
            Span(self.0),
            Span(self.1)
        )
    }
}

/// A size in bytes within bounds, both included.
#[derive(Debug)]
pub struct Size(
    /// The smallest.
    pub u64,
    /// The largest.
    pub u64,
);

impl Kind for Size {
    type Value = usize;

    fn parse(&self, text: &str) -> Result<usize, String> {
        let value = parse_size(text).ok_or("is not a size")?;
        usize::try_from(within(value, self.0, self.1)?)
            .map_err(|_| "is more than this machine can address".to_owned())
    }

    fn allowed(&self) -> String {
        let (least, most) = (format_size(self.0), format_size(self.1));
        format!("{least} to {most}, bytes or a number with KiB, MiB or GiB")
    }
}

/// A whole number within bounds, both included.
#[derive(Debug)]
pub struct Count(
    /// The smallest.
    pub u32,
    /// The largest.
    pub u32,
);

impl Kind for Count {
    type Value = u32;

    fn parse(&self, text: &str) -> Result<u32, String> {
        let value = text
            .trim()
            .parse()
            .map_err(|_| "is not a whole number within the range")?;
        within(value, self.0, self.1)
    }

    fn allowed(&self) -> String {
        format!("{} to {}", self.0, self.1)
    }
}

/// Yes or no.
#[derive(Debug)]
pub struct Switch;

impl Kind for Switch {
    type Value = bool;

    fn parse(&self, text: &str) -> Result<bool, String> {
        text.trim()
            .parse()
            .map_err(|_| "is neither true nor false".to_owned())
    }

    fn allowed(&self) -> String {
        "true, false".to_owned()
    }
}

/// A closed list of words, each with its meaning as a value.
#[derive(Debug)]
pub struct Words<T: 'static>(
    /// The words.
    pub &'static [(&'static str, T)],
);

impl<T: Copy + Sync> Kind for Words<T> {
    type Value = T;

    fn parse(&self, text: &str) -> Result<T, String> {
        let found = self.0.iter().find(|(word, _)| *word == text.trim());
        found
            .map(|(_, value)| *value)
            .ok_or_else(|| "is not one of the words".to_owned())
    }

    fn allowed(&self) -> String {
        self.0
            .iter()
            .map(|(word, _)| *word)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// An address to listen on.
#[derive(Debug)]
pub struct Listen;

impl Kind for Listen {
    type Value = SocketAddr;

    fn parse(&self, text: &str) -> Result<SocketAddr, String> {
        text.trim()
            .parse()
            .map_err(|_| "is not an address with a port".to_owned())
    }

    fn allowed(&self) -> String {
        "an IP address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080".to_owned()
    }
}

/// A PostgreSQL connection URL; its password is never shown.
#[derive(Debug)]
pub struct DatabaseUrl;

impl Kind for DatabaseUrl {
    type Value = Url;

    fn parse(&self, text: &str) -> Result<Url, String> {
        let url = Url::parse(text.trim()).map_err(|error| format!("is not a URL ({error})"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err("does not begin with postgres://".to_owned());
        }
        Ok(url)
    }

    fn allowed(&self) -> String {
        "postgres://user:password@host:port/database, with % escapes for special characters in the password"
            .to_owned()
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Password
    }
}

/// A comma-separated list of network ranges; may be empty.
#[derive(Debug)]
pub struct Ranges;

impl Kind for Ranges {
    type Value = Vec<IpNet>;

    fn parse(&self, text: &str) -> Result<Vec<IpNet>, String> {
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(range)
            .collect()
    }

    fn allowed(&self) -> String {
        "a comma-separated list (in the file also an array) of ranges, such as 10.1.0.0/16, fd00:12::/32"
            .to_owned()
    }
}

fn range(item: &str) -> Result<IpNet, String> {
    if let Ok(address) = item.parse::<std::net::IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let net: IpNet = item
        .parse()
        .map_err(|_| format!("has {item:?} in it, which is not a range"))?;
    if net.trunc() == net {
        Ok(net)
    } else {
        // Someone who wrote 10.1.2.3/8 meant either the one address or the whole range: opening the wrong one is a hole.
        Err(format!(
            "has {item} in it, an address inside a range: write {} or {}",
            net.trunc(),
            net.addr()
        ))
    }
}

/// The URL of a proxy; as whom it is asked is never shown.
#[derive(Debug)]
pub struct ProxyUrl;

impl Kind for ProxyUrl {
    type Value = Proxy;

    fn parse(&self, text: &str) -> Result<Proxy, String> {
        text.trim().parse().map_err(str::to_owned)
    }

    fn allowed(&self) -> String {
        "http://user:password@host:port or socks5://user:password@host:port".to_owned()
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Credentials
    }
}

/// An address of HTTP; as whom it is asked, and the values of its query, are never shown.
#[derive(Debug)]
pub struct HttpUrl;

impl Kind for HttpUrl {
    type Value = Url;

    fn parse(&self, text: &str) -> Result<Url, String> {
        let url: Url = text.trim().parse().map_err(|_| "is not a URL")?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err("is not an address of http or https".to_owned());
        }
        Ok(url)
    }

    fn allowed(&self) -> String {
        "http://host:port/path or https://host/path".to_owned()
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Credentials
    }
}

/// A part of a whole.
#[derive(Debug)]
pub struct Share;

impl Kind for Share {
    type Value = f64;

    fn parse(&self, text: &str) -> Result<f64, String> {
        let share: f64 = text.trim().parse().map_err(|_| "is not a number")?;
        within(share, 0.0, 1.0)
    }

    fn allowed(&self) -> String {
        "0 to 1".to_owned()
    }
}

/// Names with values; never shown.
#[derive(Debug)]
pub struct Pairs;

impl Kind for Pairs {
    type Value = Vec<(String, String)>;

    fn parse(&self, text: &str) -> Result<Self::Value, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items
            .map(|item| {
                let (name, value) = item.split_once('=').ok_or("is not name=value")?;
                let (name, value) = (name.trim(), value.trim());
                let valid =
                    http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok();
                if valid {
                    Ok((name.to_owned(), value.to_owned()))
                } else {
                    Err("has a name or value that no header can have".to_owned())
                }
            })
            .collect()
    }

    fn allowed(&self) -> String {
        "name=value, several with commas between".to_owned()
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Whole
    }
}

/// A file or folder.
#[derive(Debug)]
pub struct Place;

impl Kind for Place {
    type Value = PathBuf;

    fn parse(&self, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() || text.contains('\0') {
            return Err("is not a path".to_owned());
        }
        Ok(PathBuf::from(text))
    }

    fn allowed(&self) -> String {
        "a path".to_owned()
    }
}

/// A key of 32 bytes in base64; never shown.
#[derive(Debug)]
pub struct Key;

impl Kind for Key {
    type Value = SecretKey;

    fn parse(&self, text: &str) -> Result<SecretKey, String> {
        SecretKey::from_base64(text).ok_or_else(|| "is not 32 bytes in base64".to_owned())
    }

    fn allowed(&self) -> String {
        "32 random bytes in base64, as `openssl rand -base64 32` prints them".to_owned()
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Whole
    }
}

/// A comma-separated list of keys; may be empty. Never shown.
#[derive(Debug)]
pub struct Keys;

impl Kind for Keys {
    type Value = Vec<SecretKey>;

    fn parse(&self, text: &str) -> Result<Vec<SecretKey>, String> {
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| Key.parse(item))
            .collect()
    }

    fn allowed(&self) -> String {
        "a comma-separated list (in the file also an array) of keys of 32 bytes in base64".to_owned()
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Whole
    }
}

/// Which log lines are written: a level for all parts of the program, and levels of their own for some.
#[derive(Debug)]
pub struct LogFilter;

impl Kind for LogFilter {
    type Value = Targets;

    fn parse(&self, text: &str) -> Result<Targets, String> {
        let mut items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let mut any = false;
        let targets = items.try_fold(Targets::new(), |targets, item| {
            any = true;
            match item.split_once('=') {
                None => Ok(targets.with_default(log_level(item)?)),
                Some((part, level)) if is_log_part(part.trim()) => {
                    Ok(targets.with_target(part.trim(), log_level(level.trim())?))
                }
                Some((part, _)) => Err(format!("has {part:?} in it, which names no part of the program")),
            }
        })?;
        if any {
            Ok(targets)
        } else {
            Err("names no level".to_owned())
        }
    }

    fn allowed(&self) -> String {
        "off, error, warn, info, debug or trace; also by part, such as info,dispatcher=debug".to_owned()
    }
}

/// A word alone must be a level: taken for the name of a part, a mistyped one would silence all others.
fn log_level(word: &str) -> Result<LevelFilter, String> {
    // Without a word there is a level as well, for whoever made the type.
    let level = word.parse().ok().filter(|_| !word.is_empty());
    level.ok_or_else(|| format!("has {word:?} in it, which is not a level"))
}

/// Whether it can be the path of a module, or its beginning.
fn is_log_part(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.');
    !part.is_empty() && part.chars().all(allowed)
}

/// A setting that may be left out; empty text is the same as leaving it out.
#[derive(Debug)]
pub struct Maybe<K>(
    /// What it holds when it is there.
    pub K,
);

impl<K: Kind> Kind for Maybe<K> {
    type Value = Option<K::Value>;

    fn parse(&self, text: &str) -> Result<Self::Value, String> {
        if text.trim().is_empty() {
            Ok(None)
        } else {
            self.0.parse(text).map(Some)
        }
    }

    fn allowed(&self) -> String {
        format!("{}; empty for none", self.0.allowed())
    }

    fn secrecy(&self) -> Secrecy {
        self.0.secrecy()
    }
}

fn within<T: PartialOrd + Copy>(value: T, least: T, most: T) -> Result<T, String> {
    if value < least {
        Err("is too small".to_owned())
    } else if value > most {
        Err("is too large".to_owned())
    } else {
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
