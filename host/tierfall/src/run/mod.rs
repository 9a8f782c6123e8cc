//! A run: works are taken in as they are read, handed to workers, and written to the manifest as they end.

mod compact;
mod inventory;
mod job;
mod maintenance;
mod manifest;
mod opening;
mod pool;
mod program;
mod summary;
mod wiring;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use pool::{Ended, Resolution, WorkerPool};

pub use inventory::StoreInventory;
pub use job::job_key;
pub use maintenance::Maintenance;
pub use manifest::{Line, Manifest};
pub use opening::{LedgerPlace, find_ledger, open_gate, open_ledger};
pub use pool::QueueMode;
pub use program::{Program, SetupError};
pub use summary::{PlanSummary, Summary};

use crate::tiers::{Acquire, Observer, Plan};
use tierfall_input::BadEntry;
use tierfall_ledger::{LedgerClient, LedgerError, Planned};
use tierfall_work::Work;

/// A work as it was asked for.
#[derive(Clone, Debug)]
pub struct WorkRequest {
    /// As the user wrote it.
    pub input: String,
    pub work: Work,
}

/// What the input yields.
pub enum InputItem {
    Work(WorkRequest),
    /// A line that cannot be read: reported, and the run goes on.
    Bad(BadEntry),
    /// The work was asked for before in this run.
    Repeat,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("failed to write the manifest {path}: {source}; the files that are stored stay where they are")]
    Manifest { path: PathBuf, source: io::Error },
    #[error(
        "{0}; the run ends here, because ledger.on_failure is \"abort\" or nothing can be done without it"
    )]
    Ledger(#[from] LedgerError),
    #[error("a worker ended unexpectedly: {0}; this is a bug in Tierfall")]
    Worker(String),
}

/// Told what happens, from the workers' tasks.
pub trait Reporter: Send + Sync {
    /// Called once the number of works is known, before all have ended.
    fn total(&self, _works: u64) {}
    fn bad(&self, _entry: &BadEntry) {}
    fn started(&self, _asked: &WorkRequest) {}
    /// It was started, and another worker has it now.
    fn left(&self, _asked: &WorkRequest) {}
    fn ended(&self, _line: &Line) {}
    /// What is told of one work while it is walked.
    fn observer(&self, _asked: &WorkRequest) -> Box<dyn Observer> {
        Box::new(())
    }
}

impl Reporter for () {}

/// Everything that a run needs.
pub struct Run {
    pub id: String,
    pub plan: Arc<Plan>,
    pub acquirer: Arc<dyn Acquire>,
    pub reporter: Arc<dyn Reporter>,
    pub workers: usize,
    /// The ledger, if one is kept.
    pub gate: LedgerClient,
    /// Resolution the ledger is kept in step with the files.
    pub upkeep: Option<Maintenance>,
    /// Cancelled by Ctrl-C: nothing new is started, and what is in flight is dropped.
    pub stop: CancellationToken,
}

/// Works that are read before they are needed: enough that the length of an ordinary list is known, and
/// its progress can be shown, from the beginning; about a megabyte.
const READ_AHEAD: usize = 1024;

/// Jobs planned at once: enough that reading the list takes longer than planning.
const PLANNED_AT_ONCE: usize = 500;

/// Of so many hands one is spare. A lease takes some milliseconds, a walk hundreds; and every work that is leased
/// and not walked yet is one that nobody else can take.
const SPARE: usize = 8;

impl Run {
    /// Takes works from `input` until it ends. `input` runs on a thread of its own and is read no faster
    /// than works end, so that its length does not matter.
    pub async fn go(
        &self,
        input: impl Iterator<Item = InputItem> + Send + 'static,
        out: &Path,
    ) -> Result<Summary, RunError> {
        let halt = self.stop.child_token();
        let (works, fed, feeding) = self.feed(input, &halt);
        let mut summary = self
            .drive(out, &halt, |hands| {
                let works = works.clone();
                Box::pin(async move { hands.work_off(works).await })
            })
            .await?;
        tokio::select! {
            biased;
            ended = feeding => ended.map_err(|error| RunError::Worker(error.to_string()))?,
            // It may be waiting for somebody to type.
            () = halt.cancelled() => {}
        }
        fed.count_into(&mut summary);
        Ok(summary)
    }

    /// Takes jobs from the ledger's queue.
    pub async fn serve(&self, until: QueueMode, out: &Path) -> Result<Summary, RunError> {
        let halt = self.stop.child_token();
        self.drive(out, &halt, |hands| Box::pin(async move { hands.work_queue(until).await })).await
    }

