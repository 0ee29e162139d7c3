//! A refusal as gRPC tells it: a code, a sentence, and details of the types that clients know (google.rpc).

use std::{collections::HashMap, time::Duration};

use prost::Message;
use proto::grpc::v1;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::wire;
use crate::{
    acting::Ended,
    problem::{Kind, Refusal},
};

/// The `domain` of google.rpc.ErrorInfo: its `reason` is ours.
const DOMAIN: &str = "posthaste";

/// Bytes of details at most. They travel in a header, in base64, beside the message; clients take 8 KiB of headers by default.
const DETAILS: usize = 4 << 10;

/// Bytes of the message at most, which travels in a header of its own: room for any sentence of ours, and not for all that a caller may
/// have sent as a name.
const MESSAGE: usize = 1 << 10;

/// The code of each kind. `INVALID_ARGUMENT` also for what is too large: asking again would not help.
fn code(kind: Kind) -> Code {
    match kind {
        Kind::Invalid | Kind::TooLarge | Kind::UnsupportedMediaType => Code::InvalidArgument,
        Kind::Unauthorized => Code::Unauthenticated,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::MethodNotAllowed => Code::Unimplemented,
        Kind::BodyTimeout => Code::DeadlineExceeded,
        Kind::Conflict => Code::FailedPrecondition,
        Kind::KeyReused => Code::AlreadyExists,
        Kind::TooMany => Code::ResourceExhausted,
        Kind::Internal => Code::Internal,
        Kind::Unavailable => Code::Unavailable,
    }
}

/// The kind's name as a `reason`: `IDEMPOTENCY_KEY_REUSED`.
fn reason(kind: Kind) -> String {
    kind.describe().1.replace('-', "_").to_ascii_uppercase()
}

/// A message, or the beginning of one that is too long.
fn cut(message: &str) -> &str {
    &message[..message.floor_char_boundary(MESSAGE)]
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let kind = refusal.kind;
        let mut details = details(kind);
        if let Some(wait) = refusal.wait() {
            details.set_retry_info(Some(wait));
        }
        let mut room = DETAILS;
        for error in refusal.errors {
            room = room.saturating_sub(error.field.len() + error.detail.len() + 8);
            if room == 0 {
                break;
            }
            details.add_bad_request_violation(error.field, error.detail);
        }
        Status::with_error_details(code(kind), cut(&refusal.detail), details)
    }
}

/// What is told besides the fields.
fn details(kind: Kind) -> ErrorDetails {
    let mut details = ErrorDetails::new();
    let name = format!("/problems/{}", kind.describe().1);
    details.set_error_info(reason(kind), DOMAIN, HashMap::from([("type".to_owned(), name)]));
    details
}

/// What a caller is told whose time was over. Whoever waited for a commit cannot know whether it came about.
pub(super) fn exceeded(after: Duration) -> Status {
    let detail = format!(
        "It took longer than {} s. Whether the call took effect is not known.",
        after.as_secs_f32()
    );
    Status::with_error_details(Code::DeadlineExceeded, detail, details(Kind::Unavailable))
}

/// What of a batch or a stream was refused, in a message of its own.
pub(super) fn rejection(refusal: Refusal) -> v1::Rejection {
    let retry_delay = refusal.wait().map(wire::duration);
    let violations = refusal.errors.into_iter().map(|error| v1::FieldViolation {
        field: error.field,
        detail: error.detail,
    });
    v1::Rejection {
        code: code(refusal.kind) as i32,
        reason: reason(refusal.kind),
        detail: refusal.detail,
        field_violations: violations.collect(),
        retry_delay,
    }
}

/// What is told at the end of a call that would have lasted.
pub(super) fn ended(why: Ended) -> Refusal {
    match why {
        Ended::Stopping => Refusal::new(
            Kind::Unavailable,
            "This node is shutting down. Go on at another, after what was last answered.",
        ),
        Ended::NotAllowed => Refusal::new(
            Kind::Unauthorized,
            "Your key or token has ended, or allows something else than when this call began.",
        ),
    }
}

