//! Which events a subscriber wants.

use proto::{Event, EventKind};

use crate::{
    error::{Problems, Result},
    glob,
    id::{EndpointId, TaskId},
};

/// Most values of one list: each event is held against each.
const MOST: usize = 20;

/// What a caller asks for. An empty list and `None` mean: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Globs over queue names.
    pub queues: Vec<String>,
    /// Globs over task types. Events of queues and endpoints have no type.
    pub types: Vec<String>,
    /// Kinds (`delivery.dead`), their last words (`dead`), or globs over kinds (`endpoint.*`).
    pub states: Vec<String>,
    /// One task.
    pub task: Option<TaskId>,
    /// One endpoint.
    pub endpoint: Option<EndpointId>,
}

/// A checked filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    queues: Vec<String>,
    types: Vec<String>,
    kinds: Vec<EventKind>,
    task: Option<TaskId>,
    endpoint: Option<EndpointId>,
}

impl Filter {
    /// Checks what a caller asks for. The problems name the fields `queue`, `type` and `state`.
    pub fn check(asked: Asked) -> Result<Self> {
        let mut problems = Problems::default();
        for (field, values) in [
            ("queue", &asked.queues),
            ("type", &asked.types),
            ("state", &asked.states),
        ] {
            problems.require(values.len() <= MOST, field, format!("at most {MOST} at once"));
        }
        for (field, globs) in [("queue", &asked.queues), ("type", &asked.types)] {
            for glob in globs.iter().take(MOST).filter(|glob| !glob::is_valid(glob)) {
                problems.add(
                    field,
                    format!("{} is not a name or a glob over names", shown(glob)),
                );
            }
        }
        let words: Vec<&String> = asked.states.iter().take(MOST).collect();
        for word in &words {
            problems.require(
                EventKind::ALL.iter().any(|kind| is_meant(*kind, word)),
                "state",
                format!("{} is none of {}, nor a glob over them", shown(word), all_words()),
            );
        }
        problems.finish()?;
        let is_wanted = |kind: &EventKind| words.iter().any(|word| is_meant(*kind, word));
        let kinds = EventKind::ALL.iter().copied().filter(is_wanted).collect();
        Ok(Self {
            queues: asked.queues,
            types: asked.types,
            kinds,
            task: asked.task,
            endpoint: asked.endpoint,
        })
    }

    /// Whether this event is wanted.
    pub fn matches(&self, event: &Event) -> bool {
        let type_matches = |kind: &String| glob::any_matches(&self.types, kind);
        self.matches_queue(&event.queue)
            && (self.types.is_empty() || event.task_type.as_ref().is_some_and(type_matches))
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && (self.task.is_none() || self.task == event.task)
            && (self.endpoint.is_none() || self.endpoint == event.endpoint)
    }

    /// Whether events of this queue are wanted.
    pub(super) fn matches_queue(&self, queue: &str) -> bool {
        glob::any_matches(&self.queues, queue)
    }

    /// The kinds; none: every kind.
    pub(super) fn kinds(&self) -> &[EventKind] {
        &self.kinds
    }

    /// The one task.
    pub(super) fn task(&self) -> Option<TaskId> {
        self.task
    }

    /// The one endpoint.
    pub(super) fn endpoint(&self) -> Option<EndpointId> {
        self.endpoint
    }

    /// The globs over queue names; none: every queue.
    pub(super) fn queues(&self) -> &[String] {
        &self.queues
    }
}

fn is_meant(kind: EventKind, word: &str) -> bool {
    let last = kind.as_str().split_once('.').map(|(_, last)| last);
    last == Some(word) || glob::matches(word, kind.as_str())
}

// Inlined into a loop this constant list is unrolled within it, and the optimiser takes minutes over what comes of that.
#[inline(never)]
fn all_words() -> String {
    EventKind::ALL
        .iter()
        .map(|kind| kind.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{error::Error, events::tests::event};

    fn filter(queue: &str, kind: &str, state: &str) -> Filter {
        let list = |text: &str| text.split_terminator(',').map(str::to_owned).collect();
        let asked = Asked {
            queues: list(queue),
            types: list(kind),
            states: list(state),
            ..Asked::default()
        };
        Filter::check(asked).unwrap()
    }

    #[test]
    fn every_condition_must_hold() {
        let one = Event {
            queue: "tenant-a.orders".into(),
            kind: EventKind::DeliveryDead,
            task_type: Some("invoice.paid".into()),
            ..event(1)
        };
        for (queue, kind, state, expected) in [
            ("", "", "", true),
            ("tenant-a.orders", "invoice.paid", "delivery.dead", true),
            ("tenant-a.*", "invoice.*,x", "dead,paused", true),
            ("tenant-b.*,tenant-a.*", "", "delivery.*", true),
            ("tenant-b.*", "", "", false),
            ("tenant-a", "", "", false),
            ("", "order.*", "", false),
            ("", "", "delivered", false),
            ("", "", "queue.*,endpoint.*", false),
        ] {
            assert_eq!(
                filter(queue, kind, state).matches(&one),
                expected,
                "{queue} {kind} {state}"
            );
        }
    }

    #[test]
    fn an_event_without_a_type_is_of_none() {
        let bare = Event {
            task_type: None,
            ..event(1)
        };
        assert!(filter("", "", "").matches(&bare));
        assert!(!filter("", "*", "").matches(&bare));
    }

    #[test]
    fn ids_are_compared() {
        let id = Uuid::from_u128;
        let one = Event {
            task: Some(id(1)),
            endpoint: Some(id(2)),
            ..event(1)
        };
        for (task, endpoint, expected) in [
            (Some(id(1)), None, true),
            (None, Some(id(2)), true),
            (Some(id(1)), Some(id(2)), true),
            (Some(id(2)), None, false),
            (Some(id(1)), Some(id(1)), false),
        ] {
            let asked = Asked {
                task,
                endpoint,
                ..Asked::default()
            };
            assert_eq!(Filter::check(asked).unwrap().matches(&one), expected);
        }
    }

    #[test]
    fn a_state_names_kinds_by_their_last_word_too() {
        assert_eq!(
            filter("", "", "paused").kinds,
            [EventKind::EndpointPaused, EventKind::QueuePaused]
        );
        assert_eq!(filter("", "", "*").kinds, EventKind::ALL);
    }

    #[test]
    fn every_mistake_names_its_field() {
        let asked = Asked {
            queues: vec!["a b".into(), String::new()],
            types: vec!["ü".into()],
            states: vec!["lost".into()],
            ..Asked::default()
        };
        let Err(Error::Invalid(errors)) = Filter::check(asked) else {
            panic!("accepted");
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["queue", "queue", "type", "state"]);
        assert!(errors[3].detail.contains("delivery.dead"), "{errors:?}");
        let many = Asked {
            states: vec!["dead".into(); 21],
            ..Asked::default()
        };
        assert!(Filter::check(many).is_err());
    }
}
