//! Rows as PostgreSQL receives them: the types `new_task` and `new_delivery_in_order` of the migrations, encoded without a copy.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use proto::RetryPolicy;
use sqlx::{
    Postgres, Type,
    postgres::{PgHasArrayType, PgTypeInfo},
    types::Json,
};

use super::rows::Rows;
use crate::{
    id::{DeliveryId, EndpointId, QueueId, TaskId},
    ordering,
};

#[derive(sqlx::Encode)]
pub(super) struct NewTask<'a> {
    id: TaskId,
    queue_id: QueueId,
    kind: &'a str,
    content_type: &'a str,
    payload: &'a [u8],
    headers: Option<Json<&'a BTreeMap<String, String>>>,
    priority: i16,
    due_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    retry: Option<Json<&'a RetryPolicy>>,
    idempotency_key: Option<&'a str>,
    fingerprint: Option<&'a [u8]>,
    fanout: i32,
}

#[derive(sqlx::Encode)]
pub(super) struct NewDelivery<'a> {
    id: DeliveryId,
    task_id: TaskId,
    queue_id: QueueId,
    endpoint_id: EndpointId,
    due_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    size: i32,
    priority: i16,
    purpose: i16,
    ordering_key: Option<&'a str>,
}

impl Type<Postgres> for NewTask<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("new_task")
    }
}

impl PgHasArrayType for NewTask<'_> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::array_of("new_task")
    }
}

impl Type<Postgres> for NewDelivery<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("new_delivery_in_order")
    }
}

impl PgHasArrayType for NewDelivery<'_> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::array_of("new_delivery_in_order")
    }
}

impl Rows {
    pub(super) fn new_tasks(&self) -> Vec<NewTask<'_>> {
        let new = self.tasks.iter().map(|row| {
            let content = &*row.content;
            NewTask {
                id: content.id,
                queue_id: content.queue_id,
                kind: &content.kind,
                content_type: &content.content_type,
                payload: &content.payload,
                headers: (!content.headers.is_empty()).then_some(Json(&content.headers)),
                priority: i16::from(row.priority),
                due_at: row.due_at,
                expires_at: row.expires_at,
                retry: content.retry.as_ref().map(Json),
                idempotency_key: row.idempotency_key.as_deref(),
                fingerprint: row.fingerprint.as_ref().map(<[u8; 32]>::as_slice),
                fanout: i32::try_from(row.fanout).unwrap_or(i32::MAX),
            }
        });
        new.collect()
    }

    pub(super) fn new_deliveries(&self) -> Vec<NewDelivery<'_>> {
        let new = self.deliveries.iter().map(|row| {
            let task = &self.tasks[row.task];
            let priority = i16::from(task.priority);
            NewDelivery {
                id: row.id,
                task_id: task.id(),
                queue_id: task.content.queue_id,
                endpoint_id: row.endpoint_id,
                due_at: task.due_at,
                expires_at: task.expires_at,
                size: i32::try_from(task.content.payload.len()).unwrap_or(i32::MAX),
                // In order means behind others: whether there are any is seen when it is released.
                priority: if row.ordering_key.is_some() {
                    ordering::held(priority)
                } else {
                    priority
                },
                purpose: task.purpose.code(),
                ordering_key: row.ordering_key.as_deref(),
            }
        });
        new.collect()
    }
}
