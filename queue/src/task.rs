//! A task: what a producer gives, and what is made of it once it has been checked.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use proto::RetryPolicy;
use sha2::{Digest, Sha256};

use crate::{
    error::{Error, Problems, Result},
    glob, headers,
    id::{QueueId, TaskId},
    settings, trace,
};

/// The priority of a task that names none: the middle of 0 to 9, as in JMS.
pub(crate) const DEFAULT_PRIORITY: u8 = 4;

/// How far ahead a task may be due: a year, so that a slip of milliseconds for seconds is an error and not a task in 50,000 years.
const FARTHEST: Duration = Duration::from_hours(366 * 24);

/// A task as it is given to be enqueued, over whatever transport.
#[derive(Debug, Clone, Default)]
pub struct NewTask {
    /// What kind of task it is; empty if none was given.
    pub kind: String,
    /// What is sent.
    pub payload: Bytes,
    /// Its media type.
    pub content_type: String,
    /// Headers sent with each request.
    pub headers: BTreeMap<String, String>,
    /// 0 to 9, 9 goes first.
    pub priority: Option<u8>,
    /// How long to wait before the first attempt.
    pub delay: Option<Duration>,
    /// When to make the first attempt, in place of `delay`.
    pub due_at: Option<DateTime<Utc>>,
    /// When sending it makes no more sense.
    pub expires_at: Option<DateTime<Utc>>,
    /// The caller's own name for it.
    pub idempotency_key: Option<String>,
    /// What it is in order with.
    pub ordering_key: Option<String>,
    /// Its own retry policy.
    pub retry: Option<RetryPolicy>,
}

/// A task that passed every check and lacks only its id.
#[derive(Debug, Clone)]
pub struct Checked {
    pub(crate) task: NewTask,
    pub(crate) due_at: DateTime<Utc>,
    pub(crate) fingerprint: Option<[u8; 32]>,
}

/// Through how many servers like this one a task may have come. More are a circle: no chain of them that anybody builds is as long.
const HOPS_MAX: u8 = 8;

/// The header that counts them.
pub const HOP: &str = "posthaste-hop";

/// Reads the count in a request's header `posthaste-hop`; none is 0.
pub fn read_hops(header: Option<&str>) -> Result<u8> {
    let hops = header.map_or(Ok(0), str::parse::<u8>);
    match hops {
        Ok(hops) if hops < HOPS_MAX => Ok(hops),
        Ok(hops) => Err(Error::invalid(
            HOP,
            format!(
                "this came through {hops} servers like this one: an endpoint of one of them leads back here, in a circle"
            ),
        )),
        Err(_) => Err(Error::invalid(
            HOP,
            "a number from 0 on: how many servers it came through",
        )),
    }
}

impl Checked {
    /// The task after it came through so many servers: it goes on with that, so that a circle is noticed.
    #[must_use]
    pub fn after_hops(mut self, hops: u8) -> Self {
        if hops > 0 {
            self.task.headers.insert(HOP.to_owned(), hops.to_string());
        }
        self
    }

    /// The task as part of a trace. Not of its content: a repeat under the same idempotency key is one whatever trace it comes in.
    #[must_use]
    pub fn in_trace(mut self, trace: &trace::Context) -> Self {
        let headers = &mut self.task.headers;
        headers.insert(trace::TRACEPARENT.to_owned(), trace.span.to_string());
        if !trace.state.is_empty() {
            headers.insert(trace::TRACESTATE.to_owned(), trace.state.clone());
        }
        self
    }
}

