//! The time that leases are measured in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// A time by the ledger's clock. With PostgreSQL that is the server's, which may be far from the reader's own: `at` is to be
/// shown, and only `wait` to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// Milliseconds since the epoch.
    pub at: i64,
    /// How long that was from the ledger's reply on; nothing if the time had come.
    pub wait: Duration,
}

impl Due {
    pub(crate) fn new(at: i64, now: i64) -> Self {
        let wait = Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or(0));
        Self { at, wait }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}
