//! Why a ledger did not do what it was asked to.

use crate::state::Illegal;

/// Refusals ([`LedgerError::is_refusal`]) come from a ledger that works; the rest from one that does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The lease has expired, or another worker has the job.
    #[error(
        "the lease on job {job} is over (fence {fence}): it ran out or another worker has it, nothing was written"
    )]
    Stale {
        /// The job's key.
        job: String,
        /// Of the lease that is over.
        fence: i64,
    },
    /// The job cannot take this step from where it stands.
    #[error("job {job} refused: {illegal}")]
    Illegal {
        /// The job's key.
        job: String,
        /// The transition that was refused.
        illegal: Illegal,
    },
    /// Nobody has planned this job.
    #[error("there is no job {0} in the ledger; plan it first")]
    UnknownJob(String),

    /// There is no ledger, and none was to be created.
    #[error(
        "there is no ledger at {place}: a run with --enable-idempotency makes one, and --ledger or --out names \
         another place"
    )]
    Absent {
        /// The file, or the server and its schema.
        place: String,
    },
    /// The database cannot be opened.
    #[error("the ledger {place} cannot be opened: {why}")]
    Open {
        /// The file, or the server and its schema.
        place: String,
        /// For people.
        why: String,
    },
    /// There is a database, of another program.
    #[error("{place} is not a ledger of Tierfall: {why}; give another place with --ledger")]
    Foreign {
        /// The file, or the server and its schema.
        place: String,
        /// For people.
        why: String,
    },
    /// An earlier version made it, and it was not to be upgraded.
    #[error(
        "the ledger {place} has schema {found}, older than this program's {known}; upgrade it while no worker runs"
    )]
    Older {
        /// The file, or the server and its schema.
        place: String,
        /// The schema that it has.
        found: i64,
        /// The schema of this version.
        known: i64,
    },
    /// A later version made it.
    #[error(
        "the ledger {place} has schema {found}, newer than this program's {known}; use the newer program"
    )]
    Newer {
        /// The file, or the server and its schema.
        place: String,
        /// The schema that it has.
        found: i64,
        /// The schema of this version.
        known: i64,
    },
    /// It did not answer, or not in time; it may later.
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
    /// The file, its folder or the database takes no writes.
    #[error("the ledger refuses to write: {0}")]
    ReadOnly(String),
    /// No space is left.
    #[error("the ledger's disk is full: {0}")]
    Full(String),
    /// The file or the tables vanished while they were in use.
    #[error("the ledger {0} was removed or replaced while it was in use; nothing written to it would last")]
    Gone(String),
    /// A row that cannot be read, a constraint that was violated, or a damaged database.
    #[error("the ledger holds something this program cannot read or would not have written: {0}")]
    Corrupt(String),
}

impl LedgerError {
    /// The ledger works and said no: retrying or degrading would be wrong.
    pub fn is_refusal(&self) -> bool {
        matches!(self, LedgerError::Stale { .. } | LedgerError::Illegal { .. } | LedgerError::UnknownJob(_))
    }
}
