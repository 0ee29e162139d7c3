//! From messages to what the product works with, and back. What has no form here is told by field; every rule is somewhere else.

pub(super) mod attempts;
mod auth;
pub(super) mod dead_letters;
pub(super) mod endpoints;
pub(super) mod events;
pub(super) mod keys;
pub(super) mod lanes;
pub(super) mod mask;
pub(super) mod overview;
pub(super) mod queues;
pub(super) mod replays;
pub(super) mod settings;
pub(super) mod signing;
pub(super) mod system;
pub(super) mod tasks;
pub(super) mod verdicts;

use chrono::{DateTime, Utc};
use prost_types::{Duration, Timestamp};
use proto::Span;
use queue::error::Problems;
use uuid::Uuid;

use crate::{
    page::Paging,
    path,
    problem::{Kind, Refusal},
    state::Gateway,
    time,
};

/// The fields of one message, as they are read. Read each, then [`Form::finish`]: all problems are told at once.
#[derive(Debug, Default)]
pub(super) struct Form(pub(super) Problems);

impl Form {
    /// An id.
    pub(super) fn id(&mut self, text: &str, field: &str) -> Uuid {
        let id = text.parse();
        self.0.require(id.is_ok(), field, path::NO_ID);
        id.unwrap_or_default()
    }

    /// A point in time.
    pub(super) fn time(&mut self, at: Option<Timestamp>, field: &str) -> Option<DateTime<Utc>> {
        let Timestamp { seconds, nanos } = at?;
        let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
        let at = nanos.and_then(|nanos| DateTime::from_timestamp(seconds, nanos));
        self.0
            .require(at.is_some(), field, "no time: see google.protobuf.Timestamp");
        at
    }

    /// A point in time that a filter can mean.
    pub(super) fn since(&mut self, at: Option<Timestamp>, field: &str) -> Option<DateTime<Utc>> {
        let at = self.time(at, field)?;
        self.0.require(time::is_plausible(at), field, time::PLAUSIBLE);
        Some(at)
    }

    /// A length of time, to the millisecond.
    pub(super) fn span(&mut self, span: Option<Duration>, field: &str) -> Option<Span> {
        let Duration { seconds, nanos } = span?;
        let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds <= LONGEST);
        let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
        let read = seconds.zip(nanos);
        self.0.require(
            read.is_some(),
            field,
            "no duration: never negative, and at most 100 years",
        );
        let (seconds, nanos) = read?;
        Some(Span(std::time::Duration::new(seconds, nanos - nanos % 1_000_000)))
    }

    /// A small number, as far as its type goes; `expected` says what is right.
    pub(super) fn small<T: TryFrom<u32>>(
        &mut self,
        number: Option<u32>,
        field: &str,
        expected: &str,
    ) -> Option<T> {
        let read = T::try_from(number?).ok();
        self.0.require(read.is_some(), field, expected);
        read
    }

    /// A word of a closed list; that of zero is left out.
    pub(super) fn word<T: TryFrom<i32>>(&mut self, number: i32, field: &str) -> Option<T> {
        if number == 0 {
            return None;
        }
        let read = T::try_from(number).ok();
        self.0
            .require(read.is_some(), field, format!("{number} is no value of it"));
        read
    }

    /// How much of a list, and from where on.
    pub(super) fn paging(&mut self, limit: Option<u32>, page: Option<String>, gateway: &Gateway) -> Paging {
        let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Paging::of_fields(limit, page, gateway, &mut self.0)
    }

    /// An error if anything was wrong.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        let problems = self.0.into_vec();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Refusal::of_fields(Kind::Invalid, problems))
        }
    }
}

/// Seconds of 100 years: the longest time that REST reads.
const LONGEST: u64 = 100 * 366 * 86_400;

/// The one field of a message that asks by id.
pub(super) fn id(text: &str) -> Result<Uuid, Refusal> {
    let mut form = Form::default();
    let id = form.id(text, "id");
    form.finish()?;
    Ok(id)
}

/// A point in time.
pub(super) fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: at.timestamp(),
        // A leap second has more; it is told as the last moment of the one before.
        nanos: i32::try_from(at.timestamp_subsec_nanos().min(999_999_999)).unwrap_or_default(),
    }
}

/// A length of time.
pub(super) fn duration(span: std::time::Duration) -> Duration {
    Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blamed<T>(read: impl FnOnce(&mut Form) -> T) -> Vec<String> {
        let mut form = Form::default();
        read(&mut form);
        form.0.into_vec().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn what_has_no_form_is_told_by_field() {
        for text in [
            "",
            "x",
            "01980a3b-7c2d-7e4f-8a5b-6c7d8e9fa0b",
            "01980a3b-7c2d-7e4f-8a5b-6c7d8e9fa0b1\0",
        ] {
            assert_eq!(blamed(|form| form.id(text, "id")), ["id"], "{text:?}");
        }
        let at = |seconds, nanos| Some(Timestamp { seconds, nanos });
        for wrong in [at(i64::MAX, 0), at(i64::MIN, 0), at(0, -1), at(0, 1_000_000_000)] {
            assert_eq!(blamed(|form| form.time(wrong, "due_at")), ["due_at"], "{wrong:?}");
        }
        assert_eq!(blamed(|form| form.since(at(-1, 0), "since")), ["since"]);
        assert_eq!(
            blamed(|form| form.since(at(253_402_300_800, 0), "since")),
            ["since"]
        );
        let span = |seconds, nanos| Some(Duration { seconds, nanos });
        for wrong in [
            span(-1, 0),
            span(0, -1),
            span(0, 1_000_000_000),
            span(i64::MAX, 0),
        ] {
            assert_eq!(blamed(|form| form.span(wrong, "delay")), ["delay"], "{wrong:?}");
        }
        assert_eq!(
            blamed(|form| form.small::<u8>(Some(256), "priority", "0 to 9")),
            ["priority"]
        );
    }

    #[test]
    fn times_come_back_as_they_went() {
        let mut form = Form::default();
        for (seconds, nanos) in [(0, 0), (1_767_225_600, 123_456_789), (-1, 999_999_999)] {
            let at = Timestamp { seconds, nanos };
            assert_eq!(form.time(Some(at), "at").map(timestamp), Some(at));
        }
        let span = Duration {
            seconds: 7,
            nanos: 250_999_999,
        };
        let read = form.span(Some(span), "delay").unwrap();
        assert_eq!(read.to_string(), "7s250ms");
        assert_eq!(
            duration(read.0),
            Duration {
                seconds: 7,
                nanos: 250_000_000
            }
        );
        form.finish().unwrap();
    }
}
