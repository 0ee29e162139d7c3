//! The allocator's own settings, which it reads from the environment when the process begins.

use std::{collections::BTreeMap, env, os::unix::process::CommandExt, process::Command};

/// How long the allocator keeps memory that nobody uses before the system gets it back, in milliseconds.
const PURGE_DELAY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "0");

/// Begins the program once more, in the same process, with memory given back at once, unless whoever starts it has decided. Measured, with work
/// for ten thousand endpoints: 175 MB at most in place of 225, and as fast. It has no other way in that is safe Rust.
///
/// Where the program cannot be begun again, it goes on as it is.
pub(crate) fn give_back_at_once(environment: &BTreeMap<String, String>) {
    let (name, value) = PURGE_DELAY;
    if environment.contains_key(name) {
        return;
    }
    let Ok(program) = env::current_exe() else {
        return;
    };
    let mut arguments = env::args_os();
    let mut again = Command::new(program);
    if let Some(called) = arguments.next() {
        again.arg0(called);
    }
    // It returns only if it fails.
    let _failure = again.args(arguments).env(name, value).exec();
}
