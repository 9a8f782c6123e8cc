//! A work is asked for until the run ends or its lease does, and anew after each outage, which is nobody's failure.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::worker_pool::WorkerPool;
use crate::run::artifact_jobs::ArtifactJobs;
use crate::run::slots::Slot;
use crate::tiers::race::Begun;
use crate::tiers::{EndReason, Outcome, Status, Trail};
use tierfall_http::{Reach, WorkClock};
use tierfall_ledger::LedgerClientError;
use tierfall_work::Work;

impl WorkerPool {
    /// What comes of asking for a work, from its beginning after each outage; `None` if the run is over, or leaves the
    /// work for later. What brings nothing (`Err`) is believed only where there is a network.
    pub(super) async fn through_outages<T, Asking>(
        &self,
        work: &Work,
        begun: Begun,
        jobs: &ArtifactJobs,
        slot: Option<&Slot>,
        mut ask: impl FnMut(Begun) -> Asking,
    ) -> Result<Option<Result<T, Box<Outcome>>>, LedgerClientError>
    where
        Asking: Future<Output = Result<T, Box<Outcome>>>,
    {
        let mut begun = Some(begun);
        loop {
            let begun = begun.take().unwrap_or_else(|| self.begun(slot, jobs));
            let begun = begun.parked_at_most(self.leases.longest_parked().filter(|_| jobs.may_be_parked()));
            let clock = Arc::clone(begun.clock());
            let asking = ask(begun);
            // Dropping it drops its requests; what was received stays in `partial/` for the next one.
            tokio::select! {
                biased;
                () = self.halt.cancelled() => return Ok(None),
                () = self.leaves_for_later(&clock) => return Ok(None),
                error = jobs.stopped() => return Err(error),
                () = self.network_is(false) => {}
                asked = AssertUnwindSafe(asking).catch_unwind() => {
                    let asked = asked.unwrap_or_else(|_| Err(Box::new(broken(work.clone()))));
                    if asked.is_err() && self.nothing_is_reached() {
                        return Ok(None);
                    }
                    if asked.is_ok() || self.has_network().await {
                        return Ok(Some(asked));
                    }
                }
            }
            if !self.waits_for_network(jobs).await? {
                return Ok(None);
            }
        }
    }

    /// Whether what came of a work can be believed: there is a network, or nobody waits for one any more.
    async fn has_network(&self) -> bool {
        let Some(network) = &self.network else { return true };
        tokio::select! {
            biased;
            () = self.halt.cancelled() => true,
            has = network.has_network() => has,
        }
    }

    /// Completes when there is a network, or none.
    async fn network_is(&self, up: bool) {
        match &self.network {
            Some(network) => network.network(up).await,
            None if up => {}
            None => std::future::pending().await,
        }
    }

    /// Waits until there is a network again; `false`: the run is over before.
    async fn waits_for_network(&self, jobs: &ArtifactJobs) -> Result<bool, LedgerClientError> {
        tokio::select! {
            biased;
            () = self.halt.cancelled() => Ok(false),
            error = jobs.stopped() => Err(error),
            () = self.network_is(true) => Ok(true),
        }
    }

    /// Completes when no new work is to be begun and this one stands in a queue: that may be hours long.
    async fn leaves_for_later(&self, clock: &WorkClock) {
        const LONG: Duration = Duration::from_secs(2);
        const LOOK: Duration = Duration::from_millis(200);
        self.drain.cancelled().await;
        while clock.parked_for() < LONG {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// That nothing can be reached is not the end of a work, but of the run.
    fn nothing_is_reached(&self) -> bool {
        self.reach.as_ref().is_some_and(Reach::give_up)
    }
}

/// A bug of ours costs the work that met it, never the run; the panic's own message was printed where it
/// happened.
fn broken(work: Work) -> Outcome {
    tracing::error!("a bug in Tierfall ended the work {}", work.key());
    Outcome {
        work: Arc::new(work),
        status: Status::Failed,
        reason: Some(EndReason::InternalError),
        won: None,
        also: Vec::new(),
        cut: false,
        parked: None,
        nearest: None,
        trail: Trail::default(),
        elapsed: Duration::ZERO,
    }
}
