//! Queues.

use http::Method;
use proto::{Count, NewQueue, Queue, QueueUpdate, SimulatedVerdict, VerdictCase};

use crate::{Client, List, Result};

impl Client {
    /// Makes a queue. A name that is taken is a conflict (409).
    pub async fn make_queue(&self, new: &NewQueue) -> Result<Queue> {
        self.call(Method::POST, &["queues"]).json(new).answer().await
    }

    /// All queues, by name.
    pub fn queues(&self) -> List<Queue> {
        List::new(self, &["queues"])
    }

    /// Reads a queue.
    pub async fn queue(&self, name: &str) -> Result<Queue> {
        self.call(Method::GET, &["queues", name]).answer().await
    }

    /// Changes a queue. It holds for what waits as well.
    pub async fn update_queue(&self, name: &str, update: &QueueUpdate) -> Result<Queue> {
        self.call(Method::PATCH, &["queues", name])
            .json(update)
            .answer()
            .await
    }

    /// Asks what a response would cause at an endpoint of it that has no settings of its own. Nothing is sent.
    pub async fn simulate_queue(&self, name: &str, case: &VerdictCase) -> Result<SimulatedVerdict> {
        self.call(Method::POST, &["queues", name, "verdict:simulate"])
            .harmless(true)
            .json(case)
            .answer()
            .await
    }

    /// Holds all its deliveries back. Tasks are accepted as before.
    pub async fn pause_queue(&self, name: &str) -> Result<Queue> {
        self.call(Method::POST, &["queues", name, "pause"])
            .harmless(true)
            .answer()
            .await
    }

    /// Lets them go.
    pub async fn resume_queue(&self, name: &str) -> Result<Queue> {
        self.call(Method::POST, &["queues", name, "resume"])
            .harmless(true)
            .answer()
            .await
    }

    /// Cancels what waits in it, as much as one request can: `more` says whether there is more.
    pub async fn purge_queue(&self, name: &str) -> Result<Count> {
        self.call(Method::POST, &["queues", name, "purge"]).answer().await
    }

    /// Deletes a queue with its endpoints; what waits is cancelled.
    pub async fn delete_queue(&self, name: &str) -> Result<()> {
        self.call(Method::DELETE, &["queues", name]).deleted().await
    }
}
