//! The lane of an endpoint: how much is in flight, and what the next delivery waits for.

use std::time::Duration;

use console::format;
use leptos::prelude::*;
use proto::{BreakerState, Lane, LaneWait};

use crate::ui::{
    clock,
    loaded::Loaded,
    widgets::{Badge, Figure, When},
};

/// How often it is looked at: as often as nodes tell of it.
const LOOK: Duration = Duration::from_secs(1);

/// What a lane waits for, in words.
fn waits(lane: &Lane) -> &'static str {
    match lane.waits_for {
        LaneWait::Nothing => "sending",
        LaneWait::Work => "nothing is due",
        LaneWait::Enabling => "paused or disabled",
        LaneWait::Slot => "in flight as many as may be",
        LaneWait::Permit => "other lanes go first",
        LaneWait::Hold => "asked to be left alone",
        LaneWait::Rate => "the rate",
        LaneWait::Breaker => "the endpoint is down",
        LaneWait::Probe => "a probe is under way",
    }
}

/// The state of the breaker: its word, and the one that colours it.
fn breaker(lane: &Lane) -> &'static str {
    match lane.breaker {
        BreakerState::Off => "no breaker",
        BreakerState::Closed => "up",
        BreakerState::Open => "down",
        BreakerState::Probing => "probing",
        BreakerState::Recovering => "recovering",
    }
}

#[component]
pub(crate) fn LaneState(id: Memo<String>) -> impl IntoView {
    let lane = Loaded::<Lane>::of(move || format!("/v1/endpoints/{}/lane", id.get()));
    clock::every(LOOK, move || lane.again());
    let of = move |of: fn(&Lane) -> String| {
        Signal::derive(move || lane.value.with(|lane| lane.as_ref().map(of).unwrap_or_default()))
    };
    let until = move || {
        lane.value
            .with(|lane| lane.as_ref().and_then(|lane| lane.until.or(lane.probe_at)))
    };
    let state = Memo::new(move |_| {
        lane.value
            .with(|lane| lane.as_ref().map(|lane| (breaker(lane), waits(lane))))
    });
    view! {
        <Show when=move || lane.value.with(Option::is_some)>
            <section class="card" aria-label="Lane">
                <div class="row">
                    <h2>"Now"</h2>
                    {move || state.get().map(|(breaker, waits)| view! { <Badge word=breaker/><span>{waits}</span> })}
                    {move || until().map(|at| view! { <small class="muted"><When at/></small> })}
                </div>
                <dl class="figures">
                    <Figure label="In flight" value=of(|l| format!("{} of {}", l.in_flight, l.in_flight_limit)) note=of(|l| if l.in_flight_limit < l.max_in_flight { format!(" · {} when all is well", l.max_in_flight) } else { String::new() })/>
                    <Figure label="Due, in memory" value=of(|l| format::count(l.ready)) note=of(|l| if l.backlog { " · more in the database".to_owned() } else { String::new() })/>
                    <Figure label="Answers take" value=of(|l| l.answer_ms.map_or_else(|| "–".to_owned(), format::millis))/>
                    <Figure label="The rate allows" value=of(|l| l.tokens.map_or_else(|| "no limit".to_owned(), |n| format!("{n} at once")))/>
                </dl>
            </section>
        </Show>
    }
}
