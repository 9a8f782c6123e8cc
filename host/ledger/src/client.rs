//! The client of a run: it passes every step of a job to the ledger, and where the ledger fails it either lets the
//! download go on and reports what is no longer guaranteed, or ends it. Without a ledger it costs nothing.

mod connection;
mod failures;
mod handle;
mod lease_task;
mod metrics;
#[cfg(all(test, feature = "sqlite"))]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::contract::Ledger;
use crate::error::LedgerError;
use crate::job::{Enqueued, NewJob};

use connection::{Answer, Connection, LAST_WAIT};

pub use connection::{LedgerClientError, LedgerClientSettings, OnFailure, Probe};
pub use failures::{FailureCounters, LedgerOperation};
pub use handle::{Effect, LeaseHandle, PendingOp};

/// A run's access to its ledger, or to none. Cheap to clone; all clones share one connection.
#[derive(Clone, Debug)]
pub struct LedgerClient(Option<Arc<Connection>>);

impl LedgerClient {
    /// A run without a ledger: no file, no writes, no cost.
    pub fn off() -> Self {
        Self(None)
    }

    /// Opens the ledger. If it cannot be opened, [`OnFailure`] decides: this fails, or the run goes on without it.
    pub async fn open(
        opening: impl Future<Output = Result<Arc<dyn Ledger>, LedgerError>>,
        settings: LedgerClientSettings,
    ) -> Result<Self, LedgerError> {
        Connection::open(opening, settings).await.map(|connection| Self(Some(Arc::new(connection))))
    }

    /// A ledger was asked for, and is open.
    pub fn is_on(&self) -> bool {
        self.ledger().is_some()
    }

    /// How long a lease lasts without being renewed; nothing where no ledger was asked for.
    pub fn lease(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |connection| connection.settings.lease)
    }

    /// Whether downloads go on when the ledger fails.
    pub fn degrades(&self) -> bool {
        self.0.as_ref().is_none_or(|connection| connection.degrades())
    }

    /// Whether it does its work as far as is known: one that failed just now does not.
    pub fn is_well(&self) -> bool {
        self.0.as_ref().is_none_or(|connection| connection.ledger.is_some() && !connection.is_paused())
    }

    /// The open ledger itself.
    pub fn ledger(&self) -> Option<&Arc<dyn Ledger>> {
        self.0.as_ref()?.ledger.as_ref()
    }

    /// What has failed so far; `None` if no ledger was asked for.
    pub fn failures(&self) -> Option<&FailureCounters> {
        self.0.as_deref().map(|connection| &connection.failures)
    }

    /// Plans the job and leases it, if it is available. Without a ledger it always is.
    pub async fn enqueue(
        &self,
        job: impl FnOnce() -> NewJob,
        owner: &str,
    ) -> Result<Enqueued<LeaseHandle>, LedgerClientError> {
        let Some(connection) = &self.0 else { return Ok(Enqueued::Leased(LeaseHandle::empty())) };
        let points = ["plan", "lease"];
        let requested_at = Instant::now();
        let enqueued =
            connection.request(LedgerOperation::Plan, &points, |ledger| ledger.enqueue(job(), owner)).await?;
        Ok(match enqueued {
            Answer::Refused | Answer::Unavailable => Enqueued::Leased(LeaseHandle::empty()),
            Answer::Given(enqueued) => {
                enqueued.map(|lease| LeaseHandle::new(connection, lease, requested_at))
            }
        })
    }

    /// Leases whichever job has been ready for the longest. `None`: there is none. Without a ledger there is no
    /// queue, so here a failure is an error whatever [`OnFailure`] says.
    pub async fn take_next(&self, owner: &str) -> Result<Option<LeaseHandle>, LedgerClientError> {
        let Some(connection) = &self.0 else { return Ok(None) };
        let ledger = connection
            .ledger
            .as_ref()
            .ok_or_else(|| LedgerError::Unavailable("it is not open".to_owned()))?;
        connection.probe(&["lease"], "before");
        let requested_at = Instant::now();
        let lease = ledger.lease_next(owner).await;
        metrics::answered("lease", lease.is_ok(), requested_at.elapsed());
        let lease = lease?;
        connection.probe(&["lease"], "after");
        Ok(lease.map(|lease| LeaseHandle::new(connection, lease, requested_at)))
    }

    /// Closes the ledger once everything has been written; a ledger that fails is waited for only so long.
    pub async fn close(&self) {
        let Some(connection) = &self.0 else { return };
        if tokio::time::timeout(LAST_WAIT, connection.join_tasks()).await.is_err() {
            tracing::warn!("the ledger did not come back: {}", LedgerOperation::Finish.loss());
        }
        if let Some(ledger) = &connection.ledger {
            ledger.close().await;
        }
    }
}
