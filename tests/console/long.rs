//! Long lists.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Home, PATIENCE, eventually};
use crate::visit::{sign_in, started};

const TASKS: usize = 10_000;

#[tokio::test]
#[ignore = "needs Chromium and a console that was built: cargo xtask test --only console"]
async fn ten_thousand_rows_scroll_and_few_are_drawn() {
    let home = Home::external().await;
    let (_node, browser) = started(&home).await;
    let api = home.api();
    api.make_queue("orders").await;
    let lines: String = (0..TASKS)
        .map(|n| format!("{{\"type\":\"row-{n}\",\"payload\":{n}}}\n"))
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
    assert_eq!(taken.status, 200, "{}", String::from_utf8_lossy(&taken.body));
    sign_in(&browser, &home.key()).await;
    browser.go("/tasks?queue=orders").await;
    browser.until("row-9999").await;

    // To the end, page after page, as somebody who keeps scrolling; how long each frame took is measured by the browser.
    browser
        .run(
            "window.frames_ms = []; let before = performance.now(); \
             const frame = now => { window.frames_ms.push(now - before); before = now; requestAnimationFrame(frame); }; requestAnimationFrame(frame)",
        )
        .await;
    let begun = Instant::now();
    loop {
        let scroll = "window.scrollTo(0, document.body.scrollHeight); return document.querySelectorAll('tbody tr').length";
        let drawn = browser.run(scroll).await.as_u64().expect("a number");
        assert!(drawn < 200, "{drawn} rows are drawn at once");
        if browser.text().await.contains("row-0\n") || browser.text().await.contains("row-0\t") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", browser.text().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let height = browser
        .run("return document.querySelector('tbody').getBoundingClientRect().height")
        .await;
    // 10,000 rows of 40 pixels.
    let height = height.as_f64().expect("a number");
    assert!((height - 400_000.0).abs() < 100.0, "{height}");

    // Up and down over all of them.
    browser.run("window.frames_ms = []").await;
    for part in [0.0, 0.1, 0.35, 0.5, 0.75, 0.9, 1.0, 0.6, 0.2] {
        browser
            .run(&format!(
                "window.scrollTo(0, document.body.scrollHeight * {part})"
            ))
            .await;
        let seen = "return [...document.querySelectorAll('tbody tr:not(.space)')].some(row => { const at = row.getBoundingClientRect(); return at.top >= 0 && at.bottom <= innerHeight; })";
        eventually("rows are in view", async || {
            (browser.run(seen).await == json!(true)).then_some(())
        })
        .await;
    }
    let frames = browser.run("return window.frames_ms").await;
    let mut frames: Vec<f64> = frames
        .as_array()
        .expect("frames")
        .iter()
        .filter_map(serde_json::Value::as_f64)
        .collect();
    frames.sort_by(f64::total_cmp);
    let at = |part: usize| frames[(frames.len() - 1) * part / 100];
    println!(
        "{} frames while scrolling over {TASKS} rows: p50 {:.0} ms, p99 {:.0} ms",
        frames.len(),
        at(50),
        at(99)
    );
    assert_eq!(
        browser
            .run("return document.querySelectorAll('tbody tr').length < 200")
            .await,
        json!(true)
    );
    browser.close().await;
}
