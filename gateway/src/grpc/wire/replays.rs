//! Replays and what they mean.

use proto::{NewReplay, Replay, ReplayFilter, ReplaySource, ReplayStatus, grpc::v1};

use super::{Form, attempts, timestamp};
use crate::problem::Refusal;

const SOURCES: [(ReplaySource, v1::ReplaySource); 3] = [
    (ReplaySource::Dead, v1::ReplaySource::Dead),
    (ReplaySource::Delivered, v1::ReplaySource::Delivered),
    (ReplaySource::Any, v1::ReplaySource::Any),
];

const STATUSES: [(ReplayStatus, v1::ReplayStatus); 4] = [
    (ReplayStatus::Running, v1::ReplayStatus::Running),
    (ReplayStatus::Paused, v1::ReplayStatus::Paused),
    (ReplayStatus::Done, v1::ReplayStatus::Done),
    (ReplayStatus::Cancelled, v1::ReplayStatus::Cancelled),
];

/// A replay to be begun.
pub(in crate::grpc) fn read_new(
    filter: Option<v1::ReplayFilter>,
    rate: Option<u32>,
    target: Option<String>,
) -> Result<NewReplay, Refusal> {
    let mut form = Form::default();
    form.0.require(
        filter.is_some(),
        "filter",
        "is missing: send one; an empty one means all dead letters",
    );
    let new = NewReplay {
        filter: read_filter(filter.unwrap_or_default(), &mut form),
        rate,
        target: target.map(|id| form.id(&id, "target")),
    };
    form.finish()?;
    Ok(new)
}

fn read_filter(given: v1::ReplayFilter, form: &mut Form) -> ReplayFilter {
    let state: Option<v1::ReplaySource> = form.word(given.state, "filter.state");
    let found = state.and_then(|state| SOURCES.iter().find(|(_, theirs)| *theirs == state));
    let failure = form.word(given.failure, "filter.failure");
    ReplayFilter {
        state: found.map(|(ours, _)| *ours),
        queue: given.queue,
        endpoint: given.endpoint.map(|id| form.id(&id, "filter.endpoint")),
        kind: given.r#type,
        status: form.small(given.status, "filter.status", "an HTTP status"),
        failure: failure.and_then(attempts::failure_word).map(str::to_owned),
        error: given.error,
        since: form.time(given.since, "filter.since"),
        until: form.time(given.until, "filter.until"),
    }
}

/// The status that a list means, if it means one.
pub(in crate::grpc) fn read_status(given: i32, form: &mut Form) -> Option<ReplayStatus> {
    let given: v1::ReplayStatus = form.word(given, "status")?;
    let found = STATUSES.iter().find(|(_, theirs)| *theirs == given);
    found.map(|(ours, _)| *ours)
}

fn filter(filter: ReplayFilter) -> v1::ReplayFilter {
    let state = filter.state.and_then(|state| {
        let found = SOURCES.iter().find(|(ours, _)| *ours == state);
        found.map(|(_, theirs)| *theirs as i32)
    });
    v1::ReplayFilter {
        state: state.unwrap_or_default(),
        queue: filter.queue,
        endpoint: filter.endpoint.map(|id| id.to_string()),
        r#type: filter.kind,
        status: filter.status.map(u32::from),
        failure: filter
            .failure
            .map(|word| attempts::failure(&word) as i32)
            .unwrap_or_default(),
        error: filter.error,
        since: filter.since.map(timestamp),
        until: filter.until.map(timestamp),
    }
}

pub(in crate::grpc) fn replay(replay: Replay) -> v1::Replay {
    let found = STATUSES.iter().find(|(ours, _)| *ours == replay.status);
    v1::Replay {
        id: replay.id.to_string(),
        filter: Some(filter(replay.filter)),
        rate: replay.rate,
        target: replay.target.map(|id| id.to_string()),
        status: found.map(|(_, theirs)| *theirs as i32).unwrap_or_default(),
        expected: replay.expected,
        expected_exact: replay.expected_exact,
        looked: replay.looked,
        matched: replay.matched,
        done: replay.done,
        skipped: replay.skipped,
        problem: replay.problem,
        created_at: Some(timestamp(replay.created_at)),
        started_at: replay.started_at.map(timestamp),
        ended_at: replay.ended_at.map(timestamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_comes_back_as_it_went_and_must_be_there() {
        for json in [
            "{}",
            r#"{"state":"any","queue":"q","endpoint":"01980a2f-0c11-7a20-b0d3-2f6a9e4c7d10","type":"a.*"}"#,
            r#"{"state":"dead","status":500,"failure":"tls","error":"x","since":"2026-01-31T00:00:00Z","until":"2026-02-01T00:00:00Z"}"#,
        ] {
            let given: ReplayFilter = serde_json::from_str(json).unwrap();
            let new = read_new(Some(filter(given.clone())), Some(7), None).unwrap();
            assert_eq!((new.filter, new.rate), (given, Some(7)), "{json}");
        }
        assert_eq!(read_new(None, None, None).unwrap_err().errors[0].field, "filter");
        let wrong = v1::ReplayFilter {
            state: 9,
            endpoint: Some("x".to_owned()),
            status: Some(70_000),
            ..v1::ReplayFilter::default()
        };
        let errors = read_new(Some(wrong), None, Some("y".to_owned()))
            .unwrap_err()
            .errors;
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(
            fields,
            ["filter.state", "filter.endpoint", "filter.status", "target"]
        );
    }
}
