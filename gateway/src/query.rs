//! Query parameters: each is taken by its name; what nobody takes, and what comes twice, is an error.

use std::{borrow::Cow, str::FromStr};

use axum::http::Uri;
use chrono::{DateTime, Utc};
use queue::error::Problems;
use serde::de::{DeserializeOwned, IntoDeserializer, value};
use url::form_urlencoded;

use crate::{
    problem::{Kind, Refusal},
    time,
};

/// The parameters of one request. Take each, then [`Query::finish`]: all problems are told at once.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    given: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    known: Vec<&'static str>,
    problems: Problems,
}

impl<'a> Query<'a> {
    pub(crate) fn of(uri: &'a Uri) -> Self {
        let given = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).collect();
        Self {
            given,
            known: vec![],
            problems: Problems::default(),
        }
    }

    /// The text of a parameter, if it was given.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut values = self
            .given
            .iter()
            .filter(|(given, _)| given == name)
            .map(|(_, value)| value);
        let value = values.next()?.clone().into_owned();
        let twice = values.next().is_some();
        self.problems.require(!twice, name, "given twice");
        Some(value)
    }

    /// A parameter that has a form of its own; `expected` says which.
    pub(crate) fn parsed<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let parsed = text.parse().ok();
        self.problems.require(
            parsed.is_some(),
            name,
            format!("{} is not {expected}", shown(&text)),
        );
        parsed
    }

    /// A point in time.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<DateTime<Utc>> {
        let at = self.parsed(
            name,
            "a time such as 2026-01-31T12:00:00Z (a `+` in its offset is written %2B)",
        )?;
        self.problems
            .require(time::is_plausible(at), name, time::PLAUSIBLE);
        Some(at)
    }

    /// One of the words that a type of the contract has.
    pub(crate) fn word<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        let text = self.text(name)?;
        let read = T::deserialize(IntoDeserializer::<value::Error>::into_deserializer(
            shown(&text).as_str(),
        ));
        read.map_err(|error| self.problems.add(name, error.to_string()))
            .ok()
    }

    /// A count within bounds.
    pub(crate) fn count(&mut self, name: &'static str, most: usize) -> Option<usize> {
        let text = self.text(name)?;
        let count = text.parse().ok().filter(|count| (1..=most).contains(count));
        self.problems
            .require(count.is_some(), name, format!("1 to {most}"));
        count
    }

    /// An error if anything was wrong, or given that nobody took.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        let Self {
            given,
            known,
            mut problems,
        } = self;
        let mut unknown: Vec<&str> = given
            .iter()
            .map(|(name, _)| &**name)
            .filter(|name| !known.contains(name))
            .collect();
        unknown.dedup();
        for name in unknown.into_iter().take(20) {
            let allowed = if known.is_empty() {
                "there are none here".to_owned()
            } else {
                format!("known are {}", known.join(", "))
            };
            problems.add(shown(name), format!("no such query parameter: {allowed}"));
        }
        let problems = problems.into_vec();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Refusal::of_fields(Kind::Invalid, problems))
        }
    }
}

/// What was given, not at any length.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use proto::TaskState;

    use super::*;

    #[test]
    fn takes_what_is_known_and_refuses_the_rest() {
        let uri: Uri = "/x?type=a.*&state=dead&since=2026-01-31T12:00:00%2B01:00&limit=7"
            .parse()
            .unwrap();
        let mut query = Query::of(&uri);
        assert_eq!(query.text("type").as_deref(), Some("a.*"));
        assert_eq!(query.word::<TaskState>("state"), Some(TaskState::Dead));
        assert_eq!(
            query.time("since").unwrap().to_rfc3339(),
            "2026-01-31T11:00:00+00:00"
        );
        assert_eq!(query.count("limit", 10), Some(7));
        assert_eq!(query.text("until"), None);
        query.finish().unwrap();
    }

    #[test]
    fn every_mistake_names_its_parameter() {
        let uri: Uri = "/x?state=lost&since=now&limit=0&limit=5&colour=red&until=-9000-01-01T00:00:00Z"
            .parse()
            .unwrap();
        let mut query = Query::of(&uri);
        query.word::<TaskState>("state");
        query.time("since");
        query.time("until");
        query.count("limit", 10);
        let refusal = query.finish().unwrap_err();
        let fields: Vec<_> = refusal.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(
            fields,
            ["state", "since", "until", "limit", "limit", "colour"],
            "{refusal:?}"
        );
        assert!(refusal.errors[0].detail.contains("`scheduled`"), "{refusal:?}");
        assert!(
            refusal.errors[5].detail.contains("state, since, until, limit"),
            "{refusal:?}"
        );
    }
}
