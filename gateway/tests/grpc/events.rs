//! `EventService`.

use proto::{
    Scope,
    grpc::v1::{self, event_service_client::EventServiceClient, watch_events_response::Told},
};
use queue::verdict::Verdict;
use tokio::time::timeout;
use tonic::{Code, Streaming};

use crate::kit::{FOREVER, Keyed, Server, blamed, keyed, reason, task};

async fn client(server: &Server) -> EventServiceClient<Keyed> {
    EventServiceClient::new(server.keyed().await)
}

async fn next(events: &mut Streaming<v1::WatchEventsResponse>) -> v1::Event {
    let told = timeout(FOREVER, events.message()).await.expect("nothing is told");
    match told.unwrap().unwrap().told.unwrap() {
        Told::Event(event) => event,
        Told::Missed(missed) => panic!("{missed:?}"),
    }
}

#[tokio::test]
async fn what_happens_is_told_as_it_happens_and_gone_on_with() {
    let server = Server::new().await;
    server.make_queue("q").await;
    server.make_queue("other").await;
    let endpoint = server.make_endpoint("q", &[]).await;
    let wanted = v1::WatchEventsRequest {
        queue: vec!["q".into()],
        ..v1::WatchEventsRequest::default()
    };
    let mut client = client(&server).await;
    let mut events = client.watch_events(wanted.clone()).await.unwrap().into_inner();

    server.enqueue("other", task("a")).await;
    let id = server.enqueue("q", task("a.b")).await.id;
    let enqueued = next(&mut events).await;
    assert_eq!((&*enqueued.kind, &*enqueued.queue), ("task.enqueued", "q"));
    assert_eq!(
        (enqueued.task, enqueued.r#type.as_deref(), enqueued.count),
        (Some(id.clone()), Some("a.b"), Some(1))
    );
    server.finish_all(&endpoint.id, 500, Verdict::Dead).await;
    let dead = next(&mut events).await;
    assert_eq!(
        (&*dead.kind, dead.endpoint, dead.status),
        ("delivery.dead", Some(endpoint.id), Some(500))
    );
    assert_eq!((dead.attempts, dead.task), (Some(1), Some(id)));

    // Who was cut off hears what they missed.
    let again = v1::WatchEventsRequest {
        after: Some(enqueued.id),
        ..wanted
    };
    let mut gone_on = client.watch_events(again).await.unwrap().into_inner();
    assert_eq!(next(&mut gone_on).await.id, dead.id);
    drop(events);

    // Nothing holds up a server that stops.
    server.stop.cancel();
    let ended = timeout(FOREVER, gone_on.message()).await.unwrap().unwrap_err();
    assert_eq!(
        (ended.code(), &*reason(&ended)),
        (Code::Unavailable, "UNAVAILABLE")
    );
}

#[tokio::test]
async fn only_what_the_caller_reaches_is_told_and_only_while_they_may() {
    let server = Server::new().await;
    server.make_queue("shop").await;
    server.make_queue("bank").await;
    let request = v1::CreateKeyRequest {
        name: "shop".into(),
        scopes: vec![v1::Scope::Read as i32],
        queues: vec!["shop".into()],
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
    let mut client = EventServiceClient::new(keyed(server.channel().await, &made.key.unwrap()));
    let mut events = client
        .watch_events(v1::WatchEventsRequest::default())
        .await
        .unwrap()
        .into_inner();
    server.enqueue("bank", task("a")).await;
    server.enqueue("shop", task("a")).await;
    assert_eq!(next(&mut events).await.queue, "shop");
    server
        .keys()
        .await
        .revoke_key(v1::RevokeKeyRequest { id: made.id })
        .await
        .unwrap();
    let ended = timeout(FOREVER, events.message()).await.unwrap().unwrap_err();
    assert_eq!(
        (ended.code(), &*reason(&ended)),
        (Code::Unauthenticated, "UNAUTHORIZED")
    );
}

#[tokio::test]
async fn mistakes_name_their_field() {
    let server = Server::new().await;
    let mut client = client(&server).await;
    let wrong = v1::WatchEventsRequest {
        task: Some("7".into()),
        after: Some("now".into()),
        ..v1::WatchEventsRequest::default()
    };
    let refused = client.watch_events(wrong).await.unwrap_err();
    assert_eq!(
        (refused.code(), blamed(&refused)),
        (Code::InvalidArgument, vec!["task".to_owned(), "after".to_owned()])
    );
    let wrong = v1::WatchEventsRequest {
        state: vec!["lost".into()],
        ..v1::WatchEventsRequest::default()
    };
    assert_eq!(blamed(&client.watch_events(wrong).await.unwrap_err()), ["state"]);
    let key = server.make_key(&[Scope::Enqueue], &["*"]).await;
    let mut writer = EventServiceClient::new(keyed(server.channel().await, &key));
    let refused = writer
        .watch_events(v1::WatchEventsRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}
