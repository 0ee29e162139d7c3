//! `posthaste bench` against the program that it is part of, in small: what it says is true of some server, be it slow.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::harness::{Home, path, turns};

/// Runs it, and answers what it prints.
async fn bench(options: &str) -> Value {
    let home = Home::external().await;
    let node = home.start(&[]).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_posthaste"));
    command
        .env_clear()
        .env("PATH", path())
        .env("POSTHASTE_KEY", home.key())
        .args(["bench", "--output", "json", "--url"])
        .arg(format!("http://{}", node.address()))
        .args(options.split_whitespace())
        .args(["--pid", &node.pid().as_raw_nonzero().to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("a JSON document")
}

fn number(report: &Value, scenario: &str, key: &str) -> f64 {
    report["scenarios"][scenario][key]
        .as_f64()
        .unwrap_or_else(|| panic!("{scenario}.{key} is no number in {report:#}"))
}

#[tokio::test]
async fn it_measures_what_comes_in_and_what_many_lanes_and_subscribers_cost() {
    let _turn = turns::busy().await;
    let report = bench(
        "--scenario ingest,subscribers,lanes --ingest 3000 --batch-size 100 --tasks 500 --subscribers 20 --lanes 40",
    )
    .await;
    assert_eq!(report["missing"], 0);
    for (scenario, key) in [
        ("ingest", "batch_per_s"),
        ("ingest", "stream_per_s"),
        ("subscribers", "rate_of_unwatched"),
        ("lanes", "many_of_one"),
        ("lanes", "lanes_peak_bytes"),
    ] {
        assert!(number(&report, scenario, key) > 0.0, "{scenario}.{key}");
    }
}

#[tokio::test]
async fn it_measures_what_the_healthy_notice_of_those_that_hang() {
    let _turn = turns::busy().await;
    let report = bench("--scenario isolation --tasks 500 --concurrency 16 --duration 2s").await;
    assert_eq!(report["missing"], 0);
    for key in ["capacity_per_s", "p99_before_1_ms", "p99_50_sick_ms"] {
        assert!(number(&report, "isolation", key) > 0.0, "{key}");
    }
}

#[tokio::test]
async fn it_measures_how_a_rate_and_an_order_are_kept() {
    let _turn = turns::busy().await;
    let report = bench("--scenario rate,order --hold 11s --keys 30").await;
    assert_eq!(report["missing"], 0);
    for key in ["first_least_per_s", "second_most_per_s"] {
        assert!(number(&report, "rate", key) > 0.0, "{key}");
    }
    assert!(number(&report, "order", "inversions") < 0.5);
    assert!(number(&report, "order", "failed") > 0.0);
}
