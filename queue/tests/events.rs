//! Events: what subscribers are told, on the node where it happened and on others.

mod kit;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kit::{Kit, new_task, now};
use proto::{EndpointStatus, Event, EventKind, EventKind as K};
use queue::{
    Config, Enqueuer, Error, Queue,
    disable::DisabledBy,
    enqueue,
    events::{Asked, Filter, Limits, Subscription, Told},
    rights::Reach,
    vault::Vault,
    verdict::Verdict,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longer than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A further node on the same database, which follows the others.
async fn node(kit: &Kit, limits: Limits) -> (Kit, CancellationToken) {
    let config = Config {
        events: limits,
        ..Config::new(kit.database.url())
    };
    let queue = Queue::open(config, Vault::new(&[7; 32]), now()).await.unwrap();
    let stop = CancellationToken::new();
    let (hints, mut heard) = tokio::sync::mpsc::channel(100);
    let (following, stopped) = (queue.clone(), stop.clone());
    tokio::spawn(async move { following.follow(hints, stopped).await });
    heard.recv().await.unwrap();
    let other = Kit {
        enqueuer: Enqueuer::start(&queue, &enqueue::Config::default()),
        queue,
        database: kit.database.clone(),
    };
    (other, stop)
}

fn all(queue: &Queue) -> Subscription {
    queue
        .subscribe(Filter::default(), Reach::everything(), None)
        .unwrap()
}

fn of_queue(queue: &Queue, name: &str) -> Subscription {
    let asked = Asked {
        queues: vec![name.into()],
        ..Asked::default()
    };
    queue
        .subscribe(Filter::check(asked).unwrap(), Reach::everything(), None)
        .unwrap()
}

async fn told(subscription: &mut Subscription) -> Told {
    timeout(PATIENCE, subscription.next())
        .await
        .expect("nothing is told")
        .expect("the subscription ended")
}

async fn event(subscription: &mut Subscription) -> Event {
    match told(subscription).await {
        Told::Event(one) => one.event.clone(),
        Told::Missed(count) => panic!("missed {count:?}"),
    }
}

async fn kinds(subscription: &mut Subscription, count: usize) -> Vec<EventKind> {
    let mut kinds = vec![];
    for _ in 0..count {
        kinds.push(event(subscription).await.kind);
    }
    kinds
}

#[tokio::test]
async fn a_delivery_is_told_from_its_task_to_its_end() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    let mut events = all(&kit.queue);
    let task = kit.enqueue_some("q", 1).await[0];
    let enqueued = event(&mut events).await;
    assert_eq!((enqueued.kind, enqueued.task), (K::TaskEnqueued, Some(task)));
    assert_eq!((enqueued.queue.as_str(), enqueued.count), ("q", Some(1)));
    assert_eq!(enqueued.task_type.as_deref(), Some("test.made"));
    assert!(enqueued.due_at.is_some() && enqueued.delivery.is_none());

    let delivery = kit.due(endpoint.id, 1).await.remove(0);
    let id = delivery.id;
    let retry = Verdict::Retry { at: now() };
    let retried = kit.finished(delivery, 500, retry.clone());
    kit.queue.finish(&[retried]).await.unwrap();
    let retrying = event(&mut events).await;
    assert_eq!(
        (retrying.kind, retrying.delivery),
        (K::DeliveryRetrying, Some(id))
    );
    assert_eq!(
        (retrying.task, retrying.endpoint),
        (Some(task), Some(endpoint.id))
    );
    assert_eq!((retrying.attempts, retrying.status), (Some(1), Some(500)));
    assert_eq!(retrying.reason.as_deref(), Some("the endpoint answered 500"));
    assert!(retrying.due_at.is_some());

    let dead = kit.finished(kit.due(endpoint.id, 1).await.remove(0), 400, Verdict::Dead);
    kit.queue.finish(&[dead]).await.unwrap();
    let dead = event(&mut events).await;
    assert_eq!(
        (dead.kind, dead.attempts, dead.due_at),
        (K::DeliveryDead, Some(2), None)
    );

    let replayed = kit.queue.replay(&Reach::everything(), id, now()).await.unwrap();
    let told = event(&mut events).await;
    assert_eq!(
        (told.kind, told.delivery, told.task_type.as_deref()),
        (K::DeliveryReplayed, Some(replayed.delivery), Some("test.made"))
    );
    let delivered = kit.finished(kit.due(endpoint.id, 1).await.remove(0), 204, Verdict::Delivered);
    kit.queue.finish(&[delivered]).await.unwrap();
    let delivered = event(&mut events).await;
    assert_eq!(
        (delivered.kind, delivered.status),
        (K::DeliveryDelivered, Some(204))
    );
    assert_eq!(delivered.reason, None);

    let ids = [enqueued.id, retrying.id, dead.id, told.id, delivered.id];
    assert!(ids.is_sorted(), "{ids:?}");

    let cancelled = kit.enqueue_some("q", 1).await[0];
    kit.queue.cancel(cancelled, now()).await.unwrap();
    assert_eq!(kinds(&mut events, 1).await, [K::TaskEnqueued]);
    let one = event(&mut events).await;
    assert_eq!((one.kind, one.task), (K::DeliveryCancelled, Some(cancelled)));
    assert_eq!(one.task_type.as_deref(), Some("test.made"));
}

