//! `/v1/queues`

use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use proto::{Count, NewQueue, Page, Queue, QueueUpdate, Traffic};

use super::to_its_end;
use crate::{
    json::{Answer, Object},
    page::Paging,
    path::QueueName,
    problem::Refusal,
    query::Query,
    state::Gateway,
    time, traffic,
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
        .route("/v1/queues/{queue}/traffic", get(show_traffic))
}

pub(super) fn actions() -> Router<Gateway> {
    Router::new().route("/v1/queues/{queue}/purge", post(purge))
}

async fn make(State(gateway): State<Gateway>, Object(new): Object<NewQueue>) -> Result<Response, Refusal> {
    let made = gateway.queue().make_queue(new, time::now()).await?;
    let place = format!("/v1/queues/{}", made.name);
    Ok(([(header::LOCATION, place)], Answer(StatusCode::CREATED, made)).into_response())
}

async fn list(State(gateway): State<Gateway>, uri: Uri) -> Result<Answer<Page<Queue>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, &gateway);
    query.finish()?;
    let (list, after) = paging.of::<String>("queues".to_owned(), &gateway)?;
    let queues = gateway.queue().list_queues(after.as_deref(), list.rows()).await?;
    Ok(Answer::ok(list.page(queues, |last| last.name.clone())))
}

async fn read(State(gateway): State<Gateway>, QueueName(name): QueueName) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(gateway.queue().read_queue(&name).await?))
}

async fn update(
    State(gateway): State<Gateway>,
    QueueName(name): QueueName,
    Object(update): Object<QueueUpdate>,
) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(
        gateway.queue().update_queue(&name, update, time::now()).await?,
    ))
}

async fn delete(State(gateway): State<Gateway>, QueueName(name): QueueName) -> Result<StatusCode, Refusal> {
    gateway.queue().delete_queue(&name, time::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn pause(State(gateway): State<Gateway>, QueueName(name): QueueName) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(
        gateway.queue().pause_queue(&name, true, time::now()).await?,
    ))
}

async fn resume(
    State(gateway): State<Gateway>,
    QueueName(name): QueueName,
) -> Result<Answer<Queue>, Refusal> {
    Ok(Answer::ok(
        gateway.queue().pause_queue(&name, false, time::now()).await?,
    ))
}

async fn purge(State(gateway): State<Gateway>, QueueName(name): QueueName) -> Result<Answer<Count>, Refusal> {
    let (queue, now) = (gateway.queue().clone(), time::now());
    Ok(Answer::ok(
        to_its_end(async move { queue.purge_queue(&name, now).await }).await?,
    ))
}

async fn show_traffic(
    State(gateway): State<Gateway>,
    QueueName(name): QueueName,
    uri: Uri,
) -> Result<Answer<Traffic>, Refusal> {
    let mut query = Query::of(&uri);
    let (since, until) = traffic::period(&mut query, time::now());
    query.finish()?;
    let queue = gateway.queue().find_queue(&name).await?;
    let rows = gateway.queue().traffic(queue.id, None, since, until).await?;
    Ok(Answer::ok(traffic::traffic(rows, &queue.name)))
}
