//! The commands that ask a server, as people call them: the real program as server and as client.
//!
//! - `terminal`: a user with a home of their own, who calls the program and looks at what it prints.
//! - `login`: profiles and keys. `queues`: queues, endpoints and their secrets. `enqueues`: one task, any bytes, a file of many.
//!   `tasks`: what became of them, and dead letters. `keys`: API keys. `users`: users. `events`: what happens, as it happens. `signing`: schemes,
//!   endpoint authentication, the audit. `replays`: what is sent once more. `looks`: what explains and measures. `shape`: how the command line answers at all.

mod enqueues;
mod events;
#[path = "../node/harness/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the harness is that of `node`, which uses the rest of it"
)]
mod harness;
mod keys;
mod login;
mod looks;
mod queues;
mod replays;
mod shape;
mod signing;
mod tasks;
mod terminal;
mod users;
