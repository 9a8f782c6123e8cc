//! Which works this process may do now: leases from the ledger, and waiting for those that others hold.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::RunError;
use super::job::{self, job_key};
use super::journal::LeasedJob;
use super::needless;
use super::request::WorkRequest;
use tierfall_ledger::{
    Ending, Enqueued, FileInventory, LeaseHandle, LedgerClient, LedgerClientError, LedgerError, State,
};
use tierfall_work::{ArtifactFormat, Work};

/// How long a queue of jobs is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueMode {
    /// Until nothing is left to do, not even later.
    Empty,
    /// Until somebody stops it.
    Stopped,
}

/// How often somebody else's job, or an empty queue, is looked at again. A look costs well under a millisecond.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Nor is it sooner: what is ready and cannot be had must not make anybody spin.
const LEAST: Duration = Duration::from_millis(20);

/// How long a worker waits for a ledger that does not answer, unless it is to run for ever: a restart of a server
/// takes less.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(120);

/// A job that another worker holds.
pub(super) struct HeldElsewhere {
    pub(super) request: WorkRequest,
    /// When it is asked for again.
    again: Instant,
}

/// Jobs that another worker holds, in the order in which they were met.
pub(super) type HeldQueue = VecDeque<HeldElsewhere>;

impl HeldElsewhere {
    /// How long to wait before asking for it again.
    pub(super) fn wait(&self) -> Duration {
        self.again.saturating_duration_since(Instant::now()).max(LEAST)
    }
}

/// The next job of the queue.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it arrives, and nearly always holds a job"
)]
pub(super) enum NextJob {
    Job(LeasedJob, WorkRequest),
    /// What was planned cannot be read; that is on record.
    Unreadable,
    Nothing,
}

/// What the workers of one process share of the ledger.
pub(super) struct Leases {
    ledger: LedgerClient,
    run_id: String,
    /// Who holds the leases: this process.
    owner: String,
    /// Where partial files are, if there is a ledger.
    inventory: Option<Arc<dyn FileInventory>>,
    /// Of the workers that find the queue empty only one watches it.
    pub(super) watch: Mutex<()>,
    /// It was logged that works are waited for.
    wait_logged: AtomicBool,
    /// It was logged that the ledger is waited for, and it has not answered since.
    outage_logged: AtomicBool,
}

impl Leases {
    pub(super) fn new(
        ledger: LedgerClient,
        run_id: String,
        inventory: Option<Arc<dyn FileInventory>>,
    ) -> Self {
        let host = gethostname::gethostname();
        let owner = format!("{}/{}/{run_id}", host.to_string_lossy(), std::process::id());
        let [wait_logged, outage_logged] = [false; 2].map(AtomicBool::new);
        Self { ledger, run_id, owner, inventory, watch: Mutex::new(()), wait_logged, outage_logged }
    }

    /// Plans the job of an artifact of the work, and leases it if it can be had. `wanted`: also if an earlier run had
    /// no need of it.
    pub(super) async fn admit(
        &self,
        request: &WorkRequest,
        format: ArtifactFormat,
        wanted: bool,
    ) -> Result<Enqueued<LeaseHandle>, LedgerClientError> {
        let ask = || self.ledger.enqueue(|| job::new_job(request, format, &self.run_id), &self.owner);
        let answer = ask().await?;
        if let Enqueued::Over { state: State::Exhausted, result, .. } = &answer
            && wanted
            && needless::is_result(result.as_ref())
            && needless::reopen(&self.ledger, job_key(&request.work.key(), format)).await
        {
            return ask().await;
        }
        Ok(answer)
    }

    /// Leases the job that has been ready for the longest.
    pub(super) async fn next(&self) -> Result<NextJob, LedgerClientError> {
        let next = self.ledger.take_next(&self.owner).await?;
        self.outage_logged.store(false, Ordering::Relaxed);
        let Some(handle) = next else { return Ok(NextJob::Nothing) };
        let Some(lease) = handle.lease() else { return Ok(NextJob::Nothing) };
        match job::request(&lease.work_id, &lease.work) {
            Ok(request) => {
                Ok(LeasedJob::of(handle).map_or(NextJob::Nothing, |job| NextJob::Job(job, request)))
            }
            Err(error) => {
                let reason = format!("what was planned cannot be read: {error}");
                tracing::error!(job_id = lease.job().as_str(), reason);
                self.give_up(handle, reason).await?;
                Ok(NextJob::Unreadable)
            }
        }
    }

