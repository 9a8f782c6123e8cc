//! The ledger: which jobs there are, who works on which, and what has been done, so that nothing is lost and
//! nothing is done twice, whatever dies in between.
//!
//! [`Ledger`] is the contract; [`sqlite`] and [`postgres`] keep it. [`LedgerClient`] is what a run holds: it lets a
//! download go on when its ledger does not. What the ledger decides is written once, in `protocol`; an engine
//! only carries statements and values.

mod client;
mod clock;
mod command;
#[cfg(test)]
mod conformance;
mod contract;
mod engine;
mod error;
mod history;
mod job;
mod key;
#[cfg(test)]
mod model_tests;
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

pub use client::{
    Admission, Effect, FailureCounters, LeaseHandle, LedgerClient, LedgerClientError, LedgerClientSettings,
    LedgerOperation, OnFailure, Pending, Probe,
};
pub use clock::{Clock, SystemClock};
pub use command::{CommandReply, JobCommand};
pub use contract::Ledger;
pub use error::LedgerError;
pub use history::{EventFilter, EventKind, EventRecord, UnknownEvent};
pub use job::{
    CandidateRecord, Counts, DoneOp, Ending, Enqueued, JobDetails, JobDisposition, JobFilter, JobRecord,
    Lease, NewJob, Planned, Recovered, Retry, StoredFile,
};
pub use key::{JobKey, OpKey};
pub use op::{Begun, Op, OpKind, OpRecord, OpStatus, Outcome};
pub use protocol::Rules;
pub use reconcile::{
    FileInventory, Missing, Partial, ReconcileError, Reconciliation, reconcile, recover_all,
};
pub use schedule::Schedule;
pub use state::{Illegal, State, Step, UnknownState, next};
