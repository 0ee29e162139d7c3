//! What those who run an installation are told: each thing once when it begins and once when it ends, whatever nodes do.

mod kit;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use kit::{Kit, now, open};
use proto::{BreakerState, EndpointStatus, Lane, LaneWait, NewQueue};
use queue::{
    Queue,
    disable::{DisabledBy, OPS_QUEUE},
    id::EndpointId,
    lane_states::Failing,
    load::{Cursor, PageRequest},
    notify::{Report, Thresholds, Watch},
    verdict::Verdict,
};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

const THRESHOLDS: Thresholds = Thresholds {
    window: Duration::from_mins(15),
    dead_letters: Some(4),
    dead_share: None,
    backlog_age: Some(Duration::from_mins(15)),
    endpoint_down: Some(Duration::from_mins(10)),
    storage_within: None,
    storage_max: None,
};

fn watch(queue: &Queue) -> Watch {
    Watch::new(queue.clone(), THRESHOLDS, Arc::new(|| None))
}

fn after(minutes: i64) -> DateTime<Utc> {
    now() + chrono::TimeDelta::minutes(minutes)
}

fn report(begun: usize, ended: usize, told: usize) -> Report {
    Report { begun, ended, told }
}

/// A queue with an endpoint, and another on which is told of it.
struct Told {
    kit: Kit,
    endpoint: EndpointId,
    ops: EndpointId,
}

impl Told {
    async fn new() -> Self {
        let kit = Kit::new().await;
        let endpoint = kit.queue_with_endpoint("q").await.id;
        let ops = kit.queue_with_endpoint(OPS_QUEUE).await.id;
        Self { kit, endpoint, ops }
    }

    /// What was told, oldest first: the types, and what the last one says.
    async fn told(&self) -> (Vec<String>, Value) {
        let page = PageRequest {
            endpoint_id: self.ops,
            cursor: Cursor::START,
            limit: 100,
            tests_only: false,
        };
        // Tasks are due when they were told, which is later in some tests than it is.
        let due = self.kit.queue.due(&[page], after(30 * 24 * 60)).await.unwrap();
        let (told, _) = self.kit.queue.load(due).await.unwrap();
        let last = told.last().map_or(Value::Null, |one| {
            serde_json::from_slice(&one.content.payload).unwrap()
        });
        (told.iter().map(|one| one.content.kind.clone()).collect(), last)
    }

    async fn run(&self, sql: &'static str) {
        let mut connection = PgConnection::connect(self.kit.database.url()).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }

    /// Every delivery of the endpoint ends so.
    async fn end(&self, endpoint: EndpointId, verdict: Verdict) {
        let due = self.kit.due(endpoint, 100).await;
        let finished: Vec<_> = due
            .into_iter()
            .map(|delivery| self.kit.finished(delivery, 400, verdict.clone()))
            .collect();
        self.kit.queue.finish(&finished).await.unwrap();
        self.kit.queue.flush_rollups().await.unwrap();
    }
}

/// The fields of the example that the document has of a type.
fn documented(kind: &str, was: Option<&str>) -> Vec<String> {
    let document = include_str!("../../docs/observability.md");
    let mut examples = document
        .split("```json\n")
        .skip(1)
        .filter_map(|part| serde_json::from_str::<Value>(part.split("```").next()?).ok())
        .filter(|example| example["type"] == kind && example["payload"]["was"].as_str() == was);
    fields(&examples.next().expect("an example")["payload"])
}

fn fields(payload: &Value) -> Vec<String> {
    let mut fields: Vec<String> = payload.as_object().unwrap().keys().cloned().collect();
    fields.sort_unstable();
    fields
}

/// Another node may take the chore at once.
const LEASE_OVER: &str = "UPDATE chores SET leased_until = now() - interval '1 second'";

