//! What these tests share: a queue on a database of its own, and the verbs a test speaks in.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use queue::{
    Config, Delivery, Enqueuer, Queue,
    catalog::QueueEntry,
    enqueue::{self, KeyReused, Receipt, Target},
    finish::{Finished, Request},
    load::{Cursor, PageRequest},
    outcome::{Answer, Outcome, Timing},
    task::{self, NewTask},
    vault::Vault,
    verdict::Verdict,
};
use testing::Database;

pub(crate) struct Kit {
    pub(crate) queue: Queue,
    pub(crate) enqueuer: Enqueuer,
    pub(crate) database: Arc<Database>,
}

#[expect(clippy::disallowed_methods, reason = "the edge of the tests")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

impl Kit {
    pub(crate) async fn new() -> Self {
        let database = Arc::new(Database::create().await);
        let queue = open(&database).await;
        let enqueuer = Enqueuer::start(&queue, &enqueue::Config::default());
        Self {
            queue,
            enqueuer,
            database,
        }
    }

    pub(crate) async fn queue_with_endpoint(&self, name: &str) -> proto::Endpoint {
        let new = proto::NewQueue {
            name: name.into(),
            ..proto::NewQueue::default()
        };
        self.queue.make_queue(new, now()).await.unwrap();
        self.endpoint(name, &[]).await
    }

    pub(crate) async fn endpoint(&self, queue: &str, filter: &[&str]) -> proto::Endpoint {
        let new = proto::NewEndpoint {
            url: "https://example.com/".into(),
            filter: filter.iter().map(ToString::to_string).collect(),
            ..proto::NewEndpoint::default()
        };
        self.queue.make_endpoint(queue, new, now()).await.unwrap()
    }

    /// A queue whose one endpoint is sent everything in order, or what has a key.
    pub(crate) async fn queue_in_order(&self, name: &str, mode: proto::OrderingMode) -> proto::Endpoint {
        let new = proto::NewQueue {
            name: name.into(),
            ..proto::NewQueue::default()
        };
        self.queue.make_queue(new, now()).await.unwrap();
        let ordering = proto::OrderingPolicy {
            mode,
            ..proto::OrderingPolicy::default()
        };
        let new = proto::NewEndpoint {
            url: "https://example.com/".into(),
            settings: proto::DeliverySettings {
                ordering: Some(ordering),
                ..proto::DeliverySettings::default()
            },
            ..proto::NewEndpoint::default()
        };
        self.queue.make_endpoint(name, new, now()).await.unwrap()
    }

    pub(crate) async fn find(&self, name: &str) -> Arc<QueueEntry> {
        self.queue.find_queue(name).await.unwrap()
    }

    pub(crate) async fn enqueue(&self, name: &str, tasks: Vec<NewTask>) -> Vec<Result<Receipt, KeyReused>> {
        let checked = tasks
            .into_iter()
            .map(|t| task::check(t, 1 << 20, now()).unwrap())
            .collect();
        self.enqueuer
            .enqueue(self.find(name).await, checked, Target::Matching, now())
            .await
            .unwrap()
    }

    pub(crate) async fn enqueue_some(&self, name: &str, count: usize) -> Vec<uuid::Uuid> {
        let tasks = (0..count).map(|i| new_task(&format!("{{\"n\":{i}}}"))).collect();
        self.enqueue(name, tasks)
            .await
            .into_iter()
            .map(|r| r.unwrap().id)
            .collect()
    }

    pub(crate) async fn due(&self, endpoint: uuid::Uuid, limit: u32) -> Vec<Delivery> {
        let page = PageRequest {
            endpoint_id: endpoint,
            cursor: Cursor::START,
            limit,
            tests_only: false,
        };
        let due = self
            .queue
            .due(&[page], now() + Duration::from_millis(1))
            .await
            .unwrap();
        let (ready, gone) = self.queue.load(due).await.unwrap();
        assert!(gone.is_empty());
        ready
    }

    pub(crate) fn finished(&self, delivery: Delivery, status: u16, verdict: Verdict) -> Finished {
        let answer = Answer {
            status,
            headers: vec![
                ("content-type".into(), "text/plain".into()),
                ("x-nul".into(), "a\0b\nc".into()),
            ],
            body: Bytes::from_static(b"\xffok\0"),
            truncated: false,
            retry_after: None,
        };
        let timing = Timing {
            total_us: 1_500,
            ..Timing::default()
        };
        let request = Request {
            url: "https://example.com/".into(),
            outcome: Outcome::Answered(answer),
            timing,
        };
        let id = self.queue.mint(now());
        Finished {
            delivery,
            id,
            verdict,
            reason: format!("the endpoint answered {status}"),
            makes_way: false,
            request: Some(request),
            ended_at: now(),
        }
    }
}

pub(crate) async fn open(database: &Database) -> Queue {
    Queue::open(Config::new(database.url()), Vault::new(&[7; 32]), now())
        .await
        .unwrap()
}

pub(crate) fn new_task(payload: &str) -> NewTask {
    NewTask {
        payload: Bytes::from(payload.to_owned()),
        content_type: "application/json".into(),
        kind: "test.made".into(),
        ..NewTask::default()
    }
}
