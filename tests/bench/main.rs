//! `posthaste bench` against a server that is known to misbehave in known ways: does it notice?

mod fake_server;

use std::time::Duration;

use clap::Parser;
use fake_server::{FakeServer, Faults, KEY};
use posthaste::bench::{self, BenchArgs, Report};
use serde_json::Value;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    bench: BenchArgs,
}

fn arguments(server: &FakeServer, options: &str) -> BenchArgs {
    let line = format!("bench --url http://{} --key {KEY} {options}", server.address);
    CommandLine::try_parse_from(line.split_whitespace())
        .unwrap()
        .bench
}

async fn measure(faults: Faults, options: &str) -> (Report, Value) {
    let server = FakeServer::start(faults).await;
    let report = bench::measure(arguments(&server, options)).await.unwrap();
    assert_eq!(server.queues().await, 0, "a queue was left behind");
    let json = serde_json::to_value(&report).unwrap();
    (report, json)
}

fn number(json: &Value, scenario: &str, key: &str) -> f64 {
    json["scenarios"][scenario][key]
        .as_f64()
        .unwrap_or_else(|| panic!("{scenario}.{key} is no number in {json:#}"))
}

#[track_caller]
fn assert_counts(json: &Value, scenario: &str, counts: &[(&str, u32)]) {
    for (key, count) in counts {
        assert_eq!(
            json["scenarios"][scenario][key],
            f64::from(*count),
            "{scenario}.{key} in {json:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faultless_server_loses_nothing_in_any_scenario() {
    let options = "--scenario latency,single,batch,backlog --tasks 500 --concurrency 8 --batch-size 100 --rate 100 --duration 1s --backlog 1000 --pid ";
    let (report, json) = measure(Faults::default(), &format!("{options}{}", std::process::id())).await;
    assert_eq!(report.missing, 0);
    for scenario in ["single", "batch"] {
        assert_counts(
            &json,
            scenario,
            &[
                ("arrived", 500),
                ("missing", 0),
                ("duplicates", 0),
                ("strangers", 0),
            ],
        );
        assert!(number(&json, scenario, "of_bare") > 0.0);
        assert!(number(&json, scenario, "end_to_end_per_s") > 0.0);
    }
    assert_counts(&json, "single", &[("requests_answered", 500)]);
    assert_counts(&json, "batch", &[("requests_answered", 5)]);
    assert_counts(&json, "latency", &[("arrived", 100), ("requests_answered", 100)]);
    assert_counts(&json, "backlog", &[("missing", 0), ("duplicates", 0)]);
    assert!(number(&json, "backlog", "drain_large_of_small") > 0.0);
    assert!(number(&json, "backlog", "resident_peak_bytes") >= number(&json, "backlog", "resident_bytes"));
    assert_eq!(json["targets"].as_array().unwrap().len(), 6);

    let text = report.text();
    for line in [
        "single: 500 tasks of 256 bytes",
        "answer to receipt",
        "MB, wanted below 300 MB",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_never_arrive_are_missed_and_fail_the_run() {
    let faults = Faults {
        lose: 100,
        ..Faults::default()
    };
    let options = "--scenario single --tasks 350 --concurrency 4 --patience 3s";
    let (report, json) = measure(faults, options).await;
    assert_eq!(report.missing, 3);
    assert_counts(
        &json,
        "single",
        &[("arrived", 347), ("missing", 3), ("duplicates", 0)],
    );

    let server = FakeServer::start(faults).await;
    let error = bench::run(arguments(&server, options)).await.unwrap_err();
    assert_eq!(error.to_string(), "3 accepted tasks never arrived");
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_are_not_made_up_for_by_duplicates() {
    let faults = Faults {
        lose: 50,
        repeat: 20,
        ..Faults::default()
    };
    let (_, json) = measure(
        faults,
        "--scenario batch --tasks 1000 --batch-size 100 --patience 3s",
    )
    .await;
    // Each hundredth is among both the fiftieth and the twentieth ones, and lost.
    assert_counts(
        &json,
        "batch",
        &[("arrived", 980), ("missing", 20), ("duplicates", 40)],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_to_the_receiver_counts_from_the_answer() {
    let hold = Duration::from_millis(100);
    let faults = Faults {
        hold,
        ..Faults::default()
    };
    // Slow enough for the fake, which holds one task after the other.
    let (_, json) = measure(
        faults,
        "--scenario latency --rate 5 --duration 2s --concurrency 4",
    )
    .await;
    assert_counts(&json, "latency", &[("arrived", 10), ("missing", 0)]);
    // The hold begins before the answer is read, so it is not seen whole.
    assert!(number(&json, "latency", "receipt_p50_ms") >= 50.0, "{json:#}");
    assert!(
        number(&json, "latency", "enqueue_p50_ms") < number(&json, "latency", "receipt_p50_ms"),
        "{json:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_turns_away_refuses_or_leaves_unanswered_is_told_apart() {
    let faults = Faults {
        turn_away: 10,
        hang_up: 25,
        refuse: 40,
        ..Faults::default()
    };
    let (report, json) = measure(faults, "--tasks 200 --concurrency 4 --scenario single").await;
    // Each fiftieth request is a tenth one too, and turned away before it could hang up.
    let expected = [
        ("requests_turned_away", 20),
        ("requests_unanswered", 4),
        ("requests_answered", 176),
        ("strangers", 4),
    ];
    assert_counts(&json, "single", &expected);
    assert_eq!(report.missing, 0, "what was never accepted is not missing");

    let (_, json) = measure(faults, "--tasks 200 --batch-size 100 --scenario batch").await;
    assert_counts(
        &json,
        "batch",
        &[("items_refused", 4), ("arrived", 196), ("missing", 0)],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_at_once_in_the_servers_words() {
    let server = FakeServer::start(Faults::default()).await;
    let mut args = arguments(&server, "--scenario latency");
    args.key = "ph_wrong".parse().unwrap();
    let error = bench::measure(args).await.unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "POST /v1/queues: 401 Unauthorized: This key is not known."
    );
}

#[tokio::test]
async fn options_that_do_not_fit_together_are_refused() {
    let server = FakeServer::start(Faults::default()).await;
    for (options, part) in [
        ("--batch-size 10000 --payload 2000", "make one of them smaller"),
        ("--receiver 0.0.0.0:0", "--receiver-url"),
        ("--duration 500ms", "--duration"),
        ("--pid 4294967295", "--pid 4294967295"),
    ] {
        let error = bench::measure(arguments(&server, options)).await.unwrap_err();
        assert!(
            format!("{error:#}").to_lowercase().contains(&part.to_lowercase()),
            "{options}: {error:#}"
        );
    }
    let mut args = arguments(&server, "");
    args.url = "https://127.0.0.1:8080".parse().unwrap();
    assert!(
        bench::measure(args)
            .await
            .unwrap_err()
            .to_string()
            .contains("plain http")
    );
}
