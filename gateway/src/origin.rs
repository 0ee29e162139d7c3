//! Where tasks come from: through how many servers like this one, and of which trace. Kept with each, and sent on with each attempt.

use axum::http::HeaderMap;
use opentelemetry::{
    Context, KeyValue, global,
    global::{BoxedSpan, BoxedTracer},
    trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer},
};
use queue::{
    task::{self, Checked},
    trace::{self, Span, TRACEPARENT, TRACESTATE},
};

use crate::{problem::Refusal, state::Gateway};

/// Where the tasks of one request come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    hops: u8,
    trace: Option<trace::Context>,
}

impl Origin {
    /// Puts it with a task.
    pub(crate) fn of(&self, task: Checked) -> Checked {
        let task = task.after_hops(self.hops);
        match &self.trace {
            Some(trace) => task.in_trace(trace),
            None => task,
        }
    }

    /// That of a request, by its headers.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        // What is no text is no number either.
        let hops = headers
            .get(task::HOP)
            .map(|value| value.to_str().unwrap_or_default());
        Ok(Self {
            hops: task::read_hops(hops)?,
            trace: trace_of(headers),
        })
    }

    /// That of a call, which no server like this one makes.
    pub(crate) fn of_call(headers: &HeaderMap) -> Self {
        Self {
            hops: 0,
            trace: trace_of(headers),
        }
    }
}

fn trace_of(headers: &HeaderMap) -> Option<trace::Context> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    trace::Context::read(text(TRACEPARENT), text(TRACESTATE))
}

/// An enqueue that may be recorded as a part of a trace: from the request to its answer, and in it the commit.
pub(crate) struct Enqueuing {
    tracer: Option<BoxedTracer>,
    whole: Option<BoxedSpan>,
}

impl Enqueuing {
    /// Begins to record, if traces are exported and this is one of those that are: by what the producer decided, else by chance. What
    /// is enqueued goes on from there.
    pub(crate) fn begin(gateway: &Gateway, name: &'static str, queue: &str, origin: &mut Origin) -> Self {
        let nothing = Self {
            tracer: None,
            whole: None,
        };
        let Some(share) = gateway.config().traced else {
            return nothing;
        };
        let parent = origin.trace.as_ref().map(|trace| trace.span);
        let wanted = parent.map_or_else(|| gateway.chance() < share, |span| span.sampled);
        if !wanted {
            return nothing;
        }
        let tracer = global::tracer("posthaste");
        let around = parent.map_or_else(Context::new, Span::around);
        let whole = tracer
            .span_builder(name)
            .with_kind(SpanKind::Server)
            .with_attributes([KeyValue::new("posthaste.queue", queue.to_owned())])
            .start_with_context(&tracer, &around);
        let seen = whole.span_context();
        let state = origin.trace.take().map(|trace| trace.state).unwrap_or_default();
        origin.trace = Some(trace::Context {
            span: Span {
                trace: u128::from_be_bytes(seen.trace_id().to_bytes()),
                id: u64::from_be_bytes(seen.span_id().to_bytes()),
                sampled: true,
            },
            state,
        });
        Self {
            tracer: Some(tracer),
            whole: Some(whole),
        }
    }

    /// Waits for the commit, which is a part of it.
    pub(crate) async fn commit<T>(&mut self, commit: impl Future<Output = T>) -> T {
        let (Some(tracer), Some(whole)) = (&self.tracer, &self.whole) else {
            return commit.await;
        };
        let around = Context::new().with_remote_span_context(whole.span_context().clone());
        let mut span = tracer.span_builder("commit").start_with_context(tracer, &around);
        let done = commit.await;
        span.end();
        done
    }

    /// Ends it: with what was committed, or refused.
    pub(crate) fn end<T>(self, done: &Result<T, Refusal>, task: impl FnOnce(&T) -> String) {
        let Some(mut whole) = self.whole else { return };
        match done {
            Ok(done) => whole.set_attribute(KeyValue::new("posthaste.task", task(done))),
            Err(refusal) => whole.set_status(Status::error(refusal.kind.describe().2)),
        }
        whole.end();
    }
}
