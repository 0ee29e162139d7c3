//! Payloads are anybody's bytes: whatever they are, they are shown, and nothing of them happens.

use proto::TaskState;
use serde_json::{Value, json};

use crate::harness::{Home, Receiver};
use crate::visit::{sign_in, started};

#[tokio::test]
#[ignore = "needs Chromium and a console that was built: cargo xtask test --only console"]
async fn hostile_payloads_are_shown_inert() {
    let (home, receiver) = (Home::external().await, Receiver::start().await);
    let (_node, browser) = started(&home).await;
    let api = home.api();
    api.make_queue("orders").await;
    api.make_endpoint("orders", &receiver.url("/hook"), json!({}))
        .await;
    sign_in(&browser, &home.key()).await;

    let html = "<!doctype html><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">\
                <style>body{display:none}</style><a href=\"javascript:document.title='broken'\">x</a><plaintext>";
    let deep = format!("{}1{}", "[".repeat(3_000), "]".repeat(3_000));
    let rows: Vec<Value> = (0..16_000)
        .map(|n| json!({"n": n, "text": "<b>zebra</b> & more of what is in a row"}))
        .collect();
    let large = json!({"rows": rows, "last": "the end of it"}).to_string();
    assert!((900_000..1_048_576).contains(&large.len()), "{}", large.len());
    let long = json!({"text": "x".repeat(1_000_000)}).to_string();
    for (name, content_type, body, words) in [
        (
            "html",
            "text/html",
            html.as_bytes(),
            "<script>document.title='broken'</script>",
        ),
        (
            "json-of-html",
            "application/json",
            json!({ "html": html }).to_string().as_bytes(),
            "onerror",
        ),
        (
            "script",
            "application/javascript",
            b"document.title='broken'; alert(1)",
            "alert(1)",
        ),
        (
            "svg",
            "image/svg+xml",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload=\"document.title='broken'\"/>",
            "onload",
        ),
        ("large", "application/json", large.as_bytes(), "\"rows\": ["),
        (
            "long",
            "application/json",
            long.as_bytes(),
            "download it to see all",
        ),
        ("deep", "application/json", deep.as_bytes(), "[[[["),
        (
            "binary",
            "application/octet-stream",
            &[0, 159, 146, 150, 255, 0, 1],
            "00 9f 92 96 ff 00 01",
        ),
        (
            "not-utf8",
            "text/plain",
            b"caf\xe9 <script>",
            "63 61 66 e9 20 3c 73 63",
        ),
        (
            "bidi",
            "text/plain",
            "\u{202e}gpj.exe \u{1b}[31m".as_bytes(),
            "gpj.exe",
        ),
    ] {
        let headers = [("content-type", content_type), ("posthaste-type", name)];
        let made = api
            .send(
                http::Method::POST,
                "/v1/queues/orders/tasks/raw",
                &headers,
                body.to_vec(),
            )
            .await
            .expect("an answer");
        assert_eq!(
            made.status,
            202,
            "{name}: {}",
            String::from_utf8_lossy(&made.body)
        );
        let task = made.json::<proto::Enqueued>().id;
        api.until_task(task, TaskState::Delivered).await;
        browser.go(&format!("/tasks/{task}")).await;
        browser.until("the endpoint answered 200").await;
        browser.until(words).await;
        assert!(!browser.title().await.contains("broken"), "{name}");
        // Nothing of it has become a part of the page.
        let parts = "return document.querySelectorAll('.payload script, .payload img, .payload style, .payload iframe, .payload svg[onload], .payload b').length";
        assert_eq!(browser.run(parts).await, json!(0), "{name}");
        if ["large", "binary", "json-of-html"].contains(&name) {
            browser.inspect(&format!("payload-{name}")).await;
        }
    }
    browser.close().await;
}
