//! Where the ledger is, and how it is opened.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::protocol::Rules;

/// Where the ledger is, and the rules by which it works.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgres://user:password@host/database`, as libpq reads it. `sslmode` and `sslrootcert` are libpq's too, but
    /// without an `sslmode` only this machine is trusted by default: any other has to prove its name (`verify-full`).
    pub url: String,
    /// The schema inside the database that holds the ledger's tables: lower-case letters, digits and `_`.
    pub schema: String,
    /// Leases, retries.
    pub rules: Rules,
    /// What leases are measured by.
    pub time: Time,
    /// Connections at most. A worker needs one only while it writes.
    pub connections: usize,
    /// The longest wait for a connection, for a lock, and for a statement.
    pub timeout: Duration,
    /// The certificate authorities that are trusted where the URL names none.
    pub roots: Option<Arc<rustls::RootCertStore>>,
    /// Whether to create the ledger if there is none.
    pub create: bool,
    /// Whether to upgrade a ledger of an earlier version.
    pub upgrade: bool,
}

/// Whose clock leases are measured by.
#[derive(Clone, Debug)]
pub enum Time {
    /// The server's: one clock for all machines, however theirs drift.
    Server,
    /// Another one, for tests.
    Given(Arc<dyn Clock>),
}
