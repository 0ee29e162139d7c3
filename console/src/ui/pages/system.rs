//! The system: nodes, what the database takes and will take, and the configuration.

use std::time::Duration;

use console::format;
use leptos::prelude::*;
use proto::{ConfigEntry, Storage, StoragePartition, StorageTable, SystemNode, SystemReport};

use crate::ui::{
    clock,
    loaded::Loaded,
    widgets::{Badge, Failed, Figure, MaybeWhen, When, title},
};

/// How often it is read again: nodes renew what they own every three seconds.
const LOOK: Duration = Duration::from_secs(5);

/// How often what the database takes is read again: its statistics change no sooner.
const STORED: Duration = Duration::from_mins(1);

#[component]
pub(crate) fn System() -> impl IntoView {
    title("System");
    let system = Loaded::<SystemReport>::newer(|| "/v1/system".to_owned());
    let storage = Loaded::<Storage>::newer(|| "/v1/storage".to_owned());
    clock::every(LOOK, move || system.again());
    clock::every(STORED, move || storage.again());
    let of = move |of: fn(&SystemReport) -> String| {
        Signal::derive(move || {
            system
                .value
                .with(|system| system.as_ref().map(of).unwrap_or_default())
        })
    };
    let takes = move |of: fn(&Storage) -> String| {
        Signal::derive(move || {
            storage
                .value
                .with(|storage| storage.as_ref().map(of).unwrap_or_default())
        })
    };
    view! {
        <h1>"System"</h1>
        <Failed failure=system.failure/>
        <dl class="figures">
            <Figure label="Posthaste" value=of(|s| s.version.clone())/>
            <Figure label="PostgreSQL" value=of(|s| format::version(&s.postgres_version).to_owned()) whole=of(|s| s.postgres_version.clone()) note=of(|s| format!(" · schema {}", s.schema_version))/>
            <Figure label="Nodes that push" value=of(|s| s.nodes.iter().filter(|node| node.alive).count().to_string()) note=of(gone)/>
            <Figure label="Shards" value=of(|s| s.shards.to_string()) note=of(|s| if s.shards_unowned == 0 { " · all owned".to_owned() } else { format!(" · {} owned by nobody", s.shards_unowned) })/>
        </dl>
        <h2>"Nodes"</h2>
        {move || system.value.with(|s| s.as_ref().map(|s| nodes(&s.nodes)))}
        <h2>"Storage"</h2>
        <Failed failure=storage.failure/>
        <dl class="figures">
            <Figure label="The database" value=takes(|s| format::bytes(s.database_bytes))/>
            <Figure label="A day brings" value=takes(|s| s.bytes_per_day.map_or_else(|| "not known yet".to_owned(), format::bytes))/>
            <Figure label="Within a year, at most" value=takes(|s| s.forecast.map_or_else(|| "not known yet".to_owned(), |f| format::bytes(f.peak_bytes)))/>
            <Figure label="Disk left" value=takes(|s| s.disk.map_or_else(|| "not known".to_owned(), |d| format::bytes(d.free_bytes))) note=takes(|s| s.disk.map(|d| format!(" of {}", format::bytes(d.total_bytes))).unwrap_or_default())/>
            <Figure label="Oldest partition" value=takes(|s| s.oldest_partition.map_or_else(|| "–".to_owned(), |at| at.format("%d %b %Y").to_string()))/>
        </dl>
        {move || storage.value.with(|s| s.as_ref().and_then(|s| s.forecast?.disk_full_at)).map(|at| view! {
            <p class="failed" role="status">"At this rate the disk is full "<When at/>"."</p>
        })}
        {move || storage.value.with(|s| s.as_ref().map(|s| tables(&s.tables)))}
        <details class="snippets">
            <summary>"Partitions"</summary>
            {move || storage.value.with(|s| s.as_ref().map(|s| partitions(&s.partitions)))}
        </details>
        <h2>"Configuration of the node that answers"</h2>
        <p class="muted">"Secrets are masked. "<code>"posthaste config --describe"</code>" explains each setting."</p>
        {move || system.value.with(|s| s.as_ref().map(|s| configuration(&s.configuration)))}
    }
}

