//! Notices: events on their way to other nodes, in notifications of PostgreSQL, which take less than 8,000 bytes each.
//!
//! A notice is JSON: texts that come again and again (queues, endpoints, types, reasons) stand in a list once, and events refer to them by
//! position. Some 60 events fit. A node of another version leaves out what it does not know, and tells that it missed it.

use std::collections::{HashMap, VecDeque};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use proto::Event;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{gap::Gap, mailbox::Item};
use crate::id;

/// Bytes of one notice, below what PostgreSQL takes.
const MOST_BYTES: usize = 7_900;

/// What stands around the lists, and what a gap of few queues takes.
const FRAME: usize = 200;

#[derive(Serialize)]
struct Written<'a> {
    from: Uuid,
    texts: &'a [Box<RawValue>],
    events: &'a [Box<RawValue>],
    missed: &'a [(u16, u64)],
    unknown: bool,
}

#[derive(Deserialize)]
struct Read {
    from: Uuid,
    texts: Vec<String>,
    events: Vec<Packed>,
    missed: Vec<(u16, u64)>,
    unknown: bool,
}

/// An event, each text by its position counted from 1, 0 for none; ids in base64, empty for none.
#[derive(Serialize, Deserialize)]
struct Packed {
    #[serde(rename = "i")]
    id: String,
    #[serde(rename = "k")]
    kind: u16,
    #[serde(rename = "q")]
    queue: u16,
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    task: String,
    /// Without the first half if it is the task's.
    #[serde(rename = "d", default, skip_serializing_if = "String::is_empty")]
    delivery: String,
    #[serde(rename = "e", default, skip_serializing_if = "is_zero")]
    endpoint: u16,
    #[serde(rename = "y", default, skip_serializing_if = "is_zero")]
    task_type: u16,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(rename = "f", default, skip_serializing_if = "is_zero")]
    failure: u16,
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    reason: u16,
    /// In microseconds.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    due_at: Option<i64>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// As JSON. Strings, numbers and lists of them have a form in it, whatever they hold.
fn raw<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

/// A notice that is being filled.
#[derive(Default)]
struct Packer {
    texts: Vec<Box<RawValue>>,
    positions: HashMap<String, u16>,
    events: Vec<Box<RawValue>>,
    bytes: usize,
}

impl Packer {
    /// Adds an event; not if it does not fit, which cannot be for the first.
    fn add(&mut self, event: &Event) -> bool {
        let (texts, bytes) = (self.texts.len(), self.bytes);
        let delivery = match (event.delivery, event.task) {
            (Some(delivery), Some(task)) if delivery.as_u64_pair().0 == task.as_u64_pair().0 => {
                URL_SAFE_NO_PAD.encode(&delivery.as_bytes()[8..])
            }
            (delivery, _) => write_id(delivery),
        };
        let packed = Packed {
            id: write_id(Some(event.id)),
            kind: self.position(Some(event.kind.as_str())),
            queue: self.position(Some(&event.queue)),
            task: write_id(event.task),
            delivery,
            endpoint: self.position(event.endpoint.map(|id| write_id(Some(id))).as_deref()),
            task_type: self.position(event.task_type.as_deref()),
            attempts: event.attempts,
            status: event.status,
            failure: self.position(event.failure.as_deref()),
            reason: self.position(event.reason.as_deref()),
            due_at: event.due_at.map(|at| at.timestamp_micros()),
            count: event.count,
        };
        let written = raw(&packed);
        self.bytes += written.get().len() + 1;
        if FRAME + self.bytes > MOST_BYTES && !self.events.is_empty() {
            self.texts.truncate(texts);
            self.positions
                .retain(|_, position| usize::from(*position) <= texts);
            self.bytes = bytes;
            return false;
        }
        self.events.push(written);
        true
    }

    fn position(&mut self, text: Option<&str>) -> u16 {
        let Some(text) = text else { return 0 };
        if let Some(position) = self.positions.get(text) {
            return *position;
        }
        let written = raw(text);
        self.bytes += written.get().len() + 1;
        self.texts.push(written);
        let position = u16::try_from(self.texts.len()).unwrap_or(u16::MAX);
        self.positions.insert(text.to_owned(), position);
        position
    }

