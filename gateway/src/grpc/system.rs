//! `posthaste.v1.SystemService`

use proto::grpc::v1::{self, system_service_server::SystemService};
use tonic::{Request, Response, Status};

use super::{open, status::reply, wire::system};
use crate::state::Gateway;

/// The service.
pub(super) struct System(pub(super) Gateway);

#[tonic::async_trait]
impl SystemService for System {
    async fn get_storage(
        &self,
        request: Request<v1::GetStorageRequest>,
    ) -> Result<Response<v1::GetStorageResponse>, Status> {
        let (acting, _) = open(&self.0, request)?;
        let storage = Some(system::storage(acting.storage().await?));
        Ok(reply(v1::GetStorageResponse { storage }))
    }

    async fn get_system(
        &self,
        request: Request<v1::GetSystemRequest>,
    ) -> Result<Response<v1::GetSystemResponse>, Status> {
        let (acting, _) = open(&self.0, request)?;
        let system = Some(system::system(acting.system().await?));
        Ok(reply(v1::GetSystemResponse { system }))
    }
}
