//! Errors, sorted by who can act: the caller, or whoever runs the database, now or later.

use std::sync::Arc;

use proto::FieldError;

use crate::metrics::DATABASE_ERRORS;

/// Why a verb of the queue did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The caller's input is wrong: each field with its reason.
    #[error("{}", describe(.0))]
    Invalid(Vec<FieldError>),
    /// There is no such thing, or it is not the caller's to see. Says what was looked for.
    #[error("there is no {0}")]
    NotFound(String),
    /// It cannot be done as things stand; the sentence says why and what to do.
    #[error("{0}")]
    Conflict(String),
    /// The database cannot be reached, or is too slow. Trying again later helps; nothing was accepted.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// A row does not hold what it must: a bug here, or a hand in the database. Names table, column and id.
    #[error("{table}.{column} of {id} cannot be read: {problem}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: String,
        /// What is wrong.
        problem: String,
    },
    /// The database answered with an error that no caller can cause.
    #[error("the database refused a statement: {0}")]
    Database(#[source] Arc<sqlx::Error>),
}

/// The result of a verb of the queue.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn describe(errors: &[FieldError]) -> String {
    errors
        .iter()
        .map(|e| format!("{}: {}", e.field, e.detail))
        .collect::<Vec<_>>()
        .join("; ")
}

impl Error {
    /// One field's problem.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![field_error(field, detail)])
    }

    /// A row that does not hold what it must.
    pub(crate) fn corrupt(
        table: &'static str,
        column: &'static str,
        id: impl std::fmt::Display,
        problem: impl std::fmt::Display,
    ) -> Self {
        Self::Corrupt {
            table,
            column,
            id: id.to_string(),
            problem: problem.to_string(),
        }
    }
}

/// What is wrong with one field.
pub fn field_error(field: impl Into<String>, detail: impl Into<String>) -> FieldError {
    FieldError {
        field: field.into(),
        detail: detail.into(),
    }
}

impl From<sqlx::Error> for Error {
    /// Sorts by type and SQLSTATE class, never by text: connection trouble and shortage pass, everything else does not.
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let passes = match &error {
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Protocol(_) => {
                true
            }
            // 08 connection, 53 insufficient resources, 57 operator intervention (shutdown, cancel), 58 system error,
            // 40 rollback (serialisation, deadlock), 25006 read-only (a standby after a fail-over).
            E::Database(e) => e.code().is_some_and(|code| {
                ["08", "53", "57", "58", "40"]
                    .iter()
                    .any(|class| code.starts_with(class))
                    || code == "25006"
            }),
            _ => false,
        };
        let kind = if passes { "unavailable" } else { "refused" };
        if !matches!(error, E::RowNotFound) {
            DATABASE_ERRORS.with_label_values(&[kind]).inc();
        }
        if passes {
            Self::Unavailable(error.to_string())
        } else {
            Self::Database(Arc::new(error))
        }
    }
}

/// Collects what is wrong with several fields, so that a caller hears of all at once.
#[derive(Debug, Default)]
pub struct Problems(Vec<FieldError>);

impl Problems {
    /// Notes a problem.
    pub fn add(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        self.0.push(field_error(field, detail));
    }

    /// Notes a problem unless `fine`.
    pub fn require(&mut self, fine: bool, field: impl Into<String>, detail: impl Into<String>) {
        if !fine {
            self.add(field, detail);
        }
    }

    /// The problems so far.
    pub fn into_vec(self) -> Vec<FieldError> {
        self.0
    }

    /// An error if there were any.
    pub fn finish(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self.0))
        }
    }
}
