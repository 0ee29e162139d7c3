//! What a caller is told when a request is not fulfilled: decided here once, for REST a problem document (RFC 9457).

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use proto::{FieldError, Problem};

/// A request that is not fulfilled, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// By who can act.
    pub(crate) kind: Kind,
    /// What happened here, and what to do.
    pub(crate) detail: String,
    /// The fields to blame.
    pub(crate) errors: Vec<FieldError>,
    /// When it may be tried again, if that is known.
    pub(crate) retry_after: Option<Duration>,
}

/// The kinds of refusal: a closed list, each with its status and its stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The input is wrong.
    Invalid,
    /// No key, or one that is not valid.
    Unauthorized,
    /// A valid key or token that does not allow it.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// There is no such action on it.
    MethodNotAllowed,
    /// The body did not come in time.
    BodyTimeout,
    /// It cannot be done as things stand.
    Conflict,
    /// It is larger than a limit.
    TooLarge,
    /// It is in no form that is read here.
    UnsupportedMediaType,
    /// An idempotency key came again with other content.
    KeyReused,
    /// Too much at once, or too often; later it can be done.
    TooMany,
    /// A fault of ours.
    Internal,
    /// Not now; later perhaps.
    Unavailable,
}

impl Kind {
    /// The status, the name within `/problems/`, and the title.
    pub(crate) fn describe(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Invalid => (StatusCode::BAD_REQUEST, "invalid", "The request is not valid"),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "A valid API key is needed",
            ),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "The key does not allow it"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "There is no such action here",
            ),
            Self::BodyTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                "The request did not come in time",
            ),
            Self::Conflict => (
                StatusCode::CONFLICT,
                "conflict",
                "It cannot be done as things stand",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The request is too large",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "This media type is not read here",
            ),
            Self::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The idempotency key was used with other content",
            ),
            Self::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                "Too much in this time",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong here",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "It cannot be done just now",
            ),
        }
    }
}

impl Refusal {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: vec![],
            retry_after: None,
        }
    }

    /// A refusal for which one field is to blame.
    pub(crate) fn of_field(kind: Kind, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::of_fields(kind, vec![queue::error::field_error(field, detail)])
    }

    /// A refusal for which these fields are to blame, at least one.
    pub(crate) fn of_fields(kind: Kind, errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.field, only.detail),
            several => format!("{} fields are wrong: see `errors`.", several.len()),
        };
        Self {
            errors,
            ..Self::new(kind, detail)
        }
    }

    /// The same refusal with the time after which it may be tried again.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// How long to wait before trying again, where that may help.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let may_help = matches!(self.kind, Kind::Unavailable | Kind::TooMany);
        may_help.then(|| self.retry_after.unwrap_or_else(in_a_moment))
    }

    /// One field of the input is wrong.
    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::of_field(Kind::Invalid, field, detail)
    }

    /// A fault of ours: whoever runs this finds the cause in the log.
    pub(crate) fn internal() -> Self {
        Self::new(
            Kind::Internal,
            "This is a fault of the server's. It was logged there; whether the request took effect is not known.",
        )
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.kind.describe().0
    }

    /// The same refusal with each field named as `rename` says.
    pub(crate) fn rename_fields(mut self, rename: impl Fn(&str) -> String) -> Self {
        for error in &mut self.errors {
            error.field = rename(&error.field);
        }
        if self.errors.is_empty() {
            self
        } else {
            Self {
                retry_after: self.retry_after,
                ..Self::of_fields(self.kind, self.errors)
            }
        }
    }
}

impl From<queue::Error> for Refusal {
    fn from(error: queue::Error) -> Self {
        use queue::Error as E;
        match error {
            // A payload's one rule is its size.
            E::Invalid(errors) if matches!(errors.as_slice(), [only] if only.field == "payload") => {
                Self::of_fields(Kind::TooLarge, errors)
            }
            E::Invalid(errors) => Self::of_fields(Kind::Invalid, errors),
            E::NotFound(what) => Self::new(Kind::NotFound, format!("There is no {what}.")),
            E::Conflict(why) => Self::new(Kind::Conflict, why),
            E::Unavailable(why) => Self::new(Kind::Unavailable, format!("{why}. Try again in a moment.")),
            E::Corrupt { .. } | E::Database(_) => {
                tracing::error!(%error, "a request failed");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, name, title) = self.kind.describe();
        let wait = self.wait();
        let problem = Problem {
            kind: format!("/problems/{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail,
            errors: self.errors,
        };
        // Only strings and a number: it has a form in JSON whatever they hold.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.kind == Kind::Unauthorized {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"posthaste\""),
            );
        }
        if let Some(wait) = wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        response
    }
}

/// A time in seconds, as `Retry-After` has it: at least one, and never too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0 || wait.is_zero())
}

/// When a refused caller tries again, if nothing says when: 1 to 5 s in turn, so that those refused together do not come back together.
fn in_a_moment() -> Duration {
    static TURN: AtomicU8 = AtomicU8::new(0);
    Duration::from_secs(u64::from(TURN.fetch_add(1, Ordering::Relaxed) % 5) + 1)
}
