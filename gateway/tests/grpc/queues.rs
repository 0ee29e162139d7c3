//! `QueueService` and `EndpointService`.

use prost_types::{Duration, FieldMask};
use proto::grpc::v1;
use queue::verdict::Verdict;
use tonic::Code;

use crate::kit::{Server, reason, task};

fn mask(paths: &[&str]) -> FieldMask {
    FieldMask {
        paths: paths.iter().map(ToString::to_string).collect(),
    }
}

fn seconds(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
}

#[tokio::test]
async fn a_queue_is_made_changed_and_deleted() {
    let server = Server::new().await;
    let mut queues = server.queues().await;
    let made = queues
        .create_queue(v1::CreateQueueRequest {
            name: "orders".into(),
            description: "of the shop".into(),
            settings: Some(v1::DeliverySettings {
                timeout: Some(seconds(10)),
                max_in_flight: Some(7),
                ..v1::DeliverySettings::default()
            }),
            max_depth: Some(1_000),
        })
        .await
        .unwrap()
        .into_inner()
        .queue
        .unwrap();
    assert_eq!(
        (&*made.name, made.max_depth, made.paused),
        ("orders", Some(1_000), false)
    );

    // What is given changes; what is named and not given is taken back.
    let update = |settings, max_depth, update_mask| v1::UpdateQueueRequest {
        name: "orders".into(),
        settings,
        max_depth,
        update_mask,
        ..v1::UpdateQueueRequest::default()
    };
    let retry = v1::RetryPolicy {
        attempts: Some(3),
        ..v1::RetryPolicy::default()
    };
    let settings = v1::DeliverySettings {
        retry: Some(retry.clone()),
        ..v1::DeliverySettings::default()
    };
    let changed = queues
        .update_queue(update(Some(settings), None, None))
        .await
        .unwrap();
    let changed = changed.into_inner().queue.unwrap();
    let settings = changed.settings.unwrap();
    assert_eq!(
        (settings.timeout, settings.max_in_flight),
        (Some(seconds(10)), Some(7))
    );
    assert_eq!(
        (settings.retry, changed.max_depth, &*changed.description),
        (Some(retry), Some(1_000), "of the shop")
    );
    let named = Some(mask(&[
        "settings.timeout",
        "settings.retry",
        "max_depth",
        "description",
    ]));
    let given = v1::DeliverySettings {
        max_in_flight: Some(1),
        ..v1::DeliverySettings::default()
    };
    let changed = queues
        .update_queue(update(Some(given), None, named))
        .await
        .unwrap();
    let changed = changed.into_inner().queue.unwrap();
    assert_eq!((changed.max_depth, &*changed.description), (None, ""));
    let expected = v1::DeliverySettings {
        max_in_flight: Some(7),
        ..v1::DeliverySettings::default()
    };
    assert_eq!(changed.settings, Some(expected));

    let name = || "orders".to_owned();
    let paused = queues
        .pause_queue(v1::PauseQueueRequest { name: name() })
        .await
        .unwrap();
    assert!(paused.into_inner().queue.unwrap().paused);
    let resumed = queues
        .resume_queue(v1::ResumeQueueRequest { name: name() })
        .await
        .unwrap();
    assert!(!resumed.into_inner().queue.unwrap().paused);
    server.make_endpoint("orders", &[]).await;
    server.enqueue("orders", task("a")).await;
    let purged = queues
        .purge_queue(v1::PurgeQueueRequest { name: name() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!((purged.count, purged.more), (1, false));
    queues
        .delete_queue(v1::DeleteQueueRequest { name: name() })
        .await
        .unwrap();
    let gone = queues
        .get_queue(v1::GetQueueRequest { name: name() })
        .await
        .unwrap_err();
    assert_eq!((gone.code(), &*reason(&gone)), (Code::NotFound, "NOT_FOUND"));
}

#[tokio::test]
async fn queues_are_listed_page_by_page() {
    let server = Server::new().await;
    for name in ["c", "a", "b"] {
        server.make_queue(name).await;
    }
    let mut queues = server.queues().await;
    let (mut names, mut page) = (Vec::new(), None);
    loop {
        let request = v1::ListQueuesRequest { limit: Some(2), page };
        let listed = queues.list_queues(request).await.unwrap().into_inner();
        names.extend(listed.queues.into_iter().map(|queue| queue.name));
        page = listed.next_page;
        if page.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "c"]);
}

#[tokio::test]
async fn an_endpoint_is_made_and_changed() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let made = server.make_endpoint("q", &["invoice.*"]).await;
    assert!(
        made.secret
            .as_deref()
            .is_some_and(|secret| secret.starts_with("whsec_"))
    );
    assert_eq!(
        (made.status(), &*made.filter[0]),
        (v1::EndpointStatus::Enabled, "invoice.*")
    );
    let mut endpoints = server.endpoints().await;
    let id = || made.id.clone();

    let update = v1::UpdateEndpointRequest {
        id: id(),
        url: Some("https://example.org/".into()),
        headers: [("x-shop".to_owned(), "7".to_owned())].into(),
        ..v1::UpdateEndpointRequest::default()
    };
    let changed = endpoints
        .update_endpoint(update)
        .await
        .unwrap()
        .into_inner()
        .endpoint
        .unwrap();
    assert_eq!(
        (&*changed.url, changed.filter.len(), changed.headers.len()),
        ("https://example.org/", 1, 1)
    );
    assert_eq!(changed.secret, None);
    let update_mask = Some(mask(&["filter", "headers"]));
    let update = v1::UpdateEndpointRequest {
        id: id(),
        update_mask,
        ..v1::UpdateEndpointRequest::default()
    };
    let changed = endpoints
        .update_endpoint(update)
        .await
        .unwrap()
        .into_inner()
        .endpoint
        .unwrap();
    assert!(changed.filter.is_empty() && changed.headers.is_empty());
}

