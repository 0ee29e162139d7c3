use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How requests are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SigningScheme {
    /// HMAC-SHA256 with a secret that both sides have (`whsec_`). Every Standard Webhooks library verifies it.
    V1,
    /// ed25519: signed with a private key (`whsk_`), verified with a public one (`whpk_`), which is no secret.
    V1a,
}

/// A signing secret to be added. Requests are signed with every secret that has not expired.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// Which secret is made: default `v1`. The older ones of the same scheme end after the overlap; those of the other go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<SigningScheme>,
    /// An existing secret: `whsec_` and base64 of 24 to 64 bytes, or `whsk_` and base64 of 32 or 64 bytes. One is made if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// How long the older secrets go on signing beside the new one: up to 30 days; default 24 h. `0s` ends them at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<crate::Span>,
}

/// A signing secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Secret {
    /// Its id.
    pub id: Uuid,
    /// How it signs.
    pub scheme: SigningScheme,
    /// `whpk_` and base64: what verifies its signatures, where that is not the secret itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops signing; absent for the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// A signing secret with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevealedSecret {
    /// Its id.
    pub id: Uuid,
    /// The value: `whsec_` or `whsk_`, and base64.
    pub secret: String,
    /// How it signs.
    pub scheme: SigningScheme,
    /// `whpk_` and base64: what verifies its signatures, where that is not the secret itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops signing; absent for the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// A request as a receiver has it, whose signature is to be explained.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignedRequest {
    /// Its headers, of which `webhook-id`, `webhook-timestamp` and `webhook-signature` matter; case is no matter. At most 100.
    pub headers: BTreeMap<String, String>,
    /// Its body as text. Left out with `body_base64`: the payload of the task that `webhook-id` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Its body in base64, in place of `body`: every byte arrives as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    /// The secret or public key that the receiver verifies with, to be compared with those of the endpoint. It is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Whether a receiver should accept a signature, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verification {
    /// Whether every library accepts it: a secret that signs now made it, for this id, time and body, and nothing is amiss.
    pub valid: bool,
    /// The whole in a sentence.
    pub explanation: String,
    /// The id of the endpoint's secret that made a signature here, as far as one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Uuid>,
    /// The scheme of that signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<SigningScheme>,
    /// What is amiss; empty if nothing is.
    pub findings: Vec<Finding>,
}

/// One thing that is amiss with a signed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// A word for programs, such as `timestamp_too_old` or `body_changed`; new ones may come.
    pub code: String,
    /// A sentence for people: what is wrong, and what to do.
    pub detail: String,
}

/// A set of public keys (RFC 7517), with which a receiver verifies signatures of scheme `v1a`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Jwks {
    /// The keys, the newest first.
    pub keys: Vec<Jwk>,
}

/// An ed25519 public key (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Jwk {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// The key, in base64 of URLs without padding.
    pub x: String,
    /// Its thumbprint (RFC 7638).
    pub kid: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// Always `EdDSA`.
    pub alg: String,
}
