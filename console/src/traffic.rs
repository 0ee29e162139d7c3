//! Minutes of traffic, made into what charts and figures show.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use proto::{Traffic, TrafficOverview, TrafficPoint};
use uuid::Uuid;

use crate::latency;

/// Sums over some time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// Tasks enqueued.
    pub enqueued: u64,
    /// Deliveries that ended well.
    pub delivered: u64,
    /// Attempts that failed and are retried.
    pub retried: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// Attempts by duration.
    pub latency: Vec<u64>,
}

impl Sums {
    fn add(&mut self, point: &TrafficPoint) {
        self.enqueued += point.enqueued;
        self.delivered += point.delivered;
        self.retried += point.retried;
        self.dead += point.dead;
        latency::add(&mut self.latency, &point.latency);
    }

    /// What part of the attempts was accepted; `None` if there were none.
    #[expect(clippy::cast_precision_loss, reason = "a part, shown with one decimal")]
    pub fn success(&self) -> Option<f64> {
        let attempts = self.delivered + self.retried + self.dead;
        (attempts > 0).then(|| self.delivered as f64 / attempts as f64)
    }
}

/// The sums over all minutes, of one endpoint or of everything.
pub fn sum(traffic: &Traffic, endpoint: Option<Uuid>) -> Sums {
    let mut sums = Sums::default();
    let meant = |point: &&TrafficPoint| endpoint.is_none() || point.endpoint == endpoint;
    traffic
        .points
        .iter()
        .filter(meant)
        .for_each(|point| sums.add(point));
    sums
}

/// The endpoints that appear, each with its sums.
pub fn by_endpoint(traffic: &Traffic) -> Vec<(Uuid, Sums)> {
    let mut all: Vec<(Uuid, Sums)> = Vec::new();
    for point in &traffic.points {
        let Some(endpoint) = point.endpoint else { continue };
        let at = all.iter().position(|(id, _)| *id == endpoint).unwrap_or_else(|| {
            all.push((endpoint, Sums::default()));
            all.len() - 1
        });
        all[at].1.add(point);
    }
    all
}

/// One sum for each `step` from `since` to `until`, those without traffic included.
pub fn series(traffic: &Traffic, since: DateTime<Utc>, until: DateTime<Utc>, step: TimeDelta) -> Vec<Sums> {
    let (mut series, place) = blank(since, until, step);
    for point in &traffic.points {
        if let Some(sums) = series.get_mut(place(point.minute)) {
            sums.add(point);
        }
    }
    series
}

/// The same of all queues.
pub fn series_of_all(overview: &TrafficOverview, since: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Sums> {
    let (mut series, place) = blank(since, until, TimeDelta::seconds(overview.step_seconds.into()));
    for step in &overview.steps {
        if let Some(sums) = series.get_mut(place(step.begin)) {
            *sums = Sums {
                enqueued: step.enqueued,
                delivered: step.delivered,
                retried: step.retried,
                dead: step.dead,
                latency: step.latency.clone(),
            };
        }
    }
    series
}

/// Sums of nothing for each step, and the place of a moment among them.
fn blank(
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    step: TimeDelta,
) -> (Vec<Sums>, impl Fn(DateTime<Utc>) -> usize) {
    /// More than any chart shows.
    const MOST: usize = 2_000;
    let begin = since.duration_trunc(step).unwrap_or(since);
    let place = move |at: DateTime<Utc>| {
        let steps = (at - begin).num_seconds().div_euclid(step.num_seconds().max(1));
        usize::try_from(steps).unwrap_or(usize::MAX)
    };
    (
        vec![Sums::default(); place(until).saturating_add(1).min(MOST)],
        place,
    )
}

/// The sum of sums.
pub fn total(series: &[Sums]) -> Sums {
    let mut total = Sums::default();
    for sums in series {
        total.enqueued += sums.enqueued;
        total.delivered += sums.delivered;
        total.retried += sums.retried;
        total.dead += sums.dead;
        latency::add(&mut total.latency, &sums.latency);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(minute: &str, endpoint: Option<u128>, delivered: u64, dead: u64) -> TrafficPoint {
        TrafficPoint {
            minute: format!("2026-03-01T{minute}:00Z").parse().unwrap(),
            queue: "q".into(),
            endpoint: endpoint.map(Uuid::from_u128),
            enqueued: u64::from(endpoint.is_none()),
            unmatched: 0,
            delivered,
            retried: 0,
            dead,
            latency: vec![delivered, dead],
        }
    }

    #[test]
    fn minutes_without_traffic_are_zero_and_steps_are_summed() {
        let traffic = Traffic {
            latency_bounds_ms: vec![1],
            points: vec![
                point("12:00", None, 0, 0),
                point("12:00", Some(1), 2, 0),
                point("12:03", Some(2), 3, 1),
            ],
        };
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (since, until) = (at("2026-03-01T12:00:30Z"), at("2026-03-01T12:04:10Z"));
        let delivered = |step| -> Vec<u64> {
            let series = series(&traffic, since, until, TimeDelta::minutes(step));
            series.iter().map(|sums| sums.delivered).collect()
        };
        assert_eq!(delivered(1), [2, 0, 0, 3, 0]);
        assert_eq!(delivered(2), [2, 3, 0]);
        assert_eq!(
            total(&series(&traffic, since, until, TimeDelta::minutes(1))),
            sum(&traffic, None)
        );
        assert_eq!(sum(&traffic, None).latency, [5, 1]);
        assert_eq!(sum(&traffic, Some(Uuid::from_u128(2))).success(), Some(0.75));
        assert_eq!(by_endpoint(&traffic).len(), 2);
        assert_eq!(Sums::default().success(), None);
    }
}