#[tokio::test]
async fn changes_of_queues_and_endpoints_are_told_once_each() {
    let kit = Kit::new().await;
    let mut events = all(&kit.queue);
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let queue = &kit.queue;
    let status = |status| queue.set_endpoint_status(endpoint, status, now());
    status(EndpointStatus::Paused).await.unwrap();
    status(EndpointStatus::Paused).await.unwrap();
    status(EndpointStatus::Enabled).await.unwrap();
    status(EndpointStatus::Disabled).await.unwrap();
    status(EndpointStatus::Enabled).await.unwrap();
    queue
        .disable_endpoint(
            &queue.find_endpoint(endpoint).await.unwrap(),
            DisabledBy::Answer,
            "it is gone",
            now(),
        )
        .await
        .unwrap();
    queue
        .update_endpoint(endpoint, proto::EndpointUpdate::default(), now())
        .await
        .unwrap();
    for paused in [true, true, false] {
        queue.pause_queue("q", paused, now()).await.unwrap();
    }
    queue
        .update_queue("q", proto::QueueUpdate::default(), now())
        .await
        .unwrap();
    assert_eq!(
        kinds(&mut events, 6).await,
        [
            K::QueueCreated,
            K::EndpointCreated,
            K::EndpointPaused,
            K::EndpointResumed,
            K::EndpointDisabled,
            K::EndpointEnabled,
        ]
    );
    let disabled = event(&mut events).await;
    assert_eq!(
        (disabled.kind, disabled.endpoint, disabled.reason.as_deref()),
        (K::EndpointDisabled, Some(endpoint), Some("it is gone"))
    );
    assert_eq!(
        kinds(&mut events, 4).await,
        [
            K::EndpointUpdated,
            K::QueuePaused,
            K::QueueResumed,
            K::QueueUpdated
        ]
    );

    // An enqueue of more than one purge batch: summed up all the same.
    kit.enqueue("q", (0..2_500).map(|_| new_task("1")).collect())
        .await;
    queue.purge_queue("q", now()).await.unwrap();
    queue.purge_queue("q", now()).await.unwrap();
    assert_eq!(kinds(&mut events, 2_500).await, [K::TaskEnqueued; 2_500]);
    let purged = event(&mut events).await;
    assert_eq!((purged.kind, purged.count), (K::QueuePurged, Some(2_500)));
    kit.enqueue_some("q", 2).await;
    queue.purge_endpoint(endpoint, now()).await.unwrap();
    kinds(&mut events, 2).await;
    let purged = event(&mut events).await;
    assert_eq!(
        (purged.kind, purged.endpoint, purged.count),
        (K::EndpointPurged, Some(endpoint), Some(2))
    );
    let second = kit.endpoint("q", &["other.*"]).await.id;
    queue.delete_endpoint(second, now()).await.unwrap();
    queue.delete_queue("q", now()).await.unwrap();
    assert_eq!(
        kinds(&mut events, 4).await,
        [
            K::EndpointCreated,
            K::EndpointDeleted,
            K::EndpointDeleted,
            K::QueueDeleted
        ]
    );
}

