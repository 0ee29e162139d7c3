//! Tasks found by where they went and by their headers, and sent once more: the same as over REST.

use proto::grpc::v1::{self, TaskState};
use queue::verdict::Verdict;
use tonic::Code;

use crate::kit::{Server, blamed, reason, some_id, task};

#[tokio::test]
async fn a_task_is_found_and_sent_once_more() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let endpoint = server.make_endpoint("q", &["a"]).await;
    let headed = v1::NewTask {
        headers: [("X-Shop".to_owned(), "7".to_owned())].into(),
        ..task("a")
    };
    let id = server.enqueue("q", headed).await.id;
    let other = server.enqueue("q", task("b")).await.id;
    server.finish_all(&endpoint.id, 200, Verdict::Delivered).await;
    let mut tasks = server.tasks().await;
    let request = |endpoint: Option<&str>, header: Option<&str>| v1::ListTasksRequest {
        queue: "q".into(),
        endpoint: endpoint.map(str::to_owned),
        header: header.map(str::to_owned),
        ..v1::ListTasksRequest::default()
    };
    for (endpoint, header, found) in [
        (None, None, vec![&other, &id]),
        (Some(&*endpoint.id), None, vec![&id]),
        (None, Some("x-shop"), vec![&id]),
        (Some(&*endpoint.id), Some("x-shop: 7"), vec![&id]),
        (None, Some("x-shop:8"), vec![]),
    ] {
        let listed = tasks.list_tasks(request(endpoint, header)).await.unwrap();
        let listed = listed.into_inner().tasks;
        assert_eq!(
            listed.iter().map(|task| &task.id).collect::<Vec<_>>(),
            found,
            "{endpoint:?} {header:?}"
        );
    }
    let refused = tasks
        .list_tasks(request(Some("x"), Some("a b")))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(blamed(&refused), ["endpoint", "header"]);
    let nobody = tasks
        .list_tasks(request(Some(&some_id()), None))
        .await
        .unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);

    let again = |id: &str, endpoint: Option<&str>| v1::ReplayTaskRequest {
        id: id.to_owned(),
        endpoint: endpoint.map(str::to_owned),
    };
    let made = tasks.replay_task(again(&id, None)).await.unwrap().into_inner();
    let [made] = made.deliveries.as_slice() else {
        panic!("{made:?}")
    };
    assert_eq!(made.endpoint, endpoint.id);
    let refused = tasks.replay_task(again(&id, None)).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::FailedPrecondition, "CONFLICT")
    );
    assert_eq!(server.finish_all(&endpoint.id, 200, Verdict::Delivered).await, 1);
    let named = tasks
        .replay_task(again(&other, Some(&endpoint.id)))
        .await
        .unwrap();
    assert_eq!(named.into_inner().deliveries.len(), 1);
    let read = tasks
        .get_task(v1::GetTaskRequest { id: other })
        .await
        .unwrap()
        .into_inner()
        .task
        .unwrap();
    assert_eq!(read.state(), TaskState::Pending);

    // Without the scope it is forbidden, and what is not reached is not there.
    let reader = server.make_key(&[proto::Scope::Read], &["*"]).await;
    let elsewhere = server.make_key(&[proto::Scope::Replay], &["r"]).await;
    for (key, code) in [(reader, Code::PermissionDenied), (elsewhere, Code::NotFound)] {
        let mut tasks =
            v1::task_service_client::TaskServiceClient::new(crate::kit::keyed(server.channel().await, &key));
        let refused = tasks.replay_task(again(&id, None)).await.unwrap_err();
        assert_eq!(refused.code(), code);
    }
}
