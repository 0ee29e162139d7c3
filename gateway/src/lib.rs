//! The gateway: how requests come in. REST now, over the same verbs that any other transport will use.
//!
//! The cast:
//! - [`Config`]: every limit. [`Gateway`]: what a request needs; the root builds it and hands it to [`serve`].
//! - `serve`: connections, their deadlines, and their orderly end. `rest`: the routes as one list, and the handlers, which translate.
//! - `intake`, `registry`, `test_send`, `traffic`: what is done, whatever the transport; everything else is done by `queue`.
//! - `auth`: who asks. `problem`: what one is told when a request is not fulfilled.
//! - `body`, `json`, `query`, `path`, `page`: the forms in which requests come and answers go.
//!
//! It knows `queue` and `proto`, never the dispatcher nor an HTTP client: what it needs of them (is this URL refused, are the shards
//! owned) comes in as two functions.

mod auth;
mod body;
mod config;
mod intake;
mod json;
mod page;
mod path;
mod problem;
mod query;
mod registry;
mod rest;
mod serve;
mod state;
mod test_send;
mod time;
mod traffic;

pub use config::Config;
pub use rest::router;
pub use serve::serve;
pub use state::{Gateway, Ready, VetUrl};
