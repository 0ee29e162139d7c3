//! A walk through the pages, as somebody takes it who tries Posthaste.

use std::time::Duration;

use proto::TaskState;
use serde_json::json;

use crate::browser::Browser;
use crate::harness::{Api, Home, Receiver, Reply};
use crate::visit::{sign_in, started};

/// The page shows the request that arrived last, as it was sent.
async fn shows_the_last_request(browser: &Browser, receiver: &Receiver) {
    let arrived = receiver.at("/hook");
    let sent = arrived.last().expect("it has arrived");
    for name in [
        "webhook-id",
        "webhook-timestamp",
        "posthaste-type",
        "posthaste-attempt",
    ] {
        browser.until(name).await;
        browser.until(sent.header(name)).await;
    }
}

/// The page that is open shows its task's request; and so does that of a task that is read after its deliveries, which are small.
async fn shows_requests(browser: &Browser, api: &Api, receiver: &Receiver) {
    shows_the_last_request(browser, receiver).await;
    let large = json!({"type": "order.listed", "payload": "a".repeat(200_000)});
    let task = api.enqueue("orders", large).await;
    api.until_task(task, TaskState::Delivered).await;
    browser.go(&format!("/tasks/{task}")).await;
    browser.until("the endpoint answered 200").await;
    shows_the_last_request(browser, receiver).await;
}

#[tokio::test]
#[ignore = "needs Chromium and a console that was built: cargo xtask test --only console"]
async fn a_task_is_followed_from_its_queue_to_its_replay() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, browser) = started(&home).await;
    let api = home.api();

    // Signing in: a wrong key is told so in the server's words.
    browser.go("/").await;
    browser.find("input[name=password]").await;
    browser.inspect("sign-in").await;
    browser.press("Use an API key").await;
    browser.inspect("sign-in-key").await;
    browser.fill("input[name=key]", "ph_wrong").await;
    browser.press("Sign in").await;
    browser.until("This API key is not valid").await;
    sign_in(&browser, &home.key()).await;
    browser.press("Queues").await;
    browser.until("There is no queue yet").await;
    browser.until("curl").await;
    browser.inspect("queues-empty").await;

    // A queue and an endpoint are made by hand.
    browser.press("New queue").await;
    browser.fill("form input[name=name]", "orders").await;
    browser
        .fill("form input[name=description]", "What the shop sold")
        .await;
    browser.press("Make the queue").await;
    browser.until("No endpoint is registered here").await;
    browser.press("New endpoint").await;
    browser.fill("form input[name=url]", &receiver.url("/hook")).await;
    browser.press("Register").await;
    browser.until("Recent attempts").await;
    browser.until("Send a test").await;

    // A test-send shows the exchange.
    browser.press("Send").await;
    browser
        .until_so("the answer is shown", |text| {
            text.contains("delivered") && text.contains("200")
        })
        .await;
    browser.press("Reveal").await;
    browser.until("whsec_").await;

    // Tasks arrive on the page by themselves, and what they say is text, whatever it is.
    browser.go("/tasks?queue=orders&type=order.*").await;
    browser.until("No task is here").await;
    let script = "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">";
    let task = api
        .enqueue(
            "orders",
            json!({"type": "order.paid", "payload": {"html": script}}),
        )
        .await;
    browser.until("order.paid").await;
    browser.until("delivered").await;
    browser.inspect("tasks").await;
    browser.go(&format!("/tasks/{task}")).await;
    browser.until("onerror").await;
    browser.until("the endpoint answered 200").await;
    assert!(!browser.title().await.contains("broken"));
    browser.inspect("task").await;
    shows_requests(&browser, &api, &receiver).await;

    // The endpoint breaks for good: dead letters, their reason, and a replay that arrives.
    receiver.answer("/hook", |_| Reply::status(422));
    let dead = api
        .enqueue("orders", json!({"type": "order.refunded", "payload": [1, 2, 3]}))
        .await;
    api.until_task(dead, TaskState::Dead).await;
    browser.press("Dead letters").await;
    browser.until("order.refunded").await;
    browser.until("422").await;
    browser.inspect("dead-letters").await;
    receiver.answer("/hook", |_| Reply::status(200));
    browser.press("Replay all…").await;
    browser.until("each is sent once more").await;
    browser.inspect("question").await;
    browser.press_css("dialog[open] button[type=submit]").await;
    browser.until("Left out").await;
    browser.until("done").await;
    browser.inspect("replays").await;
    api.until_task(dead, TaskState::Delivered).await;
    browser.press("Dead letters").await;
    browser.until("No dead letter is here").await;

    // Every other page, as it is with something to show.
    for (path, words, name) in [
        ("/", "orders", "overview"),
        ("/queues", "What the shop sold", "queues"),
        ("/queues/orders", "Endpoints", "queue"),
        ("/events", "Waiting for something", "events-empty"),
        ("/keys", "first admin key", "keys"),
        ("/audit", "secret revealed", "audit"),
        ("/system", "Nodes that push", "system"),
        ("/session", "admin", "session"),
        ("/nowhere", "There is nothing here", "missing"),
    ] {
        browser.go(path).await;
        browser.until(words).await;
        browser.inspect(name).await;
    }
    browser.go("/queues/orders").await;
    browser.press(&receiver.url("/hook")).await;
    browser.until("Recent attempts").await;
    browser.inspect("endpoint").await;

    // Keys: to a page, and to the search.
    browser.go("/").await;
    browser.find("h1").await;
    browser.keys("gq").await;
    browser.until("What the shop sold").await;
    browser.keys("?").await;
    browser.find("dialog[open]").await;

    browser.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium and a console that was built: cargo xtask test --only console"]
async fn a_viewer_sees_their_queues_and_changes_nothing_and_leaves_with_their_key() {
    let home = Home::external().await;
    let (_node, browser) = started(&home).await;
    let api = home.api();
    api.make_queue("shop-orders").await;
    api.make_queue("bank-transfers").await;
    let viewer: proto::Key = api
        .post(
            "/v1/keys",
            &json!({"name": "viewer", "scopes": ["read"], "queues": ["shop-*"]}),
        )
        .await;
    sign_in(&browser, viewer.key.as_deref().expect("a key")).await;
    browser.go("/queues").await;
    browser.until("shop-orders").await;
    let text = browser.text().await;
    for hidden in ["bank-transfers", "New queue", "API keys"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    browser.go("/queues/shop-orders").await;
    browser.until("Endpoints").await;
    let text = browser.text().await;
    for hidden in ["Pause", "Purge", "Delete", "New endpoint"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    browser.go("/queues/bank-transfers").await;
    browser.until("There is no queue").await;

    let gone = api
        .send(http::Method::DELETE, &format!("/v1/keys/{}", viewer.id), &[], "")
        .await;
    assert_eq!(gone.expect("an answer").status, 204);
    tokio::time::sleep(Duration::from_millis(100)).await;
    browser.go("/queues").await;
    browser.find("input[name=key]").await;
    browser.close().await;
}
