//! The little of the REST API that a benchmark needs besides enqueueing.

use std::{future::Future, time::Duration};

use anyhow::{Context as _, Error, Result, anyhow};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::Method;
use proto::{NewEndpoint, NewQueue, Problem, QueueUpdate};
use serde::{Serialize, de::DeserializeOwned};

use super::wire::{Answer, Client, Site};

/// How long a call may take: deleting a queue with a long history is the slowest of them.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many endpoints are registered at once.
const REGISTERED_AT_ONCE: usize = 8;

/// The API of the server that is measured.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) site: Site,
}

impl Api {
    /// Makes a queue and its endpoints, lends its name to `measure`, and deletes the queue whatever came of it: an error and Ctrl-C
    /// included.
    pub(super) async fn with_queue<T, F>(
        &self,
        name: String,
        endpoints: Vec<NewEndpoint>,
        measure: impl FnOnce(String) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let new = NewQueue {
            name,
            ..NewQueue::default()
        };
        self.with(new, endpoints, measure).await
    }

    /// The same with a queue that has settings of its own.
    pub(super) async fn with<T, F>(
        &self,
        new: NewQueue,
        endpoints: Vec<NewEndpoint>,
        measure: impl FnOnce(String) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.call(Method::POST, "/v1/queues", &new).await?;
        let name = new.name;
        let result = async {
            let measured = async {
                self.register(&name, endpoints).await?;
                measure(name.clone()).await
            };
            tokio::select! {
                result = measured => result,
                _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
            }
        }
        .await;
        if let Err(error) = self
            .send(Method::DELETE, &format!("/v1/queues/{name}"), Bytes::new())
            .await
        {
            eprintln!("bench: queue {name} could not be deleted, do it by hand: {error:#}");
        }
        result
    }

    /// Registers endpoints, some at a time.
    async fn register(&self, queue: &str, endpoints: Vec<NewEndpoint>) -> Result<()> {
        let path = format!("/v1/queues/{queue}/endpoints");
        stream::iter(endpoints)
            .map(async |endpoint| self.call(Method::POST, &path, &endpoint).await.map(drop))
            .buffer_unordered(REGISTERED_AT_ONCE)
            .try_collect()
            .await
    }

    /// Holds back the queue's deliveries.
    pub(super) async fn pause(&self, queue: &str) -> Result<()> {
        let path = format!("/v1/queues/{queue}/pause");
        self.send(Method::POST, &path, Bytes::new()).await.map(drop)
    }

    /// Lets the queue's deliveries go.
    pub(super) async fn resume(&self, queue: &str) -> Result<()> {
        let path = format!("/v1/queues/{queue}/resume");
        self.send(Method::POST, &path, Bytes::new()).await.map(drop)
    }

    /// Changes the settings of a queue.
    pub(super) async fn change(&self, queue: &str, update: &QueueUpdate) -> Result<()> {
        let path = format!("/v1/queues/{queue}");
        self.call(Method::PATCH, &path, update).await.map(drop)
    }

    /// Reads a document.
    pub(super) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.send(Method::GET, path, Bytes::new()).await?;
        serde_json::from_slice(&answer.body).with_context(|| format!("GET {path}: not what the API promises"))
    }

    async fn call(&self, method: Method, path: &str, body: &impl Serialize) -> Result<Answer> {
        self.send(method, path, serde_json::to_vec(body)?.into()).await
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Answer> {
        let what = format!("{method} {path}");
        let shot = self.site.shot(method, path, "application/json")?;
        let answer = Client::open(&self.site).await?.send(&shot, body, PATIENCE).await;
        let answer = answer.map_err(|error| error.context(what.clone()))?;
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(refusal(&what, &answer))
        }
    }
}

/// The error in an answer: what its problem document says, or what it is instead.
pub(super) fn refusal(what: &str, answer: &Answer) -> Error {
    let Ok(problem) = serde_json::from_slice::<Problem>(&answer.body) else {
        return anyhow!(
            "{what}: {}, without a problem document: is this the REST API of Posthaste?",
            answer.status
        );
    };
    let fields = problem
        .errors
        .iter()
        .map(|error| format!("; {}: {}", error.field, error.detail));
    anyhow!(
        "{what}: {}: {}{}",
        answer.status,
        problem.detail,
        fields.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn answer(body: &'static str) -> Answer {
        Answer {
            status: StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn a_refusal_tells_what_the_problem_document_tells() {
        let error = refusal(
            "POST /v1/queues",
            &answer(
                r#"{"type":"/problems/invalid","title":"Invalid","status":400,"detail":"Two fields are wrong.",
                "errors":[{"field":"name","detail":"too long"},{"field":"url","detail":"no scheme"}]}"#,
            ),
        );
        assert_eq!(
            error.to_string(),
            "POST /v1/queues: 400 Bad Request: Two fields are wrong.; name: too long; url: no scheme"
        );
        assert!(
            refusal("GET /", &answer("<html>"))
                .to_string()
                .contains("without a problem document")
        );
    }
}
