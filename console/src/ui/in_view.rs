//! Long tables: only the rows in view are drawn, and space stands for the others.

use console::rows;
use leptos::{ev, html::Tbody, prelude::*};

/// The height of a row in pixels; the style sheet holds rows of such tables to it.
pub(crate) const ROW: f64 = 40.0;

/// Which of `count` rows are to be drawn, going on as the page scrolls.
pub(crate) fn rows_in_view(body: NodeRef<Tbody>, count: Signal<usize>) -> Memo<(usize, usize)> {
    let moved = RwSignal::new(0_u32);
    let waiting = StoredValue::new(false);
    let look = move || {
        // Once for each time the page is drawn.
        if waiting.try_get_value() == Some(false) {
            waiting.set_value(true);
            request_animation_frame(move || {
                waiting.try_set_value(false);
                moved.try_update(|moved| *moved = moved.wrapping_add(1));
            });
        }
    };
    let handles = [
        window_event_listener(ev::scroll, move |_| look()),
        window_event_listener(ev::resize, move |_| look()),
    ];
    on_cleanup(move || {
        for handle in handles {
            handle.remove();
        }
    });
    Memo::new(move |_| {
        moved.track();
        let count = count.get();
        let top = body
            .get()
            .map_or(0.0, |body| body.get_bounding_client_rect().top());
        let height = window()
            .inner_height()
            .ok()
            .and_then(|height| height.as_f64())
            .unwrap_or(900.0);
        let range = rows::in_view(top, height, ROW, count);
        (range.start, range.end)
    })
}

/// Space in the place of so many rows, each as wide as the table.
#[component]
pub(crate) fn Space(#[prop(into)] rows: Signal<usize>) -> impl IntoView {
    #[expect(clippy::cast_precision_loss, reason = "pixels of a page")]
    let height = move || format!("{}px", rows.get() as f64 * ROW);
    view! { <tr class="space" aria-hidden="true"><td colspan="20" style:height=height></td></tr> }
}
