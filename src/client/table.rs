//! Tables that fit: columns as wide as what is in them, and where that is too wide, the long texts cut. Ids never are: they
//! are copied from here.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::receive::print::inert;

/// What lies between two columns.
const GAP: usize = 2;
/// A column that is cut keeps so much, or is as wide as its title.
const NARROWEST: usize = 8;

/// What a thing is in a table.
pub(super) trait Row {
    /// The columns, from left to right.
    const COLUMNS: &'static [Column];

    /// Its cells, one a column.
    fn cells(&self, times: super::times::Times) -> Vec<String>;
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    title: &'static str,
    may_be_cut: bool,
}

impl Column {
    /// Never cut: ids, numbers, states.
    pub(super) const fn whole(title: &'static str) -> Self {
        Self {
            title,
            may_be_cut: false,
        }
    }

    /// Cut where room is short: texts for people.
    pub(super) const fn text(title: &'static str) -> Self {
        Self {
            title,
            may_be_cut: true,
        }
    }
}

/// The table as text, one line a row, at most `width` columns of the terminal wide if that is possible; unbounded without.
pub(super) fn table(
    columns: &[Column],
    rows: &[Vec<String>],
    width: Option<usize>,
    with_titles: bool,
) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|cells| cells.iter().map(|cell| inert(cell)).collect())
        .collect();
    let natural = columns.iter().enumerate().map(|(at, column)| {
        let cells = rows.iter().map(|row| row[at].width());
        cells.chain([column.title.width()]).max().unwrap_or_default()
    });
    let mut widths: Vec<usize> = natural.collect();
    if let Some(width) = width {
        fit(columns, &mut widths, width);
    }
    let titles: Vec<String> = columns.iter().map(|column| column.title.to_uppercase()).collect();
    let mut text = String::new();
    for row in with_titles.then_some(&titles).into_iter().chain(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let cell = cut(cell, *width);
            let padding = width.saturating_sub(cell.width()) + GAP;
            line.push_str(&cell);
            line.extend(std::iter::repeat_n(' ', padding));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Takes from the widest column that may be cut until all fit, or none has more to give.
fn fit(columns: &[Column], widths: &mut [usize], most: usize) {
    let gaps = GAP * columns.len().saturating_sub(1);
    loop {
        let over = (widths.iter().sum::<usize>() + gaps).saturating_sub(most);
        let floor = |at: usize| NARROWEST.max(columns[at].title.width());
        let widest = (0..columns.len())
            .filter(|at| columns[*at].may_be_cut && widths[*at] > floor(*at))
            .max_by_key(|at| widths[*at]);
        match widest {
            Some(at) if over > 0 => widths[at] -= 1,
            _ => return,
        }
    }
}

/// The text, or as much of it as has room with an ellipsis.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or_default();
        if used > width {
            break;
        }
        kept.push(c);
    }
    format!("{}…", kept.trim_end())
}

/// Fields under one another, for one thing. A value of several lines is indented below its name.
pub(super) fn record(fields: &[(&str, String)]) -> String {
    let width = fields
        .iter()
        .map(|(name, _)| name.width())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for (name, value) in fields {
        let mut lines = value.lines().map(inert);
        let first = lines.next().unwrap_or_default();
        let padding = " ".repeat(width - name.width() + GAP);
        text.push_str(format!("{name}{padding}{first}").trim_end());
        text.push('\n');
        for line in lines {
            text.push_str(format!("{}{line}", " ".repeat(width + GAP)).trim_end());
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: &[Column] = &[Column::whole("id"), Column::text("reason"), Column::text("url")];

    fn rows(cells: &[[&str; 3]]) -> Vec<Vec<String>> {
        cells.iter().map(|row| row.map(str::to_owned).to_vec()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = rows(&[
            ["1", "it was refused", "http://a"],
            ["22", "", ""],
            ["3", "日本", "b"],
        ]);
        let expected = "\
ID  REASON          URL
1   it was refused  http://a
22
3   日本            b
";
        assert_eq!(table(COLUMNS, &rows, None, true), expected);
        assert_eq!(table(COLUMNS, &rows, Some(80), true), expected);
        assert_eq!(
            table(COLUMNS, &rows, None, false),
            expected.split_once('\n').unwrap().1
        );
    }

    #[test]
    fn long_texts_give_way_and_ids_do_not() {
        let rows = rows(&[["0123456789", "it was refused", "http://example.com/hooks"]]);
        let expected = "\
ID          REASON      URL
0123456789  it was re…  http://ex…
";
        assert_eq!(table(COLUMNS, &rows, Some(34), true), expected);
        let narrowest = table(COLUMNS, &rows, Some(1), true);
        assert!(
            narrowest.contains("0123456789  it was…   http://…"),
            "{narrowest}"
        );
    }

    #[test]
    fn fields_stand_under_one_another() {
        let fields = [
            ("id", "1".to_owned()),
            ("payload", "{\n  1\n}".to_owned()),
            ("x", String::new()),
        ];
        assert_eq!(
            record(&fields),
            "id       1\npayload  {\n           1\n         }\nx\n"
        );
    }

    proptest! {
        #[test]
        fn a_table_fits_where_it_can_and_nothing_steers_the_terminal(
            cells in prop::collection::vec(["[a-z]{0,10}", any::<String>(), any::<String>()], 0..5),
            width in 32_usize..100,
        ) {
            let rows: Vec<Vec<String>> = cells.into_iter().map(Vec::from).collect();
            let text = table(COLUMNS, &rows, Some(width), true);
            prop_assert_eq!(text.lines().count(), rows.len() + 1);
            for line in text.lines() {
                prop_assert!(line.width() <= width, "{:?}", line);
                prop_assert!(!line.chars().any(char::is_control));
            }
        }
    }
}
