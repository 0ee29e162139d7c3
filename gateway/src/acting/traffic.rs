//! Traffic: the rollups of a queue or an endpoint, as they are charted.

use chrono::{DateTime, TimeDelta, Utc};
use proto::{LATENCY_BOUNDS_MS, Scope, Traffic, TrafficPoint};
use queue::{
    error::Problems,
    id::EndpointId,
    rollup::{self, Counts, Slot, WHOLE_QUEUE},
};

use super::Acting;
use crate::{problem::Refusal, time};

/// What is shown unless the caller says: what a chart begins with.
const SHOWN: TimeDelta = TimeDelta::hours(1);
/// The longest period of one answer: a day has 1,440 points an endpoint.
const LONGEST: TimeDelta = TimeDelta::days(1);

impl Acting {
    /// What went through a queue and its endpoints; `since` is an hour before `until` unless said, which is now unless said.
    pub(crate) async fn traffic_of_queue(
        &self,
        name: &str,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Traffic, Refusal> {
        self.may(Scope::Read)?;
        self.reaches(name)?;
        let (since, until) = period(since, until, time::now())?;
        let queue = self.queue().find_queue(name).await?;
        let rows = self.queue().traffic(queue.id, None, since, until).await?;
        Ok(traffic(rows, &queue.name))
    }

    /// What went to an endpoint, in the same way.
    pub(crate) async fn traffic_of_endpoint(
        &self,
        id: EndpointId,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Traffic, Refusal> {
        self.may(Scope::Read)?;
        let endpoint = self.endpoint(id).await?;
        let (since, until) = period(since, until, time::now())?;
        let rows = self
            .queue()
            .traffic(endpoint.queue_id, Some(id), since, until)
            .await?;
        Ok(traffic(rows, &endpoint.queue))
    }
}

/// The period that is meant, begun at a whole minute.
fn period(
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), Refusal> {
    let mut problems = Problems::default();
    for (at, field) in [(since, "since"), (until, "until")] {
        problems.require(at.is_none_or(time::is_plausible), field, time::PLAUSIBLE);
    }
    problems.finish()?;
    let until = until.unwrap_or_else(|| since.map_or(now, |at| now.min(at + LONGEST)));
    let since = since.unwrap_or(until - SHOWN);
    if since <= until && until.signed_duration_since(since) <= LONGEST {
        Ok((rollup::minute_of(since), until))
    } else {
        Err(Refusal::invalid("since", "before `until`, by at most a day"))
    }
}

fn traffic(rows: Vec<(Slot, Counts)>, queue: &str) -> Traffic {
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
    use super::*;

    fn of(since: &str, until: &str) -> Result<(String, String), String> {
        let at = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        let period = period(at(since), at(until), "2026-03-01T12:30:30Z".parse().unwrap());
        let (since, until) = period.map_err(|refusal| refusal.errors[0].field.clone())?;
        Ok((
            since.format("%dT%T").to_string(),
            until.format("%dT%T").to_string(),
        ))
    }

    #[test]
    fn a_period_is_an_hour_unless_said_and_a_day_at_most() {
        let pair = |since: &str, until: &str| Ok((since.to_owned(), until.to_owned()));
        assert_eq!(of("", ""), pair("01T11:30:00", "01T12:30:30"));
        assert_eq!(of("2026-03-01T12:00:30Z", ""), pair("01T12:00:00", "01T12:30:30"));
        assert_eq!(of("2026-02-10T00:00:00Z", ""), pair("10T00:00:00", "11T00:00:00"));
        assert_eq!(of("", "2026-02-10T00:00:00Z"), pair("09T23:00:00", "10T00:00:00"));
        for wrong in ["2026-02-11T00:00:01Z", "2026-02-09T00:00:00Z"] {
            assert_eq!(
                of("2026-02-10T00:00:00Z", wrong),
                Err("since".to_owned()),
                "{wrong}"
            );
        }
        assert_eq!(of("", "-200000-01-01T00:00:00Z"), Err("until".to_owned()));
        assert_eq!(of("+262000-01-01T00:00:00Z", ""), Err("since".to_owned()));
    }
}
