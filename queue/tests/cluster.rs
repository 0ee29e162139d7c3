//! Several nodes on one database: leases, the catalog, notifications, the vault's key.

mod kit;

use std::{collections::BTreeSet, time::Duration};

use kit::{Kit, now, open};
use proto::{NewKey, Scope};
use queue::{
    Config, Error, Queue, id::EndpointId, keys::KeyLook, listen::Hint, ownership::assign, rights::Rights,
    vault::Vault,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const TTL: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_shard_has_one_owner_at_a_time() {
    let kit = Kit::new().await;
    let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let all = kit.queue.renew(a, "a", now(), TTL, false).await.unwrap();
    assert_eq!((all.held.len(), all.to_release.len()), (256, 0));
    // The second node may take nothing that is leased.
    assert!(
        kit.queue
            .renew(b, "b", now(), TTL, false)
            .await
            .unwrap()
            .held
            .is_empty()
    );
    let after = kit.queue.renew(a, "a", now(), TTL, false).await.unwrap();
    let of_b: BTreeSet<u8> = (0..=255)
        .filter(|shard| assign(*shard, &[a, b]) == Some(b))
        .collect();
    assert_eq!(after.held.len(), 256, "held until it is released");
    assert_eq!(after.to_release, of_b);
    kit.queue.release(a, &of_b).await.unwrap();
    assert_eq!(
        kit.queue.renew(b, "b", now(), TTL, false).await.unwrap().held,
        of_b
    );
    let left = kit.queue.renew(a, "a", now(), TTL, false).await.unwrap();
    assert_eq!(left.held.len() + of_b.len(), 256, "none is without an owner");
    // An orderly farewell hands over at once.
    kit.queue.release_all(a).await.unwrap();
    assert_eq!(
        kit.queue
            .renew(b, "b", now(), TTL, false)
            .await
            .unwrap()
            .held
            .len(),
        256
    );
}

#[tokio::test]
async fn a_node_that_leaves_keeps_what_it_has_not_released_and_takes_nothing() {
    let kit = Kit::new().await;
    let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
    kit.queue.renew(a, "a", now(), TTL, false).await.unwrap();
    let leaving = kit.queue.renew(a, "a", now(), TTL, true).await.unwrap();
    assert_eq!((leaving.held.len(), leaving.to_release.len()), (256, 256));
    let quiet: BTreeSet<u8> = (0..100).collect();
    kit.queue.release(a, &quiet).await.unwrap();
    let other = kit.queue.renew(b, "b", now(), TTL, false).await.unwrap();
    assert_eq!(
        other.held, quiet,
        "all of them, whatever would be the other one's"
    );
    let left = kit.queue.renew(a, "a", now(), TTL, true).await.unwrap();
    assert_eq!(left.held.len(), 156);
    // Back again, it has a right to its share.
    let back = kit.queue.renew(a, "a", now(), TTL, false).await.unwrap();
    assert!(back.to_release.len() < 156, "{}", back.to_release.len());
}

#[tokio::test]
async fn a_crashed_nodes_lease_runs_out() {
    let kit = Kit::new().await;
    let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let short = Duration::from_millis(300);
    kit.queue.renew(a, "a", now(), short, false).await.unwrap();
    assert!(
        kit.queue
            .renew(b, "b", now(), short, false)
            .await
            .unwrap()
            .held
            .is_empty()
    );
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(
        kit.queue
            .renew(b, "b", now(), short, false)
            .await
            .unwrap()
            .held
            .len(),
        256
    );
    // Back from wherever it was, the first learns that it has nothing.
    assert!(
        kit.queue
            .renew(a, "a", now(), TTL, false)
            .await
            .unwrap()
            .held
            .is_empty()
    );
}

#[tokio::test]
async fn a_queue_made_on_one_node_is_found_on_another_at_once() {
    let kit = Kit::new().await;
    let other = open(&kit.database).await;
    let endpoint = kit.queue_with_endpoint("q").await;
    assert_eq!(other.find_queue("q").await.unwrap().endpoints, [endpoint.id]);
    let key = NewKey {
        name: "a key".into(),
        scopes: vec![Scope::Read],
        queues: vec!["q*".into()],
        ..NewKey::default()
    };
    let key = kit.queue.make_key(key, now()).await.unwrap().key.unwrap();
    assert!(matches!(other.authenticate(&key, now()), KeyLook::Unknown));
    let look = other.authenticate_anew(&key, now()).await.unwrap();
    assert!(
        matches!(look, KeyLook::Valid(entry) if entry.rights.reach.covers("q1") && entry.name == "a key")
    );
    let wrong = other.authenticate_anew("ph_wrong", now()).await.unwrap();
    assert!(matches!(wrong, KeyLook::Unknown));
}

#[tokio::test]
async fn fan_out_is_exact_although_the_catalog_is_cached() {
    let kit = Kit::new().await;
    kit.queue_with_endpoint("q").await;
    let other = open(&kit.database).await;
    let enqueuer = queue::Enqueuer::start(&other, &queue::enqueue::Config::default());
    let entry = other.find_queue("q").await.unwrap();
    for made in 2..6 {
        kit.endpoint("q", &[]).await;
        let checked = queue::task::check(kit::new_task("1"), 100, now()).unwrap();
        let receipts = enqueuer
            .enqueue(
                entry.clone(),
                vec![checked],
                queue::enqueue::Target::Matching,
                now(),
            )
            .await
            .unwrap();
        assert_eq!(receipts[0].as_ref().unwrap().deliveries, made);
    }
}

#[tokio::test]
async fn the_first_key_is_made_once() {
    let kit = Kit::new().await;
    let other = open(&kit.database).await;
    let (one, two) = tokio::join!(kit.queue.make_first_key(now()), other.make_first_key(now()));
    let keys: Vec<String> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
    assert_eq!(keys.len(), 1);
    let look = kit.queue.authenticate_anew(&keys[0], now()).await.unwrap();
    assert!(matches!(look, KeyLook::Valid(entry) if entry.rights == Rights::all()));
}

#[tokio::test]
async fn another_vault_key_is_noticed_at_start() {
    let kit = Kit::new().await;
    let wrong = Queue::open(Config::new(kit.database.url()), Vault::new(&[8; 32]), now()).await;
    assert!(matches!(wrong, Err(Error::Conflict(text)) if text.contains("secrets.key")));
}

#[tokio::test]
async fn the_vaults_key_is_changed_while_nodes_run() {
    let kit = Kit::new().await;
    let endpoint = kit.queue_with_endpoint("q").await;
    let opened = async |vault: Vault| Queue::open(Config::new(kit.database.url()), vault, now()).await;
    let reveal = async |queue: &Queue| -> Vec<String> {
        let mut values = vec![];
        for secret in queue.list_secrets(endpoint.id, now()).await.unwrap() {
            values.push(
                queue
                    .reveal_secret(endpoint.id, secret.id, now())
                    .await
                    .unwrap()
                    .secret,
            );
        }
        values
    };
    // Both keys are known everywhere before the new one seals anything.
    let cautious = opened(Vault::new(&[7; 32]).reading(&[8; 32])).await.unwrap();
    let changed = opened(Vault::new(&[8; 32]).reading(&[7; 32])).await.unwrap();
    changed
        .add_secret(endpoint.id, proto::NewSecret::default(), now())
        .await
        .unwrap();
    let values = reveal(&changed).await;
    assert_eq!((values.len(), reveal(&cautious).await), (2, values.clone()));
    for one in [[7; 32], [8; 32]] {
        assert!(matches!(opened(Vault::new(&one)).await, Err(Error::Conflict(_))));
    }
    let rotated = changed.rotate_vault(now()).await.unwrap();
    assert_eq!((rotated.count, rotated.more), (1, false));
    let alone = opened(Vault::new(&[8; 32])).await.unwrap();
    assert_eq!(reveal(&alone).await, values);
    assert!(matches!(
        opened(Vault::new(&[7; 32])).await,
        Err(Error::Conflict(_))
    ));
}

#[tokio::test]
async fn nodes_hear_of_each_others_work() {
    let kit = Kit::new().await;
    let endpoint: EndpointId = kit.queue_with_endpoint("q").await.id;
    let other = open(&kit.database).await;
    let (hints, mut heard) = mpsc::channel(16);
    let stop = CancellationToken::new();
    let following = tokio::spawn({
        let (other, stop) = (other.clone(), stop.clone());
        async move { other.follow(hints, stop).await }
    });
    assert_eq!(
        heard.recv().await,
        Some(Hint::Anything),
        "subscribed, and told to look once"
    );
    let id = kit.enqueue_some("q", 1).await[0];
    assert_eq!(
        heard.recv().await,
        Some(Hint::Work(vec![queue::endpoint::shard_of(endpoint)]))
    );
    kit.queue.cancel(id, now()).await.unwrap();
    assert_eq!(heard.recv().await, Some(Hint::Withdrawn(vec![endpoint])));
    kit.database.disconnect_all().await;
    assert_eq!(
        heard.recv().await,
        Some(Hint::Anything),
        "the connection was gone: anything may have happened"
    );
    stop.cancel();
    following.await.unwrap();
}
