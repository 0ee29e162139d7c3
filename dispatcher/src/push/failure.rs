//! What an error of the HTTP client means: found by the types along its chain of sources, never by its text.

use std::error::Error;
use std::io;
use std::time::Duration;

use h2::Reason;
use queue::outcome::{Failure, FailureKind};

use super::connect::ConnectError;
use super::progress::Stage;
use super::{Config, tls};

/// What became of an attempt that ended in `error`. `status` is that of the answer whose body was being read.
pub(super) fn of(error: &(dyn Error + 'static), status: Option<u16>, config: &Config) -> Failure {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<ConnectError>() {
            return error.failure();
        }
        if let Some(failure) = error
            .downcast_ref::<hyper::Error>()
            .and_then(|error| of_http(error, status, config))
        {
            return failure;
        }
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return of_http2(error, status);
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return of_io(error, status);
        }
        next = error.source();
    }
    reset(status)
}

/// What became of an attempt whose total deadline passed.
pub(super) fn timeout(limit: Duration, stage: Stage, status: Option<u16>) -> Failure {
    let doing = match stage {
        Stage::Resolving => "its name was being resolved".to_owned(),
        Stage::Connecting => "connecting".to_owned(),
        Stage::Handshaking => "in the TLS handshake".to_owned(),
        Stage::Waiting => "waiting for the endpoint to answer".to_owned(),
        Stage::Reading => match status {
            Some(status) => format!("reading the body of its answer (status {status})"),
            None => "reading its answer".to_owned(),
        },
    };
    Failure {
        kind: FailureKind::Timeout,
        detail: format!("the {limit:?} of the attempt passed while {doing}"),
    }
}

pub(super) fn reset(status: Option<u16>) -> Failure {
    let detail = match status {
        None => "the endpoint closed the connection without answering".to_owned(),
        Some(status) => {
            format!("the endpoint closed the connection in the middle of its answer (status {status})")
        }
    };
    Failure {
        kind: FailureKind::Reset,
        detail,
    }
}

fn protocol(detail: impl Into<String>) -> Failure {
    Failure {
        kind: FailureKind::Protocol,
        detail: detail.into(),
    }
}

/// `None` when only what is behind the error can tell.
fn of_http(error: &hyper::Error, status: Option<u16>, config: &Config) -> Option<Failure> {
    if error.is_parse_too_large() {
        return Some(protocol(format!(
            "the head of the answer is too large: {} bytes and {} headers are accepted",
            config.response_head_max, config.response_headers_max
        )));
    }
    if error.is_parse_version_h2() {
        return Some(protocol(
            "the endpoint answered in HTTP/2 to a request in HTTP/1.1",
        ));
    }
    if error.is_parse_status() {
        return Some(protocol("the answer's status line is not HTTP"));
    }
    if error.is_parse() {
        return Some(protocol("the answer is not HTTP"));
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Some(reset(status));
    }
    None
}

fn of_http2(error: &h2::Error, status: Option<u16>) -> Failure {
    if let Some(error) = error.get_io() {
        return of_io(error, status);
    }
    match error.reason() {
        // The endpoint gave this request up, or every one, without calling anything wrong.
        Some(
            Reason::NO_ERROR
            | Reason::REFUSED_STREAM
            | Reason::CANCEL
            | Reason::INTERNAL_ERROR
            | Reason::ENHANCE_YOUR_CALM,
        ) => reset(status),
        Some(Reason::HTTP_1_1_REQUIRED) => {
            protocol("the endpoint agreed on HTTP/2 and then asked for HTTP/1.1")
        }
        Some(reason) => protocol(format!("HTTP/2 failed: {}", reason.description())),
        None => protocol("HTTP/2 failed"),
    }
}

fn of_io(error: &io::Error, status: Option<u16>) -> Failure {
    if tls::within(error).is_some() {
        return Failure {
            kind: FailureKind::Tls,
            detail: format!("TLS failed: {}", tls::explain(error)),
        };
    }
    match error.kind() {
        // How the HTTP/1 decoder names chunks and lengths that make no sense.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => protocol(match status {
            Some(status) => format!("the body of the answer (status {status}) is not HTTP"),
            None => "the answer is not HTTP".to_owned(),
        }),
        _ => reset(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_known_by_type_wherever_they_are_in_the_chain() {
        let io = |kind: io::ErrorKind| io::Error::from(kind);
        let tls = io::Error::other(rustls::Error::AlertReceived(
            rustls::AlertDescription::CertificateRequired,
        ));
        let cases: [(Box<dyn Error>, FailureKind); 8] = [
            (Box::new(io(io::ErrorKind::ConnectionReset)), FailureKind::Reset),
            (Box::new(io(io::ErrorKind::BrokenPipe)), FailureKind::Reset),
            (Box::new(io(io::ErrorKind::UnexpectedEof)), FailureKind::Reset),
            (Box::new(io(io::ErrorKind::InvalidData)), FailureKind::Protocol),
            (Box::new(tls), FailureKind::Tls),
            (
                Box::new(h2::Error::from(Reason::REFUSED_STREAM)),
                FailureKind::Reset,
            ),
            (
                Box::new(h2::Error::from(Reason::PROTOCOL_ERROR)),
                FailureKind::Protocol,
            ),
            (Box::new(ConnectError::Url), FailureKind::Connect),
        ];
        for (error, kind) in cases {
            assert_eq!(of(&*error, None, &Config::default()).kind, kind, "{error:?}");
        }
    }

    #[test]
    fn a_timeout_says_what_it_interrupted() {
        let limit = Duration::from_secs(30);
        for (stage, words) in [
            (Stage::Resolving, "resolved"),
            (Stage::Connecting, "connecting"),
            (Stage::Handshaking, "TLS"),
            (Stage::Waiting, "to answer"),
            (Stage::Reading, "status 200"),
        ] {
            let failure = timeout(limit, stage, Some(200));
            assert_eq!(failure.kind, FailureKind::Timeout);
            assert!(failure.detail.contains(words) && failure.detail.contains("30s"));
        }
    }
}
