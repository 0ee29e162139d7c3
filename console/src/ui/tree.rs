//! JSON as a tree that is opened branch by branch: however large it is, only what is open is drawn.

use std::sync::Arc;

use console::{format, payload::Node};
use leptos::prelude::*;

/// Lines of a branch that are drawn at once.
const LINES: usize = 200;

/// Characters of a line that are drawn.
const LONGEST: usize = 5_000;

/// Up to which depth branches are open at first.
const OPEN: usize = 2;

/// Lines, one below the other.
#[component]
pub(crate) fn Tree(nodes: Arc<Vec<Node>>) -> impl IntoView {
    view! { <div class="tree" tabindex="0" role="region" aria-label="The payload as a tree">{branch(&nodes, 0)}</div> }
}

fn branch(nodes: &Arc<Vec<Node>>, depth: usize) -> AnyView {
    let (nodes, shown) = (nodes.clone(), RwSignal::new(LINES));
    let all = nodes.len();
    let lines = {
        let nodes = nodes.clone();
        move || {
            let drawn = nodes.iter().take(shown.get());
            drawn.map(|node| line(node, depth)).collect_view()
        }
    };
    view! {
        <ul>{lines}</ul>
        <Show when=move || shown.get() < all>
            <button type="button" class="small" on:click=move |_| shown.update(|shown| *shown += LINES)>
                {move || format!("… {} more", format::count(u64::try_from(all - shown.get()).unwrap_or(0)))}
            </button>
        </Show>
    }
    .into_any()
}

fn line(node: &Node, depth: usize) -> AnyView {
    if node.end.is_empty() {
        let text = match node.begin.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}… (download it to see all)", &node.begin[..end]),
            None => node.begin.clone(),
        };
        return view! { <li><code>{text}</code></li> }.into_any();
    }
    let open = RwSignal::new(depth < OPEN);
    let toggle = move |event: leptos::ev::Event| {
        // What is toggled within it comes here as well.
        if let (Some(target), Some(current)) = (event.target(), event.current_target())
            && target == current
        {
            let details = event_target::<web_sys::Element>(&event);
            open.set(details.has_attribute("open"));
        }
    };
    let inner = Arc::new(node.children.clone());
    let folded = format!(
        " … {} {}",
        format::counted(u64::try_from(node.children.len()).unwrap_or(0), "line", "lines"),
        node.end
    );
    let (begin, end) = (node.begin.clone(), node.end.clone());
    view! {
        <li>
            <details open=depth < OPEN on:toggle=toggle>
                <summary><code>{begin}</code><Show when=move || !open.get()><code class="muted">{folded.clone()}</code></Show></summary>
                <Show when=move || open.get()>{branch(&inner, depth + 1)}</Show>
                <code>{end}</code>
            </details>
        </li>
    }
    .into_any()
}
