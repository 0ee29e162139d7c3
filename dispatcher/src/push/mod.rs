//! One attempt: a prepared request goes out, facts come back. Nothing here judges what they mean, signs, retries by
//! policy or knows the database.
//!
//! - [`Client`] makes the attempt: one total deadline over everything, body included; a kept-alive connection where
//!   there is one; at most one second try when a kept-alive connection turns out to be dead.
//! - [`Egress`] decides which addresses may be connected to.
//! - `connect` resolves, asks the guard about every address, connects to one it allowed, and speaks TLS.
//! - `resolve` looks names up, each once at a time, and `places` says how many at once, so that names that hang do not take all threads.
//! - `connection` speaks HTTP over it, and `pool` keeps it for the next attempt.
//! - `proxy` makes the connection through a proxy of the operator's, to an address that was vetted here all the same.
//! - `read` keeps what is kept of an answer; `failure` names what went wrong, by the type of the error.
//!
//! Never done: following redirects, decompressing, taking a proxy from the environment.

mod client;
mod config;
mod connect;
mod connection;
mod failure;
mod guard;
mod places;
mod pool;
mod progress;
mod proxy;
mod read;
mod resolve;
mod stream;
mod tls;

pub use client::{Client, Request};
pub use config::{Config, ConfigError};
pub use guard::{Egress, Refusal};
pub use proxy::Proxy;
pub use tls::{Identity, IdentityError, check_identity};
