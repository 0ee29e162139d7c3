//! An endpoint in trouble, as somebody sees it who looks after it: retries, the breaker, limits, secrets, dead letters by the hundred.

use std::time::{Duration, Instant};

use proto::{DeadLetter, Page, TaskState};
use serde_json::json;

use crate::browser::Browser;
use crate::harness::{Home, Receiver, Reply};
use crate::visit::{sign_in, started};

/// Moves a slider, as letting it go does.
async fn slide(browser: &Browser, name: &str, to: u32) {
    browser.find(&format!("input[name={name}]")).await;
    let script = format!(
        "const slider = document.querySelector('input[name={name}]'); slider.value = '{to}'; \
         for (const kind of ['input', 'change']) slider.dispatchEvent(new Event(kind, {{ bubbles: true }}))"
    );
    browser.run(&script).await;
}

#[tokio::test]
#[ignore = "needs Chromium and a console that was built: cargo xtask test --only console"]
async fn retries_and_the_breaker_are_seen_and_dead_letters_replayed_by_the_hundred() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, browser) = started(&home).await;
    let api = home.api();
    api.make_queue("orders").await;
    let settings = json!({
        "retry": {"attempts": 50, "initial": "200ms", "factor": 1, "jitter": 0}, "breaker": {"failures": 3, "pause": "500ms", "max_pause": "500ms"},
    });
    let endpoint = api
        .make_endpoint("orders", &receiver.url("/hook"), settings)
        .await;
    sign_in(&browser, &home.key()).await;

    // It breaks: the page says so by itself, and so does the task.
    receiver.answer("/hook", |_| Reply::status(503));
    browser.go(&format!("/endpoints/{}", endpoint.id)).await;
    browser.until("Recent attempts").await;
    let task = api
        .enqueue("orders", json!({"type": "order.paid", "payload": 1}))
        .await;
    for n in 0..10 {
        api.enqueue("orders", json!({"type": "order.more", "payload": n}))
            .await;
    }
    browser
        .until_so("the breaker is open", |text| {
            ["down", "probing"].iter().any(|word| text.contains(word)) && text.contains("503")
        })
        .await;
    browser.inspect("endpoint-down").await;
    browser.go("/tasks?queue=orders&state=retrying").await;
    browser.until("retrying").await;
    browser.go(&format!("/tasks/{task}")).await;
    browser.until("the endpoint answered 503").await;
    browser.inspect("task-retrying").await;

    // It is mended, and everything arrives.
    receiver.answer("/hook", |_| Reply::status(200));
    browser
        .until_so("the task is delivered", |text| {
            text.lines().any(|line| line.trim() == "delivered")
        })
        .await;
    browser.go(&format!("/endpoints/{}", endpoint.id)).await;
    browser
        .until_so("the breaker is closed", |text| text.contains("nothing is due"))
        .await;

    // More dead letters than a page holds, and a replay of all of them.
    receiver.answer("/hook", |_| Reply::status(422));
    let lines: String = (0..250)
        .map(|n| format!("{{\"type\":\"order.refunded\",\"payload\":{n}}}\n"))
        .collect();
    let ndjson = [("content-type", "application/x-ndjson")];
    let taken = api
        .send(
            http::Method::POST,
            "/v1/queues/orders/tasks/batch",
            &ndjson,
            lines.into_bytes(),
        )
        .await
        .expect("an answer");
    assert_eq!(taken.status, 200);
    crate::harness::eventually("250 dead letters", async || {
        let letters: Page<DeadLetter> = api.get("/v1/dead-letters?queue=orders&limit=1000").await;
        (letters.items.len() == 250).then_some(())
    })
    .await;
    browser.go("/dead-letters?queue=orders").await;
    browser.until("422").await;
    browser.until("Load more").await;
    let before = receiver.count("/hook");
    receiver.answer("/hook", |_| Reply::status(200));
    browser.press("Replay all…").await;
    browser.until("each is sent once more").await;
    browser.until("250").await;
    browser.press_css("dialog[open] button[type=submit]").await;
    browser.until("done").await;
    receiver.until("/hook", before + 250).await;
    browser.go("/dead-letters?queue=orders").await;
    browser.until("No dead letter is here").await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium and a console that was built: cargo xtask test --only console"]
