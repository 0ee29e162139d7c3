//! The demo, as somebody sees it who has just started it: every page has something to show, by itself.

use proto::{DeadLetterGroups, Endpoint, Page, Task};

use crate::harness::{Api, Home, eventually};
use crate::visit::{sign_in, started_demo};

/// The demo's endpoint whose URL ends so.
async fn endpoint(api: &Api, path: &str) -> Endpoint {
    let page: Page<Endpoint> = api.get("/v1/queues/demo/endpoints").await;
    let found = page
        .items
        .into_iter()
        .find(|endpoint| endpoint.url.ends_with(path));
    found.expect("the demo has one")
}

/// A task of the demo in this state.
async fn task(api: &Api, state: &str) -> Task {
    eventually(&format!("a task is {state}"), async || {
        let path = format!("/v1/queues/demo/tasks?state={state}&limit=1");
        api.get::<Page<Task>>(&path).await.items.pop()
    })
    .await
}

#[tokio::test]
#[ignore = "needs Chromium and a console that was built: cargo xtask test --only console"]
async fn every_page_has_something_to_show() {
    let home = Home::embedded();
    let (_node, browser) = started_demo(&home).await;
    let api = home.api();
    sign_in(&browser, &home.key()).await;

    // What is in trouble stands on the first page, by itself, before what is well.
    browser.go("/").await;
    browser
        .until_so("the dead endpoint is told of first", |text| {
            let place = |words: &str| text.find(words);
            place("/dead").is_some_and(|dead| place("/healthy").is_none_or(|healthy| dead < healthy))
        })
        .await;
    // The demo enqueues five a second, which is told long before a minute is over.
    browser
        .until_so("what is enqueued a second", |text| {
            let rates = text.lines().filter_map(|line| line.split_once(" /s"));
            let mut rates = rates.filter_map(|(rate, _)| rate.parse::<f64>().ok());
            rates
                .next()
                .is_some_and(|enqueued| (3.0..7.0).contains(&enqueued))
        })
        .await;
    browser.inspect("demo-overview").await;

    // Tasks come in by themselves.
    browser.go("/tasks?queue=demo").await;
    browser.until("order.paid").await;
    let newest = task(&api, "delivered").await.id.to_string();
    browser
        .until_so("newer ones have come", |text| !text.contains(&newest))
        .await;
    browser.inspect("demo-tasks").await;
    let retrying = task(&api, "retrying").await.id;
    browser.go(&format!("/tasks/{retrying}")).await;
    browser.until("order.").await;
    browser.until("answered 50").await;
    browser.inspect("demo-task").await;

    // Each endpoint is what it is.
    for (path, words) in [
        ("/healthy", "delivered"),
        ("/flaky", "503"),
        ("/slow", "delivered"),
        ("/dead", "500"),
    ] {
        let id = endpoint(&api, path).await.id;
        browser.go(&format!("/endpoints/{id}")).await;
        browser.until("Recent attempts").await;
        browser.until(words).await;
        browser.inspect(&format!("demo-endpoint-{}", &path[1..])).await;
    }

    // What was given up is counted by endpoint and reason, and a press narrows it.
    eventually("something was given up", async || {
        let groups: DeadLetterGroups = api.get("/v1/dead-letters/groups").await;
        (groups.count > 0).then_some(())
    })
    .await;
    browser.go("/dead-letters").await;
    browser.until("500").await;
    browser.inspect("demo-dead-letters").await;
    browser.press_css(".groups button").await;
    browser.until("One endpoint only").await;
    browser
        .until_so("the list is there", |text| text.contains("order."))
        .await;
    let address = browser.run("return location.search").await.to_string();
    assert!(
        address.contains("endpoint=") && address.contains("status="),
        "{address}"
    );

    for (path, words, name) in [
        ("/queues", "made by posthaste demo", "queues"),
        ("/queues/demo", "/flaky", "queue"),
        ("/replays", "replay", "replays"),
        ("/events", "delivered", "events"),
        ("/keys", "first admin key", "keys"),
        ("/users", "admin", "users"),
        ("/audit", "demo", "audit"),
        ("/system", "Nodes that push", "system"),
        ("/session", "admin", "session"),
    ] {
        browser.go(path).await;
        browser.until(words).await;
        browser.inspect(&format!("demo-{name}")).await;
    }
    browser.close().await;
}
