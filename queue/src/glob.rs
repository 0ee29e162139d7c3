//! Type globs: which task types an endpoint wants. `*` stands for any run of characters, everything else for itself.

/// Whether `glob` is one: not empty, at most 200 characters, all of them those of a type or `*`.
pub fn is_valid(glob: &str) -> bool {
    !glob.is_empty() && glob.len() <= 200 && glob.bytes().all(|b| b == b'*' || is_type_byte(b))
}

/// Whether `kind` can be a task's type.
pub(crate) fn is_type(kind: &str) -> bool {
    !kind.is_empty() && kind.len() <= 200 && kind.bytes().all(is_type_byte)
}

fn is_type_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"._-:/".contains(&b)
}

/// Whether any of `globs` matches `kind`; an empty list wants everything.
pub(crate) fn any_matches(globs: &[String], kind: &str) -> bool {
    globs.is_empty() || globs.iter().any(|glob| matches(glob, kind))
}

/// Whether `glob` matches the whole of `kind`. Linear in practice, and at worst the product of their lengths: no backtracking
/// beyond the last `*`.
pub fn matches(glob: &str, kind: &str) -> bool {
    let (glob, kind) = (glob.as_bytes(), kind.as_bytes());
    let (mut g, mut k) = (0, 0);
    let mut star = None;
    while k < kind.len() {
        if g < glob.len() && glob[g] == b'*' {
            star = Some((g, k));
            g += 1;
        } else if g < glob.len() && glob[g] == kind[k] {
            g += 1;
            k += 1;
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            g = at + 1;
            k = taken + 1;
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|b| *b == b'*')
}

/// The same glob as a pattern for SQL's `LIKE`, with `\` as its escape.
pub(crate) fn to_like(glob: &str) -> String {
    let mut like = String::with_capacity(glob.len() + 4);
    for c in glob.chars() {
        match c {
            '*' => like.push('%'),
            '%' | '_' | '\\' => like.extend(['\\', c]),
            _ => like.push(c),
        }
    }
    like
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matches_as_one_would_expect() {
        for (glob, kind, expected) in [
            ("invoice.*", "invoice.paid", true),
            ("invoice.*", "invoice.paid.late", true),
            ("invoice.*", "invoice", false),
            ("*", "", true),
            ("*", "anything", true),
            ("*.paid", "invoice.paid", true),
            ("*.paid", "invoice.unpaid", false),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXcYYb", false),
            ("invoice.paid", "invoice.paid", true),
            ("invoice.paid", "invoice.paid2", false),
            ("**", "x", true),
        ] {
            assert_eq!(matches(glob, kind), expected, "{glob} {kind}");
        }
        assert!(any_matches(&[], "x"));
    }

    /// The textbook definition, exponential and obviously right.
    fn naive(glob: &[u8], kind: &[u8]) -> bool {
        match (glob.first(), kind.first()) {
            (None, None) => true,
            (Some(b'*'), _) => naive(&glob[1..], kind) || (!kind.is_empty() && naive(glob, &kind[1..])),
            (Some(g), Some(k)) => g == k && naive(&glob[1..], &kind[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(glob in "[ab*]{0,8}", kind in "[ab]{0,10}") {
            prop_assert_eq!(matches(&glob, &kind), naive(glob.as_bytes(), kind.as_bytes()));
        }
    }
}
