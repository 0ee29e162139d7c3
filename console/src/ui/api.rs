//! The only door to the server: its public REST API.

use std::cell::RefCell;

use gloo_net::http::{Method, RequestBuilder, Response};
use proto::{FieldError, Problem};
use serde::{Serialize, de::DeserializeOwned};

use super::session;

/// Why a request was not fulfilled, in the server's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The HTTP status; 0 if there was no answer.
    pub(crate) status: u16,
    /// What happened, and what to do.
    pub(crate) words: String,
    /// The fields to blame.
    pub(crate) fields: Vec<FieldError>,
}

impl Failure {
    fn unanswered() -> Self {
        Self {
            status: 0,
            words: "The server does not answer. What was asked may or may not have happened.".to_owned(),
            fields: vec![],
        }
    }

    /// The words, with those of each field where there are several.
    pub(crate) fn told(&self) -> String {
        if self.fields.len() < 2 {
            return self.words.clone();
        }
        let fields: Vec<String> = self
            .fields
            .iter()
            .map(|error| format!("{}: {}", error.field, error.detail))
            .collect();
        fields.join("; ")
    }
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

thread_local! {
    static CSRF: RefCell<String> = RefCell::default();
}

/// The code that requests which change something carry from now on.
pub(crate) fn use_csrf(code: Option<&str>) {
    CSRF.set(code.unwrap_or_default().to_owned());
}

/// Reads.
pub(crate) async fn get<T: DeserializeOwned>(path: &str) -> Result<T> {
    read(exchange(Method::GET, path, None).await?).await
}

/// Acts, with a body, and reads the answer.
pub(crate) async fn send<T: DeserializeOwned>(
    method: Method,
    path: &str,
    body: &impl Serialize,
) -> Result<T> {
    let body = serde_json::to_string(body).unwrap_or_default();
    read(exchange(method, path, Some(body)).await?).await
}

/// Acts, without a body, and reads the answer.
pub(crate) async fn act<T: DeserializeOwned>(path: &str) -> Result<T> {
    read(exchange(Method::POST, path, None).await?).await
}

/// Acts, where there is nothing to read.
pub(crate) async fn act_quietly(path: &str) -> Result<()> {
    exchange(Method::POST, path, None).await.map(drop)
}

/// Deletes.
pub(crate) async fn delete(path: &str) -> Result<()> {
    exchange(Method::DELETE, path, None).await.map(drop)
}

async fn exchange(method: Method, path: &str, body: Option<String>) -> Result<Response> {
    let mut request = RequestBuilder::new(path).method(method.clone());
    if method != Method::GET {
        request = request.header("posthaste-csrf", &CSRF.with_borrow(String::clone));
    }
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(body),
        None => request.build(),
    };
    let answer = request.map_err(|_| Failure::unanswered())?.send().await;
    let answer = answer.map_err(|_| Failure::unanswered())?;
    if answer.ok() {
        return Ok(answer);
    }
    let status = answer.status();
    let problem = answer.json::<Problem>().await;
    if status == 401 && path != session::PATH {
        session::ended();
    }
    Err(match problem {
        Ok(problem) => Failure {
            status,
            words: problem.detail,
            fields: problem.errors,
        },
        Err(_) => Failure {
            status,
            words: format!("The server answered {status}, and not in words."),
            fields: vec![],
        },
    })
}

async fn read<T: DeserializeOwned>(answer: Response) -> Result<T> {
    let status = answer.status();
    answer.json().await.map_err(|error| Failure {
        status,
        words: format!(
            "The answer is not understood; is this page older than the server? Reload it. ({error})"
        ),
        fields: vec![],
    })
}
