//! What the database takes on disk, and what comes of it: from the catalog's statistics, never by counting.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use proto::{Disk, Forecast, Storage, StoragePartition, StorageTable};

use crate::{
    db::Queue,
    error::Result,
    partition::{Stretch, Table},
    retention::Retention,
};

/// Over how many of the last days the pace is taken.
const PACE: TimeDelta = TimeDelta::days(7);

/// How far a forecast goes, in days.
const HORIZON: i64 = 365;

/// Whether there will be room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outlook {
    pub(crate) database_bytes: u64,
    /// What the database may take.
    pub(crate) room_bytes: u64,
    /// What comes in a day.
    pub(crate) bytes_per_day: u64,
    /// When there is none left, if that is within a year.
    pub(crate) full_at: Option<DateTime<Utc>>,
}

/// A relation's sizes.
struct Sizes {
    name: String,
    bytes: i64,
    index_bytes: i64,
    toast_bytes: i64,
    rows: f64,
    dead_rows: i64,
    vacuumed_at: Option<DateTime<Utc>>,
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate of rows, -1 where there is none"
)]
fn estimate(rows: f64) -> u64 {
    rows.max(0.0) as u64
}

impl Queue {
    /// What the database takes. `disk`: what is known of the disk that it lies on.
    pub async fn storage(&self, disk: Option<Disk>, now: DateTime<Utc>) -> Result<Storage> {
        let partitions = self.partitions().await?;
        let mut sizes: HashMap<String, Sizes> = self
            .sizes()
            .await?
            .into_iter()
            .map(|one| (one.name.clone(), one))
            .collect();
        let compacted = self.compactions().await?;
        let mut shown = vec![];
        let mut sums: BTreeMap<Table, StorageTable> = BTreeMap::new();
        for partition in partitions {
            let Some(size) = sizes.remove(&partition.name) else {
                continue;
            };
            let sum = sums.entry(partition.table).or_insert_with(|| StorageTable {
                name: partition.table.name().to_owned(),
                bytes: 0,
                index_bytes: 0,
                toast_bytes: 0,
                rows: 0,
                dead_rows: 0,
                vacuumed_at: None,
            });
            sum.bytes += count(size.bytes);
            sum.index_bytes += count(size.index_bytes);
            sum.toast_bytes += count(size.toast_bytes);
            sum.rows += estimate(size.rows);
            sum.dead_rows += count(size.dead_rows);
            sum.vacuumed_at = sum.vacuumed_at.max(size.vacuumed_at);
            if partition.stretch.is_none_or(|stretch| stretch.from <= now) {
                shown.push(StoragePartition {
                    table: partition.table.name().to_owned(),
                    from: partition.stretch.map(|stretch| stretch.from),
                    to: partition.stretch.map(|stretch| stretch.to),
                    bytes: count(size.bytes),
                    index_bytes: count(size.index_bytes),
                    toast_bytes: count(size.toast_bytes),
                    rows: estimate(size.rows),
                    dead_rows: count(size.dead_rows),
                    compacted_at: compacted.get(&partition.name).copied(),
                    name: partition.name,
                });
            }
        }
        let mut tables: Vec<StorageTable> = sums
            .into_values()
            .chain(sizes.into_values().filter_map(table))
            .collect();
        tables.sort_unstable_by(|a, b| (b.bytes, &a.name).cmp(&(a.bytes, &b.name)));
        shown.sort_unstable_by(|a, b| (&a.from, &a.name).cmp(&(&b.from, &b.name)));
        let database_bytes = self.database_bytes().await?;
        let past = past(&shown, now);
        let keeps = self.longest_keeps();
        Ok(Storage {
            at: now,
            database_bytes,
            oldest_partition: shown
                .iter()
                .filter(|one| one.rows > 0)
                .filter_map(|one| one.from)
                .min(),
            partition_seconds: count(self.partition_length().num_seconds()),
            bytes_per_day: past.pace.map(|(tasks, attempts)| tasks + attempts),
            forecast: forecast(&past, database_bytes, keeps, room_on(disk, database_bytes), now),
            disk,
            tables,
            partitions: shown,
        })
    }

