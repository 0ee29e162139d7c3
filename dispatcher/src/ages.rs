//! Ages: deliveries that are older than their endpoint's `max_age` become dead letters although their turn has not come, because their
//! lane waits, or because they are held behind others of their key. A dead letter makes way: with the last of a look, the next of each key is
//! let go.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use queue::{Delivery, Result, finish::Finished, id::EndpointId, load::Due, task::Content};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    attempt, clock,
    config::LANES_A_PAGE,
    lanes::{Entry, Lanes},
};

/// How often it is looked for them. One that is older when its turn comes is found then.
const LOOK: Duration = Duration::from_secs(15);

/// Deliveries of one statement, and statements of one look at 64 lanes: what is left waits for the next look.
const BATCH: i64 = 500;
const BATCHES: usize = 20;

pub(crate) async fn run(lanes: Arc<Lanes>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        match look(&lanes).await {
            Ok(0) => {}
            Ok(count) => info!(
                count,
                "deliveries were too old while they waited; they are dead letters"
            ),
            Err(error) => {
                warn!(%error, "deliveries that are too old could not be given up; tried again soon");
            }
        }
    }
}

/// The reason of a dead letter that was too old.
pub(crate) fn too_old(most: Duration) -> String {
    format!(
        "it was older than max_age ({}) before it could be sent",
        proto::Span(most)
    )
}

/// Gives up once what is too old and waits; returns how many.
async fn look(lanes: &Arc<Lanes>) -> Result<usize> {
    let now = clock();
    let aging = lanes.aging();
    let mut count = 0;
    for some in aging.chunks(LANES_A_PAGE) {
        let mut buried = vec![];
        let done = give_up(lanes, some, now, &mut buried).await;
        // Not before: what is let go of a key would be what is given up next.
        lanes.sequences.freed(&buried);
        count += buried.len();
        done?;
    }
    Ok(count)
}

/// Gives up what is too old in some lanes, held or not; adds to `buried` what is written.
async fn give_up(
    lanes: &Lanes,
    some: &[(Arc<Entry>, Duration)],
    now: DateTime<Utc>,
    buried: &mut Vec<Finished>,
) -> Result<()> {
    let before: Vec<(EndpointId, DateTime<Utc>)> =
        some.iter().map(|(entry, most)| (entry.id, now - *most)).collect();
    for _ in 0..BATCHES {
        let found = lanes.queue.due_before(&before, BATCH).await?;
        let batch = bury(lanes, some, found, now);
        if batch.is_empty() {
            break;
        }
        let written = lanes.queue.finish(&batch).await;
        settle(some, &batch, written.is_err());
        written?;
        buried.extend(batch);
    }
    Ok(())
}

/// The lanes know no more of these; `failed`: they are still in the database.
fn settle(some: &[(Arc<Entry>, Duration)], batch: &[Finished], failed: bool) {
    for one in batch {
        let id = one.delivery.endpoint_id;
        if let Some((entry, _)) = some.iter().find(|(entry, _)| entry.id == id) {
            let mut lane = entry.lane.lock();
            lane.settled(one.delivery.id, None);
            if failed {
                lane.look();
            }
        }
    }
}

/// Takes what was found out of the lanes' memory, but for what is in flight.
fn bury(
    lanes: &Lanes,
    some: &[(Arc<Entry>, Duration)],
    found: Vec<(Due, String)>,
    now: DateTime<Utc>,
) -> Vec<Finished> {
    let mut buried = vec![];
    for (due, kind) in found {
        let Some((entry, most)) = some.iter().find(|(entry, _)| entry.id == due.endpoint_id) else {
            continue;
        };
        let Some(bytes) = entry.lane.lock().bury(due.id) else {
            continue;
        };
        lanes.shrank(bytes);
        let id = lanes.queue.mint(now);
        buried.push(attempt::given_up(without_payload(&due, kind), id, &too_old(*most), now).finished);
    }
    buried
}

/// A delivery that is not pushed any more.
pub(crate) fn without_payload(due: &Due, kind: String) -> Delivery {
    let content = Content {
        id: due.task_id,
        queue_id: due.queue_id,
        kind,
        content_type: String::new(),
        payload: Bytes::new(),
        headers: std::collections::BTreeMap::new(),
        retry: None,
    };
    Delivery {
        id: due.id,
        endpoint_id: due.endpoint_id,
        content: Arc::new(content),
        due_at: due.due_at,
        since: due.since,
        expires_at: due.expires_at,
        priority: due.priority,
        attempts: due.attempts,
        purpose: due.purpose,
        ordering_key: due.ordering_key.as_deref().map(Arc::from),
    }
}
