//! What is decided of a delivery after an attempt, and why. A pure function of the facts; see [`judge`].

use chrono::{DateTime, Utc};

use crate::{
    outcome::{Answer, Failure, Outcome},
    retry::Retry,
};

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint accepted it.
    Delivered,
    /// It failed, and is due again at `at`.
    Retry {
        /// When it is due again.
        at: DateTime<Utc>,
    },
    /// It is given up.
    Dead,
}

impl Verdict {
    /// The word used in the database and the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry { .. } => "retry",
            Self::Dead => "dead",
        }
    }
}

/// A verdict with its reason, and what it means for the endpoint as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What becomes of the delivery.
    pub verdict: Verdict,
    /// Why: the fact and the rule, in a sentence for people.
    pub reason: String,
    /// What the answer asks of the whole lane.
    pub lane: LaneOrder,
}

/// What an answer asks of the lane beyond the one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneOrder {
    /// Nothing.
    Carry,
    /// Send nothing before then (`Retry-After` on 429 or 503).
    HoldUntil(DateTime<Utc>),
    /// Disable the endpoint (410).
    Disable,
}

/// What a judgement rests on besides the outcome.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The policy that holds for the delivery.
    pub retry: &'a Retry,
    /// Whether the 4xx that the standard table calls final are retried.
    pub retry_client_errors: bool,
    /// How many attempts are made, this one included.
    pub made: u32,
    /// When sending it makes no more sense.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the attempt ended.
    pub now: DateTime<Utc>,
    /// Uniform in 0..1, for jitter.
    pub chance: f64,
}

/// Longest time for which one answer can hold a lane. Longer than any sane `Retry-After`, short enough that a receiver's slip of the
/// pen (milliseconds for seconds) does not stop it for weeks.
const LONGEST_HOLD: std::time::Duration = std::time::Duration::from_hours(1);

/// Decides by the standard table:
///
/// | answer | verdict |
/// | --- | --- |
/// | 2xx | delivered |
/// | 408, 425, 429, 5xx, 3xx (never followed), no answer | retry by the policy; `Retry-After` is obeyed, and on 429 and 503 holds the lane |
/// | 410 | dead, and the endpoint is disabled |
/// | other 4xx | dead at once, unless the policy says retry |
///
/// Sources: Standard Webhooks v1.0.0, "Delivery recommendations"; RFC 9110, section 15.
pub fn judge(outcome: &Outcome, case: Case<'_>) -> Judgement {
    match outcome {
        Outcome::Answered(answer) => judge_answer(answer, case),
        Outcome::Failed(Failure { detail, .. }) => again(case, detail, None, LaneOrder::Carry),
    }
}

fn judge_answer(answer: &Answer, case: Case<'_>) -> Judgement {
    let status = answer.status;
    let hold = match answer.retry_after {
        Some(at) if matches!(status, 429 | 503) && at > case.now => {
            LaneOrder::HoldUntil(at.min(case.now + LONGEST_HOLD))
        }
        _ => LaneOrder::Carry,
    };
    match status {
        200..=299 => Judgement {
            verdict: Verdict::Delivered,
            reason: format!("the endpoint answered {status}"),
            lane: LaneOrder::Carry,
        },
        410 => Judgement {
            verdict: Verdict::Dead,
            reason: "the endpoint answered 410 (gone): it wants no more, and was disabled".into(),
            lane: LaneOrder::Disable,
        },
        408 | 425 | 429 | 500..=599 => again(
            case,
            &format!("the endpoint answered {status}"),
            answer.retry_after,
            hold,
        ),
        300..=399 => again(
            case,
            &format!("the endpoint answered {status}; redirects are not followed"),
            None,
            LaneOrder::Carry,
        ),
        _ if case.retry_client_errors => again(
            case,
            &format!("the endpoint answered {status}"),
            answer.retry_after,
            LaneOrder::Carry,
        ),
        _ => Judgement {
            verdict: Verdict::Dead,
            reason: format!("the endpoint answered {status}, which is final by the standard table"),
            lane: LaneOrder::Carry,
        },
    }
}

