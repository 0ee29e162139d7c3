//! `KeyService`, and what a key allows.

use prost_types::{Duration, FieldMask};
use proto::{
    Scope,
    grpc::v1::{self, queue_service_client::QueueServiceClient, task_service_client::TaskServiceClient},
};
use tonic::Code;

use crate::kit::{Server, blamed, enqueue, keyed, reason, task};

#[tokio::test]
async fn a_key_is_made_changed_rotated_and_revoked() {
    let server = Server::new().await;
    let mut keys = server.keys().await;
    let request = v1::CreateKeyRequest {
        name: "shop".into(),
        scopes: vec![v1::Scope::Read as i32],
        queues: vec!["shop-*".into()],
        rate: Some(v1::EnqueueRate {
            per_second: 5,
            burst: Some(10),
        }),
        ..v1::CreateKeyRequest::default()
    };
    let made = keys.create_key(request).await.unwrap().into_inner().key.unwrap();
    let secret = made.key.clone().unwrap();
    assert!(secret.starts_with("ph_") && secret.starts_with(&made.prefix));
    assert_eq!(
        made.rate,
        Some(v1::EnqueueRate {
            per_second: 5,
            burst: Some(10)
        })
    );

    let mut with_it = QueueServiceClient::new(keyed(server.channel().await, &secret));
    assert!(
        with_it
            .list_queues(v1::ListQueuesRequest::default())
            .await
            .is_ok()
    );
    let request = v1::UpdateKeyRequest {
        id: made.id.clone(),
        name: Some("shop 2".into()),
        update_mask: Some(FieldMask {
            paths: vec!["name".into(), "rate".into()],
        }),
        ..v1::UpdateKeyRequest::default()
    };
    let changed = keys.update_key(request).await.unwrap().into_inner().key.unwrap();
    assert_eq!(
        (&*changed.name, changed.rate, changed.key),
        ("shop 2", None, None)
    );
    assert_eq!((changed.scopes, changed.queues), (made.scopes, made.queues));

    let request = v1::RotateKeyRequest {
        id: made.id.clone(),
        grace: Some(Duration {
            seconds: 60,
            nanos: 0,
        }),
        ..v1::RotateKeyRequest::default()
    };
    let new = keys.rotate_key(request).await.unwrap().into_inner().key.unwrap();
    assert_ne!(new.key, Some(secret));
    assert!(
        with_it
            .list_queues(v1::ListQueuesRequest::default())
            .await
            .is_ok()
    );
    let old = keys
        .get_key(v1::GetKeyRequest { id: made.id.clone() })
        .await
        .unwrap()
        .into_inner()
        .key
        .unwrap();
    assert_eq!((old.successor, old.expires_at.is_some()), (Some(new.id), true));

    keys.revoke_key(v1::RevokeKeyRequest { id: made.id.clone() })
        .await
        .unwrap();
    let refused = with_it
        .list_queues(v1::ListQueuesRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unauthenticated, "UNAUTHORIZED")
    );
    let listed = keys
        .list_keys(v1::ListKeysRequest::default())
        .await
        .unwrap()
        .into_inner()
        .keys;
    let revoked = listed.iter().find(|key| key.id == made.id).unwrap();
    assert!(revoked.revoked_at.is_some());
}

#[tokio::test]
async fn a_key_opens_what_it_allows_and_nothing_else() {
    let server = Server::new().await;
    server.make_queue("shop-a").await;
    server.make_queue("bank").await;
    let endpoint = server.make_endpoint("bank", &[]).await;
    let hidden = server.enqueue("bank", task("a")).await.id;
    let key = server.make_key(&[Scope::Enqueue, Scope::Read], &["shop-*"]).await;
    let channel = server.channel().await;
    let mut tasks = TaskServiceClient::new(keyed(channel.clone(), &key));
    let mut queues = QueueServiceClient::new(keyed(channel.clone(), &key));

    assert!(tasks.enqueue(enqueue("shop-a", task("a"))).await.is_ok());
    let listed = queues
        .list_queues(v1::ListQueuesRequest::default())
        .await
        .unwrap()
        .into_inner()
        .queues;
    assert_eq!(
        listed.into_iter().map(|queue| queue.name).collect::<Vec<_>>(),
        ["shop-a"]
    );
    // What is another's is not there.
    let refused = [
        tasks.enqueue(enqueue("bank", task("a"))).await.unwrap_err(),
        tasks
            .get_task(v1::GetTaskRequest { id: hidden })
            .await
            .unwrap_err(),
        queues
            .get_queue(v1::GetQueueRequest { name: "bank".into() })
            .await
            .unwrap_err(),
    ];
    for refused in refused {
        assert_eq!(
            (refused.code(), &*reason(&refused)),
            (Code::NotFound, "NOT_FOUND")
        );
    }
    // A scope that is missing is named.
    let request = v1::PauseQueueRequest {
        name: "shop-a".into(),
    };
    let refused = queues.pause_queue(request).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::PermissionDenied, "FORBIDDEN")
    );
    assert!(refused.message().contains("`manage`"), "{refused:?}");
    let mut endpoints = v1::endpoint_service_client::EndpointServiceClient::new(keyed(channel, &key));
    let request = v1::RevealSecretRequest {
        id: endpoint.id.clone(),
        secret: endpoint.id,
    };
    let refused = endpoints.reveal_secret(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_rate_is_told_and_kept() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let request = v1::CreateKeyRequest {
        name: "slow".into(),
        scopes: vec![v1::Scope::Enqueue as i32],
        queues: vec!["q".into()],
        rate: Some(v1::EnqueueRate {
            per_second: 1,
            burst: Some(3),
        }),
        ..v1::CreateKeyRequest::default()
    };
    let made = server
        .keys()
        .await
        .create_key(request)
        .await
        .unwrap()
        .into_inner()
        .key
        .unwrap();
    let mut tasks = TaskServiceClient::new(keyed(server.channel().await, &made.key.unwrap()));
    let batch = |tasks: usize| v1::EnqueueBatchRequest {
        queue: "q".into(),
        tasks: vec![task("a"); tasks],
    };
    let refused = tasks.enqueue_batch(batch(4)).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::InvalidArgument, "TOO_LARGE")
    );
    assert_eq!(blamed(&refused), ["tasks"]);
    let answer = tasks.enqueue_batch(batch(3)).await.unwrap();
    assert_eq!(
        answer.metadata().get("ratelimit-policy").unwrap(),
        "\"enqueue\";q=3;w=3"
    );
    assert!(answer.metadata().get("ratelimit").is_some());
    let refused = tasks.enqueue_batch(batch(3)).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::ResourceExhausted, "TOO_MANY_REQUESTS")
    );
    let retry = tonic_types::StatusExt::get_details_retry_info(&refused)
        .unwrap()
        .retry_delay
        .unwrap();
    assert!(retry.as_millis() > 0 && retry.as_secs() <= 3, "{retry:?}");
}
