//! `posthaste.v1.KeyService`

use proto::grpc::v1::{self, key_service_server::KeyService};
use tonic::{Request, Response, Status};

use super::{
    open,
    status::reply,
    wire::{self, Form, keys},
};
use crate::state::Gateway;

/// The service.
pub(super) struct Keys(pub(super) Gateway);

#[tonic::async_trait]
impl KeyService for Keys {
    async fn create_key(
        &self,
        request: Request<v1::CreateKeyRequest>,
    ) -> Result<Response<v1::CreateKeyResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let made = acting.make_key(keys::read_new(given)?).await?;
        let key = Some(keys::key(made));
        Ok(reply(v1::CreateKeyResponse { key }))
    }

    async fn list_keys(
        &self,
        request: Request<v1::ListKeysRequest>,
    ) -> Result<Response<v1::ListKeysResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let paging = form.paging(given.limit, given.page, &self.0);
        form.finish()?;
        let page = acting.list_keys(paging).await?;
        Ok(reply(v1::ListKeysResponse {
            keys: page.items.into_iter().map(keys::key).collect(),
            next_page: page.next_page,
        }))
    }

    async fn get_key(
        &self,
        request: Request<v1::GetKeyRequest>,
    ) -> Result<Response<v1::GetKeyResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let key = acting.read_key(wire::id(&given.id)?).await?;
        let key = Some(keys::key(key));
        Ok(reply(v1::GetKeyResponse { key }))
    }

    async fn update_key(
        &self,
        request: Request<v1::UpdateKeyRequest>,
    ) -> Result<Response<v1::UpdateKeyResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let (id, update) = keys::read_update(given)?;
        let key = Some(keys::key(acting.update_key(id, update).await?));
        Ok(reply(v1::UpdateKeyResponse { key }))
    }

    async fn revoke_key(
        &self,
        request: Request<v1::RevokeKeyRequest>,
    ) -> Result<Response<v1::RevokeKeyResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        acting.revoke_key(wire::id(&given.id)?).await?;
        Ok(reply(v1::RevokeKeyResponse {}))
    }

    async fn rotate_key(
        &self,
        request: Request<v1::RotateKeyRequest>,
    ) -> Result<Response<v1::RotateKeyResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let (id, rotate) = keys::read_rotate(&given)?;
        let key = Some(keys::key(acting.rotate_key(id, rotate).await?));
        Ok(reply(v1::RotateKeyResponse { key }))
    }
}
