//! What these tests are made of.
//!
//! [`Home`] is where nodes run: a folder, a database, the first key. [`Node`] is a [`Process`] that is ready. [`Api`] talks to it,
//! [`Receiver`] is what it posts to, [`Load`] are producers, and [`Account`] compares what they were promised with what arrived.
//! Tests that keep the machine busy, or need it quiet, say so to [`turns`].

mod account;
mod api;
mod home;
mod load;
mod node;
pub(crate) mod postgres;
mod receiver;
pub(crate) mod turns;

use std::time::{Duration, Instant};

pub(crate) use self::{
    account::Account,
    api::{Answer, Api},
    home::Home,
    load::Load,
    node::{Node, Process, path},
    receiver::{Arrival, Gate, Receiver, Reply},
};

/// Patience for what should take a moment, on a machine that is busy with much else.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// How often to look whether something has happened.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until it is so.
pub(crate) async fn until(what: &str, done: impl FnMut() -> bool) {
    within(PATIENCE, what, done).await;
}

/// Waits until it is so, for as long as it may take to be right.
pub(crate) async fn within(patience: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < patience, "not within {patience:?}: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(LOOK * 5).await;
    }
}
