//! The overview: what goes through, and what is in trouble.

use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use console::{
    format, latency, query,
    traffic::{self, PerSecond, Readings, Sums},
};
use leptos::prelude::*;
use leptos_router::components::A;
use proto::{EndpointTraffic, LATENCY_BOUNDS_MS, Page, Queue, Traffic, TrafficOverview};

use super::{filter, queue::status_word};
use crate::ui::{
    chart::{Chart, Drawing, Series},
    clock, live,
    loaded::Loaded,
    widgets::{Badge, Empty, Failed, Figure, api_line, title},
};

/// How often the counts of minutes are read: as often as the server writes them.
pub(crate) const COUNTED: Duration = Duration::from_secs(5);

/// How much time is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    Hour,
    Day,
    Week,
}

impl Period {
    /// The one that is chosen in the address.
    fn of(word: &str) -> Self {
        match word {
            "day" => Self::Day,
            "week" => Self::Week,
            _ => Self::Hour,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Hour => "Last hour",
            Self::Day => "Day",
            Self::Week => "Week",
        }
    }

    pub(crate) fn length(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::Day => TimeDelta::days(1),
            Self::Week => TimeDelta::days(7),
        }
    }

    /// The width of a point of a chart.
    pub(crate) fn step(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::minutes(1),
            Self::Day => TimeDelta::minutes(15),
            Self::Week => TimeDelta::hours(2),
        }
    }
}

/// The series of a queue's or an endpoint's minutes, over the last hour.
pub(crate) fn last_hour(traffic: RwSignal<Option<Traffic>>) -> Signal<Vec<Sums>> {
    Signal::derive(move || {
        let (period, until) = (Period::Hour, clock::now());
        let series = |t: &Traffic| traffic::series(t, until - period.length(), until, period.step());
        traffic.with(|t| t.as_ref().map(series).unwrap_or_default())
    })
}

/// The chart of what goes through, in tasks and attempts a second.
#[component]
pub(crate) fn Rates(series: Signal<Vec<Sums>>, #[prop(into)] period: Signal<Period>) -> impl IntoView {
    let drawing = Signal::derive(move || {
        let (period, series) = (period.get(), series.get());
        #[expect(clippy::cast_precision_loss, reason = "a rate on a chart")]
        let line = |name, class, of: fn(&Sums) -> u64| Series {
            name,
            class,
            values: series
                .iter()
                .map(|sums| of(sums) as f64 / period.step().num_seconds() as f64)
                .collect(),
        };
        Drawing {
            lines: vec![
                line("enqueued", "a", |sums| sums.enqueued),
                line("delivered", "b", |sums| sums.delivered),
                line("failed", "c", |sums| sums.retried),
                line("dead", "d", |sums| sums.dead),
            ],
            begin: clock::now() - period.length(),
            step: period.step(),
        }
    });
    view! { <Chart drawing label="Traffic" unit="/s"/> }
}

/// The percentiles of a histogram in words.
pub(crate) fn percentiles(sums: &traffic::Sums, bounds: &[u32]) -> String {
    let of = |part| {
        latency::percentile(&sums.latency, bounds, part).map_or_else(|| "–".to_owned(), format::millis)
    };
    format!("{} · {} · {}", of(0.5), of(0.95), of(0.99))
}

