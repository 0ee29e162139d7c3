use std::collections::BTreeMap;

use testing::Database;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;
use crate::config::Flags;

/// Longer than a node takes to end that has nothing to wait for.
const PATIENCE: Duration = Duration::from_mins(1);

/// A node of `url` that keeps its things in `folder`.
fn effective(folder: &Path, url: &str) -> Effective {
    let set = vec![
        format!("data_dir={}", folder.display()),
        format!("database.url={url}"),
        "gateway.listen=127.0.0.1:0".to_owned(),
    ];
    let flags = Flags {
        set,
        ..Flags::default()
    };
    let surroundings = config::Surroundings {
        environment: &BTreeMap::new(),
        root: false,
        folder,
    };
    config::load(&flags, &surroundings).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_ends_by_itself_ends_the_node_in_order_and_is_told() {
    let (database, folder) = (Database::create().await, tempfile::tempdir().unwrap());
    let effective = effective(folder.path(), database.url());
    let surroundings = Surroundings {
        program: "posthaste".to_owned(),
        search_path: String::new(),
        host: "here".to_owned(),
    };
    for part in ["the chores", "the gateway"] {
        let life = Lifecycle::deaf();
        let running = start(&effective, &surroundings, &life).await.unwrap();
        let (rest, queue) = (running.rest, running.queue.clone());
        if part == "the chores" {
            running.chores.abort();
        } else {
            running.serving.abort();
        }
        let ended = timeout(PATIENCE, running.until_stopped()).await;
        let error = ended.expect("it ends").expect_err("and says so");
        assert!(error.to_string().contains(part), "{error:#}");
        assert!(life.stop().is_cancelled(), "the rest of the process is told");
        assert!(TcpStream::connect(rest).await.is_err(), "nobody listens");
        assert!(queue.ping().await.is_err(), "the database is let go of");
    }
}
