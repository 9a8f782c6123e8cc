//! What the ledger does, written once for every engine: each request reads rows, decides by the table of
//! transitions, and writes rows, inside one transaction.

mod daily;
mod ending;
mod execute;
mod hosts;
mod import;
mod lease;
mod op;
mod park;
mod plan;
mod prune;
mod queries;
mod recover;
mod request;
mod rows;
mod turns;

pub(crate) use daily::TakeOfDay;
pub(crate) use execute::ExecuteCommands;
pub(crate) use hosts::{CloseBreaker, KeepRules, ListBreakers, OpenBreaker, ProbeBreaker, TakeRules};
pub(crate) use import::ImportJobs;
pub(crate) use lease::{EnqueueJob, LeaseJob, LeaseNext, RenewLease};
pub(crate) use plan::PlanJobs;
pub(crate) use prune::PruneJobs;
pub(crate) use queries::{
    Artifacts, CountJobs, Dispositions, FindKeys, ListEvents, ListJobs, NextAt, Now, ShowJob, insert_events,
};
pub(crate) use recover::{Recover, ReopenJob, RetryJobs};
pub use request::Rules;
pub(crate) use request::{TxContext, TxRequest};
#[cfg(test)]
pub(crate) use rows::KNOWN_STATES;
pub(crate) use turns::{ClaimTurns, EndTurns, HoldHost, RenewTurns, ReturnTurns};
