//! The items of a batch, each still unread: a bad one must not sink the others.

use std::fmt;

use serde::{
    Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::too_many;
use crate::problem::Refusal;

/// The items of a JSON array.
pub(crate) fn of_array(body: &[u8], most: usize) -> Result<Vec<&[u8]>, Refusal> {
    if body.trim_ascii().is_empty() {
        return Err(Refusal::invalid(
            "body",
            "is empty: an array of tasks is expected here",
        ));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = reader
        .deserialize_any(Items { most })
        .and_then(|items| reader.end().map(|()| items));
    let items = read.map_err(|error| {
        let wrong_type = error.classify() == serde_json::error::Category::Data;
        let detail = if wrong_type {
            "an array of tasks is expected here".to_owned()
        } else {
            format!("is not JSON: {error}")
        };
        Refusal::invalid("body", detail)
    })?;
    if items.len() > most {
        Err(too_many(most))
    } else {
        Ok(items)
    }
}

/// The items of a text with one a line; empty lines are passed over.
pub(crate) fn of_lines(body: &[u8], most: usize) -> Result<Vec<&[u8]>, Refusal> {
    let mut items = Vec::new();
    for line in body
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
    {
        if items.len() == most {
            return Err(too_many(most));
        }
        items.push(line);
    }
    Ok(items)
}

/// Collects one item more than `most` and passes over the rest: 16 MiB hold millions of the smallest items.
struct Items {
    most: usize,
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of tasks")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() <= self.most {
            let Some(item) = seq.next_element::<&RawValue>()? else {
                return Ok(items);
            };
            items.push(item.get().as_bytes());
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Kind;

    #[test]
    fn an_array_falls_into_its_items() {
        let items = of_array(br#" [ {"a":1} , 7, "x" ,[ ] ]"#, 10).unwrap();
        assert_eq!(items, [b"{\"a\":1}".as_slice(), b"7", b"\"x\"", b"[ ]"]);
        assert!(of_array(b"[]", 10).unwrap().is_empty());
        for wrong in ["", "{}", "7", "[1,", "[1] 2", "[1 2]", "nul", "[\u{1}]"] {
            let refusal = of_array(wrong.as_bytes(), 10).unwrap_err();
            assert_eq!(
                (refusal.kind, refusal.errors[0].field.as_str()),
                (Kind::Invalid, "body"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_text_falls_into_its_lines() {
        assert_eq!(
            of_lines(b"{}\r\n\n  {\"a\": 1} \n\t\n7", 10).unwrap(),
            [b"{}".as_slice(), b"{\"a\": 1}", b"7"]
        );
        assert!(of_lines(b"", 10).unwrap().is_empty());
    }

    #[test]
    fn too_many_items_are_refused_whole() {
        assert_eq!(of_array(b"[1,2,3]", 3).unwrap().len(), 3);
        assert_eq!(of_array(b"[1,2,3,4]", 3).unwrap_err().kind, Kind::TooLarge);
        assert_eq!(of_array(b"[1,2,3,4,5,6,7]", 3).unwrap_err().kind, Kind::TooLarge);
        assert_eq!(of_lines(b"1\n2\n3\n", 3).unwrap().len(), 3);
        assert_eq!(of_lines(b"1\n2\n3\n4", 3).unwrap_err().kind, Kind::TooLarge);
    }
}
