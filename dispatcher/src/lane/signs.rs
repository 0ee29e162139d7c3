//! What an attempt says about its endpoint, beyond the one delivery.

use std::time::Duration;

use queue::{
    finish::{Finished, Request},
    outcome::{FailureKind, Outcome},
    verdict::Verdict,
};

use super::{breaker::Sign, concurrency::Load};

/// What a lane learns of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signs {
    /// For the breaker.
    pub(crate) sign: Sign,
    /// For the number in flight.
    pub(crate) load: Load,
    /// Whether the delivery was accepted.
    pub(crate) accepted: bool,
}

impl Signs {
    /// Nothing at all.
    pub(crate) const NONE: Self = Self {
        sign: Sign::None,
        load: Load::Unknown,
        accepted: false,
    };

    /// Reads them from what came of a delivery's turn.
    pub(crate) fn of(finished: &Finished) -> Self {
        let (sign, load) = finished
            .request
            .as_ref()
            .map_or((Sign::None, Load::Unknown), read);
        let accepted = finished.verdict == Verdict::Delivered;
        Self { sign, load, accepted }
    }
}

/// 502, 503 and 504 are the answers of those who stand before an endpoint that is not there. 503, 429 and a timeout say that it has too
/// much to do; a connection that does not come about says nothing of that.
fn read(request: &Request) -> (Sign, Load) {
    let took = Duration::from_micros(request.timing.total_us.into());
    match &request.outcome {
        Outcome::Answered(answer) => match answer.status {
            503 => (Sign::Down, Load::TooMuch),
            502 | 504 => (Sign::Down, Load::Unknown),
            429 => (Sign::Up, Load::TooMuch),
            _ => (Sign::Up, Load::Answered(took)),
        },
        Outcome::Failed(failure) => match failure.kind {
            FailureKind::Timeout => (Sign::Down, Load::TooMuch),
            FailureKind::Dns
            | FailureKind::Refused
            | FailureKind::Connect
            | FailureKind::Tls
            | FailureKind::Reset
            | FailureKind::Protocol
            | FailureKind::Auth => (Sign::Down, Load::Unknown),
        },
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use queue::outcome::{Answer, Failure, Timing};

    use super::*;

    fn signs(outcome: Outcome) -> (Sign, Load) {
        read(&Request {
            url: String::new(),
            outcome,
            timing: Timing {
                total_us: 5_000,
                ..Timing::default()
            },
        })
    }

    #[test]
    fn answers_and_failures_are_told_apart() {
        let took = Load::Answered(Duration::from_millis(5));
        for (status, expected) in [
            (200, (Sign::Up, took)),
            (302, (Sign::Up, took)),
            (400, (Sign::Up, took)),
            (429, (Sign::Up, Load::TooMuch)),
            (500, (Sign::Up, took)),
            (502, (Sign::Down, Load::Unknown)),
            (503, (Sign::Down, Load::TooMuch)),
            (504, (Sign::Down, Load::Unknown)),
        ] {
            let answer = Answer {
                status,
                headers: vec![],
                body: Bytes::new(),
                truncated: false,
                retry_after: None,
            };
            assert_eq!(signs(Outcome::Answered(answer)), expected, "{status}");
        }
        for kind in FailureKind::ALL {
            let detail = String::new();
            let (sign, load) = signs(Outcome::Failed(Failure { kind, detail }));
            let expected = if kind == FailureKind::Timeout {
                Load::TooMuch
            } else {
                Load::Unknown
            };
            assert_eq!((sign, load), (Sign::Down, expected), "{kind:?}");
        }
    }
}
