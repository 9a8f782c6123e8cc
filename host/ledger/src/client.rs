//! The gate: what a run holds instead of a ledger. Off, it costs nothing. On, it passes every step to the ledger,
//! and where the ledger fails it either lets the download go on and says what is no longer guaranteed, or ends it.

mod failures;
mod handle;
mod lease_task;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::contract::Ledger;
use super::error::LedgerError;
use super::job::{Enqueued, Lease, NewJob};
use super::key::JobKey;
use super::state::State;

pub use failures::{FailureCounters, LedgerOperation};
pub use handle::{Effect, LeaseHandle, Pending};

use lease_task::LeaseTask;

/// What happens when the ledger fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The download goes on without it.
    Degrade,
    /// It ends with an error.
    Abort,
}

/// How a run uses its ledger.
#[derive(Clone, Debug)]
pub struct LedgerClientSettings {
    pub on_failure: OnFailure,
    /// How long a lease lasts; it is renewed three times in that.
    pub lease: Duration,
    /// How long to wait for any one answer: longer than the engine itself waits for a lock.
    pub patience: Duration,
    /// Told before and after each write, as in `begin HEAD before`: tests stop the process there.
    pub probe: Option<Probe>,
}

/// Something that is told where a run is.
#[derive(Clone)]
pub struct Probe(pub Arc<dyn Fn(&str) + Send + Sync>);

/// Cheap to clone; all clones are one gate.
#[derive(Clone, Debug)]
pub struct LedgerClient(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    /// `None`: it could not be opened.
    ledger: Option<Arc<dyn Ledger>>,
    settings: LedgerClientSettings,
    tally: FailureCounters,
    /// After a failure it is not asked again before this: a dead ledger must not slow every step of every work.
    paused: Mutex<Option<Instant>>,
    /// Of the jobs in hand, and of those whose end the ledger was not there to hear.
    tellers: Mutex<JoinSet<()>>,
}

/// What came of bringing a job to the gate.
#[derive(Debug)]
pub enum Admission {
    /// Work on it, with this in hand.
    Go(LeaseHandle),
    /// Another worker has it, until `until` (milliseconds since the epoch) if it does not renew.
    Held { owner: String, until: i64 },
    /// It failed, and its next time is `at` (milliseconds since the epoch).
    Later { at: i64, attempts: u32, reason: String },
    /// There is nothing to do: an earlier run came to this.
    Over { state: State, result: Option<Value>, reason: Option<String> },
}

/// Why a work must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerClientError {
    #[error("job {0} is no longer ours: its lease ran out, and nothing more may be written for it")]
    Lost(JobKey),
    #[error(transparent)]
    Failed(#[from] LedgerError),
}

/// What came of a question.
#[derive(Clone, Debug)]
enum Answer<T> {
    Given(T),
    /// The ledger works and will not have it; it is not worth asking again.
    Refused,
    /// The ledger does not work.
    Away,
}

/// How long a ledger that failed is left alone: long enough that thousands of works do not each wait for it,
/// short enough that a restarted server is back for most of a run.
const PAUSE: Duration = Duration::from_secs(5);

/// How long the end of a run waits for a ledger that is away: two tries.
const LAST_WAIT: Duration = Duration::from_secs(11);

impl LedgerClient {
    /// No ledger: no file, no write, no cost.
    pub fn off() -> Self {
        Self(None)
    }

    /// Opens the ledger. If it cannot be opened, this is an error, or a gate that lets everything through.
    pub async fn open(
        opening: impl Future<Output = Result<Arc<dyn Ledger>, LedgerError>>,
        settings: LedgerClientSettings,
    ) -> Result<Self, LedgerError> {
        let tally = FailureCounters::new();
        let opened = tokio::time::timeout(settings.patience, opening).await.unwrap_or_else(|_| Err(late()));
        let ledger = match opened {
            Ok(ledger) => Some(ledger),
            Err(error) if settings.on_failure == OnFailure::Abort => return Err(error),
            Err(error) => {
                tally.failed(LedgerOperation::Open, &error);
                None
            }
        };
        Ok(Self(Some(Arc::new(Inner {
            ledger,
            settings,
            tally,
            paused: Mutex::new(None),
            tellers: Mutex::new(JoinSet::new()),
        }))))
    }

    /// The idempotency that was asked for is there.
    pub fn is_on(&self) -> bool {
        self.ledger().is_some()
    }

    /// Whether downloads go on when the ledger fails.
    pub fn degrades(&self) -> bool {
        self.0.as_ref().is_none_or(|inner| inner.degrades())
    }

    pub fn ledger(&self) -> Option<&Arc<dyn Ledger>> {
        self.0.as_ref()?.ledger.as_ref()
    }

    /// What failed so far; `None` while the gate is off.
    pub fn tally(&self) -> Option<&FailureCounters> {
        self.0.as_deref().map(|inner| &inner.tally)
    }

