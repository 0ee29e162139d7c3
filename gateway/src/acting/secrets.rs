//! An endpoint's signing secrets. Who manages an endpoint may see them: whoever reads everything else may not.

use base64::{Engine, engine::general_purpose::STANDARD};
use proto::{Jwk, NewSecret, Page, RevealedSecret, Scope, Secret, SignedRequest, Verification};
use queue::{
    id::EndpointId,
    signature::{Given, PublicKey},
};
use uuid::Uuid;

use super::Acting;
use crate::{problem::Refusal, state::Gateway, time};

/// Most headers of a request that is to be explained: no receiver takes more.
const HEADERS: usize = 100;

impl Acting {
    /// Lists the secrets that sign, newest first, without their values. A page like every list; a few sign at most, so it is the only one.
    pub(crate) async fn list_secrets(&self, endpoint: EndpointId) -> Result<Page<Secret>, Refusal> {
        self.may(Scope::Manage)?;
        self.endpoint(endpoint).await?;
        Ok(Page {
            items: self.queue().list_secrets(endpoint, time::now()).await?,
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
        Ok(self.audited().add_secret(endpoint, new, time::now()).await?)
    }

    /// Shows one that signs.
    pub(crate) async fn reveal_secret(
        &self,
        endpoint: EndpointId,
        secret: Uuid,
    ) -> Result<RevealedSecret, Refusal> {
        self.may(Scope::Manage)?;
        self.endpoint(endpoint).await?;
        Ok(self
            .audited()
            .reveal_secret(endpoint, secret, time::now())
            .await?)
    }

    /// Deletes one.
    pub(crate) async fn delete_secret(&self, endpoint: EndpointId, secret: Uuid) -> Result<(), Refusal> {
        self.may(Scope::Manage)?;
        self.endpoint(endpoint).await?;
        Ok(self
            .audited()
            .delete_secret(endpoint, secret, time::now())
            .await?)
    }

    /// Explains why a receiver accepts a signature or does not. `bytes`: its body, where that did not come in JSON.
    pub(crate) async fn verify(
        &self,
        endpoint: EndpointId,
        request: SignedRequest,
        bytes: Option<Vec<u8>>,
    ) -> Result<Verification, Refusal> {
        self.may(Scope::Manage)?;
        self.endpoint(endpoint).await?;
        if request.headers.len() > HEADERS {
            return Err(Refusal::invalid("headers", format!("at most {HEADERS} headers")));
        }
        let body = match (request.body, request.body_base64) {
            (Some(_), Some(_)) => {
                return Err(Refusal::invalid(
                    "body_base64",
                    "takes the place of `body`: give either",
                ));
            }
            (Some(text), None) => Some(text.into_bytes()),
            (None, Some(encoded)) => Some(
                STANDARD
                    .decode(encoded)
                    .map_err(|_| Refusal::invalid("body_base64", "is not padded standard base64"))?,
            ),
            (None, None) => bytes,
        };
        // Receivers that verify with the libraries of svix may have them under its name.
        let header = |name: &str| {
            let named = |prefix: &str| {
                let mut all = request.headers.iter();
                all.find(|(given, _)| given.eq_ignore_ascii_case(&format!("{prefix}-{name}")))
                    .map(|(_, value)| value.as_str())
            };
            named("webhook").or_else(|| named("svix"))
        };
        let given = Given {
            id: header("id"),
            timestamp: header("timestamp"),
            signature: header("signature"),
            body: &[],
            secret: request.secret.as_deref(),
        };
        let now = time::now();
        Ok(self
            .queue()
            .verify(endpoint, &given, body.as_deref(), now)
            .await?)
    }
}

/// What verifies an endpoint's signatures: for anyone, so it is only looked for in memory. An endpoint that is not there and one that has no
/// such keys are one and the same.
pub(crate) fn public_keys(gateway: &Gateway, endpoint: EndpointId) -> Result<Vec<PublicKey>, Refusal> {
    let snapshot = gateway.queue().catalog().snapshot();
    let found = snapshot.endpoints.get(&endpoint);
    let keys = found.map(|endpoint| endpoint.public_keys(time::now()));
    keys.filter(|keys| !keys.is_empty())
        .ok_or_else(|| queue::endpoints::no_endpoint(endpoint).into())
}

/// A public key as a JSON Web Key.
pub(crate) fn jwk(key: &PublicKey) -> Jwk {
    Jwk {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        x: key.jwk_x(),
        kid: key.thumbprint(),
        usage: "sig".to_owned(),
        alg: "EdDSA".to_owned(),
    }
}
