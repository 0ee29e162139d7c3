//! `posthaste storage`

use anyhow::Result;
use clap::Args;
use posthaste_client::proto::{Storage, StoragePartition, StorageTable};

use super::{
    Session,
    args::ServerArgs,
    profiles::Environment,
    screen,
    table::{Column, Row, table},
    times::Times,
};
use crate::cli::Output;

/// What `posthaste storage` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Rows are PostgreSQL's estimates. How long a queue keeps what: posthaste queue update QUEUE --set retention.payloads=1d")]
pub struct StorageArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// Prints what the database takes.
pub(super) async fn run(args: StorageArgs, environment: &Environment) -> Result<()> {
    let session = Session::open(&args.server, environment)?;
    let storage = session.client.storage().await?;
    let screen = session.screen;
    if screen.output == Output::Json {
        return screen::document(&storage);
    }
    screen.thing(&storage, &summary(&storage, screen.times))?;
    let rows = |cells: Vec<Vec<String>>, columns: &[Column]| {
        screen::write(&format!("\n{}", table(columns, &cells, screen.width, true)))
    };
    let cells = |one: &StorageTable| one.cells(screen.times);
    rows(storage.tables.iter().map(cells).collect(), StorageTable::COLUMNS)?;
    let cells = |one: &StoragePartition| one.cells(screen.times);
    rows(
        storage.partitions.iter().map(cells).collect(),
        StoragePartition::COLUMNS,
    )
}

fn summary(storage: &Storage, times: Times) -> Vec<(&'static str, String)> {
    let mut fields = vec![("database", bytes(storage.database_bytes))];
    fields.extend(storage.bytes_per_day.map(|pace| ("a day brings", bytes(pace))));
    fields.extend(storage.oldest_partition.map(|at| ("oldest", times.exact(at))));
    fields.push((
        "disk",
        storage.disk.map_or_else(
            || "not known: PostgreSQL is not this node's own".to_owned(),
            |disk| format!("{} free of {}", bytes(disk.free_bytes), bytes(disk.total_bytes)),
        ),
    ));
    if let Some(forecast) = storage.forecast {
        fields.push(("most in a year", bytes(forecast.peak_bytes)));
        fields.extend(forecast.disk_full_at.map(|at| ("disk is full", times.exact(at))));
    }
    fields
}

/// Bytes as people read them, in powers of 1024.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    while unit + 1 < UNITS.len() && count >> (10 * (unit + 1)) > 0 {
        unit += 1;
    }
    if unit == 0 {
        return format!("{count} B");
    }
    let tenths = (u128::from(count) * 10) >> (10 * unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

impl Row for StorageTable {
    const COLUMNS: &'static [Column] = &[
        Column::whole("table"),
        Column::whole("size"),
        Column::whole("indexes"),
        Column::whole("large values"),
        Column::whole("rows"),
        Column::whole("dead"),
        Column::whole("vacuumed"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        vec![
            self.name.clone(),
            bytes(self.bytes),
            bytes(self.index_bytes),
            bytes(self.toast_bytes),
            self.rows.to_string(),
            self.dead_rows.to_string(),
            self.vacuumed_at.map(|at| times.distance(at)).unwrap_or_default(),
        ]
    }
}

impl Row for StoragePartition {
    const COLUMNS: &'static [Column] = &[
        Column::whole("partition"),
        Column::whole("from"),
        Column::whole("size"),
        Column::whole("indexes"),
        Column::whole("large values"),
        Column::whole("rows"),
        Column::whole("compacted"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        let from = self.from.map(|at| at.format("%Y-%m-%d %H:%M").to_string());
        vec![
            self.name.clone(),
            from.unwrap_or_default(),
            bytes(self.bytes),
            bytes(self.index_bytes),
            bytes(self.toast_bytes),
            self.rows.to_string(),
            self.compacted_at.map(|at| times.distance(at)).unwrap_or_default(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_for_people() {
        for (count, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_610_612_736, "1.5 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
