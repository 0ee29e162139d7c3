use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::object::optional_object;

/// How an endpoint's requests show who sends them, and how its server does. Values are kept encrypted and never shown again: where they are
/// shown stands `set`. At most one of `basic`, `bearer`, `oauth2` and a header `authorization`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EndpointAuth {
    /// Headers with secret values, such as an API key of the endpoint's; at most 32 together with its other headers' rules.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A user name and a password (RFC 7617).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub basic: Option<BasicAuth>,
    /// A token, sent as `Authorization: Bearer …` (RFC 6750).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<String>,
    /// Tokens that are fetched with client credentials (RFC 6749, section 4.4), kept until shortly before they expire.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub oauth2: Option<OAuth2>,
    /// A certificate that is shown to a server that asks for one (mTLS).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub client_certificate: Option<ClientCertificate>,
    /// Certificates of the authorities that the server's certificate must come from, in place of those that the system trusts: PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
    /// The oldest version of TLS that is spoken; default 1.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_min: Option<TlsVersion>,
}

/// A user name and a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The name, which is shown; without a colon.
    pub username: String,
    /// The password.
    pub password: String,
}

/// Where tokens are fetched, and with what.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OAuth2 {
    /// Where tokens are fetched; under the same rules as the URL of an endpoint.
    #[cfg_attr(feature = "openapi", schema(format = "uri", max_length = 2048))]
    pub token_url: String,
    /// Who asks; it is shown.
    pub client_id: String,
    /// With what they show it.
    pub client_secret: String,
    /// The scopes that are asked for, with spaces between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// For whom the tokens are, where the server wants to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Whether the credentials go into the body, for servers that do not take them in the header `Authorization`; default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_body: bool,
}

/// A client certificate with its private key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// The certificate, and behind it those that lead to the authority: PEM. It is shown.
    pub certificate: String,
    /// Its private key, not encrypted: PEM.
    pub key: String,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    V1_3,
}

/// Their values are secret: nothing of them is written anywhere by formatting.
macro_rules! secret {
    ($($name:ident),+) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        })+
    };
}

secret!(EndpointAuth, BasicAuth, OAuth2, ClientCertificate);
