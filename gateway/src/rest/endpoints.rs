//! `/v1/queues/{queue}/endpoints` and `/v1/endpoints`

use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use proto::{Count, Endpoint, EndpointUpdate, NewEndpoint, Page, TestResult, TestSend, Traffic};
use uuid::Uuid;

use super::{secrets::unstored, to_its_end};
use crate::{
    json::{Answer, MaybeObject, Object},
    page::Paging,
    path::{Id, QueueName},
    problem::Refusal,
    query::Query,
    registry::Switch,
    state::Gateway,
    time, traffic,
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
        .route("/v1/endpoints/{id}/traffic", get(show_traffic))
}

pub(super) fn actions() -> Router<Gateway> {
    Router::new()
        .route("/v1/endpoints/{id}/purge", post(purge))
        // Waits as long as a request may take, and then still answers.
        .route("/v1/endpoints/{id}/test", post(test))
}

async fn make(
    State(gateway): State<Gateway>,
    QueueName(queue): QueueName,
    Object(new): Object<NewEndpoint>,
) -> Result<Response, Refusal> {
    let made = gateway.make_endpoint(&queue, new, time::now()).await?;
    let place = format!("/v1/endpoints/{}", made.id);
    Ok(unstored(
        ([(header::LOCATION, place)], Answer(StatusCode::CREATED, made)).into_response(),
    ))
}

async fn list(
    State(gateway): State<Gateway>,
    QueueName(queue): QueueName,
    uri: Uri,
) -> Result<Answer<Page<Endpoint>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, &gateway);
    query.finish()?;
    let (list, after) = paging.of::<Uuid>(format!("endpoints of {queue}"), &gateway)?;
    let endpoints = gateway.queue().list_endpoints(&queue, after, list.rows()).await?;
    Ok(Answer::ok(list.page(endpoints, |last| last.id)))
}

async fn read(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(gateway.queue().read_endpoint(id).await?))
}

async fn update(
    State(gateway): State<Gateway>,
    Id(id): Id,
    Object(update): Object<EndpointUpdate>,
) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(
        gateway.update_endpoint(id, update, time::now()).await?,
    ))
}

async fn delete(State(gateway): State<Gateway>, Id(id): Id) -> Result<StatusCode, Refusal> {
    gateway.queue().delete_endpoint(id, time::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn pause(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    switch(&gateway, id, Switch::Pause).await
}

async fn resume(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    switch(&gateway, id, Switch::Resume).await
}

async fn enable(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    switch(&gateway, id, Switch::Enable).await
}

async fn disable(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<Endpoint>, Refusal> {
    switch(&gateway, id, Switch::Disable).await
}

async fn switch(gateway: &Gateway, id: Uuid, switch: Switch) -> Result<Answer<Endpoint>, Refusal> {
    Ok(Answer::ok(
        gateway.switch_endpoint(id, switch, time::now()).await?,
    ))
}

async fn show_traffic(
    State(gateway): State<Gateway>,
    Id(id): Id,
    uri: Uri,
) -> Result<Answer<Traffic>, Refusal> {
    let mut query = Query::of(&uri);
    let (since, until) = traffic::period(&mut query, time::now());
    query.finish()?;
    let endpoint = gateway.queue().find_endpoint(id).await?;
    let rows = gateway
        .queue()
        .traffic(endpoint.queue_id, Some(id), since, until)
        .await?;
    Ok(Answer::ok(traffic::traffic(rows, &endpoint.queue)))
}

async fn purge(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<Count>, Refusal> {
    let (queue, now) = (gateway.queue().clone(), time::now());
    Ok(Answer::ok(
        to_its_end(async move { queue.purge_endpoint(id, now).await }).await?,
    ))
}

async fn test(
    State(gateway): State<Gateway>,
    Id(id): Id,
    MaybeObject(test): MaybeObject<TestSend>,
) -> Result<Answer<TestResult>, Refusal> {
    Ok(Answer::ok(gateway.test_endpoint(id, test).await?))
}
