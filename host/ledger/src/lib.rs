//! The ledger: which jobs there are, who works on which, and what has been done, so that nothing is lost and
//! nothing is done twice, whatever dies in between.
//!
//! [`Ledger`] is the contract; [`sqlite`] and [`postgres`] keep it. [`Gate`] is what a run holds: it lets a
//! download go on when its ledger does not. What the ledger decides is written once, in `protocol`; an engine
//! only carries statements and values.

mod clock;
#[cfg(test)]
mod conformance;
mod contract;
mod engine;
mod error;
mod gate;
#[cfg(test)]
mod histories;
mod history;
mod job;
mod key;
mod op;
#[cfg(feature = "postgres")]
pub mod postgres;
mod protocol;
mod reconcile;
mod schedule;
mod schema;
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod state;
#[cfg(test)]
mod testing;
mod word;

pub use clock::{Clock, SystemClock};
pub use contract::Ledger;
pub use error::LedgerError;
pub use gate::{Duty, Effect, Entry, Gate, GateError, GateSettings, Grip, OnFailure, Pending, Probe, Tally};
pub use history::{EventFilter, EventKind, EventRecord, UnknownEvent};
pub use job::{
    CandidateRecord, Counts, DoneOp, Ending, JobFilter, JobRecord, Lease, NewJob, Planned, Recovered, Retry,
    Standing, StoredFile, Story, Taken,
};
pub use key::{JobKey, OpKey};
pub use op::{Begun, Op, OpKind, OpRecord, OpStatus, Outcome};
pub use protocol::Rules;
pub use reconcile::{Missing, Partial, ReconcileError, Reconciliation, Shelf, reconcile, recover_all};
pub use schedule::Schedule;
pub use state::{Illegal, State, Step, UnknownState, next};
pub use word::{Heard, Word};
