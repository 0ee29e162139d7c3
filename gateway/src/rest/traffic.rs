//! `/v1/traffic`

use axum::http::Uri;
use proto::TrafficOverview;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{acting::Acting, json::Answer, problem::Refusal, query::Query, state::Gateway};

pub(super) fn lists() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(overview))
}

/// Sum up what went through all queues
///
/// By steps of time, and with the endpoints that do worst: what to look at first. Of the queues that the key reaches.
#[utoipa::path(
    get, path = "/v1/traffic", tag = "Queues", operation_id = "traffic",
    params(
    ("since" = Option<DateTime<Utc>>, Query, description = "The begin; an hour before `until` unless said, a week before it at most."),
    ("until" = Option<DateTime<Utc>>, Query, description = "The end; now unless said."),
    ("step" = Option<u32>, Query, minimum = 60, maximum = 86400, description = "The length of a step in seconds, whole minutes; chosen by the period unless said."),
    ),
    responses((status = 200, description = "The sums.", body = TrafficOverview)),
    security(("key" = ["read"])),
)]
async fn overview(acting: Acting, uri: Uri) -> Result<Answer<TrafficOverview>, Refusal> {
    let mut query = Query::of(&uri);
    let (since, until) = (query.time("since"), query.time("until"));
    let step = query.parsed("step", "a number of seconds");
    query.finish()?;
    Ok(Answer::ok(acting.traffic_of_all(since, until, step).await?))
}
