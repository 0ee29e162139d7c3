//! What the tests of several crates share. A development dependency only.
//!
//! - [`Database`]: a database of its own for each test, on the server that `POSTHASTE_TEST_DATABASE_URL` names.
//! - [`Locked`]: a table of it that everyone else waits for.
//! - [`Wire`]: the way to that server, which a test can cut and mend.

mod database;
mod wire;

pub use database::{Database, Locked};
pub use wire::Wire;
