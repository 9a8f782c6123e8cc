//! What a work has used of its budgets before its race.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::tiers::so_far::SoFar;
use crate::tiers::trail::Trail;
use tierfall_http::WorkClock;

/// What happened to a work before its race: it may have been looked for by its title.
pub struct Begun {
    /// Its first attempt.
    pub(in crate::tiers) started: Instant,
    /// The time that it has.
    pub(in crate::tiers) clock: Arc<WorkClock>,
    /// Everything that happened so far.
    pub(in crate::tiers) trail: Trail,
    /// Attempts that were made.
    pub(in crate::tiers) attempts: u32,
    /// What another worker had found out.
    pub(in crate::tiers) settled: Trail,
    /// The sources that this one gave it back for, because they answered nobody.
    pub(in crate::tiers) waited_for: Vec<String>,
    /// How long it may be parked before it is given back; `None`: it is not given back.
    pub(in crate::tiers) patience: Option<Duration>,
}

impl Begun {
    /// Nothing happened yet; the work may take this long.
    pub fn now(total: Duration) -> Self {
        Self::under(Arc::new(WorkClock::new(total)))
    }

    /// Nothing happened yet, under a clock that was just made.
    pub fn under(clock: Arc<WorkClock>) -> Self {
        Self {
            started: Instant::now(),
            clock,
            trail: Trail::default(),
            attempts: 0,
            settled: Trail::default(),
            waited_for: Vec::new(),
            patience: None,
        }
    }

    /// Another worker has found out so much; of the time `total` the rest is left, on a clock that is `telling`.
    pub fn going_on(so_far: SoFar, total: Duration, telling: impl FnOnce(WorkClock) -> WorkClock) -> Self {
        let SoFar { trail: settled, used_ms, elapsed_ms, waits_for } = so_far;
        let clock = WorkClock::new(total).having_used(Duration::from_millis(used_ms));
        let elapsed = Duration::from_millis(elapsed_ms);
        Self {
            // The machine may not have been on for so long.
            started: Instant::now().checked_sub(elapsed).unwrap_or_else(Instant::now),
            attempts: u32::try_from(settled.attempts().count()).unwrap_or(u32::MAX),
            settled,
            waited_for: waits_for,
            ..Self::under(Arc::new(telling(clock)))
        }
    }

    /// The same for a work that is given back when it has been parked for so long, and will be for as long again.
    pub fn parked_at_most(self, patience: Option<Duration>) -> Self {
        Self { patience, ..self }
    }

    /// The time that the work has.
    pub fn clock(&self) -> &Arc<WorkClock> {
        &self.clock
    }
}