#[tokio::test]
async fn a_task_that_nobody_wants_and_a_repeat_are_told_as_such() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    kit.queue.delete_endpoint(endpoint, now()).await.unwrap();
    let mut events = all(&kit.queue);
    let keyed = || queue::task::NewTask {
        idempotency_key: Some("k".into()),
        ..new_task("1")
    };
    kit.enqueue("q", vec![keyed()]).await;
    kit.enqueue("q", vec![keyed()]).await;
    kit.queue.pause_queue("q", true, now()).await.unwrap();
    assert_eq!(
        kinds(&mut events, 2).await,
        [K::TaskUnmatched, K::QueuePaused],
        "the repeat is no second task"
    );
}

#[tokio::test]
async fn who_sees_some_queues_is_told_of_no_other() {
    let kit = Kit::new().await;
    for name in ["a-1", "a-2", "b-1"] {
        kit.queue_with_endpoint(name).await;
    }
    let reach = Reach::of(vec!["a-*".into()]);
    let mut events = kit.queue.subscribe(Filter::default(), reach, None).unwrap();
    for name in ["b-1", "a-1", "b-1", "a-2"] {
        kit.enqueue_some(name, 1).await;
    }
    assert_eq!(event(&mut events).await.queue, "a-1");
    assert_eq!(event(&mut events).await.queue, "a-2");
    // Asked for by name it is as if there were no such queue.
    let asked = Asked {
        queues: vec!["b-1".into(), "a-1".into()],
        ..Asked::default()
    };
    let reach = Reach::of(vec!["a-*".into()]);
    let mut events = kit
        .queue
        .subscribe(Filter::check(asked).unwrap(), reach, None)
        .unwrap();
    kit.enqueue_some("b-1", 1).await;
    kit.enqueue_some("a-1", 1).await;
    assert_eq!(event(&mut events).await.queue, "a-1");
}

#[tokio::test]
async fn who_was_away_goes_on_where_it_left_off() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    let mut events = all(&kit.queue);
    kit.enqueue_some("q", 3).await;
    let last = [
        event(&mut events).await,
        event(&mut events).await,
        event(&mut events).await,
    ][1]
    .id;
    drop(events);
    let more = kit.enqueue_some("q", 2_000).await;
    let mut events = kit
        .queue
        .subscribe(Filter::default(), Reach::everything(), Some(last))
        .unwrap();
    let later = kit.enqueue_some("q", 5).await;
    event(&mut events).await;
    for task in more.into_iter().chain(later) {
        assert_eq!(event(&mut events).await.task, Some(task));
    }
}

#[tokio::test]
async fn who_was_away_too_long_is_told_so_and_goes_on_live() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    let limits = Limits {
        window: 10,
        ..Limits::default()
    };
    let (kit, _stop) = node(&kit, limits).await;
    let mut watching = all(&kit.queue);
    kit.enqueue_some("q", 1).await;
    let first = event(&mut watching).await.id;
    kit.enqueue_some("q", 30).await;
    kinds(&mut watching, 30).await;
    for unknown in [first, Uuid::from_u128(1)] {
        let mut events = kit
            .queue
            .subscribe(Filter::default(), Reach::everything(), Some(unknown))
            .unwrap();
        assert!(matches!(told(&mut events).await, Told::Missed(None)));
        let task = kit.enqueue_some("q", 1).await[0];
        assert_eq!(event(&mut events).await.task, Some(task));
    }
    // Remembered, but of this queue nothing was gathered while it was away.
    let (kit, _stop) = node(&kit, Limits::default()).await;
    let mut of_q = of_queue(&kit.queue, "q");
    kit.enqueue_some("q", 1).await;
    let known = event(&mut of_q).await.id;
    let mut events = kit
        .queue
        .subscribe(Filter::default(), Reach::everything(), Some(known))
        .unwrap();
    assert!(matches!(told(&mut events).await, Told::Missed(None)));
}

