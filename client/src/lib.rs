//! A client of Posthaste's REST API, for programs that enqueue tasks and for those that manage what becomes of them.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//! use posthaste_client::{Client, proto::{NewQueue, NewTask}};
//!
//! # async fn example() -> Result<(), posthaste_client::Error> {
//! let client = Client::new("http://127.0.0.1:8080", "ph_…")?;
//! client.make_queue(&NewQueue { name: "orders".into(), ..NewQueue::default() }).await?;
//!
//! let task: NewTask = serde_json::from_str(r#"{"type": "order.paid", "payload": {"id": 7}}"#).unwrap();
//! let enqueued = client.enqueue("orders", task).await?;
//! println!("{} goes to {} endpoints", enqueued.id, enqueued.deliveries);
//!
//! let mut attempts = std::pin::pin!(client.attempts_of_task(enqueued.id).items());
//! while let Some(attempt) = attempts.try_next().await? {
//!     println!("{}: {}", attempt.number, attempt.reason);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - [`Client`] has a method for each verb of the API, named as the API names it. Its types are those of [`proto`].
//! - A list is a [`List`]: a page at a time, or all its items as a stream that fetches pages as it goes.
//! - [`Client::events`] is what happens as it happens, and goes on by itself where a connection broke.
//! - What the server refuses is an [`Error::Refused`], with the problem document that says which field is wrong.
//! - A request that was turned away for now (429, 502, 503, 504), or broke on the way, is made again after a pause, as [`Retries`]
//!   says: but only if doing it twice is the same as doing it once. So a task gets an idempotency key unless it has one.

mod audit;
mod client;
mod dead_letters;
mod endpoints;
mod enqueue;
mod error;
mod events;
mod health;
mod keys;
mod lines;
mod list;
mod queues;
mod replays;
mod request;
mod retry;
mod sse;
mod system;
mod tasks;
mod tls;
mod users;

pub use client::{Builder, Client};
pub use enqueue::RawTask;
pub use error::{Error, Refused, Result};
pub use events::EventFilter;
pub use lines::Lines;
pub use list::List;
pub use proto;
pub use retry::Retries;
pub use tasks::TaskFilter;
