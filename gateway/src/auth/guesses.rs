//! Guessing, slowed down by the client's address, and by the name of the user whose password is guessed.
//!
//! Of keys and tokens only those that are not valid count, and only what follows upon them is refused: a valid key from the same address
//! works all the while. Behind a proxy that does not pass connections through, all clients share its address, and so these counts. A password
//! counts before it is looked at, and no more once it was right: who guesses at many at once gains nothing.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::bucket::{Bucket, Filling};

/// How often an address may send one more: slow.
const EACH: Duration = Duration::from_secs(3);

/// Wrong passwords of one name, from wherever they come: ten at once, and 2,880 a day.
const BY_NAME: Filling = Filling::one_each(Duration::from_secs(30), NonZeroU32::new(10).unwrap());

/// Buckets, whatever comes: 128 KiB. What falls into the same shares it, which none can choose to, and which costs a valid key nothing.
const BUCKETS: usize = 1 << 14;

/// Buckets of what is counted alike.
struct Buckets {
    begun: Instant,
    /// Of this process's own, so that nobody can compute who shares a bucket with whom.
    hashing: RandomState,
    all: Mutex<Box<[Bucket]>>,
    filling: Filling,
}

impl Buckets {
    fn new(filling: Filling, now: Instant) -> Self {
        Self {
            begun: now,
            filling,
            hashing: RandomState::new(),
            all: Mutex::new(vec![Bucket::default(); BUCKETS].into()),
        }
    }

    fn slot(&self, of: impl Hash) -> usize {
        usize::try_from(self.hashing.hash_one(of) % BUCKETS as u64).unwrap_or_default()
    }

    fn take(&self, of: impl Hash, now: Instant) -> Result<(), Duration> {
        let slot = self.slot(of);
        self.all.lock()[slot].take(self.filling, 1, now.duration_since(self.begun))
    }

    fn give_back(&self, of: impl Hash) {
        let slot = self.slot(of);
        self.all.lock()[slot].give_back(self.filling, 1);
    }
}

/// Counts wrong credentials by address.
pub(crate) struct Guesses(Buckets);

impl Guesses {
    /// An address may send so many at once.
    pub(crate) fn new(at_once: u32, now: Instant) -> Self {
        let at_once = NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN);
        Self(Buckets::new(Filling::one_each(EACH, at_once), now))
    }

    /// Notes wrong credentials from an address; if it sent too many, says when it may try again.
    pub(crate) fn note(&self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        self.0.take(network(from), now)
    }

    /// They were right after all.
    pub(crate) fn forget(&self, from: IpAddr) {
        self.0.give_back(network(from));
    }
}

/// Counts wrong passwords by name.
pub(crate) struct Names(Buckets);

impl Names {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Buckets::new(BY_NAME, now))
    }

    /// Notes a guess at the password of a name; if there were too many, says when one may try again.
    pub(crate) fn note(&self, name: &str, now: Instant) -> Result<(), Duration> {
        self.0.take(name.trim().to_ascii_lowercase(), now)
    }

    /// It was right after all.
    pub(crate) fn forget(&self, name: &str) {
        self.0.give_back(name.trim().to_ascii_lowercase());
    }
}

/// What stands for one client: an address of IPv4, the /64 of IPv6, of which one client has all.
fn network(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => u64::try_from(v6.to_bits() >> 64).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_wrong_some_times_and_then_slowly() {
        let now = Instant::now();
        let guesses = Guesses::new(20, now);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse::<IpAddr>().unwrap());
        // The odds that these two share a bucket are one in 16,384.
        let noted = |from, at: Duration| (0..50).filter(|_| guesses.note(from, now + at).is_ok()).count();
        assert_eq!(noted(one, Duration::ZERO), 20);
        assert_eq!(guesses.note(one, now).unwrap_err(), Duration::from_secs(3));
        assert_eq!(noted(one, Duration::from_secs(7)), 2);
        assert_eq!(noted(one, Duration::from_hours(1)), 20);
        if guesses.0.slot(network(one)) != guesses.0.slot(network(other)) {
            assert_eq!(noted(other, Duration::from_hours(1)), 20);
        }
    }

    #[test]
    fn a_right_password_costs_nothing_and_a_wrong_one_slows_its_name_down() {
        let now = Instant::now();
        let names = Names::new(now);
        for _ in 0..50 {
            names.note("ada", now).unwrap();
            names.forget(" Ada ");
        }
        let guessed = (0..50).filter(|_| names.note("ADA", now).is_ok()).count();
        assert_eq!(guessed, 10);
        assert_eq!(names.note("ada", now).unwrap_err(), Duration::from_secs(30));
        assert!(names.note("ada", now + Duration::from_secs(30)).is_ok());
    }

    #[test]
    fn a_client_has_one_address_of_ipv4_and_many_of_ipv6() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
    }
}
