//! What runs, and what it takes.

use proto::{Storage, StoragePartition, StorageTable, SystemNode, SystemReport, grpc::v1};

use super::timestamp;

pub(in crate::grpc) fn storage(storage: Storage) -> v1::Storage {
    v1::Storage {
        at: Some(timestamp(storage.at)),
        database_bytes: storage.database_bytes,
        tables: storage.tables.into_iter().map(table).collect(),
        partitions: storage.partitions.into_iter().map(partition).collect(),
        oldest_partition: storage.oldest_partition.map(timestamp),
        partition_seconds: storage.partition_seconds,
        bytes_per_day: storage.bytes_per_day,
        disk: storage.disk.map(|disk| v1::Disk {
            total_bytes: disk.total_bytes,
            free_bytes: disk.free_bytes,
        }),
        forecast: storage.forecast.map(|forecast| v1::Forecast {
            peak_bytes: forecast.peak_bytes,
            disk_full_at: forecast.disk_full_at.map(timestamp),
        }),
    }
}

fn table(table: StorageTable) -> v1::StorageTable {
    v1::StorageTable {
        name: table.name,
        bytes: table.bytes,
        index_bytes: table.index_bytes,
        toast_bytes: table.toast_bytes,
        rows: table.rows,
        dead_rows: table.dead_rows,
        vacuumed_at: table.vacuumed_at.map(timestamp),
    }
}

fn partition(partition: StoragePartition) -> v1::StoragePartition {
    v1::StoragePartition {
        table: partition.table,
        name: partition.name,
        from: partition.from.map(timestamp),
        to: partition.to.map(timestamp),
        bytes: partition.bytes,
        index_bytes: partition.index_bytes,
        toast_bytes: partition.toast_bytes,
        rows: partition.rows,
        dead_rows: partition.dead_rows,
        compacted_at: partition.compacted_at.map(timestamp),
    }
}

pub(in crate::grpc) fn system(system: SystemReport) -> v1::System {
    let entry = |entry: proto::ConfigEntry| v1::ConfigEntry {
        key: entry.key,
        value: entry.value,
        layer: entry.layer,
        source: entry.source,
        secret: entry.secret,
    };
    v1::System {
        version: system.version,
        postgres_version: system.postgres_version,
        schema_version: system.schema_version,
        nodes: system.nodes.into_iter().map(node).collect(),
        shards: system.shards,
        shards_unowned: system.shards_unowned,
        configuration: system.configuration.into_iter().map(entry).collect(),
    }
}

fn node(node: SystemNode) -> v1::SystemNode {
    v1::SystemNode {
        id: node.id.to_string(),
        name: node.name,
        role: node.role,
        version: node.version,
        started_at: Some(timestamp(node.started_at)),
        seen_at: Some(timestamp(node.seen_at)),
        alive: node.alive,
        shards: node.shards.into_iter().map(u32::from).collect(),
    }
}
