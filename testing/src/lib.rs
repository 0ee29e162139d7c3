//! What the tests of several crates share. A development dependency only.
//!
//! [`Database`]: a database of its own for each test, on the server that `POSTHASTE_TEST_DATABASE_URL` names.

mod database;

pub use database::Database;
