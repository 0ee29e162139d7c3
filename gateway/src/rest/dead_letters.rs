//! `/v1/dead-letters`

use axum::{
    Router,
    http::Uri,
    routing::{get, post},
};
use proto::{Count, DeadLetter, DeadLetterFilter, Page, Replayed};

use crate::{
    acting::Acting,
    json::{Answer, Object},
    page::Paging,
    path::Id,
    problem::Refusal,
    query::Query,
    state::Gateway,
};

pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/v1/dead-letters/{id}", get(read))
        .route("/v1/dead-letters/{id}/replay", post(replay))
}

pub(super) fn lists() -> Router<Gateway> {
    Router::new().route("/v1/dead-letters", get(list))
}

pub(super) fn actions() -> Router<Gateway> {
    Router::new()
        .route("/v1/dead-letters/replay", post(replay_all))
        .route("/v1/dead-letters/purge", post(purge))
}

async fn list(acting: Acting, uri: Uri) -> Result<Answer<Page<DeadLetter>>, Refusal> {
    let mut query = Query::of(&uri);
    let filter = DeadLetterFilter {
        queue: query.text("queue"),
        endpoint: query.parsed("endpoint", "an endpoint's id"),
        kind: query.text("type"),
        status: query.parsed("status", "an HTTP status"),
        failure: query.text("failure"),
        since: query.time("since"),
        until: query.time("until"),
    };
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_dead_letters(filter, paging).await?))
}

async fn read(acting: Acting, Id(id): Id) -> Result<Answer<DeadLetter>, Refusal> {
    Ok(Answer::ok(acting.read_dead_letter(id).await?))
}

async fn replay(acting: Acting, Id(id): Id) -> Result<Answer<Replayed>, Refusal> {
    Ok(Answer::ok(acting.replay(id).await?))
}

/// A filter in a body: it must be there. Everything is meant only by who writes `{}`.
async fn replay_all(
    acting: Acting,
    Object(filter): Object<DeadLetterFilter>,
) -> Result<Answer<Count>, Refusal> {
    Ok(Answer::ok(acting.replay_all(filter).await?))
}

async fn purge(acting: Acting, Object(filter): Object<DeadLetterFilter>) -> Result<Answer<Count>, Refusal> {
    Ok(Answer::ok(acting.purge_dead_letters(filter).await?))
}
