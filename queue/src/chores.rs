//! Chores: what one node at a time does. Who does it holds a lease in the table `chores`, by the database's clock; each transaction of a
//! chore locks its row and names the holder, so one that lost the lease does nothing more.

use std::time::Duration;

use sqlx::PgConnection;

use crate::{db::Queue, error::Result};

/// A chore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chore {
    /// Letting go of what is kept no longer.
    Storage,
    /// Telling those who run the installation what they must know.
    Notices,
}

impl Chore {
    /// Its name in the table.
    fn name(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Notices => "notices",
        }
    }

    /// How long the node that does it is not asked whether it lives: longer than any of its transactions takes.
    fn lease(self) -> Duration {
        match self {
            Self::Storage => Duration::from_mins(2),
            Self::Notices => Duration::from_secs(30),
        }
    }
}

impl Queue {
    /// Takes a chore if nobody has it, or goes on having it.
    pub(crate) async fn take_chore(&self, chore: Chore) -> Result<bool> {
        let taken = sqlx::query!(
            "-- chore: take
            UPDATE chores SET holder = $2, leased_until = now() + make_interval(secs => $3)
            WHERE name = $1 AND (holder = $2 OR leased_until IS NULL OR leased_until < now())",
            chore.name(),
            self.inner.process,
            chore.lease().as_secs_f64()
        )
        .execute(&self.inner.pool)
        .await?;
        Ok(taken.rows_affected() == 1)
    }

    /// Locks the chore's row for a transaction, and renews the lease; `false` if another node has it.
    pub(crate) async fn holds_chore(
        &self,
        chore: Chore,
        connection: &mut PgConnection,
    ) -> Result<bool, sqlx::Error> {
        let held = sqlx::query!(
            "-- chore: hold
            UPDATE chores SET leased_until = now() + make_interval(secs => $3) WHERE name = $1 AND holder = $2",
            chore.name(),
            self.inner.process,
            chore.lease().as_secs_f64()
        )
        .execute(connection)
        .await?;
        Ok(held.rows_affected() == 1)
    }
}
