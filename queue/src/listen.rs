//! Notifications between nodes. A notification is a hint, the table is the truth: one that is lost costs time, never a task.

use std::time::Duration;

use sqlx::{postgres::PgListener, postgres::PgPoolOptions};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    change,
    db::Queue,
    error::{Error, Result},
    events,
};

/// The channel on which nodes hear of deliveries that another node committed for their shards.
pub(crate) const WORK: &str = "posthaste_work";

/// The channel on which nodes hear that deliveries were cancelled or purged: they look again at what they hold.
pub(crate) const WITHDRAWN: &str = "posthaste_withdrawn";

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// These shards have new deliveries.
    Work(Vec<u8>),
    /// The deliveries of these endpoints may have been cancelled or purged by another node.
    Withdrawn(Vec<crate::id::EndpointId>),
    /// The connection was gone for a while: anything may have happened.
    Anything,
}

/// How often the catalog is looked at although nothing was heard: a change is in effect within a second even with no LISTEN at all.
const LOOK: Duration = Duration::from_millis(500);

/// How long to wait before the listening connection is made again.
const RECONNECT: Duration = Duration::from_secs(1);

impl Queue {
    /// Follows what other nodes do, until stopped: keeps the catalog fresh and passes hints on. A full channel drops hints for one
    /// `Anything`, so a slow reader never holds this up.
    pub async fn follow(&self, hints: mpsc::Sender<Hint>, stop: CancellationToken) {
        let looking = async {
            loop {
                tokio::time::sleep(LOOK).await;
                if let Err(error) = self.refresh_catalog().await {
                    debug!(%error, "the catalog could not be looked at");
                }
            }
        };
        let listening = async {
            loop {
                if let Err(error) = self.listen(&hints).await {
                    warn!(%error, "the connection for notifications was lost; it is made again");
                }
                tokio::time::sleep(RECONNECT).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = looking => {}
            () = listening => {}
        }
    }

    async fn listen(&self, hints: &mpsc::Sender<Hint>) -> Result<()> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_with(self.inner.listen.clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener
            .listen_all([change::CHANNEL, WORK, WITHDRAWN, events::WANTED])
            .await?;
        // Subscribed first, looked second: what happened in between is heard or seen.
        self.refresh_catalog().await?;
        self.ask_for_wishes().await?;
        let mut missed = true;
        loop {
            if missed && hints.try_send(Hint::Anything).is_ok() {
                missed = false;
            }
            let quiet = self.inner.config.statement_timeout / 2;
            let Ok(heard) = timeout(quiet, listener.try_recv()).await else {
                self.prove(&mut listener).await?;
                continue;
            };
            let Some(notice) = heard? else {
                missed = true;
                continue;
            };
            let hint = match notice.channel() {
                WORK => Hint::Work(shards_from_text(notice.payload())),
                WITHDRAWN => Hint::Withdrawn(
                    notice
                        .payload()
                        .split(',')
                        .filter_map(|id| id.parse().ok())
                        .collect(),
                ),
                events::WANTED => {
                    self.heard_wish(notice.payload());
                    continue;
                }
                _ => {
                    self.refresh_catalog().await?;
                    continue;
                }
            };
            missed |= hints.try_send(hint).is_err();
        }
    }

    /// Asks whether the connection still leads to the server: a dead one is as quiet as one on which nothing is said.
    async fn prove(&self, listener: &mut PgListener) -> Result<()> {
        let asked = sqlx::query!("-- ping\nSELECT 1 AS one").fetch_one(listener);
        match timeout(self.inner.config.statement_timeout, asked).await {
            Ok(answer) => Ok(answer.map(drop)?),
            Err(_) => Err(Error::Unavailable("it does not answer".into())),
        }
    }

    /// Tells this node's dispatcher and every other's that deliveries are no more.
    pub(crate) async fn withdrawn(
        &self,
        gone: &[(crate::id::EndpointId, crate::id::DeliveryId)],
    ) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        if let Some(door) = self.door() {
            door.withdraw(gone);
        }
        let mut endpoints: Vec<_> = gone.iter().map(|(endpoint, _)| *endpoint).collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        // A payload has at most 8,000 bytes: 200 ids of 36 and a comma.
        for some in endpoints.chunks(200) {
            let text = some.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            sqlx::query!("-- notify\nSELECT pg_notify($1, $2)", WITHDRAWN, text)
                .execute(&self.inner.pool)
                .await?;
        }
        Ok(())
    }
}

/// Shards as a notification's payload: two hexadecimal digits each, at most 512 characters.
pub(crate) fn shards_to_text(shards: &[u8]) -> String {
    shards.iter().map(|shard| format!("{shard:02x}")).collect()
}

fn shards_from_text(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_pass_through_a_notification() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(shards_from_text(&shards_to_text(&all)), all);
        assert!(shards_to_text(&all).len() < 8_000);
        assert_eq!(shards_from_text("zz0ax"), [10]);
    }
}
