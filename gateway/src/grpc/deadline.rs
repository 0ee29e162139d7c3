//! How long a caller waits: the metadata `grpc-timeout`, kept to the end of a stream.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, HeaderValue},
};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::Sleep;

use super::status;
use crate::problem::Refusal;

const HEADER: &str = "grpc-timeout";

/// The time that the caller gives, if they say.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    headers.get(HEADER).map(read).transpose()
}

/// At most eight digits and a unit, as the gRPC specification has it.
fn read(value: &HeaderValue) -> Result<Duration, Refusal> {
    let wrong = || {
        Refusal::invalid(
            HEADER,
            "at most 8 digits, and one of H, M, S, m, u, n for hours to nanoseconds",
        )
    };
    let text = value.to_str().map_err(|_| wrong())?;
    let (digits, unit) = text
        .split_at_checked(text.len().wrapping_sub(1))
        .ok_or_else(wrong)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    match unit {
        "H" => Ok(Duration::from_secs(count * 3_600)),
        "M" => Ok(Duration::from_secs(count * 60)),
        "S" => Ok(Duration::from_secs(count)),
        "m" => Ok(Duration::from_millis(count)),
        "u" => Ok(Duration::from_micros(count)),
        "n" => Ok(Duration::from_nanos(count)),
        _ => Err(wrong()),
    }
}

/// The body of an answer that ends with the caller's time, whatever it still had to say.
pub(super) struct Until {
    body: Body,
    time: Duration,
    end: Pin<Box<Sleep>>,
    is_over: bool,
}

impl Until {
    pub(super) fn new(body: Body, time: Duration, end: tokio::time::Instant) -> Self {
        Self {
            body,
            time,
            end: Box::pin(tokio::time::sleep_until(end)),
            is_over: false,
        }
    }
}

impl HttpBody for Until {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if self.end.as_mut().poll(cx).is_ready() {
            self.is_over = true;
            // What the handler still does for this call ends here.
            self.body = Body::empty();
            let mut trailers = HeaderMap::new();
            // A status of ours is made of visible characters.
            let _ = status::exceeded(self.time).add_header(&mut trailers);
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_the_specification_has_it() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, text.parse().unwrap());
            of(&headers).map(Option::unwrap)
        };
        for (text, time) in [
            ("1H", Duration::from_hours(1)),
            ("2M", Duration::from_mins(2)),
            ("3S", Duration::from_secs(3)),
            ("250m", Duration::from_millis(250)),
            ("7u", Duration::from_micros(7)),
            ("99999999n", Duration::from_nanos(99_999_999)),
            ("0S", Duration::ZERO),
        ] {
            assert_eq!(of(text), Ok(time), "{text}");
        }
        for wrong in ["", "S", "5", "5s", "-5S", "123456789S", "1.5S", "5 S", "+5S"] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(super::of(&HeaderMap::new()), Ok(None));
    }
}
