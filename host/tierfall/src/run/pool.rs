//! The hands of a run: each takes one work after another, from the list or from the ledger's queue, walks it, and
//! brings it to its end. With a ledger, every side effect is asked for before and told after.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::job::{self, FinalizeRecord, job_key};
use super::manifest::Line;
use super::{Reporter, RunError, WorkRequest};
use crate::acquire::{Reason, VerifiedFile};
use crate::tiers::{Acquire, Outcome, Plan, Status, Trail, race};
use tierfall_ledger::{
    Admission, DoneOp, Effect, Ending, FileInventory, JobKey, Lease, LeaseHandle, LedgerClient,
    LedgerClientError, LedgerError, OpKind, Outcome as Told, State,
};
use tierfall_work::Work;

/// What the hands of one run share.
pub(super) struct WorkerPool {
    pub run_id: String,
    pub plan: Arc<Plan>,
    pub acquirer: Arc<dyn Acquire>,
    pub reporter: Arc<dyn Reporter>,
    pub gate: LedgerClient,
    /// Where partial files are, if there is a ledger.
    pub shelf: Option<Arc<dyn FileInventory>>,
    /// Who holds the leases: this process.
    pub owner: String,
    pub out: PathBuf,
    /// Cancelled when the run is to end, for whatever reason.
    pub halt: CancellationToken,
    pub ended: mpsc::Sender<Ended>,
    /// One for each work that is walked at a time.
    pub walks: Semaphore,
    /// Of the hands that find the queue empty only one watches it.
    pub watch: Mutex<()>,
    /// It was said that works are waited for.
    pub waits: AtomicBool,
}

/// A work that ended, on its way to the manifest.
pub(super) struct Ended {
    pub line: Line,
    pub how: Resolution,
    /// Answered once the line is written.
    pub written: Option<oneshot::Sender<()>>,
}

/// Resolution a work came to its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// It was walked.
    Now,
    /// An earlier run did it, and nothing was fetched for it; `here`: its file is in this output folder.
    Before { here: bool },
    /// It failed before, and is not to be tried now. Its line is that of the try.
    Pending,
}

/// Resolution long a queue of jobs lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueMode {
    /// Nothing is left to do, not even later.
    Empty,
    /// Somebody stops it.
    Stopped,
}

/// Resolution often somebody else's job, or an empty queue, is looked at again. A look costs well under a millisecond.
const LOOK: Duration = Duration::from_secs(1);

/// Resolution long a worker whose ledger is away waits for it, unless it is to run for ever: a restart of a server
/// takes less.
const AWAY: Duration = Duration::from_secs(120);

/// A job that another worker holds, until then (milliseconds since the epoch).
type HeldElsewhere = (WorkRequest, i64);

/// What one of the hands has to come back to.
#[derive(Default)]
struct Pipeline {
    /// The end of the work before.
    ending: Option<JoinHandle<Result<Option<HeldElsewhere>, RunError>>>,
    held: VecDeque<HeldElsewhere>,
}

impl Pipeline {
    /// Waits until the work before is at its end.
    async fn end(&mut self) -> Result<(), RunError> {
        if let Some(ending) = self.ending.take() {
            let ended = ending.await.unwrap_or_else(|error| Err(RunError::Worker(error.to_string())));
            self.held.extend(ended?);
        }
        Ok(())
    }
}

impl WorkerPool {
    /// Works off a list.
    pub async fn work_off(
        self: Arc<Self>,
        works: async_channel::Receiver<WorkRequest>,
    ) -> Result<(), RunError> {
        let mut last = Pipeline::default();
        while let Some(asked) = self.unless_halted(works.recv()).await.and_then(Result::ok) {
            self.attend(asked, &mut last).await?;
        }
        // What others hold comes last: by then they have ended it, or their lease has run out.
        last.end().await?;
        while let Some((asked, until)) = last.held.pop_front() {
            if self.unless_halted(tokio::time::sleep(until_then(until))).await.is_none() {
                break;
            }
            self.attend(asked, &mut last).await?;
            last.end().await?;
        }
        Ok(())
    }

