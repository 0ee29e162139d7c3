//! `/v1/storage` and `/v1/system`

use proto::{Storage, SystemReport};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{acting::Acting, json::Answer, problem::Refusal, state::Gateway};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(storage))
        .routes(routes!(system))
}

/// Read what the database takes on disk
///
/// By table and by partition, with a forecast. All of it is from PostgreSQL's statistics: rows are estimates, and nothing is counted. For keys that reach all
/// queues.
#[utoipa::path(
    get, path = "/v1/storage", tag = "System", operation_id = "read_storage",
    responses((status = 200, description = "What it takes.", body = Storage)),
    security(("key" = ["admin"])),
)]
async fn storage(acting: Acting) -> Result<Answer<Storage>, Refusal> {
    Ok(Answer::ok(acting.storage().await?))
}

/// Read what runs: versions, nodes, and the configuration of the node that is asked
///
/// Secrets are masked. For keys that reach all queues.
#[utoipa::path(
    get, path = "/v1/system", tag = "System", operation_id = "read_system",
    responses((status = 200, description = "What runs.", body = SystemReport)),
    security(("key" = ["admin"])),
)]
async fn system(acting: Acting) -> Result<Answer<SystemReport>, Refusal> {
    Ok(Answer::ok(acting.system().await?))
}