    /// Plans the job and takes it, if it can be had.
    pub async fn enqueue(
        &self,
        job: impl FnOnce() -> NewJob,
        owner: &str,
    ) -> Result<Admission, LedgerClientError> {
        let Some(inner) = &self.0 else { return Ok(Admission::Go(LeaseHandle::empty())) };
        let points = ["plan", "lease"];
        let asked = Instant::now();
        let taken =
            inner.ask(LedgerOperation::PlanJobs, &points, |ledger| ledger.enqueue(job(), owner)).await?;
        Ok(match taken {
            Answer::Refused | Answer::Away => Admission::Go(LeaseHandle::empty()),
            Answer::Given(Enqueued::Leased(lease)) => Admission::Go(LeaseHandle::held(inner, lease, asked)),
            Answer::Given(Enqueued::Held { owner, until }) => Admission::Held { owner, until },
            Answer::Given(Enqueued::Later { at, attempts, reason }) => {
                Admission::Later { at, attempts, reason }
            }
            Answer::Given(Enqueued::Over { state, result, reason }) => {
                Admission::Over { state, result, reason }
            }
        })
    }

    /// Takes whatever job has been ready for the longest. `None`: there is none. Without a ledger there is no
    /// queue, so here a failure is an error whatever the settings say.
    pub async fn take_next(&self, owner: &str) -> Result<Option<LeaseHandle>, LedgerClientError> {
        let Some(inner) = &self.0 else { return Ok(None) };
        let ledger =
            inner.ledger.as_ref().ok_or_else(|| LedgerError::Unavailable("it is not open".to_owned()))?;
        inner.probe(&["lease"], "before");
        let asked = Instant::now();
        let lease = ledger.lease_next(owner).await?;
        inner.probe(&["lease"], "after");
        Ok(lease.map(|lease| LeaseHandle::held(inner, lease, asked)))
    }

    /// Lets go of the ledger once everything is kept, or it does not come back to hear it.
    pub async fn close(&self) {
        let Some(inner) = &self.0 else { return };
        let mut tellers = std::mem::take(&mut *inner.tellers());
        let heard = async { while tellers.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WAIT, heard).await.is_err() {
            tracing::warn!("the ledger did not come back: {}", LedgerOperation::Finish.loss());
        }
        if let Some(ledger) = &inner.ledger {
            ledger.close().await;
        }
    }
}

impl Inner {
    /// Asks the ledger for what happens at `points`.
    async fn ask<'l, T, F>(
        &'l self,
        duty: LedgerOperation,
        points: &[impl AsRef<str>],
        question: impl FnOnce(&'l dyn Ledger) -> F,
    ) -> Result<Answer<T>, LedgerClientError>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        let ledger = match &self.ledger {
            Some(ledger) if !(self.degrades() && self.is_paused()) => ledger,
            _ => {
                self.tally.missed(duty);
                return Ok(Answer::Away);
            }
        };
        self.probe(points, "before");
        let answer = tokio::time::timeout(self.settings.patience, question(&**ledger)).await;
        self.probe(points, "after");
        self.judge(duty, answer.unwrap_or_else(|_| Err(late())))
    }

    /// What an answer means to the work. Where the download goes on without one, this is counted. A lost lease is
    /// always an error: to go on then would be to write into another worker's job.
    fn judge<T>(
        &self,
        duty: LedgerOperation,
        answer: Result<T, LedgerError>,
    ) -> Result<Answer<T>, LedgerClientError> {
        let error = match answer {
            Ok(answer) => return Ok(Answer::Given(answer)),
            Err(error) => error,
        };
        if matches!(error, LedgerError::Stale { .. }) {
            return Err(error.into());
        }
        self.tally.failed(duty, &error);
        if !self.degrades() {
            return Err(error.into());
        }
        if error.is_refusal() {
            return Ok(Answer::Refused);
        }
        *self.pause() = Some(Instant::now() + PAUSE);
        Ok(Answer::Away)
    }

    /// Lets someone speak to the ledger for a job that is in hand.
    fn start(self: &Arc<Self>, teller: LeaseTask) {
        let mut tellers = self.tellers();
        // Those that have ended are forgotten: a run may have millions.
        while tellers.try_join_next().is_some() {}
        tellers.spawn(teller.work());
    }

    fn degrades(&self) -> bool {
        self.settings.on_failure == OnFailure::Degrade
    }

    fn is_paused(&self) -> bool {
        self.pause().is_some_and(|until| Instant::now() < until)
    }

    fn tellers(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.tellers.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn pause(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.paused.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn probe(&self, points: &[impl AsRef<str>], side: &str) {
        if let Some(Probe(tell)) = &self.settings.probe {
            points.iter().for_each(|point| tell(&format!("{} {side}", point.as_ref())));
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

/// A lease that is over is no failure of the ledger.
fn of_lease(lease: &Lease, error: LedgerClientError) -> LedgerClientError {
    match error {
        LedgerClientError::Failed(LedgerError::Stale { .. }) => LedgerClientError::Lost(lease.job().clone()),
        other => other,
    }
}

fn late() -> LedgerError {
    LedgerError::Unavailable("it did not answer in time".to_owned())
}
