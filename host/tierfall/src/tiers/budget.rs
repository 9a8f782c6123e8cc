//! What one work may cost.

use std::time::Duration;

/// The budgets of one work (DESIGN section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Wall time from the work's first attempt, on the monotonic clock.
    pub total: Duration,
    /// Attempts over all tiers; reserved before they are launched.
    pub max_attempts: u32,
    /// Attempts and acquisitions in flight.
    pub max_concurrent: usize,
    /// How long an acquisition may keep its rivals waiting before the next one is started beside it.
    pub hedge: Duration,
}
