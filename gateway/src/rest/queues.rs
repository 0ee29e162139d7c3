//! `/v1/queues`

use axum::{
    Router,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use proto::{Count, NewQueue, Page, Queue, QueueUpdate, Traffic};

use crate::{
    acting::Acting,
    json::{Answer, Object},
    page::Paging,
    path::QueueName,
    problem::Refusal,
    query::Query,
    state::Gateway,
};

pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/v1/queues", post(make))
        .route("/v1/queues/{queue}", get(read).patch(update).delete(delete))
        .route("/v1/queues/{queue}/pause", post(pause))
        .route("/v1/queues/{queue}/resume", post(resume))
}

pub(super) fn lists() -> Router<Gateway> {
    Router::new()
        .route("/v1/queues", get(list))
        .route("/v1/queues/{queue}/traffic", get(traffic))
}

pub(super) fn actions() -> Router<Gateway> {
    Router::new().route("/v1/queues/{queue}/purge", post(purge))
}

async fn make(acting: Acting, Object(new): Object<NewQueue>) -> Result<Response, Refusal> {
    let made = acting.make_queue(new).await?;
    let place = format!("/v1/queues/{}", made.name);
    Ok(([(header::LOCATION, place)], Answer(StatusCode::CREATED, made)).into_response())
}

async fn list(acting: Acting, uri: Uri) -> Result<Answer<Page<Queue>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_queues(paging).await?))
}

async fn read(acting: Acting, QueueName(name): QueueName) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(acting.read_queue(&name).await?))
}

async fn update(
    acting: Acting,
    QueueName(name): QueueName,
    Object(update): Object<QueueUpdate>,
) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(acting.update_queue(&name, update).await?))
}

async fn delete(acting: Acting, QueueName(name): QueueName) -> Result<StatusCode, Refusal> {
    acting.delete_queue(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn pause(acting: Acting, QueueName(name): QueueName) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(acting.pause_queue(&name, true).await?))
}

async fn resume(acting: Acting, QueueName(name): QueueName) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(acting.pause_queue(&name, false).await?))
}

async fn purge(acting: Acting, QueueName(name): QueueName) -> Result<Answer<Count>, Refusal> {
    Ok(Answer::ok(acting.purge_queue(&name).await?))
}

async fn traffic(acting: Acting, QueueName(name): QueueName, uri: Uri) -> Result<Answer<Traffic>, Refusal> {
    let mut query = Query::of(&uri);
    let (since, until) = (query.time("since"), query.time("until"));
    query.finish()?;
    Ok(Answer::ok(acting.traffic_of_queue(&name, since, until).await?))
}
