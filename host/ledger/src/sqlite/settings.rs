//! Where the ledger is, and how it is opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::protocol::Rules;

/// Where the ledger is, and the rules by which it works.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// The database file; SQLite keeps its log in files beside it.
    pub path: PathBuf,
    /// Leases, retries.
    pub rules: Rules,
    /// What leases are measured by: [`SystemClock`](crate::SystemClock), except in tests.
    pub clock: Arc<dyn Clock>,
    /// The longest wait for another process to end its write.
    pub timeout: Duration,
    /// Whether to create the ledger if there is none.
    pub create: bool,
    /// Whether to upgrade a ledger of an earlier version.
    pub upgrade: bool,
    /// Whether a commit is on disk before its reply. Without it a crash of the machine, not of a process, may take the
    /// last commits or the file: only for what is worth nothing afterwards, such as turns at hosts.
    pub durable: bool,
}
