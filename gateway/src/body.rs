//! Reads a request's body whole: within its size, its time, and the memory that all bodies may take together.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    problem::{Kind, Refusal},
    state::Gateway,
};

/// Up to here a body is not counted: a connection takes about as much anyway, and their number is limited.
pub(crate) const SMALL: usize = 64 << 10;

/// A body, and its claim on memory, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// How large a body may be, and what is said of one that is larger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit<'a> {
    /// Most bytes.
    pub(crate) bytes: usize,
    /// The field to blame: what it is that can make such a body large.
    pub(crate) field: &'a str,
}

impl Limit<'_> {
    fn exceeded(&self) -> Refusal {
        let detail = format!(
            "the request's body is larger than the {} bytes that are taken here",
            self.bytes
        );
        Refusal::of_field(Kind::TooLarge, self.field, detail)
    }
}

/// Reads it.
pub(crate) async fn read(gateway: &Gateway, body: Body, limit: Limit<'_>) -> Result<Whole, Refusal> {
    let in_time = gateway.config().body_time();
    tokio::time::timeout(in_time, collect(gateway, body, limit))
        .await
        .unwrap_or_else(|_| {
            let detail = format!("The body did not arrive within {} s.", in_time.as_secs_f32());
            Err(Refusal::new(Kind::BodyTimeout, detail))
        })
}

async fn collect(gateway: &Gateway, mut body: Body, limit: Limit<'_>) -> Result<Whole, Refusal> {
    use axum::body::HttpBody;
    // What is announced too large is not read at all.
    if body.size_hint().lower() > limit.bytes as u64 {
        return Err(limit.exceeded());
    }
    let mut room = Room {
        of: gateway.bodies(),
        taken: None,
        counted: 0,
    };
    let Some(first) = next(&mut body).await? else {
        return Ok(Whole {
            bytes: Bytes::new(),
            _room: None,
        });
    };
    room.make(first.len())?;
    if first.len() <= limit.bytes && body.is_end_stream() {
        return Ok(Whole {
            bytes: first,
            _room: room.taken,
        });
    }
    let mut whole = BytesMut::from(first);
    while let Some(more) = next(&mut body).await? {
        if whole.len() + more.len() > limit.bytes {
            return Err(limit.exceeded());
        }
        room.make(whole.len() + more.len())?;
        whole.extend_from_slice(&more);
    }
    if whole.len() > limit.bytes {
        return Err(limit.exceeded());
    }
    Ok(Whole {
        bytes: whole.freeze(),
        _room: room.taken,
    })
}

/// The next bytes; trailers are passed over.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::invalid("body", format!("could not be read: {error}")))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

struct Room<'a> {
    of: &'a Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
    counted: usize,
}

impl Room<'_> {
    /// Claims memory for a body of `bytes`.
    fn make(&mut self, bytes: usize) -> Result<(), Refusal> {
        if bytes <= SMALL {
            return Ok(());
        }
        let claim = claim(self.of, bytes - self.counted)?;
        match &mut self.taken {
            Some(taken) => taken.merge(claim),
            none => *none = Some(claim),
        }
        self.counted = bytes;
        Ok(())
    }
}

/// Claims so many bytes of the memory that all bodies share, until the claim is dropped.
pub(crate) fn claim(room: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    room.clone().try_acquire_many_owned(bytes).map_err(|_| {
        Refusal::new(
            Kind::Unavailable,
            "Too many large requests are being read at once. Try again in a moment.",
        )
    })
}

/// From here on a payload shares the request's buffer rather than being copied, if it is most of it.
const SHARED_FROM: usize = 16 << 10;

/// Whether a payload of so many bytes may go on sharing the buffer of a request of so many. A payload may wait for hours: a small one
/// would keep the whole of a large buffer. Copying a small one costs less than the buffer's bookkeeping.
pub(crate) fn is_shared(payload: usize, request: usize) -> bool {
    payload >= SHARED_FROM && payload >= request / 2
}
