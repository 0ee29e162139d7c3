use serde::{Deserialize, Deserializer};

/// Reads a field that is there as a `T`, so that `null` is a value like any other, or an error, and never the same as leaving it out.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use crate::{EndpointUpdate, NewTask, QueueUpdate, TestSend};

    #[test]
    fn null_is_a_payload() {
        let task: NewTask = serde_json::from_str(r#"{"payload": null}"#).unwrap();
        assert_eq!(task.payload.unwrap().get(), "null");
        assert!(serde_json::from_str::<NewTask>("{}").unwrap().payload.is_none());
        let test: TestSend = serde_json::from_str(r#"{"payload":null}"#).unwrap();
        assert_eq!(test.payload.unwrap().get(), "null");
    }

    #[test]
    fn null_changes_nothing_silently() {
        for field in ["description", "url", "filter", "headers"] {
            assert!(
                serde_json::from_str::<EndpointUpdate>(&format!("{{\"{field}\": null}}")).is_err(),
                "{field}"
            );
        }
        assert!(serde_json::from_str::<QueueUpdate>(r#"{"description": null}"#).is_err());
        let update: QueueUpdate = serde_json::from_str(r#"{"settings": null}"#).unwrap();
        assert_eq!(update.settings, Some(serde_json::Value::Null));
    }
}
