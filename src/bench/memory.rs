//! Resident memory of a process on this machine, as Linux tells it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{task::JoinHandle, time::interval};

/// How often memory is looked at: often enough for peaks of buffers, rarely enough to cost nothing.
const EVERY: Duration = Duration::from_millis(100);

/// The resident memory of process `pid`, in bytes.
pub(super) fn resident(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| {
        format!("--pid {pid}: cannot read {path}: does the server run on this machine, under this id?")
    })?;
    vm_rss(&status).with_context(|| format!("--pid {pid}: {path} tells no resident memory"))
}

fn vm_rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Watches a process until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    peak: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to watch process `pid`.
    pub(super) fn start(pid: u32) -> Result<Self> {
        let peak = Arc::new(AtomicU64::new(resident(pid)?));
        let seen = Arc::clone(&peak);
        let task = tokio::spawn(async move {
            let mut ticks = interval(EVERY);
            loop {
                ticks.tick().await;
                // A server that has gone is noticed by those who talk to it.
                if let Ok(now) = resident(pid) {
                    seen.fetch_max(now, Ordering::Relaxed);
                }
            }
        });
        Ok(Self { peak, task })
    }

    /// The most that was seen, in bytes.
    pub(super) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_resident_memory_out_of_a_status_file() {
        let status = "Name:\tposthaste\nVmHWM:\t  999 kB\nVmRSS:\t   12345 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(vm_rss(status), Some(12_345 * 1024));
        for broken in ["", "VmRSS:\t12345\n", "VmRSS:\t kB\n", "Name:\tkthreadd\n"] {
            assert_eq!(vm_rss(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn this_very_process_has_memory() {
        assert!(resident(std::process::id()).unwrap() > 1024 * 1024);
    }
}
