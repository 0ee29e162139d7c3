//! Receives what Posthaste delivers: verifies each request with the Standard Webhooks library and prints one line for it.
//!
//! Environment: `WEBHOOK_SECRET`, the endpoint's secret (`whsec_…`); `PORT`, where 0, the default, takes any free one.

use std::collections::{HashSet, VecDeque};
use std::error::Error;
use std::io::Read;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use standardwebhooks::Webhook;
use tiny_http::{Method, Request, Response, Server};

/// Bytes; Posthaste takes no larger payload unless it is configured to.
const LARGEST_BODY: u64 = 1024 * 1024;

/// An id comes again only while its delivery is retried. A real receiver keeps the ids in its database, and writes each
/// in the same transaction as what the task makes it do.
const REMEMBERED_IDS: usize = 10_000;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let secret = std::env::var("WEBHOOK_SECRET")
        .map_err(|_| "WEBHOOK_SECRET is not set: it is the endpoint's secret, whsec_...")?;
    let port: u16 = std::env::var("PORT").map_or(Ok(0), |port| port.parse())?;
    let webhook = Webhook::new(&secret)?;
    let mut seen = SeenIds::default();
    let server = Server::http(("127.0.0.1", port))?;
    println!("listening on http://{}", server.server_addr());
    for mut request in server.incoming_requests() {
        let status = receive(&mut request, &webhook, &mut seen);
        // A sender that is gone before the answer delivers again.
        let _ = request.respond(Response::empty(status));
    }
    Ok(())
}

/// Decides the answer to one request.
fn receive(request: &mut Request, webhook: &Webhook, seen: &mut SeenIds) -> u16 {
    if *request.method() != Method::Post {
        return 405;
    }
    // The bytes as they came: a body that was parsed and written again has another signature.
    let mut body = Vec::new();
    if request
        .as_reader()
        .take(LARGEST_BODY + 1)
        .read_to_end(&mut body)
        .is_err()
    {
        return 400;
    }
    if body.len() as u64 > LARGEST_BODY {
        return 413;
    }
    let headers = headers(request);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let id = text("webhook-id");
    // The signature covers id, time and body, but not this header: what must not be forged belongs into the body.
    let task_type = text("posthaste-type");
    let Some(id) = id.filter(|_| webhook.verify(&body, &headers).is_ok()) else {
        println!("{}", json!({ "id": id, "type": task_type, "verified": false }));
        return 401;
    };
    // At least once means that a task may come again: say yes to it, and do nothing.
    let duplicate = !seen.add(id);
    println!(
        "{}",
        json!({ "id": id, "type": task_type, "verified": true, "duplicate": duplicate })
    );
    204
}

/// The request's headers as the library wants them.
fn headers(request: &Request) -> HeaderMap {
    let pairs = request.headers().iter().filter_map(|header| {
        let name = HeaderName::from_bytes(header.field.as_str().as_str().as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(header.value.as_str()).ok()?))
    });
    pairs.collect()
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
