//! One request: how it is written, made, made again, and read.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use proto::Problem;
use serde::{Serialize, de::DeserializeOwned};
use url::Url;
use uuid::Uuid;

use crate::{
    Client, Error, Refused, Result,
    retry::{self, Failure},
};

/// How much of an answer that cannot be read is shown, in characters.
const SHOWN: usize = 200;

/// A request that is being written.
#[derive(Debug)]
#[must_use]
pub(crate) struct Call<'a> {
    client: &'a Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    /// Whether doing it twice is the same as doing it once.
    harmless: bool,
    /// The first thing that cannot be asked.
    wrong: Option<Error>,
}

/// What came back whole, with a status of success.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    url: String,
    status: u16,
}

impl Client {
    /// A request to `/v1/` and these segments, each one word of the path whatever is in it.
    pub(crate) fn call(&self, method: Method, path: &[&str]) -> Call<'_> {
        self.call_at_root(method, &[&["v1"], path].concat())
    }

    /// The same to a path that is of no version.
    pub(crate) fn call_at_root(&self, method: Method, path: &[&str]) -> Call<'_> {
        let mut url = self.inner.url.clone();
        let mut wrong = None;
        if let Some(bad) = path.iter().find(|part| matches!(**part, "" | "." | "..")) {
            wrong = Some(Error::Invalid(format!("`{bad}` is no name and no id")));
        }
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Call {
            client: self,
            harmless: method != Method::POST,
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            wrong,
        }
    }
}

impl Call<'_> {
    /// With a query parameter, if there is a value.
    pub(crate) fn query(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(name, &value.to_string());
        }
        self
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.append(name, value);
        } else {
            let why = format!("`{name}: {value}` cannot be an HTTP header");
            self.wrong.get_or_insert(Error::Invalid(why));
        }
        self
    }

    /// With these bytes.
    pub(crate) fn body(mut self, content_type: &str, body: Bytes) -> Self {
        self.body = body;
        self.header(header::CONTENT_TYPE.as_str(), content_type)
    }

    /// With this as JSON.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(json) => self.body("application/json", json.into()),
            Err(error) => {
                self.wrong
                    .get_or_insert(Error::Invalid(format!("cannot be written as JSON: {error}")));
                self
            }
        }
    }

    /// Doing it twice is the same as doing it once.
    pub(crate) fn harmless(mut self, harmless: bool) -> Self {
        self.harmless = harmless;
        self
    }

    /// Makes it, and reads what the API promises.
    pub(crate) async fn answer<T: DeserializeOwned>(self) -> Result<T> {
        self.send().await?.1.json()
    }

    /// Makes it, and returns what came back as it is.
    pub(crate) async fn whole(self) -> Result<Answer> {
        Ok(self.send().await?.1)
    }

    /// Deletes. If an earlier attempt may have done it, then to find it gone is success.
    pub(crate) async fn deleted(self) -> Result<()> {
        match self.send().await {
            Ok(_) => Ok(()),
            Err(Failed { error, attempts }) if attempts > 1 && error.status() == Some(404) => Ok(()),
            Err(failed) => Err(failed.error),
        }
    }

    async fn send(mut self) -> Result<(u32, Answer), Failed> {
        let mut attempts = 0;
        if let Some(error) = self.wrong.take() {
            return Err(Failed { error, attempts });
        }
        loop {
            attempts += 1;
            let (error, failure) = match self.once().await {
                Ok(answer) => return Ok((attempts, answer)),
                Err(what) => what,
            };
            let retries = self.client.inner.retries;
            match retries.pause(attempts, self.harmless, failure, chance()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(Failed { error, attempts }),
            }
        }
    }

    async fn once(&self) -> Result<Answer, Attempted> {
        let request = self.request().timeout(self.client.inner.timeout);
        let response = request.send().await.map_err(|error| self.unreached(&error))?;
        self.read(response).await
    }

    /// Makes it, once. An answer that is a success goes on for as long as it likes.
    pub(crate) async fn open(mut self) -> Result<reqwest::Response, Attempted> {
        if let Some(error) = self.wrong.take() {
            return Err((error, Failure::Answered(400, None)));
        }
        let time = self.client.inner.timeout;
        let begun = tokio::time::timeout(time, async {
            let response = self
                .request()
                .send()
                .await
                .map_err(|error| self.unreached(&error))?;
            if response.status().is_success() {
                return Ok(response);
            }
            // No success: it is read to its end as any other.
            let refused = self.read(response).await.err();
            Err(refused.unwrap_or_else(|| self.late()))
        });
        begun.await.unwrap_or_else(|_| Err(self.late()))
    }

    fn request(&self) -> reqwest::RequestBuilder {
        let http = &self.client.inner.http;
        let request = http.request(self.method.clone(), self.url.clone());
        request.headers(self.headers.clone()).body(self.body.clone())
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Answer, Attempted> {
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let body = response.bytes().await.map_err(|error| self.unreached(&error))?;
        let url = shown(&self.url);
        if (200..300).contains(&status) {
            return Ok(Answer {
                headers,
                body,
                url,
                status,
            });
        }
        let asked = headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let retry_after = asked.and_then(|value| retry::retry_after(value, now()));
        let error = refusal(&url, status, &headers, &body, retry_after);
        Err((error, Failure::Answered(status, retry_after)))
    }

    fn unreached(&self, error: &reqwest::Error) -> Attempted {
        let failure = if error.is_connect() {
            Failure::NotSent
        } else {
            Failure::Broken
        };
        (Error::unreached(&shown(&self.url), error), failure)
    }

    fn late(&self) -> Attempted {
        let error = Error::Unreached {
            url: shown(&self.url),
            why: "it took too long".to_owned(),
            sent: true,
        };
        (error, Failure::Broken)
    }
}

