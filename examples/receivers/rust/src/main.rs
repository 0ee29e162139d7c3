//! Receives what Posthaste delivers, with axum: verifies each request with the Standard Webhooks library and prints one line for it.
//!
//! Environment: `WEBHOOK_SECRET`, the endpoint's secret (`whsec_…`); `PORT`, where 0, the default, takes any free one.

use std::{
    collections::{HashSet, VecDeque},
    error::Error,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::json;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

/// Bytes; Posthaste takes no larger payload unless it is configured to.
const LARGEST_BODY: usize = 1024 * 1024;

/// An id comes again only while its delivery is retried. A real receiver keeps the ids in its database, and writes each
/// in the same transaction as what the task makes it do.
const REMEMBERED_IDS: usize = 10_000;

struct Receiver {
    webhook: Webhook,
    seen: Mutex<SeenIds>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = std::env::var("WEBHOOK_SECRET")
        .map_err(|_| "WEBHOOK_SECRET is not set: it is the endpoint's secret, whsec_...")?;
    let port: u16 = std::env::var("PORT").map_or(Ok(0), |port| port.parse())?;
    let receiver = Receiver {
        webhook: Webhook::new(&secret)?,
        seen: Mutex::default(),
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let routes = Router::new()
        .route("/", post(receive))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(Arc::new(receiver));
    Ok(axum::serve(listener, routes).await?)
}

/// Decides the answer to one request. `body`: the bytes as they came, for one that was parsed and written again has another signature.
async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let id = text("webhook-id");
    // The signature covers id, time and body, but not this header: what must not be forged belongs into the body.
    let task_type = text("posthaste-type");
    let Some(id) = id.filter(|_| receiver.webhook.verify(&body, &headers).is_ok()) else {
        println!("{}", json!({ "id": id, "type": task_type, "verified": false }));
        return StatusCode::UNAUTHORIZED;
    };
    // At least once means that a task may come again: say yes to it, and do nothing.
    let is_new = receiver.seen.lock().is_ok_and(|mut seen| seen.add(id));
    println!(
        "{}",
        json!({ "id": id, "type": task_type, "verified": true, "duplicate": !is_new })
    );
    StatusCode::NO_CONTENT
}

/// The ids of the last tasks.
#[derive(Default)]
struct SeenIds {
    known: HashSet<String>,
    in_order: VecDeque<String>,
}

impl SeenIds {
    /// Notes the id; false when it was here before.
    fn add(&mut self, id: &str) -> bool {
        if !self.known.insert(id.to_owned()) {
            return false;
        }
        self.in_order.push_back(id.to_owned());
        if self.in_order.len() > REMEMBERED_IDS
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
