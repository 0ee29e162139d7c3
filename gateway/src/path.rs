//! What a path names: `{queue}`, `{id}`, `{secret}`.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use utoipa::{
    IntoParams,
    openapi::{
        Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type},
    },
};
use uuid::Uuid;

use crate::problem::{Kind, Refusal};

/// `{queue}`: a queue's name. One that no queue can have is simply not there.
#[derive(Debug)]
pub(crate) struct QueueName(pub(crate) String);

/// `{id}`: the id of an endpoint, a task, a delivery.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(pub(crate) Uuid);

/// `{secret}`: the id of a secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SecretId(pub(crate) Uuid);

/// The name of a queue, unless no queue can have it: PostgreSQL's text takes no NUL, nor does a queue's name.
pub(crate) fn queue_name(name: String) -> Result<String, Refusal> {
    if name.contains('\0') {
        return Err(Refusal::new(
            Kind::NotFound,
            format!("There is no queue {name:?}."),
        ));
    }
    Ok(name)
}

impl<S: Send + Sync> FromRequestParts<S> for QueueName {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        queue_name(param(parts, state, "queue").await?).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        uuid(&param(parts, state, "id").await?, "id").map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SecretId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        uuid(&param(parts, state, "secret").await?, "secret").map(Self)
    }
}

/// What is said of a text that is no id.
pub(crate) const NO_ID: &str = "no id (a UUID such as 01980a3b-7c2d-7e4f-8a5b-6c7d8e9fa0b1)";

fn uuid(text: &str, name: &str) -> Result<Uuid, Refusal> {
    text.parse()
        .map_err(|_| Refusal::invalid(name, format!("in the path stands {NO_ID}")))
}

impl IntoParams for QueueName {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![described("queue", ObjectBuilder::new(), "The name of a queue.")]
    }
}

impl IntoParams for Id {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![described("id", an_id(), "Its id.")]
    }
}

impl IntoParams for SecretId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![described("secret", an_id(), "The id of a secret.")]
    }
}

fn an_id() -> ObjectBuilder {
    ObjectBuilder::new().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}

fn described(name: &str, text: ObjectBuilder, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(text.schema_type(Type::String)))
        .build()
}

async fn param<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, Refusal> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Refusal::invalid(name, "the path is not UTF-8"))?;
    let found = params
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned());
    // A route without the parameter its handler asks for would be a slip of ours.
    found.ok_or_else(|| {
        tracing::error!(name, "a route has no such parameter");
        Refusal::internal()
    })
}
