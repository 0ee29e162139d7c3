//! Percentiles from histograms.

/// The value below which this part of what was counted lies, in milliseconds; `None` if nothing was counted.
///
/// `bounds` are the upper ends of all buckets but the last; within a bucket the counts are taken to be spread evenly. What lies in the
/// last one is told as its begin.
#[expect(clippy::cast_precision_loss, reason = "a percentile is an estimate")]
pub fn percentile(counts: &[u64], bounds: &[u32], part: f64) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return None;
    }
    let wanted = part.clamp(0.0, 1.0) * total as f64;
    let mut below = 0.0;
    for (bucket, count) in counts.iter().enumerate() {
        let here = *count as f64;
        if here > 0.0 && below + here >= wanted {
            let from = bucket.checked_sub(1).and_then(|before| bounds.get(before));
            let from = from.map_or(0.0, |bound| f64::from(*bound));
            let Some(to) = bounds.get(bucket) else {
                return Some(from);
            };
            return Some(from + (f64::from(*to) - from) * ((wanted - below) / here));
        }
        below += here;
    }
    bounds.last().map(|bound| f64::from(*bound))
}

/// Adds one histogram to another.
pub fn add(sum: &mut Vec<u64>, more: &[u64]) {
    if sum.len() < more.len() {
        sum.resize(more.len(), 0);
    }
    for (sum, count) in sum.iter_mut().zip(more) {
        *sum += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_in_their_bucket() {
        let bounds = [1, 2, 4];
        let close = |counts: &[u64], part: f64, expected: f64| {
            let found = percentile(counts, &bounds, part).unwrap();
            assert!((found - expected).abs() < 1e-9, "{counts:?} {part}: {found}");
        };
        close(&[0, 10, 0, 0], 0.5, 1.5);
        close(&[10, 10, 0, 0], 0.5, 1.0);
        close(&[0, 0, 10, 0], 1.0, 4.0);
        close(&[0, 0, 0, 3], 0.5, 4.0);
        close(&[5, 0, 0, 5], 0.99, 4.0);
        assert_eq!(percentile(&[0, 0, 0, 0], &bounds, 0.5), None);
        assert_eq!(percentile(&[], &bounds, 0.5), None);
    }
}
