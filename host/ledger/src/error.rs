//! What a ledger can answer instead of doing what it was asked.

use super::state::Illegal;

/// Refusals come from a ledger that works; the rest from one that does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error(
        "the lease on job {job} is over (fence {fence}): it ran out or another worker has it, nothing was written"
    )]
    Stale { job: String, fence: i64 },
    #[error("job {job} refused: {illegal}")]
    Illegal { job: String, illegal: Illegal },
    #[error("there is no job {0} in the ledger; plan it first")]
    UnknownJob(String),

    #[error(
        "there is no ledger at {place}: a run with --enable-idempotency makes one, and --ledger or --out names \
         another place"
    )]
    Absent { place: String },
    #[error("the ledger {place} cannot be opened: {why}")]
    Open { place: String, why: String },
    #[error("{place} is not a ledger of Tierfall: {why}; give another place with --ledger")]
    Foreign { place: String, why: String },
    #[error(
        "the ledger {place} has schema {found}, older than this program's {known}; upgrade it while no worker runs"
    )]
    Older { place: String, found: i64, known: i64 },
    #[error(
        "the ledger {place} has schema {found}, newer than this program's {known}; use the newer program"
    )]
    Newer { place: String, found: i64, known: i64 },
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
    #[error("the ledger refuses to write: {0}")]
    ReadOnly(String),
    #[error("the ledger's disk is full: {0}")]
    Full(String),
    #[error("the ledger {0} was removed or replaced while it was in use; nothing written to it would last")]
    Gone(String),
    #[error("the ledger holds something this program cannot read or would not have written: {0}")]
    Corrupt(String),
}

impl LedgerError {
    /// The ledger works and said no: retrying or degrading would be wrong.
    pub fn is_refusal(&self) -> bool {
        matches!(self, LedgerError::Stale { .. } | LedgerError::Illegal { .. } | LedgerError::UnknownJob(_))
    }

    /// A short name for counters and logs.
    pub fn label(&self) -> &'static str {
        match self {
            LedgerError::Stale { .. } => "stale",
            LedgerError::Illegal { .. } => "illegal",
            LedgerError::UnknownJob(_) => "unknown_job",
            LedgerError::Absent { .. } => "absent",
            LedgerError::Open { .. } => "open",
            LedgerError::Foreign { .. } => "foreign",
            LedgerError::Older { .. } => "older_schema",
            LedgerError::Newer { .. } => "newer_schema",
            LedgerError::Unavailable(_) => "unavailable",
            LedgerError::ReadOnly(_) => "read_only",
            LedgerError::Full(_) => "full",
            LedgerError::Gone(_) => "gone",
            LedgerError::Corrupt(_) => "corrupt",
        }
    }
}
