//! `/v1/queues/{queue}/endpoints` and `/v1/endpoints`

use axum::{
    Router,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use proto::{Count, Endpoint, EndpointUpdate, NewEndpoint, Page, TestResult, TestSend, Traffic};

use super::secrets::unstored;
use crate::{
    acting::{Acting, Switch},
    json::{Answer, MaybeObject, Object},
    page::Paging,
    path::{Id, QueueName},
    problem::Refusal,
    query::Query,
    state::Gateway,
};

pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/v1/queues/{queue}/endpoints", post(make))
        .route("/v1/endpoints/{id}", get(read).patch(update).delete(delete))
        .route("/v1/endpoints/{id}/pause", post(pause))
        .route("/v1/endpoints/{id}/resume", post(resume))
        .route("/v1/endpoints/{id}/enable", post(enable))
        .route("/v1/endpoints/{id}/disable", post(disable))
}

pub(super) fn lists() -> Router<Gateway> {
    Router::new()
        .route("/v1/queues/{queue}/endpoints", get(list))
        .route("/v1/endpoints/{id}/traffic", get(traffic))
}

pub(super) fn actions() -> Router<Gateway> {
    Router::new()
        .route("/v1/endpoints/{id}/purge", post(purge))
        // Waits as long as a request may take, and then still answers.
        .route("/v1/endpoints/{id}/test", post(test))
}

async fn make(
    acting: Acting,
    QueueName(queue): QueueName,
    Object(new): Object<NewEndpoint>,
) -> Result<Response, Refusal> {
    let made = acting.make_endpoint(&queue, new).await?;
    let place = format!("/v1/endpoints/{}", made.id);
    Ok(unstored(
        ([(header::LOCATION, place)], Answer(StatusCode::CREATED, made)).into_response(),
    ))
}

async fn list(
    acting: Acting,
    QueueName(queue): QueueName,
    uri: Uri,
) -> Result<Answer<Page<Endpoint>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_endpoints(&queue, paging).await?))
}

async fn read(acting: Acting, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.read_endpoint(id).await?))
}

async fn update(
    acting: Acting,
    Id(id): Id,
    Object(update): Object<EndpointUpdate>,
) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.update_endpoint(id, update).await?))
}

async fn delete(acting: Acting, Id(id): Id) -> Result<StatusCode, Refusal> {
    acting.delete_endpoint(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn pause(acting: Acting, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.switch_endpoint(id, Switch::Pause).await?))
}

async fn resume(acting: Acting, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.switch_endpoint(id, Switch::Resume).await?))
}

async fn enable(acting: Acting, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.switch_endpoint(id, Switch::Enable).await?))
}

async fn disable(acting: Acting, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(acting.switch_endpoint(id, Switch::Disable).await?))
}

async fn traffic(acting: Acting, Id(id): Id, uri: Uri) -> Result<Answer<Traffic>, Refusal> {
    let mut query = Query::of(&uri);
    let (since, until) = (query.time("since"), query.time("until"));
    query.finish()?;
    Ok(Answer::ok(acting.traffic_of_endpoint(id, since, until).await?))
}

async fn purge(acting: Acting, Id(id): Id) -> Result<Answer<Count>, Refusal> {
    Ok(Answer::ok(acting.purge_endpoint(id).await?))
}

async fn test(
    acting: Acting,
    Id(id): Id,
    MaybeObject(test): MaybeObject<TestSend>,
) -> Result<Answer<TestResult>, Refusal> {
    Ok(Answer::ok(acting.test_endpoint(id, test).await?))
}
