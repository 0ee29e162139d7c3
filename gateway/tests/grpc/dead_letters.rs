//! `DeadLetterService`.

use proto::grpc::v1;
use queue::verdict::Verdict;
use tonic::Code;

use crate::kit::{Server, blamed, task};

#[tokio::test]
async fn dead_letters_are_looked_at_replayed_and_purged() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let endpoint = server.make_endpoint("q", &[]).await;
    let ids = [
        server.enqueue("q", task("a")).await.id,
        server.enqueue("q", task("b")).await.id,
    ];
    assert_eq!(server.finish_all(&endpoint.id, 500, Verdict::Dead).await, 2);
    let mut letters = server.dead_letters().await;

    let filter = |kind: Option<&str>, status: Option<u32>| v1::DeadLetterFilter {
        queue: Some("q".into()),
        r#type: kind.map(str::to_owned),
        status,
        ..v1::DeadLetterFilter::default()
    };
    let list = |filter| v1::ListDeadLettersRequest {
        filter,
        ..v1::ListDeadLettersRequest::default()
    };
    let all = letters
        .list_dead_letters(list(None))
        .await
        .unwrap()
        .into_inner()
        .dead_letters;
    assert_eq!(all.len(), 2);
    let none = list(Some(filter(None, Some(404))));
    assert!(
        letters
            .list_dead_letters(none)
            .await
            .unwrap()
            .into_inner()
            .dead_letters
            .is_empty()
    );
    let of_a = list(Some(filter(Some("a"), Some(500))));
    let of_a = letters
        .list_dead_letters(of_a)
        .await
        .unwrap()
        .into_inner()
        .dead_letters;
    let [letter] = of_a.as_slice() else {
        panic!("{of_a:?}")
    };
    assert_eq!(
        (&letter.task, &letter.endpoint, letter.attempts),
        (&ids[0], &endpoint.id, 1)
    );
    let request = v1::GetDeadLetterRequest {
        id: letter.id.clone(),
    };
    let read = letters
        .get_dead_letter(request)
        .await
        .unwrap()
        .into_inner()
        .dead_letter;
    assert_eq!(read.as_ref(), Some(letter));

    let request = v1::ReplayDeadLetterRequest {
        id: letter.id.clone(),
    };
    let replayed = letters.replay_dead_letter(request).await.unwrap().into_inner();
    assert_eq!(replayed.task, ids[0]);
    assert_ne!(replayed.delivery, letter.id);
    let request = v1::ReplayDeadLettersRequest {
        filter: Some(v1::DeadLetterFilter::default()),
    };
    let replayed = letters.replay_dead_letters(request).await.unwrap().into_inner();
    assert_eq!((replayed.count, replayed.more), (1, false));

    assert_eq!(server.finish_all(&endpoint.id, 500, Verdict::Dead).await, 2);
    let request = v1::PurgeDeadLettersRequest {
        filter: Some(filter(Some("b"), None)),
    };
    let purged = letters.purge_dead_letters(request).await.unwrap().into_inner();
    assert_eq!((purged.count, purged.more), (1, false));
    // A filter that is not there means nothing, and never all.
    let refused = letters
        .purge_dead_letters(v1::PurgeDeadLettersRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), blamed(&refused)),
        (Code::InvalidArgument, vec!["filter".to_owned()])
    );
    let left = letters
        .list_dead_letters(list(None))
        .await
        .unwrap()
        .into_inner()
        .dead_letters;
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn dead_letters_are_counted_by_endpoint_and_reason() {
    let server = Server::new().await;
    server.make_queue("q").await;
    let endpoint = server.make_endpoint("q", &[]).await;
    for kind in ["a", "b", "b"] {
        server.enqueue("q", task(kind)).await;
    }
    assert_eq!(server.finish_all(&endpoint.id, 500, Verdict::Dead).await, 3);
    let mut letters = server.dead_letters().await;
    let request = v1::GroupDeadLettersRequest {
        filter: Some(v1::DeadLetterFilter {
            r#type: Some("b".into()),
            ..v1::DeadLetterFilter::default()
        }),
    };
    let found = letters.group_dead_letters(request).await.unwrap().into_inner();
    let [group] = found.groups.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!((found.count, found.more, group.count), (2, false, 2));
    assert_eq!(
        (&group.endpoint, group.queue.as_str(), group.status),
        (&endpoint.id, "q", Some(500))
    );
    let wrong = v1::GroupDeadLettersRequest {
        filter: Some(v1::DeadLetterFilter {
            status: Some(70_000),
            ..v1::DeadLetterFilter::default()
        }),
    };
    let refused = letters.group_dead_letters(wrong).await.unwrap_err();
    assert_eq!(blamed(&refused), vec!["status".to_owned()]);
}
