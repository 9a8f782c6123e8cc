//! The ledger: which jobs there are, who works on which, and what has been done, so that nothing is lost and
//! nothing is done twice, whichever process dies.
//!
//! - [`Ledger`] is the contract; the engines [`sqlite`] (one file, many processes of one machine) and `postgres`
//!   (many machines) implement it, each behind a feature of its name. What the ledger decides is written once;
//!   an engine only runs statements and converts values.
//! - [`LedgerClient`] is what a run holds: it lets a download go on when its ledger fails, if its settings say so.
//! - [`reconcile`] compares the ledger with the files on disk, which it sees as a [`FileInventory`].
//!
//! A **job** is one artifact of one work. A worker takes it by a **lease** that it must renew; each lease has a
//! higher number, the **fence**, and the database refuses every write under an older one. A side effect is an **op**:
//! begun before it happens, completed after it, and replayed instead of repeated once it has succeeded.
//!
//! The crate knows nothing of works, sources, HTTP or files: a work is a JSON value that the worker gets back, a
//! result likewise.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::{sync::Arc, time::Duration};
//! use serde_json::json;
//! use tierfall_ledger::sqlite::{SqliteLedger, SqliteSettings};
//! use tierfall_ledger::{Ending, JobCommand, Ledger, NewJob, Rules, Schedule, SystemClock};
//!
//! let folder = tempfile::tempdir()?;
//! let minutes = |n: u64| Duration::from_secs(60 * n);
//! let ledger = SqliteLedger::open(SqliteSettings {
//!     path: folder.path().join("ledger.sqlite"),
//!     rules: Rules {
//!         lease: minutes(2),
//!         abandoned: minutes(10),
//!         schedule: Schedule { max_attempts: 5, base: minutes(1), longest: minutes(60) },
//!     },
//!     clock: Arc::new(SystemClock),
//!     timeout: Duration::from_secs(10),
//!     create: true,
//!     upgrade: true,
//!     durable: true,
//! })
//! .await?;
//! let job = NewJob {
//!     work_id: "doi:10.1371/journal.pone.0000308".to_owned(),
//!     artifact_id: "pdf".to_owned(),
//!     role: "fulltext".to_owned(),
//!     run_id: "example".to_owned(),
//!     work: json!({"title": "A work"}),
//! };
//! ledger.plan(vec![job]).await?;
//! let lease = ledger.lease_next("worker 1").await?.expect("one job is ready");
//! assert_eq!(lease.work["title"], "A work");
//! let ending = Ending::Failed { reason: "HTTP 503".to_owned(), retryable: true };
//! let reply = ledger.execute_one(&lease, JobCommand::Finish(ending)).await?;
//! assert!(reply.next_at.is_some(), "another attempt is scheduled");
//! ledger.close().await;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! # Features
//! - `sqlite` (default): SQLite, compiled in. Its module names a build flag that makes writes more than twice as
//!   fast; a program that embeds the crate has to set it itself.
//! - `postgres`: PostgreSQL.

#![warn(missing_docs)]

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("the ledger needs an engine: enable the feature `sqlite` or `postgres`");

mod client;
mod clock;
mod command;
#[cfg(test)]
mod conformance;
mod contract;
mod engine;
mod error;
mod event;
mod event_buffer;
mod hosts;
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
mod turns;

pub use client::{
    Effect, FailureCounters, LeaseHandle, LedgerClient, LedgerClientError, LedgerClientSettings,
    LedgerOperation, OnFailure, PendingOp, Probe,
};
pub use clock::{Clock, Due, SystemClock};
pub use command::{CommandReply, JobCommand};
pub use contract::Ledger;
pub use error::LedgerError;
pub use event::{EventFilter, EventKind, EventRecord, UnknownEvent};
pub use hosts::{BreakerName, HostBreaker, HostRules, RulesTurn};
pub use job::{
    CandidateRecord, Counts, DoneOp, Ending, Enqueued, Imported, JobDetails, JobDisposition, JobFilter,
    JobRecord, LOST_WORKER, Lease, NewJob, Planned, Pruned, Recovered, Retry, StoredFile, UnreadableRow,
};
pub use key::JobKey;
pub use op::{Begun, Op, OpKey, OpKind, OpOutcome, OpRecord, OpResult, OpStatus};
pub use protocol::Rules;
pub use reconcile::{FileInventory, Missing, Partial, ReconcileError, Reconciliation, reconcile};
pub use schedule::Schedule;
pub use state::{Illegal, State, Step, UnknownState};
pub use turns::{TurnClaim, Turns};
