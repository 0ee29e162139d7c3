//! The presets: tables with a verdict for every response there is.

use proto::VerdictPreset;

use super::{Action, Source};
use crate::outcome::Outcome;

/// The status by which a receiver of `QStash` says that a message is not to be sent again, with [`NON_RETRYABLE`].
/// Source: Upstash, "`QStash`: Retry", section "Non-retryable error".
const QSTASH_NON_RETRYABLE: u16 = 489;

/// The header that must come with it, and its value.
const NON_RETRYABLE: (&str, &str) = ("upstash-nonretryable-error", "true");

/// What a preset says of a response.
pub(super) fn find(
    preset: VerdictPreset,
    retry_client_errors: bool,
    outcome: &Outcome,
) -> (Action, Source<'static>) {
    let Outcome::Answered(answer) = outcome else {
        return (Action::Retry, Source::Preset(name(preset), "no answer"));
    };
    let status = answer.status;
    if (200..=299).contains(&status) {
        return (Action::Deliver, Source::Preset(name(preset), "2xx"));
    }
    let (action, line) = match preset {
        VerdictPreset::Standard => match status {
            410 => (Action::Disable, "410 means gone"),
            429 | 503 => (Action::RetryHolding, "429 and 503"),
            408 | 425 => (Action::Retry, "408 and 425"),
            500..=599 => (Action::Retry, "5xx"),
            300..=399 => (Action::Retry, "3xx, which is not followed"),
            _ if retry_client_errors => return (Action::Retry, Source::RetryClientErrors),
            _ => (Action::Dead, "other 4xx are final"),
        },
        VerdictPreset::RetryAll => match status {
            429 | 503 => (Action::RetryHolding, "429 and 503"),
            _ => (Action::Retry, "all but 2xx"),
        },
        VerdictPreset::CloudTasks => match status {
            429 | 503 => (Action::HoldLane(None), "429 and 503 hold the lane"),
            _ => (Action::Retry, "all but 2xx"),
        },
        VerdictPreset::Qstash => {
            let (name, value) = NON_RETRYABLE;
            let is_final = |(n, v): &(String, String)| n == name && v.trim().eq_ignore_ascii_case(value);
            if status == QSTASH_NON_RETRYABLE && answer.headers.iter().any(is_final) {
                (Action::Dead, "489 with Upstash-NonRetryable-Error")
            } else {
                (Action::Retry, "all but 2xx")
            }
        }
    };
    (action, Source::Preset(name(preset), line))
}

/// The word that the API has for a preset.
fn name(preset: VerdictPreset) -> &'static str {
    match preset {
        VerdictPreset::Standard => "standard",
        VerdictPreset::RetryAll => "retry-all",
        VerdictPreset::CloudTasks => "cloud-tasks",
        VerdictPreset::Qstash => "qstash",
    }
}
