//! Minutes of traffic, made into what charts and figures show.

use std::collections::VecDeque;

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

/// What is counted in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PerSecond {
    /// Tasks enqueued.
    pub enqueued: f64,
    /// Deliveries that ended well.
    pub delivered: f64,
    /// Attempts that failed and are retried.
    pub retried: f64,
}

/// Counts as they were read in the last minute: what they grew by is what goes on now, long before a minute is whole.
#[derive(Debug, Clone, Default)]
pub struct Readings(VecDeque<(DateTime<Utc>, Sums)>);

impl Readings {
    /// How far back they go: longer than the counts are behind, and short enough to be called now.
    const KEPT: TimeDelta = TimeDelta::seconds(30);
    /// Over less time than between two writings of the counts nothing can be said.
    const LEAST: TimeDelta = TimeDelta::seconds(8);

    /// Takes up what was read just now, minutes that end with the running one. `None` until there is something to compare with.
    #[expect(clippy::cast_precision_loss, reason = "a rate, shown with one decimal")]
    pub fn read(&mut self, now: DateTime<Utc>, minutes: &[Sums]) -> Option<PerSecond> {
        let running = minutes.last()?.clone();
        let enough = |(at, _): &(DateTime<Utc>, Sums)| now - *at >= Self::LEAST;
        // The oldest one that is young enough; if pages slept meanwhile, none is.
        while self.0.front().is_some_and(|(at, _)| now - *at > Self::KEPT) {
            self.0.pop_front();
        }
        let rate = self
            .0
            .front()
            .filter(|reading| enough(reading))
            .map(|(at, then)| {
                let minute = |at: DateTime<Utc>| at.timestamp().div_euclid(60);
                let since = usize::try_from(minute(now) - minute(*at)).unwrap_or(0) + 1;
                let grown = total(&minutes[minutes.len().saturating_sub(since)..]);
                let seconds = (now - *at).as_seconds_f64();
                let rate = |grown: u64, then: u64| grown.saturating_sub(then) as f64 / seconds;
                PerSecond {
                    enqueued: rate(grown.enqueued, then.enqueued),
                    delivered: rate(grown.delivered, then.delivered),
                    retried: rate(grown.retried, then.retried),
                }
            });
        self.0.push_back((now, running));
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_grow_by_is_what_goes_on() {
        let at = |text: &str| format!("2026-03-01T{text}Z").parse::<DateTime<Utc>>().unwrap();
        let minutes = |of: &[u64]| -> Vec<Sums> {
            let sums = |delivered: &u64| Sums {
                delivered: *delivered,
                ..Sums::default()
            };
            of.iter().map(sums).collect()
        };
        let mut readings = Readings::default();
        let mut delivered = |now, of: &[u64]| {
            let rate = readings.read(at(now), &minutes(of));
            rate.map(|rate| rate.delivered)
        };
        assert_eq!(delivered("12:00:40", &[70, 100]), None, "nothing to compare with");
        assert_eq!(delivered("12:00:45", &[70, 150]), None, "too soon");
        assert_eq!(delivered("12:00:50", &[70, 200]), Some(10.0));
        // In the next minute, what was counted in the last one after the reading counts as well.
        assert_eq!(delivered("12:01:10", &[300, 100]), Some(10.0));
        // The first reading is too old by now: the second is compared with.
        assert_eq!(delivered("12:01:15", &[300, 150]), Some(10.0));
        assert_eq!(
            delivered("12:03:00", &[500, 0]),
            None,
            "a page that slept begins anew"
        );
        assert_eq!(delivered("12:03:10", &[500, 0]), Some(0.0));
    }

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