#[tokio::test]
async fn dead_letters_are_told_once_over_restarts_and_on_several_nodes() {
    let told = Told::new().await;
    let queue = &told.kit.queue;
    told.kit.enqueue_some("q", 3).await;
    told.end(told.endpoint, Verdict::Dead).await;
    assert_eq!(watch(queue).look(now()).await.unwrap(), report(0, 0, 0));
    told.kit.enqueue_some("q", 2).await;
    told.end(told.endpoint, Verdict::Dead).await;
    assert_eq!(watch(queue).look(now()).await.unwrap(), report(1, 0, 1));
    let (kinds, payload) = told.told().await;
    assert_eq!(kinds, ["dead_letters.rate"]);
    assert_eq!(
        (
            &payload["queue"],
            &payload["dead"],
            &payload["ended"],
            &payload["threshold"]["dead"]
        ),
        (&"q".into(), &5.into(), &5.into(), &4.into())
    );
    // Once more, by the same process, by another node, and by one that comes after it.
    assert_eq!(watch(queue).look(after(1)).await.unwrap(), report(0, 0, 0));
    let other = open(&told.kit.database).await;
    assert_eq!(
        watch(&other).look(after(40)).await.unwrap(),
        report(0, 0, 0),
        "it has the lease"
    );
    told.run(LEASE_OVER).await;
    assert_eq!(watch(&other).look(after(2)).await.unwrap(), report(0, 0, 0));
    assert_eq!(watch(&other).look(after(20)).await.unwrap(), report(0, 1, 1));
    let (kinds, ended) = told.told().await;
    assert_eq!(kinds, ["dead_letters.rate", "dead_letters.rate_ended"]);
    assert_eq!((&ended["since"], &ended["dead"]), (&payload["since"], &0.into()));
    assert_eq!(watch(&other).look(after(21)).await.unwrap(), report(0, 0, 0));
}

#[tokio::test]
async fn what_dies_of_what_is_told_is_not_told() {
    let told = Told::new().await;
    told.kit.enqueue_some(OPS_QUEUE, 9).await;
    told.end(told.ops, Verdict::Dead).await;
    told.kit.enqueue_some(OPS_QUEUE, 3).await;
    let looked = watch(&told.kit.queue).look(after(20)).await.unwrap();
    assert_eq!(looked, report(0, 0, 0));
}

#[tokio::test]
async fn a_node_that_dies_between_telling_and_writing_it_down_has_told_once() {
    let told = Told::new().await;
    let queue = &told.kit.queue;
    // One that was written down and not told is told by the next.
    told.run("INSERT INTO notices (id, type, payload) VALUES (gen_random_uuid(), 'endpoint.disabled', '{\"n\":1}')")
        .await;
    assert_eq!(watch(queue).look(now()).await.unwrap(), report(0, 0, 1));
    // One that was told and is still there is not told again.
    told.run(
        "INSERT INTO notices (id, type, payload) SELECT idempotency_key::uuid, type, convert_from(payload, 'UTF8') FROM tasks",
    )
    .await;
    assert_eq!(watch(queue).look(now()).await.unwrap(), report(0, 0, 0));
    assert_eq!(told.told().await.0, ["endpoint.disabled"]);
    let mut connection = PgConnection::connect(told.kit.database.url()).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM notices")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn two_nodes_at_once_tell_once() {
    const ROUNDS: usize = 10;
    let told = Told::new().await;
    let (one, other) = (&told.kit.queue, open(&told.kit.database).await);
    told.kit.enqueue_some("q", 5).await;
    told.end(told.endpoint, Verdict::Dead).await;
    let (mut first, mut second) = (watch(one), watch(&other));
    let (a, b) = tokio::join!(first.look(now()), second.look(now()));
    assert_eq!(a.unwrap().begun + b.unwrap().begun, 1);
    // Whoever disables tells at once, while the other looks for what is still to be told.
    for _ in 0..ROUNDS {
        told.run(LEASE_OVER).await;
        let known = one.find_endpoint(told.endpoint).await.unwrap();
        let disable = one.disable_endpoint(&known, DisabledBy::Answer, "it is gone", now());
        let (disabled, looked) = tokio::join!(disable, second.look(now()));
        disabled.unwrap();
        looked.unwrap();
        let (enabled, looked) = tokio::join!(
            one.enable_tested_endpoint(told.endpoint, now()),
            second.look(now())
        );
        assert!(enabled.unwrap());
        looked.unwrap();
    }
    let (kinds, _) = told.told().await;
    let count = |wanted| kinds.iter().filter(|kind| *kind == wanted).count();
    assert_eq!(
        [
            count("dead_letters.rate"),
            count("endpoint.disabled"),
            count("endpoint.recovered")
        ],
        [1, ROUNDS, ROUNDS]
    );
    assert_eq!(kinds.len(), 1 + 2 * ROUNDS);
}

#[tokio::test]
async fn whoever_is_told_later_hears_of_what_holds_then() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await.id;
    kit.enqueue_some("q", 5).await;
    let mut watch = watch(&kit.queue);
    assert_eq!(watch.look(after(20)).await.unwrap(), report(0, 0, 0));
    let new = NewQueue {
        name: OPS_QUEUE.into(),
        ..NewQueue::default()
    };
    kit.queue.make_queue(new, now()).await.unwrap();
    let told = Told {
        ops: kit.endpoint(OPS_QUEUE, &[]).await.id,
        kit,
        endpoint,
    };
    assert_eq!(watch.look(after(20)).await.unwrap(), report(1, 0, 1));
    assert_eq!(told.told().await.0, ["backlog.age"]);
}

