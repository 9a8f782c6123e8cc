//! The way of one work through its tiers: the plan, the race within a tier, the budgets, the trail.

mod budget;
mod plan;
mod race;
mod source;
mod trail;

pub use budget::Budgets;
pub use plan::{Plan, Skipped, Tier};
pub use race::{Observer, Outcome, Status, Won, race};
pub use source::{Acquire, Answer, Ask, PluginSource, Source, SourceName};
pub use trail::{AcquisitionEntry, AttemptEntry, AttemptOutcome, Proposal, Trail, TrailEntry};
