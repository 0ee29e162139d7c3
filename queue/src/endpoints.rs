//! Endpoints: register, read, list, change, pause, enable, disable, delete.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use proto::{DeliverySettings, EndpointAuth, EndpointStatus, EndpointUpdate, EventKind, NewEndpoint};
use sqlx::types::Json;

use crate::{
    audit::{Action, Deed},
    catalog,
    change::Change,
    db::Queue,
    disable::{DisabledBy, EnabledBy, Turn, Turned},
    endpoint::{self, shard_of},
    error::{Error, Problems, Result},
    id::EndpointId,
    queues::patched,
};

struct Row {
    id: EndpointId,
    queue: String,
    url: String,
    description: String,
    filter: Vec<String>,
    headers: Json<BTreeMap<String, String>>,
    auth_shown: Option<Json<EndpointAuth>>,
    settings: Json<DeliverySettings>,
    status: String,
    disabled_reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Row {
    fn into_endpoint(self) -> Result<proto::Endpoint> {
        let status = catalog::parse_status(&self.status)
            .ok_or_else(|| Error::corrupt("endpoints", "status", self.id, &self.status))?;
        Ok(proto::Endpoint {
            id: self.id,
            queue: self.queue,
            url: self.url,
            description: self.description,
            filter: self.filter,
            headers: self.headers.0,
            auth: self.auth_shown.map(|auth| auth.0),
            settings: self.settings.0,
            status,
            disabled_reason: self.disabled_reason,
            secret: None,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// The word of a status in the database.
fn status_word(status: EndpointStatus) -> &'static str {
    match status {
        EndpointStatus::Enabled => "enabled",
        EndpointStatus::Paused => "paused",
        EndpointStatus::Disabled => "disabled",
    }
}

/// What is told when an endpoint's status becomes another.
fn status_event(before: Option<EndpointStatus>, after: EndpointStatus) -> Option<EventKind> {
    use EndpointStatus::{Disabled, Enabled, Paused};
    match (before, after) {
        (Some(before), after) if before == after => None,
        (_, Paused) => Some(EventKind::EndpointPaused),
        (_, Disabled) => Some(EventKind::EndpointDisabled),
        (Some(Paused), Enabled) => Some(EventKind::EndpointResumed),
        (_, Enabled) => Some(EventKind::EndpointEnabled),
    }
}

impl Queue {
    /// Registers an endpoint on a queue. The answer is the only one that carries its secret.
    pub async fn make_endpoint(
        &self,
        queue: &str,
        new: NewEndpoint,
        now: DateTime<Utc>,
    ) -> Result<proto::Endpoint> {
        let mut problems = Problems::default();
        let url = endpoint::check(&new, &mut problems);
        let secret = self.secret_of(new.secret.as_deref(), new.scheme, &mut problems);
        problems.finish()?;
        let (Some(url), Some(secret)) = (url, secret) else {
            return Err(Error::invalid("url", "cannot be read"));
        };
        let id = self.mint(now);
        let auth = self.seal_auth(id, new.auth.as_ref())?;
        let mut change = self.begin_change().await?;
        let queue_id = sqlx::query_scalar!(
            "-- find queue\nSELECT id FROM queues WHERE name = $1 AND deleted_at IS NULL",
            queue
        )
        .fetch_optional(&mut *change.tx)
        .await?
        .ok_or_else(|| Error::NotFound(format!("queue {queue:?}")))?;
        sqlx::query!(
            "-- make endpoint
            INSERT INTO endpoints (id, queue_id, shard, url, description, filter, headers, settings, created_at, updated_at, changed,
                auth_sealed, auth_key_id, auth_shown)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, CASE WHEN $11::bytea IS NOT NULL THEN $12 END, $13)",
            id,
            queue_id,
            i16::from(shard_of(id)),
            url.as_str(),
            new.description,
            &new.filter,
            Json(&new.headers) as _,
            Json(&new.settings) as _,
            now,
            change.version,
            auth.as_ref().map(|auth| auth.bytes.as_slice()),
            self.inner.vault.key_id(),
            auth.as_ref().map(|auth| &auth.shown) as _
        )
        .execute(&mut *change.tx)
        .await?;
        if auth.is_some() {
            self.audit_auth(&mut change, id, queue, now).await?;
        }
        self.insert_secret(&mut change, id, queue, &secret, now).await?;
        change.commit(self).await?;
        self.tell_endpoints(EventKind::EndpointCreated, queue_id, &[id], None, now);
        let mut made = self.read_endpoint(id).await?;
        made.secret = Some(secret.reveal());
        Ok(made)
    }

    async fn audit_auth(
        &self,
        change: &mut Change,
        id: EndpointId,
        queue: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let deed = Deed {
            action: Action::AuthChanged,
            subject: id.to_string(),
            endpoint: Some(id),
            queues: &[queue.to_owned()],
        };
        self.audit(&mut change.tx, deed, now).await
    }

    /// Reads an endpoint.
    pub async fn read_endpoint(&self, id: EndpointId) -> Result<proto::Endpoint> {
        sqlx::query_as!(
            Row,
            r#"-- read endpoint
            SELECT e.id, q.name AS queue, e.url, e.description, e.filter, e.headers AS "headers: Json<BTreeMap<String, String>>",
                e.auth_shown AS "auth_shown: Json<EndpointAuth>", e.settings AS "settings: Json<DeliverySettings>", e.status, e.disabled_reason, e.created_at, e.updated_at
            FROM endpoints e JOIN queues q ON q.id = e.queue_id WHERE e.id = $1 AND e.deleted_at IS NULL"#,
            id
        )
        .fetch_optional(&self.inner.pool)
        .await?
        .ok_or_else(|| no_endpoint(id))?
        .into_endpoint()
    }

    /// Lists the endpoints of a queue, oldest first, those after `after`, at most `limit`.
    pub async fn list_endpoints(
        &self,
        queue: &str,
        after: Option<EndpointId>,
        limit: i64,
    ) -> Result<Vec<proto::Endpoint>> {
        let queue_id = self.find_queue(queue).await?.id;
        let rows = sqlx::query_as!(
            Row,
            r#"-- list endpoints
            SELECT e.id, q.name AS queue, e.url, e.description, e.filter, e.headers AS "headers: Json<BTreeMap<String, String>>",
                e.auth_shown AS "auth_shown: Json<EndpointAuth>", e.settings AS "settings: Json<DeliverySettings>", e.status, e.disabled_reason, e.created_at, e.updated_at
            FROM endpoints e JOIN queues q ON q.id = e.queue_id
            WHERE e.queue_id = $1 AND e.id > $2 AND e.deleted_at IS NULL ORDER BY e.id LIMIT $3"#,
            queue_id,
            after.unwrap_or_default(),
            limit
        )
        .fetch_all(&self.inner.pool)
        .await?;
        rows.into_iter().map(Row::into_endpoint).collect()
    }

    /// Changes an endpoint.
    pub async fn update_endpoint(
        &self,
        id: EndpointId,
        update: EndpointUpdate,
        now: DateTime<Utc>,
    ) -> Result<proto::Endpoint> {
        let mut change = self.begin_change().await?;
        let current = sqlx::query!(
            r#"-- update endpoint: read
            SELECT e.queue_id, q.name AS queue, e.url, e.description, e.filter, e.headers AS "headers: Json<BTreeMap<String, String>>",
                e.settings AS "settings: Json<DeliverySettings>"
            FROM endpoints e JOIN queues q ON q.id = e.queue_id WHERE e.id = $1 AND e.deleted_at IS NULL"#,
            id
        )
        .fetch_optional(&mut *change.tx)
        .await?
        .ok_or_else(|| no_endpoint(id))?;
        let next = NewEndpoint {
            url: update.url.unwrap_or(current.url),
            description: update.description.unwrap_or(current.description),
            filter: update.filter.unwrap_or(current.filter),
            headers: update.headers.unwrap_or(current.headers.0),
            auth: update.auth.clone().flatten(),
            settings: patched(&current.settings.0, update.settings)?,
            scheme: None,
            secret: None,
        };
        let mut problems = Problems::default();
        let url = endpoint::check(&next, &mut problems);
        problems.finish()?;
        sqlx::query!(
            "-- update endpoint
            UPDATE endpoints SET url = $2, description = $3, filter = $4, headers = $5, settings = $6, updated_at = $7, changed = $8 WHERE id = $1",
            id,
            url.as_ref().map_or(next.url.as_str(), url::Url::as_str),
            next.description,
            &next.filter,
            Json(&next.headers) as _,
            Json(&next.settings) as _,
            now,
            change.version
        )
        .execute(&mut *change.tx)
        .await?;
        if update.auth.is_some() {
            let auth = self.seal_auth(id, next.auth.as_ref())?;
            sqlx::query!(
                "-- update endpoint: auth
                UPDATE endpoints SET auth_sealed = $2, auth_key_id = CASE WHEN $2::bytea IS NOT NULL THEN $3 END, auth_shown = $4 WHERE id = $1",
                id,
                auth.as_ref().map(|auth| auth.bytes.as_slice()),
                self.inner.vault.key_id(),
                auth.as_ref().map(|auth| &auth.shown) as _
            )
            .execute(&mut *change.tx)
            .await?;
            self.audit_auth(&mut change, id, &current.queue, now).await?;
        }
        change.commit(self).await?;
        self.tell_endpoints(EventKind::EndpointUpdated, current.queue_id, &[id], None, now);
        self.read_endpoint(id).await
    }

    /// Enables or pauses an endpoint. An endpoint that was disabled is enabled again, not paused.
    pub async fn set_endpoint_status(
        &self,
        id: EndpointId,
        status: EndpointStatus,
        now: DateTime<Utc>,
    ) -> Result<proto::Endpoint> {
        let turn = match status {
            EndpointStatus::Enabled => Turn::Enabled(EnabledBy::Hand),
            EndpointStatus::Paused => Turn::Paused,
            EndpointStatus::Disabled => Turn::Disabled(DisabledBy::Hand, "disabled by hand"),
        };
        self.write_status(id, turn, now).await?;
        self.read_endpoint(id).await
    }

    /// Writes a status, and tells whoever is to be told. Whether it was another before.
    pub(crate) async fn write_status(
        &self,
        id: EndpointId,
        turn: Turn<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        self.write_status_if(id, turn, now, |_, _| true).await
    }

    /// The same, if the endpoint's URL and status are still what is wanted.
    pub(crate) async fn write_status_if(
        &self,
        id: EndpointId,
        turn: Turn<'_>,
        now: DateTime<Utc>,
        is_wanted: impl Fn(&str, Option<EndpointStatus>) -> bool,
    ) -> Result<bool> {
        let (by, reason) = turn.why().unzip();
        let mut change = self.begin_change().await?;
        let before = sqlx::query!(
            "-- endpoint status: read
            SELECT e.queue_id, q.name AS queue, e.url, e.status FROM endpoints e JOIN queues q ON q.id = e.queue_id
            WHERE e.id = $1 AND e.deleted_at IS NULL",
            id
        )
        .fetch_optional(&mut *change.tx)
        .await?
        .ok_or_else(|| no_endpoint(id))?;
        let was = catalog::parse_status(&before.status);
        if !is_wanted(&before.url, was) {
            return Ok(false);
        }
        sqlx::query!(
            "-- endpoint status
            UPDATE endpoints SET status = $2, disabled_reason = $3, disabled_by = $6, updated_at = $4, changed = $5 WHERE id = $1",
            id,
            status_word(turn.status()),
            reason,
            now,
            change.version,
            by.map(DisabledBy::as_str)
        )
        .execute(&mut *change.tx)
        .await?;
        let event = status_event(was, turn.status());
        let turned = Turned {
            id,
            queue_id: before.queue_id,
            queue: &before.queue,
            url: &before.url,
        };
        let noted = event.is_some() && self.note_turn(&mut change.tx, turned, turn, now).await?;
        change.commit(self).await?;
        if let Some(kind) = event {
            self.tell_endpoints(kind, before.queue_id, &[id], reason, now);
        }
        if noted {
            self.tell_soon(now).await;
        }
        Ok(event.is_some())
    }

    /// Deletes an endpoint. What waits for it is swept away in the background.
    pub async fn delete_endpoint(&self, id: EndpointId, now: DateTime<Utc>) -> Result<()> {
        let mut change = self.begin_change().await?;
        let queue = sqlx::query!(
            "-- delete endpoint
            UPDATE endpoints AS e SET deleted_at = $2, updated_at = $2, changed = $3 FROM queues AS q
            WHERE e.id = $1 AND e.deleted_at IS NULL AND q.id = e.queue_id RETURNING q.id, q.name",
            id,
            now,
            change.version
        )
        .fetch_optional(&mut *change.tx)
        .await?
        .ok_or_else(|| no_endpoint(id))?;
        let deed = Deed {
            action: Action::EndpointDeleted,
            subject: id.to_string(),
            endpoint: Some(id),
            queues: &[queue.name],
        };
        self.audit(&mut change.tx, deed, now).await?;
        change.commit(self).await?;
        self.tell_endpoints(EventKind::EndpointDeleted, queue.id, &[id], None, now);
        Ok(())
    }
}

/// There is no endpoint of this id.
pub fn no_endpoint(id: EndpointId) -> Error {
    Error::NotFound(format!("endpoint {id}"))
}