    async fn give_up(&self, handle: LeaseHandle, reason: String) -> Result<(), LedgerClientError> {
        match handle.finish(Ending::Failed { reason, retryable: false }).await {
            Ok(_) | Err(LedgerClientError::Lost(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// For how long a work that has its next turn then, at the earliest, is given back: so that it comes back a lease
    /// before that. Those that come back at about the same time do so together, and share their questions.
    pub(super) fn away(&self, turn: Instant) -> Duration {
        let lease = self.ledger.lease();
        let away = turn.saturating_duration_since(Instant::now()).saturating_sub(lease);
        let back = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + away;
        let early = back.as_nanos().checked_rem(lease.as_nanos()).and_then(|early| u64::try_from(early).ok());
        away.saturating_sub(Duration::from_nanos(early.unwrap_or(0))).max(lease / 2)
    }

    /// After how long a work that is parked is given back; `None` where it cannot be.
    pub(super) fn longest_parked(&self) -> Option<Duration> {
        self.ledger.is_on().then(|| self.ledger.lease())
    }

    /// How long to wait for the queue's next job; `None`: nothing is left to do, not even later. While the ledger
    /// does not answer, it is asked again at the next look.
    pub(super) async fn next_wait(&self, answers: bool) -> Option<Duration> {
        let wait = match self.ledger.ledger() {
            Some(ledger) if answers => ledger.next_at().await.ok().flatten().map(|next| next.wait),
            _ => Some(Duration::MAX),
        };
        wait.map(|wait| wait.clamp(LEAST, POLL_INTERVAL))
    }

    /// Returns if the worker should wait for a ledger that has not answered since `since`. One that could not even be
    /// opened is left to whoever starts the worker again.
    pub(super) fn tolerate(
        &self,
        error: LedgerClientError,
        mode: QueueMode,
        since: Instant,
    ) -> Result<(), RunError> {
        let error = match error {
            LedgerClientError::Failed(error) => error,
            LedgerClientError::Lost(_) => return Ok(()),
        };
        let retryable = matches!(error, LedgerError::Unavailable(_) | LedgerError::Full(_));
        let too_long = mode == QueueMode::Empty && since.elapsed() > LEDGER_TIMEOUT;
        let waits = retryable && !too_long && self.ledger.degrades() && self.ledger.ledger().is_some();
        if !waits {
            return Err(RunError::Ledger(error));
        }
        if !self.outage_logged.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "there is no work without the ledger; waiting for it");
        }
        Ok(())
    }

    /// A job that `owner` holds for so long, if it does not renew its lease.
    pub(super) fn held_by(&self, owner: &str, wait: Duration, request: WorkRequest) -> HeldElsewhere {
        if !self.wait_logged.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "{} is leased to {owner}; it comes last, when that worker has finished it or has not \
                 renewed its lease in time",
                request.work.key()
            );
        }
        HeldElsewhere { request, again: Instant::now() + wait.min(POLL_INTERVAL) }
    }

    /// A lost job is another worker's now; any other failure of the ledger, where it matters, ends the run.
    pub(super) fn lost(error: LedgerClientError, request: WorkRequest) -> Result<HeldElsewhere, RunError> {
        match error {
            LedgerClientError::Lost(_) => {
                tracing::warn!("{error}");
                Ok(HeldElsewhere { request, again: Instant::now() })
            }
            LedgerClientError::Failed(error) => Err(RunError::Ledger(error)),
        }
    }

    /// Removes what came of a work that is another worker's now. That one could not continue it while it was ours;
    /// what it is writing to is left alone.
    pub(super) async fn clear_up_after(&self, work: &Work) {
        let Some(inventory) = self.inventory.clone() else { return };
        let jobs = ArtifactFormat::ALL.map(|format| job_key(&work.key(), format));
        let cleared = tokio::task::spawn_blocking(move || {
            for partial in inventory
                .partials()?
                .iter()
                .filter(|partial| partial.job.as_ref().is_some_and(|job| jobs.contains(job)))
            {
                inventory.remove(partial)?;
            }
            std::io::Result::Ok(())
        });
        // The next reconciliation finds what is left.
        if let Ok(Err(error)) = cleared.await {
            tracing::debug!(%error, "the partial files of {} were not cleared away", work.key());
        }
    }
}
