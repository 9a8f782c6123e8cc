//! The embedded engine: one file, shared by the processes of one machine.
//!
//! Write-ahead log, `synchronous=FULL`, one writer thread per process whose commits many callers share, and
//! readers of their own that never wait for it.

mod open;
mod statements;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use rusqlite::Connection;

use super::clock::Clock;
use super::engine::Engine;
use super::error::LedgerError;
use super::protocol::{Command, Rules, TxContext};

use statements::{Statements, failure};
use writer::Writer;

/// Where the ledger is, and by which rules it is kept.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    pub path: PathBuf,
    pub rules: Rules,
    pub clock: Arc<dyn Clock>,
    /// How long to wait for another process to end its write.
    pub patience: Duration,
    /// Whether to make the ledger where there is none.
    pub create: bool,
    /// Whether a ledger of an earlier version may be brought up to this one.
    pub upgrade: bool,
}

/// A ledger in one SQLite file.
#[derive(Debug)]
pub struct SqliteLedger {
    shared: Arc<Shared>,
    writer: Writer,
}

#[derive(Debug)]
struct Shared {
    settings: SqliteSettings,
    /// Idle connections for reading; there are never more than there were readers at once.
    readers: Mutex<Vec<Connection>>,
    events_lost: AtomicU64,
}

impl SqliteLedger {
    /// Opens the ledger. Errors: `Absent`, `Open`, `ReadOnly`, `Foreign`, `Older`, `Newer`.
    pub async fn open(settings: SqliteSettings) -> Result<Self, LedgerError> {
        let shared =
            Arc::new(Shared { settings, readers: Mutex::new(Vec::new()), events_lost: AtomicU64::new(0) });
        blocking(move || {
            let connection = open::for_writing(&shared.settings)?;
            let writer = Writer::start(connection, Arc::clone(&shared))?;
            Ok(Self { shared, writer })
        })
        .await
    }

    pub fn path(&self) -> &Path {
        &self.shared.settings.path
    }
}

impl Engine for SqliteLedger {
    async fn write<Q: Command>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        self.writer.submit(request).await
    }

    async fn read<Q: Command>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.read(&request)).await
    }

    async fn settle(&self) {
        self.writer.settle().await;
    }

    fn lost(&self) -> u64 {
        self.shared.events_lost.load(Ordering::Relaxed)
    }

    async fn shut(&self) {
        self.writer.close().await;
        self.shared.idle().clear();
    }
}

impl Shared {
    fn read<Q: Command>(&self, request: &Q) -> Result<Q::Reply, LedgerError> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => open::for_reading(&self.settings)?,
        };
        let answer = {
            let mut book = TxContext { rules: &self.settings.rules, events: Vec::new() };
            connection.execute_batch("BEGIN").map_err(|error| failure(&error))?;
            let mut sql = Statements::new(&mut connection, &*self.settings.clock);
            at_once(request.apply(&mut sql, &mut book))
        };
        // A connection that cannot even end its reading is not used again.
        if connection.execute_batch("ROLLBACK").is_ok() {
            self.idle().push(connection);
        }
        answer
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// A request over SQLite never waits for anything but SQLite itself, so its future is ready at once.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("statements of SQLite answer before they return")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(LedgerError::Unavailable(format!("its thread ended early: {error}"))))
}
