//! The console of Posthaste: a page in the browser that shows and does what the public REST API lets its user see and do.
//!
//! It knows nothing that the API does not tell, and decides nothing that the server does not decide again. The cast, in `ui`:
//! - `api`: requests; `live`: the stream of events; `loaded`: what was read and is read again when something happens.
//! - `session`: who is signed in; `pages`: one file a page; the rest are their parts.
#![cfg_attr(
    target_family = "wasm",
    expect(
        unreachable_pub,
        reason = "what the component macro makes is public, however the component is"
    ),
    expect(
        clippy::needless_pass_by_value,
        reason = "a component owns its properties, as the macro would have it"
    ),
    expect(clippy::too_many_lines, reason = "a page is markup, line by line")
)]

#[cfg(target_family = "wasm")]
mod ui;

#[cfg(target_family = "wasm")]
fn main() {
    ui::start();
}

#[cfg(not(target_family = "wasm"))]
fn main() {
    eprintln!(
        "The console runs in browsers: `cargo xtask console` builds it, and the server has it embedded."
    );
}
