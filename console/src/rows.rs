//! Which rows of a long list are drawn: those in view, and some around them.

/// Rows drawn before and behind those in view, so that none is missed while it scrolls.
const AROUND: usize = 20;

/// The rows to draw of `count` that are `row` pixels high each: the list begins `top` pixels below the view's upper edge (above it if negative),
/// and the view is `height` pixels high.
pub fn in_view(top: f64, height: f64, row: f64, count: usize) -> std::ops::Range<usize> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rows: it is bounded by 0, and by how many there are"
    )]
    let whole = |rows: f64| (rows.max(0.0) as usize).min(count);
    let first = whole((-top / row).floor()).saturating_sub(AROUND);
    let last = (whole(((height - top) / row).ceil()) + AROUND).min(count);
    first.min(last)..last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_of_many_rows_are_drawn() {
        for (top, height, count, drawn) in [
            (200.0, 800.0, 10, 0..10),
            (200.0, 800.0, 10_000, 0..35),
            (-4_000.0, 800.0, 10_000, 80..140),
            (-399_200.0, 800.0, 10_000, 9_960..10_000),
            // Scrolled past it, and not yet come to it.
            (-500_000.0, 800.0, 10_000, 9_980..10_000),
            (5_000.0, 800.0, 10_000, 0..20),
            (0.0, 800.0, 0, 0..0),
        ] {
            assert_eq!(in_view(top, height, 40.0, count), drawn, "{top} {count}");
        }
    }
}
