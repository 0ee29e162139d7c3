//! Finish: writes what came of deliveries, many at once, in one statement, which is one transaction.

use std::time::Instant;

use chrono::{DateTime, Utc};
use proto::Keep;
use sqlx::{
    Postgres, Type,
    postgres::{PgHasArrayType, PgTypeInfo},
};

use crate::{
    db::Queue,
    delivery::{Delivery, Purpose},
    error::Result,
    id::{AttemptId, DeliveryId, EndpointId, QueueId, TaskId},
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
    /// Why; empty where the status says it all, see [`crate::verdict::Judgement::reason`].
    pub reason: String,
    /// Whether it makes way for those that wait behind it, although it is tried again.
    pub makes_way: bool,
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
    /// The key whose next delivery may go now, if it is in order with others.
    pub fn frees(&self) -> Option<&str> {
        let key = self.delivery.ordering_key.as_deref()?;
        (self.makes_way || !matches!(self.verdict, Verdict::Retry { .. })).then_some(key)
    }

    /// Attempts made, this one included.
    pub fn made(&self) -> u32 {
        self.delivery.attempts + u32::from(self.request.is_some())
    }

    pub(crate) fn status(&self) -> Option<i16> {
        match &self.request {
            Some(Request {
                outcome: Outcome::Answered(answer),
                ..
            }) => i16::try_from(answer.status).ok(),
            _ => None,
        }
    }

    pub(crate) fn failure(&self) -> Option<&'static str> {
        match &self.request {
            Some(Request {
                outcome: Outcome::Failed(failure),
                ..
            }) => Some(failure.kind.as_str()),
            _ => None,
        }
    }
}

/// A row of the log, as PostgreSQL receives it: the type `new_attempt` of the migrations.
#[derive(sqlx::Encode)]
struct NewAttempt<'a> {
    id: AttemptId,
    delivery_id: DeliveryId,
    task_id: TaskId,
    queue_id: QueueId,
    endpoint_id: EndpointId,
    number: i16,
    verdict: &'static str,
    reason: Option<&'a str>,
    retry_at: Option<DateTime<Utc>>,
    url: Option<&'a str>,
    status: Option<i16>,
    failure: Option<&'static str>,
    wait_us: i32,
    dns_us: Option<i32>,
    connect_us: Option<i32>,
    tls_us: Option<i32>,
    first_byte_us: Option<i32>,
    total_us: i32,
    response_headers: Option<String>,
    response_body: Option<&'a [u8]>,
    response_truncated: bool,
}

impl Type<Postgres> for NewAttempt<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("new_attempt")
    }
}

impl PgHasArrayType for NewAttempt<'_> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::array_of("new_attempt")
    }
}

