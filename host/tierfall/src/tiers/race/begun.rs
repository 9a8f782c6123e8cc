//! What a work has used of its budgets before its race.

use tokio::time::Instant;

use crate::tiers::trail::Trail;

/// What happened to a work before its race: it may have been looked for by its title.
pub struct Begun {
    /// Its first attempt.
    pub(in crate::tiers) started: Instant,
    /// Everything that happened so far.
    pub(in crate::tiers) trail: Trail,
    /// Attempts that were made.
    pub(in crate::tiers) attempts: u32,
}

impl Begun {
    /// Nothing happened yet.
    pub fn now() -> Self {
        Self { started: Instant::now(), trail: Trail::default(), attempts: 0 }
    }
}
