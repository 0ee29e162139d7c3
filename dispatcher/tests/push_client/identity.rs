//! A TLS of an endpoint's own: who it shows itself as, whom it trusts, which version it speaks.

use dispatcher::push::{Client, Identity, check_identity};
use proto::{ClientCertificate, TlsVersion};
use queue::outcome::FailureKind;

use crate::receiver::{answered, client, config, fails};
use crate::tls::{Authority, receiver, url};

fn trusting(authority: &Authority) -> Identity {
    Identity {
        authorities: Some(String::from_utf8(authority.pem()).expect("PEM")),
        ..Identity::default()
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_asked_for() {
    let authority = Authority::new();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let strict = receiver(authority.asking(version)).await;
        let (certificate, key) = authority.client_certificate();
        let own = Identity {
            certificate: Some(ClientCertificate { certificate, key }),
            ..trusting(&authority)
        };
        let known = client().with_identity(&own).expect("a client");
        assert_eq!(answered(&known, &url(&strict)).await.0.status, 200);

        let stranger = Authority::named("stranger");
        let (certificate, key) = stranger.client_certificate();
        let own = Identity {
            certificate: Some(ClientCertificate { certificate, key }),
            ..trusting(&authority)
        };
        let unknown = client().with_identity(&own).expect("a client");
        fails(&unknown, &url(&strict), FailureKind::Tls, "client certificate").await;
        // A connection that shows who connects serves nobody else.
        fails(
            &authority.client(),
            &url(&strict),
            FailureKind::Tls,
            "client certificate",
        )
        .await;
    }
}

#[tokio::test]
async fn authorities_of_its_own_take_the_place_of_all_others() {
    let (ours, theirs) = (Authority::new(), Authority::named("theirs"));
    let (here, there) = (
        receiver(ours.localhost()).await,
        receiver(theirs.localhost()).await,
    );
    let everyone = ours.client();
    let client = everyone.with_identity(&trusting(&theirs)).expect("a client");
    answered(&client, &url(&there)).await;
    fails(&client, &url(&here), FailureKind::Tls, "not trusted").await;
    answered(&everyone, &url(&here)).await;
}

#[tokio::test]
async fn an_older_version_than_wanted_is_not_spoken() {
    let authority = Authority::new();
    let old = receiver(authority.speaking(&rustls::version::TLS12)).await;
    let with = |min| Identity {
        min: Some(min),
        ..trusting(&authority)
    };
    let everyone = Client::new(config()).expect("a client");
    let modern = everyone.with_identity(&with(TlsVersion::V1_3)).expect("a client");
    fails(&modern, &url(&old), FailureKind::Tls, "no TLS version").await;
    let usual = everyone.with_identity(&with(TlsVersion::V1_2)).expect("a client");
    answered(&usual, &url(&old)).await;
}

#[test]
fn what_cannot_work_is_told_by_field() {
    let authority = Authority::new();
    let (certificate, key) = authority.client_certificate();
    let (_, other) = authority.client_certificate();
    let own = |certificate: &str, key: &str| Identity {
        certificate: Some(ClientCertificate {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        }),
        ..Identity::default()
    };
    assert!(check_identity(&own(&certificate, &key)).is_ok());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (identity, field) in [
        (own("", &key), "auth.client_certificate.certificate"),
        (own(&certificate, ""), "auth.client_certificate.key"),
        (own(&certificate, &other), "auth.client_certificate.key"),
        (
            Identity {
                authorities: Some(broken.to_owned()),
                ..Identity::default()
            },
            "auth.authorities",
        ),
    ] {
        let error = check_identity(&identity).expect_err(field);
        assert_eq!(error.field, field, "{error}");
    }
}
