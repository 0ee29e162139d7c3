//! `SystemService`, and what of retention callers see: the same as over REST.

use proto::grpc::v1::{self, system_service_client::SystemServiceClient};

use crate::kit::{Server, task};

#[tokio::test]
async fn storage_system_and_expunging_are_as_over_rest() {
    let server = Server::new().await;
    server.make_queue("q").await;
    server.make_endpoint("q", &[]).await;
    let mut systems = SystemServiceClient::new(server.keyed().await);
    let storage = systems
        .get_storage(v1::GetStorageRequest {})
        .await
        .unwrap()
        .into_inner();
    let storage = storage.storage.unwrap();
    assert!(storage.database_bytes > 0 && storage.tables.iter().any(|table| table.name == "deliveries"));
    let system = systems
        .get_system(v1::GetSystemRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(system.system.unwrap().shards, 256);

    let id = server.enqueue("q", task("a")).await.id;
    let mut tasks = server.tasks().await;
    let request = v1::ExpungeTaskRequest { id: id.clone() };
    let expunged = tasks.expunge_task(request).await.unwrap().into_inner();
    assert_eq!(expunged.cancelled, 1);
    let read = tasks
        .get_task(v1::GetTaskRequest { id })
        .await
        .unwrap()
        .into_inner();
    let read = read.task.unwrap();
    assert_eq!((read.expunged_at, read.payload), (expunged.expunged_at, None));
}