#[tokio::test]
async fn an_endpoint_is_paused_disabled_emptied_and_deleted() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let made = server.make_endpoint("q", &[]).await;
    let mut endpoints = server.endpoints().await;
    let id = || made.id.clone();

    let paused = endpoints
        .pause_endpoint(v1::PauseEndpointRequest { id: id() })
        .await
        .unwrap();
    assert_eq!(
        paused.into_inner().endpoint.unwrap().status(),
        v1::EndpointStatus::Paused
    );
    let resumed = endpoints
        .resume_endpoint(v1::ResumeEndpointRequest { id: id() })
        .await
        .unwrap();
    assert_eq!(
        resumed.into_inner().endpoint.unwrap().status(),
        v1::EndpointStatus::Enabled
    );
    let disabled = endpoints
        .disable_endpoint(v1::DisableEndpointRequest { id: id() })
        .await
        .unwrap();
    assert_eq!(
        disabled.into_inner().endpoint.unwrap().status(),
        v1::EndpointStatus::Disabled
    );
    let refused = endpoints
        .resume_endpoint(v1::ResumeEndpointRequest { id: id() })
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::FailedPrecondition, "CONFLICT")
    );
    let enabled = endpoints
        .enable_endpoint(v1::EnableEndpointRequest { id: id() })
        .await
        .unwrap();
    assert_eq!(
        enabled.into_inner().endpoint.unwrap().status(),
        v1::EndpointStatus::Enabled
    );

    server.enqueue("q", task("a")).await;
    let purged = endpoints
        .purge_endpoint(v1::PurgeEndpointRequest { id: id() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!((purged.count, purged.more), (1, false));
    let request = v1::ListEndpointsRequest {
        queue: "q".into(),
        ..v1::ListEndpointsRequest::default()
    };
    let listed = endpoints
        .list_endpoints(request)
        .await
        .unwrap()
        .into_inner()
        .endpoints;
    let read = endpoints
        .get_endpoint(v1::GetEndpointRequest { id: id() })
        .await
        .unwrap();
    assert_eq!(listed, [read.into_inner().endpoint.unwrap()]);
    endpoints
        .delete_endpoint(v1::DeleteEndpointRequest { id: id() })
        .await
        .unwrap();
    let gone = endpoints
        .get_endpoint(v1::GetEndpointRequest { id: id() })
        .await
        .unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn secrets_are_added_and_revealed() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let endpoint = server.make_endpoint("q", &[]).await;
    let mut endpoints = server.endpoints().await;
    let request = v1::AddSecretRequest {
        id: endpoint.id.clone(),
        overlap: Some(seconds(60)),
        ..v1::AddSecretRequest::default()
    };
    let added = endpoints
        .add_secret(request)
        .await
        .unwrap()
        .into_inner()
        .secret
        .unwrap();
    assert_ne!(Some(&added.secret), endpoint.secret.as_ref());
    let request = v1::ListSecretsRequest {
        id: endpoint.id.clone(),
    };
    let secrets = endpoints
        .list_secrets(request)
        .await
        .unwrap()
        .into_inner()
        .secrets;
    assert_eq!((secrets.len(), &secrets[0].id), (2, &added.id));
    assert!(secrets[0].expires_at.is_none() && secrets[1].expires_at.is_some());
    let request = v1::RevealSecretRequest {
        id: endpoint.id.clone(),
        secret: secrets[1].id.clone(),
    };
    let revealed = endpoints
        .reveal_secret(request)
        .await
        .unwrap()
        .into_inner()
        .secret
        .unwrap();
    assert_eq!(Some(revealed.secret), endpoint.secret);
}

#[tokio::test]
async fn a_test_send_answers_with_its_attempt() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let endpoint = server.make_endpoint("q", &[]).await;
    let mut endpoints = server.endpoints().await;
    let request = v1::TestEndpointRequest {
        id: endpoint.id.clone(),
        r#type: Some("try".into()),
        payload: Some("{\"a\": 1}".into()),
    };
    // Somebody has to push it, as a dispatcher would.
    let pushing = async {
        while server.finish_all(&endpoint.id, 204, Verdict::Delivered).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let (tested, ()) = tokio::join!(endpoints.test_endpoint(request), pushing);
    let tested = tested.unwrap().into_inner();
    assert!(tested.delivered);
    let attempt = tested.attempt.unwrap();
    assert_eq!((&attempt.task, attempt.status), (&tested.task, Some(204)));
    let read = server
        .tasks()
        .await
        .get_task(v1::GetTaskRequest { id: tested.task })
        .await
        .unwrap();
    let task = read.into_inner().task.unwrap();
    assert_eq!(
        (&*task.r#type, task.payload.as_deref()),
        ("try", Some(b"{\"a\": 1}".as_slice()))
    );
}

#[tokio::test]
async fn traffic_is_told_by_the_minute() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let endpoint = server.make_endpoint("q", &[]).await;
    server.enqueue("q", task("a")).await;
    server.finish_all(&endpoint.id, 200, Verdict::Delivered).await;
    server.queue.flush_rollups().await.unwrap();
    let request = v1::GetQueueTrafficRequest {
        name: "q".into(),
        ..v1::GetQueueTrafficRequest::default()
    };
    let traffic = server.queues().await.get_queue_traffic(request).await.unwrap();
    let traffic = traffic.into_inner().traffic.unwrap();
    assert_eq!(
        traffic.latency_bounds[0],
        Duration {
            seconds: 0,
            nanos: 1_000_000
        }
    );
    assert_eq!(traffic.points.iter().map(|point| point.enqueued).sum::<u64>(), 1);
    let id = endpoint.id.clone();
    let request = v1::GetEndpointTrafficRequest {
        id,
        ..v1::GetEndpointTrafficRequest::default()
    };
    let traffic = server
        .endpoints()
        .await
        .get_endpoint_traffic(request)
        .await
        .unwrap();
    let points = traffic.into_inner().traffic.unwrap().points;
    assert_eq!(points.iter().map(|point| point.delivered).sum::<u64>(), 1);
    assert_eq!(points[0].endpoint.as_deref(), Some(&*endpoint.id));
}
