//! What the workers of one run share, and what each has in hand.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::acquire::Acquire;
use crate::run::artifact_jobs::ArtifactJobs;
use crate::run::company::{Company, Resolving};
use crate::run::error::RunError;
use crate::run::finalize::Finalizer;
use crate::run::leases::{HeldElsewhere, HeldQueue, Leases};
use crate::run::parked::ParkedWorks;
use crate::run::reporter::Reporter;
use crate::run::request::WorkRequest;
use crate::run::set_aside::SetAside;
use crate::run::slots::{Slot, Slots};
use crate::run::stored::StoredWorks;
use crate::tiers::Plan;
use crate::tiers::race::Begun;
use tierfall_http::{Doing, HttpClient, Reach, WorkClock};
use tierfall_input::Dedupe;
use tierfall_ledger::LedgerClientError;
use tierfall_work::Work;

/// What the workers of one run share.
pub(in crate::run) struct WorkerPool {
    pub(in crate::run) plan: Arc<Plan>,
    pub(in crate::run) acquirer: Arc<dyn Acquire>,
    pub(in crate::run) reporter: Arc<dyn Reporter>,
    pub(in crate::run) leases: Leases,
    pub(in crate::run) finalizer: Finalizer,
    /// What need not be fetched.
    pub(in crate::run) stored: StoredWorks,
    /// Whether anything can be reached.
    pub(in crate::run) reach: Option<Reach>,
    /// Whether there is still a network.
    pub(in crate::run) network: Option<HttpClient>,
    /// Cancelled when the run is to end, for whatever reason.
    pub(in crate::run) halt: CancellationToken,
    /// Cancelled when no new work is to be begun.
    pub(in crate::run) drain: CancellationToken,
    /// The places of works in hand.
    pub(in crate::run) slots: Arc<Slots>,
    /// The titles that are being resolved.
    pub(in crate::run) company: Arc<Company>,
    /// Nothing is left in the queue, and nothing will come back to it.
    pub(in crate::run) emptied: AtomicBool,
    /// Works of the list that were given back.
    pub(in crate::run) parked: ParkedWorks,
    /// Works of the list that come once others were asked for.
    pub(in crate::run) set_aside: SetAside,
    /// Works that were begun, and those that titles turned out to be.
    pub(in crate::run) seen: Mutex<Dedupe>,
    /// Works that were begun under another name.
    pub(in crate::run) repeats: Arc<AtomicU64>,
}

/// What one worker has to come back to.
#[derive(Default)]
pub(super) struct Pipeline {
    /// The end of the work before.
    pub(super) ending: Option<JoinHandle<Result<Option<HeldElsewhere>, RunError>>>,
    pub(super) held: HeldQueue,
    /// The place of the work in hand, or of the next one.
    pub(super) slot: Option<Slot>,
    /// The list that it goes through, if it does: what it gives back is to be taken up again.
    pub(super) list: Option<async_channel::Receiver<WorkRequest>>,
    /// All others were asked before the work in hand, or as many as there are yet.
    pub(super) again: bool,
    /// The title of the work in hand was resolved just now.
    pub(super) resolved: Option<Resolving>,
}

impl Pipeline {
    /// Whether the list has more than what is in hand.
    pub(super) fn has_more(&self) -> bool {
        self.list.as_ref().is_some_and(|list| !list.is_empty() || !list.is_closed())
    }

    /// Waits until the work before is at its end.
    pub(super) async fn finish(&mut self) -> Result<(), RunError> {
        if let Some(ending) = self.ending.take() {
            let ended = ending.await.unwrap_or_else(|error| Err(RunError::Worker(error.to_string())));
            self.held.extend(ended?);
        }
        Ok(())
    }
}
impl WorkerPool {
    /// Waits for a place for the next work, unless there is one; `false` when no new work is to be begun.
    pub(super) async fn has_place(&self, pipeline: &mut Pipeline) -> bool {
        if pipeline.slot.is_none() {
            pipeline.slot = self.unless_ending(self.slots.take()).await;
        }
        pipeline.slot.is_some()
    }

    /// The clock of the next work, in this place: it stands still while the work is parked.
    pub(super) fn begun(&self, slot: Option<&Slot>, jobs: &ArtifactJobs) -> Begun {
        let telling = |clock: WorkClock| match slot {
            Some(slot) => {
                // The work before may have ended while it waited.
                slot.parking().does(Doing::Working);
                clock.telling(slot.parking())
            }
            None => clock,
        };
        Begun::going_on(jobs.so_far().unwrap_or_default(), self.plan.budgets.total, telling)
    }

    /// Whether a work was not begun under another name; otherwise it counts as a repeat.
    pub(super) fn is_new(&self, work: &Work) -> bool {
        let new = self.seen.lock().unwrap_or_else(PoisonError::into_inner).admit(work);
        if !new {
            tracing::debug!("{} is in hand under another name", work.key());
            self.repeats.fetch_add(1, Ordering::Relaxed);
            self.reporter.repeated(work);
        }
        new
    }

    /// A job of the queue is begun, for the first time or again: a title that turns out to be its work is a repeat.
    pub(super) fn has_begun(&self, work: &Work) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).admit(work);
    }

    pub(super) fn give_up(
        &self,
        error: LedgerClientError,
        request: WorkRequest,
    ) -> Result<HeldElsewhere, RunError> {
        self.reporter.left(&request);
        Leases::lost(error, request)
    }

    /// Waits for what would begin something new.
    pub(super) async fn unless_ending<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.halt.cancelled() => None,
            () = self.drain.cancelled() => None,
            done = work => Some(done),
        }
    }
}
