//! What happens, as it happens.

use std::{collections::VecDeque, time::Duration};

use futures_util::{Stream, stream};
use http::{Method, header};
use proto::{EventKind, EventMessage, Missed};
use uuid::Uuid;

use crate::{
    Client, Error, Result,
    request::{Attempted, chance},
    retry::Failure,
    sse::{Message, Parser},
};

/// How long a stream may be silent before it counts as broken: six of the server's heartbeats.
const SILENCE: Duration = Duration::from_secs(90);

/// Which events are wanted. What is left out does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Globs of queue names.
    pub queues: Vec<String>,
    /// Globs of task types.
    pub types: Vec<String>,
    /// Kinds (`delivery.dead`), their last words (`dead`), or globs of kinds (`endpoint.*`).
    pub states: Vec<String>,
    /// One task.
    pub task: Option<Uuid>,
    /// One endpoint.
    pub endpoint: Option<Uuid>,
}

impl Client {
    /// What happens from now on, or from after the event `after` if the server still remembers it.
    ///
    /// The stream does not end by itself. A connection that breaks is made again, from the last event on; where that is not possible
    /// a [`Missed`] says so. It ends after an error: a refusal, or no answer for as long as [`crate::Retries`] try.
    pub fn events(
        &self,
        filter: &EventFilter,
        after: Option<Uuid>,
    ) -> impl Stream<Item = Result<EventMessage>> + Send + use<> {
        let following = Following {
            client: self.clone(),
            filter: filter.clone(),
            last: after,
            connection: None,
            was_connected: false,
            failures: 0,
            ready: VecDeque::new(),
        };
        stream::try_unfold(following, |mut following| async {
            let message = following.next().await?;
            Ok(Some((message, following)))
        })
    }
}

struct Following {
    client: Client,
    filter: EventFilter,
    /// The last event that was told.
    last: Option<Uuid>,
    connection: Option<Connection>,
    was_connected: bool,
    /// In a row, without a sign of life in between.
    failures: u32,
    ready: VecDeque<EventMessage>,
}

struct Connection {
    response: reqwest::Response,
    parser: Parser,
}

impl Following {
    async fn next(&mut self) -> Result<EventMessage> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            let result = match &mut self.connection {
                None => self.connect().await,
                Some(connection) => match hear(connection, self.client.url().as_str()).await {
                    Ok(messages) => {
                        self.failures = 0;
                        self.take(messages)
                            .map_err(|error| (error, Failure::Answered(200, None)))
                    }
                    Err(error) => Err((error, Failure::Broken)),
                },
            };
            let Err((error, failure)) = result else { continue };
            let asked = self
                .connection
                .take()
                .and_then(|connection| connection.parser.retry);
            self.failures += 1;
            match self
                .client
                .inner
                .retries
                .pause(self.failures, true, failure, chance())
            {
                Some(pause) => tokio::time::sleep(pause.max(asked.unwrap_or_default())).await,
                None => return Err(error),
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Attempted> {
        let list = |values: &[String]| (!values.is_empty()).then(|| values.join(","));
        let mut call = self
            .client
            .call(Method::GET, &["events"])
            .query("queue", list(&self.filter.queues))
            .query("type", list(&self.filter.types))
            .query("state", list(&self.filter.states))
            .query("task", self.filter.task)
            .query("endpoint", self.filter.endpoint)
            .header(header::ACCEPT.as_str(), "text/event-stream");
        if let Some(last) = self.last {
            call = call.header("last-event-id", &last.to_string());
        }
        let response = call.open().await?;
        let content_type = response.headers().get(header::CONTENT_TYPE);
        if content_type.is_none_or(|value| !value.as_bytes().starts_with(b"text/event-stream")) {
            let error = Error::Unreadable {
                url: self.client.url().to_string(),
                status: response.status().as_u16(),
                why: "it is no stream of events".to_owned(),
            };
            return Err((error, Failure::Answered(200, None)));
        }
        if self.was_connected && self.last.is_none() {
            // There is no event to go on from.
            self.ready.push_back(EventMessage::Missed(Missed::of(None)));
        }
        self.was_connected = true;
        self.connection = Some(Connection {
            response,
            parser: Parser::default(),
        });
        Ok(())
    }

    fn take(&mut self, messages: Vec<Message>) -> Result<()> {
        for message in messages {
            self.last = message.id.and_then(|id| id.parse().ok()).or(self.last);
            if message.event != "missed" && message.event.parse::<EventKind>().is_err() {
                // A kind that a newer server has.
                continue;
            }
            let read = serde_json::from_str(&message.data).map_err(|error| Error::Unreadable {
                url: self.client.url().to_string(),
                status: 200,
                why: format!("an event: {error}"),
            })?;
            self.ready.push_back(read);
        }
        Ok(())
    }
}

/// What comes next; nothing, if that completes no message.
async fn hear(connection: &mut Connection, url: &str) -> Result<Vec<Message>> {
    let broken = |why: &str| Error::Unreached {
        url: url.to_owned(),
        why: why.to_owned(),
        sent: true,
    };
    match tokio::time::timeout(SILENCE, connection.response.chunk()).await {
        Ok(Ok(Some(piece))) => connection
            .parser
            .push(&piece)
            .map_err(|_| broken("an event is longer than any")),
        Ok(Ok(None)) => Err(broken("the stream of events ended")),
        Ok(Err(error)) => Err(Error::unreached(url, &error)),
        Err(_) => Err(broken("the stream of events fell silent")),
    }
}
