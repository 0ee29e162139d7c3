//! Dead letters.

use http::Method;
use proto::{Count, DeadLetter, DeadLetterFilter, Replayed};
use uuid::Uuid;

use crate::{Client, List, Result, tasks::time};

impl Client {
    /// The dead letters that a filter means, newest first.
    pub fn dead_letters(&self, filter: &DeadLetterFilter) -> List<DeadLetter> {
        List::new(self, &["dead-letters"])
            .filter("queue", filter.queue.as_ref())
            .filter("endpoint", filter.endpoint)
            .filter("type", filter.kind.as_ref())
            .filter("status", filter.status)
            .filter("failure", filter.failure.as_ref())
            .filter("since", filter.since.map(time))
            .filter("until", filter.until.map(time))
    }

    /// Reads a dead letter.
    pub async fn dead_letter(&self, id: Uuid) -> Result<DeadLetter> {
        self.call(Method::GET, &["dead-letters", &id.to_string()])
            .answer()
            .await
    }

    /// Makes a new delivery of it.
    pub async fn replay(&self, id: Uuid) -> Result<Replayed> {
        self.call(Method::POST, &["dead-letters", &id.to_string(), "replay"])
            .answer()
            .await
    }

    /// Makes new deliveries of all that a filter means, as many as one request can: `more` says whether there are more.
    /// Who goes on should give `until`: what dies again meanwhile would be meant as well.
    pub async fn replay_all(&self, filter: &DeadLetterFilter) -> Result<Count> {
        self.call(Method::POST, &["dead-letters", "replay"])
            .json(filter)
            .answer()
            .await
    }

    /// Throws away all that a filter means, as many as one request can: `more` says whether there are more. The tasks stay.
    pub async fn purge_dead_letters(&self, filter: &DeadLetterFilter) -> Result<Count> {
        self.call(Method::POST, &["dead-letters", "purge"])
            .json(filter)
            .answer()
            .await
    }
}
