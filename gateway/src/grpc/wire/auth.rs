//! How an endpoint's requests show who sends them.

use proto::{BasicAuth, ClientCertificate, EndpointAuth, OAuth2, TlsVersion, grpc::v1};

use super::Form;

pub(super) fn read(given: v1::EndpointAuth, form: &mut Form) -> EndpointAuth {
    let tls_min = match form.word(given.tls_min, "auth.tls_min") {
        None | Some(v1::TlsVersion::Unspecified) => None,
        Some(v1::TlsVersion::TlsVersion12) => Some(TlsVersion::V1_2),
        Some(v1::TlsVersion::TlsVersion13) => Some(TlsVersion::V1_3),
    };
    EndpointAuth {
        headers: given.headers,
        basic: given.basic.map(|basic| BasicAuth {
            username: basic.username,
            password: basic.password,
        }),
        bearer: given.bearer,
        oauth2: given.oauth2.map(|oauth2| OAuth2 {
            token_url: oauth2.token_url,
            client_id: oauth2.client_id,
            client_secret: oauth2.client_secret,
            scope: oauth2.scope,
            audience: oauth2.audience,
            in_body: oauth2.in_body,
        }),
        client_certificate: given.client_certificate.map(|own| ClientCertificate {
            certificate: own.certificate,
            key: own.key,
        }),
        authorities: given.authorities,
        tls_min,
    }
}

/// As it is shown: without its secrets.
pub(super) fn auth(auth: EndpointAuth) -> v1::EndpointAuth {
    let tls_min = match auth.tls_min {
        None => v1::TlsVersion::Unspecified,
        Some(TlsVersion::V1_2) => v1::TlsVersion::TlsVersion12,
        Some(TlsVersion::V1_3) => v1::TlsVersion::TlsVersion13,
    };
    v1::EndpointAuth {
        headers: auth.headers,
        basic: auth.basic.map(|basic| v1::BasicAuth {
            username: basic.username,
            password: basic.password,
        }),
        bearer: auth.bearer,
        oauth2: auth.oauth2.map(|oauth2| v1::OAuth2 {
            token_url: oauth2.token_url,
            client_id: oauth2.client_id,
            client_secret: oauth2.client_secret,
            scope: oauth2.scope,
            audience: oauth2.audience,
            in_body: oauth2.in_body,
        }),
        client_certificate: auth.client_certificate.map(|own| v1::ClientCertificate {
            certificate: own.certificate,
            key: own.key,
        }),
        authorities: auth.authorities,
        tls_min: tls_min as i32,
    }
}
