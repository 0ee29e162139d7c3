//! Sequences: when a delivery that others wait behind has ended, or a new one has come, the next one of its key is let go.
//!
//! What is wanted goes in turns, each of which has some of the keys that were named and one page of the keys of one endpoint. So however many
//! keys of an endpoint wait, a key that was freed, and another endpoint, wait for a page of them and not for all.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use queue::{
    Error, Result,
    finish::Finished,
    id::EndpointId,
    ordering::{KEYS, Sequence},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::lanes::Lanes;

/// How long to wait after a failed release. What is wanted meanwhile waits.
const AGAIN: Duration = Duration::from_millis(500);

/// Beyond so many sequences all of an endpoint's are looked at, instead of each by its name: bounds the memory.
const NAMED: usize = 100_000;

/// Sequences of which the next is wanted, and endpoints of which all sequences are.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    wanted: Mutex<Wanted>,
    changed: Notify,
}

impl Sequences {
    /// The next of this sequence may be let go.
    pub(crate) fn want(&self, endpoint_id: EndpointId, key: &str) {
        let key = key.to_owned();
        self.wanted.lock().name(Sequence { endpoint_id, key });
        self.changed.notify_one();
    }

    /// The next of each sequence whose delivery has ended may be let go.
    pub(crate) fn freed(&self, finished: &[Finished]) {
        for one in finished {
            if let Some(key) = one.frees() {
                self.want(one.delivery.endpoint_id, key);
            }
        }
    }

    /// The next of each sequence of this endpoint may be let go.
    pub(crate) fn want_all(&self, endpoint_id: EndpointId) {
        self.wanted.lock().name_all(endpoint_id);
        self.changed.notify_one();
    }
}

/// What is wanted, and what of it comes next: a plain state machine.
#[derive(Debug, Default)]
struct Wanted {
    /// A set: however often a sequence is named, it is looked at once.
    named: HashSet<Sequence>,
    /// Endpoints of which all sequences are looked at, in the order of their turns. Each stands here once, but for the one whose turn it is.
    line: VecDeque<Scan>,
    /// Where each of them stands, the one whose turn it is included.
    stages: HashMap<EndpointId, Stage>,
}

/// The look at all sequences of an endpoint, page by page.
#[derive(Debug, PartialEq, Eq)]
struct Scan {
    endpoint: EndpointId,
    /// The last key of the page before; `None` at the beginning.
    after: Option<String>,
}

impl Scan {
    fn of(endpoint: EndpointId, after: Option<String>) -> Self {
        Self { endpoint, after }
    }
}

/// Where a scan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has not begun, and finds whatever is there by then.
    Ahead,
    /// It is under way.
    UnderWay,
    /// It is under way, and what is wanted meanwhile may lie behind it: it begins once more after its end.
    Again,
}

/// What is done next.
#[derive(Debug)]
struct Turn {
    named: Vec<Sequence>,
    /// A page of this.
    scan: Option<Scan>,
}

impl Turn {
    fn is_empty(&self) -> bool {
        self.named.is_empty() && self.scan.is_none()
    }
}

impl Wanted {
    fn name(&mut self, sequence: Sequence) {
        if self.named.len() >= NAMED {
            self.name_all(sequence.endpoint_id);
        } else {
            self.named.insert(sequence);
        }
    }

    fn name_all(&mut self, endpoint: EndpointId) {
        match self.stages.entry(endpoint) {
            hash_map::Entry::Vacant(room) => {
                room.insert(Stage::Ahead);
                self.line.push_back(Scan::of(endpoint, None));
            }
            hash_map::Entry::Occupied(mut there) => {
                if *there.get() == Stage::UnderWay {
                    there.insert(Stage::Again);
                }
            }
        }
    }

    /// Takes what is to be done next. Its scan is given back, by [`Self::went_on`] or [`Self::put_back`].
    fn turn(&mut self) -> Turn {
        let named: Vec<Sequence> = self.named.iter().take(KEYS).cloned().collect();
        for sequence in &named {
            self.named.remove(sequence);
        }
        let scan = self.line.pop_front();
        if let Some(begun) = scan.as_ref().filter(|scan| scan.after.is_none()) {
            self.stages.insert(begun.endpoint, Stage::UnderWay);
        }
        Turn { named, scan }
    }

    /// A page of an endpoint's sequences is done; `last` is its last key, `None` if no page follows.
    fn went_on(&mut self, endpoint: EndpointId, last: Option<String>) {
        if last.is_some() {
            self.line.push_back(Scan::of(endpoint, last));
        } else if self.stages.remove(&endpoint) == Some(Stage::Again) {
            self.name_all(endpoint);
        }
    }

    /// A page could not be done: it has its turn again, after the others.
    fn put_back(&mut self, scan: Scan) {
        self.line.push_back(scan);
    }
}

