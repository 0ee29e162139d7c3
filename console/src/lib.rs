//! What of the console needs no browser: texts, numbers and drawings, computed. Tested where cargo runs; the rest is in `main.rs`.

pub mod chart;
pub mod curl;
pub mod format;
pub mod latency;
pub mod payload;
pub mod query;
pub mod rows;
pub mod settings;
pub mod snippets;
pub mod traffic;
pub mod verdict;
