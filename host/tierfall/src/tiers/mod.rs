//! The way of one work through its tiers: the plan, and the race that follows it.

mod artifacts;
mod batch;
mod cause;
mod down;
mod health;
mod identify;
mod missed;
mod nearest;
mod outage;
mod outages;
mod outcome;
mod plan;
mod plugin_source;
mod questions;
pub mod race;
mod reason;
mod so_far;
mod source;
mod together;
mod trail;

pub use artifacts::{Artifacts, Want};
pub use identify::{Identified, Others, identify};
pub use nearest::Nearest;
pub use outage::{SourceOutage, WaitedFor};
pub use outages::SourceOutages;
pub use outcome::{Outcome, Status, Won};
pub use plan::{Budgets, Plan, Skipped, Tier};
pub use plugin_source::{Batching, PluginSource};
pub use race::Observer;
pub use reason::{EndReason, UnknownReason};
pub use so_far::{Parked, SoFar};
pub use source::{Answer, Ask, Asks, Closed, Source, SourceName};
pub use together::Together;
pub use trail::{AcquisitionEntry, AttemptEntry, AttemptOutcome, Proposal, Trail, TrailEntry};
