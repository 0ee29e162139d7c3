//! Queues, endpoints and their secrets.

use posthaste_client::proto::{Endpoint, Page, Queue, RevealedSecret};
use serde_json::{Value, json};

use crate::{
    harness::{Home, Receiver, Reply},
    terminal::{Terminal, row},
};

#[tokio::test]
async fn the_life_of_a_queue() {
    let home = Home::external().await;
    let (user, _node) = Terminal::and_node(&home).await;
    let set = [
        "--set",
        "retry.attempts=5",
        "--set",
        "timeout=10s",
        "--max-depth",
        "1000",
    ];
    let make = [
        &["queue", "make", "orders", "--description", "Of the shop"][..],
        &set,
    ]
    .concat();
    let text = user.ok(&make).await;
    for (name, value) in [
        ("name", "orders"),
        ("description", "Of the shop"),
        ("state", "running"),
        ("depth", "0/1000"),
        ("settings", "retry.attempts=5 timeout=10s"),
    ] {
        assert_eq!(row(&text, name), [name, value], "{text}");
    }
    let twice = user.call(&make).await.fails(1);
    assert!(
        twice.starts_with("posthaste: It cannot be done as things stand (409): "),
        "{twice}"
    );

    let queue: Queue = user.json(&["queue", "read", "orders"]).await;
    assert_eq!(queue.settings.retry.unwrap().attempts, Some(5));
    let changes = [
        "--unset",
        "timeout",
        "--set",
        "max_in_flight=7",
        "--no-max-depth",
        "--description",
        "",
    ];
    let queue: Queue = user
        .json(&[&["queue", "update", "orders"][..], &changes].concat())
        .await;
    assert_eq!(
        (queue.settings.timeout, queue.settings.max_in_flight),
        (None, Some(7))
    );
    assert_eq!((queue.max_depth, queue.description.as_str()), (None, ""));
    user.call(&["queue", "update", "orders"]).await.fails(2);
    let odd = user
        .call(&["queue", "update", "orders", "--set", "max_in_flight=0"])
        .await
        .fails(1);
    assert!(odd.contains("settings.max_in_flight"), "{odd}");

    assert!(user.json::<Queue>(&["queue", "pause", "orders"]).await.paused);
    assert_eq!(row(&user.ok(&["queue", "list"]).await, "orders")[1], "paused");
    assert!(!user.json::<Queue>(&["queue", "resume", "orders"]).await.paused);

    let unsure = user.call(&["queue", "purge", "orders"]).await.fails(2);
    assert!(
        unsure.contains("Cancel everything that waits in queue `orders`?") && unsure.contains("--yes"),
        "{unsure}"
    );
    assert_eq!(
        user.ok(&["queue", "purge", "orders", "--yes"]).await,
        "cancelled  0\n"
    );
    user.call(&["queue", "delete", "orders"]).await.fails(2);
    user.ok(&["queue", "delete", "orders", "--yes"]).await;
    let gone = user.call(&["queue", "read", "orders"]).await.fails(1);
    assert!(gone.contains("(404)"), "{gone}");
    let none = user.call(&["queue", "list"]).await;
    assert_eq!(
        (none.out.as_str(), none.err.as_str(), none.code),
        ("", "Nothing found.\n", 0)
    );
    assert_eq!(
        user.json::<Value>(&["queue", "list"]).await,
        json!({ "items": [] })
    );
}

#[tokio::test]
async fn lists_come_in_pages_or_whole() {
    let home = Home::external().await;
    let (user, node) = Terminal::and_node(&home).await;
    for number in 0..5 {
        node.api().make_queue(&format!("q{number}")).await;
    }
    let first = user.call(&["queue", "list", "--limit", "2"]).await;
    assert_eq!(first.out.lines().count(), 3, "{first:?}");
    let token = first.err.trim().rsplit(' ').next().unwrap();
    let second: Page<Queue> = user
        .json(&["queue", "list", "--limit", "2", "--page", token])
        .await;
    let names: Vec<_> = second.items.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(names, ["q2", "q3"]);
    assert!(second.next_page.is_some());
    let all = user.call(&["queue", "list", "--all"]).await;
    assert_eq!((all.out.lines().count(), all.err.as_str()), (6, ""));
    let lines = user.ok(&["queue", "list", "--all", "--output", "json"]).await;
    let queues: Vec<Queue> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(queues.len(), 5);
    user.call(&["queue", "list", "--limit", "0"]).await.fails(2);
    user.call(&["queue", "list", "--page", "nonsense"]).await.fails(1);
}

