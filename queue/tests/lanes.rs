//! What lanes leave in the database: their state for people, since when endpoints fail, who disabled them; and what is too old.

mod kit;

use std::{sync::Arc, time::Duration};

use kit::{Kit, new_task, now};
use proto::{BreakerState, EndpointStatus, EndpointUpdate, Lane, LaneWait, NewQueue, OrderingMode};
use queue::{
    disable::{DisabledBy, OPS_QUEUE},
    endpoint::{Endpoint, shard_of},
    id::EndpointId,
    lane_states::Failing,
    ordering::Sequence,
    task::NewTask,
    verdict::Verdict,
};
use sqlx::{Connection, PgConnection};

fn lane(endpoint: EndpointId, ready: u64) -> Lane {
    Lane {
        endpoint,
        waits_for: LaneWait::Breaker,
        until: Some(now()),
        in_flight: 1,
        in_flight_limit: 2,
        max_in_flight: 3,
        ready,
        backlog: true,
        tokens: Some(4),
        hold_until: None,
        breaker: BreakerState::Open,
        probe_at: Some(now()),
        answer_ms: Some(1.5),
        failing_since: Some(now()),
        updated_at: now(),
    }
}

#[tokio::test]
async fn states_and_failures_are_kept_until_they_end_or_another_takes_over() {
    let kit = Kit::new().await;
    let (one, two) = (
        kit.queue_with_endpoint("q").await.id,
        kit.endpoint("q", &[]).await.id,
    );
    let queue = &kit.queue;
    assert_eq!(queue.read_lane(one).await.unwrap(), None);
    queue.write_lanes(&[]).await.unwrap();
    queue.write_lanes(&[lane(one, 1), lane(two, 2)]).await.unwrap();
    let newer = lane(one, 3);
    queue.write_lanes(std::slice::from_ref(&newer)).await.unwrap();
    assert_eq!(queue.read_lane(one).await.unwrap(), Some(newer));
    let since = |endpoint_id, since| Failing { endpoint_id, since };
    let begun = chrono::DateTime::from_timestamp(1_700_000_000, 0);
    queue
        .write_failing(&[since(one, begun), since(two, begun)])
        .await
        .unwrap();
    queue.write_failing(&[since(two, None)]).await.unwrap();
    let both = [shard_of(one), shard_of(two)];
    let failing = queue.take_over_lanes(&both).await.unwrap();
    assert_eq!(failing, [(one, begun.unwrap())]);
    assert_eq!(
        queue.read_lane(one).await.unwrap(),
        None,
        "what another told holds no more"
    );
    let again = queue.take_over_lanes(&both).await.unwrap();
    assert_eq!(again, failing, "since when it fails does");
}

async fn status(kit: &Kit, endpoint: EndpointId) -> EndpointStatus {
    kit.queue.read_endpoint(endpoint).await.unwrap().status
}

async fn known(kit: &Kit, endpoint: EndpointId) -> Arc<Endpoint> {
    kit.queue.find_endpoint(endpoint).await.unwrap()
}

#[tokio::test]
async fn a_passing_test_enables_what_no_person_disabled() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let queue = &kit.queue;
    for by in [DisabledBy::Answer, DisabledBy::Failing] {
        let known = known(&kit, endpoint).await;
        queue
            .disable_endpoint(&known, by, "it is gone", now())
            .await
            .unwrap();
        assert_eq!(status(&kit, endpoint).await, EndpointStatus::Disabled);
        assert!(queue.enable_tested_endpoint(endpoint, now()).await.unwrap());
        assert_eq!(status(&kit, endpoint).await, EndpointStatus::Enabled);
    }
    assert!(!queue.enable_tested_endpoint(endpoint, now()).await.unwrap());
    queue
        .set_endpoint_status(endpoint, EndpointStatus::Disabled, now())
        .await
        .unwrap();
    assert!(!queue.enable_tested_endpoint(endpoint, now()).await.unwrap());
    assert_eq!(status(&kit, endpoint).await, EndpointStatus::Disabled);
}

#[tokio::test]
async fn what_a_person_set_meanwhile_is_not_undone_by_an_answer_of_before() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let queue = &kit.queue;
    let before = known(&kit, endpoint).await;
    let disable = async || {
        queue
            .disable_endpoint(&before, DisabledBy::Answer, "it is gone", now())
            .await
            .unwrap()
    };
    for status in [EndpointStatus::Paused, EndpointStatus::Disabled] {
        queue.set_endpoint_status(endpoint, status, now()).await.unwrap();
        assert!(!disable().await, "{status:?}");
        assert!(!queue.enable_tested_endpoint(endpoint, now()).await.unwrap());
    }
    queue
        .set_endpoint_status(endpoint, EndpointStatus::Enabled, now())
        .await
        .unwrap();
    let update = EndpointUpdate {
        url: Some("https://elsewhere.example/".into()),
        ..EndpointUpdate::default()
    };
    queue.update_endpoint(endpoint, update, now()).await.unwrap();
    assert!(!disable().await, "it was another URL that answered");
    assert_eq!(status(&kit, endpoint).await, EndpointStatus::Enabled);
}

