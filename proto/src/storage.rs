use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What the database takes on disk, from PostgreSQL's own statistics: rows are estimates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Storage {
    /// When it was looked at.
    pub at: DateTime<Utc>,
    /// The whole database.
    pub database_bytes: u64,
    /// Tables, the largest first. `tasks` and `attempts` are the sums of their partitions.
    pub tables: Vec<StorageTable>,
    /// The partitions of `tasks` and `attempts`, oldest first; those of the future are left out.
    pub partitions: Vec<StoragePartition>,
    /// The begin of the oldest partition that holds anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_partition: Option<DateTime<Utc>>,
    /// How large a partition is in time, in seconds.
    pub partition_seconds: u64,
    /// What comes in a day, by the whole partitions of the last seven days; absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_day: Option<u64>,
    /// The disk that the database lies on, where that is known: only where this node has its own PostgreSQL.
    pub disk: Option<Disk>,
    /// What comes of it if each day brings as much, for a year at most; absent while that is not known.
    pub forecast: Option<Forecast>,
}

/// What a table takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StorageTable {
    /// Its name.
    pub name: String,
    /// All of it.
    pub bytes: u64,
    /// Of that, indexes.
    pub index_bytes: u64,
    /// Of that, large values that are kept apart (TOAST).
    pub toast_bytes: u64,
    /// About how many rows.
    pub rows: u64,
    /// About how many dead rows, which vacuum has not come to yet.
    pub dead_rows: u64,
    /// When vacuum was there last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vacuumed_at: Option<DateTime<Utc>>,
}

/// What a partition takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoragePartition {
    /// Its table: `tasks` or `attempts`.
    pub table: String,
    /// Its name.
    pub name: String,
    /// From when on it holds what was made; absent for what lies outside of all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<DateTime<Utc>>,
    /// All of it.
    pub bytes: u64,
    /// Of that, indexes.
    pub index_bytes: u64,
    /// Of that, large values that are kept apart (TOAST).
    pub toast_bytes: u64,
    /// About how many rows.
    pub rows: u64,
    /// About how many dead rows.
    pub dead_rows: u64,
    /// When all that is not needed any more was taken out of it, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compacted_at: Option<DateTime<Utc>>,
}

/// A disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Disk {
    /// Its size.
    pub total_bytes: u64,
    /// What is left.
    pub free_bytes: u64,
}

/// What comes if each day brings as much as the last ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Forecast {
    /// The most that the database takes within a year.
    pub peak_bytes: u64,
    /// The day on which the disk is full, if that is within a year and the disk is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_full_at: Option<DateTime<Utc>>,
}