    /// Plans a job for every work of `input`, and does none.
    pub async fn plan(
        &self,
        input: impl Iterator<Item = InputItem> + Send + 'static,
    ) -> Result<PlanSummary, RunError> {
        let ledger =
            self.gate.ledger().ok_or_else(|| LedgerError::Unavailable("it is not open".to_owned()))?;
        let (works, fed, feeding) = self.feed(input, &self.stop);
        let mut summary = PlanSummary::default();
        let mut some = Vec::with_capacity(PLANNED_AT_ONCE);
        loop {
            let asked = tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                asked = works.recv() => asked.ok(),
            };
            let last = asked.is_none();
            some.extend(asked.map(|asked| job::new_job(&asked, &self.id)));
            if some.len() == PLANNED_AT_ONCE || last {
                for planned in ledger.plan(std::mem::take(&mut some)).await? {
                    match planned {
                        Planned::New(_) => summary.new += 1,
                        Planned::Known(_, state) if state.is_done() => summary.done += 1,
                        Planned::Known(..) => summary.known += 1,
                    }
                }
            }
            if last {
                break;
            }
        }
        if !self.stop.is_cancelled() {
            feeding.await.map_err(|error| RunError::Worker(error.to_string()))?;
        }
        summary.bad_entries = fed.bad.load(Ordering::Relaxed);
        summary.repeats = fed.repeats.load(Ordering::Relaxed);
        summary.interrupted = self.stop.is_cancelled();
        Ok(summary)
    }

    /// Reads the input on a thread of its own.
    fn feed(
        &self,
        input: impl Iterator<Item = InputItem> + Send + 'static,
        halt: &CancellationToken,
    ) -> (async_channel::Receiver<WorkRequest>, Arc<Fed>, tokio::task::JoinHandle<()>) {
        let (send, receive) = async_channel::bounded::<WorkRequest>(READ_AHEAD.max(self.workers * 2));
        let fed = Arc::new(Fed::default());
        let (reporter, halt, counts) = (Arc::clone(&self.reporter), halt.clone(), Arc::clone(&fed));
        let feeding =
            tokio::task::spawn_blocking(move || feed(input, &send, reporter.as_ref(), &halt, &counts));
        (receive, fed, feeding)
    }

    /// Sets the hands to work, and writes the manifest as works end.
    async fn drive(
        &self,
        out: &Path,
        halt: &CancellationToken,
        work: impl Fn(Arc<WorkerPool>) -> BoxFuture<'static, Result<(), RunError>>,
    ) -> Result<Summary, RunError> {
        let path = out.join("manifest.jsonl");
        let failed = |source| RunError::Manifest { path: path.clone(), source };
        let mut manifest = Manifest::open(&path).map_err(failed)?;
        let (ended_send, mut ended) = mpsc::channel::<Ended>(self.workers * 2);
        let hands = Arc::new(WorkerPool {
            run_id: self.id.clone(),
            plan: Arc::clone(&self.plan),
            acquirer: Arc::clone(&self.acquirer),
            reporter: Arc::clone(&self.reporter),
            gate: self.gate.clone(),
            shelf: self.upkeep.as_ref().map(|upkeep| Arc::clone(&upkeep.shelf)),
            owner: format!(
                "{}/{}/{}",
                gethostname::gethostname().to_string_lossy(),
                std::process::id(),
                self.id
            ),
            out: out.to_owned(),
            halt: halt.clone(),
            ended: ended_send,
            walks: Semaphore::new(self.workers),
            watch: Mutex::new(()),
            waits: AtomicBool::new(false),
        });
        let ended_all = CancellationToken::new();
        let upkeep =
            self.upkeep.clone().filter(|_| self.gate.is_on()).map(|upkeep| {
                tokio::spawn(maintenance::keep_up(self.gate.clone(), upkeep, ended_all.clone()))
            });
        // However this ends, the upkeep ends with it.
        let _ending = ended_all.clone().drop_guard();
        let mut workers = JoinSet::new();
        // With a ledger some more, who take a work while the others walk: its lease is there when a walk ends.
        let spare = if self.gate.is_on() { self.workers / SPARE } else { 0 };
        for _ in 0..self.workers + spare {
            let (working, halt) = (work(Arc::clone(&hands)), halt.clone());
            workers.spawn(async move {
                let ended = working.await;
                if ended.is_err() {
                    halt.cancel();
                }
                ended
            });
        }
        drop(hands);

        let mut summary = Summary::default();
        let mut wrote = Ok(());
        while let Some(Ended { line, how, written }) = ended.recv().await {
            // A line that says nothing new would hide the trail of the one that did.
            if how != Resolution::Pending && wrote.is_ok() {
                wrote = manifest.write(&line);
            }
            if wrote.is_err() {
                // The hands give back what they hold, for what they did is not written down.
                halt.cancel();
                continue;
            }
            if let Some(written) = written {
                // Whoever waited for it may be gone.
                let _ = written.send(());
            }
            summary.count(&line, how);
            self.reporter.ended(&line);
        }
        // Whatever ended the run, what it has done is written down first.
        let mut worked = Ok(());
        while let Some(worker) = workers.join_next().await {
            worked = worked.and(worker.unwrap_or_else(|error| Err(RunError::Worker(error.to_string()))));
        }
        summary.interrupted = self.stop.is_cancelled();
        let wrote = wrote.and_then(|()| manifest.finish()).map_err(failed);
        ended_all.cancel();
        if let Some(upkeep) = upkeep {
            upkeep.await.map_err(|error| RunError::Worker(error.to_string()))?;
        }
        self.gate.close().await;
        wrote?;
        worked?;
        summary.count_ledger(&self.gate);
        Ok(summary)
    }
}

/// What of the input was no new work.
#[derive(Default)]
struct Fed {
    bad: AtomicU64,
    repeats: AtomicU64,
}

impl Fed {
    fn count_into(&self, summary: &mut Summary) {
        summary.bad_entries = self.bad.load(Ordering::Relaxed);
        summary.repeats = self.repeats.load(Ordering::Relaxed);
    }
}

fn feed(
    input: impl Iterator<Item = InputItem>,
    works: &async_channel::Sender<WorkRequest>,
    reporter: &dyn Reporter,
    stop: &CancellationToken,
    fed: &Fed,
) {
    let mut total = 0;
    for taken in input {
        if stop.is_cancelled() {
            break;
        }
        match taken {
            InputItem::Work(asked) => {
                total += 1;
                if works.send_blocking(asked).is_err() {
                    break;
                }
            }
            InputItem::Bad(entry) => {
                fed.bad.fetch_add(1, Ordering::Relaxed);
                reporter.bad(&entry);
            }
            InputItem::Repeat => {
                fed.repeats.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    reporter.total(total);
}
