//! Guessing, slowed down by the client's address.
//!
//! Only credentials that are not valid count, and only what follows upon them is refused: a valid key from the same address works all
//! the while. Behind a proxy that does not pass connections through, all clients share its address, and so these counts.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::bucket::{Bucket, Filling};

/// How often an address may send one more: slow.
const EACH: Duration = Duration::from_secs(3);

/// Buckets, whatever comes: 128 KiB. Addresses that fall into the same share it, which none can choose to, and which costs a valid key
/// nothing.
const BUCKETS: usize = 1 << 14;

/// Counts wrong credentials by address.
pub(crate) struct Guesses {
    begun: Instant,
    /// Of this process's own, so that nobody can compute who shares a bucket with whom.
    hashing: RandomState,
    buckets: Mutex<Box<[Bucket]>>,
    filling: Filling,
}

impl Guesses {
    /// An address may send so many at once.
    pub(crate) fn new(at_once: u32, now: Instant) -> Self {
        let at_once = NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN);
        Self {
            begun: now,
            hashing: RandomState::new(),
            buckets: Mutex::new(vec![Bucket::default(); BUCKETS].into()),
            filling: Filling::one_each(EACH, at_once),
        }
    }

    /// Notes wrong credentials from an address; if it sent too many, says when it may try again.
    pub(crate) fn note(&self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let slot = self.hashing.hash_one(network(from)) % BUCKETS as u64;
        let slot = usize::try_from(slot).unwrap_or_default();
        self.buckets.lock()[slot].take(self.filling, 1, now.duration_since(self.begun))
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
        if guesses.hashing.hash_one(network(one)) % BUCKETS as u64
            != guesses.hashing.hash_one(network(other)) % BUCKETS as u64
        {
            assert_eq!(noted(other, Duration::from_hours(1)), 20);
        }
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
