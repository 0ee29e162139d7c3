//! The catalog: queues, endpoints, keys and users as this node knows them, all in memory.
//!
//! Its version rises with every change. An enqueue is committed only if the version it was prepared with still holds, so that fan-out is
//! exact on every node although it never reads these tables. Nodes follow by notification and by a cheap look each half second.

mod link;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use arc_swap::ArcSwap;
use proto::{DeliverySettings, EndpointStatus};
use sqlx::types::Json;
use tokio::sync::watch;
use uuid::Uuid;

use self::link::Changed;
use crate::{
    db::Queue,
    endpoint::Endpoint,
    endpoints::no_endpoint,
    error::{Error, Result},
    fanout::Fanout,
    id::{EndpointId, QueueId},
    keys::{KeyEntry, KeyHash},
    queues::no_queue,
    redact::Redaction,
    retention::Retention,
    users::UserEntry,
};

/// What this node knows, as of one version. Never changed: a newer one takes its place.
#[derive(Debug, Default, Clone)]
pub struct Snapshot {
    /// The version.
    pub version: i64,
    /// Queues by name, none that are deleted.
    pub queues: HashMap<String, Arc<QueueEntry>>,
    /// Names by id, of deleted queues too: their tasks may still be read.
    pub queue_names: HashMap<QueueId, Arc<str>>,
    /// How long queues keep what went through them, where that is not the default; of deleted queues too.
    pub(crate) retentions: HashMap<QueueId, Retention>,
    /// What queues show as hashes alone, where they do; of deleted queues too.
    pub(crate) redactions: HashMap<QueueId, Arc<Redaction>>,
    /// Endpoints by id, none that are deleted.
    pub endpoints: HashMap<EndpointId, Arc<Endpoint>>,
    pub(crate) keys: HashMap<KeyHash, Arc<KeyEntry>>,
    pub(crate) users: HashMap<Uuid, Arc<UserEntry>>,
}

/// A queue as the node knows it.
#[derive(Debug, Clone)]
pub struct QueueEntry {
    /// Its id.
    pub id: QueueId,
    /// Its name.
    pub name: String,
    /// What was set on it.
    pub settings: DeliverySettings,
    /// How many deliveries it may hold, if that is limited; see [`Queue::has_room`].
    pub max_depth: Option<u64>,
    /// Whether its deliveries wait.
    pub paused: bool,
    /// Its endpoints, oldest first.
    pub endpoints: Vec<EndpointId>,
    /// Which of them want what.
    pub(crate) fanout: Fanout,
}

impl Snapshot {
    /// The endpoints of `queue` that want tasks of type `kind`.
    pub(crate) fn matching<'a>(
        &'a self,
        queue: &'a QueueEntry,
        kind: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Endpoint>> {
        let wanting = queue.fanout.matching(kind);
        wanting.filter_map(|id| self.endpoints.get(&id))
    }

    /// The queue of this id, unless it is deleted.
    fn queue(&self, id: QueueId) -> Option<&Arc<QueueEntry>> {
        let name = self.queue_names.get(&id)?;
        self.queues.get(&**name).filter(|queue| queue.id == id)
    }

    /// How long a queue keeps what went through it.
    pub fn retention(&self, id: QueueId) -> Retention {
        self.retentions.get(&id).copied().unwrap_or_default()
    }

    /// The name of a queue, also of a deleted one.
    pub fn queue_name(&self, id: QueueId) -> String {
        self.queue_names
            .get(&id)
            .map_or_else(|| id.to_string(), ToString::to_string)
    }
}

/// Holds the current snapshot, and tells when there is a newer one.
#[derive(Debug)]
pub struct Catalog {
    current: ArcSwap<Snapshot>,
    version: watch::Sender<i64>,
    refreshing: tokio::sync::Mutex<()>,
}

impl Default for Catalog {
    fn default() -> Self {
        Self {
            current: ArcSwap::default(),
            version: watch::Sender::new(0),
            refreshing: tokio::sync::Mutex::default(),
        }
    }
}

impl Catalog {
    /// What this node knows now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Tells of every newer version.
    pub fn watch(&self) -> watch::Receiver<i64> {
        self.version.subscribe()
    }
}

impl Queue {
    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// The queue of this name. Looks into the database once before it says that there is none: another node may just have made it.
    pub async fn find_queue(&self, name: &str) -> Result<Arc<QueueEntry>> {
        if let Some(queue) = self.inner.catalog.snapshot().queues.get(name) {
            return Ok(queue.clone());
        }
        self.refresh_catalog().await?;
        let snapshot = self.inner.catalog.snapshot();
        snapshot.queues.get(name).cloned().ok_or_else(|| no_queue(name))
    }

    /// The name of the queue of this id, also of a deleted one. Looks into the database once in the same way.
    pub async fn find_queue_name(&self, id: QueueId) -> Result<Option<Arc<str>>> {
        if let Some(name) = self.inner.catalog.snapshot().queue_names.get(&id) {
            return Ok(Some(name.clone()));
        }
        self.refresh_catalog().await?;
        Ok(self.inner.catalog.snapshot().queue_names.get(&id).cloned())
    }

