//! No hot statement grows with the backlog. The server's own counters say how many rows each verb really read, with the plans that the
//! real connections really have: also while statistics are stale, which is when a plan goes wrong.

mod kit;

use std::{sync::Arc, time::Duration};

use kit::{Kit, new_task, now, open};
use proto::{DeadLetterFilter, NewQueue, OrderingMode, TaskState};
use queue::{
    disable::OPS_QUEUE,
    load::{Cursor, PageRequest},
    notify::{Thresholds, Watch},
    ordering::{KEYS, Sequence},
    rights::Reach,
    task::NewTask,
    tasks::TaskFilter,
    verdict::Verdict,
};
use sqlx::{Connection, PgConnection};

const BACKLOG: usize = 20_000;
const BATCH: u32 = 50;

/// Everything is watched but the storage, whose files are looked at.
const THRESHOLDS: Thresholds = Thresholds {
    window: Duration::from_mins(15),
    dead_letters: Some(100),
    dead_share: Some(0.05),
    backlog_age: Some(Duration::from_mins(15)),
    endpoint_down: Some(Duration::from_mins(10)),
    storage_within: None,
    storage_max: None,
};

/// Rows read of the hot tables, by scans of whole tables and by index.
#[derive(Debug, Clone, Copy)]
struct Read {
    whole_tables: i64,
    by_index: i64,
}

