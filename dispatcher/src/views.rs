//! Views: writes what lanes do to where every node can show it, about once a second, and only what changed; and with it which endpoints
//! began to fail or failed no more.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use proto::Lane;
use queue::{Result, lane_states::Failing};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    clock,
    lane::health::Since,
    lanes::{Entry, Lanes},
};

/// How often it is looked for what changed.
const LOOK: Duration = Duration::from_secs(1);

/// How many lanes are written at a time: some 2 ms of the database's each second, however many lanes are busy. First those whose way
/// changed, then those of which the others know least.
const MOST: usize = 200;

/// What a lane has told of itself.
#[derive(Debug, Default)]
pub(crate) struct Told {
    view: Option<Lane>,
}

/// How much there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    /// Other numbers.
    Numbers,
    /// It waits for something else.
    Way,
}

fn news(before: Option<&Lane>, now: &Lane) -> Option<News> {
    use proto::{
        BreakerState::{Closed, Off},
        LaneWait::Work,
    };
    let Some(before) = before else {
        let idle =
            now.waits_for == Work && matches!(now.breaker, Closed | Off) && now.failing_since.is_none();
        return (!idle).then_some(News::Way);
    };
    let way = |lane: &Lane| {
        (
            lane.waits_for,
            lane.breaker,
            lane.probe_at,
            lane.hold_until,
            lane.failing_since.is_some(),
            lane.max_in_flight,
        )
    };
    let numbers = |lane: &Lane| (lane.in_flight, lane.in_flight_limit, lane.ready, lane.backlog);
    if way(before) == way(now) {
        (numbers(before) != numbers(now)).then_some(News::Numbers)
    } else {
        Some(News::Way)
    }
}

pub(crate) async fn run(lanes: Arc<Lanes>, stop: CancellationToken) {
    let mut is_away = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let written = write(&lanes).await;
        if let Err(error) = &written
            && !is_away
        {
            warn!(%error, "what the lanes do could not be written; it is written later");
        }
        is_away = written.is_err();
    }
}

/// Writes once what changed.
pub(crate) async fn write(lanes: &Lanes) -> Result<()> {
    let now = clock();
    let (mut views, mut failing) = (vec![], vec![]);
    for entry in lanes.all() {
        let told = entry.told.lock();
        let (view, health) = {
            let lane = entry.lane.lock();
            (
                lane.view(entry.id, entry.is_in_line(), now),
                lane.health.to_write(now),
            )
        };
        if let Some(news) = news(told.view.as_ref(), &view) {
            let since = told.view.as_ref().map(|view| view.updated_at);
            views.push((news, since, view, entry.clone()));
        }
        drop(told);
        failing.extend(health.map(|Since(since)| (since, entry)));
    }
    write_failing(lanes, failing).await?;
    views.sort_by_key(|(news, since, ..)| (std::cmp::Reverse(*news), *since));
    views.truncate(MOST);
    let (written, entries): (Vec<Lane>, Vec<Arc<Entry>>) =
        views.into_iter().map(|(_, _, view, entry)| (view, entry)).unzip();
    lanes.queue.write_lanes(&written).await?;
    for (view, entry) in written.into_iter().zip(entries) {
        entry.told.lock().view = Some(view);
    }
    Ok(())
}

async fn write_failing(lanes: &Lanes, changed: Vec<(Option<DateTime<Utc>>, Arc<Entry>)>) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let rows: Vec<Failing> = changed
        .iter()
        .map(|(since, entry)| Failing {
            endpoint_id: entry.id,
            since: *since,
        })
        .collect();
    lanes.queue.write_failing(&rows).await?;
    for (since, entry) in changed {
        entry.lane.lock().health.written(since);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proto::{BreakerState, LaneWait};

    use super::*;

    fn lane(waits_for: LaneWait, ready: u64) -> Lane {
        Lane {
            endpoint: uuid::Uuid::nil(),
            waits_for,
            until: None,
            in_flight: 0,
            in_flight_limit: 1,
            max_in_flight: 1,
            ready,
            backlog: false,
            tokens: None,
            hold_until: None,
            breaker: BreakerState::Closed,
            probe_at: None,
            answer_ms: None,
            failing_since: None,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn only_what_changed_is_news_and_another_way_is_more_of_it() {
        let (idle, busy) = (lane(LaneWait::Work, 0), lane(LaneWait::Slot, 3));
        assert_eq!(news(None, &idle), None);
        assert_eq!(news(None, &busy), Some(News::Way));
        assert_eq!(news(Some(&busy), &idle), Some(News::Way));
        assert_eq!(news(Some(&busy), &lane(LaneWait::Slot, 4)), Some(News::Numbers));
        let later = Lane {
            answer_ms: Some(3.0),
            tokens: Some(1),
            updated_at: DateTime::from_timestamp(9, 0).unwrap(),
            ..busy.clone()
        };
        assert_eq!(news(Some(&busy), &later), None);
        assert!(News::Way > News::Numbers);
    }
}