/// A status that tonic made, with the details that ours have.
pub(super) fn complete(status: &Status) -> Status {
    let (kind, field) = match status.code() {
        Code::InvalidArgument => (Kind::Invalid, Some("message")),
        // The limit of a message, before or after it was decompressed.
        Code::OutOfRange | Code::ResourceExhausted => (Kind::TooLarge, Some("message")),
        Code::Unimplemented => (Kind::MethodNotAllowed, None),
        Code::Internal => (Kind::Internal, None),
        _ => return status.clone(),
    };
    let mut details = details(kind);
    // It may repeat what came, such as the name of a coding.
    let message = cut(status.message());
    if let Some(field) = field {
        details.set_bad_request([FieldViolation::new(field, message)]);
    }
    let metadata = status.metadata().clone();
    Status::with_error_details_and_metadata(code(kind), message, details, metadata)
}

/// An answer. It is compressed for clients that take that, if there is something to gain: the compressor costs more than a small message.
pub(super) fn reply<T: Message>(message: T) -> tonic::Response<T> {
    const WORTH_IT: usize = 1 << 10;
    let small = message.encoded_len() < WORTH_IT;
    let mut response = tonic::Response::new(message);
    if small {
        response.disable_compression();
    }
    response
}

#[cfg(test)]
mod tests {
    use proto::FieldError;

    use super::*;

    #[test]
    fn a_status_tells_what_a_problem_document_tells() {
        let status = Status::from(Refusal::invalid("retry.attempts", "1 to 100"));
        assert_eq!(
            (status.code(), status.message()),
            (Code::InvalidArgument, "retry.attempts: 1 to 100")
        );
        let details = status.get_error_details();
        let violation = &details.bad_request().unwrap().field_violations[0];
        assert_eq!(
            (&*violation.field, &*violation.description),
            ("retry.attempts", "1 to 100")
        );
        let info = details.error_info().unwrap();
        assert_eq!((&*info.reason, &*info.domain), ("INVALID", "posthaste"));
        assert_eq!(info.metadata["type"], "/problems/invalid");
        assert!(details.retry_info().is_none());
    }

    #[test]
    fn who_may_try_again_hears_when() {
        let status = Status::from(Refusal::new(Kind::Unavailable, "full"));
        assert_eq!(status.code(), Code::Unavailable);
        let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
        assert!((1..=5).contains(&delay.as_secs()));
        assert!(
            rejection(Refusal::new(Kind::Unavailable, "full"))
                .retry_delay
                .is_some()
        );
        assert!(rejection(Refusal::internal()).retry_delay.is_none());
    }

    #[test]
    fn details_fit_into_a_header() {
        let error = |at: usize| FieldError {
            field: format!("filter[{at}]"),
            detail: "x".repeat(200),
        };
        let status = Status::from(Refusal::of_fields(Kind::Invalid, (0..100).map(error).collect()));
        assert!(status.details().len() < 5 << 10, "{}", status.details().len());
        let violations = status.get_details_bad_request().unwrap().field_violations.len();
        assert!((10..100).contains(&violations), "{violations}");
        assert_eq!(status.message(), "100 fields are wrong: see `errors`.");
    }

    #[test]
    fn a_message_fits_into_a_header() {
        for (letter, length) in [("x", MESSAGE), ("\u{20ac}", MESSAGE - 1)] {
            let long = letter.repeat(100_000);
            for status in [
                Status::from(Refusal::new(Kind::NotFound, long.as_str())),
                complete(&Status::unimplemented(long.as_str())),
                complete(&Status::invalid_argument(long.as_str())),
            ] {
                assert_eq!(status.message().len(), length);
                assert!(status.details().len() < 5 << 10, "{}", status.details().len());
            }
        }
        let short = Status::from(Refusal::new(Kind::NotFound, "gone"));
        assert_eq!(short.message(), "gone");
    }

    #[test]
    fn a_reason_is_the_name_of_the_kind() {
        assert_eq!(reason(Kind::KeyReused), "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(reason(Kind::NotFound), "NOT_FOUND");
    }
}