async fn read(kit: &Kit) -> Read {
    let mut connection = PgConnection::connect(kit.database.url()).await.unwrap();
    let row: (i64, i64) = sqlx::query_as(
        "SELECT coalesce(sum(seq_tup_read), 0)::bigint, coalesce(sum(idx_tup_fetch), 0)::bigint FROM pg_stat_user_tables
         WHERE relname = 'deliveries' OR relname LIKE 'tasks%' OR relname LIKE 'attempts%' OR relname = 'dead_letters'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    Read {
        whole_tables: row.0,
        by_index: row.1,
    }
}

/// Runs verbs on a queue of their own connections, closed after it: a backend reports what it read when it ends.
async fn cost(kit: &Kit, verbs: impl AsyncFnOnce(&Kit)) -> Read {
    let before = read(kit).await;
    let queue = open(&kit.database).await;
    let enqueuer = queue::Enqueuer::start(&queue, &queue::enqueue::Config::default());
    let other = Kit {
        queue,
        enqueuer,
        database: kit.database.clone(),
    };
    verbs(&other).await;
    other.queue.close().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let after = read(kit).await;
    Read {
        whole_tables: after.whole_tables - before.whole_tables,
        by_index: after.by_index - before.by_index,
    }
}

async fn fill(kit: &Kit, rows: usize) {
    for _ in 0..rows / 2_000 {
        kit.enqueue_some("deep", 2_000).await;
    }
}

/// A connection to a database whose tables were analyzed while they were empty, and are not again by themselves.
async fn analyzed_empty(kit: &Kit) -> PgConnection {
    let mut connection = PgConnection::connect(kit.database.url()).await.unwrap();
    sqlx::raw_sql("ALTER TABLE deliveries SET (autovacuum_enabled = off); ANALYZE")
        .execute(&mut connection)
        .await
        .unwrap();
    connection
}

#[tokio::test]
async fn no_hot_statement_reads_more_than_its_batch() {
    let kit = Kit::new().await;
    let deep = kit.queue_with_endpoint("deep").await.id;
    let other = kit.queue_with_endpoint("other").await.id;
    // Statistics of an empty table, then a deep backlog: the trap.
    drop(analyzed_empty(&kit).await);
    fill(&kit, BACKLOG).await;

    let page = |endpoint_id| PageRequest {
        endpoint_id,
        cursor: Cursor::START,
        limit: BATCH,
        tests_only: false,
    };
    let bound = i64::from(BATCH) * 12;
    let costs = [
        (
            "due and load",
            cost(&kit, async |k| {
                let due = k.queue.due(&[page(deep), page(other)], now()).await.unwrap();
                assert_eq!(due.len(), BATCH as usize);
                k.queue.load(due).await.unwrap();
            })
            .await,
        ),
        (
            "due before",
            cost(&kit, async |k| {
                let lanes = [(deep, now()), (other, now())];
                let found = k.queue.due_before(&lanes, i64::from(BATCH)).await.unwrap();
                assert_eq!(found.len(), BATCH as usize);
            })
            .await,
        ),
        (
            "finish",
            cost(&kit, async |k| {
                let due = k.due(deep, BATCH).await;
                let verdicts = [Verdict::Delivered, Verdict::Dead, Verdict::Retry { at: now() }];
                let finished: Vec<_> = due
                    .into_iter()
                    .zip(verdicts.iter().cycle())
                    .map(|(d, v)| k.finished(d, 200, v.clone()))
                    .collect();
                k.queue.finish(&finished).await.unwrap();
            })
            .await,
        ),
        (
            "discover and next due",
            cost(&kit, async |k| {
                assert_eq!(
                    k.queue
                        .discover(&(0..=255).collect::<Vec<_>>())
                        .await
                        .unwrap()
                        .len(),
                    1
                );
                k.queue.next_due(&[deep, other], now()).await.unwrap();
            })
            .await,
        ),
        (
            "enqueue",
            cost(&kit, async |k| {
                k.enqueue_some("other", BATCH as usize).await;
            })
            .await,
        ),
        (
            "cancel",
            cost(&kit, async |k| {
                let task = k.due(deep, 1).await[0].content.id;
                assert_eq!(k.queue.cancel(task, now()).await.unwrap(), 1);
            })
            .await,
        ),
    ];
    for (
        what,
        Read {
            whole_tables,
            by_index,
        },
    ) in costs
    {
        assert_eq!(whole_tables, 0, "{what} scans a table");
        assert!(
            by_index <= bound,
            "{what} reads {by_index} rows by index, more than {bound}"
        );
    }
}

#[tokio::test]
async fn a_look_for_what_is_too_old_reads_no_more_of_what_is_held_than_its_batch() {
    let kit = Kit::new().await;
    let endpoint_id = kit.queue_in_order("deep", OrderingMode::Fifo).await.id;
    drop(analyzed_empty(&kit).await);
    fill(&kit, BACKLOG).await;
    let cost = cost(&kit, async |k| {
        let lanes = [(endpoint_id, now())];
        let found = k.queue.due_before(&lanes, i64::from(BATCH)).await.unwrap();
        assert_eq!(found.len(), BATCH as usize);
    })
    .await;
    assert!(
        cost.whole_tables == 0 && cost.by_index <= i64::from(BATCH) * 12,
        "{cost:?}"
    );
}

/// Where nearly all that waits is of one key, the statistics say that any key has most of it.
#[tokio::test]
async fn what_is_let_go_is_found_without_passing_what_else_is_held() {
    let kit = Kit::new().await;
    let deep = kit.queue_in_order("deep", OrderingMode::Fifo).await.id;
    let other = kit.queue_in_order("other", OrderingMode::Key).await.id;
    let mut connection = analyzed_empty(&kit).await;
    fill(&kit, BACKLOG).await;
    let sequence = |endpoint_id, key: &str| Sequence {
        endpoint_id,
        key: key.to_owned(),
    };
    // All but the last have nothing.
    let mut wanted: Vec<_> = (0..BATCH).map(|key| sequence(other, &key.to_string())).collect();
    wanted.push(sequence(deep, ""));
    for (statistics, released) in [("", vec![deep]), ("ANALYZE deliveries", vec![])] {
        sqlx::raw_sql(statistics).execute(&mut connection).await.unwrap();
        let cost = cost(&kit, async |k| {
            assert_eq!(k.queue.release_next(&wanted).await.unwrap(), released);
        })
        .await;
        assert!(
            cost.whole_tables == 0 && cost.by_index <= i64::from(BATCH) * 4,
            "{statistics}: {cost:?}"
        );
    }
}

#[tokio::test]
async fn a_page_of_keys_reads_none_of_the_pages_before_it() {
    const PAGES: usize = 4;
    let kit = Kit::new().await;
    let endpoint = kit.queue_in_order("deep", OrderingMode::Key).await.id;
    let mut connection = analyzed_empty(&kit).await;
    // Each key has several, which a step from key to key passes.
    for _ in 0..5 {
        let of = |key: usize| NewTask {
            ordering_key: Some(format!("{key:06}")),
            ..new_task("1")
        };
        kit.enqueue("deep", (0..PAGES * KEYS).map(of).collect()).await;
    }
    for statistics in ["", "ANALYZE deliveries"] {
        sqlx::raw_sql(statistics).execute(&mut connection).await.unwrap();
        let (mut keys, mut after): (Vec<String>, Option<String>) = (vec![], None);
        for page in 0..PAGES {
            let cost = cost(&kit, async |k| {
                let found = k.queue.sequences(endpoint, after.as_deref()).await.unwrap();
                keys.extend(found.into_iter().map(|sequence| sequence.key));
            })
            .await;
            assert_eq!(keys.len(), (page + 1) * KEYS);
            let bound = i64::try_from(KEYS).unwrap() * 3 / 2;
            assert!(
                cost.whole_tables == 0 && cost.by_index <= bound,
                "{page}: {cost:?}"
            );
            after = keys.last().cloned();
        }
        assert!(keys.is_sorted_by(|one, next| one < next), "each once");
        let rest = kit.queue.sequences(endpoint, after.as_deref()).await.unwrap();
        assert!(rest.is_empty());
    }
}

/// Pages of the indexes of deliveries that were read.
async fn index_pages(kit: &Kit) -> i64 {
    let mut connection = PgConnection::connect(kit.database.url()).await.unwrap();
    sqlx::query_scalar(
        "SELECT sum(idx_blks_hit + idx_blks_read)::bigint FROM pg_statio_user_indexes WHERE relname = 'deliveries'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap()
}

/// Where all had been delivered when it was analyzed, and the next ones come before what is dead has been vacuumed.
#[tokio::test]
async fn results_are_written_by_id_though_the_table_was_empty_when_it_was_analyzed() {
    let kit = Kit::new().await;
    let deep = kit.queue_with_endpoint("deep").await.id;
    let mut connection = PgConnection::connect(kit.database.url()).await.unwrap();
    sqlx::raw_sql("ALTER TABLE deliveries SET (autovacuum_enabled = off)")
        .execute(&mut connection)
        .await
        .unwrap();
    fill(&kit, BACKLOG).await;
    sqlx::raw_sql("DELETE FROM deliveries; ANALYZE deliveries")
        .execute(&mut connection)
        .await
        .unwrap();
    kit.enqueue_some("deep", BATCH as usize).await;
    let verdicts = [Verdict::Delivered, Verdict::Dead, Verdict::Retry { at: now() }];
    let due = kit.due(deep, BATCH).await;
    let finished: Vec<_> = due
        .into_iter()
        .zip(verdicts.iter().cycle())
        .map(|(d, v)| kit.finished(d, 200, v.clone()))
        .collect();
    assert_eq!(finished.len(), BATCH as usize);
    let before = index_pages(&kit).await;
    cost(&kit, async |k| k.queue.finish(&finished).await.unwrap()).await;
    let pages = index_pages(&kit).await - before;
    // A few of each index for each of them.
    assert!(pages <= i64::from(BATCH) * 12, "{pages} pages");
}

#[tokio::test]
async fn a_look_for_what_is_to_be_told_reads_the_oldest_alone() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("deep").await;
    let ops = NewQueue {
        name: OPS_QUEUE.into(),
        ..NewQueue::default()
    };
    kit.queue.make_queue(ops, now()).await.unwrap();
    drop(analyzed_empty(&kit).await);
    fill(&kit, BACKLOG).await;
    let cost = cost(&kit, async |k| {
        let mut watch = Watch::new(k.queue.clone(), THRESHOLDS, Arc::new(|| None));
        let told = watch.look(now() + Duration::from_mins(20)).await.unwrap();
        assert_eq!((told.begun, told.told), (1, 1));
    })
    .await;
    assert!(cost.whole_tables == 0 && cost.by_index <= 20, "{cost:?}");
}

#[tokio::test]
async fn a_tenants_dead_letters_cost_what_they_are_however_many_others_have() {
    let kit = Kit::new().await;
    let [deep, other] = [
        kit.queue_with_endpoint("deep").await,
        kit.queue_with_endpoint("other").await,
    ];
    let mut connection = PgConnection::connect(kit.database.url()).await.unwrap();
    sqlx::raw_sql("ALTER TABLE dead_letters SET (autovacuum_enabled = off); ANALYZE dead_letters")
        .execute(&mut connection)
        .await
        .unwrap();
    // Of every two thousand one is the other tenant's: old and new ones, among all the rest.
    sqlx::query(
        "INSERT INTO dead_letters (id, task_id, queue_id, endpoint_id, type, size, priority, attempts, reason, died_at)
         SELECT gen_random_uuid(), gen_random_uuid(), q.id, e.id, 'a', 1, 4, 1, 'because', now() - n * interval '1 second'
         FROM generate_series(1, 20000) AS n
         CROSS JOIN LATERAL (SELECT CASE WHEN n % 2000 = 0 THEN $2 ELSE $1 END AS id) AS e
         JOIN endpoints ON endpoints.id = e.id JOIN queues q ON q.id = endpoints.queue_id",
    )
    .bind(deep.id)
    .bind(other.id)
    .execute(&mut connection)
    .await
    .unwrap();
    let tenant = Reach::of(vec!["oth*".into()]);
    let list = async |k: &Kit| {
        let all = DeadLetterFilter::default();
        let letters = k.queue.list_dead_letters(&tenant, all, None, 51, now()).await;
        assert_eq!(letters.unwrap().len(), 10);
    };
    let group = async |k: &Kit, reach: &Reach, endpoint| {
        let of = DeadLetterFilter {
            endpoint,
            ..DeadLetterFilter::default()
        };
        let groups = k.queue.group_dead_letters(reach, of, now()).await.unwrap();
        assert_eq!((groups.count, groups.groups.len()), (10, 1));
    };
    for statistics in ["", "ANALYZE dead_letters"] {
        sqlx::raw_sql(statistics).execute(&mut connection).await.unwrap();
        for cost in [
            cost(&kit, list).await,
            cost(&kit, async |k| group(k, &tenant, None).await).await,
            cost(&kit, async |k| {
                group(k, &Reach::everything(), Some(other.id)).await;
            })
            .await,
        ] {
            assert_eq!(cost.whole_tables, 0, "{statistics}");
            assert!(cost.by_index <= 100, "{statistics}: {cost:?}");
        }
    }
}

#[tokio::test]
async fn a_page_of_tasks_looks_at_so_many_whatever_its_filter_finds() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("deep").await;
    let unwanted = kit.endpoint("deep", &["never"]).await.id;
    let mut connection = analyzed_empty(&kit).await;
    fill(&kit, BACKLOG).await;
    let all = || TaskFilter {
        queue: "deep".to_owned(),
        ..TaskFilter::default()
    };
    // A row of a task: 10,000 of them; or with its delivery: of the 5,000 that are looked at closely. What waits is found by 10,000 deliveries.
    let filters = [
        (
            10_500,
            TaskFilter {
                kind: Some("never".to_owned()),
                ..all()
            },
        ),
        (
            10_500,
            TaskFilter {
                header: "x-shop:7".parse().ok(),
                ..all()
            },
        ),
        (
            10_500,
            TaskFilter {
                endpoint: Some(unwanted),
                ..all()
            },
        ),
        (
            10_500,
            TaskFilter {
                state: Some(TaskState::Dead),
                ..all()
            },
        ),
        (
            21_000,
            TaskFilter {
                state: Some(TaskState::Retrying),
                ..all()
            },
        ),
        (
            21_000,
            TaskFilter {
                state: Some(TaskState::Pending),
                kind: Some("never".to_owned()),
                ..all()
            },
        ),
    ];
    for statistics in ["", "ANALYZE"] {
        sqlx::raw_sql(statistics).execute(&mut connection).await.unwrap();
        for (most, filter) in &filters {
            let cost = cost(&kit, async |k| {
                let page = k.queue.list_tasks(filter, None, 50, now()).await.unwrap();
                assert!(
                    page.tasks.is_empty() && page.next.is_some(),
                    "{filter:?}: {page:?}"
                );
            })
            .await;
            assert_eq!(cost.whole_tables, 0, "{statistics} {filter:?}");
            assert!(cost.by_index <= *most, "{statistics} {filter:?}: {cost:?}");
        }
    }
}

#[tokio::test]
async fn letting_go_of_a_day_reads_what_stays_and_not_what_goes() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("deep").await.id;
    drop(analyzed_empty(&kit).await);
    fill(&kit, BACKLOG).await;
    // All but a few are delivered.
    while let due = kit.due(endpoint, 2_000).await
        && due.len() > 1_000
    {
        let delivered = due.into_iter().skip(1);
        let finished: Vec<_> = delivered
            .map(|delivery| kit.finished(delivery, 200, Verdict::Delivered))
            .collect();
        kit.queue.finish(&finished).await.unwrap();
    }
    let cost = cost(&kit, async |k| {
        let kept = k
            .queue
            .keep_to_retention(now() + chrono::TimeDelta::days(9))
            .await
            .unwrap();
        assert_eq!(kept.compacted, 1, "{kept:?}");
    })
    .await;
    // Analysing the small table reads that; of the large one nothing is read but what stays.
    assert!(cost.whole_tables + cost.by_index <= 200, "{cost:?}");
}
