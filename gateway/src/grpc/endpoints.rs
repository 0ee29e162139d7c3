//! `posthaste.v1.EndpointService`

use proto::grpc::v1::{self, endpoint_service_server::EndpointService};
use tonic::{Request, Response, Status};

use super::{
    open,
    status::reply,
    wire::{self, Form, attempts, endpoints, lanes, queues, signing, verdicts},
};
use crate::{acting::Switch, path::queue_name, state::Gateway};

/// The service.
pub(super) struct Endpoints(pub(super) Gateway);

#[tonic::async_trait]
impl EndpointService for Endpoints {
    async fn create_endpoint(
        &self,
        request: Request<v1::CreateEndpointRequest>,
    ) -> Result<Response<v1::CreateEndpointResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let (queue, new) = endpoints::read_new(given)?;
        let made = acting.make_endpoint(&queue_name(queue)?, new).await?;
        let endpoint = Some(endpoints::endpoint(made));
        Ok(reply(v1::CreateEndpointResponse { endpoint }))
    }

    async fn list_endpoints(
        &self,
        request: Request<v1::ListEndpointsRequest>,
    ) -> Result<Response<v1::ListEndpointsResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let paging = form.paging(given.limit, given.page, &self.0);
        form.finish()?;
        let page = acting.list_endpoints(&queue_name(given.queue)?, paging).await?;
        Ok(reply(v1::ListEndpointsResponse {
            endpoints: page.items.into_iter().map(endpoints::endpoint).collect(),
            next_page: page.next_page,
        }))
    }

    async fn get_endpoint(
        &self,
        request: Request<v1::GetEndpointRequest>,
    ) -> Result<Response<v1::GetEndpointResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let endpoint = acting.read_endpoint(wire::id(&given.id)?).await?;
        let endpoint = Some(endpoints::endpoint(endpoint));
        Ok(reply(v1::GetEndpointResponse { endpoint }))
    }

    async fn update_endpoint(
        &self,
        request: Request<v1::UpdateEndpointRequest>,
    ) -> Result<Response<v1::UpdateEndpointResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let (id, update) = endpoints::read_update(given)?;
        let endpoint = Some(endpoints::endpoint(acting.update_endpoint(id, update).await?));
        Ok(reply(v1::UpdateEndpointResponse { endpoint }))
    }

    async fn delete_endpoint(
        &self,
        request: Request<v1::DeleteEndpointRequest>,
    ) -> Result<Response<v1::DeleteEndpointResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        acting.delete_endpoint(wire::id(&given.id)?).await?;
        Ok(reply(v1::DeleteEndpointResponse {}))
    }

    async fn pause_endpoint(
        &self,
        request: Request<v1::PauseEndpointRequest>,
    ) -> Result<Response<v1::PauseEndpointResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let endpoint = acting
            .switch_endpoint(wire::id(&given.id)?, Switch::Pause)
            .await?;
        let endpoint = Some(endpoints::endpoint(endpoint));
        Ok(reply(v1::PauseEndpointResponse { endpoint }))
    }

    async fn resume_endpoint(
        &self,
        request: Request<v1::ResumeEndpointRequest>,
    ) -> Result<Response<v1::ResumeEndpointResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let endpoint = acting
            .switch_endpoint(wire::id(&given.id)?, Switch::Resume)
            .await?;
        let endpoint = Some(endpoints::endpoint(endpoint));
        Ok(reply(v1::ResumeEndpointResponse { endpoint }))
    }

    async fn enable_endpoint(
        &self,
        request: Request<v1::EnableEndpointRequest>,
    ) -> Result<Response<v1::EnableEndpointResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let endpoint = acting
            .switch_endpoint(wire::id(&given.id)?, Switch::Enable)
            .await?;
        let endpoint = Some(endpoints::endpoint(endpoint));
        Ok(reply(v1::EnableEndpointResponse { endpoint }))
    }

    async fn disable_endpoint(
        &self,
        request: Request<v1::DisableEndpointRequest>,
    ) -> Result<Response<v1::DisableEndpointResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let endpoint = acting
            .switch_endpoint(wire::id(&given.id)?, Switch::Disable)
            .await?;
        let endpoint = Some(endpoints::endpoint(endpoint));
        Ok(reply(v1::DisableEndpointResponse { endpoint }))
    }

    async fn purge_endpoint(
        &self,
        request: Request<v1::PurgeEndpointRequest>,
    ) -> Result<Response<v1::PurgeEndpointResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let purged = acting.purge_endpoint(wire::id(&given.id)?).await?;
        let (count, more) = (purged.count, purged.more);
        Ok(reply(v1::PurgeEndpointResponse { count, more }))
    }

    async fn test_endpoint(
        &self,
        request: Request<v1::TestEndpointRequest>,
    ) -> Result<Response<v1::TestEndpointResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let (id, test) = endpoints::read_test(given)?;
        let result = acting.test_endpoint(id, test).await?;
        Ok(reply(endpoints::tested(result)))
    }

    async fn simulate_endpoint(
        &self,
        request: Request<v1::SimulateEndpointRequest>,
    ) -> Result<Response<v1::SimulateEndpointResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let id = form.id(&given.id, "id");
        let case = verdicts::read_case(given.case.unwrap_or_default(), &mut form);
        form.finish()?;
        let verdict = Some(verdicts::simulated(acting.simulate_endpoint(id, &case).await?));
        Ok(reply(v1::SimulateEndpointResponse { verdict }))
    }

    async fn list_endpoint_attempts(
        &self,
        request: Request<v1::ListEndpointAttemptsRequest>,
    ) -> Result<Response<v1::ListEndpointAttemptsResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let id = form.id(&given.id, "id");
        let paging = form.paging(given.limit, given.page, &self.0);
        form.finish()?;
        let (attempts, next_page) = attempts::attempts(acting.attempts_of_endpoint(id, paging).await?);
        Ok(reply(v1::ListEndpointAttemptsResponse { attempts, next_page }))
    }

    async fn get_endpoint_traffic(
        &self,
        request: Request<v1::GetEndpointTrafficRequest>,
    ) -> Result<Response<v1::GetEndpointTrafficResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let id = form.id(&given.id, "id");
        let (since, until) = (form.time(given.since, "since"), form.time(given.until, "until"));
        form.finish()?;
        let traffic = acting.traffic_of_endpoint(id, since, until).await?;
        let traffic = Some(queues::traffic(traffic));
        Ok(reply(v1::GetEndpointTrafficResponse { traffic }))
    }

    async fn get_endpoint_lane(
        &self,
        request: Request<v1::GetEndpointLaneRequest>,
    ) -> Result<Response<v1::GetEndpointLaneResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let lane = acting.read_lane(wire::id(&given.id)?).await?;
        let lane = Some(lanes::lane(&lane));
        Ok(reply(v1::GetEndpointLaneResponse { lane }))
    }

    async fn list_secrets(
        &self,
        request: Request<v1::ListSecretsRequest>,
    ) -> Result<Response<v1::ListSecretsResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let page = acting.list_secrets(wire::id(&given.id)?).await?;
        let secrets = page.items.into_iter().map(signing::secret).collect();
        Ok(reply(v1::ListSecretsResponse { secrets }))
    }

    async fn add_secret(
        &self,
        request: Request<v1::AddSecretRequest>,
    ) -> Result<Response<v1::AddSecretResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let (id, new) = signing::read_new(given)?;
        let secret = Some(signing::revealed(acting.add_secret(id, new).await?));
        Ok(reply(v1::AddSecretResponse { secret }))
    }

    async fn reveal_secret(
        &self,
        request: Request<v1::RevealSecretRequest>,
    ) -> Result<Response<v1::RevealSecretResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let (id, secret) = (form.id(&given.id, "id"), form.id(&given.secret, "secret"));
        form.finish()?;
        let secret = Some(signing::revealed(acting.reveal_secret(id, secret).await?));
        Ok(reply(v1::RevealSecretResponse { secret }))
    }

    async fn delete_secret(
        &self,
        request: Request<v1::DeleteSecretRequest>,
    ) -> Result<Response<v1::DeleteSecretResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let mut form = Form::default();
        let (id, secret) = (form.id(&given.id, "id"), form.id(&given.secret, "secret"));
        form.finish()?;
        acting.delete_secret(id, secret).await?;
        Ok(reply(v1::DeleteSecretResponse {}))
    }

    async fn verify_signature(
        &self,
        request: Request<v1::VerifySignatureRequest>,
    ) -> Result<Response<v1::VerifySignatureResponse>, Status> {
        let (acting, given) = open(&self.0, request)?;
        let (id, request, body) = signing::read_signed(given)?;
        let told = acting.verify(id, request, body).await?;
        Ok(reply(signing::verification(told)))
    }
}
