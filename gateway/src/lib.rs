//! The gateway: how requests come in. REST and gRPC, over the same verbs.
//!
//! The cast:
//! - [`Config`]: every limit. [`Gateway`]: what a request needs; the root builds it and hands it to [`serve`].
//! - `serve`: connections, their deadlines, and their orderly end; `tls`: how they are encrypted.
//! - `rest`, `grpc`: the routes and services as one list each, and the handlers, which translate.
//! - `auth` finds the `caller`: who asks. `acting`: what they do, verb by verb, whatever the transport, and whether they may; `queue` does it.
//! - `console`: the files of the web console, for browsers.
//! - `metrics`: what was asked, and the page of all that monitoring is told.
//! - `openapi`: what the handlers say of themselves, completed to the document that is served.
//! - `origin`: where tasks come from, and the spans of their enqueue.
//! - `problem`: what one is told when a request is not fulfilled.
//! - `body`, `json`, `query`, `path`, `page`: the forms in which requests come and answers go.
//!
//! It knows `queue` and `proto`, never the dispatcher nor an HTTP client: what it needs of them comes in as functions. [`Gateway::new`]
//! takes three ([`Doors`]): is this URL refused, is an endpoint's TLS refused, are the shards owned. What is done before metrics are told
//! comes with [`Gateway::measured_by`], what the root alone knows of the node with [`Gateway::describe`].

mod acting;
pub mod auth;
mod body;
mod bucket;
mod caller;
mod config;
mod console;
#[doc(hidden)]
pub mod fuzz;
mod grpc;
mod json;
mod metrics;
mod openapi;
mod origin;
mod page;
mod path;
mod problem;
mod query;
mod rates;
mod rest;
mod serve;
mod state;
mod time;
mod tls;

pub use config::Config;
pub use console::ConsoleFile;
pub use metrics::Measure;
pub use rest::{document, router};
pub use serve::{Port, Speaks, serve};
pub use state::{Doors, Gateway, Ready, Surroundings, VetAuth, VetUrl};
pub use tls::{Files, Tls, TlsError};
