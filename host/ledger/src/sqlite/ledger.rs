//! The engine itself: writes go to the writer's thread, reads to connections of their own.

use std::path::Path;
use std::sync::Arc;

use crate::engine::Engine;
use crate::error::LedgerError;
use crate::protocol::TxRequest;

use super::open;
use super::readers::Shared;
use super::settings::SqliteSettings;
use super::writer::Writer;

/// A ledger in one SQLite file.
#[derive(Debug)]
pub struct SqliteLedger {
    shared: Arc<Shared>,
    writer: Writer,
}

impl SqliteLedger {
    /// Opens the ledger. Errors: `Absent`, `Open`, `ReadOnly`, `Foreign`, `Older`, `Newer`.
    pub async fn open(settings: SqliteSettings) -> Result<Self, LedgerError> {
        let shared = Arc::new(Shared::new(settings));
        blocking(move || {
            let connection = open::for_writing(&shared.settings)?;
            let writer = Writer::start(connection, Arc::clone(&shared))?;
            Ok(Self { shared, writer })
        })
        .await
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.shared.settings.path
    }
}

impl Engine for SqliteLedger {
    async fn write<Q: TxRequest>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        self.writer.submit(request).await
    }

    async fn read<Q: TxRequest>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.read(&request)).await
    }

    async fn flush_events(&self) {
        self.writer.flush_events().await;
    }

    fn lost_events(&self) -> u64 {
        self.shared.events_lost.count()
    }

    async fn shut_down(&self) {
        self.writer.close().await;
        self.shared.close();
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, LedgerError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(LedgerError::Unavailable(format!("its thread ended early: {error}"))))
}
