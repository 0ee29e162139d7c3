//! The messages of a request as they come in: within their size, their time, and the memory that all bodies may take together.
//!
//! The codec behind this sets memory aside for a message as soon as its length is announced, so it is counted as soon.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Sleep,
};
use tonic::Status;

use crate::{
    body,
    problem::{Kind, Refusal},
};

/// What holds for each message.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Most bytes of one, as it is sent: compressed, if it is.
    pub(super) bytes: usize,
    /// Time for one to come whole, once it has begun.
    pub(super) time: Duration,
    /// Bytes that large messages may take together.
    pub(super) room: Arc<Semaphore>,
}

/// A body that keeps the limits.
pub(super) struct Meter {
    body: Body,
    limits: Limits,
    place: Place,
    claim: Option<OwnedSemaphorePermit>,
    late: Option<Pin<Box<Sleep>>>,
}

/// How far into a message the body is: a flag, four bytes of its length, and itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head { bytes: [u8; 5], read: usize },
    Message { left: usize },
}

const BEGIN: Place = Place::Head {
    bytes: [0; 5],
    read: 0,
};

impl Meter {
    pub(super) fn new(body: Body, limits: Limits) -> Self {
        Self {
            body,
            limits,
            place: BEGIN,
            claim: None,
            late: None,
        }
    }

    /// Moves on by what came.
    fn pass(&mut self, mut data: &[u8]) -> Result<(), Refusal> {
        while !data.is_empty() {
            match &mut self.place {
                Place::Head { bytes, read } => {
                    let take = data.len().min(bytes.len() - *read);
                    bytes[*read..*read + take].copy_from_slice(&data[..take]);
                    *read += take;
                    data = &data[take..];
                    if *read == bytes.len() {
                        let [_, length @ ..] = *bytes;
                        self.begin(u32::from_be_bytes(length) as usize)?;
                    }
                }
                Place::Message { left } => {
                    let take = data.len().min(*left);
                    *left -= take;
                    data = &data[take..];
                    if *left == 0 {
                        (self.place, self.claim) = (BEGIN, None);
                    }
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, length: usize) -> Result<(), Refusal> {
        if length > self.limits.bytes {
            let detail = format!("{length} bytes; at most {} are taken here", self.limits.bytes);
            return Err(Refusal::of_field(Kind::TooLarge, "message", detail));
        }
        if length > body::SMALL {
            self.claim = Some(body::claim(&self.limits.room, length)?);
        }
        self.place = if length == 0 {
            BEGIN
        } else {
            Place::Message { left: length }
        };
        Ok(())
    }
}

impl HttpBody for Meter {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(late) = &mut self.late
            && late.as_mut().poll(cx).is_ready()
        {
            let detail = format!(
                "The message did not arrive within {} s.",
                self.limits.time.as_secs_f32()
            );
            return Poll::Ready(Some(Err(Refusal::new(Kind::BodyTimeout, detail).into())));
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                let broken = Status::cancelled(format!("the request could not be read: {error}"));
                return Poll::Ready(Some(Err(broken)));
            }
            None => return Poll::Ready(None),
        };
        if let Some(data) = frame.data_ref()
            && let Err(refusal) = self.pass(&data.clone())
        {
            return Poll::Ready(Some(Err(refusal.into())));
        }
        let time = self.limits.time;
        if self.place == BEGIN {
            self.late = None;
        } else if self.late.is_none() {
            self.late = Some(Box::pin(tokio::time::sleep(time)));
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::BodyExt;
    use proptest::prelude::*;

    use super::*;

    fn meter(room: usize) -> Meter {
        let limits = Limits {
            bytes: 1 << 20,
            time: Duration::from_secs(1),
            room: Arc::new(Semaphore::new(room)),
        };
        Meter::new(Body::empty(), limits)
    }

    fn message(length: usize) -> Vec<u8> {
        let announced = u32::try_from(length).unwrap().to_be_bytes();
        [&[0], announced.as_slice(), vec![7; length].as_slice()].concat()
    }

    #[test]
    fn a_large_message_is_counted_while_it_comes() {
        let mut meter = meter(100_000);
        let bytes = message(70_000);
        meter.pass(&bytes[..5]).unwrap();
        assert_eq!(meter.limits.room.available_permits(), 30_000);
        meter.pass(&bytes[5..]).unwrap();
        assert_eq!(
            (meter.limits.room.available_permits(), meter.place),
            (100_000, BEGIN)
        );
        meter.pass(&message(65_000)).unwrap();
    }

    #[test]
    fn what_is_too_large_or_finds_no_room_is_refused_as_it_is_announced() {
        assert_eq!(
            meter(0).pass(&message(1 << 20)[..5]).unwrap_err().kind,
            Kind::Unavailable
        );
        let refusal = meter(1 << 30).pass(&[0, 0, 16, 0, 1]).unwrap_err();
        assert_eq!(
            (refusal.kind, &*refusal.errors[0].field),
            (Kind::TooLarge, "message")
        );
        meter(0).pass(&message(1 << 16)).unwrap();
    }

    #[tokio::test]
    async fn a_message_that_does_not_come_whole_is_waited_for_in_vain() {
        let begun = stream::iter([Ok::<_, axum::Error>(Bytes::from_static(&[0, 0, 0, 0, 9, 1]))]);
        let body = Body::from_stream(futures_util::StreamExt::chain(begun, stream::pending()));
        let limits = Limits {
            bytes: 1 << 20,
            time: Duration::from_millis(50),
            room: Arc::new(Semaphore::new(0)),
        };
        let mut meter = Meter::new(body, limits);
        meter.frame().await.unwrap().unwrap();
        let status = meter.frame().await.unwrap().unwrap_err();
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
    }

    proptest! {
        #[test]
        fn messages_may_be_cut_anywhere(lengths in prop::collection::vec(0..200_usize, 0..20), cut in 1..50_usize) {
            let mut meter = meter(0);
            let bytes = lengths.iter().flat_map(|length| message(*length)).collect::<Vec<u8>>();
            for part in bytes.chunks(cut) {
                meter.pass(part).unwrap();
            }
            prop_assert_eq!(meter.place, BEGIN);
        }
    }
}
