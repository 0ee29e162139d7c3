//! When keys were used: noted in memory, written now and then.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{db::Queue, error::Result};

/// How much later than what is written a use must be to be worth writing, in milliseconds.
const WORTH: i64 = 60_000;

/// A key's last use, and the last that was written, in milliseconds since 1970; 0 for never.
#[derive(Debug, Default)]
pub struct Uses {
    last: AtomicI64,
    written: AtomicI64,
}

impl Uses {
    /// Those of a key of which this use is written.
    pub(crate) fn written(at: Option<DateTime<Utc>>) -> Self {
        let ms = at.map_or(0, |at| at.timestamp_millis());
        Self {
            last: ms.into(),
            written: ms.into(),
        }
    }

    /// Notes a use. On the way of every request: most only read.
    pub(crate) fn note(&self, now: DateTime<Utc>) {
        let now = now.timestamp_millis();
        if now - self.last.load(Relaxed) >= 1_000 {
            self.last.store(now, Relaxed);
        }
    }

    /// The last use, if it is worth writing.
    fn unwritten(&self) -> Option<i64> {
        let last = self.last.load(Relaxed);
        (last - self.written.load(Relaxed) >= WORTH).then_some(last)
    }
}

impl Queue {
    /// Writes the uses that are a minute later than what was written of their keys; returns how many keys. For a chore.
    pub async fn flush_key_uses(&self) -> Result<usize> {
        let snapshot = self.catalog().snapshot();
        let unwritten: Vec<(Uuid, i64, &Uses)> = snapshot
            .keys
            .values()
            .filter_map(|key| Some((key.id, key.uses.unwritten()?, &*key.uses)))
            .collect();
        if unwritten.is_empty() {
            return Ok(0);
        }
        let ids: Vec<Uuid> = unwritten.iter().map(|(id, ..)| *id).collect();
        let times: Vec<DateTime<Utc>> = unwritten
            .iter()
            .map(|(_, at, _)| DateTime::from_timestamp_millis(*at).unwrap_or_default())
            .collect();
        // Several nodes write the same keys: in one order they never wait for each other in a circle.
        sqlx::query!(
            "-- flush key uses
            WITH later AS (
                SELECT k.id, g.at FROM unnest($1::uuid[], $2::timestamptz[]) AS g (id, at) JOIN api_keys k ON k.id = g.id
                WHERE k.last_used_at IS NULL OR k.last_used_at < g.at ORDER BY k.id FOR UPDATE OF k
            )
            UPDATE api_keys k SET last_used_at = later.at FROM later WHERE k.id = later.id",
            &ids,
            &times
        )
        .execute(&self.inner.pool)
        .await?;
        for (_, at, uses) in &unwritten {
            uses.written.store(*at, Relaxed);
        }
        Ok(unwritten.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_worth_writing_a_minute_after_the_last_one_written() {
        let at = |ms: i64| DateTime::from_timestamp_millis(1_700_000_000_000 + ms).unwrap();
        let uses = Uses::default();
        assert_eq!(uses.unwritten(), None);
        uses.note(at(0));
        assert_eq!(uses.unwritten(), Some(at(0).timestamp_millis()));
        let uses = Uses::written(Some(at(0)));
        for (used, worth) in [
            (500, None),
            (59_999, None),
            (60_999, Some(60_999)),
            (61_500, Some(60_999)),
        ] {
            uses.note(at(used));
            assert_eq!(
                uses.unwritten(),
                worth.map(|ms| at(ms).timestamp_millis()),
                "{used}"
            );
        }
    }
}
