//! Places for lookups of names: how many may be under way, and whose.
//!
//! A lookup that hangs keeps its place until the system's resolver gives up, which takes some 10 to 40 s. So there are two halls. Names that
//! resolved when they were last looked up have one for themselves, in which those that never answer take no place. All others are strangers,
//! and have the other. In both, what is registered as one name (`example.com`, with everything below it) has but a part of the places, as
//! whoever owns it decides whether its servers answer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Lookups of strangers under way. After a start all names are strangers, so it is the larger part.
pub(super) const STRANGERS: usize = 256;
/// The same of names that resolved lately. Together they leave some of the 512 threads that the runtime has for whatever blocks.
const ACQUAINTANCES: usize = 192;
/// Those of them that are of one zone. Many names of one zone that resolve in 50 ms go through at 1,280 a second.
pub(super) const A_ZONE: usize = 64;

/// What takes longer to resolve is as good as hanging.
const PROMPT: Duration = Duration::from_secs(2);
/// Names are remembered for as long as at most so many others resolved since, and for twice that at the longest.
const REMEMBERED: usize = 32_768;

/// All places.
pub(super) struct Places {
    strangers: Hall,
    acquaintances: Hall,
    resolved: Mutex<Resolved>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            strangers: Hall::new(STRANGERS),
            acquaintances: Hall::new(ACQUAINTANCES),
            resolved: Mutex::default(),
        }
    }
}

impl Places {
    /// A place for a lookup of this name, as soon as there is one.
    pub(super) async fn enter(&self, name: &str) -> Place<'_> {
        let known = self.resolved.lock().contains(name);
        let hall = if known {
            &self.acquaintances
        } else {
            &self.strangers
        };
        hall.enter(zone(name)).await
    }

    /// Learns how a lookup of this name ended, and how long it took.
    pub(super) fn learn(&self, name: &Arc<str>, found: bool, took: Duration) {
        let mut resolved = self.resolved.lock();
        if found && took < PROMPT {
            resolved.add(name);
        } else {
            resolved.remove(name);
        }
    }
}

/// Held by a lookup that is under way. The places are `None` only if there are no bounds any more, which does not happen.
pub(super) struct Place<'a> {
    _of_all: Option<SemaphorePermit<'a>>,
    _of_zone: Option<OwnedSemaphorePermit>,
    _guest: Guest<'a>,
}

/// A number of places.
struct Hall {
    all: Semaphore,
    /// Those of which anybody is here.
    zones: Mutex<HashMap<Box<str>, Zone>>,
}

/// The part of the places that names of one zone may have.
struct Zone {
    places: Arc<Semaphore>,
    guests: usize,
}

impl Hall {
    fn new(places: usize) -> Self {
        Self {
            all: Semaphore::new(places),
            zones: Mutex::default(),
        }
    }

    async fn enter(&self, zone: &str) -> Place<'_> {
        let guest = self.admit(zone);
        // Its zone's first: who waits for one of these keeps no other zone's names from a place.
        let of_zone = Arc::clone(&guest.places).acquire_owned().await.ok();
        let of_all = self.all.acquire().await.ok();
        Place {
            _of_all: of_all,
            _of_zone: of_zone,
            _guest: guest,
        }
    }

    fn admit(&self, name: &str) -> Guest<'_> {
        let mut zones = self.zones.lock();
        let zone = zones.entry(name.into()).or_insert_with(|| Zone {
            places: Arc::new(Semaphore::new(A_ZONE)),
            guests: 0,
        });
        zone.guests += 1;
        Guest {
            hall: self,
            zone: name.into(),
            places: Arc::clone(&zone.places),
        }
    }
}

/// One that has a place, or waits for one.
struct Guest<'a> {
    hall: &'a Hall,
    zone: Box<str>,
    places: Arc<Semaphore>,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        let mut zones = self.hall.zones.lock();
        if let Some(zone) = zones.get_mut(&self.zone) {
            zone.guests -= 1;
            if zone.guests == 0 {
                zones.remove(&self.zone);
            }
        }
    }
}

/// Names that resolved lately: those of two generations, of which the older one is forgotten when the younger one is full.
#[derive(Default)]
struct Resolved {
    younger: HashSet<Arc<str>>,
    older: HashSet<Arc<str>>,
}

impl Resolved {
    fn contains(&self, name: &str) -> bool {
        self.younger.contains(name) || self.older.contains(name)
    }

    fn add(&mut self, name: &Arc<str>) {
        if self.younger.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(Arc::clone(name));
    }

    fn remove(&mut self, name: &str) {
        self.younger.remove(name);
        self.older.remove(name);
    }
}

/// What a name is likely to be registered as: its last two labels, or three where countries register below the last but one (`co.uk`). A
/// guess, as it knows no list of all such; one that is wrong puts names of several owners together.
fn zone(name: &str) -> &str {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = |labels: usize| {
        let mut dots = name.rmatch_indices('.');
        dots.nth(labels - 1).map_or(name, |(at, _)| &name[at + 1..])
    };
    match last(2).split_once('.') {
        Some((second, top)) if top.len() == 2 && is_for_everyone(second) => last(3),
        _ => last(2),
    }
}

fn is_for_everyone(second: &str) -> bool {
    matches!(
        second,
        "ac" | "co" | "com" | "edu" | "go" | "gob" | "gov" | "mil" | "ne" | "net" | "nom" | "or" | "org"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_what_was_registered() {
        for (name, expected) in [
            ("example.com", "example.com"),
            ("a.b.example.com", "example.com"),
            ("a.example.com.", "example.com"),
            ("a.example.co.uk", "example.co.uk"),
            ("example.co.uk", "example.co.uk"),
            ("co.uk", "co.uk"),
            ("a.example.io", "example.io"),
            ("a.t.co", "t.co"),
            ("localhost", "localhost"),
            ("", ""),
        ] {
            assert_eq!(zone(name), expected, "{name}");
        }
    }

    #[tokio::test]
    async fn a_zone_is_forgotten_with_its_last_guest() {
        let hall = Hall::new(1);
        let first = hall.enter("a.example").await;
        let moment = Duration::from_millis(10);
        for zone in ["a.example", "b.example"] {
            let second = tokio::time::timeout(moment, hall.enter(zone)).await;
            assert!(second.is_err(), "{zone}: there is one place");
        }
        assert_eq!(hall.zones.lock().len(), 1);
        drop(first);
        assert!(hall.zones.lock().is_empty());
        let third = tokio::time::timeout(Duration::from_secs(20), hall.enter("b.example")).await;
        assert!(third.is_ok(), "the place is free again");
    }

    #[test]
    fn names_are_known_by_how_they_resolved_last() {
        let places = Places::default();
        let knows = |name: &str| places.resolved.lock().contains(name);
        let name: Arc<str> = "a.example".into();
        for (found, took, expected) in [
            (true, Duration::ZERO, true),
            (false, Duration::ZERO, false),
            (true, PROMPT, false),
            (true, PROMPT / 2, true),
        ] {
            places.learn(&name, found, took);
            assert_eq!(knows(&name), expected, "{found} in {took:?}");
        }
        for number in 0..REMEMBERED {
            places.learn(&format!("{number}.example").into(), true, Duration::ZERO);
        }
        assert!(knows(&name));
        for number in 0..REMEMBERED {
            places.learn(&format!("{number}.example.com").into(), true, Duration::ZERO);
        }
        assert!(!knows(&name), "it is long ago");
        let resolved = places.resolved.lock();
        assert!(resolved.younger.len() <= REMEMBERED && resolved.older.len() <= REMEMBERED);
    }
}
