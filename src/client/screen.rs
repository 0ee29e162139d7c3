//! What is printed: tables for people, JSON for programs; and notes on standard error.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result};
use proto::Page;
use serde::Serialize;

use super::{
    table::{Row, record, table},
    times::Times,
};
use crate::cli::Output;

/// Where answers go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    /// As what.
    pub(super) output: Output,
    /// How wide the terminal is; `None` if it is none, so that whoever reads it gets all.
    pub(super) width: Option<usize>,
    /// How times are written.
    pub(super) times: Times,
}

impl Screen {
    /// The screen as it is now.
    pub(super) fn here(output: Output) -> Self {
        let stdout = io::stdout();
        let size = rustix::termios::tcgetwinsize(&stdout)
            .ok()
            .filter(|_| stdout.is_terminal());
        let width = size
            .map(|size| usize::from(size.ws_col))
            .filter(|width| *width > 0);
        #[expect(
            clippy::disallowed_methods,
            reason = "an edge: times are written as seen from now"
        )]
        let now = chrono::Utc::now();
        Self {
            output,
            width,
            times: Times { now },
        }
    }

    /// One thing: its fields, or its JSON.
    pub(super) fn thing(self, thing: &impl Serialize, fields: &[(&str, String)]) -> Result<()> {
        match self.output {
            Output::Table => write(&record(fields)),
            Output::Json => document(thing),
        }
    }

    /// One page: a table, or one JSON document.
    pub(super) fn page<T: Row + Serialize>(self, page: &Page<T>) -> Result<()> {
        match self.output {
            Output::Table => self.rows(&page.items, true),
            Output::Json => document(page),
        }
    }

    /// A part of a long list: rows, or a line of JSON each.
    pub(super) fn part<T: Row + Serialize>(self, items: &[T], is_first: bool) -> Result<()> {
        match self.output {
            Output::Table => self.rows(items, is_first),
            Output::Json => items.iter().try_for_each(line),
        }
    }

    fn rows<T: Row>(self, items: &[T], with_titles: bool) -> Result<()> {
        if items.is_empty() {
            if with_titles {
                note("Nothing found.");
            }
            return Ok(());
        }
        let cells: Vec<_> = items.iter().map(|item| item.cells(self.times)).collect();
        write(&table(T::COLUMNS, &cells, self.width, with_titles))
    }
}

/// One JSON document.
pub(super) fn document(thing: &impl Serialize) -> Result<()> {
    write(&(serde_json::to_string_pretty(thing)? + "\n"))
}

/// One line of JSON.
pub(super) fn line(thing: &impl Serialize) -> Result<()> {
    write(&(serde_json::to_string(thing)? + "\n"))
}

/// Writes to standard output, at once.
pub(super) fn write(text: &str) -> Result<()> {
    write_bytes(text.as_bytes())
}

/// The same of any bytes.
pub(super) fn write_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(NobodyReads.into()),
        written => written.context("cannot write to standard output"),
    }
}

/// Whoever read standard output has enough (`| head`): there is nothing left to do, and nothing went wrong.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads standard output any more")]
pub struct NobodyReads;

/// Something that is no answer, for whoever looks on. Nobody may be there to read it.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
