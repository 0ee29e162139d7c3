//! Finish: writes what came of deliveries, many at once, in one statement, which is one transaction.

use chrono::{DateTime, Utc};

use crate::{
    db::Queue,
    delivery::{Delivery, Purpose},
    error::Result,
    id::AttemptId,
    outcome::{Outcome, Timing},
    rollup::{self, Counts, Slot},
    verdict::Verdict,
};

/// What came of one delivery: an attempt with its verdict, or the decision to make none.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The delivery as it was before.
    pub delivery: Delivery,
    /// The attempt's id, minted when it began.
    pub id: AttemptId,
    /// What was decided.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The request, if one was made.
    pub request: Option<Request>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
}

/// What is logged of a request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The URL that was posted to.
    pub url: String,
    /// What came of it.
    pub outcome: Outcome,
    /// How long each part took.
    pub timing: Timing,
}

impl Finished {
    /// Attempts made, this one included.
    pub fn made(&self) -> u32 {
        self.delivery.attempts + u32::from(self.request.is_some())
    }

    fn status(&self) -> Option<i16> {
        match &self.request {
            Some(Request {
                outcome: Outcome::Answered(answer),
                ..
            }) => i16::try_from(answer.status).ok(),
            _ => None,
        }
    }

    fn failure(&self) -> Option<&'static str> {
        match &self.request {
            Some(Request {
                outcome: Outcome::Failed(failure),
                ..
            }) => Some(failure.kind.as_str()),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Attempts<'a> {
    ids: Vec<AttemptId>,
    deliveries: Vec<uuid::Uuid>,
    tasks: Vec<uuid::Uuid>,
    queues: Vec<uuid::Uuid>,
    endpoints: Vec<uuid::Uuid>,
    numbers: Vec<i16>,
    verdicts: Vec<&'static str>,
    reasons: Vec<Option<&'a str>>,
    retry_at: Vec<Option<DateTime<Utc>>>,
    urls: Vec<Option<&'a str>>,
    statuses: Vec<Option<i16>>,
    failures: Vec<Option<&'static str>>,
    wait: Vec<i32>,
    dns: Vec<Option<i32>>,
    connect: Vec<Option<i32>>,
    tls: Vec<Option<i32>>,
    first_byte: Vec<Option<i32>>,
    total: Vec<i32>,
    headers: Vec<Option<String>>,
    bodies: Vec<Option<&'a [u8]>>,
    truncated: Vec<bool>,
}

impl<'a> Attempts<'a> {
    fn add(&mut self, finished: &'a Finished) {
        let Finished {
            delivery,
            id,
            verdict,
            reason,
            request,
            ..
        } = finished;
        let timing = request.as_ref().map(|r| r.timing).unwrap_or_default();
        let answer = match request {
            Some(Request {
                outcome: Outcome::Answered(answer),
                ..
            }) => Some(answer),
            _ => None,
        };
        self.ids.push(*id);
        self.deliveries.push(delivery.id);
        self.tasks.push(delivery.content.id);
        self.queues.push(delivery.content.queue_id);
        self.endpoints.push(delivery.endpoint_id);
        self.numbers
            .push(i16::try_from(finished.made()).unwrap_or(i16::MAX));
        self.verdicts.push(verdict.as_str());
        self.reasons
            .push((*verdict != Verdict::Delivered).then_some(reason.as_str()));
        self.retry_at.push(if let Verdict::Retry { at } = verdict {
            Some(*at)
        } else {
            None
        });
        self.urls.push(request.as_ref().map(|r| r.url.as_str()));
        self.statuses.push(finished.status());
        self.failures.push(finished.failure());
        self.wait.push(micros(timing.wait_us));
        self.dns.push(timing.dns_us.map(micros));
        self.connect.push(timing.connect_us.map(micros));
        self.tls.push(timing.tls_us.map(micros));
        self.first_byte.push(timing.first_byte_us.map(micros));
        self.total.push(micros(timing.total_us));
        self.headers.push(answer.map(|a| header_lines(&a.headers)));
        self.bodies
            .push(answer.filter(|a| !a.body.is_empty()).map(|a| a.body.as_ref()));
        self.truncated.push(answer.is_some_and(|a| a.truncated));
    }
}

fn micros(us: u32) -> i32 {
    i32::try_from(us).unwrap_or(i32::MAX)
}

/// A line a header. PostgreSQL's text takes no NUL, and a line break would begin another header: both become spaces.
fn header_lines(headers: &[(String, String)]) -> String {
    let mut lines = String::new();
    for (name, value) in headers {
        lines.push_str(name);
        lines.push_str(": ");
        lines.extend(
            value
                .chars()
                .map(|c| if matches!(c, '\0' | '\n' | '\r') { ' ' } else { c }),
        );
        lines.push('\n');
    }
    lines
}

impl Queue {
    /// Logs the attempts; deletes what is delivered; moves to the dead letters what is dead; and sets the next time of what is retried.
    ///
    /// A row changes only while it has the count of attempts that the verdict was made from. So a node that lost the shard in the
    /// meantime, or a delivery that was cancelled, is no danger: the log has what happened, and nothing else changes. Writing the same
    /// results again changes nothing at all: whoever gets no answer may try again.
    pub async fn finish(&self, finished: &[Finished]) -> Result<()> {
        let mut log = Attempts::default();
        for one in finished {
            log.add(one);
        }
        let of = |wanted: fn(&Finished) -> bool| finished.iter().filter(move |one| wanted(one));
        let is_letter =
            |one: &Finished| one.verdict == Verdict::Dead && one.delivery.purpose != Purpose::Test;
        let gone: Vec<_> = finished
            .iter()
            .filter(|one| {
                one.verdict == Verdict::Delivered || (one.verdict == Verdict::Dead && !is_letter(one))
            })
            .map(|one| one.delivery.id)
            .collect();
        let dead: Vec<&Finished> = finished.iter().filter(|one| is_letter(one)).collect();
        let again: Vec<&Finished> = of(|one| matches!(one.verdict, Verdict::Retry { .. })).collect();
        let again_at: Vec<_> = again
            .iter()
            .filter_map(|one| {
                if let Verdict::Retry { at } = one.verdict {
                    Some(at)
                } else {
                    None
                }
            })
            .collect();
        let before = |one: &&Finished| i16::try_from(one.delivery.attempts).unwrap_or(i16::MAX);
        let made = |one: &&Finished| i16::try_from(one.made()).unwrap_or(i16::MAX);
        let written = sqlx::query!(
            "-- finish
            WITH logged AS (
                INSERT INTO attempts (id, delivery_id, task_id, queue_id, endpoint_id, number, verdict, reason, retry_at, url, status, failure,
                    wait_us, dns_us, connect_us, tls_us, first_byte_us, total_us, response_headers, response_body, response_truncated)
                SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::smallint[], $7::text[], $8::text[],
                    $9::timestamptz[], $10::text[], $11::smallint[], $12::text[], $13::int[], $14::int[], $15::int[], $16::int[], $17::int[],
                    $18::int[], $19::text[], $20::bytea[], $21::bool[])
            ), gone AS (
                -- delivered is delivered, whoever did it
                DELETE FROM deliveries WHERE id = ANY($22)
            ), buried AS (
                DELETE FROM deliveries d
                USING unnest($23::uuid[], $24::smallint[], $25::smallint[], $26::text[], $27::smallint[], $28::text[], $29::timestamptz[], $30::text[])
                    AS g (id, before, made, reason, status, failure, died_at, kind)
                WHERE d.id = g.id AND d.attempts = g.before
                RETURNING d.id, d.task_id, d.queue_id, d.endpoint_id, g.kind, d.size, d.priority, g.made, g.reason, g.status, g.failure, g.died_at
            ), letters AS (
                INSERT INTO dead_letters (id, task_id, queue_id, endpoint_id, type, size, priority, attempts, reason, status, failure, died_at)
                SELECT * FROM buried
            )
            UPDATE deliveries d SET attempts = g.made, due_at = g.at, reason = g.reason
            FROM unnest($31::uuid[], $32::smallint[], $33::smallint[], $34::timestamptz[], $35::text[]) AS g (id, before, made, at, reason)
            WHERE d.id = g.id AND d.attempts = g.before",
            &log.ids,
            &log.deliveries,
            &log.tasks,
            &log.queues,
            &log.endpoints,
            &log.numbers,
            &log.verdicts as &[&str],
            &log.reasons as &[Option<&str>],
            &log.retry_at as &[Option<DateTime<Utc>>],
            &log.urls as &[Option<&str>],
            &log.statuses as &[Option<i16>],
            &log.failures as &[Option<&str>],
            &log.wait,
            &log.dns as &[Option<i32>],
            &log.connect as &[Option<i32>],
            &log.tls as &[Option<i32>],
            &log.first_byte as &[Option<i32>],
            &log.total,
            &log.headers as &[Option<String>],
            &log.bodies as &[Option<&[u8]>],
            &log.truncated,
            &gone,
            &dead.iter().map(|one| one.delivery.id).collect::<Vec<_>>(),
            &dead.iter().map(before).collect::<Vec<_>>(),
            &dead.iter().map(made).collect::<Vec<_>>(),
            &dead.iter().map(|one| one.reason.clone()).collect::<Vec<_>>(),
            &dead.iter().map(|one| one.status()).collect::<Vec<_>>() as &[Option<i16>],
            &dead.iter().map(|one| one.failure()).collect::<Vec<_>>() as &[Option<&str>],
            &dead.iter().map(|one| one.ended_at).collect::<Vec<_>>(),
            &dead.iter().map(|one| one.delivery.content.kind.clone()).collect::<Vec<_>>(),
            &again.iter().map(|one| one.delivery.id).collect::<Vec<_>>(),
            &again.iter().map(before).collect::<Vec<_>>(),
            &again.iter().map(made).collect::<Vec<_>>(),
            &again_at,
            &again.iter().map(|one| one.reason.clone()).collect::<Vec<_>>(),
        )
        .execute(&self.inner.hot)
        .await;
        match written {
            // An attempt has an id of its own: these were written before, and the answer to that was lost.
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() && is_log(error.table()) => {}
            written => {
                written?;
            }
        }
        self.inner.rollups.count(finished.iter().map(counted));
        Ok(())
    }
}

/// Whether a table is the log of attempts or a day of it.
fn is_log(table: Option<&str>) -> bool {
    table.is_some_and(|name| name.starts_with("attempts"))
}

fn counted(finished: &Finished) -> (Slot, Counts) {
    let slot = Slot {
        minute: rollup::minute_of(finished.ended_at),
        queue_id: finished.delivery.content.queue_id,
        endpoint_id: finished.delivery.endpoint_id,
    };
    let mut counts = Counts::default();
    match finished.verdict {
        Verdict::Delivered => counts.delivered = 1,
        Verdict::Retry { .. } => counts.retried = 1,
        Verdict::Dead => counts.dead = 1,
    }
    if let Some(request) = &finished.request {
        counts.latency[rollup::bucket(request.timing.total_us)] = 1;
    }
    (slot, counts)
}
