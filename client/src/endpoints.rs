//! Endpoints and their signing secrets.

use http::Method;
use proto::{
    Attempt, Count, Endpoint, EndpointUpdate, Lane, NewEndpoint, NewSecret, Page, RevealedSecret, Secret,
    SignedRequest, SimulatedVerdict, TestResult, TestSend, VerdictCase, Verification,
};
use uuid::Uuid;

use crate::{Client, List, Result, request::Call};

impl Client {
    /// Registers an endpoint on a queue. The answer, and only it, has the signing secret.
    pub async fn make_endpoint(&self, queue: &str, new: &NewEndpoint) -> Result<Endpoint> {
        self.call(Method::POST, &["queues", queue, "endpoints"])
            .json(new)
            .answer()
            .await
    }

    /// The endpoints of a queue, oldest first.
    pub fn endpoints(&self, queue: &str) -> List<Endpoint> {
        List::new(self, &["queues", queue, "endpoints"])
    }

    /// Reads an endpoint.
    pub async fn endpoint(&self, id: Uuid) -> Result<Endpoint> {
        self.call(Method::GET, &["endpoints", &id.to_string()])
            .answer()
            .await
    }

    /// Changes an endpoint. It holds for what waits as well.
    pub async fn update_endpoint(&self, id: Uuid, update: &EndpointUpdate) -> Result<Endpoint> {
        self.call(Method::PATCH, &["endpoints", &id.to_string()])
            .json(update)
            .answer()
            .await
    }

    /// Holds its deliveries back.
    pub async fn pause_endpoint(&self, id: Uuid) -> Result<Endpoint> {
        self.switch(id, "pause").answer().await
    }

    /// Lets a paused one go on.
    pub async fn resume_endpoint(&self, id: Uuid) -> Result<Endpoint> {
        self.switch(id, "resume").answer().await
    }

    /// Lets a disabled one go on.
    pub async fn enable_endpoint(&self, id: Uuid) -> Result<Endpoint> {
        self.switch(id, "enable").answer().await
    }

    /// Holds its deliveries back until it is enabled, as an answer of 410 does.
    pub async fn disable_endpoint(&self, id: Uuid) -> Result<Endpoint> {
        self.switch(id, "disable").answer().await
    }

    fn switch(&self, id: Uuid, action: &str) -> Call<'_> {
        self.call(Method::POST, &["endpoints", &id.to_string(), action])
            .harmless(true)
    }

    /// Cancels what waits for it, as much as one request can: `more` says whether there is more.
    pub async fn purge_endpoint(&self, id: Uuid) -> Result<Count> {
        self.call(Method::POST, &["endpoints", &id.to_string(), "purge"])
            .answer()
            .await
    }

    /// Deletes an endpoint; what waits for it is cancelled.
    pub async fn delete_endpoint(&self, id: Uuid) -> Result<()> {
        self.call(Method::DELETE, &["endpoints", &id.to_string()])
            .deleted()
            .await
    }

    /// Sends it a task, once and at once, and waits for the answer.
    pub async fn test_endpoint(&self, id: Uuid, test: &TestSend) -> Result<TestResult> {
        self.call(Method::POST, &["endpoints", &id.to_string(), "test"])
            .json(test)
            .answer()
            .await
    }

    /// Asks what a response of it would cause. Nothing is sent.
    pub async fn simulate_endpoint(&self, id: Uuid, case: &VerdictCase) -> Result<SimulatedVerdict> {
        self.call(Method::POST, &["endpoints", &id.to_string(), "verdict:simulate"])
            .harmless(true)
            .json(case)
            .answer()
            .await
    }

    /// What its lane does, and what its deliveries wait for.
    pub async fn lane(&self, endpoint: Uuid) -> Result<Lane> {
        self.call(Method::GET, &["endpoints", &endpoint.to_string(), "lane"])
            .answer()
            .await
    }

    /// Its attempts, newest first.
    pub fn attempts_of_endpoint(&self, id: Uuid) -> List<Attempt> {
        List::new(self, &["endpoints", &id.to_string(), "attempts"])
    }

    /// Its signing secrets that are valid, without their values.
    pub async fn secrets(&self, endpoint: Uuid) -> Result<Page<Secret>> {
        self.call(Method::GET, &["endpoints", &endpoint.to_string(), "secrets"])
            .answer()
            .await
    }

    /// Adds a signing secret. The older ones go on signing beside it for the overlap.
    pub async fn rotate_secret(&self, endpoint: Uuid, new: &NewSecret) -> Result<RevealedSecret> {
        self.call(Method::POST, &["endpoints", &endpoint.to_string(), "secrets"])
            .json(new)
            .answer()
            .await
    }

    /// Reads a signing secret's value.
    pub async fn reveal_secret(&self, endpoint: Uuid, secret: Uuid) -> Result<RevealedSecret> {
        let path = ["endpoints", &endpoint.to_string(), "secrets", &secret.to_string()];
        self.call(Method::GET, &path).answer().await
    }

    /// Deletes a signing secret: it signs nothing from now on.
    pub async fn delete_secret(&self, endpoint: Uuid, secret: Uuid) -> Result<()> {
        let path = ["endpoints", &endpoint.to_string(), "secrets", &secret.to_string()];
        self.call(Method::DELETE, &path).deleted().await
    }

    /// Explains why a receiver accepts the signature of a request or does not.
    pub async fn verify_signature(&self, endpoint: Uuid, request: &SignedRequest) -> Result<Verification> {
        self.call(Method::POST, &["endpoints", &endpoint.to_string(), "verify"])
            .json(request)
            .harmless(true)
            .answer()
            .await
    }
}
