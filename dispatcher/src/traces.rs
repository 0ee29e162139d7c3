//! Traces: each attempt of a task that came in a trace which is recorded is a span of it, and so is the wait before.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use opentelemetry::{
    KeyValue, global,
    global::BoxedSpan,
    trace::{Span as _, SpanKind, Status, Tracer},
};
use queue::{
    Delivery,
    endpoint::Endpoint,
    finish::Finished,
    id::AttemptId,
    outcome::Outcome,
    trace::{Span, TRACEPARENT},
};

/// An attempt as a span.
pub(crate) struct Traced {
    /// What its request says of it.
    pub(crate) sent: Span,
    recorded: Option<BoxedSpan>,
}

impl Traced {
    /// Begins the span of an attempt; `begun` is now.
    pub(crate) fn begin(
        delivery: &Delivery,
        endpoint: &Endpoint,
        id: AttemptId,
        begun: DateTime<Utc>,
    ) -> Self {
        let content = &delivery.content;
        let sent = Span::of_attempt(&content.headers, content.id, id);
        if !sent.sampled {
            return Self { sent, recorded: None };
        }
        // Where none are exported, this makes spans of nothing.
        let tracer = global::tracer("posthaste");
        let parent = content.headers.get(TRACEPARENT).and_then(|text| Span::read(text));
        let around = parent.unwrap_or(sent).around();
        let number = i64::from(delivery.attempts) + 1;
        let names = [
            KeyValue::new("posthaste.task", content.id.to_string()),
            KeyValue::new("posthaste.delivery", delivery.id.to_string()),
            KeyValue::new("posthaste.endpoint", delivery.endpoint_id.to_string()),
            KeyValue::new("posthaste.attempt", number),
        ];
        tracer
            .span_builder("wait")
            .with_start_time(SystemTime::from(delivery.due_at.min(begun)))
            .with_attributes(names.clone())
            .start_with_context(&tracer, &around)
            .end_with_timestamp(SystemTime::from(begun));
        let mut recorded = tracer
            .span_builder("POST")
            .with_kind(SpanKind::Client)
            .with_start_time(SystemTime::from(begun))
            .with_attributes(names)
            .start_with_context(&tracer, &around);
        recorded.set_attribute(KeyValue::new("http.request.method", "POST"));
        // Not the whole address: its query may hold a secret.
        if let Some(host) = endpoint.url.host_str() {
            recorded.set_attribute(KeyValue::new("server.address", host.to_owned()));
        }
        let seen = recorded.span_context();
        if !seen.is_valid() || !recorded.is_recording() {
            return Self { sent, recorded: None };
        }
        Self {
            sent: sent.with_id(u64::from_be_bytes(seen.span_id().to_bytes())),
            recorded: Some(recorded),
        }
    }

    /// Ends it, with what came of it.
    pub(crate) fn end(self, finished: &Finished) {
        let Some(mut span) = self.recorded else { return };
        let verdict = finished.verdict.as_str();
        span.set_attribute(KeyValue::new("posthaste.verdict", verdict));
        match finished.request.as_ref().map(|request| &request.outcome) {
            Some(Outcome::Answered(answer)) => {
                span.set_attribute(KeyValue::new(
                    "http.response.status_code",
                    i64::from(answer.status),
                ));
                if answer.status >= 400 {
                    span.set_attribute(KeyValue::new("error.type", answer.status.to_string()));
                    span.set_status(Status::error(finished.reason.clone()));
                }
            }
            Some(Outcome::Failed(failure)) => {
                span.set_attribute(KeyValue::new("error.type", failure.kind.as_str()));
                span.set_status(Status::error(failure.detail.clone()));
            }
            None => {}
        }
        span.end_with_timestamp(SystemTime::from(finished.ended_at));
    }
}
