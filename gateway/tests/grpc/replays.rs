//! `ReplayService`, and the dry run of verdict rules.

use proto::grpc::v1::{self, ReplayStatus, replay_service_client::ReplayServiceClient};
use queue::{replays::Runner, verdict::Verdict};
use tonic::Code;

use crate::kit::{FOREVER, Server, blamed, now, some_id, task};

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from its beginning to its end"
)]
async fn a_replay_is_previewed_begun_steered_and_worked_on() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let endpoint = server.make_endpoint("q", &[]).await;
    for _ in 0..3 {
        server.enqueue("q", task("a")).await;
    }
    assert_eq!(server.finish_all(&endpoint.id, 500, Verdict::Dead).await, 3);
    let mut replays = ReplayServiceClient::new(server.keyed().await);
    let filter = v1::ReplayFilter {
        queue: Some("q".into()),
        status: Some(500),
        error: Some("ANSWERED".into()),
        ..v1::ReplayFilter::default()
    };
    let request = v1::PreviewReplayRequest {
        filter: Some(filter.clone()),
        rate: Some(2),
        target: None,
    };
    let preview = replays.preview_replay(request).await.unwrap().into_inner();
    assert_eq!((preview.count, preview.exact, preview.seconds), (3, true, 2));
    let refused = replays
        .create_replay(v1::CreateReplayRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), blamed(&refused)),
        (Code::InvalidArgument, vec!["filter".to_owned()])
    );
    let request = v1::CreateReplayRequest {
        filter: Some(filter.clone()),
        ..v1::CreateReplayRequest::default()
    };
    let begun = replays
        .create_replay(request)
        .await
        .unwrap()
        .into_inner()
        .replay
        .unwrap();
    assert_eq!(
        (begun.filter.as_ref(), begun.rate, begun.expected),
        (Some(&filter), 100, 3)
    );

    let request = v1::PauseReplayRequest { id: begun.id.clone() };
    let paused = replays
        .pause_replay(request)
        .await
        .unwrap()
        .into_inner()
        .replay
        .unwrap();
    assert_eq!(paused.status(), ReplayStatus::Paused);
    let mut runner = Runner::new(server.queue.clone(), server.queue.mint(now()));
    assert_eq!(runner.run_once(now()).await.unwrap().replayed, 0);
    let request = v1::ResumeReplayRequest { id: begun.id.clone() };
    let resumed = replays
        .resume_replay(request)
        .await
        .unwrap()
        .into_inner()
        .replay
        .unwrap();
    assert_eq!(resumed.status(), ReplayStatus::Running);
    let mut replayed = 0;
    let done = async {
        loop {
            let report = runner.run_once(now()).await.unwrap();
            replayed += report.replayed;
            let request = v1::GetReplayRequest { id: begun.id.clone() };
            let read = replays
                .get_replay(request)
                .await
                .unwrap()
                .into_inner()
                .replay
                .unwrap();
            if read.status() == ReplayStatus::Done {
                break read;
            }
            tokio::time::sleep(report.pause).await;
        }
    };
    let done = tokio::time::timeout(FOREVER, done).await.unwrap();
    assert_eq!(
        (replayed, done.done, done.skipped, done.problem.clone()),
        (3, 3, 0, None)
    );
    assert_eq!(server.finish_all(&endpoint.id, 200, Verdict::Delivered).await, 3);

    let request = v1::CancelReplayRequest { id: begun.id.clone() };
    assert_eq!(
        replays.cancel_replay(request).await.unwrap_err().code(),
        Code::FailedPrecondition
    );
    let list = |status: ReplayStatus| v1::ListReplaysRequest {
        queue: Some("q".into()),
        status: status as i32,
        ..v1::ListReplaysRequest::default()
    };
    let listed = replays
        .list_replays(list(ReplayStatus::Done))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.replays, [done]);
    let none = replays
        .list_replays(list(ReplayStatus::Running))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(none.replays, []);
    let nobody = replays
        .get_replay(v1::GetReplayRequest { id: some_id() })
        .await
        .unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);
}

#[tokio::test]
async fn a_response_is_asked_about_before_it_comes() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let endpoint = server.make_endpoint("q", &[]).await;
    let request = v1::UpdateEndpointRequest {
        id: endpoint.id.clone(),
        settings: Some(v1::DeliverySettings {
            verdict: Some(v1::VerdictSettings {
                preset: v1::VerdictPreset::Unspecified as i32,
                rules: vec![v1::VerdictRule {
                    r#match: Some(v1::VerdictMatch {
                        failure: vec![v1::Failure::Dns as i32],
                        ..v1::VerdictMatch::default()
                    }),
                    then: v1::VerdictAction::Disable as i32,
                    time: None,
                }],
            }),
            ..v1::DeliverySettings::default()
        }),
        ..v1::UpdateEndpointRequest::default()
    };
    let mut endpoints = server.endpoints().await;
    endpoints.update_endpoint(request).await.unwrap();
    let case = v1::VerdictCase {
        failure: v1::Failure::Dns as i32,
        ..v1::VerdictCase::default()
    };
    let request = v1::SimulateEndpointRequest {
        id: endpoint.id.clone(),
        case: Some(case.clone()),
    };
    let told = endpoints
        .simulate_endpoint(request)
        .await
        .unwrap()
        .into_inner()
        .verdict
        .unwrap();
    assert_eq!(
        (told.verdict(), told.lane()),
        (v1::Verdict::Dead, v1::LaneEffect::Disable)
    );
    assert_eq!(told.rule, "rule 1 of the endpoint: dns → disable");
    let request = v1::SimulateQueueRequest {
        name: "q".into(),
        case: Some(case),
    };
    let told = server
        .queues()
        .await
        .simulate_queue(request)
        .await
        .unwrap()
        .into_inner()
        .verdict
        .unwrap();
    assert_eq!(
        (told.verdict(), told.lane()),
        (v1::Verdict::Retry, v1::LaneEffect::Carry)
    );
    assert_eq!(told.rule, "preset standard: no answer");
    let seconds = |at: Option<prost_types::Timestamp>| at.unwrap().seconds;
    assert!(seconds(told.retry_at) < seconds(told.retry_by), "{told:?}");
    let request = v1::SimulateEndpointRequest {
        id: endpoint.id,
        case: None,
    };
    let refused = endpoints.simulate_endpoint(request).await.unwrap_err();
    assert_eq!(blamed(&refused), ["status"]);
}
