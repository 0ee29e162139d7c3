//! The attempts of a task, a delivery, an endpoint.

use axum::{Router, http::Uri, routing::get};
use proto::{Attempt, Page};

use crate::{
    acting::Acting, json::Answer, page::Paging, path::Id, problem::Refusal, query::Query, state::Gateway,
};

pub(super) fn lists() -> Router<Gateway> {
    Router::new()
        .route("/v1/tasks/{id}/attempts", get(of_task))
        .route("/v1/deliveries/{id}/attempts", get(of_delivery))
        .route("/v1/endpoints/{id}/attempts", get(of_endpoint))
}

fn paging(uri: &Uri, acting: &Acting) -> Result<Paging, Refusal> {
    let mut query = Query::of(uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(paging)
}

async fn of_task(acting: Acting, Id(id): Id, uri: Uri) -> Result<Answer<Page<Attempt>>, Refusal> {
    let paging = paging(&uri, &acting)?;
    Ok(Answer::ok(acting.attempts_of_task(id, paging).await?))
}

async fn of_delivery(acting: Acting, Id(id): Id, uri: Uri) -> Result<Answer<Page<Attempt>>, Refusal> {
    let paging = paging(&uri, &acting)?;
    Ok(Answer::ok(acting.attempts_of_delivery(id, paging).await?))
}

async fn of_endpoint(acting: Acting, Id(id): Id, uri: Uri) -> Result<Answer<Page<Attempt>>, Refusal> {
    let paging = paging(&uri, &acting)?;
    Ok(Answer::ok(acting.attempts_of_endpoint(id, paging).await?))
}
