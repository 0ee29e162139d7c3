//! Name resolution by the system's resolver, one lookup a name at a time.
//!
//! The system's resolver cannot be cancelled: a lookup that hangs keeps a thread until it gives up by itself, long
//! after its attempt did. Everyone who asks for a name that is being looked up waits for the same lookup, so a name
//! whose servers hang keeps one thread, however many attempts wait for it; and however many such names there are, they
//! keep a part of the threads (see [`super::places`]).

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::places::{Place, Places};

/// What a lookup found.
pub(super) type Found = Result<Arc<[IpAddr]>, Arc<io::Error>>;

/// Where the answer to a lookup is given.
type Answering = watch::Sender<Option<Found>>;

/// Where it arrives.
type Awaited = watch::Receiver<Option<Found>>;

/// A lookup.
pub(super) type Looking = BoxFuture<'static, io::Result<Vec<IpAddr>>>;

/// Finds the addresses of names. Cheap to clone; clones share their lookups.
#[derive(Clone)]
pub(super) struct Resolver(Arc<Shared>);

struct Shared {
    /// By name: the lookups under way, and those that wait for a place.
    lookups: Mutex<HashMap<Arc<str>, Answering>>,
    places: Places,
    look: Box<dyn Fn(Arc<str>) -> Looking + Send + Sync>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self::asking(|host| Box::pin(ask_system(host)))
    }
}

/// Every address of a name, as the system says.
async fn ask_system(host: Arc<str>) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((&*host, 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

impl Resolver {
    /// One that looks names up in this way.
    pub(super) fn asking(look: impl Fn(Arc<str>) -> Looking + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            lookups: Mutex::default(),
            places: Places::default(),
            look: Box::new(look),
        }))
    }

    /// Every address of `host`, in the order of preference that the system gives them (RFC 6724). Takes as long as
    /// the system takes: put a deadline around it.
    pub(super) async fn resolve(&self, host: &str) -> Found {
        let mut answer = self.join(host);
        match answer.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(found)) => found.clone(),
            // Only when the runtime shuts down: the lookup always answers otherwise.
            Ok(None) | Err(_) => Err(Arc::new(io::ErrorKind::Interrupted.into())),
        }
    }

    fn join(&self, host: &str) -> Awaited {
        let mut lookups = self.0.lookups.lock();
        if let Some(answering) = lookups.get(host) {
            return answering.subscribe();
        }
        let host: Arc<str> = host.into();
        let (answering, answer) = watch::channel(None);
        lookups.insert(Arc::clone(&host), answering.clone());
        tokio::spawn(Arc::clone(&self.0).look_up(host, answering));
        answer
    }
}

impl Shared {
    async fn look_up(self: Arc<Self>, host: Arc<str>, answering: Answering) {
        let Some(_place) = self.place(&host, &answering).await else {
            return;
        };
        let begun = Instant::now();
        let found: Found = match (self.look)(Arc::clone(&host)).await {
            Ok(addresses) => Ok(addresses.into()),
            Err(error) => Err(Arc::new(error)),
        };
        self.places.learn(&host, found.is_ok(), begun.elapsed());
        // Out of the list first: who comes from now on gets a new lookup, never an old answer.
        self.lookups.lock().remove(&host);
        answering.send_replace(Some(found));
    }

    /// A place for a lookup. `None` if nobody waits for its answer any more before there is one: then it is off the list, so that whoever
    /// has the patience is next.
    async fn place(&self, host: &Arc<str>, answering: &Answering) -> Option<Place<'_>> {
        let mut entering = pin!(self.places.enter(host));
        loop {
            tokio::select! {
                biased;
                place = &mut entering => return Some(place),
                () = answering.closed() => {}
            }
            // Who joins does it under this lock.
            let mut lookups = self.lookups.lock();
            if answering.is_closed() {
                lookups.remove(host);
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::Semaphore;

    use super::super::places::{A_ZONE, STRANGERS};
    use super::*;

    #[tokio::test]
    async fn who_asks_at_once_shares_a_lookup_and_nothing_is_left() {
        let resolver = Resolver::default();
        let first = resolver.join("localhost");
        let second = resolver.join("localhost");
        assert!(first.same_channel(&second));
        let found = resolver.resolve("localhost").await.expect("localhost");
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty());
        assert!(resolver.0.lookups.lock().is_empty());
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_an_error() {
        let resolver = Resolver::default();
        assert!(resolver.resolve("posthaste.invalid").await.is_err());
        assert!(resolver.0.lookups.lock().is_empty());
    }

    /// Names that begin with `hang` have no answer until the gate is closed, and then an error; others have one at once. With it, how many
    /// lookups of the former were begun.
    fn hanging(gate: &Arc<Semaphore>) -> (Resolver, Arc<AtomicUsize>) {
        let begun = Arc::<AtomicUsize>::default();
        let (gate, counted) = (Arc::clone(gate), Arc::clone(&begun));
        let resolver = Resolver::asking(move |host| -> Looking {
            if !host.starts_with("hang") {
                return Box::pin(std::future::ready(Ok(vec![IpAddr::from([192, 0, 2, 1])])));
            }
            counted.fetch_add(1, Ordering::SeqCst);
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                let _ = gate.acquire().await;
                Err(io::Error::from(io::ErrorKind::TimedOut))
            })
        });
        (resolver, begun)
    }

    async fn resolves(resolver: &Resolver, name: &str) -> bool {
        let found = tokio::time::timeout(Duration::from_secs(1), resolver.resolve(name)).await;
        found.is_ok_and(|found| found.is_ok())
    }

    async fn until_left(resolver: &Resolver, count: usize) {
        let begun = Instant::now();
        while resolver.0.lookups.lock().len() != count {
            assert!(begun.elapsed() < Duration::from_secs(20), "never {count} lookups");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn names_that_hang_leave_places_to_others() {
        let gate = Arc::new(Semaphore::new(0));
        let (resolver, begun) = hanging(&gate);
        assert!(resolves(&resolver, "known.example.org").await);

        // Of one owner: there is room for names that nobody has looked up before.
        let one: Vec<Awaited> = (0..600)
            .map(|number| resolver.join(&format!("hang{number}.example.com")))
            .collect();
        assert!(resolves(&resolver, "known.example.org").await);
        assert!(resolves(&resolver, "new.example.net").await);
        assert_eq!(begun.load(Ordering::SeqCst), A_ZONE);

        // Of as many owners: there is room for those that have resolved.
        let many: Vec<Awaited> = (0..600)
            .map(|number| resolver.join(&format!("hang.example{number}.com")))
            .collect();
        assert!(resolves(&resolver, "known.example.org").await);
        assert!(resolves(&resolver, "new.example.net").await);
        assert_eq!(begun.load(Ordering::SeqCst), STRANGERS);
        // And who hangs already is not looked up once more.
        assert!(!resolves(&resolver, "hang0.example.com").await);
        assert_eq!(begun.load(Ordering::SeqCst), STRANGERS);

        // Nobody waits any more for those that have not begun, and so they never do.
        drop((one, many));
        until_left(&resolver, STRANGERS).await;
        gate.close();
        until_left(&resolver, 0).await;
        assert_eq!(begun.load(Ordering::SeqCst), STRANGERS);
        assert!(resolves(&resolver, "other.example.net").await);
    }
}
