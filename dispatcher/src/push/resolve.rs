//! Name resolution by the system's resolver, one lookup a name at a time.
//!
//! The system's resolver cannot be cancelled: a lookup that hangs keeps a thread until it gives up by itself, long
//! after its attempt did. Everyone who asks for a name that is being looked up waits for the same lookup, so a name
//! whose servers hang keeps one thread, however many attempts wait for it.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// What a lookup found.
pub(super) type Found = Result<Arc<[IpAddr]>, Arc<io::Error>>;

/// Where the answer to a lookup arrives.
type Awaited = watch::Receiver<Option<Found>>;

/// The lookups under way, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Resolver {
    lookups: Arc<Mutex<HashMap<Arc<str>, Awaited>>>,
    /// What a test lets names resolve to, one answer a lookup, in place of what the system says.
    #[cfg(test)]
    script: Option<Arc<Mutex<std::collections::VecDeque<Vec<IpAddr>>>>>,
}

impl Resolver {
    #[cfg(test)]
    pub(super) fn scripted(answers: Vec<Vec<IpAddr>>) -> Self {
        let script = Some(Arc::new(Mutex::new(answers.into())));
        Self {
            script,
            ..Self::default()
        }
    }

    /// How many answers of the script nobody has asked for.
    #[cfg(test)]
    pub(super) fn unasked(&self) -> usize {
        self.script.as_ref().map_or(0, |script| script.lock().len())
    }

    /// Every address of `host`, in the order of preference that the system gives them (RFC 6724). Takes as long as
    /// the system takes: put a deadline around it.
    pub(super) async fn resolve(&self, host: &str) -> Found {
        #[cfg(test)]
        if let Some(script) = &self.script {
            let next = script.lock().pop_front().unwrap_or_default();
            return Ok(next.into());
        }
        let mut answer = self.join(host);
        match answer.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(found)) => found.clone(),
            // Only when the runtime shuts down: the lookup always answers otherwise.
            Ok(None) | Err(_) => Err(Arc::new(io::ErrorKind::Interrupted.into())),
        }
    }

    fn join(&self, host: &str) -> Awaited {
        let mut lookups = self.lookups.lock();
        if let Some(answer) = lookups.get(host) {
            return answer.clone();
        }
        let host: Arc<str> = host.into();
        let (answered, answer) = watch::channel(None);
        lookups.insert(Arc::clone(&host), answer.clone());
        let under_way = Arc::clone(&self.lookups);
        tokio::spawn(async move {
            let found = match tokio::net::lookup_host((&*host, 0)).await {
                Ok(addresses) => Ok(addresses.map(|address| address.ip()).collect()),
                Err(error) => Err(Arc::new(error)),
            };
            // Out of the list first: who comes from now on gets a new lookup, never an old answer.
            under_way.lock().remove(&host);
            answered.send_replace(Some(found));
        });
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_at_once_shares_a_lookup_and_nothing_is_left() {
        let resolver = Resolver::default();
        let first = resolver.join("localhost");
        let second = resolver.join("localhost");
        assert!(first.same_channel(&second));
        let found = resolver.resolve("localhost").await.expect("localhost");
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty());
        assert!(resolver.lookups.lock().is_empty());
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_an_error() {
        let resolver = Resolver::default();
        assert!(resolver.resolve("posthaste.invalid").await.is_err());
        assert!(resolver.lookups.lock().is_empty());
    }
}
