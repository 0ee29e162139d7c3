//! Relief: when lanes together hold much, those that do not get rid of it give it back (see [`crate::lane`]'s part of the same name).

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::lanes::Lanes;

/// How often lanes are asked.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) async fn run(lanes: Arc<Lanes>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => lanes.relieve(),
        }
    }
}
