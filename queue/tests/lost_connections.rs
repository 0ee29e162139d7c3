//! Connections that are dead and do not say so, as when the database's machine has gone: nobody waits on them for ever.

mod kit;

use std::{sync::Arc, time::Duration};

use kit::{Kit, new_task, now};
use queue::{
    Config, Enqueuer, Error, Queue,
    enqueue::{self, Target},
    task,
    vault::Vault,
    verdict::Verdict,
};
use testing::{Database, Wire};
use tokio::time::timeout;

/// How long a statement may take here.
const STATEMENT: Duration = Duration::from_secs(1);

/// Time enough for every connection to be given up, one after the other, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn what_is_lost_is_given_up_and_made_again() {
    let database = Arc::new(Database::create().await);
    let wire = Wire::to(&database).await;
    let config = Config {
        statement_timeout: STATEMENT,
        ..Config::new(wire.url())
    };
    let queue = Queue::open(config, Vault::new(&[7; 32]), now()).await.unwrap();
    let enqueuer = Enqueuer::start(&queue, &enqueue::Config::default());
    let kit = Kit {
        queue,
        enqueuer,
        database,
    };
    let endpoint = kit.queue_with_endpoint("q").await;
    let stop = tokio_util::sync::CancellationToken::new();
    let (hints, mut heard) = tokio::sync::mpsc::channel(100);
    let follower = {
        let (queue, stop) = (kit.queue.clone(), stop.clone());
        tokio::spawn(async move { queue.follow(hints, stop).await })
    };
    heard.recv().await.unwrap();

    for round in 1..=2 {
        kit.enqueue_some("q", 5).await;
        let finished = {
            let due = kit.due(endpoint.id, 1).await.pop().unwrap();
            [kit.finished(due, 200, Verdict::Delivered)]
        };
        wire.lose();
        let accepted = async {
            loop {
                let checked = task::check(new_task("1"), 1 << 20, now()).unwrap();
                let entry = kit.find("q").await;
                match kit
                    .enqueuer
                    .enqueue(entry, vec![checked], Target::Matching, now())
                    .await
                {
                    Ok(_) => return,
                    Err(Error::Unavailable(_)) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        };
        let written = async { while kit.queue.finish(&finished).await.is_err() {} };
        let asked = async { while kit.queue.ping().await.is_err() {} };
        let all = async { tokio::join!(accepted, written, asked) };
        assert!(
            timeout(PATIENCE, all).await.is_ok(),
            "round {round}: a statement waits for ever"
        );
        // The connection for notifications has its own way of noticing.
        let noticed = async { while heard.recv().await != Some(queue::listen::Hint::Anything) {} };
        assert!(
            timeout(PATIENCE, noticed).await.is_ok(),
            "round {round}: it listens where nobody speaks"
        );
    }
    stop.cancel();
    follower.await.unwrap();
}
