//! The attempts of a task, a delivery, an endpoint.

use axum::{Router, extract::State, http::Uri, routing::get};
use proto::{Attempt, Page};
use uuid::Uuid;

use crate::{json::Answer, page::Paging, path::Id, problem::Refusal, query::Query, state::Gateway, time};

pub(super) fn lists() -> Router<Gateway> {
    Router::new()
        .route("/v1/tasks/{id}/attempts", get(of_task))
        .route("/v1/deliveries/{id}/attempts", get(of_delivery))
        .route("/v1/endpoints/{id}/attempts", get(of_endpoint))
}

fn paging(uri: &Uri, gateway: &Gateway) -> Result<Paging, Refusal> {
    let mut query = Query::of(uri);
    let paging = Paging::take(&mut query, gateway);
    query.finish()?;
    Ok(paging)
}

async fn of_task(
    State(gateway): State<Gateway>,
    Id(id): Id,
    uri: Uri,
) -> Result<Answer<Page<Attempt>>, Refusal> {
    let (list, after) =
        paging(&uri, &gateway)?.of::<(Uuid, Uuid)>(format!("attempts of task {id}"), &gateway)?;
    let attempts = gateway.queue().attempts_of_task(id, after, list.rows()).await?;
    Ok(Answer::ok(list.page(attempts, |last| (last.delivery, last.id))))
}

async fn of_delivery(
    State(gateway): State<Gateway>,
    Id(id): Id,
    uri: Uri,
) -> Result<Answer<Page<Attempt>>, Refusal> {
    let (list, after) = paging(&uri, &gateway)?.of::<Uuid>(format!("attempts of delivery {id}"), &gateway)?;
    let attempts = gateway
        .queue()
        .attempts_of_delivery(id, after, list.rows())
        .await?;
    if attempts.is_empty() {
        // None yet is an answer; no such delivery is an error.
        gateway.queue().read_delivery(id, time::now()).await?;
    }
    Ok(Answer::ok(list.page(attempts, |last| last.id)))
}

async fn of_endpoint(
    State(gateway): State<Gateway>,
    Id(id): Id,
    uri: Uri,
) -> Result<Answer<Page<Attempt>>, Refusal> {
    let (list, before) =
        paging(&uri, &gateway)?.of::<Uuid>(format!("attempts of endpoint {id}"), &gateway)?;
    let attempts = gateway
        .queue()
        .attempts_of_endpoint(id, before, list.rows())
        .await?;
    Ok(Answer::ok(list.page(attempts, |last| last.id)))
}
