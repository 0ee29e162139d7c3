//! What of a value may be shown.

/// How much of a value may be shown to people and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// All of it.
    Open,
    /// A URL, without its password.
    Password,
    /// A URL of HTTP, without what may be a credential there: the user, who can be a token, and every value of the query.
    Credentials,
    /// Nothing of it.
    Whole,
}

impl Secrecy {
    /// The text with what is secret in it replaced by `***`. Works on text that did not parse, too.
    pub fn mask(self, text: &str) -> String {
        match self {
            Self::Open => text.to_owned(),
            Self::Whole if text.is_empty() => String::new(),
            Self::Whole => "***".to_owned(),
            Self::Password => mask_passwords(text),
            Self::Credentials => mask_credentials(text),
        }
    }
}

/// Hides the password of `user:password@`, and the values of query parameters named like a password.
fn mask_passwords(text: &str) -> String {
    let mut masked = text.to_owned();
    let authority = masked.find("://").map_or(0, |at| at + 3);
    if let Some(at) = masked.rfind('@').filter(|at| *at >= authority)
        && let Some(colon) = masked[authority..at].find(':')
    {
        masked.replace_range(authority + colon + 1..at, "***");
    }
    let Some((head, query)) = masked.split_once('?') else {
        return masked;
    };
    let query = each_pair(query, |pair| match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    format!("{head}?{query}")
}

/// Hides all before the `@`, and of the query all but its names.
fn mask_credentials(text: &str) -> String {
    // The query first: an `@` may stand in a value of it.
    let (head, query) = text.split_once('?').unwrap_or((text, ""));
    let authority = head.find("://").map_or(0, |at| at + 3);
    // The last one, wherever it is: in a password that nobody has escaped there may be others, and slashes.
    let mut masked = match head.rfind('@').filter(|at| *at >= authority) {
        Some(at) => format!("{}***{}", &head[..authority], &head[at..]),
        None => head.to_owned(),
    };
    if !query.is_empty() {
        masked.push('?');
        masked += &each_pair(query, |pair| match pair.split_once('=') {
            Some((name, _)) => format!("{name}=***"),
            None => "***".to_owned(),
        });
    }
    masked
}

/// A query with each `name=value` of it rewritten.
fn each_pair(query: &str, rewrite: impl Fn(&str) -> String) -> String {
    query.split('&').map(rewrite).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_wherever_they_stand() {
        for (text, shown) in [
            (
                "postgres://u:secret@host:5432/db",
                "postgres://u:***@host:5432/db",
            ),
            ("postgres://u@host/db", "postgres://u@host/db"),
            ("postgres://host:5432/db", "postgres://host:5432/db"),
            ("postgres://u:p@ss:w@rd@host/db", "postgres://u:***@host/db"),
            (
                "postgres://u@h/db?password=secret&sslmode=require",
                "postgres://u@h/db?password=***&sslmode=require",
            ),
            (
                "postgres:///db?user=u&PassWord=x",
                "postgres:///db?user=u&PassWord=***",
            ),
            ("u:secret@host", "u:***@host"),
        ] {
            assert_eq!(Secrecy::Password.mask(text), shown);
        }
        assert_eq!(Secrecy::Whole.mask("abc"), "***");
        assert_eq!(Secrecy::Whole.mask(""), "");
    }

    #[test]
    fn whatever_may_be_a_credential_is_hidden() {
        for (text, shown) in [
            (
                "https://host/v1/traces?api-key=secret",
                "https://host/v1/traces?api-key=***",
            ),
            ("https://token@host/v1", "https://***@host/v1"),
            ("http://u:p@ss/w@rd@host:4318", "http://***@host:4318"),
            (
                "https://u:p@host/?a=1&secret&b=x@y=z#top",
                "https://***@host/?a=***&***&b=***",
            ),
            (
                "http://127.0.0.1:4318/v1/traces",
                "http://127.0.0.1:4318/v1/traces",
            ),
            ("token@host?key=secret", "***@host?key=***"),
            ("", ""),
        ] {
            assert_eq!(Secrecy::Credentials.mask(text), shown);
        }
    }
}
