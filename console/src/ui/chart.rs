//! Charts, as SVG that follows the theme.

use chrono::{DateTime, TimeDelta, Utc};
use console::{chart, format};
use leptos::{ev::PointerEvent, prelude::*};

/// The drawing's size, in units of its own.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;

/// One line: its name, the class that colours it, its values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) class: &'static str,
    pub(crate) values: Vec<f64>,
}

/// What is drawn: lines over the same time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drawing {
    pub(crate) lines: Vec<Series>,
    pub(crate) begin: DateTime<Utc>,
    pub(crate) step: TimeDelta,
}

/// A line chart with a legend that reads out the values under the pointer.
#[component]
pub(crate) fn Chart(
    #[prop(into)] drawing: Signal<Drawing>,
    #[prop(into)] label: String,
    unit: &'static str,
) -> impl IntoView {
    let pointed = RwSignal::new(None::<usize>);
    let length = move || drawing.with(|d| d.lines.iter().map(|line| line.values.len()).max().unwrap_or(0));
    let top = Memo::new(move |_| {
        drawing.with(|d| chart::top(d.lines.iter().flat_map(|line| line.values.iter().copied())))
    });
    let moved = move |event: PointerEvent| {
        let width = f64::from(event_target::<web_sys::Element>(&event).client_width().max(1));
        let at = (f64::from(event.offset_x()) / width * (WIDTH + 56.0) - 44.0) / WIDTH;
        let last = length().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place among some hundred points"
        )]
        pointed.set((last > 0).then(|| (at.clamp(0.0, 1.0) * last as f64).round() as usize));
    };
    let shown_at = move || pointed.get().unwrap_or_else(|| length().saturating_sub(1));
    let when = move || {
        drawing.with(|d| {
            let steps = i32::try_from(shown_at()).unwrap_or(0);
            (d.begin + d.step * steps).format("%d %b %H:%M UTC").to_string()
        })
    };
    let legend = move || {
        drawing.with(|d| {
            d.lines
                .iter()
                .map(|line| {
                    let value = line.values.get(shown_at()).copied().unwrap_or(0.0);
                    view! { <span class=format!("key {}", line.class)>{line.name}" "<b>{format::rate(value)}</b>{unit}</span> }
                })
                .collect_view()
        })
    };
    let lines = move || {
        drawing.with(|d| {
            d.lines
                .iter()
                .map(|line| {
                    let points = chart::points(&line.values, top.get(), WIDTH, HEIGHT);
                    let path = chart::line(&points);
                    let area = chart::area(&points, HEIGHT);
                    view! {
                        <path class=format!("area {}", line.class) d=area></path>
                        <path class=format!("line {}", line.class) d=path></path>
                    }
                })
                .collect_view()
        })
    };
    let grid = [0.0, 0.5, 1.0].map(|part: f64| {
        let y = HEIGHT - part * HEIGHT;
        view! {
            <line class="grid" x1="0" x2=WIDTH y1=y y2=y></line>
            <text class="tick" x="-6" y=y + 4.0 text-anchor="end">{move || format::rate(top.get() * part)}</text>
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "a place among some hundred points")]
    let cursor = move || {
        let at = pointed.get()?;
        let x = at as f64 * WIDTH / length().saturating_sub(1).max(1) as f64;
        Some(view! { <line class="cursor" x1=x x2=x y1="0" y2=HEIGHT></line> })
    };
    view! {
        <figure class="chart">
            <figcaption><span class="strong">{label.clone()}</span><span class="muted">{when}</span><span class="legend">{legend}</span></figcaption>
            <svg
                viewBox="-44 -8 696 196"
                role="img"
                aria-label=label
                on:pointermove=moved
                on:pointerleave=move |_| pointed.set(None)
            >
                {grid.into_iter().collect_view()}
                {lines}
                {cursor}
            </svg>
        </figure>
    }
}

/// A histogram of durations: a bar a bucket, named by its end.
#[component]
pub(crate) fn Histogram(
    #[prop(into)] counts: Signal<Vec<u64>>,
    #[prop(into)] bounds: Signal<Vec<u32>>,
) -> impl IntoView {
    #[expect(clippy::cast_precision_loss, reason = "the height of a bar")]
    let bars = move || {
        let (counts, bounds) = (counts.get(), bounds.get());
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        counts
            .iter()
            .enumerate()
            .map(|(at, count)| {
                let name = match bounds.get(at) {
                    Some(bound) => format!("≤ {}", format::millis(f64::from(*bound))),
                    None => "longer".to_owned(),
                };
                let told = format!("{name}: {}", format::count(*count));
                let height = format!("{:.1}%", *count as f64 / most as f64 * 100.0);
                view! {
                    <li title=told>
                        <span class="bar"><i style:height=height></i></span>
                        <small>{name}</small>
                    </li>
                }
            })
            .collect_view()
    };
    view! { <ol class="histogram" tabindex="0" aria-label="Attempts by how long they took">{bars}</ol> }
}
