//! One attempt of a delivery: the request is made and signed, pushed, and what came of it is judged.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use queue::{
    Delivery, Purpose,
    endpoint::Endpoint,
    finish::{Finished, Request},
    id::AttemptId,
    ordering,
    outcome::{Failure, FailureKind, Outcome, Timing},
    settings::resolve_retry,
    signature::{self, Signer},
    task,
    trace::{self, Span},
    verdict::{self, Case, Judgement, LaneOrder, Verdict},
};
use tracing::{debug, error};

use crate::{
    access::{Access, Clients},
    ages::too_old,
    push,
    traces::Traced,
};

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const QUEUE: HeaderName = HeaderName::from_static("posthaste-queue");
const TYPE: HeaderName = HeaderName::from_static("posthaste-type");
const ATTEMPT: HeaderName = HeaderName::from_static("posthaste-attempt");
const REPLAY: HeaderName = HeaderName::from_static("posthaste-replay");
const HOP: HeaderName = HeaderName::from_static(task::HOP);
const TRACEPARENT: HeaderName = HeaderName::from_static(trace::TRACEPARENT);

/// Headers that a request's map has room for from the beginning: ours, and some of the task's and the endpoint's.
const HEADERS: usize = 16;

/// An endpoint made ready for pushing: what is the same for all its requests is made once.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) endpoint: Arc<Endpoint>,
    uri: Uri,
    /// What each request has, in little room: there may be ten thousand of these.
    headers: Box<[(HeaderName, HeaderValue)]>,
    access: Access,
}

impl Target {
    /// `None` if the URL is none that HTTP can send to: then it was changed by hand in the database.
    pub(crate) fn new(endpoint: Arc<Endpoint>, clients: &Clients) -> Option<Self> {
        let uri = endpoint.url.as_str().parse().ok()?;
        let mut headers = HeaderMap::new();
        add(&mut headers, &endpoint.headers);
        headers.insert(QUEUE, HeaderValue::from_str(&endpoint.queue).ok()?);
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let access = Access::of(&endpoint, clients);
        Some(Self {
            endpoint,
            uri,
            headers,
            access,
        })
    }