pub(crate) async fn run(lanes: Arc<Lanes>, stop: CancellationToken) {
    loop {
        let turn = lanes.sequences.wanted.lock().turn();
        if turn.is_empty() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = lanes.sequences.changed.notified() => continue,
            }
        }
        if let Err(error) = act(&lanes, turn).await {
            // Two nodes meet where a shard changes hands; the index lets one of them.
            if !matches!(error, Error::Unavailable(_)) {
                warn!(%error, "deliveries in order could not be let go; tried again soon");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Does what a turn has. What fails of it is wanted still.
async fn act(lanes: &Arc<Lanes>, turn: Turn) -> Result<()> {
    let released = release(lanes, &turn.named).await;
    if released.is_err() {
        for sequence in turn.named {
            lanes.sequences.wanted.lock().name(sequence);
        }
    }
    let went_on = match turn.scan {
        Some(scan) => go_on(lanes, scan).await,
        None => Ok(()),
    };
    released.and(went_on)
}

/// Does the next page of a scan.
async fn go_on(lanes: &Arc<Lanes>, scan: Scan) -> Result<()> {
    let done = release_page(lanes, &scan).await;
    let mut wanted = lanes.sequences.wanted.lock();
    match done {
        Ok(last) => {
            wanted.went_on(scan.endpoint, last);
            Ok(())
        }
        Err(error) => {
            wanted.put_back(scan);
            Err(error)
        }
    }
}

/// Lets go what may of a page of an endpoint's sequences. Returns the page's last key, if another page may follow.
async fn release_page(lanes: &Arc<Lanes>, scan: &Scan) -> Result<Option<String>> {
    if !lanes.owns(scan.endpoint) {
        return Ok(None);
    }
    let after = scan.after.as_deref();
    let mut sequences = lanes.queue.sequences(scan.endpoint, after).await?;
    release(lanes, &sequences).await?;
    let is_last = sequences.len() < KEYS;
    Ok(sequences.pop().filter(|_| !is_last).map(|last| last.key))
}

async fn release(lanes: &Arc<Lanes>, sequences: &[Sequence]) -> Result<()> {
    let ours: Vec<Sequence> = sequences
        .iter()
        .filter(|sequence| lanes.owns(sequence.endpoint_id))
        .cloned()
        .collect();
    if ours.is_empty() {
        return Ok(());
    }
    for endpoint in lanes.queue.release_next(&ours).await? {
        lanes.released(endpoint);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: EndpointId = EndpointId::from_u128(1);
    const B: EndpointId = EndpointId::from_u128(2);

    fn sequence(endpoint_id: EndpointId, key: &str) -> Sequence {
        let key = key.to_owned();
        Sequence { endpoint_id, key }
    }

    fn begin(endpoint: EndpointId) -> Scan {
        Scan::of(endpoint, None)
    }

    fn after(endpoint: EndpointId, key: &str) -> Scan {
        Scan::of(endpoint, Some(key.to_owned()))
    }

    #[test]
    fn nobody_waits_for_more_than_a_page_of_an_endpoint_with_many_keys() {
        let mut wanted = Wanted::default();
        wanted.name_all(A);
        assert_eq!(wanted.turn().scan, Some(begin(A)));
        // Its first page of a hundred is under way.
        wanted.name_all(B);
        wanted.name(sequence(B, "freed"));
        wanted.name(sequence(A, "freed"));
        wanted.went_on(A, Some("1".into()));
        let turn = wanted.turn();
        let named: HashSet<Sequence> = turn.named.into_iter().collect();
        assert_eq!(named, HashSet::from([sequence(A, "freed"), sequence(B, "freed")]));
        assert_eq!(turn.scan, Some(begin(B)));
        wanted.went_on(B, Some("b".into()));
        // They take turns for as long as both have pages, and named keys go with each of them.
        assert_eq!(wanted.turn().scan, Some(after(A, "1")));
        wanted.went_on(A, Some("2".into()));
        assert_eq!(wanted.turn().scan, Some(after(B, "b")));
        wanted.went_on(B, None);
        for page in 2..100 {
            wanted.name(sequence(B, "next"));
            let turn = wanted.turn();
            assert_eq!(turn.named, [sequence(B, "next")], "page {page}");
            assert_eq!(turn.scan, Some(after(A, &page.to_string())));
            wanted.went_on(A, (page < 99).then(|| (page + 1).to_string()));
        }
        assert!(wanted.turn().is_empty() && wanted.stages.is_empty());
    }

    #[test]
    fn what_is_wanted_again_while_it_is_under_way_is_begun_once_more() {
        let mut wanted = Wanted::default();
        for _ in 0..3 {
            wanted.name_all(A);
        }
        assert_eq!(wanted.turn().scan, Some(begin(A)));
        assert!(wanted.turn().is_empty(), "it has its turn");
        for _ in 0..3 {
            wanted.name_all(A);
        }
        wanted.went_on(A, Some("1".into()));
        wanted.name_all(A);
        wanted.name_all(B);
        assert_eq!(wanted.turn().scan, Some(after(A, "1")), "it goes on where it was");
        wanted.went_on(A, None);
        assert_eq!(wanted.turn().scan, Some(begin(B)));
        wanted.went_on(B, None);
        assert_eq!(wanted.turn().scan, Some(begin(A)), "once");
        wanted.went_on(A, None);
        assert!(wanted.turn().is_empty() && wanted.stages.is_empty());
    }

    #[test]
    fn a_page_that_failed_is_done_after_the_others_turns() {
        let mut wanted = Wanted::default();
        wanted.name_all(A);
        wanted.name_all(B);
        for page in [None, Some("1")] {
            let failed = Scan::of(A, page.map(str::to_owned));
            assert_eq!(wanted.turn().scan.as_ref(), Some(&failed));
            wanted.put_back(failed);
            assert_eq!(wanted.turn().scan.map(|scan| scan.endpoint), Some(B));
            wanted.went_on(B, Some("b".into()));
            assert_eq!(wanted.turn().scan.and_then(|scan| scan.after).as_deref(), page);
            wanted.went_on(A, Some("1".into()));
            assert_eq!(wanted.turn().scan, Some(after(B, "b")));
            wanted.went_on(B, Some("b".into()));
        }
    }

    #[test]
    fn where_too_many_are_named_all_of_their_endpoint_are_looked_at() {
        let mut wanted = Wanted::default();
        for key in 0..NAMED + 10 {
            wanted.name(sequence(A, &key.to_string()));
        }
        assert_eq!((wanted.named.len(), wanted.line.len()), (NAMED, 1));
        let turn = wanted.turn();
        assert_eq!((turn.named.len(), turn.scan), (KEYS, Some(begin(A))));
    }
}
