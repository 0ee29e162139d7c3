//! Many tasks in one request.

use axum::http::{Method, StatusCode};
use gateway::Config;
use proto::{BatchItem, BatchResult};
use serde_json::json;

use crate::kit::{Answer, App};

const BATCH: &str = "/v1/queues/q/tasks/batch";

/// What became of each item: `ok`, `again`, or its status and the fields it blames.
fn results(answer: Answer) -> Vec<String> {
    let result: BatchResult = answer.is(StatusCode::OK).read();
    let accepted = result
        .items
        .iter()
        .filter(|item| matches!(item, BatchItem::Accepted(_)))
        .count();
    assert_eq!(
        (result.accepted as usize, result.rejected as usize),
        (accepted, result.items.len() - accepted)
    );
    let tell = |item: &BatchItem| match item {
        BatchItem::Accepted(task) if task.repeated => "again".to_owned(),
        BatchItem::Accepted(_) => "ok".to_owned(),
        BatchItem::Rejected { status, errors } => {
            assert!(errors.iter().all(|error| !error.detail.is_empty()));
            format!(
                "{status} {}",
                errors
                    .iter()
                    .map(|error| error.field.as_str())
                    .collect::<Vec<_>>()
                    .join(",")
            )
        }
    };
    result.items.iter().map(tell).collect()
}

/// The id of each item that was accepted.
fn ids(answer: &Answer) -> Vec<Option<uuid::Uuid>> {
    let id = |item: &BatchItem| match item {
        BatchItem::Accepted(task) => Some(task.id),
        BatchItem::Rejected { .. } => None,
    };
    answer.read::<BatchResult>().items.iter().map(id).collect()
}

async fn lines(app: &App, body: impl Into<Vec<u8>>) -> Answer {
    app.request(Method::POST, BATCH)
        .header("content-type", "application/x-ndjson")
        .body(body.into())
        .send()
        .await
}

/// Items good and bad, with what becomes of each.
const ITEMS: [(&str, &str); 10] = [
    (r#"{"payload":1,"type":"a"}"#, "ok"),
    (r#"{"payload":1,"type":"a b"}"#, "400 type"),
    (r#"{"payload":1,"priority":-1}"#, "400 priority"),
    (r#"{"payload":1,"nope":1}"#, "400 nope"),
    ("7", "400 body"),
    (r#"{"payload":1,"idempotency_key":"k"}"#, "ok"),
    (r#"{"payload":1,"idempotency_key":"k"}"#, "again"),
    (r#"{"payload":2,"idempotency_key":"k"}"#, "422 idempotency_key"),
    (r#"{"payload":1,"type":" ","priority":12}"#, "400 type,priority"),
    (r#"{"payload":[ 1.0 ]}"#, "ok"),
];

#[tokio::test]
async fn a_bad_item_sinks_no_other() {
    let app = App::new().await;
    app.make_queue("q").await;
    app.make_endpoint("q", "").await;
    let (items, expected): (Vec<&str>, Vec<&str>) = ITEMS.into_iter().unzip();
    let answer = app.post(BATCH, format!(" [{}] ", items.join(" ,\n"))).await;
    let first = ids(&answer);
    assert_eq!(results(answer), expected);
    assert_eq!(first[5], first[6]);
    assert_eq!(app.count_tasks("q").await, 3);

    // The same in lines, and one that is no JSON at all; the key is taken by now.
    let body = format!("{}\n{{\"payload\":\r\n\n{{\"payload\":2}}", items.join("\r\n"));
    let mut expected = expected;
    expected[5] = "again";
    expected.extend(["400 body", "ok"]);
    let answer = lines(&app, body).await;
    let second = ids(&answer);
    assert_eq!(results(answer), expected);
    assert_eq!((second[5], second[6]), (first[5], first[5]));
    assert_eq!(app.count_tasks("q").await, 6);
}

#[tokio::test]
async fn results_come_in_order_and_payloads_as_they_were_written() {
    let app = App::new().await;
    app.make_queue("q").await;
    // Large enough to be parsed beside the serving threads.
    let payloads: Vec<String> = (0..2_000)
        .map(|i| format!("{{ \"n\" : {i}.0,\"pad\":\"{}\"}}", "x".repeat(i % 100)))
        .collect();
    let items: Vec<String> = payloads
        .iter()
        .map(|payload| format!("{{\"payload\":{payload}}}"))
        .collect();
    let result: BatchResult = app
        .post(BATCH, format!("[{}]", items.join(",")))
        .await
        .is(StatusCode::OK)
        .read();
    assert_eq!(
        (result.accepted, result.rejected, result.items.len()),
        (2_000, 0, 2_000)
    );
    for i in [0, 1, 99, 1_999] {
        let BatchItem::Accepted(task) = &result.items[i] else {
            panic!("{:?}", result.items[i])
        };
        assert_eq!(
            app.get(&format!("/v1/tasks/{}/payload", task.id)).await.body,
            payloads[i]
        );
    }
}

#[tokio::test]
async fn a_batch_may_be_empty() {
    let app = App::new().await;
    app.make_queue("q").await;
    assert!(results(app.post(BATCH, "[]").await).is_empty());
    assert!(results(lines(&app, "\n\n").await).is_empty());
}

#[tokio::test]
async fn a_batch_that_is_no_batch_is_refused_whole() {
    let app = App::with(Config {
        batch_max_items: 3,
        batch_max_bytes: 2_000,
        payload_max: 1_000,
        ..Config::default()
    })
    .await;
    app.make_queue("q").await;
    for body in [
        "",
        "{}",
        "null",
        "[",
        "[{\"payload\":1},",
        "[{\"payload\":1} {}]",
        "[{\"payload\":1}] x",
        "\u{feff}[]",
    ] {
        assert_eq!(app.post(BATCH, body).await.blames(400), ["body"], "{body}");
    }
    let four = "{\"payload\":1}\n".repeat(4);
    assert!(lines(&app, four.clone()).await.problem(413).detail.contains('3'));
    let array = format!("[{}]", four.trim_end().replace('\n', ","));
    assert!(app.post(BATCH, array).await.problem(413).detail.contains('3'));
    let large = format!("[{{\"payload\":\"{}\"}}]", "x".repeat(2_000));
    assert!(app.post(BATCH, large).await.problem(413).detail.contains("2000"));
    let item = format!("[{{\"payload\":\"{}\"}},{{\"payload\":1}}]", "x".repeat(1_000));
    assert_eq!(results(app.post(BATCH, item).await), ["413 payload", "ok"]);
    let form = app
        .request(Method::POST, BATCH)
        .header("content-type", "text/csv")
        .body("a,b")
        .send()
        .await;
    assert_eq!(form.blames(415), ["content-type"]);
    let keyed = app
        .request(Method::POST, BATCH)
        .header("idempotency-key", "k")
        .json("[]")
        .send()
        .await;
    assert_eq!(keyed.blames(400), ["idempotency-key"]);
    app.post("/v1/queues/none/tasks/batch", json!([]))
        .await
        .problem(404);
    assert_eq!(app.count_tasks("q").await, 1);
}
