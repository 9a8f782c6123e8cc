//! The engine for many machines: one PostgreSQL database, to which workers connect from anywhere.
//!
//! Each request is one transaction on a pooled connection; the server makes commits share its log's syncs.
//! Rows are locked while they are decided on, and rows that others have locked are passed over.

mod events;
mod open;
mod statements;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio_postgres::IsolationLevel;
use tokio_postgres::error::SqlState;

use super::clock::Clock;
use super::engine::Engine;
use super::error::LedgerError;
use super::protocol::{Book, Request, Rules};

use events::Keeper;
use statements::{Failure, Session};

/// Where the ledger is, and by which rules it is kept.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgres://user:password@host/database`, as libpq reads it.
    pub url: String,
    /// The schema inside the database that holds the ledger's tables: lower-case letters, digits and `_`.
    pub schema: String,
    pub rules: Rules,
    pub time: Time,
    /// Connections at most. A worker needs one only while it writes.
    pub connections: usize,
    /// How long to wait for a connection, for a lock, and for a statement.
    pub patience: Duration,
    /// For servers that are reached by TLS; without it `sslmode=require` fails.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Whether a ledger of an earlier version may be brought up to this one.
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

/// A ledger in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresLedger {
    pool: Pool,
    rules: Rules,
    time: Time,
    events: Keeper,
    events_lost: Arc<AtomicU64>,
}

/// How often a transaction that the server ended in favour of another is begun again.
const TRIES: u32 = 8;

impl PostgresLedger {
    /// Connects, and makes the tables if there are none. Errors: `Open`, `ReadOnly`, `Foreign`, `Older`, `Newer`.
    pub async fn open(settings: PostgresSettings) -> Result<Self, LedgerError> {
        let pool = open::pool(&settings)?;
        open::migrate(&settings, &pool).await?;
        let events_lost = Arc::new(AtomicU64::new(0));
        let events = Keeper::start(pool.clone(), settings.time.clone(), Arc::clone(&events_lost));
        Ok(Self { pool, rules: settings.rules, time: settings.time, events, events_lost })
    }

    async fn transact<Q: Request>(
        &self,
        request: &Q,
        isolation: IsolationLevel,
        read_only: bool,
    ) -> Result<(Q::Reply, Book<'_>), Failure> {
        let mut client = self.pool.get().await?;
        let transaction =
            client.build_transaction().isolation_level(isolation).read_only(read_only).start().await?;
        let mut book = Book { rules: &self.rules, events: Vec::new() };
        let mut session = Session::new(&transaction, &self.time);
        let reply = request.apply(&mut session, &mut book).await;
        let reply = session.explain(reply)?;
        transaction.commit().await?;
        Ok((reply, book))
    }
}

impl Engine for PostgresLedger {
    async fn write<Q: Request>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        let mut tries = 1;
        loop {
            match self.transact(&request, IsolationLevel::ReadCommitted, false).await {
                Ok((reply, book)) => {
                    self.events.keep(book.events);
                    return Ok(reply);
                }
                // Two transactions wanted the same rows in different order, and this one lost.
                Err(failure)
                    if tries < TRIES
                        && failure
                            .is(&[SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE]) =>
                {
                    tries += 1;
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    async fn read<Q: Request>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        let (reply, _) = self.transact(&request, IsolationLevel::RepeatableRead, true).await?;
        Ok(reply)
    }

    async fn settle(&self) {
        self.events.settle().await;
    }

    fn lost(&self) -> u64 {
        self.events_lost.load(Ordering::Relaxed)
    }

    async fn shut(&self) {
        self.events.settle().await;
        self.pool.close();
    }
}