/// Checks a task against the rules and `payload_max` (bytes). All problems are reported at once.
pub fn check(task: NewTask, payload_max: usize, now: DateTime<Utc>) -> Result<Checked> {
    let mut problems = Problems::default();
    problems.require(
        task.kind.is_empty() || glob::is_type(&task.kind),
        "type",
        "1 to 200 of a-z A-Z 0-9 . _ - : /",
    );
    // A text is made only where there is a problem to tell: this is done for every task.
    let size = task.payload.len();
    if size > payload_max {
        problems.add(
            "payload",
            format!("{size} bytes; at most {payload_max} are taken"),
        );
    }
    problems.require(
        is_media_type(&task.content_type),
        "content_type",
        "a media type such as `application/json`",
    );
    headers::check(&task.headers, "headers", &mut problems);
    problems.require(task.priority.is_none_or(|p| p <= 9), "priority", "0 to 9");
    problems.require(
        task.delay.is_none() || task.due_at.is_none(),
        "delay",
        "give either `delay` or `due_at`, not both",
    );
    let farthest = now + FARTHEST;
    let due_at = task.due_at.or(task
        .delay
        .and_then(|delay| now.checked_add_signed(chrono::Duration::from_std(delay).ok()?)));
    let field = if task.due_at.is_some() { "due_at" } else { "delay" };
    problems.require(
        due_at.is_some_and(|at| at <= farthest) || (due_at.is_none() && task.delay.is_none()),
        field,
        "at most a year ahead",
    );
    // A time that has passed means now: a producer's clock may be slow, and its task is no less due.
    let due_at = due_at.unwrap_or(now).max(now);
    if let Some(end) = task.expires_at {
        problems.require(
            end > due_at,
            "expires_at",
            "later than the task is due, and in the future",
        );
        problems.require(
            end <= farthest + FARTHEST,
            "expires_at",
            "at most two years ahead",
        );
    }
    for (field, key) in [
        ("idempotency_key", &task.idempotency_key),
        ("ordering_key", &task.ordering_key),
    ] {
        let fine =
            |key: &String| (1..=255).contains(&key.chars().count()) && !key.chars().any(char::is_control);
        problems.require(
            key.as_ref().is_none_or(fine),
            field,
            "1 to 255 characters, none of them a control character",
        );
    }
    if let Some(policy) = &task.retry {
        settings::check_retry(policy, "retry", &mut problems);
    }
    problems.finish()?;
    let fingerprint = task.idempotency_key.is_some().then(|| fingerprint(&task));
    Ok(Checked {
        task,
        due_at,
        fingerprint,
    })
}

fn is_media_type(text: &str) -> bool {
    text.len() <= 200
        && text.bytes().all(|b| (b' '..=b'~').contains(&b))
        && text
            .split_once('/')
            .is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty())
        && text.trim() == text
}

/// Tells whether two tasks with one idempotency key are the same: over all that the caller gave. A delay counts as given, not as the
/// time it came to, so that a repeat a second later is still a repeat.
fn fingerprint(task: &NewTask) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(task.kind.as_bytes());
    part(&task.payload);
    part(task.content_type.as_bytes());
    part(
        format!(
            "{:?}",
            (
                &task.headers,
                task.priority,
                task.delay,
                task.due_at,
                task.expires_at,
                &task.retry
            )
        )
        .as_bytes(),
    );
    // Only where there is one: the fingerprints of tasks without it stay what they were.
    if let Some(key) = &task.ordering_key {
        part(key.as_bytes());
    }
    hash.finalize().into()
}

/// What a push needs of a task; shared by all its deliveries in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// The task's id.
    pub id: TaskId,
    /// Its queue.
    pub queue_id: QueueId,
    /// What kind of task it is; empty if none was given.
    pub kind: String,
    /// The payload's media type.
    pub content_type: String,
    /// What is sent.
    pub payload: Bytes,
    /// Headers sent with each request.
    pub headers: BTreeMap<String, String>,
    /// Its own retry policy.
    pub retry: Option<RetryPolicy>,
}

#[cfg(test)]
mod hops {
    use super::*;