#[component]
pub(crate) fn Overview() -> impl IntoView {
    title("Overview");
    let (chosen, choose) = filter("period");
    let period = Signal::derive(move || Period::of(&chosen.get()));
    let all = Loaded::<TrafficOverview>::newer(move || {
        let period = period.get();
        let since = (clock::now() - period.length()).to_rfc3339_opts(SecondsFormat::Secs, true);
        let step = period.step().num_seconds().to_string();
        query::with("/v1/traffic", &[("since", &since), ("step", &step)])
    });
    let queues = Loaded::<Page<Queue>>::of(|| "/v1/queues?limit=1000".to_owned());
    clock::every(COUNTED, move || {
        all.again();
        queues.again();
    });
    live::follow(
        || Some("/v1/events?state=endpoint.*,queue.*".to_owned()),
        move || {
            all.again();
            queues.again();
        },
    );
    let series = Signal::derive(move || {
        let (period, until) = (period.get(), clock::now());
        all.value.with(|a| {
            a.as_ref()
                .map(|a| traffic::series_of_all(a, until - period.length(), until))
                .unwrap_or_default()
        })
    });
    let sums = Memo::new(move |_| traffic::total(&series.get()));
    let (readings, going_on) = (
        StoredValue::new(Readings::default()),
        RwSignal::new(None::<PerSecond>),
    );
    Effect::new(move |_| {
        all.value.track();
        let minutes = Period::Hour.step().num_seconds();
        let by_minute = |all: &TrafficOverview| i64::from(all.step_seconds) == minutes;
        if period.get_untracked() == Period::Hour
            && all
                .value
                .with_untracked(|all| all.as_ref().is_some_and(by_minute))
        {
            let series = series.get_untracked();
            let rate = readings.try_update_value(|readings| readings.read(clock::now(), &series));
            going_on.set(rate.flatten());
        }
    });
    // What is going on: what the counts grew by; before they did, and of a longer time, the last whole steps.
    let rate = move |of: fn(&Sums) -> u64, live: fn(&PerSecond) -> f64| {
        Signal::derive(move || {
            let (series, step) = (series.get(), period.get().step());
            let few = if period.get() == Period::Hour { 3 } else { 1 };
            let recent = &series[series.len().saturating_sub(few + 1)..series.len().saturating_sub(1)];
            let rate = traffic::total(recent);
            #[expect(clippy::cast_precision_loss, reason = "a rate, shown with one decimal")]
            let per_second = of(&rate) as f64
                / (step.num_seconds() * i64::try_from(recent.len().max(1)).unwrap_or(1)) as f64;
            let live = going_on
                .get()
                .filter(|_| period.get() == Period::Hour)
                .map(|rate| live(&rate));
            format!("{} /s", format::rate(live.unwrap_or(per_second)))
        })
    };
    let waiting = move || {
        queues.value.with(|page| {
            page.iter()
                .flat_map(|page| &page.items)
                .map(|q| q.depth)
                .sum::<u64>()
        })
    };
    let none = move || {
        queues
            .value
            .with(|page| page.as_ref().is_some_and(|page| page.items.is_empty()))
    };
    let tab = move |word: &'static str, period_of: Period| {
        view! {
            <button type="button" class="tab" aria-pressed=move || (period.get() == period_of).to_string() on:click=move |_| choose.run(word.to_owned())>
                {period_of.words()}
            </button>
        }
    };
    view! {
        <div class="head">
            <h1>"Overview"</h1>
            <span class="grow"></span>
            <div class="row" role="group" aria-label="Time shown">{tab("", Period::Hour)}{tab("day", Period::Day)}{tab("week", Period::Week)}</div>
        </div>
        <Failed failure=all.failure/>
        <Show when=none>
            <Empty
                title="Nothing is here yet"
                text="Make a queue, register an endpoint on it, and enqueue a task: what becomes of it is shown here. It begins with:"
                line=api_line("POST", "/v1/queues", Some(r#"{"name":"orders"}"#))
            />
        </Show>
        <dl class="figures">
            <Figure label="Enqueued" value=rate(|s| s.enqueued, |s| s.enqueued) note=Signal::derive(move || format!(" · {} in all", format::count(sums.with(|s| s.enqueued))))/>
            <Figure label="Delivered" value=rate(|s| s.delivered, |s| s.delivered) note=Signal::derive(move || format!(" · {} in all", format::count(sums.with(|s| s.delivered))))/>
            <Figure label="Failed attempts" value=rate(|s| s.retried, |s| s.retried) note=Signal::derive(move || format!(" · {} in all", format::count(sums.with(|s| s.retried))))/>
            <Figure label="Dead" value=Signal::derive(move || format::count(sums.with(|s| s.dead)))/>
            <Figure label="Waiting" value=Signal::derive(move || format::count(waiting()))/>
            <Figure label="p50 · p95 · p99" long=true value=Signal::derive(move || sums.with(|s| percentiles(s, &LATENCY_BOUNDS_MS)))/>
        </dl>
        <Rates series period/>
        <h2>"Endpoints, those in trouble first"</h2>
        <Trouble all=all.value/>
        <h2>"Queues, the longest first"</h2>
        <Longest queues=queues.value/>
    }
}

#[component]
fn Trouble(all: RwSignal<Option<TrafficOverview>>) -> impl IntoView {
    let rows = move || all.with(|all| all.as_ref().map(|all| all.endpoints.clone()).unwrap_or_default());
    view! {
        <Show when=move || all.with(|all| all.as_ref().is_some_and(|all| all.endpoints.is_empty()))>
            <p class="muted">"Nothing was sent to any endpoint in this time."</p>
        </Show>
        <Show when=move || all.with(|all| all.as_ref().is_some_and(|all| !all.endpoints.is_empty()))>
            <div class="scroll" tabindex="0" role="region" aria-label="Endpoints">
                <table>
                    <thead><tr><th>"Endpoint"</th><th>"Queue"</th><th>"State"</th><th class="num">"Success"</th><th class="num">"Delivered"</th><th class="num">"Failed"</th><th class="num">"Dead"</th><th class="num">"p50 · p95 · p99"</th></tr></thead>
                    <tbody>
                        <For each=rows key=|e| (e.endpoint, e.delivered, e.retried, e.dead, status_word(e.status)) let(one)><TroubleRow one/></For>
                    </tbody>
                </table>
            </div>
        </Show>
    }
}

#[component]
fn TroubleRow(one: EndpointTraffic) -> impl IntoView {
    let sums = Sums {
        enqueued: 0,
        delivered: one.delivered,
        retried: one.retried,
        dead: one.dead,
        latency: one.latency,
    };
    let success = sums.success().map_or_else(|| "–".to_owned(), format::percent);
    let to_queue = format!("/queues/{}", one.queue);
    view! {
        <tr>
            <td class="wide"><A href=format!("/endpoints/{}", one.endpoint)>{one.url}</A></td>
            <td><A href=to_queue>{one.queue}</A></td>
            <td><Badge word=status_word(one.status)/></td>
            <td class="num">{success}</td>
            <td class="num">{format::count(sums.delivered)}</td>
            <td class="num">{format::count(sums.retried)}</td>
            <td class="num">{format::count(sums.dead)}</td>
            <td class="num">{percentiles(&sums, &LATENCY_BOUNDS_MS)}</td>
        </tr>
    }
}

#[component]
fn Longest(queues: RwSignal<Option<Page<Queue>>>) -> impl IntoView {
    /// As many as are looked at.
    const SHOWN: usize = 10;
    let rows = move || {
        let mut all = queues.with(|page| page.as_ref().map(|page| page.items.clone()).unwrap_or_default());
        all.sort_by_key(|queue| std::cmp::Reverse(queue.depth));
        all.truncate(SHOWN);
        all
    };
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Queues">
            <table>
                <thead><tr><th>"Queue"</th><th>"State"</th><th class="num">"Waiting"</th><th class="num">"Endpoints"</th></tr></thead>
                <tbody>
                    <For each=rows key=|q| (q.id, q.depth, q.paused, q.endpoints) let(queue)>
                        <tr>
                            <td class="wide"><A href=format!("/queues/{}", queue.name)>{queue.name.clone()}</A></td>
                            <td><Badge word=if queue.paused { "paused" } else { "running" }/></td>
                            <td class="num">{format::count(queue.depth)}</td>
                            <td class="num">{format::count(queue.endpoints)}</td>
                        </tr>
                    </For>
                </tbody>
            </table>
        </div>
    }
}
