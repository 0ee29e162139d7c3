//! What runs while somebody wants events: one task that distributes them here and hears of other nodes', one that sends them to others.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::time::{Instant as Moment, sleep, sleep_until, timeout};
use tracing::{debug, warn};
use uuid::Uuid;

use super::{Published, gap::Gap, interest::Interest, mailbox::Item, notice};
use crate::{
    db::Queue,
    error::{Error, Result},
};

/// The channel on which nodes tell which events they want. Every node listens to it.
pub(crate) const WANTED: &str = "posthaste_events_wanted";

/// The channel of the events themselves. Only nodes that want some listen to it, on a connection that they make for it: however much
/// comes there, it never holds up the notifications that deliveries depend on.
const EVENTS: &str = "posthaste_events";

/// How often a node tells again what it wants; see `HOLDS` in [`super::interest`].
const TELL: Duration = Duration::from_secs(5);

/// How often it is looked whether somebody still wants something.
const LOOK: Duration = Duration::from_secs(1);

/// How long to wait before a lost connection is made again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Items that are distributed with the lock held once.
const BATCH: usize = 64;

/// Pause between two statements that send events: a notification takes a lock that all others wait for.
const PAUSE: Duration = Duration::from_millis(50);

/// Notices of one statement. With the pause some 20,000 events a second leave a node; what is more is missed elsewhere.
const NOTICES: usize = 16;

/// A node tells what it wants.
#[derive(Serialize, Deserialize)]
struct Wish {
    node: Uuid,
    /// Names of queues; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queues: Option<Vec<String>>,
    /// Whether the others are to tell what they want: it has just begun to listen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    asks: bool,
}

/// Distributes events to the subscribers of this node, until nobody has wanted any for a while.
pub(super) async fn distribute(queue: Queue) {
    let bus = &queue.inner.events;
    tokio::select! {
        () = bus.stop.cancelled() => {}
        () = queue.until_unwanted() => {}
        () = queue.hand_out() => {}
        () = queue.hear() => {}
    }
}

/// Sends this node's events to others, until none has wanted any for a while.
async fn send(queue: Queue) {
    let bus = &queue.inner.events;
    let mut items = VecDeque::new();
    loop {
        tokio::select! {
            () = bus.stop.cancelled() => return,
            () = bus.outbox.filled() => {}
            () = std::future::ready(()), if !items.is_empty() => {}
            () = sleep(LOOK) => {}
        }
        {
            let (mut core, now) = (bus.core.lock(), Instant::now());
            bus.look_at_interests(&mut core, now);
            if core.elsewhere.sum(now).is_nothing() {
                core.sends = false;
                bus.outbox.clear();
                return;
            }
        }
        items.extend(bus.outbox.take((BATCH * NOTICES).saturating_sub(items.len())));
        if let Err(error) = queue.send_some(&mut items).await {
            debug!(%error, "events could not be sent to other nodes");
            // Whether they arrived is not known.
            bus.outbox.miss(Gap::unknown());
        }
        sleep(PAUSE).await;
    }
}

impl Queue {
    /// Returns when nobody has wanted events here for a while.
    async fn until_unwanted(&self) {
        let bus = &self.inner.events;
        loop {
            sleep(LOOK).await;
            let (mut core, now) = (bus.core.lock(), Instant::now());
            core.audience.expire(now);
            bus.look_at_interests(&mut core, now);
            if core.audience.interest().is_nothing() {
                // Whoever subscribes from now on starts another.
                core.distributes = false;
                bus.inbox.clear();
                return;
            }
        }
    }

    /// Hands out what comes into the inbox.
    async fn hand_out(&self) {
        let bus = &self.inner.events;
        loop {
            bus.inbox.filled().await;
            let items = bus.inbox.take(BATCH);
            if !items.is_empty() {
                bus.core.lock().audience.tell(items, Instant::now());
            }
            tokio::task::yield_now().await;
        }
    }