fn lane(endpoint: EndpointId, waits_for: LaneWait, breaker: BreakerState) -> Lane {
    Lane {
        endpoint,
        waits_for,
        until: None,
        in_flight: 1,
        in_flight_limit: 2,
        max_in_flight: 3,
        ready: 1,
        backlog: true,
        tokens: None,
        hold_until: None,
        breaker,
        probe_at: None,
        answer_ms: None,
        failing_since: None,
        updated_at: now(),
    }
}

#[tokio::test]
async fn a_backlog_is_what_could_go_and_does_not() {
    let told = Told::new().await;
    let queue = &told.kit.queue;
    let other = told.kit.endpoint("q", &[]).await.id;
    told.kit.enqueue_some("q", 3).await;
    let mut watch = watch(queue);
    assert_eq!(watch.look(after(14)).await.unwrap(), report(0, 0, 0));
    // What people hold back is not late.
    for (id, status) in [
        (told.endpoint, EndpointStatus::Paused),
        (other, EndpointStatus::Disabled),
    ] {
        queue.set_endpoint_status(id, status, now()).await.unwrap();
    }
    assert_eq!(watch.look(after(20)).await.unwrap(), report(0, 0, 0));
    for id in [told.endpoint, other] {
        queue
            .set_endpoint_status(id, EndpointStatus::Enabled, now())
            .await
            .unwrap();
    }
    // Nor is what waits for an endpoint that is down.
    told.run("UPDATE shards SET node_id = gen_random_uuid(), leased_until = now() + interval '1 hour'")
        .await;
    let down = |id| lane(id, LaneWait::Breaker, BreakerState::Open);
    queue
        .write_lanes(&[down(told.endpoint), down(other)])
        .await
        .unwrap();
    assert_eq!(watch.look(after(20)).await.unwrap(), report(0, 0, 0));
    queue
        .write_lanes(&[lane(other, LaneWait::Rate, BreakerState::Closed)])
        .await
        .unwrap();
    assert_eq!(watch.look(after(20)).await.unwrap(), report(1, 0, 1));
    let (kinds, payload) = told.told().await;
    assert_eq!(kinds, ["backlog.age"]);
    assert_eq!(
        (&payload["queue"], &payload["endpoint"], &payload["waits_for"]),
        (&"q".into(), &other.to_string().into(), &"rate".into())
    );
    assert_eq!(
        (&payload["endpoints"], &payload["deliveries"]),
        (&1.into(), &6.into())
    );
    let age = payload["age_seconds"].as_i64().unwrap();
    assert!((1_190..1_260).contains(&age), "{age}");
    // Some are delivered; as long as one is as old, nothing has changed.
    told.end(told.endpoint, Verdict::Delivered).await;
    assert_eq!(watch.look(after(21)).await.unwrap(), report(0, 0, 0));
    told.end(other, Verdict::Delivered).await;
    assert_eq!(watch.look(after(21)).await.unwrap(), report(0, 1, 1));
    assert_eq!(told.told().await.0, ["backlog.age", "backlog.age_ended"]);
}

#[tokio::test]
async fn where_no_node_pushes_the_backlog_says_so() {
    let told = Told::new().await;
    told.kit.enqueue_some("q", 1).await;
    watch(&told.kit.queue).look(after(20)).await.unwrap();
    assert_eq!(told.told().await.1["waits_for"], "node");
}

#[tokio::test]
async fn an_endpoint_that_was_down_for_long_recovers() {
    let told = Told::new().await;
    let queue = &told.kit.queue;
    let failing = async |since| {
        let one = |endpoint_id| Failing { endpoint_id, since };
        queue
            .write_failing(&[one(told.endpoint), one(told.ops)])
            .await
            .unwrap();
    };
    let mut watch = watch(queue);
    failing(Some(now())).await;
    queue
        .write_lanes(&[
            lane(told.endpoint, LaneWait::Breaker, BreakerState::Open),
            lane(told.ops, LaneWait::Breaker, BreakerState::Open),
        ])
        .await
        .unwrap();
    assert_eq!(watch.look(after(9)).await.unwrap(), report(0, 0, 0));
    assert_eq!(watch.look(after(11)).await.unwrap(), report(1, 0, 1));
    // Its lane begins anew elsewhere, with a closed breaker: it has not recovered by that.
    told.run("DELETE FROM lane_states").await;
    assert_eq!(watch.look(after(12)).await.unwrap(), report(0, 0, 0));
    failing(None).await;
    assert_eq!(watch.look(after(13)).await.unwrap(), report(0, 1, 1));
    let (kinds, payload) = told.told().await;
    assert_eq!(kinds, ["endpoint.down", "endpoint.recovered"]);
    assert_eq!(
        (&payload["was"], &payload["endpoint"]),
        (&"down".into(), &told.endpoint.to_string().into())
    );
    assert_eq!(watch.look(after(14)).await.unwrap(), report(0, 0, 0));
}

