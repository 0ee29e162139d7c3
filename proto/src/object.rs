use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// Reads an object, and nothing else, as a `T`: serde alone would take an array of the fields' values for one as well.
pub(crate) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(Object(PhantomData))
}

/// The same, where `null` means that it was left out.
pub(crate) fn optional_object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_option(Optional(PhantomData))
}

/// Reads a list of objects in the same way.
pub(crate) fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let items = Vec::<Item<T>>::deserialize(deserializer)?;
    Ok(items.into_iter().map(|Item(item)| item).collect())
}

/// One of a list: an object, and nothing else.
struct Item<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

struct Optional<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Optional<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        object(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use crate::{DeliverySettings, NewEndpoint, NewQueue, NewTask};

    #[test]
    fn an_array_is_no_object() {
        for json in [
            r#"{"name":"a","settings":[]}"#,
            r#"{"name":"a","settings":{"retry":[3]}}"#,
            r#"{"name":"a","settings":7}"#,
        ] {
            assert!(serde_json::from_str::<NewQueue>(json).is_err(), "{json}");
        }
        assert!(serde_json::from_str::<NewEndpoint>(r#"{"url":"u","settings":["1s"]}"#).is_err());
        assert!(serde_json::from_str::<NewTask>(r#"{"retry":[3]}"#).is_err());
    }

    #[test]
    fn objects_are_read_and_null_is_nothing() {
        let settings: DeliverySettings =
            serde_json::from_str(r#"{"retry":{"attempts":3,"schedule":["1s"]},"timeout":"2s"}"#).unwrap();
        assert_eq!(settings.retry.unwrap().attempts, Some(3));
        assert_eq!(
            serde_json::from_str::<DeliverySettings>(r#"{"retry":null}"#).unwrap(),
            DeliverySettings::default()
        );
        let from_value: DeliverySettings =
            serde_json::from_value(serde_json::json!({"retry": {"attempts": 3}})).unwrap();
        assert_eq!(from_value.retry.unwrap().attempts, Some(3));
    }
}