/// Nodes that are not heard of any more.
fn gone(system: &SystemReport) -> String {
    match system.nodes.iter().filter(|node| !node.alive).count() {
        0 => String::new(),
        some => format!(" · {some} not heard of"),
    }
}

fn nodes(nodes: &[SystemNode]) -> impl IntoView + use<> {
    let rows = nodes.iter().cloned().map(|node| {
        let shards = u64::try_from(node.shards.len()).unwrap_or(0);
        view! {
            <tr>
                <td title=node.id.to_string()>{node.name}</td>
                <td><Badge word=if node.alive { "up" } else { "down" }/></td>
                <td>{node.role.unwrap_or_else(|| "–".to_owned())}</td>
                <td>{node.version.unwrap_or_else(|| "–".to_owned())}</td>
                <td class="num">{format::count(shards)}</td>
                <td><When at=node.started_at/></td>
                <td><When at=node.seen_at/></td>
            </tr>
        }
    });
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Nodes">
            <table>
                <thead><tr><th>"Name"</th><th>"State"</th><th>"Role"</th><th>"Version"</th><th class="num">"Shards"</th><th>"Started"</th><th>"Heard of"</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}

fn tables(tables: &[StorageTable]) -> impl IntoView + use<> {
    let largest = tables.iter().map(|table| table.bytes).max().unwrap_or(0).max(1);
    let rows = tables.iter().cloned().map(|table| {
        #[expect(clippy::cast_precision_loss, reason = "the width of a bar")]
        let width = format!("{:.1}%", table.bytes as f64 / largest as f64 * 100.0);
        view! {
            <tr>
                <td><code>{table.name}</code></td>
                <td class="part"><span class="measure"><i style:width=width></i></span></td>
                <td class="num">{format::bytes(table.bytes)}</td>
                <td class="num">{format::bytes(table.index_bytes)}</td>
                <td class="num">{format::bytes(table.toast_bytes)}</td>
                <td class="num">{format::count(table.rows)}</td>
                <td class="num">{format::count(table.dead_rows)}</td>
                <td><MaybeWhen at=table.vacuumed_at none="never"/></td>
            </tr>
        }
    });
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Tables">
            <table>
                <thead><tr><th>"Table"</th><th><span class="unseen">"Part of the largest"</span></th><th class="num">"Size"</th><th class="num">"Indexes"</th><th class="num">"Large values"</th><th class="num">"Rows, about"</th><th class="num">"Dead rows"</th><th>"Vacuumed"</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}

fn partitions(partitions: &[StoragePartition]) -> impl IntoView + use<> {
    let day = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map_or_else(|| "–".to_owned(), |at| at.format("%Y-%m-%d %H:%M").to_string())
    };
    let rows = partitions.iter().cloned().map(|part| {
        view! {
            <tr>
                <td><code>{part.table}</code></td>
                <td>{day(part.from)}</td>
                <td>{day(part.to)}</td>
                <td class="num">{format::bytes(part.bytes)}</td>
                <td class="num">{format::count(part.rows)}</td>
                <td class="num">{format::count(part.dead_rows)}</td>
                <td><MaybeWhen at=part.compacted_at none="no"/></td>
            </tr>
        }
    });
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Partitions">
            <table>
                <thead><tr><th>"Table"</th><th>"From (UTC)"</th><th>"To"</th><th class="num">"Size"</th><th class="num">"Rows, about"</th><th class="num">"Dead rows"</th><th>"Compacted"</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}

fn configuration(entries: &[ConfigEntry]) -> impl IntoView + use<> {
    let rows = entries.iter().cloned().map(|entry| {
        view! {
            <tr>
                <td><code>{entry.key}</code></td>
                <td class="wide"><code class="break">{entry.value}</code></td>
                <td title=entry.source>{entry.layer}</td>
            </tr>
        }
    });
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Configuration">
            <table>
                <thead><tr><th>"Setting"</th><th>"Value"</th><th>"From"</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}