    /// When the database has no room left, by the forecast: the disk's, or `most` bytes where that is less. `None` while that is not known:
    /// there is neither, or not a whole day to go by.
    pub(crate) async fn outlook(
        &self,
        disk: Option<Disk>,
        most: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<Option<Outlook>> {
        let storage = self.storage(disk, now).await?;
        let database_bytes = storage.database_bytes;
        let room = match (room_on(disk, database_bytes), most) {
            (Some(disk), Some(most)) => Some(disk.min(most)),
            (disk, most) => disk.or(most),
        };
        let past = past(&storage.partitions, now);
        let forecast = forecast(&past, database_bytes, self.longest_keeps(), room, now);
        Ok(forecast.zip(room).map(|(forecast, room_bytes)| Outlook {
            database_bytes,
            room_bytes,
            bytes_per_day: storage.bytes_per_day.unwrap_or(0),
            full_at: forecast.disk_full_at,
        }))
    }

    /// All tables of ours. The sizes are those of files: no table is read.
    async fn sizes(&self) -> Result<Vec<Sizes>> {
        Ok(sqlx::query_as!(
            Sizes,
            r#"-- storage: sizes
            SELECT c.relname::text AS "name!", pg_total_relation_size(c.oid) AS "bytes!", pg_indexes_size(c.oid) AS "index_bytes!",
                coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) AS "toast_bytes!", c.reltuples::float8 AS "rows!",
                coalesce(pg_stat_get_dead_tuples(c.oid), 0) AS "dead_rows!",
                greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)) AS vacuumed_at
            FROM pg_class c
            WHERE c.relkind = 'r' AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tasks'::regclass)"#
        )
        .fetch_all(&self.inner.pool)
        .await?)
    }

    /// The partitions that were compacted, and when.
    pub(crate) async fn compactions(&self) -> Result<HashMap<String, DateTime<Utc>>> {
        let rows = sqlx::query!("-- storage: compactions\nSELECT partition, at FROM compactions")
            .fetch_all(&self.inner.pool)
            .await?;
        Ok(rows.into_iter().map(|row| (row.partition, row.at)).collect())
    }

    async fn database_bytes(&self) -> Result<u64> {
        let bytes = sqlx::query_scalar!(
            r#"-- storage: database
            SELECT pg_database_size(current_database()) AS "bytes!""#
        )
        .fetch_one(&self.inner.pool)
        .await?;
        Ok(count(bytes))
    }

    /// The longest that any queue keeps tasks and attempts; `None`: for ever.
    fn longest_keeps(&self) -> [Option<TimeDelta>; 2] {
        let snapshot = self.catalog().snapshot();
        Table::ALL.map(|table| {
            let keeps = snapshot
                .queues
                .values()
                .map(|queue| snapshot.retention(queue.id).of_table(table));
            let standard = Retention::default().of_table(table);
            keeps.fold(
                if snapshot.queues.is_empty() {
                    standard
                } else {
                    Some(TimeDelta::zero())
                },
                |longest, keep| Some(longest?.max(keep?)),
            )
        })
    }
}

fn table(size: Sizes) -> Option<StorageTable> {
    // A table that is being filled in place of a partition is not there for long.
    (!size.name.ends_with("_new")).then(|| StorageTable {
        bytes: count(size.bytes),
        index_bytes: count(size.index_bytes),
        toast_bytes: count(size.toast_bytes),
        rows: estimate(size.rows),
        dead_rows: count(size.dead_rows),
        vacuumed_at: size.vacuumed_at,
        name: size.name,
    })
}

/// What the partitions of the past tell.
#[derive(Debug, Clone, PartialEq)]
struct Past {
    /// Bytes of tasks and of attempts that a day brings.
    pace: Option<(u64, u64)>,
    /// For each table, what its partitions take and when they end.
    held: [Vec<(DateTime<Utc>, u64)>; 2],
}

fn past(partitions: &[StoragePartition], now: DateTime<Utc>) -> Past {
    let mut held = [vec![], vec![]];
    let (mut bytes, mut whole) = ([0u64; 2], [TimeDelta::zero(); 2]);
    for one in partitions {
        let (Some(from), Some(to)) = (one.from, one.to) else {
            continue;
        };
        let at = usize::from(one.table == Table::Attempts.name());
        held[at].push((to, one.bytes));
        let stretch = Stretch { from, to };
        // What is compacted tells nothing of what came, and an empty one is from before the first task.
        let tells =
            one.compacted_at.is_none() && one.rows > 0 && stretch.to <= now && stretch.to > now - PACE;
        if tells {
            bytes[at] += one.bytes;
            whole[at] += stretch.to - stretch.from;
        }
    }
    let daily = |at: usize| {
        let seconds = u128::try_from(whole[at].num_seconds())
            .ok()
            .filter(|seconds| *seconds > 0)?;
        u64::try_from(u128::from(bytes[at]) * 86_400 / seconds).ok()
    };
    let pace = match (daily(0), daily(1)) {
        (None, None) => None,
        (tasks, attempts) => Some((tasks.unwrap_or(0), attempts.unwrap_or(0))),
    };
    Past { pace, held }
}

