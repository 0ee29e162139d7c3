//! Attempts, with the closed lists of words that belong to them.

use base64::{Engine, engine::general_purpose::STANDARD};
use prost_types::Duration;
use proto::{Attempt, Page, Timing, grpc::v1};

use super::{duration, timestamp};

pub(in crate::grpc) fn attempt(attempt: Attempt) -> v1::Attempt {
    let text = attempt.response_body.map(String::into_bytes);
    let body = text.or_else(|| STANDARD.decode(attempt.response_body_base64?).ok());
    let headers = attempt.response_headers.into_iter().map(|header| v1::Header {
        name: header.name,
        value: header.value,
    });
    v1::Attempt {
        id: attempt.id.to_string(),
        delivery: attempt.delivery.to_string(),
        task: attempt.task.to_string(),
        endpoint: attempt.endpoint.to_string(),
        number: attempt.number,
        started_at: Some(timestamp(attempt.started_at)),
        url: attempt.url,
        verdict: verdict(&attempt.verdict) as i32,
        reason: attempt.reason,
        retry_at: attempt.retry_at.map(timestamp),
        status: attempt.status.map(u32::from),
        failure: attempt.failure.map(|word| failure(&word) as i32),
        response_headers: headers.collect(),
        response_body: body.map(Into::into),
        response_truncated: attempt.response_truncated,
        timing: Some(timing(attempt.timing)),
    }
}

/// A page of attempts.
pub(in crate::grpc) fn attempts(page: Page<Attempt>) -> (Vec<v1::Attempt>, Option<String>) {
    (page.items.into_iter().map(attempt).collect(), page.next_page)
}

fn timing(timing: Timing) -> v1::Timing {
    let time = |ms: f64| -> Option<Duration> {
        let time = std::time::Duration::try_from_secs_f64(ms / 1_000.0).ok()?;
        Some(duration(time))
    };
    v1::Timing {
        wait: time(timing.wait_ms),
        dns: timing.dns_ms.and_then(time),
        connect: timing.connect_ms.and_then(time),
        tls: timing.tls_ms.and_then(time),
        first_byte: timing.first_byte_ms.and_then(time),
        total: time(timing.total_ms),
    }
}

/// The verdict that a word names.
pub(in crate::grpc) fn verdict(word: &str) -> v1::Verdict {
    match word {
        "delivered" => v1::Verdict::Delivered,
        "retry" => v1::Verdict::Retry,
        "dead" => v1::Verdict::Dead,
        "cancelled" => v1::Verdict::Cancelled,
        _ => v1::Verdict::Unspecified,
    }
}

const FAILURES: [(v1::Failure, &str); 8] = [
    (v1::Failure::Dns, "dns"),
    (v1::Failure::Refused, "refused"),
    (v1::Failure::Connect, "connect"),
    (v1::Failure::Tls, "tls"),
    (v1::Failure::Reset, "reset"),
    (v1::Failure::Protocol, "protocol"),
    (v1::Failure::Timeout, "timeout"),
    (v1::Failure::Auth, "auth"),
];

/// The failure that a word names.
pub(in crate::grpc) fn failure(word: &str) -> v1::Failure {
    let found = FAILURES.iter().find(|(_, name)| *name == word);
    found.map_or(v1::Failure::Unspecified, |(failure, _)| *failure)
}

/// The word for a failure.
pub(in crate::grpc) fn failure_word(failure: v1::Failure) -> Option<&'static str> {
    let found = FAILURES.iter().find(|(known, _)| *known == failure);
    found.map(|(_, word)| *word)
}

#[cfg(test)]
mod tests {
    use queue::{outcome::FailureKind, verdict::Verdict};

    use super::*;

    #[test]
    fn every_word_of_the_queues_has_its_number() {
        for kind in FailureKind::ALL {
            let found = failure(kind.as_str());
            assert_eq!(failure_word(found), Some(kind.as_str()));
        }
        assert_eq!(FAILURES.len(), FailureKind::ALL.len());
        let retry = Verdict::Retry {
            at: chrono::DateTime::UNIX_EPOCH,
        };
        for (word, expected) in [
            (Verdict::Delivered.as_str(), v1::Verdict::Delivered),
            (retry.as_str(), v1::Verdict::Retry),
            (Verdict::Dead.as_str(), v1::Verdict::Dead),
        ] {
            assert_eq!(verdict(word), expected, "{word}");
        }
    }
}
