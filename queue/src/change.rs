//! A change of the catalog: one transaction, one new version, one notification.

use sqlx::{Postgres, Transaction};

use crate::{db::Queue, error::Result};

/// The channel on which nodes hear that the catalog changed.
pub(crate) const CHANNEL: &str = "posthaste_catalog";

/// An open change. Its transaction holds the catalog's row, so that versions are committed in their order. Dropped, it is undone.
pub(crate) struct Change {
    pub(crate) tx: Transaction<'static, Postgres>,
    /// The version this change makes: goes into `changed` of every row it touches.
    pub(crate) version: i64,
}

impl Queue {
    pub(crate) async fn begin_change(&self) -> Result<Change> {
        let mut tx = self.inner.pool.begin().await?;
        let version =
            sqlx::query_scalar!("-- change\nUPDATE catalog SET version = version + 1 RETURNING version")
                .fetch_one(&mut *tx)
                .await?;
        Ok(Change { tx, version })
    }
}

impl Change {
    /// Commits, and makes this node know: whoever reads its own change finds it.
    pub(crate) async fn commit(mut self, queue: &Queue) -> Result<()> {
        sqlx::query!("-- notify\nSELECT pg_notify($1, '')", CHANNEL)
            .execute(&mut *self.tx)
            .await?;
        self.tx.commit().await?;
        queue.refresh_catalog().await
    }
}
