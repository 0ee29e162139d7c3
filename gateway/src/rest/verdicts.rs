//! `/v1/endpoints/{id}/verdict:simulate` and `/v1/queues/{queue}/verdict:simulate`

use proto::{SimulatedVerdict, VerdictCase};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    acting::Acting,
    json::{Answer, Object},
    path::{Id, QueueName},
    problem::Refusal,
    state::Gateway,
};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(of_endpoint))
        .routes(routes!(of_queue))
}

/// Ask what a response of an endpoint would cause
///
/// Tells the verdict, the rule that decides, when it would be tried again, and what would happen to the lane. Nothing is sent, and nothing changes.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/verdict:simulate", tag = "Endpoints", operation_id = "simulate_endpoint",
    params(Id),
    request_body = VerdictCase,
    responses((status = 200, description = "What it would cause.", body = SimulatedVerdict)),
    security(("key" = ["read"])),
)]
async fn of_endpoint(
    acting: Acting,
    Id(id): Id,
    Object(case): Object<VerdictCase>,
) -> Result<Answer<SimulatedVerdict>, Refusal> {
    Ok(Answer::ok(acting.simulate_endpoint(id, &case).await?))
}

/// Ask what a response would cause in a queue
///
/// The same for an endpoint that has no settings of its own.
#[utoipa::path(
    post, path = "/v1/queues/{queue}/verdict:simulate", tag = "Queues", operation_id = "simulate_queue",
    params(QueueName),
    request_body = VerdictCase,
    responses((status = 200, description = "What it would cause.", body = SimulatedVerdict)),
    security(("key" = ["read"])),
)]
async fn of_queue(
    acting: Acting,
    QueueName(queue): QueueName,
    Object(case): Object<VerdictCase>,
) -> Result<Answer<SimulatedVerdict>, Refusal> {
    Ok(Answer::ok(acting.simulate_queue(&queue, &case).await?))
}
