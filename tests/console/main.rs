//! The console in a real browser, on the real server. `cargo xtask test --only console` builds the console, finds what is needed, and runs
//! these; they are left out elsewhere.

mod browser;
mod demo;
mod driver;
mod finding;
#[path = "../node/harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "made for more than is needed here")]
mod harness;
mod long;
mod payloads;
mod people;
mod trouble;
mod visit;
mod walk;
