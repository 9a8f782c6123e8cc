//! The time that leases are measured in.

use std::time::{SystemTime, UNIX_EPOCH};

/// Where an engine takes the time from. It decides only *when* a job may be leased again; that nothing is
/// written twice rests on the fence, so a clock that jumps costs repeated work at worst.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Milliseconds since the epoch.
    fn now_ms(&self) -> i64;
}

/// This machine's wall clock: right for SQLite, whose processes all share it. It goes on while a process
/// is stopped, so a worker that slept past its lease finds out.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}
