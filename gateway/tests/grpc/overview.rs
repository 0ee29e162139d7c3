//! `OverviewService`: the same as over REST.

use prost_types::Duration;
use proto::grpc::v1::{self, overview_service_client::OverviewServiceClient};
use queue::verdict::Verdict;

use crate::kit::{Server, blamed, task};

#[tokio::test]
async fn what_went_through_all_queues_is_summed_for_who_reaches_them() {
    let server = Server::new().await;
    let mut endpoints = vec![];
    for queue in ["a", "b"] {
        server.make_queue(queue).await;
        endpoints.push(server.make_endpoint(queue, &[]).await.id);
        server.enqueue(queue, task("a")).await;
    }
    server.finish_all(&endpoints[0], 200, Verdict::Delivered).await;
    server.finish_all(&endpoints[1], 500, Verdict::Dead).await;
    server.queue.flush_rollups().await.unwrap();
    let ask = async |key: &str, request: v1::GetOverviewRequest| {
        let channel = crate::kit::keyed(server.channel().await, key);
        let answer = OverviewServiceClient::new(channel).get_overview(request).await;
        answer.map(|answer| answer.into_inner().overview.unwrap())
    };
    let all = ask(&server.key, v1::GetOverviewRequest::default()).await.unwrap();
    let sum = |overview: &v1::Overview, of: fn(&v1::OverviewStep) -> u64| {
        overview.steps.iter().map(of).sum::<u64>()
    };
    assert_eq!(
        (
            sum(&all, |step| step.enqueued),
            sum(&all, |step| step.delivered),
            sum(&all, |step| step.dead)
        ),
        (2, 1, 1)
    );
    assert_eq!(all.step.unwrap().seconds, 60);
    let worst = &all.endpoints[0];
    assert_eq!(
        (&worst.endpoint, &*worst.queue, worst.dead),
        (&endpoints[1], "b", 1)
    );
    assert_eq!(worst.status(), v1::EndpointStatus::Enabled);

    // Of what is not reached nothing is counted.
    let tenant = server.make_key(&[proto::Scope::Read], &["a"]).await;
    let own = ask(&tenant, v1::GetOverviewRequest::default()).await.unwrap();
    assert_eq!(
        (sum(&own, |step| step.enqueued), sum(&own, |step| step.dead)),
        (1, 0)
    );
    assert!(
        own.endpoints.iter().all(|endpoint| endpoint.queue == "a"),
        "{own:?}"
    );

    for (seconds, nanos) in [(90, 0), (60, 1_000_000), (0, 0), (200_000, 0)] {
        let wrong = v1::GetOverviewRequest {
            step: Some(Duration { seconds, nanos }),
            ..v1::GetOverviewRequest::default()
        };
        let refused = ask(&server.key, wrong).await.unwrap_err();
        assert_eq!(blamed(&refused), ["step"], "{seconds}.{nanos}");
    }
    let enqueues = server.make_key(&[proto::Scope::Enqueue], &["*"]).await;
    let refused = ask(&enqueues, v1::GetOverviewRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
}
