//! The demo's traffic: a shop's events, a few a second.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use queue::enqueue::Target;
use queue::task::{self, NewTask};
use queue::{Enqueuer, Queue};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Tasks a second.
pub(super) const RATE: u32 = 5;

/// What happens in the shop, in turn.
const KINDS: [&str; 4] = ["order.placed", "order.paid", "invoice.sent", "order.shipped"];

/// Far above every task made here.
const PAYLOAD_MAX: usize = 4_096;

/// Enqueues until stopped.
pub(super) async fn run(
    queue: Queue,
    enqueuer: Enqueuer,
    stop: CancellationToken,
    now: fn() -> DateTime<Utc>,
) {
    let mut beat = tokio::time::interval(Duration::from_secs(1) / RATE);
    for number in 0_u64.. {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        if let Err(error) = enqueue(&queue, &enqueuer, number, now()).await {
            debug!(%error, "the demo could not enqueue a task");
        }
    }
}

async fn enqueue(queue: &Queue, enqueuer: &Enqueuer, number: u64, now: DateTime<Utc>) -> queue::Result<()> {
    let checked = task::check(event(number), PAYLOAD_MAX, now)?;
    let queue = queue.find_queue(super::QUEUE).await?;
    enqueuer
        .enqueue(queue, vec![checked], Target::Matching, now)
        .await
        .map(drop)
}

fn event(number: u64) -> NewTask {
    let kind = KINDS[usize::try_from(number % 4).unwrap_or(0)];
    let (order, cents) = (1_000 + number / 4, 990 + number * 37 % 20_000);
    NewTask {
        kind: kind.to_owned(),
        payload: Bytes::from(format!(
            r#"{{"order":{order},"event":"{kind}","total_cents":{cents}}}"#
        )),
        content_type: "application/json".to_owned(),
        // One in twenty is due later, so that there are scheduled tasks to see.
        delay: number.is_multiple_of(20).then(|| Duration::from_secs(30)),
        priority: Some(u8::try_from(number % 10).unwrap_or(0)),
        ..NewTask::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_a_task() {
        for number in 0..100 {
            assert!(task::check(event(number), PAYLOAD_MAX, DateTime::UNIX_EPOCH).is_ok());
        }
    }
}