/// Goes through the days of a year: each brings what the last ones brought, and takes away what no queue keeps any more. `room`: what the
/// database may take, where that is known.
fn forecast(
    past: &Past,
    database: u64,
    keeps: [Option<TimeDelta>; 2],
    room: Option<u64>,
    now: DateTime<Utc>,
) -> Option<Forecast> {
    let (tasks, attempts) = past.pace?;
    let brings = [tasks, attempts];
    let (mut peak, mut full) = (i128::from(database), None);
    for day in 1..=HORIZON {
        let then = now + TimeDelta::days(day);
        let mut size = i128::from(database);
        for table in 0..2 {
            let comes = i128::from(brings[table]);
            let stays = keeps[table].map_or(day, |keep| day.min(keep.num_days().max(0) + 1));
            size += comes * i128::from(stays);
            if let Some(keep) = keeps[table] {
                let gone = past.held[table].iter().filter(|(to, _)| *to + keep <= then);
                size -= gone.map(|(_, bytes)| i128::from(*bytes)).sum::<i128>();
            }
        }
        peak = peak.max(size);
        if full.is_none() && room.is_some_and(|room| size >= i128::from(room)) {
            full = Some(then);
        }
    }
    Some(Forecast {
        peak_bytes: u64::try_from(peak).unwrap_or(u64::MAX),
        disk_full_at: full,
    })
}

/// What the database may take until the disk is full.
fn room_on(disk: Option<Disk>, database: u64) -> Option<u64> {
    disk.map(|disk| database.saturating_add(disk.free_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::days(day)
    }

    fn partition(table: &str, day: i64, bytes: u64) -> StoragePartition {
        StoragePartition {
            table: table.into(),
            name: format!("{table}_{day}"),
            from: Some(at(day)),
            to: Some(at(day + 1)),
            bytes,
            index_bytes: 0,
            toast_bytes: 0,
            rows: 10,
            dead_rows: 0,
            compacted_at: None,
        }
    }

    fn disk(free_bytes: u64) -> Disk {
        Disk {
            total_bytes: 1_000 * GIB,
            free_bytes,
        }
    }

    #[test]
    fn the_pace_is_that_of_whole_days_that_were_not_compacted() {
        let mut all: Vec<_> = (-20..0).map(|day| partition("tasks", day, GIB)).collect();
        for old in &mut all[..13] {
            old.bytes = 1;
            old.compacted_at = Some(at(0));
        }
        all.push(partition("tasks", 0, 17));
        all.extend((-2..0).map(|day| partition("attempts", day, GIB / 2)));
        assert_eq!(past(&all, at(0)).pace, Some((GIB, GIB / 2)));
        assert_eq!(past(&[partition("tasks", 0, 17)], at(0)).pace, None);
    }

    #[test]
    fn what_is_kept_for_a_week_levels_off_and_what_is_kept_for_ever_does_not() {
        let all: Vec<_> = (-7..0).map(|day| partition("tasks", day, GIB)).collect();
        let past = past(&all, at(0));
        let week = [Some(TimeDelta::days(7)); 2];
        let told = forecast(&past, 8 * GIB, week, Some(9 * GIB), at(0)).unwrap();
        assert!(told.peak_bytes <= 10 * GIB, "{told:?}");
        let full = forecast(
            &past,
            8 * GIB,
            [None, None],
            room_on(Some(disk(100 * GIB)), 8 * GIB),
            at(0),
        )
        .unwrap();
        assert_eq!(full.disk_full_at, Some(at(100)));
        assert_eq!(full.peak_bytes, (8 + 365) * GIB);
        let unknown = forecast(&past, 8 * GIB, [None, None], None, at(0)).unwrap();
        assert_eq!(unknown.disk_full_at, None);
    }
}
