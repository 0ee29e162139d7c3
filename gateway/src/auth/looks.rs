//! Looks into the database for keys that this node does not know.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How often in a second the database may be asked about keys that this node does not know: often enough that a key just made on
/// another node works at once, seldom enough that guessing is no load.
const LOOKS_PER_SECOND: u32 = 10;

/// Counts them.
#[derive(Debug, Default)]
pub(crate) struct KeyLooks(Mutex<Option<(Instant, u32)>>);

impl KeyLooks {
    /// Takes one of this second's looks, if any is left.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut window = self.0.lock();
        let current = window.filter(|(begun, _)| now.duration_since(*begun) < Duration::from_secs(1));
        let (begun, used) = current.unwrap_or((now, 0));
        if used >= LOOKS_PER_SECOND {
            return false;
        }
        *window = Some((begun, used + 1));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_few_each_second() {
        let (looks, begin) = (KeyLooks::default(), Instant::now());
        let taken = |at: Duration| (0..50).filter(|_| looks.take(begin + at)).count();
        assert_eq!(taken(Duration::ZERO), 10);
        assert_eq!(taken(Duration::from_millis(999)), 0);
        assert_eq!(taken(Duration::from_secs(1)), 10);
        assert_eq!(taken(Duration::from_millis(1_500)), 0);
        assert_eq!(taken(Duration::from_mins(1)), 10);
    }
}