    /// Works off the ledger's queue.
    pub async fn work_queue(self: Arc<Self>, until: QueueMode) -> Result<(), RunError> {
        let mut away: Option<Instant> = None;
        let mut last = Pipeline::default();
        while !self.halt.is_cancelled() {
            match self.gate.take_next(&self.owner).await {
                Ok(Some(grip)) => {
                    away = None;
                    self.take_up(grip, &mut last).await?;
                    // What another worker has taken over is in the queue for whoever comes to it.
                    last.held.clear();
                    continue;
                }
                // Whether more is to come shows once the work before is ended.
                Ok(None) if last.ending.is_some() => {
                    last.end().await?;
                    continue;
                }
                Ok(None) => away = None,
                Err(error) => {
                    let since = *away.get_or_insert_with(Instant::now);
                    self.bear(error, until, since)?;
                }
            }
            let Some(_watching) = self.unless_halted(self.watch.lock()).await else { break };
            let next = match self.gate.ledger() {
                Some(ledger) if away.is_none() => ledger.next_at().await.ok().flatten(),
                _ => Some(i64::MAX),
            };
            let wait = match next {
                None if until == QueueMode::Empty => break,
                None => LOOK,
                Some(at) => until_then(at),
            };
            if self.unless_halted(tokio::time::sleep(wait)).await.is_none() {
                break;
            }
        }
        last.end().await
    }

    /// Whether to wait for a ledger that does not answer.
    fn bear(&self, error: LedgerClientError, until: QueueMode, since: Instant) -> Result<(), RunError> {
        let error = match error {
            LedgerClientError::Failed(error) => error,
            LedgerClientError::Lost(_) => return Ok(()),
        };
        let retryable = matches!(error, LedgerError::Unavailable(_) | LedgerError::Full(_));
        if !retryable || !self.gate.degrades() || (until == QueueMode::Empty && since.elapsed() > AWAY) {
            return Err(RunError::Ledger(error));
        }
        if since.elapsed() < LOOK {
            tracing::warn!(%error, "there is no work without the ledger; waiting for it");
        }
        Ok(())
    }