fn again(case: Case<'_>, fact: &str, retry_after: Option<DateTime<Utc>>, lane: LaneOrder) -> Judgement {
    let Case { retry, made, .. } = case;
    let (verdict, reason) = match retry.next(made, case.now, retry_after, case.chance) {
        None => (
            Verdict::Dead,
            format!("{fact}; that was attempt {made} of {}", retry.attempts),
        ),
        Some(at) if case.expires_at.is_some_and(|end| at >= end) => (
            Verdict::Dead,
            format!("{fact}; the task expires before its next attempt"),
        ),
        Some(at) => (
            Verdict::Retry { at },
            format!("{fact}; attempt {made} of {}", retry.attempts),
        ),
    };
    Judgement {
        verdict,
        reason,
        lane,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::outcome::FailureKind;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    fn answer(status: u16, retry_after: Option<u64>) -> Outcome {
        Outcome::Answered(Answer {
            status,
            headers: vec![],
            body: Bytes::new(),
            truncated: false,
            retry_after: retry_after.map(|s| now() + Duration::from_secs(s)),
        })
    }

    fn judge_at(
        outcome: &Outcome,
        made: u32,
        retry_client_errors: bool,
        expires_in: Option<u64>,
    ) -> Judgement {
        let retry = Retry {
            jitter: 0.0,
            ..Retry::default()
        };
        let expires_at = expires_in.map(|s| now() + Duration::from_secs(s));
        judge(
            outcome,
            Case {
                retry: &retry,
                retry_client_errors,
                made,
                expires_at,
                now: now(),
                chance: 0.5,
            },
        )
    }

    #[test]
    fn the_standard_table() {
        let retry = |seconds| Verdict::Retry {
            at: now() + Duration::from_secs(seconds),
        };
        let hold = |seconds| LaneOrder::HoldUntil(now() + Duration::from_secs(seconds));
        let table = [
            (200, None, Verdict::Delivered, LaneOrder::Carry),
            (204, None, Verdict::Delivered, LaneOrder::Carry),
            (299, None, Verdict::Delivered, LaneOrder::Carry),
            (301, None, retry(5), LaneOrder::Carry),
            (304, None, retry(5), LaneOrder::Carry),
            (400, None, Verdict::Dead, LaneOrder::Carry),
            (401, Some(60), Verdict::Dead, LaneOrder::Carry),
            (404, None, Verdict::Dead, LaneOrder::Carry),
            (408, None, retry(5), LaneOrder::Carry),
            (410, None, Verdict::Dead, LaneOrder::Disable),
            (425, None, retry(5), LaneOrder::Carry),
            (429, None, retry(5), LaneOrder::Carry),
            (429, Some(60), retry(60), hold(60)),
            (429, Some(2), retry(5), hold(2)),
            (500, Some(60), retry(60), LaneOrder::Carry),
            (503, Some(60), retry(60), hold(60)),
            (503, Some(1_000_000), retry(1_000_000), hold(3_600)),
            (599, None, retry(5), LaneOrder::Carry),
            (100, None, Verdict::Dead, LaneOrder::Carry),
        ];
        for (status, retry_after, verdict, lane) in table {
            let judged = judge_at(&answer(status, retry_after), 1, false, None);
            assert_eq!(
                (judged.verdict, judged.lane),
                (verdict, lane),
                "{status} {retry_after:?}"
            );
            assert!(judged.reason.contains(&status.to_string()), "{}", judged.reason);
        }
    }

    #[test]
    fn a_policy_can_retry_client_errors_but_never_410() {
        assert!(matches!(
            judge_at(&answer(404, None), 1, true, None).verdict,
            Verdict::Retry { .. }
        ));
        assert_eq!(judge_at(&answer(410, None), 1, true, None).verdict, Verdict::Dead);
    }

    #[test]
    fn the_last_attempt_and_the_expiry_end_it() {
        assert_eq!(
            judge_at(&answer(500, None), 12, false, None).verdict,
            Verdict::Dead
        );
        assert_eq!(
            judge_at(&answer(500, None), 1, false, Some(4)).verdict,
            Verdict::Dead
        );
        assert!(matches!(
            judge_at(&answer(500, None), 1, false, Some(6)).verdict,
            Verdict::Retry { .. }
        ));
    }

    proptest! {
        #[test]
        fn every_failure_is_retried_while_attempts_last(kind in 0usize..FailureKind::ALL.len(), made in 1u32..20) {
            let failed = Outcome::Failed(Failure { kind: FailureKind::ALL[kind], detail: "it broke".into() });
            let judged = judge_at(&failed, made, false, None);
            prop_assert_eq!(matches!(judged.verdict, Verdict::Retry { .. }), made < 12);
            prop_assert!(judged.reason.starts_with("it broke"));
            prop_assert_eq!(judged.lane, LaneOrder::Carry);
        }
    }
}
