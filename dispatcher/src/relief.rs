//! Relief: when lanes together hold much, those that do not get rid of it give it back (see [`crate::lane`]'s part of the same name).

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::lanes::Lanes;

/// How often it is looked whether memory is short: a batch fills it in less than a second.
const LOOK: Duration = Duration::from_millis(100);

/// How many looks make a second.
const SECOND: u32 = 10;

pub(crate) async fn run(lanes: Arc<Lanes>, stop: CancellationToken) {
    for look in (1..=SECOND).cycle() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => lanes.relieve(look == SECOND),
        }
    }
}