#[tokio::test]
async fn an_endpoint_that_was_disabled_recovers_by_test_or_by_hand() {
    let told = Told::new().await;
    let queue = &told.kit.queue;
    let disable = async |by| {
        let known = queue.find_endpoint(told.endpoint).await.unwrap();
        queue
            .disable_endpoint(&known, by, "it is gone", now())
            .await
            .unwrap();
    };
    let enable = async || {
        queue
            .set_endpoint_status(told.endpoint, EndpointStatus::Enabled, now())
            .await
            .unwrap();
    };
    disable(DisabledBy::Answer).await;
    let (_, payload) = told.told().await;
    assert_eq!(fields(&payload), documented("endpoint.disabled", None));
    assert!(queue.enable_tested_endpoint(told.endpoint, now()).await.unwrap());
    let (kinds, payload) = told.told().await;
    assert_eq!(kinds, ["endpoint.disabled", "endpoint.recovered"]);
    assert_eq!(
        fields(&payload),
        documented("endpoint.recovered", Some("disabled"))
    );
    assert_eq!(
        (&payload["was"], &payload["enabled_by"], &payload["queue"]),
        (&"disabled".into(), &"test".into(), &"q".into())
    );
    assert!(payload["since"].as_str() < payload["at"].as_str());
    disable(DisabledBy::Failing).await;
    enable().await;
    assert_eq!(told.told().await.1["enabled_by"], "hand");
    // Of what people do to it themselves they are not told, and once is enough.
    queue
        .set_endpoint_status(told.endpoint, EndpointStatus::Disabled, now())
        .await
        .unwrap();
    enable().await;
    enable().await;
    assert_eq!(told.told().await.0.len(), 4);
    // One that is deleted meanwhile does not recover.
    disable(DisabledBy::Failing).await;
    queue.delete_endpoint(told.endpoint, now()).await.unwrap();
    assert_eq!(watch(queue).look(now()).await.unwrap(), report(0, 0, 0));
    let mut connection = PgConnection::connect(told.kit.database.url()).await.unwrap();
    let known: i64 = sqlx::query_scalar("SELECT count(*) FROM conditions")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(known, 0);
}

#[tokio::test]
async fn a_database_that_outgrows_its_bound_is_told() {
    let told = Told::new().await;
    told.kit.enqueue_some("q", 50).await;
    told.run("ANALYZE tasks").await;
    let of = |storage_max, disk| {
        let thresholds = Thresholds {
            backlog_age: None,
            storage_within: Some(Duration::from_hours(24 * 14)),
            storage_max,
            ..THRESHOLDS
        };
        let disk = Arc::new(move || disk);
        Watch::new(told.kit.queue.clone(), thresholds, disk)
    };
    let day = 24 * 60;
    let unknown = of(None, None).look(after(2 * day)).await.unwrap();
    assert_eq!(unknown, report(0, 0, 0), "neither a disk nor a bound is known");
    let wide = of(Some(1 << 50), None).look(after(2 * day)).await.unwrap();
    assert_eq!(wide, report(0, 0, 0));
    let mut narrow = of(Some(1 << 20), None);
    assert_eq!(narrow.look(after(2 * day)).await.unwrap(), report(1, 0, 1));
    assert_eq!(narrow.look(after(2 * day + 11)).await.unwrap(), report(0, 0, 0));
    let (kinds, payload) = told.told().await;
    assert_eq!(kinds, ["storage.forecast"]);
    assert_eq!(payload["room_bytes"], 1 << 20);
    assert!(payload["database_bytes"].as_u64() > Some(1 << 20), "{payload}");
    let disk = proto::Disk {
        total_bytes: 1 << 50,
        free_bytes: 1 << 50,
    };
    let roomy = of(None, Some(disk)).look(after(2 * day + 22)).await.unwrap();
    assert_eq!(roomy, report(0, 1, 1));
    assert_eq!(
        told.told().await.0,
        ["storage.forecast", "storage.forecast_ended"]
    );
}
