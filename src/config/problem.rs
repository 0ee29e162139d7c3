//! What is wrong with a configuration: all of it at once, each with its place.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// A line of the file.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// A flag on the command line.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(path, line) => write!(formatter, "{}:{line}", path.display()),
            Self::Environment(variable) => write!(formatter, "environment {variable}"),
            Self::Flag(flag) => write!(formatter, "flag {flag}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub source: Source,
    /// What, beginning with the setting's key, and what to write instead.
    pub message: String,
}

/// Everything that is wrong; never empty when it is an error.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Problems(
    /// In the order of the layers.
    pub Vec<Problem>,
);

impl Problems {
    /// Notes one more.
    pub(super) fn add(&mut self, source: &Source, message: impl Into<String>) {
        self.0.push(Problem {
            source: source.clone(),
            message: message.into(),
        });
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(formatter, "the configuration has a problem:")?,
            count => writeln!(formatter, "the configuration has {count} problems:")?,
        }
        for Problem { source, message } in &self.0 {
            match source {
                Source::Default => writeln!(formatter, "  {message}")?,
                source => writeln!(formatter, "  {source}: {message}")?,
            }
        }
        formatter.write_str("`posthaste config --describe` tells what every setting may hold")
    }
}

impl std::error::Error for Problems {}

/// The candidate that someone most likely meant by `word`.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters wrong is still the same word; half of them is another one.
    let limit = (word.len() / 3).max(1);
    let distances = candidates.map(|candidate| {
        let same_end = candidate.rsplit_once('.').is_some_and(|(_, end)| end == word);
        (
            if same_end {
                0
            } else {
                strsim::damerau_levenshtein(word, candidate)
            },
            candidate,
        )
    });
    distances
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= limit)
        .map(|(_, it)| it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word() {
        let keys = ["gateway.listen", "dispatcher.timeout", "log.level"];
        for (word, expected) in [
            ("gateway.lisen", Some("gateway.listen")),
            ("gatewya.listen", Some("gateway.listen")),
            ("timeout", Some("dispatcher.timeout")),
            ("log.levle", Some("log.level")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys.into_iter()), expected, "{word}");
        }
    }
}