    /// The request of one attempt. The task's own headers come first, so that none of them can stand in the place of ours.
    fn request(&self, delivery: &Delivery, span: Span, number: u32, now: DateTime<Utc>) -> push::Request {
        let content = &delivery.content;
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.extend(self.headers.iter().cloned());
        add(&mut headers, &content.headers);
        if !self.endpoint.settings.trace_context {
            headers.remove(trace::TRACEPARENT);
            headers.remove(trace::TRACESTATE);
        }
        self.access.add(&mut headers);
        let webhook_id = content.id.to_string();
        let timestamp = now.timestamp().to_string();
        let signature = self.sign(&webhook_id, &timestamp, &content.payload, now);
        let mut set = |name: HeaderName, value: &str| {
            // Every value here is made of ASCII by us, or was checked when it was accepted.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(header::CONTENT_TYPE, &content.content_type);
        set(WEBHOOK_ID, &webhook_id);
        set(WEBHOOK_TIMESTAMP, &timestamp);
        set(WEBHOOK_SIGNATURE, &signature);
        if !content.kind.is_empty() {
            set(TYPE, &content.kind);
        }
        if self.endpoint.settings.trace_context {
            set(TRACEPARENT, &span.to_string());
        }
        match delivery.purpose {
            Purpose::Replay(Some(job)) => set(REPLAY, &job.to_string()),
            Purpose::Replay(None) => set(REPLAY, "1"),
            Purpose::Live | Purpose::Test => {}
        }
        headers.insert(ATTEMPT, HeaderValue::from(number));
        headers.insert(HOP, HeaderValue::from(hops(&content.headers) + 1));
        push::Request {
            url: self.uri.clone(),
            headers,
            body: content.payload.clone(),
            timeout: self.endpoint.settings.timeout,
            connect_timeout: self.endpoint.settings.connect_timeout,
        }
    }

    fn sign(&self, id: &str, timestamp: &str, body: &[u8], now: DateTime<Utc>) -> String {
        match self.endpoint.signers.as_slice() {
            [(only, None)] => signature::header(std::slice::from_ref(only), id, timestamp, body),
            all => {
                let valid = all.iter().filter(|(_, ends)| ends.is_none_or(|ends| ends > now));
                let valid: Vec<Signer> = valid.map(|(signer, _)| signer.clone()).collect();
                signature::header(&valid, id, timestamp, body)
            }
        }
    }
}

/// Through how many servers like this one a task came.
fn hops(headers: &std::collections::BTreeMap<String, String>) -> u16 {
    headers
        .get(task::HOP)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn add(headers: &mut HeaderMap, more: &std::collections::BTreeMap<String, String>) {
    for (name, value) in more {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}

/// What came of a delivery's turn, and what it asks of its lane.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) finished: Finished,
    pub(crate) lane: LaneOrder,
}

/// Gives a delivery its turn: one request, unless it has expired.
pub(crate) async fn attempt(
    clients: &Clients,
    target: &Target,
    delivery: Delivery,
    id: AttemptId,
    clock: fn() -> DateTime<Utc>,
    chance: f64,
) -> Turn {
    let begun = clock();
    if delivery.expires_at.is_some_and(|end| end <= begun) {
        return given_up(delivery, id, "it expired before it could be sent", begun);
    }
    let max_age = target.endpoint.settings.max_age;
    let max_age = max_age.filter(|_| delivery.purpose != Purpose::Test);
    let too_old_at = max_age.map(|most| delivery.since + most);
    if let (Some(most), Some(at)) = (max_age, too_old_at)
        && at <= begun
    {
        return given_up(delivery, id, &too_old(most), begun);
    }
    let number = delivery.attempts + 1;
    let traced = Traced::begin(&delivery, &target.endpoint, id, begun);
    let make = || target.request(&delivery, traced.sent, number, begun);
    let limit = target.endpoint.settings.timeout;
    let (outcome, mut timing) = or_defect(target.access.push(clients, &make, limit, clock)).await;
    timing.wait_us = micros((begun - delivery.due_at).to_std().unwrap_or_default());
    let ended_at = clock();
    let settings = &target.endpoint.settings;
    let own = delivery.content.retry.as_ref().map(resolve_retry);
    let case = Case {
        retry: own.as_ref().unwrap_or(&settings.retry),
        policy: &settings.verdict,
        made: number,
        expires_at: delivery.expires_at,
        too_old_at,
        now: ended_at,
        chance,
    };
    let mut judged = verdict::judge(&outcome, case);
    if delivery.purpose == Purpose::Test && matches!(judged.verdict, Verdict::Retry { .. }) {
        judged.verdict = Verdict::Dead;
        judged.reason.push_str("; a test-send is not repeated");
    }
    let Judgement {
        verdict,
        reason,
        lane,
    } = judged;
    let makes_way = matches!(verdict, Verdict::Retry { .. }) && ordering::makes_way(settings.ordering);
    let url = target.endpoint.url.as_str().to_owned();
    let request = Some(Request { url, outcome, timing });
    let finished = Finished {
        delivery,
        id,
        verdict,
        reason,
        makes_way,
        request,
        ended_at,
    };
    traced.end(&finished);
    log(&finished);
    Turn { finished, lane }
}

/// What came of a request. A panic is a defect of this program, and an attempt that failed: the permit and the lane that the request has
/// are given back like any other's, and the delivery has its next try by the policy.
async fn or_defect(request: impl Future<Output = (Outcome, Timing)>) -> (Outcome, Timing) {
    let made = AssertUnwindSafe(request).catch_unwind().await;
    made.unwrap_or_else(|_| {
        error!("a request ended in a panic, which is a defect of this program; the delivery is tried again");
        let failure = Failure {
            kind: FailureKind::Protocol,
            detail: "the request ended in a defect of this server; its log says where".into(),
        };
        (Outcome::Failed(failure), Timing::default())
    })
}

/// A line of each attempt, for who asks for that many.
fn log(finished: &Finished) {
    let Finished {
        delivery, verdict, ..
    } = finished;
    debug!(
        task = %delivery.content.id,
        delivery = %delivery.id,
        endpoint = %delivery.endpoint_id,
        attempt = %finished.id,
        number = delivery.attempts + u32::from(finished.request.is_some()),
        verdict = verdict.as_str(),
        reason = finished.reason,
        took_us = finished.request.as_ref().map(|request| request.timing.total_us),
        "a delivery had its turn"
    );
}

/// A delivery that gets no request.
pub(crate) fn given_up(delivery: Delivery, id: AttemptId, reason: &str, now: DateTime<Utc>) -> Turn {
    let reason = reason.to_owned();
    let finished = Finished {
        delivery,
        id,
        verdict: Verdict::Dead,
        reason,
        makes_way: false,
        request: None,
        ended_at: now,
    };
    log(&finished);
    Turn {
        finished,
        lane: LaneOrder::Carry,
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failed_attempt() {
        let (outcome, _) = or_defect(async { panic!("a defect") }).await;
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }
}
