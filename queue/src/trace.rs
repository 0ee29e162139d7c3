//! Trace context (W3C Trace Context, <https://www.w3.org/TR/trace-context/>): how a task's way is followed through several programs.
//! A producer sends the one it is in, it is kept with the task, and each attempt sends it on.

use std::{collections::BTreeMap, fmt};

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

use crate::id::{AttemptId, TaskId};

/// The header that names the trace and the span.
pub const TRACEPARENT: &str = "traceparent";

/// The header with what tracing systems add to it.
pub const TRACESTATE: &str = "tracestate";

/// The most of a `tracestate` that is passed on: what the specification asks for at least (section 3.3.1.5).
const STATE_MAX: usize = 512;

/// A span of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The trace's id, not zero.
    pub trace: u128,
    /// The span's id, not zero.
    pub id: u64,
    /// Whether whoever began the trace records it.
    pub sampled: bool,
}

impl Span {
    /// Reads a `traceparent`; `None` for what the specification says is to be ignored (section 3.2.2).
    pub fn read(header: &str) -> Option<Self> {
        let hex = |text: &str, length: usize| {
            (text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
                .then_some(())
        };
        let mut parts = header.trim().split('-');
        let (version, trace, id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        hex(version, 2)?;
        hex(trace, 32)?;
        hex(id, 16)?;
        hex(flags, 2)?;
        // A later version may say more behind; this one does not.
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let (trace, id) = (
            u128::from_str_radix(trace, 16).ok()?,
            u64::from_str_radix(id, 16).ok()?,
        );
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (trace != 0 && id != 0).then_some(Self { trace, id, sampled })
    }

    /// Another span of the same trace.
    #[must_use]
    pub fn with_id(self, id: u64) -> Self {
        Self {
            id: id.max(1),
            ..self
        }
    }

    /// What a span of this process is begun in that is to be a child of this one, which somebody else began: another program, or another
    /// part of this one.
    pub fn around(self) -> opentelemetry::Context {
        let flags = if self.sampled {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::default()
        };
        opentelemetry::Context::new().with_remote_span_context(SpanContext::new(
            TraceId::from_bytes(self.trace.to_be_bytes()),
            SpanId::from_bytes(self.id.to_be_bytes()),
            flags,
            true,
            TraceState::default(),
        ))
    }

    /// That of an attempt: of the trace that the task's headers name, else of one of the task's own (its id has 16 bytes, as a trace's
    /// has), which nobody records.
    pub fn of_attempt(headers: &BTreeMap<String, String>, task: TaskId, attempt: AttemptId) -> Self {
        let id = attempt.as_u64_pair().1.max(1);
        match headers.get(TRACEPARENT).and_then(|text| Self::read(text)) {
            Some(parent) => parent.with_id(id),
            None => Self {
                trace: task.as_u128().max(1),
                id,
                sampled: false,
            },
        }
    }
}

impl fmt::Display for Span {
    /// As a `traceparent`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.id)
    }
}

/// What a task brings of the trace it was enqueued in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The span that enqueued it.
    pub span: Span,
    /// The `tracestate` that came with it; empty if none did.
    pub state: String,
}

impl Context {
    /// Reads the two headers. A `tracestate` that is too long or no header's value is left out, as the specification allows.
    pub fn read(parent: Option<&str>, state: Option<&str>) -> Option<Self> {
        let span = Span::read(parent?)?;
        let state =
            state.filter(|state| state.len() <= STATE_MAX && state.bytes().all(|b| matches!(b, b' '..=b'~')));
        Some(Self {
            span,
            state: state.unwrap_or_default().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn only_what_the_specification_allows_is_read() {
        for (flags, sampled) in [("00", false), ("01", true), ("03", true), ("fe", false)] {
            let text = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
            let span = Span::read(&text).unwrap();
            assert_eq!((span.id, span.sampled), (0x00f0_67aa_0ba9_02b7, sampled));
            assert_eq!(span.to_string()[..52], text[..52]);
        }
        assert!(Span::read(&format!("01-{TRACE}-00f067aa0ba902b7-01-more")).is_some());
        for wrong in [
            String::new(),
            "00".into(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-+0f067aa0ba902b7-01"),
        ] {
            assert_eq!(Span::read(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_child_is_begun_in_the_same_trace_and_recorded_like_it() {
        for flags in ["00", "01"] {
            let span = Span::read(&format!("00-{TRACE}-00f067aa0ba902b7-{flags}")).unwrap();
            let around = span.around();
            let parent = around.span().span_context().clone();
            assert!(parent.is_valid() && parent.is_remote());
            assert_eq!(parent.trace_id().to_string(), TRACE);
            assert_eq!(parent.span_id().to_string(), "00f067aa0ba902b7");
            assert_eq!(parent.is_sampled(), flags == "01");
        }
    }

    #[test]
    fn an_attempt_is_a_span_of_the_producers_trace_or_of_the_tasks_own() {
        let (task, attempt) = (Uuid::from_u128(7 << 64), Uuid::from_u128(9));
        let own = Span::of_attempt(&BTreeMap::new(), task, attempt);
        assert_eq!((own.trace, own.id, own.sampled), (7 << 64, 9, false));
        let context = Context::read(Some(&format!("00-{TRACE}-00f067aa0ba902b7-01")), Some("a=b")).unwrap();
        let headers = BTreeMap::from([(TRACEPARENT.to_owned(), context.span.to_string())]);
        let span = Span::of_attempt(&headers, task, attempt);
        assert_eq!(span.to_string(), format!("00-{TRACE}-0000000000000009-01"));
        assert_eq!(context.state, "a=b");
        let long = "x".repeat(513);
        for state in [Some(long.as_str()), Some("a\u{e9}"), None] {
            let context = Context::read(Some(&span.to_string()), state).unwrap();
            assert_eq!(context.state, "");
        }
    }
}
