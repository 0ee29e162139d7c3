//! Traffic: the rollups of a queue or an endpoint, as they are charted.

use chrono::{DateTime, TimeDelta, Utc};
use proto::{EndpointTraffic, LATENCY_BOUNDS_MS, Scope, Traffic, TrafficOverview, TrafficPoint, TrafficStep};
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
/// The same for sums over all queues.
const LONGEST_OF_ALL: TimeDelta = TimeDelta::days(7);
/// As many steps as a chart shows.
const STEPS: u32 = 120;
/// The most steps of one answer: a day of minutes.
const MOST_STEPS: u32 = 1_440;
/// The most endpoints of one answer.
const TROUBLED: i64 = 50;

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
        let (since, until) = period(since, until, LONGEST, time::now())?;
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
        let (since, until) = period(since, until, LONGEST, time::now())?;
        let rows = self
            .queue()
            .traffic(endpoint.queue_id, Some(id), since, until)
            .await?;
        Ok(traffic(rows, &endpoint.queue))
    }
}

impl Acting {
    /// What went through all queues that the caller reaches, by steps, and which endpoints do worst.
    pub(crate) async fn traffic_of_all(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
        step: Option<u32>,
    ) -> Result<TrafficOverview, Refusal> {
        self.may(Scope::Read)?;
        let (since, until) = period(since, until, LONGEST_OF_ALL, time::now())?;
        let step = step_of(step, until - since)?;
        let snapshot = self.queue().catalog().snapshot();
        let ids = self.reach().ids(&snapshot);
        let queue = self.queue();
        let (steps, sums) = tokio::try_join!(
            queue.traffic_of_all(ids.as_deref(), since, until, TimeDelta::seconds(step.into())),
            queue.troubled_endpoints(ids.as_deref(), since, until, TROUBLED),
        )?;
        // One that was deleted meanwhile is nobody's trouble.
        let endpoints = sums.into_iter().filter_map(|(id, counts)| {
            let endpoint = snapshot.endpoints.get(&id)?;
            Some(EndpointTraffic {
                endpoint: id,
                queue: endpoint.queue.clone(),
                url: endpoint.url.to_string(),
                status: endpoint.status,
                delivered: count(counts.delivered),
                retried: count(counts.retried),
                dead: count(counts.dead),
                latency: counts.latency.map(count).to_vec(),
            })
        });
        let steps = steps.into_iter().map(|(begin, counts)| TrafficStep {
            begin,
            enqueued: count(counts.enqueued),
            delivered: count(counts.delivered),
            retried: count(counts.retried),
            dead: count(counts.dead),
            latency: counts.latency.map(count).to_vec(),
        });
        Ok(TrafficOverview {
            latency_bounds_ms: LATENCY_BOUNDS_MS.to_vec(),
            step_seconds: step,
            steps: steps.collect(),
            endpoints: endpoints.collect(),
        })
    }
}

/// The step that is asked for; unless said, the shortest of these that makes no more than `STEPS`.
fn step_of(step: Option<u32>, period: TimeDelta) -> Result<u32, Refusal> {
    const CHOICE: [u32; 7] = [60, 300, 900, 3_600, 7_200, 21_600, 86_400];
    let seconds = u32::try_from(period.num_seconds()).unwrap_or(u32::MAX);
    match step {
        None => Ok(CHOICE
            .into_iter()
            .find(|step| seconds / step <= STEPS)
            .unwrap_or(86_400)),
        Some(step)
            if (60..=86_400).contains(&step) && step.is_multiple_of(60) && seconds / step <= MOST_STEPS =>
        {
            Ok(step)
        }
        Some(_) => Err(Refusal::invalid(
            "step",
            format!("whole minutes in seconds, 60 to 86400, of which the period has {MOST_STEPS} at most"),
        )),
    }
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// The period that is meant, begun at a whole minute.
fn period(
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    longest: TimeDelta,
    now: DateTime<Utc>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), Refusal> {
    let mut problems = Problems::default();
    for (at, field) in [(since, "since"), (until, "until")] {
        problems.require(at.is_none_or(time::is_plausible), field, time::PLAUSIBLE);
    }
    problems.finish()?;
    let until = until.unwrap_or_else(|| since.map_or(now, |at| now.min(at + longest)));
    let since = since.unwrap_or(until - SHOWN);
    if since <= until && until.signed_duration_since(since) <= longest {
        Ok((rollup::minute_of(since), until))
    } else {
        let most = if longest == LONGEST { "a day" } else { "a week" };
        Err(Refusal::invalid(
            "since",
            format!("before `until`, by at most {most}"),
        ))
    }
}

fn traffic(rows: Vec<(Slot, Counts)>, queue: &str) -> Traffic {
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
        let period = period(
            at(since),
            at(until),
            LONGEST,
            "2026-03-01T12:30:30Z".parse().unwrap(),
        );
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
        let day = TimeDelta::days(1);
        assert_eq!(step_of(None, TimeDelta::hours(1)).unwrap(), 60);
        assert_eq!(
            (step_of(None, day).unwrap(), step_of(None, day * 7).unwrap()),
            (900, 7_200)
        );
        assert_eq!(
            (step_of(Some(60), day).unwrap(), step_of(Some(120), day).unwrap()),
            (60, 120)
        );
        for (step, period) in [(0, day), (30, day), (90, day), (86_460, day), (60, day * 2)] {
            assert_eq!(
                step_of(Some(step), period).unwrap_err().errors[0].field,
                "step",
                "{step}"
            );
        }
        assert_eq!(of("", "-200000-01-01T00:00:00Z"), Err("until".to_owned()));
        assert_eq!(of("+262000-01-01T00:00:00Z", ""), Err("since".to_owned()));
    }
}
