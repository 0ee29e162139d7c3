//! The pager: reads for lanes what they have room for, many lanes in one statement.

use std::{collections::HashMap, sync::Arc, time::Duration};

use queue::{
    Delivery, Result,
    finish::Finished,
    id::EndpointId,
    load::{Due, PageRequest},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    ages, attempt, clock,
    config::LANES_A_PAGE,
    lane::Want,
    lanes::{Entry, Lanes},
};

/// How long to wait while memory is full.
const FULL: Duration = Duration::from_millis(10);

/// How long to wait after a failed reading.
const PAUSE: Duration = Duration::from_millis(500);

pub(crate) async fn run(lanes: Arc<Lanes>, stop: CancellationToken) {
    loop {
        let wanted: Vec<(Arc<Entry>, Want)> = {
            let limits = lanes.limits();
            if limits.deliveries == 0 {
                // Memory is full; it empties as requests end.
                tokio::time::sleep(FULL).await;
                continue;
            }
            let next = lanes.pages(LANES_A_PAGE);
            if next.is_empty() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = lanes.pages_wanted.notified() => continue,
                }
            }
            let now = clock();
            next.into_iter()
                .filter_map(|entry| {
                    let want = entry.lane.lock().want(limits, now)?;
                    Some((entry, want))
                })
                .collect()
        };
        // The other pager may take the rest meanwhile.
        lanes.pages_wanted.notify_one();
        if wanted.is_empty() {
            continue;
        }
        if let Err(error) = read(&lanes, &wanted).await {
            warn!(%error, lanes = wanted.len(), "due deliveries could not be read; tried again soon");
            tokio::time::sleep(PAUSE).await;
            for (entry, _) in &wanted {
                entry.lane.lock().unread();
                lanes.move_on(entry);
            }
        }
    }
}

async fn read(lanes: &Arc<Lanes>, wanted: &[(Arc<Entry>, Want)]) -> Result<()> {
    let now = clock();
    let request = |(entry, want): &(Arc<Entry>, Want)| PageRequest {
        endpoint_id: entry.id,
        cursor: want.cursor,
        limit: want.rows,
        tests_only: want.tests_only,
    };
    let requests: Vec<_> = wanted.iter().map(request).collect();
    let mut rows: HashMap<EndpointId, Vec<Due>> = HashMap::new();
    for row in lanes.queue.due(&requests, now).await? {
        rows.entry(row.endpoint_id).or_default().push(row);
    }
    let limits = lanes.limits();
    let mut sifted: Vec<_> = wanted
        .iter()
        .map(|(entry, want)| {
            entry
                .lane
                .lock()
                .sift(want, rows.remove(&entry.id).unwrap_or_default(), limits)
        })
        .collect();
    let all: Vec<Due> = sifted
        .iter_mut()
        .flat_map(|sifted| std::mem::take(&mut sifted.take))
        .collect();
    let (ready, gone) = if all.is_empty() {
        (vec![], vec![])
    } else {
        lanes.queue.load(all).await?
    };
    let mut ready_by: HashMap<EndpointId, Vec<Delivery>> = HashMap::new();
    for delivery in ready {
        ready_by.entry(delivery.endpoint_id).or_default().push(delivery);
    }
    let mut all_read = vec![];
    for ((entry, _), sifted) in wanted.iter().zip(&sifted) {
        let deliveries = ready_by.remove(&entry.id).unwrap_or_default();
        let (grown, is_read) = {
            let mut lane = entry.lane.lock();
            let grown = lane.loaded(sifted, deliveries);
            (grown, lane.is_read())
        };
        lanes.grew(grown);
        if is_read {
            all_read.push(entry.clone());
        }
    }
    if !gone.is_empty() {
        let finished: Vec<Finished> = gone.iter().map(|due| give_up(lanes, due)).collect();
        lanes.queue.finish(&finished).await?;
        lanes.sequences.freed(&finished);
    }
    if !all_read.is_empty() {
        let ids: Vec<EndpointId> = all_read.iter().map(|entry| entry.id).collect();
        for (id, due) in lanes.queue.next_due(&ids, now).await? {
            if let Some(entry) = all_read.iter().find(|entry| entry.id == id) {
                entry.lane.lock().learn(due, clock());
            }
        }
    }
    for (entry, _) in wanted {
        lanes.move_on(entry);
    }
    Ok(())
}

/// A delivery whose task is gone can never be sent: that is a dead letter with this reason, and a line in the log.
fn give_up(lanes: &Arc<Lanes>, due: &Due) -> Finished {
    error!(delivery = %due.id, task = %due.task_id, "a delivery's task is gone; it becomes a dead letter");
    let delivery = ages::without_payload(due, String::new());
    let now = clock();
    attempt::given_up(delivery, lanes.queue.mint(now), "its task is gone", now).finished
}
