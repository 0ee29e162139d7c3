//! Endpoints.

use proto::{Endpoint, EndpointStatus, EndpointUpdate, NewEndpoint, TestResult, TestSend, grpc::v1};
use uuid::Uuid;

use super::{Form, attempts, auth, mask::Mask, settings, signing, timestamp};
use crate::problem::Refusal;

/// The name of the queue, and the endpoint to be registered on it.
pub(in crate::grpc) fn read_new(given: v1::CreateEndpointRequest) -> Result<(String, NewEndpoint), Refusal> {
    let mut form = Form::default();
    let settings = given.settings.map(|given| settings::read(given, &mut form));
    let scheme = signing::read_scheme(given.scheme, &mut form);
    let auth = given.auth.map(|given| auth::read(given, &mut form));
    form.finish()?;
    let new = NewEndpoint {
        url: given.url,
        description: given.description,
        filter: given.filter,
        headers: given.headers,
        auth,
        settings: settings.unwrap_or_default(),
        scheme,
        secret: given.secret,
    };
    Ok((given.queue, new))
}

/// The endpoint that changes, and the change.
pub(in crate::grpc) fn read_update(
    given: v1::UpdateEndpointRequest,
) -> Result<(Uuid, EndpointUpdate), Refusal> {
    let mut form = Form::default();
    let id = form.id(&given.id, "id");
    let known = ["url", "description", "filter", "headers", "auth", "settings"];
    let mask = Mask::read(given.update_mask, &known, &mut form);
    let settings = given.settings.map(|given| settings::read(given, &mut form));
    let auth = given.auth.map(|given| auth::read(given, &mut form));
    form.finish()?;
    // A list cannot be absent: an empty one is given only if the mask says so.
    let filter = (!given.filter.is_empty()).then_some(given.filter);
    let headers = (!given.headers.is_empty()).then_some(given.headers);
    let update = EndpointUpdate {
        url: mask.take("url", given.url, String::new()),
        description: mask.take("description", given.description, String::new()),
        filter: mask.take("filter", filter, Vec::new()),
        headers: mask.take("headers", headers, std::collections::BTreeMap::new()),
        auth: mask.take("auth", auth.map(Some), None),
        settings: mask.patch(settings.as_ref()),
    };
    Ok((id, update))
}

pub(super) fn status(status: EndpointStatus) -> v1::EndpointStatus {
    match status {
        EndpointStatus::Enabled => v1::EndpointStatus::Enabled,
        EndpointStatus::Paused => v1::EndpointStatus::Paused,
        EndpointStatus::Disabled => v1::EndpointStatus::Disabled,
    }
}

pub(in crate::grpc) fn endpoint(endpoint: Endpoint) -> v1::Endpoint {
    let status = status(endpoint.status);
    v1::Endpoint {
        id: endpoint.id.to_string(),
        queue: endpoint.queue,
        url: endpoint.url,
        description: endpoint.description,
        filter: endpoint.filter,
        headers: endpoint.headers,
        auth: endpoint.auth.map(auth::auth),
        settings: Some(settings::settings(endpoint.settings)),
        status: status as i32,
        disabled_reason: endpoint.disabled_reason,
        secret: endpoint.secret,
        created_at: Some(timestamp(endpoint.created_at)),
        updated_at: Some(timestamp(endpoint.updated_at)),
    }
}

/// The endpoint to be tested, and what it is sent.
pub(in crate::grpc) fn read_test(given: v1::TestEndpointRequest) -> Result<(Uuid, TestSend), Refusal> {
    let mut form = Form::default();
    let id = form.id(&given.id, "id");
    let payload = given.payload.and_then(|payload| {
        let read = serde_json::from_slice(&payload);
        read.map_err(|error| form.0.add("payload", format!("is not JSON: {error}")))
            .ok()
    });
    form.finish()?;
    Ok((
        id,
        TestSend {
            kind: given.r#type,
            payload,
        },
    ))
}

pub(in crate::grpc) fn tested(result: TestResult) -> v1::TestEndpointResponse {
    v1::TestEndpointResponse {
        task: result.task.to_string(),
        delivered: result.delivered,
        attempt: result.attempt.map(attempts::attempt),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;

    use super::*;

    const ID: &str = "01980a3b-7c2d-7e4f-8a5b-6c7d8e9fa0b1";

    fn update(paths: Option<&[&str]>) -> EndpointUpdate {
        let mask = |paths: &[&str]| FieldMask {
            paths: paths.iter().map(ToString::to_string).collect(),
        };
        let given = v1::UpdateEndpointRequest {
            id: ID.to_owned(),
            url: Some("http://a".to_owned()),
            update_mask: paths.map(mask),
            ..v1::UpdateEndpointRequest::default()
        };
        read_update(given).unwrap().1
    }

    #[test]
    fn lists_are_emptied_only_by_name() {
        let unnamed = update(None);
        assert_eq!(
            (unnamed.url.as_deref(), unnamed.filter, unnamed.headers),
            (Some("http://a"), None, None)
        );
        let named = update(Some(&["filter", "headers", "description"]));
        assert_eq!(
            (named.url, named.filter, named.description),
            (None, Some(vec![]), Some(String::new()))
        );
        assert!(named.headers.unwrap().is_empty());
    }

    #[test]
    fn a_test_is_json() {
        let test = |payload: Option<&'static [u8]>| {
            read_test(v1::TestEndpointRequest {
                id: ID.to_owned(),
                payload: payload.map(Into::into),
                ..v1::TestEndpointRequest::default()
            })
        };
        assert_eq!(test(Some(b" [1 ,2]")).unwrap().1.payload.unwrap().get(), "[1 ,2]");
        assert!(test(None).unwrap().1.payload.is_none());
        for wrong in [b"".as_slice(), b"{", b"\xff"] {
            assert_eq!(test(Some(wrong)).unwrap_err().errors[0].field, "payload");
        }
    }
}
