//! The page of metrics, as monitoring asks for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use prometheus::IntGauge;

use crate::kit::App;

/// How long a look goes on that waits for another to come between: many times what a scrape takes.
const PATIENCE: Duration = Duration::from_millis(500);

/// On threads of their own: a look occupies its thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_scrapes_at_once_do_not_add_up_what_each_builds_anew() {
    let app = Arc::new(App::new().await);
    let lanes = IntGauge::new("test_lanes", "Built up anew by each look.").unwrap();
    app.queue.registry().register(Box::new(lanes.clone())).unwrap();
    let looks = AtomicUsize::new(0);
    // As the dispatcher counts its lanes: from nothing, one after the other.
    app.gateway.measured_by(Arc::new(move || {
        lanes.set(0);
        looks.fetch_add(1, Ordering::SeqCst);
        let begun = Instant::now();
        while looks.load(Ordering::SeqCst) < 2 && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        lanes.add(3);
    }));
    let scrapes = [(); 2].map(|()| {
        let app = app.clone();
        tokio::spawn(async move { app.get("/metrics").await.is(StatusCode::OK).body })
    });
    for scrape in scrapes {
        let page = scrape.await.unwrap();
        let page = String::from_utf8_lossy(&page);
        assert!(page.lines().any(|line| line == "test_lanes 3"), "{page}");
    }
}
