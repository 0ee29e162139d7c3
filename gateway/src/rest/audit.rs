//! `/v1/audit`, and `/v1/vault`

use axum::http::Uri;
use proto::{AuditEntry, Count, Page};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{acting::Acting, json::Answer, page::Paging, problem::Refusal, query::Query, state::Gateway};

pub(super) fn lists() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(list))
}

pub(super) fn actions() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(rotate))
}

/// List what was done of consequence, newest first
///
/// Secrets that were made, shown or deleted; keys that were made, changed, rotated or revoked; what was deleted or purged. Kept for 400 days.
#[utoipa::path(
    get, path = "/v1/audit", tag = "Audit", operation_id = "list_audit",
    params(Paging),
    responses((status = 200, description = "A page of entries.", body = Page<AuditEntry>)),
    security(("key" = ["admin"])),
)]
async fn list(acting: Acting, uri: Uri) -> Result<Answer<Page<AuditEntry>>, Refusal> {
    let mut query = Query::of(&uri);
    let paging = Paging::take(&mut query, acting.gateway());
    query.finish()?;
    Ok(Answer::ok(acting.list_audit(paging).await?))
}

/// Seal every secret anew with the current key
///
/// After a change of `secrets.key`: what older keys (`secrets.older_keys`) have sealed is sealed with the new one. What one request cannot take
/// is left, and `more` says so: ask again. Then the older keys are needed no more.
#[utoipa::path(
    post, path = "/v1/vault/rotate", tag = "Audit", operation_id = "rotate_vault",
    responses((status = 200, description = "How many secrets were sealed anew.", body = Count)),
    security(("key" = ["admin"])),
)]
async fn rotate(acting: Acting) -> Result<Answer<Count>, Refusal> {
    Ok(Answer::ok(acting.rotate_vault().await?))
}