    async fn attend(self: &Arc<Self>, asked: WorkRequest, last: &mut Pipeline) -> Result<(), RunError> {
        let entry = self.gate.enqueue(|| job::new_job(&asked, &self.run_id), &self.owner).await;
        match entry {
            Err(error) => last.held.extend(self.ended_by(error, asked)?),
            Ok(Admission::Go(grip)) => self.in_hand(asked, grip, last).await?,
            Ok(Admission::Held { owner, until }) => {
                if !self.waits.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "{} is in the hands of {owner}; it comes last, when that worker has ended it or has not \
                         renewed its lease in time",
                        asked.work.key()
                    );
                }
                last.held.push_back((asked, until));
            }
            Ok(Admission::Later { reason, .. }) => self.stands(asked, Some(reason), true).await,
            Ok(Admission::Over { state: State::Failed, reason, .. }) => {
                self.stands(asked, reason, false).await
            }
            Ok(Admission::Over { result, .. }) => self.was_done(asked, result).await,
        }
        Ok(())
    }

    /// A job from the queue.
    async fn take_up(self: &Arc<Self>, grip: LeaseHandle, last: &mut Pipeline) -> Result<(), RunError> {
        let Some(lease) = grip.lease() else { return Ok(()) };
        match job::asked(&lease.work) {
            Ok(asked) => self.in_hand(asked, grip, last).await,
            Err(error) => {
                let reason = format!("what was planned cannot be read: {error}");
                tracing::error!(job_id = lease.job().as_str(), reason);
                match grip.finish(Ending::Failed { reason, retryable: false }).await {
                    Err(LedgerClientError::Failed(error)) => Err(RunError::Ledger(error)),
                    Ok(_) | Err(LedgerClientError::Lost(_)) => Ok(()),
                }
            }
        }
    }

    /// Walks a work, and leaves the rest to a task of its own once the work before has come to its end: so the next
    /// walk waits neither for the disk nor for the ledger, and works end in the order of their walks.
    async fn in_hand(
        self: &Arc<Self>,
        asked: WorkRequest,
        grip: LeaseHandle,
        last: &mut Pipeline,
    ) -> Result<(), RunError> {
        let permit = self.unless_halted(self.walks.acquire()).await;
        self.reporter.started(&asked);
        let span = match grip.lease() {
            Some(lease) => tracing::debug_span!("job", job_id = lease.job().as_str()),
            None => tracing::Span::none(),
        };
        let walked = self.race(&asked, &grip).instrument(span.clone()).await;
        drop(permit);
        last.end().await?;
        let hands = Arc::clone(self);
        let ending = async move {
            let ended = match walked {
                Ok(outcome) => hands.end(&asked, outcome, grip).await,
                Err(error) => Err(error),
            };
            match ended {
                Ok(()) => Ok(None),
                Err(error) => {
                    if matches!(error, LedgerClientError::Lost(_)) {
                        hands.clear_up_after(&asked.work).await;
                    }
                    hands.ended_by(error, asked)
                }
            }
        };
        last.ending = Some(tokio::spawn(ending.instrument(span)));
        Ok(())
    }

    /// Removes what came of a work that is another worker's now. That one could not continue it while it was ours;
    /// what it is at is left alone.
    async fn clear_up_after(&self, work: &Work) {
        let Some(shelf) = self.shelf.clone() else { return };
        let job = job_key(&work.key());
        let cleared = tokio::task::spawn_blocking(move || {
            for partial in shelf.partials()?.iter().filter(|partial| partial.job.as_ref() == Some(&job)) {
                shelf.remove(partial)?;
            }
            std::io::Result::Ok(())
        });
        // The next reconciliation finds what is left.
        if let Ok(Err(error)) = cleared.await {
            tracing::debug!(%error, "the partial files of {} were not cleared away", work.key());
        }
    }

    /// A lost job is somebody else's; any other failure of the ledger, where it matters, ends the run.
    fn ended_by(
        &self,
        error: LedgerClientError,
        asked: WorkRequest,
    ) -> Result<Option<HeldElsewhere>, RunError> {
        self.reporter.left(&asked);
        match error {
            LedgerClientError::Lost(_) => {
                tracing::warn!("{error}");
                Ok(Some((asked, now_ms())))
            }
            LedgerClientError::Failed(error) => Err(RunError::Ledger(error)),
        }
    }

    /// What came of asking for it: `None` if the run is over, or if an earlier worker had stored it already.
    async fn race(
        &self,
        asked: &WorkRequest,
        grip: &LeaseHandle,
    ) -> Result<Option<Outcome>, LedgerClientError> {
        if grip.lease().and_then(Lease::finalized).is_some() {
            return Ok(None);
        }
        let observer = self.reporter.observer(asked);
        let walking = race(&self.plan, asked.work.clone(), self.acquirer.as_ref(), grip, observer.as_ref());
        // Dropping the walk drops its requests; what was received stays in `partial/` for the next one.
        tokio::select! {
            biased;
            () = self.halt.cancelled() => Ok(None),
            error = grip.stopped() => Err(error),
            walked = AssertUnwindSafe(walking).catch_unwind() => {
                Ok(Some(walked.unwrap_or_else(|_| broken(asked.work.clone()))))
            }
        }
    }

    /// Brings a work to its end.
    async fn end(
        &self,
        asked: &WorkRequest,
        walked: Option<Outcome>,
        grip: LeaseHandle,
    ) -> Result<(), LedgerClientError> {
        if let Some(finalized) = grip.lease().and_then(Lease::finalized).cloned() {
            return self.end_finalized(finalized, grip).await;
        }
        let Some(outcome) = walked else { return grip.release().await };
        let work = Arc::clone(&outcome.work);
        let (line, file) = Line::new(&self.run_id, asked.input.clone(), outcome);
        if grip.lease().is_some() {
            let candidates = job::candidates(&line.trail);
            if !candidates.is_empty() {
                grip.candidates(candidates);
            }
        }
        match file {
            None => self.end_without_file(line, grip).await,
            Some(file) => match self.same_work(&grip, &work, &file.sha256).await {
                Some(of) => self.end_as_duplicate(line, file, of, grip).await,
                None => self.end_with_file(line, file, grip).await,
            },
        }
    }

    async fn end_with_file(
        &self,
        mut line: Line,
        mut file: VerifiedFile,
        grip: LeaseHandle,
    ) -> Result<(), LedgerClientError> {
        file.tell(&grip);
        let context = json!({"sha256": file.sha256});
        let finalizing = match grip.begin(OpKind::Finalize, context.clone()).await? {
            Effect::Run(pending) => Some(pending),
            Effect::Replay(_) => None,
        };
        let rivals = rivals(&line);
        let artifact = match self.acquirer.keep(file, line.work_id.clone(), rivals).await {
            Ok(artifact) => artifact,
            Err(error) => {
                tracing::error!("{}: {error}", line.work_id);
                if let Some(pending) = finalizing {
                    grip.complete(pending, Told::Failed { error: error.to_string() });
                }
                line.not_stored(Reason::Storage.code());
                return self.end_without_file(line, grip).await;
            }
        };
        line.stored_as(&artifact);
        if let (Some(pending), Some(_)) = (finalizing, grip.lease()) {
            let result = FinalizeRecord::of(&line, artifact.duplicate).value();
            grip.complete(pending, Told::Done { result, artifact: Some(artifact.sha256) });
        }
        self.index(line, artifact.duplicate, context, grip).await
    }

    /// An earlier worker stored the file; what is left is to say so.
    async fn end_finalized(
        &self,
        DoneOp { op, result }: DoneOp,
        grip: LeaseHandle,
    ) -> Result<(), LedgerClientError> {
        // Brings the job to where that worker had brought it.
        grip.begin(OpKind::Finalize, op.context.clone()).await?;
        let filed = FinalizeRecord::kept(&result).filter(|filed| self.has_file(&filed.line));
        match filed {
            Some(FinalizeRecord { line, duplicate }) => self.index(line, duplicate, op.context, grip).await,
            None => {
                let reason = "its file is gone".to_owned();
                grip.finish(Ending::Lost { reason }).await.map(drop)
            }
        }
    }

    async fn index(
        &self,
        line: Line,
        duplicate: bool,
        context: Value,
        grip: LeaseHandle,
    ) -> Result<(), LedgerClientError> {
        let kind = if duplicate { OpKind::Dedupe } else { OpKind::Index };
        let effect = grip.begin(kind, context).await?;
        let result = grip.lease().map(|_| job::line_value(&line)).unwrap_or_default();
        if self.write(line, Resolution::Now, grip.lease().is_some()).await
            && let Effect::Run(pending) = effect
        {
            grip.complete(pending, Told::Done { result, artifact: None });
        }
        grip.release().await
    }

    async fn end_as_duplicate(
        &self,
        mut line: Line,
        mut file: VerifiedFile,
        of: JobKey,
        grip: LeaseHandle,
    ) -> Result<(), LedgerClientError> {
        file.tell(&grip);
        match self.acquirer.keep(file, line.work_id.clone(), rivals(&line)).await {
            Ok(artifact) => line.stored_as(&artifact),
            Err(error) => {
                tracing::error!("{}: {error}", line.work_id);
                line.not_stored(Reason::Storage.code());
                return self.end_without_file(line, grip).await;
            }
        }
        let result = job::line_value(&line);
        if self.write(line, Resolution::Now, true).await {
            grip.finish(Ending::Duplicate { of, result }).await.map(drop)
        } else {
            grip.release().await
        }
    }

    async fn end_without_file(&self, line: Line, grip: LeaseHandle) -> Result<(), LedgerClientError> {
        let ending = grip.lease().map(|_| {
            if line.status == Status::NoCopy.label() {
                Ending::Exhausted { result: job::line_value(&line) }
            } else {
                let reason = line.reason.as_deref().unwrap_or_default().to_owned();
                Ending::Failed { reason, retryable: true }
            }
        });
        let written = self.write(line, Resolution::Now, ending.is_some()).await;
        match ending {
            Some(ending) if written => grip.finish(ending).await.map(drop),
            _ => grip.release().await,
        }
    }

    /// Another job of the same work that came to the same file: a work known by its PMID may turn out, once its
    /// DOI is learned, to have been done.
    async fn same_work(&self, grip: &LeaseHandle, work: &Work, sha256: &str) -> Option<JobKey> {
        let ledger = self.gate.ledger()?;
        let own = grip.lease()?.job().clone();
        let others = work.ids.iter().map(|id| job_key(&id.key())).filter(|key| *key != own);
        for other in others {
            // What the ledger does not say is no reason to stop.
            let story = ledger.show(&other).await.ok().flatten();
            let same = story.is_some_and(|story| {
                matches!(story.job.state, State::Indexed | State::Deduped)
                    && story.job.artifact.as_deref() == Some(sha256)
            });
            if same {
                return Some(other);
            }
        }
        None
    }

    /// A work that an earlier run brought to its end.
    async fn was_done(&self, asked: WorkRequest, result: Option<Value>) {
        match result.as_ref().and_then(job::kept_line) {
            Some(line) => {
                let here = !line.is_stored() || self.has_file(&line);
                self.write(line, Resolution::Before { here }, false).await;
            }
            None => self.stands(asked, None, false).await,
        }
    }

    /// A work that failed and is not to be tried now.
    async fn stands(&self, asked: WorkRequest, reason: Option<String>, retry: bool) {
        // Codes are words; what is said of lost workers is a sentence.
        let code =
            reason.filter(|text| text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')));
        let mut line = Line::of(&self.run_id, asked.input, &asked.work, Status::Failed);
        line.reason = Some(code.unwrap_or_else(|| "worker_lost".to_owned()).into());
        line.retry = retry;
        self.write(line, Resolution::Pending, false).await;
    }

    fn has_file(&self, line: &Line) -> bool {
        line.path.as_ref().is_some_and(|path| self.out.join(path).is_file())
    }

    /// WorkerPool a line to the manifest; with `wait`, until it is written. `false`: it will not be.
    async fn write(&self, line: Line, how: Resolution, wait: bool) -> bool {
        let (tell, told) = oneshot::channel();
        let written = wait.then_some(tell);
        self.ended.send(Ended { line, how, written }).await.is_ok() && (!wait || told.await.is_ok())
    }

    async fn unless_halted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.halt.cancelled() => None,
            done = work => Some(done),
        }
    }
}

/// The URLs of a stored work's other candidates.
fn rivals(line: &Line) -> Vec<String> {
    let proposed = line.trail.attempts().flat_map(|attempt| &attempt.candidates);
    let urls = proposed.filter_map(|proposal| url::Url::parse(proposal.url.trim()).ok()).map(String::from);
    urls.filter(|url| Some(url) != line.url.as_ref()).collect()
}

/// A bug of ours costs the work that met it, never the run; the panic's own message was printed where it
/// happened.
fn broken(work: Work) -> Outcome {
    tracing::error!("a bug in Tierfall ended the work {}", work.key());
    Outcome {
        work: Arc::new(work),
        status: Status::Failed,
        reason: Some("internal_error".into()),
        won: None,
        trail: Trail::default(),
        elapsed: Duration::ZERO,
    }
}

/// Resolution long to wait for a time on the ledger's clock, but no longer than until the next look.
fn until_then(at: i64) -> Duration {
    // No sooner than this either: a clock that is ahead of the ledger's must not make it spin.
    const SOON: Duration = Duration::from_millis(20);
    let wait = u64::try_from(at.saturating_sub(now_ms())).unwrap_or(0);
    Duration::from_millis(wait).clamp(SOON, LOOK)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
