//! How an endpoint's requests show who sends them: its secret headers, its tokens, and a TLS of its own.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use proto::EndpointAuth;
use queue::{
    endpoint::Endpoint,
    outcome::{Failure, FailureKind, Outcome, Timing},
};

use crate::{
    oauth::{self, Tokens},
    push::{self, Identity},
};

/// The clients that attempts are made with.
#[derive(Debug)]
pub(crate) struct Clients {
    /// For endpoints with no TLS of their own, which share its connections by host.
    everyones: push::Client,
    /// For access tokens, which may be longer than what is kept of an endpoint's answer.
    tokens: push::Client,
}

/// Bytes of a token server's answer that are read: the largest token that fits a header, many times over.
const TOKEN_ANSWER: usize = 64 << 10;

impl Clients {
    pub(crate) fn new(config: &push::Config) -> Result<Self, push::ConfigError> {
        let tokens = push::Config {
            response_body_kept: TOKEN_ANSWER,
            pool_idle_per_host: 1,
            ..config.clone()
        };
        Ok(Self {
            everyones: push::Client::new(config.clone())?,
            tokens: push::Client::new(tokens)?,
        })
    }
}

/// What an endpoint's requests have besides, made once.
#[derive(Debug)]
pub(crate) struct Access {
    /// Marked as secret, so that no formatting shows them.
    headers: HeaderMap,
    tokens: Option<Tokens>,
    /// A client of its own; `None` for everyone's.
    client: Option<push::Client>,
    /// Why none of its requests can be made.
    broken: Option<Failure>,
}

/// The TLS that an endpoint's settings ask for.
pub fn identity(auth: &EndpointAuth) -> Identity {
    Identity {
        authorities: auth.authorities.clone(),
        certificate: auth.client_certificate.clone(),
        min: auth.tls_min,
    }
}

impl Access {
    pub(crate) fn of(endpoint: &Endpoint, clients: &Clients) -> Self {
        let mut access = Self {
            headers: HeaderMap::new(),
            tokens: None,
            client: None,
            broken: None,
        };
        let Some(auth) = &endpoint.auth else { return access };
        for (name, value) in &auth.headers {
            // They were checked when they were set.
            if let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                value.set_sensitive(true);
                access.headers.insert(name, value);
            }
        }
        let basic = auth.basic.as_ref();
        let own = match (basic, auth.bearer.as_deref()) {
            (Some(basic), _) => oauth::basic(&basic.username, &basic.password),
            (None, Some(token)) => oauth::bearer(token),
            (None, None) => None,
        };
        access
            .headers
            .extend(own.map(|value| (header::AUTHORIZATION, value)));
        if let Some(oauth2) = &auth.oauth2 {
            access.tokens = Tokens::new(oauth2, clients.tokens.clone());
            if access.tokens.is_none() {
                access.broken = Some(cannot("auth.oauth2.token_url is no URL"));
            }
        }
        let identity = identity(auth);
        if !identity.is_everyones() {
            match clients.everyones.with_identity(&identity) {
                Ok(client) => access.client = Some(client),
                Err(error) => access.broken = Some(cannot(&error.to_string())),
            }
        }
        access
    }

    /// Adds what is the same for every request. It stands in the place of what task and endpoint have of the same name.
    pub(crate) fn add(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
    }

    /// Has the request made and pushes it, with a token if it takes one: fetching that is part of the attempt and of its time, which is `limit`.
    pub(crate) async fn push(
        &self,
        clients: &Clients,
        make: &(dyn Fn() -> push::Request + Sync),
        limit: Duration,
        clock: fn() -> DateTime<Utc>,
    ) -> (Outcome, Timing) {
        if let Some(failure) = &self.broken {
            return (Outcome::Failed(failure.clone()), Timing::default());
        }
        let client = self.client.as_ref().unwrap_or(&clients.everyones);
        let Some(tokens) = &self.tokens else {
            return client.push(make, clock).await;
        };
        let begun = Instant::now();
        let fetched = tokio::time::timeout(limit, tokens.token(clock)).await;
        let token = match fetched
            .unwrap_or_else(|_| Err(cannot(&format!("no access token came within {limit:?}"))))
        {
            Ok(token) => token,
            Err(failure) => {
                let timing = Timing {
                    total_us: micros(begun.elapsed()),
                    ..Timing::default()
                };
                return (Outcome::Failed(failure), timing);
            }
        };
        let left = limit.saturating_sub(begun.elapsed());
        let make = || {
            let mut request = make();
            request.headers.insert(header::AUTHORIZATION, token.value.clone());
            request.timeout = left;
            request
        };
        let (outcome, mut timing) = client.push(&make, clock).await;
        timing.total_us = micros(begun.elapsed());
        if let Outcome::Answered(answer) = &outcome
            && answer.status == 401
        {
            tokens.forget(&token).await;
        }
        (outcome, timing)
    }
}

fn cannot(detail: &str) -> Failure {
    Failure {
        kind: FailureKind::Auth,
        detail: detail.to_owned(),
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
