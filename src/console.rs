//! The console's files, embedded when this program was built (`build.rs`).

use gateway::ConsoleFile;

/// All of them; in a build without the console a page that says so.
pub static FILES: &[ConsoleFile] = include!(concat!(env!("OUT_DIR"), "/console.rs"));