#[tokio::test]
async fn the_life_of_an_endpoint() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (user, _node) = Terminal::and_node(&home).await;
    user.ok(&["queue", "make", "orders"]).await;
    let url = receiver.url("/hooks");
    let options = [
        "--filter",
        "order.*",
        "--filter",
        "user.*",
        "--header",
        "X-Shop: 7",
        "--set",
        "max_in_flight=3",
    ];
    let make = [&["endpoint", "make", "orders", &url][..], &options].concat();
    let endpoint: Endpoint = user.json(&make).await;
    assert!(endpoint.secret.as_ref().unwrap().starts_with("whsec_"));
    assert_eq!(endpoint.headers["x-shop"], "7");
    let id = endpoint.id.to_string();
    let table = user.ok(&["endpoint", "list", "orders"]).await;
    assert_eq!(row(&table, &id), [id.as_str(), "enabled", &url, "order.* user.*"]);

    receiver.answer("/hooks", |_| Reply::status(200).header("x-answer", "seven"));
    let tested = user
        .call(&[
            "endpoint",
            "test",
            &id,
            "--type",
            "order.test",
            "--payload",
            "[1 , 2]",
        ])
        .await;
    assert_eq!(tested.err, "The endpoint accepted it.\n");
    let text = tested.ok();
    assert!(
        text.contains("x-answer: seven") && row(&text, "body") == ["body", "seen"],
        "{text}"
    );
    let arrival = &receiver.at("/hooks")[0];
    assert_eq!(
        (arrival.header("posthaste-type"), &arrival.body[..]),
        ("order.test", &b"[1 , 2]"[..])
    );
    receiver.answer("/hooks", |_| Reply::status(500));
    let refused = user.call(&["endpoint", "test", &id, "--output", "json"]).await;
    assert_eq!(
        (
            refused.code,
            serde_json::from_str::<Value>(&refused.out).unwrap()["delivered"].clone()
        ),
        (1, false.into())
    );
    let attempts = user.ok(&["endpoint", "attempts", &id]).await;
    assert_eq!(attempts.lines().count(), 3, "{attempts}");

    for (verb, status) in [
        ("pause", "paused"),
        ("resume", "enabled"),
        ("disable", "disabled"),
        ("enable", "enabled"),
    ] {
        let text = user.ok(&["endpoint", verb, &id]).await;
        assert_eq!(row(&text, "status"), ["status", status]);
    }
    let changed: Endpoint = user
        .json(&[
            "endpoint",
            "update",
            &id,
            "--no-filter",
            "--no-headers",
            "--unset",
            "max_in_flight",
        ])
        .await;
    assert!(
        changed.filter.is_empty() && changed.headers.is_empty() && changed.settings.max_in_flight.is_none()
    );
    assert_eq!(
        user.ok(&["endpoint", "purge", &id, "--yes"]).await,
        "cancelled  0\n"
    );
    let unsure = user.call(&["endpoint", "delete", &id]).await.fails(2);
    assert!(unsure.contains(&url), "it says which: {unsure}");
    user.ok(&["endpoint", "delete", &id, "--yes"]).await;
    user.call(&["endpoint", "read", &id]).await.fails(1);
    user.call(&["endpoint", "read", "seven"]).await.fails(2);
}

#[tokio::test]
async fn secrets_are_rotated_and_never_arguments() {
    let home = Home::external().await;
    let (user, _node) = Terminal::and_node(&home).await;
    user.ok(&["queue", "make", "orders"]).await;
    let own = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let make = [
        "endpoint",
        "make",
        "orders",
        "http://127.0.0.1:9/",
        "--secret-stdin",
        "--output",
        "json",
    ];
    let endpoint: Endpoint = serde_json::from_str(&user.pipe(own, &make).await.ok()).unwrap();
    assert_eq!(endpoint.secret.as_deref(), Some(own));
    let id = endpoint.id.to_string();
    let fresh: RevealedSecret = user
        .json(&["endpoint", "secret", "rotate", &id, "--overlap", "2h"])
        .await;
    assert_ne!(fresh.secret, own);
    let table = user.ok(&["endpoint", "secret", "list", &id]).await;
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(!table.contains("whsec_"), "{table}");
    let secret = fresh.id.to_string();
    let text = user.ok(&["endpoint", "secret", "reveal", &id, &secret]).await;
    assert_eq!(row(&text, "secret"), ["secret", &fresh.secret]);
}
