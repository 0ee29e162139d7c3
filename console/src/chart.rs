//! Charts: numbers to lines, as SVG writes them.

use std::fmt::Write;

/// The upper end of an axis: the next of 1, 2, 4, 8, 10, 20 … that is not below the largest value.
pub fn top(values: impl IntoIterator<Item = f64>) -> f64 {
    let largest = values.into_iter().fold(0.0, f64::max);
    if largest <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(largest.log10().floor());
    [1.0, 2.0, 4.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|end| *end >= largest)
        .unwrap_or(largest)
}

/// Where the values lie in a drawing of this size, whose axis ends at `top`.
#[expect(clippy::cast_precision_loss, reason = "a chart has some hundred points")]
pub fn points(values: &[f64], top: f64, width: f64, height: f64) -> Vec<(f64, f64)> {
    let step = width / (values.len().max(2) - 1) as f64;
    let place = |(at, value): (usize, &f64)| (at as f64 * step, height - value / top * height);
    values.iter().enumerate().map(place).collect()
}

/// A line through points.
pub fn line(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if at == 0 { 'M' } else { 'L' });
    }
    path
}

/// The area between that line and the bottom.
pub fn area(points: &[(f64, f64)], height: f64) -> String {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) => {
            format!("{}L{:.1} {height}L{:.1} {height}Z", line(points), last.0, first.0)
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        for (largest, end) in [
            (0.0, 1.0),
            (0.3, 0.4),
            (1.0, 1.0),
            (3.0, 4.0),
            (9.0, 10.0),
            (1_100.0, 2_000.0),
        ] {
            assert!(
                (top([0.0, largest]) - end).abs() < 1e-9,
                "{largest}: {}",
                top([largest])
            );
        }
    }

    #[test]
    fn values_become_lines() {
        let points = points(&[0.0, 2.0, 1.0], 2.0, 100.0, 50.0);
        assert_eq!(line(&points), "M0.0 50.0L50.0 0.0L100.0 25.0");
        assert!(area(&points, 50.0).ends_with("L100.0 50L0.0 50Z"));
        assert_eq!((line(&[]), area(&[], 50.0)), (String::new(), String::new()));
    }
}
