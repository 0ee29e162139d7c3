//! Signing, endpoint authentication and the audit: the same as over REST.

use proto::grpc::v1::{self, audit_service_client::AuditServiceClient};
use tonic::Code;

use crate::kit::{Server, blamed, now};

#[tokio::test]
async fn schemes_explanations_and_the_audit() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let mut endpoints = server.endpoints().await;
    let request = v1::CreateEndpointRequest {
        queue: "q".into(),
        url: "https://a.example/".into(),
        scheme: v1::SigningScheme::V1a as i32,
        auth: Some(v1::EndpointAuth {
            bearer: Some("zebra".into()),
            tls_min: v1::TlsVersion::TlsVersion13 as i32,
            ..v1::EndpointAuth::default()
        }),
        ..v1::CreateEndpointRequest::default()
    };
    let made = endpoints.create_endpoint(request).await.unwrap().into_inner();
    let made = made.endpoint.unwrap();
    assert!(made.secret.as_ref().unwrap().starts_with("whsk_"));
    let auth = made.auth.unwrap();
    assert_eq!(
        (auth.bearer.as_deref(), auth.tls_min),
        (Some("set"), v1::TlsVersion::TlsVersion13 as i32)
    );

    let id = || made.id.clone();
    let add = |scheme| v1::AddSecretRequest {
        id: id(),
        scheme,
        ..v1::AddSecretRequest::default()
    };
    let added = endpoints
        .add_secret(add(v1::SigningScheme::V1 as i32))
        .await
        .unwrap();
    let added = added.into_inner().secret.unwrap();
    assert_eq!(added.scheme, v1::SigningScheme::V1 as i32);
    let wrong = endpoints.add_secret(add(9)).await.unwrap_err();
    assert_eq!(blamed(&wrong), ["scheme"]);
    let listed = endpoints
        .list_secrets(v1::ListSecretsRequest { id: id() })
        .await
        .unwrap();
    let listed = listed.into_inner().secrets;
    let keys: Vec<bool> = listed.iter().map(|secret| secret.public_key.is_some()).collect();
    assert_eq!(keys, [false, true]);
    let delete = v1::DeleteSecretRequest {
        id: id(),
        secret: listed[1].id.clone(),
    };
    endpoints.delete_secret(delete.clone()).await.unwrap();
    assert_eq!(
        endpoints.delete_secret(delete).await.unwrap_err().code(),
        Code::NotFound
    );

    let request = v1::VerifySignatureRequest {
        id: id(),
        headers: [
            ("webhook-id".to_owned(), "msg_1".to_owned()),
            ("webhook-timestamp".to_owned(), now().timestamp().to_string()),
        ]
        .into(),
        body: Some("{}".into()),
        secret: Some(added.secret),
    };
    let told = endpoints.verify_signature(request).await.unwrap().into_inner();
    assert_eq!(
        (told.valid, told.findings[0].code.as_str()),
        (false, "header_missing"),
        "{told:?}"
    );

    // Named without a value, it is taken away.
    let request = v1::UpdateEndpointRequest {
        id: id(),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["auth".into()],
        }),
        ..v1::UpdateEndpointRequest::default()
    };
    let changed = endpoints.update_endpoint(request).await.unwrap().into_inner();
    assert!(changed.endpoint.unwrap().auth.is_none());

    is_written_down(&server).await;
}

/// What was done above is in the audit, newest first.
async fn is_written_down(server: &Server) {
    let mut audit = AuditServiceClient::new(server.keyed().await);
    let rotated = audit
        .rotate_vault(v1::RotateVaultRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((rotated.count, rotated.more), (0, false));
    let page = audit
        .list_audit(v1::ListAuditRequest::default())
        .await
        .unwrap()
        .into_inner();
    let actions: Vec<&str> = page.entries.iter().map(|entry| entry.action.as_str()).collect();
    let expected = [
        "vault.rotated",
        "endpoint.auth_changed",
        "secret.deleted",
        "secret.made",
        "secret.made",
        "endpoint.auth_changed",
        "key.made",
    ];
    assert_eq!(actions, expected);
    assert_eq!(
        page.entries[0].actor.as_ref().unwrap().kind,
        v1::ActorKind::Key as i32
    );
}
