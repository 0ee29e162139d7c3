//! What can go wrong, sorted by who can act.

use std::{error::Error as _, fmt, time::Duration};

use proto::Problem;

/// What a method of [`crate::Client`] returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no answer, or none that helps.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server understood and refused. The caller can act: the problem says how.
    #[error("{0}")]
    Refused(Box<Refused>),

    /// There was no answer, or it broke off. Whether the request took effect is not known unless [`Error::was_not_sent`].
    #[error("no answer from {url}: {why}")]
    Unreached {
        /// What was asked.
        url: String,
        /// Why: the name is unknown, nobody listens, the certificate is not trusted, the time is over.
        why: String,
        /// Whether it was sent, or may have been.
        sent: bool,
    },

    /// Something answered that does not speak this API: a wrong address, or a proxy in between.
    #[error("{url} answered {status}, and not as Posthaste does: {why}")]
    Unreadable {
        /// What was asked.
        url: String,
        /// The status of the answer.
        status: u16,
        /// What is wrong with it.
        why: String,
    },

    /// What the caller gave cannot be asked: no request was made.
    #[error("{0}")]
    Invalid(String),
}

/// A refusal by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What it said. `problem.errors` has the fields that are wrong.
    pub problem: Problem,
    /// The pause it asked for before the next try.
    pub retry_after: Option<Duration>,
}

impl Refused {
    /// The stable name of the kind of problem: `invalid`, `not-found`, `conflict` and so on.
    pub fn kind(&self) -> &str {
        self.problem.kind.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            title,
            status,
            detail,
            errors,
            ..
        } = &self.problem;
        write!(f, "{title} ({status})")?;
        // With one field to blame the detail names it already.
        if errors.len() < 2 {
            return write!(f, ": {detail}");
        }
        for (number, error) in errors.iter().enumerate() {
            let before = if number == 0 { ": " } else { "; " };
            write!(f, "{before}{}: {}", error.field, error.detail)?;
        }
        Ok(())
    }
}

impl Error {
    pub(crate) fn unreached(url: &str, error: &reqwest::Error) -> Self {
        Self::Unreached {
            url: url.to_owned(),
            why: root(error),
            sent: !error.is_connect(),
        }
    }

    /// What the server said, if it refused.
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refused) => Some(refused.problem.status),
            Self::Unreadable { status, .. } => Some(*status),
            Self::Unreached { .. } | Self::Invalid(_) => None,
        }
    }

    /// Whether the request certainly never left: no connection came about, or it could not be asked at all.
    pub fn was_not_sent(&self) -> bool {
        match self {
            Self::Unreached { sent, .. } => !sent,
            Self::Invalid(_) => true,
            Self::Refused(_) | Self::Unreadable { .. } => false,
        }
    }
}

/// The innermost cause, which is the one that means something: "Connection refused", not "error sending request".
fn root(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let Some(mut cause) = error.source() else {
        return "the connection broke".to_owned();
    };
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::FieldError;

    fn refused(errors: &[(&str, &str)]) -> Refused {
        let errors = errors.iter().map(|(field, detail)| FieldError {
            field: (*field).to_owned(),
            detail: (*detail).to_owned(),
        });
        Refused {
            problem: Problem {
                kind: "/problems/not-found".into(),
                title: "There is no such thing".into(),
                status: 404,
                detail: "There is no queue `a`.".into(),
                errors: errors.collect(),
            },
            retry_after: None,
        }
    }

    #[test]
    fn a_refusal_says_all_that_is_wrong_and_nothing_twice() {
        assert_eq!(
            refused(&[]).to_string(),
            "There is no such thing (404): There is no queue `a`."
        );
        assert_eq!(refused(&[("a", "x")]).to_string(), refused(&[]).to_string());
        assert_eq!(
            refused(&[("a", "x"), ("b", "y")]).to_string(),
            "There is no such thing (404): a: x; b: y"
        );
        assert_eq!(refused(&[]).kind(), "not-found");
    }
}
