//! Dead letters.

use http::Method;
use proto::{Count, DeadLetter, DeadLetterFilter, DeadLetterGroups, Replayed};
use uuid::Uuid;

use crate::{Client, List, Result, tasks::time};

impl Client {
    /// The dead letters that a filter means, newest first.
    pub fn dead_letters(&self, filter: &DeadLetterFilter) -> List<DeadLetter> {
        let list = List::new(self, &["dead-letters"]);
        parameters(filter)
            .into_iter()
            .fold(list, |list, (name, value)| list.filter(name, value))
    }

    /// How many dead letters of those that a filter means there are, by endpoint and reason: what to mend first.
    pub async fn dead_letter_groups(&self, filter: &DeadLetterFilter) -> Result<DeadLetterGroups> {
        let call = self.call(Method::GET, &["dead-letters", "groups"]);
        parameters(filter)
            .into_iter()
            .fold(call, |call, (name, value)| call.query(name, value))
            .answer()
            .await
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

fn parameters(filter: &DeadLetterFilter) -> [(&'static str, Option<String>); 7] {
    [
        ("queue", filter.queue.clone()),
        ("endpoint", filter.endpoint.map(|id| id.to_string())),
        ("type", filter.kind.clone()),
        ("status", filter.status.map(|status| status.to_string())),
        ("failure", filter.failure.clone()),
        ("since", filter.since.map(time)),
        ("until", filter.until.map(time)),
    ]
}
