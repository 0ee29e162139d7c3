//! Which refusals an operation may answer with, by the form of its requests.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::openapi::{
    Content, Header, Ref, RefOr, Response,
    path::{Operation, ParameterIn},
    schema::{ObjectBuilder, Type},
};

use crate::problem::Kind;

/// The media type of every refusal.
pub(super) const PROBLEM: &str = "application/problem+json";

/// Those that any operation may have, and what they are called among the document's components.
const SHARED: [Kind; 10] = [
    Kind::Invalid,
    Kind::Unauthorized,
    Kind::Forbidden,
    Kind::NotFound,
    Kind::BodyTimeout,
    Kind::TooLarge,
    Kind::UnsupportedMediaType,
    Kind::TooMany,
    Kind::Internal,
    Kind::Unavailable,
];

/// The refusals to which operations refer.
pub(super) fn shared() -> BTreeMap<String, RefOr<Response>> {
    let shared = SHARED.into_iter().map(|kind| {
        let (status, name, title) = kind.describe();
        let mut response = Response::new(format!("{title}."));
        complete(status.as_str(), &mut response);
        (name.to_owned(), RefOr::T(response))
    });
    shared.collect()
}

/// Adds to an operation the refusals that follow from its form, and to those of its own what all have.
pub(super) fn add(operation: &mut Operation) {
    let kinds = kinds(operation);
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
        {
            complete(status, response);
        }
    }
    for kind in kinds {
        let (status, name, _) = kind.describe();
        responses
            .entry(status.as_str().to_owned())
            .or_insert_with(|| RefOr::Ref(Ref::new(format!("#/components/responses/{name}"))));
    }
}

fn kinds(operation: &Operation) -> Vec<Kind> {
    let mut kinds = Vec::new();
    if operation.security.is_some() {
        // The gate, and what is the same behind it: parameters that nobody knows, faults of ours, a lack of time or room.
        kinds.extend([Kind::Unauthorized, Kind::Forbidden, Kind::TooMany]);
        kinds.extend([Kind::Invalid, Kind::Internal, Kind::Unavailable]);
    }
    let parameters = operation.parameters.iter().flatten();
    let in_path = |parameter: &RefOr<_>| {
        matches!(
            parameter,
            RefOr::T(utoipa::openapi::path::Parameter {
                parameter_in: ParameterIn::Path,
                ..
            })
        )
    };
    if parameters.into_iter().any(in_path) {
        kinds.extend([Kind::NotFound, Kind::Invalid]);
    }
    if let Some(RefOr::T(body)) = &operation.request_body {
        kinds.extend([Kind::BodyTimeout, Kind::TooLarge]);
        if !body.content.contains_key("application/octet-stream") {
            kinds.push(Kind::UnsupportedMediaType);
        }
    }
    kinds
}

/// What every refusal of this status has: a problem document, and the headers that belong to it.
fn complete(status: &str, response: &mut Response) {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    response.content.insert(PROBLEM.to_owned(), RefOr::T(problem));
    let has = |code: StatusCode| code.as_str() == status;
    if has(StatusCode::UNAUTHORIZED) {
        let text = ObjectBuilder::new().schema_type(Type::String);
        insert(response, "www-authenticate", text, "How to prove who asks.");
    }
    if has(StatusCode::TOO_MANY_REQUESTS) || has(StatusCode::SERVICE_UNAVAILABLE) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        insert(
            response,
            "retry-after",
            seconds,
            "Seconds to wait before trying again.",
        );
    }
}

fn insert(response: &mut Response, name: &str, schema: ObjectBuilder, description: &str) {
    let mut header = Header::new(schema.build());
    header.description = Some(description.to_owned());
    response.headers.insert(name.to_owned(), RefOr::T(header));
}
