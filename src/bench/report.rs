//! What a run found out, as tables for people and as one JSON document.

use std::fmt::{self, Write as _};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::figure::Figure;

/// One line of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What the line is about.
    pub label: &'static str,
    /// Its figures.
    pub figures: Vec<Figure>,
}

/// What one scenario found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// The scenario's name.
    pub name: &'static str,
    /// What was done, in a line.
    pub title: String,
    /// The findings.
    pub rows: Vec<Row>,
    /// How they compare to what Posthaste sets out to reach.
    pub targets: Vec<Target>,
    /// Accepted tasks that never arrived.
    pub missing: u64,
}

/// A figure that Posthaste sets out to reach on the reference machine (2 cores for Postgres, server, load and receiver).
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// What is to be reached.
    pub name: &'static str,
    /// What was measured.
    pub measured: Figure,
    /// The bound.
    pub bound: Bound,
}

/// On which side of a number a target lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// At least this much.
    AtLeast(f64),
    /// Not more than this.
    AtMost(f64),
    /// Less than this.
    Below(f64),
}

/// What a whole run found out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The server that was measured.
    pub url: String,
    /// Processors of this machine.
    pub processors: usize,
    /// Bytes of a payload.
    pub payload_bytes: u32,
    /// What each scenario found out.
    #[serde(serialize_with = "by_name")]
    pub scenarios: Vec<Section>,
    /// The targets of all of them.
    pub targets: Vec<Target>,
    /// Accepted tasks that never arrived, over all scenarios. Anything but 0 is a defect.
    pub missing: u64,
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            Self::Below(bound) => value < bound,
        }
    }

    fn number(self) -> f64 {
        match self {
            Self::AtLeast(bound) | Self::AtMost(bound) | Self::Below(bound) => bound,
        }
    }
}

impl Target {
    /// Whether it was reached; `None` if it was not measured.
    pub fn met(&self) -> Option<bool> {
        self.measured.value.map(|value| self.bound.holds(value))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = Figure {
            value: Some(self.bound.number()),
            ..self.measured
        };
        let side = match self.bound {
            Bound::AtLeast(_) => "at least",
            Bound::AtMost(_) => "at most",
            Bound::Below(_) => "below",
        };
        let verdict = match self.met() {
            None => "unknown",
            Some(true) => "met",
            Some(false) => "MISSED",
        };
        write!(
            f,
            "{verdict:7}  {}: {}, wanted {side} {bound}",
            self.name, self.measured
        )
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name)?;
        map.serialize_entry("figure", self.measured.key)?;
        map.serialize_entry("measured", &self.measured.value)?;
        match self.bound {
            Bound::AtLeast(bound) => map.serialize_entry("at_least", &bound)?,
            Bound::AtMost(bound) => map.serialize_entry("at_most", &bound)?,
            Bound::Below(bound) => map.serialize_entry("below", &bound)?,
        }
        map.serialize_entry("met", &self.met())?;
        map.end()
    }
}

impl Serialize for Section {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("title", &self.title)?;
        for figure in self.rows.iter().flat_map(|row| &row.figures) {
            map.serialize_entry(figure.key, &figure.value)?;
        }
        map.end()
    }
}

fn by_name<S: Serializer>(sections: &[Section], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(sections.iter().map(|section| (section.name, section)))
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.title)?;
        let width = self
            .rows
            .iter()
            .map(|row| row.label.chars().count())
            .max()
            .unwrap_or(0);
        for row in &self.rows {
            let mut line = format!("  {:width$}", row.label);
            for figure in &row.figures {
                let (label, text) = (figure.label, figure.to_string());
                let gap = if label.is_empty() { "" } else { " " };
                write!(line, "  {:16}", format!("{label}{gap}{text}"))?;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Report {
    /// The tables, and a closing line a target.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for section in &self.scenarios {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{section}");
        }
        text.push_str(
            "targets (for 2 cores with Postgres, server, load and receiver on them, 256-byte payloads)\n",
        );
        for target in &self.targets {
            let _ = writeln!(text, "  {target}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn target(measured: Figure, bound: Bound) -> Target {
        Target {
            name: "speed",
            measured,
            bound,
        }
    }

    fn ratio(value: f64) -> Figure {
        Figure::ratio("of_bare", "", value, 1.0)
    }

    #[test]
    fn a_target_is_met_missed_or_not_measured() {
        for (measured, bound, met, text) in [
            (
                ratio(0.25),
                Bound::AtLeast(0.25),
                Some(true),
                "met      speed: 25.0 %, wanted at least 25.0 %",
            ),
            (
                ratio(0.2499),
                Bound::AtLeast(0.25),
                Some(false),
                "MISSED   speed: 25.0 %, wanted at least 25.0 %",
            ),
            (
                ratio(f64::NAN),
                Bound::AtLeast(0.25),
                None,
                "unknown  speed: not measured, wanted at least 25.0 %",
            ),
            (
                Figure::bytes("", "", Some(300_000_000)),
                Bound::Below(300e6),
                Some(false),
                "MISSED   speed: 300 MB, wanted below 300 MB",
            ),
            (
                Figure::bytes("", "", Some(299_000_000)),
                Bound::Below(300e6),
                Some(true),
                "met      speed: 299 MB, wanted below 300 MB",
            ),
        ] {
            let target = target(measured, bound);
            assert_eq!(target.met(), met, "{target}");
            assert_eq!(target.to_string(), text);
        }
    }

    #[test]
    fn the_document_names_each_figure_and_the_table_aligns_them() {
        let section = Section {
            name: "single",
            title: "10 tasks".to_owned(),
            rows: vec![
                Row {
                    label: "end to end",
                    figures: vec![
                        Figure::rate("end_to_end_per_s", "", 3_000, Duration::from_secs(2)),
                        Figure::ratio("of_bare", "of bare", 1.0, 4.0),
                    ],
                },
                Row {
                    label: "memory",
                    figures: vec![Figure::bytes("resident_bytes", "peak", None)],
                },
            ],
            targets: vec![target(ratio(0.3), Bound::AtLeast(0.25))],
            missing: 2,
        };
        assert_eq!(
            section.to_string(),
            "single: 10 tasks\n  end to end  1,500/s           of bare 25.0 %\n  memory      peak not measured\n"
        );
        let report = Report {
            url: "http://127.0.0.1:8080/".to_owned(),
            processors: 2,
            payload_bytes: 256,
            targets: section.targets.clone(),
            missing: section.missing,
            scenarios: vec![section],
        };
        let expected = serde_json::json!({
            "url": "http://127.0.0.1:8080/",
            "processors": 2,
            "payload_bytes": 256,
            "scenarios": {
                "single": { "title": "10 tasks", "end_to_end_per_s": 1500.0, "of_bare": 0.25, "resident_bytes": null },
            },
            "targets": [{ "name": "speed", "figure": "of_bare", "measured": 0.3, "at_least": 0.25, "met": true }],
            "missing": 2,
        });
        assert_eq!(serde_json::to_value(&report).unwrap(), expected);
    }
}
