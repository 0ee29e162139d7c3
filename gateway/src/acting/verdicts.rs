//! The dry run of verdict rules.

use proto::{Scope, SimulatedVerdict, VerdictCase};
use queue::id::EndpointId;

use super::Acting;
use crate::{problem::Refusal, time};

impl Acting {
    /// What a response of an endpoint would cause.
    pub(crate) async fn simulate_endpoint(
        &self,
        id: EndpointId,
        case: &VerdictCase,
    ) -> Result<SimulatedVerdict, Refusal> {
        self.may(Scope::Read)?;
        self.endpoint(id).await?;
        Ok(self.queue().simulate_endpoint(id, case, time::now()).await?)
    }

    /// What a response would cause of an endpoint of a queue that has no settings of its own.
    pub(crate) async fn simulate_queue(
        &self,
        name: &str,
        case: &VerdictCase,
    ) -> Result<SimulatedVerdict, Refusal> {
        self.may(Scope::Read)?;
        self.reaches(name)?;
        Ok(self.queue().simulate_queue(name, case, time::now()).await?)
    }
}
