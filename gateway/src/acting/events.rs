//! Events, as they happen.

use std::{pin::Pin, time::Duration};

use chrono::{DateTime, Utc};
use proto::Scope;
use queue::events::{Asked, Filter, Subscription, Told};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use uuid::Uuid;

use super::Acting;
use crate::{caller::Caller, problem::Refusal, time};

/// Longest wait for the end of a key: clocks are set, and it is looked at again.
const LOOK: Duration = Duration::from_hours(1);

/// Why a request that lasts does so no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// This node stops: another goes on from the last event's id.
    Stopping,
    /// The key or token is no longer valid, or allows something else than before.
    NotAllowed,
}

/// What a caller is told, for as long as they may be. Bounded by the queue's limits, in number and in memory.
#[derive(Debug)]
pub(crate) struct Watch {
    acting: Acting,
    events: Subscription,
    /// Keys are changed through the catalog: there is nothing to look at between its versions.
    catalog: watch::Receiver<i64>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    /// When the key or token ends, as far as is known.
    end: Option<DateTime<Utc>>,
}

impl Acting {
    /// Subscribes to the events that are asked for, of the queues that the caller reaches: from now on, or from after the event `after`.
    pub(crate) fn watch_events(&self, asked: Asked, after: Option<Uuid>) -> Result<Watch, Refusal> {
        self.may(Scope::Read)?;
        let filter = Filter::check(asked)?;
        let catalog = self.queue().catalog().watch();
        let events = self.queue().subscribe(filter, self.reach().clone(), after)?;
        let end = match &self.caller {
            Caller::Key(key) => key.expires_at,
            Caller::Session(_, until) | Caller::User(_, until) => Some(*until),
            Caller::Token(token) => Some(token.until),
        };
        Ok(Watch {
            acting: self.clone(),
            events,
            catalog,
            stopping: Box::pin(self.gateway.stopping().clone().cancelled_owned()),
            end,
        })
    }
}

impl Watch {
    /// What is told next. Nothing is lost when the wait is given up.
    pub(crate) async fn next(&mut self) -> Result<Told, Ended> {
        loop {
            tokio::select! {
                biased;
                () = &mut self.stopping => return Err(Ended::Stopping),
                // The sender lives as long as the queue.
                _ = self.catalog.changed() => {}
                () = until(self.end) => {}
                told = self.events.next() => return told.ok_or(Ended::Stopping),
            }
            self.end = self.acting.look(time::now())?;
        }
    }
}

impl Acting {
    /// Looks whether the caller still may what they might when the request began, and until when: for requests that last.
    pub(crate) fn look(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Ended> {
        match &self.caller {
            Caller::Key(key) => match self.queue().find_valid_key(key.id, now) {
                Some(current) if current.rights == key.rights => Ok(current.expires_at),
                _ => Err(Ended::NotAllowed),
            },
            Caller::Session(key, until) => match self.queue().find_valid_key(key.id, now) {
                Some(current) if current.rights == key.rights && now < *until => {
                    Ok(Some(current.expires_at.map_or(*until, |end| end.min(*until))))
                }
                _ => Err(Ended::NotAllowed),
            },
            Caller::User(user, until) => match self.queue().find_user(user.id, user.epoch) {
                Some(current) if current.rights == user.rights && now < *until => Ok(Some(*until)),
                _ => Err(Ended::NotAllowed),
            },
            Caller::Token(token) if token.until > now => Ok(Some(token.until)),
            Caller::Token(_) => Err(Ended::NotAllowed),
        }
    }
}

/// Waits until then, not for ever.
async fn until(end: Option<DateTime<Utc>>) {
    match end {
        None => std::future::pending().await,
        Some(end) => sleep((end - time::now()).to_std().unwrap_or_default().min(LOOK)).await,
    }
}
