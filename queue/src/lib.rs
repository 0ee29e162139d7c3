//! The queue: what a task, delivery, endpoint and attempt is, what is decided of them, and every query that keeps them.
//!
//! The cast:
//! - [`Queue`]: the handle; every verb is a method of it, one verb a file: `enqueue`, `load`, `finish`, `cancel`, `replay`, `purge`, …
//! - [`catalog`]: queues, endpoints, keys and users as this node knows them, in memory. Changed only through [`change`]s.
//! - [`task`], [`endpoint`], [`delivery`]: the nouns, and the rules that what callers give must meet.
//! - [`outcome`] → [`verdict`] (by [`retry`] and [`settings`]) → [`finish`]: what happened, what is decided, what is written.
//! - [`keys`], [`users`], [`rights`]: who may ask for what.
//! - [`signature`], [`secrets`], [`vault`]: signing secrets, what they make, and how they are kept.
//! - [`auth`]: how an endpoint's requests show who sends them.
//! - [`audit`]: who did what of consequence.
//! - [`replays`]: jobs that make new deliveries of old tasks.
//! - [`events`]: what happens, told to whoever subscribes.
//! - [`retention`], [`partition`]: how long what went through is kept, and how it goes. [`redact`]: what is shown of it as hashes alone.
//! - [`metrics`]: what monitoring is told. [`notify`]: what those who run an installation are told, as tasks.
//! - [`trace`]: how a task is followed through several programs.
//! - [`ownership`]: which node pushes for which shard.
//!
//! This is the only crate that knows SQL. It knows nothing of HTTP: neither how a request came in nor how one goes out.

pub mod ages;
pub mod attempts;
pub mod audit;
pub mod auth;
pub mod cancel;
pub mod catalog;
pub mod change;
mod chores;
pub mod db;
pub mod dead_letters;
pub mod delivery;
mod depth;
pub mod disable;
pub mod endpoint;
pub mod endpoints;
pub mod enqueue;
pub mod error;
pub mod events;
mod expunge;
mod fanout;
pub mod finish;
pub mod glob;
pub mod headers;
pub mod id;
mod installation;
pub mod keys;
pub mod lane_states;
pub mod limits;
pub mod listen;
pub mod load;
pub mod metrics;
pub mod notify;
pub mod ordering;
pub mod outcome;
mod overview;
pub mod ownership;
pub mod partition;
mod pool;
pub mod purge;
pub mod queues;
pub mod redact;
pub mod replay;
pub mod replays;
pub mod retention;
pub mod retry;
pub mod retry_after;
pub mod rights;
pub mod rollup;
pub mod secrets;
pub mod settings;
pub mod signature;
mod storage;
pub mod sweep;
mod system;
pub mod task;
pub mod tasks;
pub mod trace;
pub mod users;
pub mod vault;
pub mod verdict;
mod why;
pub mod words;

pub use db::{Config, Queue};
pub use delivery::{Delivery, Door, Purpose};
pub use enqueue::Enqueuer;
pub use error::{Error, Result};
