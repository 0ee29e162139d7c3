//! `/v1/dead-letters`

use axum::{
    Router,
    extract::State,
    http::Uri,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use proto::{Count, DeadLetter, DeadLetterFilter, Page, Replayed};
use queue::error::Problems;
use uuid::Uuid;

use super::to_its_end;
use crate::{
    json::{Answer, Object},
    page::Paging,
    path::Id,
    problem::{Kind, Refusal},
    query::Query,
    state::Gateway,
    time,
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

async fn list(State(gateway): State<Gateway>, uri: Uri) -> Result<Answer<Page<DeadLetter>>, Refusal> {
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
    let paging = Paging::take(&mut query, &gateway);
    query.finish()?;
    let (list, after) = paging.of::<(DateTime<Utc>, Uuid)>(format!("dead letters {filter:?}"), &gateway)?;
    let letters = gateway
        .queue()
        .list_dead_letters(filter, after, list.rows(), time::now())
        .await?;
    Ok(Answer::ok(list.page(letters, |last| (last.died_at, last.id))))
}

async fn read(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<DeadLetter>, Refusal> {
    Ok(Answer::ok(gateway.queue().read_dead_letter(id).await?))
}

async fn replay(State(gateway): State<Gateway>, Id(id): Id) -> Result<Answer<Replayed>, Refusal> {
    let (queue, now) = (gateway.queue().clone(), time::now());
    Ok(Answer::ok(
        to_its_end(async move { queue.replay(id, now).await }).await?,
    ))
}

/// A filter in a body: it must be there. Everything is meant only by who writes `{}`.
async fn replay_all(
    State(gateway): State<Gateway>,
    Object(filter): Object<DeadLetterFilter>,
) -> Result<Answer<Count>, Refusal> {
    check(&filter)?;
    let (queue, now) = (gateway.queue().clone(), time::now());
    Ok(Answer::ok(
        to_its_end(async move { queue.replay_all(filter, now).await }).await?,
    ))
}

async fn purge(
    State(gateway): State<Gateway>,
    Object(filter): Object<DeadLetterFilter>,
) -> Result<Answer<Count>, Refusal> {
    check(&filter)?;
    let (queue, now) = (gateway.queue().clone(), time::now());
    Ok(Answer::ok(
        to_its_end(async move { queue.purge_dead_letters(filter, now).await }).await?,
    ))
}

fn check(filter: &DeadLetterFilter) -> Result<(), Refusal> {
    let mut problems = Problems::default();
    problems.require(
        filter.since.is_none_or(time::is_plausible),
        "since",
        time::PLAUSIBLE,
    );
    problems.require(
        filter.until.is_none_or(time::is_plausible),
        "until",
        time::PLAUSIBLE,
    );
    let problems = problems.into_vec();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Refusal::of_fields(Kind::Invalid, problems))
    }
}
