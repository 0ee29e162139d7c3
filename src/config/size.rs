//! Byte sizes as people write them: `16MiB`. (Durations are written as in the API: [`proto::Span`].)

/// Units of size, largest first, in bytes. Binary ones only: `MB` means two different things to people.
const SIZE: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads a size: a whole number of bytes, alone or with `B`, `KiB`, `MiB` or `GiB`. `None` when it is anything else.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    match text[end..].trim_start() {
        "" => Some(number),
        unit => number.checked_mul(SIZE.iter().find(|(name, _)| *name == unit)?.1),
    }
}

/// Writes a size in the largest unit that divides it, so that [`parse_size`] reads it back.
pub(super) fn format_size(bytes: u64) -> String {
    let fits = |(_, size): &(&str, u64)| bytes >= *size && bytes.is_multiple_of(*size);
    let (unit, size) = SIZE.into_iter().find(fits).unwrap_or(("B", 1));
    format!("{}{unit}", bytes / size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("1048576", Some(1 << 20)),
            ("1MiB", Some(1 << 20)),
            ("16 KiB", Some(16 << 10)),
            ("3B", Some(3)),
            ("2GiB", Some(2 << 30)),
            ("1MB", None),
            ("1M", None),
            ("-1", None),
            ("1.5MiB", None),
            ("", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number in 0..u64::MAX / 2) {
            prop_assert_eq!(parse_size(&format_size(number)), Some(number));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse_size(&text);
        }
    }
}
