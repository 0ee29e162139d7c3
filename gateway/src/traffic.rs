//! Traffic: the rollups of a queue or an endpoint, as they are charted.

use chrono::{DateTime, TimeDelta, Utc};
use proto::{LATENCY_BOUNDS_MS, Traffic, TrafficPoint};
use queue::rollup::{self, Counts, Slot, WHOLE_QUEUE};

use crate::{query::Query, time};

/// What is shown unless the caller says: what a chart begins with.
const SHOWN: TimeDelta = TimeDelta::hours(1);
/// The longest period of one answer: a day has 1,440 points an endpoint.
const LONGEST: TimeDelta = TimeDelta::days(1);

/// The period that `since` and `until` mean, begun at a whole minute.
pub(crate) fn period(query: &mut Query<'_>, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let (since, until) = (query.time("since"), query.time("until"));
    let until = until.unwrap_or_else(|| {
        since
            .filter(|at| time::is_plausible(*at))
            .map_or(now, |at| now.min(at + LONGEST))
    });
    let since = since.unwrap_or_else(|| {
        if time::is_plausible(until) {
            until - SHOWN
        } else {
            until
        }
    });
    let fine = since <= until && until.signed_duration_since(since) <= LONGEST;
    query.require(fine, "since", "before `until`, by at most a day");
    (rollup::minute_of(since), until)
}

/// The answer.
pub(crate) fn traffic(rows: Vec<(Slot, Counts)>, queue: &str) -> Traffic {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    let points = rows.into_iter().map(|(slot, counts)| TrafficPoint {
        minute: slot.minute,
        queue: queue.to_owned(),
        endpoint: (slot.endpoint_id != WHOLE_QUEUE).then_some(slot.endpoint_id),
        enqueued: count(counts.enqueued),
        unmatched: count(counts.unmatched),
        delivered: count(counts.delivered),
        retried: count(counts.retried),
        dead: count(counts.dead),
        latency: counts.latency.map(count).to_vec(),
    });
    Traffic {
        latency_bounds_ms: LATENCY_BOUNDS_MS.to_vec(),
        points: points.collect(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;

    use super::*;

    fn of(uri: &str) -> Result<(String, String), String> {
        let uri: Uri = uri.parse().unwrap();
        let mut query = Query::of(&uri);
        let (since, until) = period(&mut query, "2026-03-01T12:30:30Z".parse().unwrap());
        query
            .finish()
            .map_err(|refusal| refusal.errors[0].field.clone())?;
        Ok((
            since.format("%dT%T").to_string(),
            until.format("%dT%T").to_string(),
        ))
    }

    #[test]
    fn a_period_is_an_hour_unless_said_and_a_day_at_most() {
        let pair = |since: &str, until: &str| Ok((since.to_owned(), until.to_owned()));
        assert_eq!(of("/"), pair("01T11:30:00", "01T12:30:30"));
        assert_eq!(
            of("/?since=2026-03-01T12:00:30Z"),
            pair("01T12:00:00", "01T12:30:30")
        );
        assert_eq!(
            of("/?since=2026-02-10T00:00:00Z"),
            pair("10T00:00:00", "11T00:00:00")
        );
        assert_eq!(
            of("/?until=2026-02-10T00:00:00Z"),
            pair("09T23:00:00", "10T00:00:00")
        );
        for wrong in [
            "/?since=2026-02-10T00:00:00Z&until=2026-02-11T00:00:01Z",
            "/?since=2026-02-10T00:00:00Z&until=2026-02-09T00:00:00Z",
        ] {
            assert_eq!(of(wrong), Err("since".to_owned()), "{wrong}");
        }
        assert_eq!(of("/?until=-200000-01-01T00:00:00Z"), Err("until".to_owned()));
        assert_eq!(of("/?since=%2B262000-01-01T00:00:00Z"), Err("since".to_owned()));
    }
}
