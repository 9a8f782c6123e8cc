//! What the engine and its writer share: the settings, and connections for reading.

use std::sync::{Mutex, MutexGuard};

use futures_util::FutureExt;
use rusqlite::Connection;

use crate::error::LedgerError;
use crate::event_buffer::LostEvents;
use crate::protocol::{TxContext, TxRequest};

use super::open;
use super::settings::SqliteSettings;
use super::statements::{Statements, failure};

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: SqliteSettings,
    pub(super) events_lost: LostEvents,
    /// Idle connections for reading; there are never more than there were readers at once.
    idle: Mutex<Vec<Connection>>,
}

impl Shared {
    pub(super) fn new(settings: SqliteSettings) -> Self {
        Self { settings, events_lost: LostEvents::default(), idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn read<Q: TxRequest>(&self, request: &Q) -> Result<Q::Reply, LedgerError> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => open::for_reading(&self.settings)?,
        };
        let reply = {
            let mut tx = TxContext::new(&self.settings.rules);
            connection.execute_batch("BEGIN").map_err(|error| failure(&error))?;
            let mut sql = Statements::new(&mut connection, &*self.settings.clock);
            at_once(request.apply(&mut sql, &mut tx))
        };
        // A connection that cannot even end its transaction is not used again.
        if connection.execute_batch("ROLLBACK").is_ok() {
            self.idle().push(connection);
        }
        reply
    }

    pub(super) fn close(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// A request over SQLite never waits for anything but SQLite itself, so its future is ready at once.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("statements of SQLite answer before they return")
}
