//! The engine itself: each request is one transaction on a pooled connection.

use tokio_postgres::IsolationLevel;

use crate::engine::Engine;
use crate::error::LedgerError;
use crate::event_buffer::LostEvents;
use crate::protocol::{Rules, TxContext, TxRequest};

use super::event_writer::EventWriter;
use super::open::{self, Connections};
use super::settings::{PostgresSettings, Time};
use super::statements::{Failure, Session};

/// A ledger in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresLedger {
    connections: Connections,
    rules: Rules,
    time: Time,
    events: EventWriter,
    events_lost: LostEvents,
}

#[derive(Clone, Copy, Debug)]
enum Access {
    Write,
    Read,
}

/// How often a transaction is begun again that the server ended in favour of another.
const RETRIES: usize = 8;

impl PostgresLedger {
    /// Connects. Errors: `Absent`, `Open`, `ReadOnly`, `Foreign`, `Older`, `Newer`.
    pub async fn open(settings: PostgresSettings) -> Result<Self, LedgerError> {
        let connections = Connections::open(&settings).await?;
        open::migrate(&settings, &connections).await?;
        let events_lost = LostEvents::default();
        let events = EventWriter::start(connections.clone(), settings.time.clone(), events_lost.clone());
        Ok(Self { connections, rules: settings.rules, time: settings.time, events, events_lost })
    }

    async fn run<Q: TxRequest>(
        &self,
        request: &Q,
        access: Access,
    ) -> Result<(Q::Reply, TxContext<'_>), LedgerError> {
        // After a restart of the server every pooled connection may be broken, which shows only when it is used.
        let mut retries = RETRIES + self.connections.most();
        loop {
            match self.transact(request, access).await {
                Err(failure) if failure.is_retryable() && retries > 0 => retries -= 1,
                done => return done.map_err(LedgerError::from),
            }
        }
    }

    async fn transact<Q: TxRequest>(
        &self,
        request: &Q,
        access: Access,
    ) -> Result<(Q::Reply, TxContext<'_>), Failure> {
        let mut client = self.connections.get().await?;
        let begin = client.build_transaction();
        let begin = match access {
            Access::Write => begin.isolation_level(IsolationLevel::ReadCommitted),
            // One snapshot of everything, however many statements it takes.
            Access::Read => begin.isolation_level(IsolationLevel::RepeatableRead).read_only(true),
        };
        let transaction = begin.start().await?;
        self.connections.begin(&transaction).await?;
        let mut tx = TxContext::new(&self.rules);
        let mut session = Session::new(&transaction, &self.time, self.connections.prepares());
        let reply = request.apply(&mut session, &mut tx).await;
        let reply = session.explain(reply)?;
        transaction.commit().await.map_err(|error| Failure::from(error).at_commit())?;
        Ok((reply, tx))
    }
}

impl Engine for PostgresLedger {
    async fn write<Q: TxRequest>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        let (reply, tx) = self.run(&request, Access::Write).await?;
        self.events.write(tx.events);
        Ok(reply)
    }

    async fn read<Q: TxRequest>(&self, request: Q) -> Result<Q::Reply, LedgerError> {
        Ok(self.run(&request, Access::Read).await?.0)
    }

    async fn flush_events(&self) {
        self.events.flush().await;
    }

    fn lost_events(&self) -> u64 {
        self.events_lost.count()
    }

    async fn shut_down(&self) {
        self.events.close().await;
        self.connections.close();
    }
}