    /// Tells other nodes what is wanted here, and puts their events into the inbox.
    async fn hear(&self) {
        let mut again = false;
        loop {
            if let Err(error) = self.hear_until_lost(again).await {
                warn!(%error, "the connection for other nodes' events was lost; it is made again");
            }
            again = true;
            sleep(RECONNECT).await;
        }
    }

    async fn hear_until_lost(&self, again: bool) -> Result<()> {
        let bus = &self.inner.events;
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_with(self.inner.listen.clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(EVENTS).await?;
        if again {
            bus.inbox.miss(Gap::unknown());
        }
        let mut next = Moment::now();
        loop {
            tokio::select! {
                heard = listener.try_recv() => match heard? {
                    Some(notice) => self.take_in(notice.payload()),
                    None => return Err(Error::Unavailable("it was closed".into())),
                },
                () = bus.interest_changed.notified() => next = Moment::now(),
                () = sleep_until(next) => {
                    let wish = self.wish(false);
                    // On this very connection: it proves that it still leads to the server.
                    let told = sqlx::query!("-- notify\nSELECT pg_notify($1, $2)", WANTED, wish).execute(&mut listener);
                    timeout(self.inner.config.statement_timeout, told)
                        .await
                        .map_err(|_| Error::Unavailable("it does not answer".into()))??;
                    next = Moment::now() + TELL;
                }
            }
        }
    }

    /// What is wanted here, as others are told it.
    fn wish(&self, asks: bool) -> String {
        let bus = &self.inner.events;
        let queues = match bus.core.lock().audience.interest() {
            Interest::Everything => None,
            Interest::Queues(names) => Some(names.into_iter().collect()),
        };
        let wish = Wish {
            node: bus.origin,
            queues,
            asks,
        };
        serde_json::to_string(&wish).unwrap_or_default()
    }

    fn take_in(&self, text: &str) {
        let bus = &self.inner.events;
        match notice::read(text) {
            Ok((from, _, _)) if from == bus.origin => {}
            Ok((from, events, gap)) => {
                bus.inbox
                    .put(events.into_iter().map(|event| Published::new(event, from)));
                if let Some(gap) = gap {
                    bus.inbox.miss(gap);
                }
            }
            Err(error) => {
                warn!(%error, "another node's events could not be read: is it of another version?");
                bus.inbox.miss(Gap::unknown());
            }
        }
    }

    async fn send_some(&self, items: &mut VecDeque<Item>) -> Result<()> {
        let bus = &self.inner.events;
        let notices = notice::write(items, bus.origin, NOTICES);
        if notices.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            "-- notify: events\nSELECT pg_notify($1, text) FROM unnest($2::text[]) AS text",
            EVENTS,
            &notices
        )
        .execute(&self.inner.pool)
        .await?;
        Ok(())
    }

    /// Asks the other nodes which events they want: this one listens to them from now on.
    pub(crate) async fn ask_for_wishes(&self) -> Result<()> {
        let wish = self.wish(true);
        sqlx::query!("-- notify\nSELECT pg_notify($1, $2)", WANTED, wish)
            .execute(&self.inner.pool)
            .await?;
        Ok(())
    }

    /// Another node has told which events it wants.
    pub(crate) fn heard_wish(&self, text: &str) {
        let bus = &self.inner.events;
        let Ok(wish) = serde_json::from_str::<Wish>(text) else {
            warn!(
                text,
                "another node tells in no known form which events it wants: is it of another version?"
            );
            return;
        };
        if wish.node == bus.origin {
            return;
        }
        if wish.asks {
            bus.interest_changed.notify_one();
        }
        let mut interest = Interest::default();
        match wish.queues {
            None => interest = Interest::Everything,
            Some(names) => interest.add(&Interest::Queues(names.into_iter().collect())),
        }
        let (mut core, now) = (bus.core.lock(), Instant::now());
        if core.is_closed {
            return;
        }
        core.elsewhere.note(wish.node, interest, now);
        bus.look_at_interests(&mut core, now);
        if !core.sends && !core.elsewhere.sum(now).is_nothing() {
            core.sends = true;
            tokio::spawn(send(self.clone()));
        }
    }
}
