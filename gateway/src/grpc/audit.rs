//! `posthaste.v1.AuditService`

use proto::grpc::v1::{self, audit_service_server::AuditService};
use tonic::{Request, Response, Status};

use super::{
    open,
    status::reply,
    wire::{Form, signing},
};
use crate::state::Gateway;

/// The service.
pub(super) struct Audit(pub(super) Gateway);

#[tonic::async_trait]
impl AuditService for Audit {
    async fn list_audit(
        &self,
        request: Request<v1::ListAuditRequest>,
    ) -> Result<Response<v1::ListAuditResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let paging = form.paging(given.limit, given.page, &self.0);
        form.finish()?;
        let page = acting.list_audit(paging).await?;
        Ok(reply(v1::ListAuditResponse {
            entries: page.items.into_iter().map(signing::audit_entry).collect(),
            next_page: page.next_page,
        }))
    }

    async fn rotate_vault(
        &self,
        request: Request<v1::RotateVaultRequest>,
    ) -> Result<Response<v1::RotateVaultResponse>, Status> {
        let (acting, _) = open(&self.0, request)?;
        let rotated = acting.rotate_vault().await?;
        let (count, more) = (rotated.count, rotated.more);
        Ok(reply(v1::RotateVaultResponse { count, more }))
    }
}