    /// The endpoint of this id, in the same way.
    pub async fn find_endpoint(&self, id: EndpointId) -> Result<Arc<Endpoint>> {
        if let Some(endpoint) = self.inner.catalog.snapshot().endpoints.get(&id) {
            return Ok(endpoint.clone());
        }
        self.refresh_catalog().await?;
        let snapshot = self.inner.catalog.snapshot();
        snapshot
            .endpoints
            .get(&id)
            .cloned()
            .ok_or_else(|| no_endpoint(id))
    }

    /// Reads what is newer than what this node knows. One small statement when nothing is.
    pub async fn refresh_catalog(&self) -> Result<()> {
        let catalog = &self.inner.catalog;
        let _one_at_a_time = catalog.refreshing.lock().await;
        let pool = &self.inner.pool;
        let version = sqlx::query_scalar!("-- catalog version\nSELECT version FROM catalog")
            .fetch_one(pool)
            .await?;
        let known = catalog.current.load_full();
        if version == known.version {
            return Ok(());
        }
        let mut next = Snapshot::clone(&known);
        let mut changed = Changed::default();
        self.read_queues(&mut next, known.version, &mut changed).await?;
        self.read_endpoints(&mut next, known.version, &mut changed)
            .await?;
        self.read_changed_keys(&mut next, known.version).await?;
        self.read_changed_users(&mut next, known.version).await?;
        link::link(&mut next, &known, &changed, &self.inner.config.defaults);
        next.version = version;
        catalog.current.store(Arc::new(next));
        catalog.version.send_replace(version);
        Ok(())
    }

    async fn read_queues(&self, next: &mut Snapshot, known: i64, changed: &mut Changed) -> Result<()> {
        let rows = sqlx::query!(
            r#"-- catalog: changed queues
            SELECT id, name, settings AS "settings: Json<DeliverySettings>", max_depth, paused, deleted_at FROM queues WHERE changed > $1"#,
            known
        )
        .fetch_all(&self.inner.pool)
        .await?;
        for row in rows {
            changed.queues.insert(row.id);
            next.queue_names.insert(row.id, row.name.as_str().into());
            match &row.settings.retention {
                Some(policy) => next.retentions.insert(row.id, Retention::of(Some(policy))),
                None => next.retentions.remove(&row.id),
            };
            let pointers = row.settings.redact.as_deref().unwrap_or_default();
            match Redaction::of(pointers) {
                Some(redaction) => next.redactions.insert(row.id, Arc::new(redaction)),
                None => next.redactions.remove(&row.id),
            };
            if row.deleted_at.is_some() {
                if next.queues.get(&row.name).is_some_and(|queue| queue.id == row.id) {
                    next.queues.remove(&row.name);
                }
                continue;
            }
            let entry = QueueEntry {
                id: row.id,
                name: row.name.clone(),
                settings: row.settings.0,
                max_depth: row.max_depth.and_then(|limit| u64::try_from(limit).ok()),
                paused: row.paused,
                endpoints: vec![],
                fanout: Fanout::default(),
            };
            next.queues.insert(row.name, Arc::new(entry));
        }
        Ok(())
    }

    async fn read_endpoints(&self, next: &mut Snapshot, known: i64, changed: &mut Changed) -> Result<()> {
        let rows = sqlx::query!(
            r#"-- catalog: changed endpoints
            SELECT id, queue_id, shard, url, filter, headers AS "headers: Json<BTreeMap<String, String>>", auth_sealed,
                settings AS "settings: Json<DeliverySettings>", status, deleted_at
            FROM endpoints WHERE changed > $1"#,
            known
        )
        .fetch_all(&self.inner.pool)
        .await?;
        if rows.is_empty() {
            return Ok(());
        }
        let ids: Vec<EndpointId> = rows.iter().map(|row| row.id).collect();
        let mut signers = self.read_signers(&ids).await?;
        for row in rows {
            changed.endpoints.insert(row.id);
            if row.deleted_at.is_some() {
                next.endpoints.remove(&row.id);
                continue;
            }
            let url = row
                .url
                .parse()
                .map_err(|e| Error::corrupt("endpoints", "url", row.id, e))?;
            let endpoint = Endpoint {
                id: row.id,
                queue_id: row.queue_id,
                queue: String::new(),
                shard: u8::try_from(row.shard)
                    .map_err(|e| Error::corrupt("endpoints", "shard", row.id, e))?,
                url,
                filter: row.filter,
                headers: row.headers.0,
                auth: self.open_auth(row.id, row.auth_sealed.as_deref())?,
                own: row.settings.0,
                settings: self.inner.config.defaults.clone(),
                status: parse_status(&row.status)
                    .ok_or_else(|| Error::corrupt("endpoints", "status", row.id, &row.status))?,
                queue_paused: false,
                signers: signers.remove(&row.id).unwrap_or_default(),
            };
            next.endpoints.insert(row.id, Arc::new(endpoint));
        }
        Ok(())
    }
}

/// The status that a word in the database names.
pub(crate) fn parse_status(word: &str) -> Option<EndpointStatus> {
    match word {
        "enabled" => Some(EndpointStatus::Enabled),
        "paused" => Some(EndpointStatus::Paused),
        "disabled" => Some(EndpointStatus::Disabled),
        _ => None,
    }
}
