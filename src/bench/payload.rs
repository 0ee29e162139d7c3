use std::ops::Range;

use bytes::Bytes;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// The smallest payload in bytes: [`FRAME`] around one character.
pub(super) const SMALLEST: i64 = 12;

/// How many different payloads there are: enough to differ from one another, few enough to stay in the processor's cache.
const KINDS: u32 = 64;

const FRAME: [&str; 2] = [r#"{"text":""#, r#""}"#];
const TASK: [&str; 2] = [r#"{"type":"bench.task","payload":"#, "}"];

/// The type of the tasks that endpoint `number` of several takes.
pub(super) fn type_of(number: u32) -> String {
    format!("bench.{number:05}")
}
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What is sent, made before any clock runs, so that the load client only hands out pointers.
///
/// Payloads are JSON objects of exactly the size asked for, with random text in them, which the database cannot compress
/// away. The seed is fixed: every run sends the same.
#[derive(Debug)]
pub(super) struct Bodies {
    /// Payloads alone, as the receiver gets them.
    pub(super) bare: Vec<Bytes>,
    /// Tasks for the API, one each.
    pub(super) single: Vec<Bytes>,
}

impl Bodies {
    /// Bodies with payloads of `size` bytes, at least [`SMALLEST`].
    pub(super) fn new(size: u32) -> Self {
        let mut rng = SmallRng::seed_from_u64(u64::from(size));
        let bare: Vec<Bytes> = (0..KINDS).map(|_| payload(size as usize, &mut rng)).collect();
        let single = bare.iter().map(|payload| framed(TASK, payload)).collect();
        Self { bare, single }
    }

    /// Tasks for the API, one for each of these endpoints.
    pub(super) fn addressed(&self, endpoints: Range<u32>) -> Vec<Bytes> {
        let task = |number: u32| {
            let head = format!(r#"{{"type":"{}","payload":"#, type_of(number));
            framed([&head, TASK[1]], &self.bare[number as usize % self.bare.len()])
        };
        endpoints.map(task).collect()
    }

    /// Tasks for the API, one for each of so many ordering keys.
    pub(super) fn keyed(&self, keys: u32) -> Vec<Bytes> {
        let task = |key: u32| {
            let head = format!(r#"{{"type":"bench.task","ordering_key":"key-{key}","payload":"#);
            framed([&head, TASK[1]], &self.bare[key as usize % self.bare.len()])
        };
        (0..keys).map(task).collect()
    }

    /// A batch of `items` tasks as NDJSON.
    pub(super) fn batch(&self, items: u32) -> Bytes {
        lines(self.single.iter().cycle().take(items as usize))
    }
}

/// Tasks as NDJSON.
pub(super) fn lines<'a>(tasks: impl Iterator<Item = &'a Bytes>) -> Bytes {
    tasks
        .flat_map(|task| [task.as_ref(), b"\n"])
        .collect::<Vec<_>>()
        .concat()
        .into()
}

/// How many bytes a task with a payload of `size` has in a batch, line feed included.
pub(super) fn line_bytes(size: u32) -> u64 {
    u64::from(size) + (TASK[0].len() + TASK[1].len() + 1) as u64
}

fn payload(size: usize, rng: &mut SmallRng) -> Bytes {
    let text = size - FRAME[0].len() - FRAME[1].len();
    let text: Vec<u8> = (0..text)
        .map(|_| LETTERS[rng.random_range(0..LETTERS.len())])
        .collect();
    framed(FRAME, &text)
}

fn framed([head, tail]: [&str; 2], middle: &[u8]) -> Bytes {
    [head.as_bytes(), middle, tail.as_bytes()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_the_size_asked_for_and_tasks_carry_them_unchanged() {
        for size in [12, 13, 256, 70_000] {
            let bodies = Bodies::new(size);
            for (bare, single) in bodies.bare.iter().zip(&bodies.single) {
                assert_eq!(bare.len(), size as usize);
                let task: proto::NewTask = serde_json::from_slice(single).unwrap();
                assert_eq!(task.payload.unwrap().get().as_bytes(), bare);
            }
        }
    }

    #[test]
    fn a_batch_has_a_task_a_line_and_the_size_foretold() {
        let batch = Bodies::new(100).batch(130);
        assert_eq!(batch.len() as u64, 130 * line_bytes(100));
        let lines: Vec<&[u8]> = batch
            .strip_suffix(b"\n")
            .unwrap()
            .split(|b| *b == b'\n')
            .collect();
        assert_eq!(lines.len(), 130);
        for line in lines {
            serde_json::from_slice::<proto::NewTask>(line).unwrap();
        }
    }
}
