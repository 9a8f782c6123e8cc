//! The engine for many machines: one PostgreSQL database, to which workers connect from anywhere.
//!
//! Each request is one transaction on a pooled connection; the server makes commits share its log's syncs.
//! Rows are locked while they are decided on, and rows that others have locked are passed over.

mod events;
mod open;
mod statements;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio_postgres::IsolationLevel;

use super::clock::Clock;
use super::engine::Engine;
use super::error::LedgerError;
use super::protocol::{Command, Rules, TxContext};

use events::EventWriter;
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
    /// Whether to make the ledger where there is none.
    pub create: bool,
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
    events: EventWriter,
    events_lost: Arc<AtomicU64>,
}

/// How often a transaction is begun again that the server ended in favour of another.
const TRIES: usize = 8;

impl PostgresLedger {
    /// Connects. Errors: `Absent`, `Open`, `ReadOnly`, `Foreign`, `Older`, `Newer`.
    pub async fn open(settings: PostgresSettings) -> Result<Self, LedgerError> {
        let pool = open::pool(&settings)?;
        open::migrate(&settings, &pool).await?;
        let events_lost = Arc::new(AtomicU64::new(0));
        let events = EventWriter::start(pool.clone(), settings.time.clone(), Arc::clone(&events_lost));
        Ok(Self { pool, rules: settings.rules, time: settings.time, events, events_lost })
    }

    async fn run<Q: Command>(
        &self,
        request: &Q,
        manner: Manner,
    ) -> Result<(Q::Reply, TxContext<'_>), LedgerError> {
        // After a restart of the server every pooled connection may be broken, which shows only in its use.
        let mut tries = TRIES + self.pool.status().max_size;
        loop {
            match self.transact(request, manner).await {
                Err(failure) if failure.is_worth_another_try() && tries > 0 => tries -= 1,
                done => return done.map_err(LedgerError::from),
            }
        }
    }

    async fn transact<Q: Command>(
        &self,
        request: &Q,
        manner: Manner,
    ) -> Result<(Q::Reply, TxContext<'_>), Failure> {
        let mut client = self.pool.get().await?;
        let begin = client.build_transaction();
        let begin = match manner {
            Manner::Write => begin.isolation_level(IsolationLevel::ReadCommitted),
            // One sight of everything, however many statements it takes.
            Manner::Read => begin.isolation_level(IsolationLevel::RepeatableRead).read_only(true),
        };
        let transaction = begin.start().await?;
        let mut book = TxContext { rules: &self.rules, events: Vec::new() };
        let mut session = Session::new(&transaction, &self.time);
        let reply = request.apply(&mut session, &mut book).await;
        let reply = session.explain(reply)?;
        transaction.commit().await.map_err(|error| Failure::from(error).at_commit())?;
        Ok((reply, book))
    }
}

#[derive(Clone, Copy, Debug)]
enum Manner {
    Write,
    Read,
}

impl Engine for PostgresLedger {
    async fn write<Q: Command>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        let (reply, book) = self.run(&request, Manner::Write).await?;
        self.events.keep(book.events);
        Ok(reply)
    }

    async fn read<Q: Command>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        Ok(self.run(&request, Manner::Read).await?.0)
    }

    async fn settle(&self) {
        self.events.settle().await;
    }

    fn lost(&self) -> u64 {
        self.events_lost.load(Ordering::Relaxed)
    }

    async fn shut(&self) {
        self.events.end().await;
        self.pool.close();
    }
}
