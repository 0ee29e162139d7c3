//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07).

use axum::http::HeaderMap;

use crate::problem::Refusal;

/// Its name.
pub(super) const HEADER: &str = "idempotency-key";

/// The key in the header: a string of RFC 9651 in quotes, or the bare text that most clients send.
pub(crate) fn from_header(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Refusal::invalid(HEADER, "given twice"));
    }
    let text = value
        .to_str()
        .map_err(|_| Refusal::invalid(HEADER, "visible ASCII characters only"))?
        .trim();
    let key = match text.strip_prefix('"') {
        None => text.to_owned(),
        Some(quoted) => unquote(quoted).ok_or_else(|| {
            Refusal::invalid(HEADER, "begins with a quote and is no quoted string: \"…\" with \\\" and \\\\ for a quote and a backslash")
        })?,
    };
    Ok(Some(key))
}

/// What follows an opening quote (RFC 9651, section 4.2.5); parameters behind the closing one are passed over.
fn unquote(quoted: &str) -> Option<String> {
    let mut key = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => key.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => key.push(c),
        }
    }
    let rest = chars.as_str().trim_start();
    (rest.is_empty() || rest.starts_with(';')).then_some(key)
}

/// The one key of header and field.
pub(super) fn agree(header: Option<String>, field: Option<String>) -> Result<Option<String>, Refusal> {
    match (header, field) {
        (Some(header), Some(field)) if header != field => Err(Refusal::invalid(
            "idempotency_key",
            "differs from the header `Idempotency-Key`: give one of them, or the same in both",
        )),
        (header, field) => Ok(header.or(field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_quoted_or_bare() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, value.parse().unwrap());
            from_header(&headers).map(Option::unwrap)
        };
        for (value, key) in [
            (
                "8e03978e-40d5-43dd-bc93-6894a57f9324",
                "8e03978e-40d5-43dd-bc93-6894a57f9324",
            ),
            ("\"8e03978e\"", "8e03978e"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            ("\"a\" ;v=1", "a"),
            ("\"\"", ""),
            (" a ", "a"),
            ("a\"b", "a\"b"),
        ] {
            assert_eq!(of(value).unwrap(), key, "{value}");
        }
        for wrong in ["\"a", "\"a\"b", r#""a\n""#, "\""] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert_eq!(from_header(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn header_and_field_agree() {
        let some = |key: &str| Some(key.to_owned());
        assert_eq!(agree(some("a"), some("a")), Ok(some("a")));
        assert_eq!(agree(some("a"), None), Ok(some("a")));
        assert_eq!(agree(None, some("a")), Ok(some("a")));
        assert!(agree(some("a"), some("b")).is_err());
    }
}
