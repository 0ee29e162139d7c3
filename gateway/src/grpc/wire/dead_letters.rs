//! Dead letters and the filters that mean them.

use proto::{DeadLetter, DeadLetterFilter, DeadLetterGroup, grpc::v1};

use super::{Form, attempts, timestamp};
use crate::problem::Refusal;

/// Which dead letters are meant.
pub(in crate::grpc) fn read_filter(given: v1::DeadLetterFilter, form: &mut Form) -> DeadLetterFilter {
    let failure = form.word(given.failure, "failure");
    DeadLetterFilter {
        queue: given.queue,
        endpoint: given.endpoint.map(|id| form.id(&id, "endpoint")),
        kind: given.r#type,
        status: form.small(given.status, "status", "an HTTP status"),
        failure: failure.and_then(attempts::failure_word).map(str::to_owned),
        since: form.time(given.since, "since"),
        until: form.time(given.until, "until"),
    }
}

/// The same where it must be given: everything is meant only by who sends an empty one.
pub(in crate::grpc) fn read_given(given: Option<v1::DeadLetterFilter>) -> Result<DeadLetterFilter, Refusal> {
    let mut form = Form::default();
    form.0.require(
        given.is_some(),
        "filter",
        "is missing: send one; an empty one means all dead letters",
    );
    let filter = read_filter(given.unwrap_or_default(), &mut form);
    form.finish()?;
    Ok(filter)
}

pub(in crate::grpc) fn dead_letter(letter: DeadLetter) -> v1::DeadLetter {
    v1::DeadLetter {
        id: letter.id.to_string(),
        task: letter.task.to_string(),
        r#type: letter.kind,
        queue: letter.queue,
        endpoint: letter.endpoint.to_string(),
        attempts: letter.attempts,
        reason: letter.reason,
        status: letter.status.map(u32::from),
        failure: letter.failure.map(|word| attempts::failure(&word) as i32),
        died_at: Some(timestamp(letter.died_at)),
    }
}

pub(in crate::grpc) fn group(group: DeadLetterGroup) -> v1::DeadLetterGroup {
    v1::DeadLetterGroup {
        queue: group.queue,
        endpoint: group.endpoint.to_string(),
        reason: group.reason,
        status: group.status.map(u32::from),
        failure: group.failure.map(|word| attempts::failure(&word) as i32),
        count: group.count,
        last_died_at: Some(timestamp(group.last_died_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_sent_or_nothing_is_meant() {
        assert_eq!(read_given(None).unwrap_err().errors[0].field, "filter");
        assert_eq!(
            read_given(Some(v1::DeadLetterFilter::default())).unwrap(),
            DeadLetterFilter::default()
        );
    }

    #[test]
    fn every_mistake_names_its_field() {
        let wrong = v1::DeadLetterFilter {
            endpoint: Some("x".to_owned()),
            status: Some(70_000),
            failure: 99,
            ..v1::DeadLetterFilter::default()
        };
        let errors = read_given(Some(wrong)).unwrap_err().errors;
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["failure", "endpoint", "status"]);
        let right = v1::DeadLetterFilter {
            failure: v1::Failure::Tls as i32,
            ..v1::DeadLetterFilter::default()
        };
        assert_eq!(read_given(Some(right)).unwrap().failure.as_deref(), Some("tls"));
    }
}