#[tokio::test]
async fn ops_are_told_once_and_not_of_their_own_endpoints() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let queue = &kit.queue;
    let disable = async |id| {
        let known = known(&kit, id).await;
        queue
            .disable_endpoint(&known, DisabledBy::Failing, "it failed", now())
            .await
            .unwrap();
    };
    // Nobody is told where there is no such queue.
    disable(endpoint).await;
    queue.enable_tested_endpoint(endpoint, now()).await.unwrap();
    let new = NewQueue {
        name: OPS_QUEUE.into(),
        ..NewQueue::default()
    };
    queue.make_queue(new, now()).await.unwrap();
    let ops = kit.endpoint(OPS_QUEUE, &[]).await.id;
    disable(endpoint).await;
    disable(endpoint).await;
    disable(ops).await;
    let told = kit.due(ops, 10).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].content.kind, "endpoint.disabled");
    let payload: serde_json::Value = serde_json::from_slice(&told[0].content.payload).unwrap();
    assert_eq!(
        (
            &payload["endpoint"],
            &payload["queue"],
            &payload["disabled_by"],
            &payload["reason"]
        ),
        (
            &endpoint.to_string().into(),
            &"q".into(),
            &"failing".into(),
            &"it failed".into()
        )
    );
}

#[tokio::test]
async fn what_was_due_before_is_found_and_its_age_survives_failures() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    let queue = &kit.queue;
    kit.enqueue_some("q", 5).await;
    let delayed = queue::task::NewTask {
        due_at: Some(now() + Duration::from_hours(1)),
        ..new_task("1")
    };
    kit.enqueue("q", vec![delayed]).await;
    let due = kit.due(endpoint, 10).await;
    assert_eq!(due.len(), 5);
    assert!(due.iter().all(|delivery| delivery.since == delivery.due_at));
    let first = due[0].clone();
    let again = Verdict::Retry { at: now() };
    queue
        .finish(&[kit.finished(first.clone(), 500, again)])
        .await
        .unwrap();
    let retried = kit.due(endpoint, 10).await;
    let retried = retried.iter().find(|delivery| delivery.id == first.id).unwrap();
    assert!(retried.due_at > first.due_at);
    assert_eq!(
        retried.since, first.since,
        "its age is counted from the first time"
    );
    let soon = now() + Duration::from_secs(1);
    let found = queue.due_before(&[(endpoint, soon)], 3).await.unwrap();
    assert_eq!(found.len(), 3, "so many and no more");
    let found = queue.due_before(&[(endpoint, soon)], 100).await.unwrap();
    assert_eq!(found.len(), 5, "nothing that is due later");
    assert!(found.iter().all(|(_, kind)| kind == "test.made"));
    let none = queue.due_before(&[(endpoint, first.since)], 100).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn what_is_held_behind_others_grows_too_old_too_and_has_its_own_priority_again() {
    let kit = Kit::new().await;
    let endpoint_id = kit.queue_in_order("q", OrderingMode::Fifo).await.id;
    let queue = &kit.queue;
    let of = |priority| NewTask {
        priority: Some(priority),
        ..new_task("1")
    };
    kit.enqueue("q", [0, 4, 9, 7].map(of).into()).await;
    let next = [Sequence {
        endpoint_id,
        key: String::new(),
    }];
    assert_eq!(queue.release_next(&next).await.unwrap(), [endpoint_id]);
    let soon = now() + Duration::from_secs(1);
    let found = queue.due_before(&[(endpoint_id, soon)], 100).await.unwrap();
    let mut all: Vec<_> = found.into_iter().map(|(due, _)| due).collect();
    all.sort_unstable_by_key(|due| due.task_id);
    let priorities: Vec<u8> = all.iter().map(|due| due.priority).collect();
    assert_eq!(priorities, [0, 4, 9, 7]);
    assert!(all.iter().all(|due| due.ordering_key.as_deref() == Some("")));
    // The one that goes is left, and the last that is held behind it.
    let (old, gone) = queue.load(all[1..3].to_vec()).await.unwrap();
    assert!(gone.is_empty());
    let dead: Vec<_> = old
        .into_iter()
        .map(|delivery| kit.finished(delivery, 500, Verdict::Dead))
        .collect();
    assert!(dead.iter().all(|one| one.frees() == Some("")));
    queue.finish(&dead).await.unwrap();
    let mut connection = PgConnection::connect(kit.database.url()).await.unwrap();
    let letters: Vec<i16> = sqlx::query_scalar("SELECT priority FROM dead_letters ORDER BY priority")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(letters, [4, 9]);
    assert!(
        queue.release_next(&next).await.unwrap().is_empty(),
        "one goes already"
    );
    let goes = kit.due(endpoint_id, 10).await.remove(0);
    assert_eq!(goes.id, all[0].id);
    queue
        .finish(&[kit.finished(goes, 200, Verdict::Delivered)])
        .await
        .unwrap();
    assert_eq!(queue.release_next(&next).await.unwrap(), [endpoint_id]);
    let goes = kit.due(endpoint_id, 10).await.remove(0);
    assert_eq!((goes.id, goes.priority), (all[3].id, 7));
}
