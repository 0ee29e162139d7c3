//! What one lane may have of what all lanes share: permits, and memory.
//!
//! It falls with the square of the part that is free (a dynamic threshold, after Choudhury and Hahne, "Dynamic queue length thresholds for
//! shared-memory packet switches", 1998, whose threshold falls in proportion). So lanes that take what they can get, because their endpoints hang,
//! can never take all: the more of them, the fewer each, and something is always left for a lane that has none. With the square one lane alone may
//! have 27 % of all, and with fifty that hang 18 % of all are free; in proportion, for as much left, one alone could have 8 %.

/// What part of all one lane may have while all is free: one part in so many.
const PART: u128 = 2;

/// How much one lane may have in all, while of `most` so much is `free`.
pub(crate) fn share(free: usize, most: usize) -> usize {
    let (free, most) = (free as u128, most.max(1) as u128);
    usize::try_from(free * free / (PART * most)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of `lanes` has that take what they can get, and what is left.
    fn taken(lanes: usize, most: usize) -> (usize, usize) {
        let (mut held, mut free) = (vec![0; lanes], most);
        for _ in 0..most {
            for held in &mut held {
                if *held < share(free, most) && free > 0 {
                    *held += 1;
                    free -= 1;
                }
            }
        }
        (held.into_iter().min().unwrap_or(0), free)
    }

    #[test]
    fn one_alone_has_a_quarter_and_fifty_leave_a_sixth() {
        for (lanes, each, left) in [(1, 340, 900), (10, 80, 400), (50, 20, 220), (500, 2, 60)] {
            let (least, free) = taken(lanes, 1_280);
            assert!(least >= each && free >= left, "{lanes}: {least} {free}");
        }
    }

    /// However many take what they can get: something is left for the next.
    #[test]
    fn something_is_always_left() {
        for lanes in [1, 50, 500, 2_000] {
            let (least, free) = taken(lanes, 16_384);
            assert!(least > 0 && free > 0, "{lanes}: {least} {free}");
        }
    }

    #[test]
    fn it_bears_any_number() {
        assert_eq!(share(0, 0), 0);
        assert_eq!(share(usize::MAX, usize::MAX), usize::MAX / 2);
        assert_eq!(share(usize::MAX, 1), usize::MAX);
    }
}