/// What went wrong with one attempt: for the caller, and for who decides whether there is another.
pub(crate) type Attempted = (Error, Failure);

/// Given up, after so many attempts.
#[derive(Debug)]
struct Failed {
    error: Error,
    attempts: u32,
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl Answer {
    /// What the API promises.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Unreadable {
            url: self.url.clone(),
            status: self.status,
            why: format!("{error}, in {}", beginning(&self.body)),
        })
    }
}

/// An answer that is no success: the problem document in it, or that there is none.
fn refusal(
    url: &str,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    retry_after: Option<std::time::Duration>,
) -> Error {
    if let Ok(problem) = serde_json::from_slice::<Problem>(body) {
        return Error::Refused(Box::new(Refused {
            // The status line counts; a proxy may have changed it.
            problem: Problem { status, ..problem },
            retry_after,
        }));
    }
    let place = headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok());
    let why = match place {
        Some(place) if (300..400).contains(&status) => {
            format!("it sends us to {place}; if that is the server, give its URL")
        }
        _ => format!("it is no problem document but {}", beginning(body)),
    };
    Error::Unreadable {
        url: url.to_owned(),
        status,
        why,
    }
}

/// The URL as a message has it, without the query: filters and page tokens say nothing to whoever reads it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

fn beginning(body: &[u8]) -> String {
    if body.is_empty() {
        return "an empty body".to_owned();
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN * 4)]);
    format!("{:?}", text.trim().chars().take(SHOWN).collect::<String>())
}

#[expect(clippy::disallowed_methods, reason = "an edge: a Retry-After may be a date")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[expect(clippy::disallowed_methods, reason = "an edge: pauses differ between clients")]
pub(crate) fn chance() -> f64 {
    rand::random()
}

/// A name that nobody else has.
#[expect(
    clippy::disallowed_methods,
    reason = "an edge: idempotency keys are made up here"
)]
pub(crate) fn fresh_key() -> String {
    Uuid::from_u128(rand::random()).simple().to_string()
}
