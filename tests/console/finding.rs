//! Tasks are found by where they went and by their headers, and sent once more.

use proto::TaskState;
use serde_json::json;

use crate::harness::{Home, Receiver};
use crate::visit::{sign_in, started};

#[tokio::test]
#[ignore = "needs Chromium and a console that was built: cargo xtask test --only console"]
async fn a_delivered_task_is_found_by_endpoint_and_header_and_replayed() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, browser) = started(&home).await;
    let api = home.api();
    api.make_queue("orders").await;
    api.make_endpoint("orders", &receiver.url("/paid"), json!({}))
        .await;
    let of = |kind: &str, shop: &str| json!({"type": kind, "payload": 1, "headers": {"x-shop": shop}});
    let seven = api.enqueue("orders", of("order.seven", "7")).await;
    let eight = api.enqueue("orders", of("order.eight", "8")).await;
    for task in [seven, eight] {
        api.until_task(task, TaskState::Delivered).await;
    }
    // Another endpoint, to which only what comes from now on goes.
    api.make_endpoint("orders", &receiver.url("/later"), json!({}))
        .await;
    sign_in(&browser, &home.key()).await;

    // By a header; and it is there after a reload, because it is in the address.
    browser.go("/tasks?queue=orders").await;
    browser.until("order.seven").await;
    browser.fill("input[name=header]", "X-Shop: 7").await;
    let only = async |found: &str, hidden: &str| {
        browser
            .until_so(&format!("{found} is listed alone"), |text| {
                text.contains(found) && !text.contains(hidden)
            })
            .await;
    };
    browser
        .run("document.querySelector('input[name=header]').blur()")
        .await;
    only("order.seven", "order.eight").await;
    let address = browser.run("return location.pathname + location.search").await;
    browser.go(address.as_str().expect("an address")).await;
    only("order.seven", "order.eight").await;

    // By an endpoint: the one they went to, and the other one.
    let choose = async |url: &str| {
        let script = format!(
            "const list = document.querySelector('select[name=endpoint]'); \
             const option = [...list.options].find(option => option.text === '{url}'); if (!option) return false; \
             list.value = option.value; list.dispatchEvent(new Event('change', {{ bubbles: true }})); return true"
        );
        crate::harness::eventually("the endpoint can be chosen", async || {
            (browser.run(&script).await == json!(true)).then_some(())
        })
        .await;
    };
    browser.go("/tasks?queue=orders").await;
    browser.until("order.seven").await;
    choose(&receiver.url("/later")).await;
    browser.until("No task is here").await;
    choose(&receiver.url("/paid")).await;
    browser
        .until_so("both are listed", |text| {
            text.contains("order.seven") && text.contains("order.eight")
        })
        .await;
    browser.inspect("tasks-filtered").await;

    // By its id, whatever else is chosen.
    browser
        .go(&format!("/tasks?queue=orders&state=dead&id={eight}"))
        .await;
    only("order.eight", "order.seven").await;

    // Marked and replayed, although it was delivered; it goes where it went, and nowhere else.
    browser.press_css("tbody input[type=checkbox]").await;
    browser.press("Replay 1 task…").await;
    browser.until("also where it was delivered").await;
    browser.press_css("dialog[open] button[type=submit]").await;
    browser.until("1 delivery is made.").await;
    let arrivals = receiver.until("/paid", 3).await;
    assert_eq!(
        (arrivals[2].id, arrivals[2].header("posthaste-replay")),
        (eight, "1")
    );
    api.until_task(eight, TaskState::Delivered).await;
    assert_eq!(receiver.count("/later"), 0);
    browser.go("/audit").await;
    browser.until("task replayed").await;
    browser.close().await;
}