#[tokio::test]
async fn who_is_slow_is_told_what_it_missed_and_holds_nobody_up() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    kit.queue_with_endpoint("other").await;
    let limits = Limits {
        buffer: 10,
        ..Limits::default()
    };
    let (kit, _stop) = node(&kit, limits).await;
    let (mut slow, mut quick) = (of_queue(&kit.queue, "q"), of_queue(&kit.queue, "other"));
    // Every enqueue is answered although the slow one reads nothing.
    kit.enqueue_some("q", 300).await;
    kit.enqueue_some("other", 1).await;
    // Handed out in order: what the quick one has heard comes after all of the slow one's.
    event(&mut quick).await;
    for _ in 0..10 {
        event(&mut slow).await;
    }
    assert!(matches!(told(&mut slow).await, Told::Missed(Some(290))));
    let task = kit.enqueue_some("q", 1).await[0];
    assert_eq!(event(&mut slow).await.task, Some(task), "and it goes on");
}

#[tokio::test]
async fn there_is_an_end_to_subscribers_and_to_subscriptions() {
    let kit = Kit::new().await;
    let limits = Limits {
        subscribers: 2,
        ..Limits::default()
    };
    let (kit, _stop) = node(&kit, limits).await;
    let subscribe = || kit.queue.subscribe(Filter::default(), Reach::everything(), None);
    let (one, mut two) = (subscribe().unwrap(), subscribe().unwrap());
    assert!(matches!(subscribe(), Err(Error::Unavailable(_))));
    drop(one);
    drop(subscribe().unwrap());
    kit.queue.end_subscriptions();
    assert!(timeout(PATIENCE, two.next()).await.unwrap().is_none());
    assert!(matches!(subscribe(), Err(Error::Unavailable(_))));
    drop(two);
    timeout(PATIENCE, kit.queue.subscriptions_ended()).await.unwrap();
}

/// Enqueues on `there` one by one until `events`, on another node, tell of one: from then on they tell of all.
async fn until_heard(there: &Kit, events: &mut Subscription) {
    let heard = async {
        loop {
            there.enqueue_some("q", 1).await;
            if timeout(Duration::from_millis(300), events.next()).await.is_ok() {
                break;
            }
        }
    };
    timeout(PATIENCE, heard)
        .await
        .expect("the other node is never heard");
    // The events of one node come in order: up to this one all are those from above.
    let last = there.enqueue_some("q", 1).await[0];
    while event(events).await.task != Some(last) {}
}

#[tokio::test]
async fn a_node_tells_what_happens_on_another() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    kit.queue_with_endpoint("other").await;
    let (here, _stop) = node(&kit, Limits::default()).await;
    let (there, _stop) = node(&kit, Limits::default()).await;
    let mut events = of_queue(&here.queue, "q");
    until_heard(&there, &mut events).await;
    there.queue.purge_queue("q", now()).await.unwrap();
    event(&mut events).await;

    // In order, each once, the same as where it happened.
    let mut told_there = of_queue(&there.queue, "q");
    there.enqueue_some("other", 5).await;
    let tasks = there.enqueue_some("q", 500).await;
    let own = here.enqueue_some("q", 3).await;
    let (mut theirs, mut ours) = (vec![], vec![]);
    while theirs.len() + ours.len() < 503 {
        let one = event(&mut events).await;
        assert_eq!(one.kind, K::TaskEnqueued);
        if own.contains(&one.task.unwrap()) {
            ours.push(one);
        } else {
            theirs.push(one);
        }
    }
    assert_eq!(
        theirs.iter().map(|one| one.task.unwrap()).collect::<Vec<_>>(),
        tasks
    );
    assert_eq!(ours.iter().map(|one| one.task.unwrap()).collect::<Vec<_>>(), own);
    // There, what happened here comes as well.
    let mut same = vec![];
    while same.len() < 500 {
        let one = event(&mut told_there).await;
        if tasks.contains(&one.task.unwrap()) {
            same.push(one);
        }
    }
    assert!(same == theirs, "the same is told otherwise on another node");

    let mut due = there.due(endpoint.id, 2).await;
    let dead = there.finished(due.remove(0), 410, Verdict::Dead);
    let retried = there.finished(due.remove(0), 503, Verdict::Retry { at: now() });
    there.queue.finish(&[dead, retried]).await.unwrap();
    let (dead, retrying) = (event(&mut events).await, event(&mut events).await);
    assert_eq!((dead.kind, dead.status), (K::DeliveryDead, Some(410)));
    assert_eq!(dead.reason.as_deref(), Some("the endpoint answered 410"));
    assert_eq!((retrying.kind, retrying.attempts), (K::DeliveryRetrying, Some(1)));
}