    /// Whether the names of a gap's queues still fit.
    fn has_room_for(&self, gap: &Gap) -> bool {
        let names: usize = gap.queues().keys().map(|name| name.len() + 30).sum();
        FRAME + self.bytes + names <= MOST_BYTES
    }

    fn write(mut self, from: Uuid, gap: Option<&Gap>) -> String {
        let mut missed = vec![];
        for (queue, count) in gap.map(Gap::queues).into_iter().flatten() {
            missed.push((self.position(Some(queue)), *count));
        }
        let written = Written {
            from,
            texts: &self.texts,
            events: &self.events,
            missed: &missed,
            unknown: gap.is_some_and(|gap| gap.count().is_none()),
        };
        raw(&written).get().to_owned()
    }
}

/// Takes from the front of `items` what fits into `most` notices of the node `from`, and writes them.
pub(super) fn write(items: &mut VecDeque<Item>, from: Uuid, most: usize) -> Vec<String> {
    let mut notices = vec![];
    while notices.len() < most && !items.is_empty() {
        let (mut packer, mut missed) = (Packer::default(), None);
        while let Some(item) = items.front() {
            match item {
                Item::Event(one) if packer.add(&one.event) => {}
                Item::Missed(gap) if packer.has_room_for(gap) => missed = Some(gap.clone()),
                Item::Event(_) | Item::Missed(_) => break,
            }
            items.pop_front();
            // What was missed is told after the events of its notice: what follows goes into the next.
            if missed.is_some() {
                break;
            }
        }
        notices.push(packer.write(from, missed.as_deref()));
    }
    notices
}

/// Reads a notice: the node that it is from, its events, and what of them is missing.
pub(super) fn read(text: &str) -> serde_json::Result<(Uuid, Vec<Event>, Option<Gap>)> {
    let notice: Read = serde_json::from_str(text)?;
    let mut gap: Option<Gap> = notice.unknown.then(Gap::unknown);
    for (queue, count) in &notice.missed {
        if let Some(queue) = text_at(&notice.texts, *queue) {
            gap.get_or_insert_default().add(queue, *count);
        }
    }
    let mut events = Vec::with_capacity(notice.events.len());
    for packed in &notice.events {
        match unpack(packed, &notice.texts) {
            Some(event) => events.push(event),
            None => match text_at(&notice.texts, packed.queue) {
                Some(queue) => gap.get_or_insert_default().add(queue, 1),
                None => gap.get_or_insert_default().merge(&Gap::unknown()),
            },
        }
    }
    Ok((notice.from, events, gap))
}

/// The event, unless it is of a kind that this version does not know.
fn unpack(packed: &Packed, texts: &[String]) -> Option<Event> {
    let text = |position| text_at(texts, position).cloned();
    let (id, task) = (read_id(&packed.id)?, read_id(&packed.task));
    let delivery = match (packed.delivery.len(), task) {
        (HALF, Some(task)) => {
            let low: [u8; 8] = URL_SAFE_NO_PAD.decode(&packed.delivery).ok()?.try_into().ok()?;
            Some(Uuid::from_u64_pair(task.as_u64_pair().0, u64::from_be_bytes(low)))
        }
        _ => read_id(&packed.delivery),
    };
    Some(Event {
        id,
        at: id::minted_at(id),
        kind: text_at(texts, packed.kind)?.parse().ok()?,
        queue: text(packed.queue)?,
        task,
        delivery,
        endpoint: text_at(texts, packed.endpoint).and_then(|id| read_id(id)),
        task_type: text(packed.task_type),
        attempts: packed.attempts,
        status: packed.status,
        failure: text(packed.failure),
        reason: text(packed.reason),
        due_at: packed.due_at.and_then(DateTime::from_timestamp_micros),
        count: packed.count,
    })
}

/// Characters of half an id.
const HALF: usize = 11;

fn text_at(texts: &[String], position: u16) -> Option<&String> {
    texts.get(usize::from(position).checked_sub(1)?)
}

fn write_id(id: Option<Uuid>) -> String {
    id.map(|id| URL_SAFE_NO_PAD.encode(id.as_bytes()))
        .unwrap_or_default()
}

fn read_id(text: &str) -> Option<Uuid> {
    let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    Some(Uuid::from_bytes(bytes))
}

#[cfg(test)]
mod tests;