    #[test]
    fn a_circle_ends() {
        for (header, expected) in [
            (None, Some(0)),
            (Some("0"), Some(0)),
            (Some("7"), Some(7)),
            (Some("8"), None),
            (Some("255"), None),
            (Some("256"), None),
            (Some("-1"), None),
            (Some("x"), None),
            (Some(""), None),
        ] {
            assert_eq!(read_hops(header).ok(), expected, "{header:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    fn task() -> NewTask {
        NewTask {
            payload: Bytes::from_static(b"{}"),
            content_type: "application/json".into(),
            ..NewTask::default()
        }
    }

    fn fields(task: NewTask) -> Vec<String> {
        match check(task, 10, now()) {
            Err(crate::Error::Invalid(errors)) => errors.into_iter().map(|e| e.field).collect(),
            _ => vec![],
        }
    }

    #[test]
    fn a_plain_task_is_due_now() {
        let checked = check(task(), 10, now()).unwrap();
        assert_eq!((checked.due_at, checked.fingerprint), (now(), None));
        let past = NewTask {
            due_at: Some(now() - chrono::Duration::days(1)),
            ..task()
        };
        assert_eq!(check(past, 10, now()).unwrap().due_at, now());
        let later = NewTask {
            delay: Some(Duration::from_mins(1)),
            ..task()
        };
        assert_eq!(
            check(later, 10, now()).unwrap().due_at,
            now() + chrono::Duration::seconds(60)
        );
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table: a row a mistake")]
    fn every_mistake_names_its_field() {
        let second = chrono::Duration::seconds(1);
        for (task, expected) in [
            (
                NewTask {
                    kind: "a b".into(),
                    ..task()
                },
                vec!["type"],
            ),
            (
                NewTask {
                    kind: "a\0".into(),
                    ..task()
                },
                vec!["type"],
            ),
            (
                NewTask {
                    payload: Bytes::from_static(b"12345678901"),
                    ..task()
                },
                vec!["payload"],
            ),
            (
                NewTask {
                    content_type: "json".into(),
                    ..task()
                },
                vec!["content_type"],
            ),
            (
                NewTask {
                    content_type: "a/b\r\nx: y".into(),
                    ..task()
                },
                vec!["content_type"],
            ),
            (
                NewTask {
                    headers: [("host".into(), "x".into())].into(),
                    ..task()
                },
                vec!["headers.host"],
            ),
            (
                NewTask {
                    priority: Some(10),
                    ..task()
                },
                vec!["priority"],
            ),
            (
                NewTask {
                    delay: Some(Duration::ZERO),
                    due_at: Some(now()),
                    ..task()
                },
                vec!["delay"],
            ),
            (
                NewTask {
                    delay: Some(Duration::MAX),
                    ..task()
                },
                vec!["delay"],
            ),
            (
                NewTask {
                    due_at: Some(now() + chrono::Duration::days(400)),
                    ..task()
                },
                vec!["due_at"],
            ),
            (
                NewTask {
                    expires_at: Some(now()),
                    ..task()
                },
                vec!["expires_at"],
            ),
            (
                NewTask {
                    delay: Some(Duration::from_secs(5)),
                    expires_at: Some(now() + second),
                    ..task()
                },
                vec!["expires_at"],
            ),
            (
                NewTask {
                    idempotency_key: Some(String::new()),
                    ..task()
                },
                vec!["idempotency_key"],
            ),
            (
                NewTask {
                    idempotency_key: Some("a\n".into()),
                    ..task()
                },
                vec!["idempotency_key"],
            ),
            (
                NewTask {
                    retry: Some(RetryPolicy {
                        attempts: Some(0),
                        ..RetryPolicy::default()
                    }),
                    ..task()
                },
                vec!["retry.attempts"],
            ),
            (
                NewTask {
                    kind: " ".into(),
                    priority: Some(11),
                    ..task()
                },
                vec!["type", "priority"],
            ),
        ] {
            assert_eq!(fields(task), expected);
        }
    }

    #[test]
    fn the_fingerprint_tells_content_apart_and_not_time() {
        let keyed = |task: NewTask| NewTask {
            idempotency_key: Some("k".into()),
            ..task
        };
        let print = |task: NewTask, at| check(keyed(task), 10, at).unwrap().fingerprint.unwrap();
        let delayed = NewTask {
            delay: Some(Duration::from_secs(1)),
            ..task()
        };
        assert_eq!(
            print(delayed.clone(), now()),
            print(delayed, now() + chrono::Duration::seconds(9))
        );
        assert_ne!(
            print(task(), now()),
            print(
                NewTask {
                    kind: "x".into(),
                    ..task()
                },
                now()
            )
        );
        let cut = |kind: &str, payload: &'static [u8]| {
            print(
                NewTask {
                    kind: kind.into(),
                    payload: Bytes::from_static(payload),
                    ..task()
                },
                now(),
            )
        };
        assert_ne!(cut("a", b"bc"), cut("ab", b"c"));
    }
}
