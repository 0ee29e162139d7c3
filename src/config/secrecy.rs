//! What of a value may be shown.

/// How much of a value may be shown to people and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// All of it.
    Open,
    /// A URL, without its password.
    Password,
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
        }
    }
}

/// Hides `user:password@` and the values of query parameters named like a password.
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
    let query: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{head}?{}", query.join("&"))
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
}