impl<'a> NewAttempt<'a> {
    /// `shown`: what is stored of the response's body in place of it.
    fn of(finished: &'a Finished, shown: Option<&'a [u8]>) -> Self {
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
        Self {
            id: *id,
            delivery_id: delivery.id,
            task_id: delivery.content.id,
            queue_id: delivery.content.queue_id,
            endpoint_id: delivery.endpoint_id,
            number: i16::try_from(finished.made()).unwrap_or(i16::MAX),
            verdict: verdict.as_str(),
            reason: (!reason.is_empty()).then_some(reason.as_str()),
            retry_at: verdict.again_at(),
            url: request.as_ref().map(|r| r.url.as_str()),
            status: finished.status(),
            failure: finished.failure(),
            wait_us: micros(timing.wait_us),
            dns_us: timing.dns_us.map(micros),
            connect_us: timing.connect_us.map(micros),
            tls_us: timing.tls_us.map(micros),
            first_byte_us: timing.first_byte_us.map(micros),
            total_us: micros(timing.total_us),
            response_headers: answer.map(|a| header_lines(&a.headers)),
            response_body: answer
                .filter(|a| !a.body.is_empty())
                .map(|a| shown.unwrap_or(a.body.as_ref())),
            response_truncated: answer.is_some_and(|a| a.truncated),
        }
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
    /// Logs the attempts; deletes what is delivered; moves to the dead letters what is dead, unless its queue keeps none; and sets the next
    /// time of what is retried.
    ///
    /// A row changes only while it has the count of attempts that the verdict was made from. So a node that lost the shard in the
    /// meantime, or a delivery that was cancelled, is no danger: the log has what happened, and nothing else changes. Writing the same
    /// results again changes nothing at all: whoever gets no answer may try again.
    pub async fn finish(&self, finished: &[Finished]) -> Result<()> {
        let begun = Instant::now();
        let redacted = self.redact_responses(finished);
        let shown = redacted
            .iter()
            .map(Option::as_deref)
            .chain(std::iter::repeat(None));
        let log: Vec<NewAttempt<'_>> = finished
            .iter()
            .zip(shown)
            .map(|(one, shown)| NewAttempt::of(one, shown))
            .collect();
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
        let again_at: Vec<_> = again.iter().filter_map(|one| one.verdict.again_at()).collect();
        let snapshot = self.catalog().snapshot();
        let is_kept = |one: &&Finished| {
            let retention = snapshot.retentions.get(&one.delivery.content.queue_id);
            retention.is_none_or(|retention| retention.dead_letters != Keep::None)
        };
        let before = |one: &&Finished| i16::try_from(one.delivery.attempts).unwrap_or(i16::MAX);
        let made = |one: &&Finished| i16::try_from(one.made()).unwrap_or(i16::MAX);
        let written = sqlx::query!(
            "-- finish
            WITH logged AS (
                INSERT INTO attempts (id, delivery_id, task_id, queue_id, endpoint_id, number, verdict, reason, retry_at, url, status, failure,
                    wait_us, dns_us, connect_us, tls_us, first_byte_us, total_us, response_headers, response_body, response_truncated)
                SELECT * FROM unnest($1::new_attempt[])
            ), gone AS (
                -- delivered is delivered, whoever did it
                DELETE FROM deliveries WHERE id = ANY($2) RETURNING queue_id
            ), buried AS (
                DELETE FROM deliveries d
                USING unnest($3::uuid[], $4::smallint[], $5::smallint[], $6::text[], $7::smallint[], $8::text[], $9::timestamptz[], $10::text[],
                    $18::boolean[]) AS g (id, before, made, reason, status, failure, died_at, kind, kept)
                WHERE d.id = g.id AND d.attempts = g.before
                RETURNING d.id, d.task_id, d.queue_id, d.endpoint_id, g.kind, d.size, d.priority, g.made, g.reason, g.status, g.failure, g.died_at,
                    d.replay_id, g.kept
            ), letters AS (
                INSERT INTO dead_letters (id, task_id, queue_id, endpoint_id, type, size, priority, attempts, reason, status, failure, died_at,
                    replay_id)
                -- one that was held has its own priority again
                SELECT id, task_id, queue_id, endpoint_id, kind, size, greatest(priority, -1 - priority), made, reason, status, failure, died_at,
                    replay_id
                FROM buried WHERE kept
            ), counted AS (
                -- in the queues' order, so that two statements never wait for each other in a circle
                INSERT INTO depths AS d (queue_id, slot, deliveries)
                SELECT queue_id, $16, -count(*) FROM (SELECT queue_id FROM gone UNION ALL SELECT queue_id FROM buried) AS ended
                GROUP BY queue_id ORDER BY queue_id
                ON CONFLICT (queue_id, slot) DO UPDATE SET deliveries = d.deliveries + excluded.deliveries
            )
            UPDATE deliveries d SET attempts = g.made, due_at = g.at, first_due_at = coalesce(d.first_due_at, d.due_at), reason = g.reason,
                ordering_key = CASE WHEN g.makes_way THEN NULL ELSE d.ordering_key END
            FROM unnest($11::uuid[], $12::smallint[], $13::smallint[], $14::timestamptz[], $15::text[], $17::boolean[])
                AS g (id, before, made, at, reason, makes_way)
            WHERE d.id = g.id AND d.attempts = g.before",
            &log as &[NewAttempt<'_>],
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
            self.inner.depths.other().0,
            &again.iter().map(|one| one.makes_way).collect::<Vec<_>>(),
            &dead.iter().map(is_kept).collect::<Vec<_>>(),
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
        self.inner.metrics.finished(finished, begun.elapsed(), &snapshot);
        self.tell_finished(finished);
        Ok(())
    }
}

impl Queue {
    /// What is stored of response bodies in place of them, one for each result; none at all while no queue redacts anything.
    fn redact_responses(&self, finished: &[Finished]) -> Vec<Option<Vec<u8>>> {
        let snapshot = self.catalog().snapshot();
        if snapshot.redactions.is_empty() {
            return vec![];
        }
        let of = |one: &Finished| {
            let redaction = snapshot.redactions.get(&one.delivery.content.queue_id)?;
            match &one.request.as_ref()?.outcome {
                Outcome::Answered(answer) => redaction.apply(&answer.body, self.inner.vault.redaction_key()),
                Outcome::Failed(_) => None,
            }
        };
        finished.iter().map(of).collect()
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
