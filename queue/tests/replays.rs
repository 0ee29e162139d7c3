//! Dead letters that are replayed among others that cannot be.

mod kit;

use kit::{Kit, now};
use proto::DeadLetterFilter;
use queue::{rights::Reach, verdict::Verdict};
use sqlx::{Connection, PgConnection};

/// As many letters as one batch takes whose tasks are gone, before all others and in the same instant.
const BEFORE: &str = "
    UPDATE dead_letters SET died_at = (SELECT min(died_at) FROM dead_letters);
    INSERT INTO dead_letters (id, task_id, queue_id, endpoint_id, type, size, priority, attempts, reason, died_at)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, gen_random_uuid(), queue_id, endpoint_id, 'a', 1, 4, 1, 'because', died_at
    FROM generate_series(1, 1000) AS n CROSS JOIN (SELECT * FROM dead_letters LIMIT 1) AS l";

#[tokio::test]
async fn what_died_with_a_batch_that_cannot_be_replayed_is_not_left_out() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    kit.enqueue_some("q", 3).await;
    let dead: Vec<_> = kit
        .due(endpoint.id, 3)
        .await
        .into_iter()
        .map(|delivery| kit.finished(delivery, 404, Verdict::Dead))
        .collect();
    kit.queue.finish(&dead).await.unwrap();
    let mut connection = PgConnection::connect(kit.database.url()).await.unwrap();
    sqlx::raw_sql(BEFORE).execute(&mut connection).await.unwrap();

    // With the reach of a tenant the letters are found queue by queue, else by time alone.
    for (patterns, filter) in [
        ("q*", DeadLetterFilter::default()),
        (
            "*",
            DeadLetterFilter {
                endpoint: Some(endpoint.id),
                ..DeadLetterFilter::default()
            },
        ),
    ] {
        let reach = Reach::of(vec![patterns.to_owned()]);
        let replayed = kit.queue.replay_all(&reach, filter, now()).await.unwrap();
        assert_eq!((replayed.count, replayed.more), (3, false), "{patterns}");
        let again: Vec<_> = kit
            .due(endpoint.id, 3)
            .await
            .into_iter()
            .map(|delivery| kit.finished(delivery, 404, Verdict::Dead))
            .collect();
        assert_eq!(again.len(), 3);
        kit.queue.finish(&again).await.unwrap();
        sqlx::raw_sql("UPDATE dead_letters SET died_at = (SELECT min(died_at) FROM dead_letters)")
            .execute(&mut connection)
            .await
            .unwrap();
    }
}
