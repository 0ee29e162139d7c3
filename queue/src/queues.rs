//! Queues: make, read, list, change, pause, delete.

use chrono::{DateTime, Utc};
use proto::{DeliverySettings, EventKind, NewQueue, QueueUpdate};
use sqlx::types::Json;

use crate::{
    audit::{Action, Deed},
    db::Queue,
    endpoint::{check_description, check_queue_name},
    error::{Error, Problems, Result},
    rights::Reach,
    settings,
};

struct Row {
    id: uuid::Uuid,
    name: String,
    description: String,
    settings: Json<DeliverySettings>,
    max_depth: Option<i64>,
    depth: i64,
    paused: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Row {
    fn into_queue(self, queue: &Queue) -> proto::Queue {
        let endpoints = queue
            .catalog()
            .snapshot()
            .queues
            .get(&self.name)
            .map_or(0, |entry| entry.endpoints.len());
        proto::Queue {
            id: self.id,
            name: self.name,
            description: self.description,
            settings: self.settings.0,
            max_depth: self.max_depth.and_then(|most| u64::try_from(most).ok()),
            depth: u64::try_from(self.depth).unwrap_or(0),
            paused: self.paused,
            endpoints: endpoints as u64,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

impl Queue {
    /// Makes a queue. A name that is taken is a conflict.
    pub async fn make_queue(&self, new: NewQueue, now: DateTime<Utc>) -> Result<proto::Queue> {
        let mut problems = Problems::default();
        check_queue_name(&new.name, &mut problems);
        check_description(&new.description, &mut problems);
        settings::check(&new.settings, "settings", &mut problems);
        let max_depth = checked_depth(new.max_depth, &mut problems);
        problems.finish()?;
        let id = self.mint(now);
        let mut change = self.begin_change().await?;
        let made = sqlx::query_as!(
            Row,
            r#"-- make queue
            INSERT INTO queues (id, name, description, settings, max_depth, created_at, updated_at, changed) VALUES ($1, $2, $3, $4, $7, $5, $5, $6)
            ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING
            RETURNING id, name, description, settings AS "settings: Json<DeliverySettings>", max_depth, paused, created_at, updated_at,
                coalesce((SELECT sum(deliveries) FROM depths WHERE queue_id = queues.id), 0)::bigint AS "depth!""#,
            id,
            new.name,
            new.description,
            Json(&new.settings) as _,
            now,
            change.version,
            max_depth
        )
        .fetch_optional(&mut *change.tx)
        .await?
        .ok_or_else(|| Error::Conflict(format!("there is a queue {:?} already", new.name)))?;
        change.commit(self).await?;
        self.tell_queue(EventKind::QueueCreated, id, now);
        Ok(made.into_queue(self))
    }

    /// Reads a queue.
    pub async fn read_queue(&self, name: &str) -> Result<proto::Queue> {
        let row = sqlx::query_as!(
            Row,
            r#"-- read queue
            SELECT id, name, description, settings AS "settings: Json<DeliverySettings>", max_depth, paused, created_at, updated_at,
                coalesce((SELECT sum(deliveries) FROM depths WHERE queue_id = queues.id), 0)::bigint AS "depth!"
            FROM queues WHERE name = $1 AND deleted_at IS NULL"#,
            name
        )
        .fetch_optional(&self.inner.pool)
        .await?;
        row.map(|row| row.into_queue(self)).ok_or_else(|| no_queue(name))
    }

    /// Lists the queues within `reach` by name, those after `after`, at most `limit`.
    pub async fn list_queues(
        &self,
        reach: &Reach,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<proto::Queue>> {
        let rows = sqlx::query_as!(
            Row,
            r#"-- list queues
            SELECT id, name, description, settings AS "settings: Json<DeliverySettings>", max_depth, paused, created_at, updated_at,
                coalesce((SELECT sum(deliveries) FROM depths WHERE queue_id = queues.id), 0)::bigint AS "depth!"
            FROM queues WHERE deleted_at IS NULL AND name > $1 AND ($3::text[] IS NULL OR name LIKE ANY ($3))
            ORDER BY name LIMIT $2"#,
            after.unwrap_or(""),
            limit,
            reach.likes() as _
        )
        .fetch_all(&self.inner.pool)
        .await?;
        Ok(rows.into_iter().map(|row| row.into_queue(self)).collect())
    }

    /// Changes a queue's description or settings.
    pub async fn update_queue(
        &self,
        name: &str,
        update: QueueUpdate,
        now: DateTime<Utc>,
    ) -> Result<proto::Queue> {
        let mut change = self.begin_change().await?;
        // The change holds the catalog's row, so nobody else changes this queue between the reading and the writing.
        let current = sqlx::query!(
            r#"-- update queue: read
            SELECT description, settings AS "settings: Json<DeliverySettings>", max_depth FROM queues WHERE name = $1 AND deleted_at IS NULL"#,
            name
        )
        .fetch_optional(&mut *change.tx)
        .await?
        .ok_or_else(|| no_queue(name))?;
        let mut problems = Problems::default();
        let description = update.description.unwrap_or(current.description);
        check_description(&description, &mut problems);
        let settings = patched(&current.settings.0, update.settings)?;
        settings::check(&settings, "settings", &mut problems);
        let max_depth = match update.max_depth {
            None => current.max_depth,
            Some(limit) => checked_depth(limit, &mut problems),
        };
        problems.finish()?;
        let row = sqlx::query_as!(
            Row,
            r#"-- update queue
            UPDATE queues SET description = $2, settings = $3, max_depth = $6, updated_at = $4, changed = $5 WHERE name = $1 AND deleted_at IS NULL
            RETURNING id, name, description, settings AS "settings: Json<DeliverySettings>", max_depth, paused, created_at, updated_at,
                coalesce((SELECT sum(deliveries) FROM depths WHERE queue_id = queues.id), 0)::bigint AS "depth!""#,
            name,
            description,
            Json(&settings) as _,
            now,
            change.version,
            max_depth
        )
        .fetch_one(&mut *change.tx)
        .await?;
        change.commit(self).await?;
        self.tell_queue(EventKind::QueueUpdated, row.id, now);
        Ok(row.into_queue(self))
    }

    /// Pauses a queue, or lets it go on. Tasks are accepted all the while.
    pub async fn pause_queue(&self, name: &str, paused: bool, now: DateTime<Utc>) -> Result<proto::Queue> {
        let mut change = self.begin_change().await?;
        let was_paused = sqlx::query_scalar!(
            "-- pause queue: read\nSELECT paused FROM queues WHERE name = $1 AND deleted_at IS NULL",
            name
        )
        .fetch_optional(&mut *change.tx)
        .await?
        .ok_or_else(|| no_queue(name))?;
        let row = sqlx::query_as!(
            Row,
            r#"-- pause queue
            UPDATE queues SET paused = $2, updated_at = $3, changed = $4 WHERE name = $1 AND deleted_at IS NULL
            RETURNING id, name, description, settings AS "settings: Json<DeliverySettings>", max_depth, paused, created_at, updated_at,
                coalesce((SELECT sum(deliveries) FROM depths WHERE queue_id = queues.id), 0)::bigint AS "depth!""#,
            name,
            paused,
            now,
            change.version
        )
        .fetch_one(&mut *change.tx)
        .await?;
        change.commit(self).await?;
        if was_paused != paused {
            let kind = if paused {
                EventKind::QueuePaused
            } else {
                EventKind::QueueResumed
            };
            self.tell_queue(kind, row.id, now);
        }
        Ok(row.into_queue(self))
    }

    /// Deletes a queue with its endpoints. What waits for them is swept away in the background.
    pub async fn delete_queue(&self, name: &str, now: DateTime<Utc>) -> Result<()> {
        let mut change = self.begin_change().await?;
        let id = sqlx::query_scalar!(
            "-- delete queue
            UPDATE queues SET deleted_at = $2, updated_at = $2, changed = $3 WHERE name = $1 AND deleted_at IS NULL RETURNING id",
            name,
            now,
            change.version
        )
        .fetch_optional(&mut *change.tx)
        .await?
        .ok_or_else(|| no_queue(name))?;
        let endpoints = sqlx::query_scalar!(
            "-- delete queue: endpoints
            UPDATE endpoints SET deleted_at = $2, updated_at = $2, changed = $3 WHERE queue_id = $1 AND deleted_at IS NULL RETURNING id",
            id,
            now,
            change.version
        )
        .fetch_all(&mut *change.tx)
        .await?;
        let deed = Deed {
            action: Action::QueueDeleted,
            subject: name.to_owned(),
            endpoint: None,
            queues: &[name.to_owned()],
        };
        self.audit(&mut change.tx, deed, now).await?;
        change.commit(self).await?;
        self.tell_endpoints(EventKind::EndpointDeleted, id, &endpoints, None, now);
        self.tell_queue(EventKind::QueueDeleted, id, now);
        Ok(())
    }
}

/// Settings after a merge patch; an error in the patch names the field.
pub(crate) fn patched(
    settings: &DeliverySettings,
    patch: Option<serde_json::Value>,
) -> Result<DeliverySettings> {
    match patch {
        None => Ok(settings.clone()),
        Some(patch) => settings::patch(settings, patch, "settings"),
    }
}

/// A limit as it is kept: at least one, or none.
fn checked_depth(limit: Option<u64>, problems: &mut Problems) -> Option<i64> {
    let limit = limit?;
    let kept = i64::try_from(limit).ok().filter(|limit| *limit > 0);
    problems.require(
        kept.is_some(),
        "max_depth",
        "a number of deliveries from 1 on, or left out for no limit",
    );
    kept
}

/// There is no queue of this name.
pub fn no_queue(name: &str) -> Error {
    Error::NotFound(format!("queue {name:?}"))
}