async fn a_rate_that_is_set_by_a_slider_is_kept_and_lifted() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, browser) = started(&home).await;
    let api = home.api();
    api.make_queue("orders").await;
    let endpoint = api
        .make_endpoint("orders", &receiver.url("/hook"), json!({}))
        .await;
    sign_in(&browser, &home.key()).await;
    browser.go(&format!("/endpoints/{}", endpoint.id)).await;
    browser.until("Rate at most: no limit").await;
    // The third step: five a second.
    slide(&browser, "rate_limit", 2).await;
    browser.until("The limit is in effect.").await;
    browser.until("Rate at most: 5 a second").await;
    let lines: String = (0..200).map(|n| format!("{{\"payload\":{n}}}\n")).collect();
    let ndjson = [("content-type", "application/x-ndjson")];
    let taken = api
        .send(
            http::Method::POST,
            "/v1/queues/orders/tasks/batch",
            &ndjson,
            lines.into_bytes(),
        )
        .await
        .expect("an answer");
    assert_eq!(taken.status, 200);
    let arrived = receiver.until("/hook", 21).await;
    // Twenty came after the first: at five a second that takes four seconds, less what a pause had saved up.
    let took = arrived[20].at - arrived[0].at;
    assert!(took > Duration::from_millis(3_500), "20 more within {took:?}");
    browser.until("the rate").await;
    browser.inspect("endpoint-limited").await;

    // Without a limit the rest comes in less than a quarter of the time that the rate would take.
    let left = 200 - receiver.count("/hook");
    assert!(left > 50, "{left}");
    slide(&browser, "rate_limit", 13).await;
    browser.until("Rate at most: no limit").await;
    let lifted = Instant::now();
    receiver.until("/hook", 200).await;
    let at_the_rate = Duration::from_millis(200) * u32::try_from(left).expect("few");
    assert!(lifted.elapsed() < at_the_rate / 4, "{:?}", lifted.elapsed());
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium and a console that was built: cargo xtask test --only console"]
async fn a_secret_is_rotated_rules_are_asked_and_settings_told_at_their_fields() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, browser) = started(&home).await;
    let api = home.api();
    api.make_queue("orders").await;
    let endpoint = api
        .make_endpoint("orders", &receiver.url("/hook"), json!({}))
        .await;
    sign_in(&browser, &home.key()).await;
    browser.go(&format!("/endpoints/{}", endpoint.id)).await;

    // A new secret signs beside the old one.
    browser.until("current").await;
    browser.press("Rotate…").await;
    browser.until("Make a new signing secret?").await;
    browser.press_css("dialog[open] button[type=submit]").await;
    browser.until("The new secret signs from now on.").await;
    browser
        .until_so("the old one ends", |text| {
            text.lines().any(|line| line.trim() == "ends")
        })
        .await;
    let task = api.enqueue("orders", json!({"payload": 1})).await;
    api.until_task(task, TaskState::Delivered).await;
    let signatures = receiver.at("/hook")[0].header("webhook-signature").to_owned();
    assert_eq!(signatures.split(' ').count(), 2, "{signatures}");

    // A rule of its own, and what it would cause.
    browser.press("Add a rule").await;
    browser.press("409 is fine").await;
    browser.inspect("endpoint-rules").await;
    browser.press("Save the rules").await;
    browser.until("The rules are in effect.").await;
    browser
        .until("if the answer is 409, it counts as delivered")
        .await;
    browser.press_css(".simulator > summary").await;
    browser.fill(".simulator input[name=status]", "409").await;
    browser.press("Ask").await;
    browser.until("rule 1").await;
    browser.inspect("endpoint-simulated").await;
    receiver.answer("/hook", |_| Reply::status(409));
    let task = api.enqueue("orders", json!({"payload": 2})).await;
    api.until_task(task, TaskState::Delivered).await;

    // Authentication is kept, and not shown.
    browser.press("Set").await;
    browser.fill("input[name=value]", "zebra-token").await;
    browser.inspect("endpoint-auth").await;
    browser
        .press_css("section[aria-label=Authentication] button[type=submit]")
        .await;
    browser.until("Kept, encrypted").await;
    assert!(!browser.text().await.contains("zebra"));
    let task = api.enqueue("orders", json!({"payload": 3})).await;
    api.until_task(task, TaskState::Delivered).await;
    assert!(
        receiver
            .at("/hook")
            .iter()
            .any(|arrival| arrival.header("authorization") == "Bearer zebra-token")
    );

    // The queue's settings: what is wrong stands at its field.
    browser.go("/queues/orders").await;
    browser.press("Change the settings").await;
    browser.fill("[name='retry.attempts']", "1000").await;
    browser.press_css("form details:nth-of-type(2) > summary").await;
    browser.fill("[name='timeout']", "soon").await;
    browser.press("Save").await;
    browser.find("[name='timeout'][aria-invalid=true]").await;
    browser.fill("[name='timeout']", "10s").await;
    browser.press("Save").await;
    browser.find("[name='retry.attempts'][aria-invalid=true]").await;
    browser.inspect("queue-settings").await;
    browser.fill("[name='retry.attempts']", "7").await;
    browser.press("Save").await;
    browser.until("Saved: it is in effect").await;
    let queue: proto::Queue = api.get("/v1/queues/orders").await;
    assert_eq!(
        serde_json::to_value(&queue.settings).expect("settings"),
        json!({"retry": {"attempts": 7}, "timeout": "10s"})
    );

    // A purge asks for the name, and cancels what waits.
    api.switch(&endpoint, "pause").await;
    let task = api.enqueue("orders", json!({"payload": 4})).await;
    browser.go("/queues/orders").await;
    browser
        .until_so("one waits", |text| text.contains("Waiting\n1"))
        .await;
    browser.press("Purge…").await;
    browser.until("1 delivery").await;
    browser.inspect("queue-purge").await;
    browser.fill("dialog[open] input", "orders").await;
    browser.press_css("dialog[open] button[type=submit]").await;
    api.until_task(task, TaskState::Cancelled).await;
    browser.close().await;
}