#[tokio::test]
async fn who_comes_to_another_node_goes_on_there() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    let (one, _stop) = node(&kit, Limits::default()).await;
    let (two, _stop) = node(&kit, Limits::default()).await;
    let (mut on_one, mut on_two) = (all(&one.queue), all(&two.queue));
    until_heard(&two, &mut on_one).await;
    until_heard(&one, &mut on_two).await;
    let last = one.enqueue_some("q", 1).await[0];
    let left = loop {
        let told = event(&mut on_one).await;
        if told.task == Some(last) {
            break told.id;
        }
    };
    drop(on_one);
    let mut expected: BTreeSet<Uuid> = BTreeSet::new();
    for _ in 0..20 {
        expected.extend(one.enqueue_some("q", 5).await);
        expected.extend(two.enqueue_some("q", 5).await);
    }
    // It has come to the other node once that was told of it.
    while event(&mut on_two).await.id != left {}
    let mut events = two
        .queue
        .subscribe(Filter::default(), Reach::everything(), Some(left))
        .unwrap();
    while !expected.is_empty() {
        expected.remove(&event(&mut events).await.task.unwrap());
    }
}

#[tokio::test]
async fn what_does_not_pass_between_nodes_is_counted() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    let (here, _stop) = node(
        &kit,
        Limits {
            buffer: 100_000,
            ..Limits::default()
        },
    )
    .await;
    let (there, _stop) = node(&kit, Limits::default()).await;
    let mut events = of_queue(&here.queue, "q");
    until_heard(&there, &mut events).await;
    let mut enqueues = tokio::task::JoinSet::new();
    let there = Arc::new(there);
    for _ in 0..20 {
        let there = there.clone();
        enqueues.spawn(async move {
            there
                .enqueue("q", (0..2_000).map(|_| new_task("1")).collect())
                .await
        });
    }
    while let Some(done) = enqueues.join_next().await {
        assert!(done.unwrap().iter().all(Result::is_ok));
    }
    let (mut heard, mut missed) = (0, 0);
    while heard + missed < 40_000 {
        match told(&mut events).await {
            Told::Event(_) => heard += 1,
            Told::Missed(count) => missed += count.expect("all are counted"),
        }
    }
    assert_eq!(heard + missed, 40_000);
    assert!(heard > 0);
}

#[tokio::test]
async fn a_lost_connection_is_told_and_made_again() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    let (here, _stop) = node(&kit, Limits::default()).await;
    let (there, _stop) = node(&kit, Limits::default()).await;
    let mut events = all(&here.queue);
    until_heard(&there, &mut events).await;
    kit.database.disconnect_all().await;
    let lost = async { while !matches!(told(&mut events).await, Told::Missed(None)) {} };
    timeout(PATIENCE, lost).await.unwrap();
    // The connections of the pools were cut as well; a test's statement is not repeated for it.
    while there.queue.ping().await.is_err() || here.queue.ping().await.is_err() {}
    let mut heard = false;
    for _ in 0..100 {
        let checked = queue::task::check(new_task("1"), 1 << 20, now()).unwrap();
        let entry = there.find("q").await;
        let _ = there
            .enqueuer
            .enqueue(entry, vec![checked], enqueue::Target::Matching, now())
            .await;
        if let Ok(Some(Told::Event(_))) = timeout(Duration::from_millis(300), events.next()).await {
            heard = true;
            break;
        }
    }
    assert!(heard, "the other node is not heard again");
}
