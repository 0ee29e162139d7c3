//! Ownership: which node pushes for which shard. A lease in the database, by the database's clock; who should have which is computed by
//! every node alike (rendezvous hashing), so nobody needs to be asked.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{db::Queue, error::Result};

/// A node's id. Two live processes never share one; a process that is started again may use its old one, and then has its old shards back
/// at once.
pub type NodeId = Uuid;

/// What a node knows after it has renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// The shards that this node holds, until the lease's time after the moment it *asked*.
    pub held: BTreeSet<u8>,
    /// Those of them that are another node's by right: to be drained and released.
    pub to_release: BTreeSet<u8>,
}

/// The node that a shard belongs to: the one whose hash with the shard is the highest. When a node comes or goes, only the shards that it
/// gains or had move.
pub fn assign(shard: u8, nodes: &[NodeId]) -> Option<NodeId> {
    let weight = |node: &NodeId| {
        let hash = Sha256::new()
            .chain_update(node.as_bytes())
            .chain_update([shard])
            .finalize();
        let mut high = [0; 8];
        high.copy_from_slice(&hash[..8]);
        (u64::from_be_bytes(high), *node)
    };
    nodes.iter().copied().max_by_key(weight)
}

impl Queue {
    /// Tells the cluster that this node lives; renews the leases it has; takes what is its by right and free or run out. One that is
    /// `leaving` has a right to nothing any more: it keeps only what it has not released yet.
    pub async fn renew(
        &self,
        node: NodeId,
        name: &str,
        started_at: DateTime<Utc>,
        ttl: Duration,
        leaving: bool,
    ) -> Result<Renewed> {
        let ttl = ttl.as_secs_f64();
        let nodes = sqlx::query_scalar!(
            "-- heartbeat
            WITH me AS (
                INSERT INTO nodes (id, name, started_at, seen_at, dispatching, version, role) VALUES ($1, $2, $3, now(), $7, $5, $6)
                ON CONFLICT (id) DO UPDATE
                SET seen_at = now(), dispatching = excluded.dispatching, version = excluded.version, role = excluded.role
            )
            SELECT id FROM nodes WHERE dispatching AND seen_at > now() - make_interval(secs => $4) AND id <> $1",
            node,
            name,
            started_at,
            ttl,
            env!("CARGO_PKG_VERSION"),
            self.inner.config.role,
            !leaving
        )
        .fetch_all(&self.inner.hot)
        .await?;
        let this = (!leaving).then_some(node);
        let nodes: Vec<NodeId> = nodes.into_iter().chain(this).collect();
        let mine: Vec<i16> = (0..=u8::MAX)
            .filter(|shard| assign(*shard, &nodes) == Some(node))
            .map(i16::from)
            .collect();
        let held = sqlx::query_scalar!(
            "-- renew
            UPDATE shards SET node_id = $1, leased_until = now() + make_interval(secs => $3)
            WHERE node_id = $1 OR (id = ANY($2) AND (node_id IS NULL OR leased_until < now()))
            RETURNING id",
            node,
            &mine,
            ttl
        )
        .fetch_all(&self.inner.hot)
        .await?;
        let held: BTreeSet<u8> = held.into_iter().filter_map(|id| u8::try_from(id).ok()).collect();
        let mine: BTreeSet<u8> = mine.into_iter().filter_map(|id| u8::try_from(id).ok()).collect();
        let to_release = held.difference(&mine).copied().collect();
        Ok(Renewed { held, to_release })
    }

    /// Gives up shards that nothing is in flight for any more.
    pub async fn release(&self, node: NodeId, shards: &BTreeSet<u8>) -> Result<()> {
        let shards: Vec<i16> = shards.iter().map(|shard| i16::from(*shard)).collect();
        sqlx::query!(
            "-- release\nUPDATE shards SET node_id = NULL, leased_until = NULL WHERE node_id = $1 AND id = ANY($2)",
            node,
            &shards
        )
        .execute(&self.inner.hot)
        .await?;
        Ok(())
    }

    /// Gives up every shard and takes this node off the list: nothing of it is in flight any more.
    pub async fn release_all(&self, node: NodeId) -> Result<()> {
        sqlx::query!(
            "-- release all\nUPDATE shards SET node_id = NULL, leased_until = NULL WHERE node_id = $1",
            node
        )
        .execute(&self.inner.hot)
        .await?;
        sqlx::query!("-- leave\nDELETE FROM nodes WHERE id = $1", node)
            .execute(&self.inner.hot)
            .await?;
        Ok(())
    }

    /// Forgets nodes that were not seen for a day.
    pub(crate) async fn forget_nodes(&self) -> Result<u64> {
        let done =
            sqlx::query!("-- forget nodes\nDELETE FROM nodes WHERE seen_at < now() - interval '1 day'")
                .execute(&self.inner.hot)
                .await?;
        Ok(done.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn owners(nodes: &[NodeId]) -> Vec<NodeId> {
        (0..=255).map(|shard| assign(shard, nodes).unwrap()).collect()
    }

    #[test]
    fn nobody_means_nobody() {
        assert_eq!(assign(0, &[]), None);
    }

    proptest! {
        #[test]
        fn only_what_must_move_moves(ids in prop::collection::btree_set(any::<u128>(), 2..8)) {
            let nodes: Vec<NodeId> = ids.into_iter().map(Uuid::from_u128).collect();
            let before = owners(&nodes);
            let (left, rest) = nodes.split_last().unwrap();
            for (was, is) in before.iter().zip(owners(rest)) {
                prop_assert!(*was == is || was == left);
            }
        }

        #[test]
        fn the_order_in_which_nodes_are_listed_does_not_matter(ids in prop::collection::btree_set(any::<u128>(), 1..8)) {
            let mut nodes: Vec<NodeId> = ids.into_iter().map(Uuid::from_u128).collect();
            let before = owners(&nodes);
            nodes.reverse();
            prop_assert_eq!(before, owners(&nodes));
        }

        #[test]
        fn shares_are_nearly_even(seed: u64) {
            let nodes: Vec<NodeId> = (0..4u128).map(|i| Uuid::from_u128((u128::from(seed) << 64) | i)).collect();
            let mut shares = HashMap::<_, u32>::new();
            for node in owners(&nodes) {
                *shares.entry(node).or_default() += 1;
            }
            prop_assert!(shares.values().all(|n| (25..=110).contains(n)), "{shares:?}");
        }
    }
}
