//! An endpoint's signing secrets. Who manages an endpoint may see them: whoever reads everything else may not.

use proto::{NewSecret, Page, RevealedSecret, Scope, Secret};
use queue::id::EndpointId;
use uuid::Uuid;

use super::Acting;
use crate::{
    problem::{Kind, Refusal},
    time,
};

impl Acting {
    /// Lists the secrets that sign, newest first, without their values. A page like every list; a few sign at most, so it is the only one.
    pub(crate) async fn list_secrets(&self, endpoint: EndpointId) -> Result<Page<Secret>, Refusal> {
        self.may(Scope::Manage)?;
        self.endpoint(endpoint).await?;
        let secrets = self.queue().reveal_secrets(endpoint, time::now()).await?;
        let items = secrets.into_iter().map(|secret| Secret {
            id: secret.id,
            created_at: secret.created_at,
            expires_at: secret.expires_at,
        });
        Ok(Page {
            items: items.collect(),
            next_page: None,
        })
    }

    /// Adds a secret, beside which the others go on signing for a while.
    pub(crate) async fn add_secret(
        &self,
        endpoint: EndpointId,
        new: NewSecret,
    ) -> Result<RevealedSecret, Refusal> {
        self.may(Scope::Manage)?;
        self.endpoint(endpoint).await?;
        Ok(self.queue().add_secret(endpoint, new, time::now()).await?)
    }

    /// Shows one that signs.
    pub(crate) async fn reveal_secret(
        &self,
        endpoint: EndpointId,
        secret: Uuid,
    ) -> Result<RevealedSecret, Refusal> {
        self.may(Scope::Manage)?;
        self.endpoint(endpoint).await?;
        let secrets = self.queue().reveal_secrets(endpoint, time::now()).await?;
        let found = secrets.into_iter().find(|one| one.id == secret);
        found.ok_or_else(|| Refusal::new(Kind::NotFound, format!("There is no secret {secret} that signs.")))
    }
}
