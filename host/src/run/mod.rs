//! A run: works are taken in as they are read, handed to workers, and written to the manifest as they end.

mod compact;
mod manifest;
mod program;
mod summary;
mod wiring;

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use manifest::{Line, Manifest};
pub use program::{Program, SetupError};
pub use summary::{Exit, Summary};

use crate::tiers::{Acquire, Observer, Outcome, Plan, Status, Trail, walk};
use crate::work::Work;
use crate::work::input::BadEntry;

/// A work as it was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// As the user wrote it.
    pub input: String,
    pub work: Work,
}

/// What the input yields.
pub enum Taken {
    Work(Asked),
    /// A line that cannot be read: reported, and the run goes on.
    Bad(BadEntry),
    /// The work was asked for before in this run.
    Repeat,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("failed to write the manifest {path}: {source}; the files that are stored stay where they are")]
    Manifest { path: PathBuf, source: io::Error },
    #[error("a worker ended unexpectedly: {0}; this is a bug in Tierfall")]
    Worker(String),
}

/// Told what happens, from the workers' tasks.
pub trait Reporter: Send + Sync {
    /// Called once the number of works is known, before all have ended.
    fn total(&self, _works: u64) {}
    fn bad(&self, _entry: &BadEntry) {}
    fn started(&self, _asked: &Asked) {}
    fn ended(&self, _line: &Line) {}
    /// What is told of one work while it is walked.
    fn observer(&self, _asked: &Asked) -> Box<dyn Observer> {
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
    /// Cancelled by Ctrl-C: nothing new is started, and what is in flight is dropped.
    pub stop: CancellationToken,
}

/// Works that are read before they are needed: enough that the length of an ordinary list is known, and
/// its progress can be shown, from the beginning; about a megabyte.
const READ_AHEAD: usize = 1024;

impl Run {
    /// Takes works from `input` until it ends. `input` runs on a thread of its own and is read no faster
    /// than works end, so that its length does not matter.
    pub async fn go(
        &self,
        input: impl Iterator<Item = Taken> + Send + 'static,
        out: &Path,
    ) -> Result<Summary, RunError> {
        let manifest_path = out.join("manifest.jsonl");
        let failed = |source| RunError::Manifest { path: manifest_path.clone(), source };
        let mut manifest = Manifest::open(&manifest_path).map_err(failed)?;
        let (send, receive) = async_channel::bounded::<Asked>(READ_AHEAD.max(self.workers * 2));
        let (ended_send, mut ended) = mpsc::channel::<Line>(self.workers * 2);
        let fed = Arc::new(Fed::default());
        let feeding = {
            let (reporter, stop, fed) = (Arc::clone(&self.reporter), self.stop.clone(), Arc::clone(&fed));
            tokio::task::spawn_blocking(move || feed(input, &send, reporter.as_ref(), &stop, &fed))
        };
        let mut workers = JoinSet::new();
        for _ in 0..self.workers {
            workers.spawn(work_off(
                self.id.clone(),
                Arc::clone(&self.plan),
                Arc::clone(&self.acquirer),
                Arc::clone(&self.reporter),
                self.stop.clone(),
                receive.clone(),
                ended_send.clone(),
            ));
        }
        drop((receive, ended_send));

        let mut summary = Summary::default();
        while let Some(line) = ended.recv().await {
            manifest.write(&line).map_err(failed)?;
            summary.count(&line);
            self.reporter.ended(&line);
        }
        while let Some(worker) = workers.join_next().await {
            worker.map_err(|error| RunError::Worker(error.to_string()))?;
        }
        tokio::select! {
            biased;
            ended = feeding => ended.map_err(|error| RunError::Worker(error.to_string()))?,
            // It may be waiting for somebody to type.
            () = self.stop.cancelled() => {}
        }
        summary.bad_entries = fed.bad.load(Ordering::Relaxed);
        summary.repeats = fed.repeats.load(Ordering::Relaxed);
        summary.interrupted = self.stop.is_cancelled();
        manifest.finish().map_err(failed)?;
        Ok(summary)
    }
}

/// What of the input was no new work.
#[derive(Default)]
struct Fed {
    bad: AtomicU64,
    repeats: AtomicU64,
}

fn feed(
    input: impl Iterator<Item = Taken>,
    works: &async_channel::Sender<Asked>,
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
            Taken::Work(asked) => {
                total += 1;
                if works.send_blocking(asked).is_err() {
                    break;
                }
            }
            Taken::Bad(entry) => {
                fed.bad.fetch_add(1, Ordering::Relaxed);
                reporter.bad(&entry);
            }
            Taken::Repeat => {
                fed.repeats.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    reporter.total(total);
}

/// A bug of ours costs the work that met it, never the run; the panic's own message was printed where it
/// happened.
fn broken(work: Work) -> Outcome {
    tracing::error!("a bug in Tierfall ended the work {}", work.key());
    Outcome {
        work: Arc::new(work),
        status: Status::Failed,
        reason: Some("internal_error"),
        won: None,
        trail: Trail::default(),
        elapsed: Duration::ZERO,
    }
}

async fn work_off(
    run_id: String,
    plan: Arc<Plan>,
    acquirer: Arc<dyn Acquire>,
    reporter: Arc<dyn Reporter>,
    stop: CancellationToken,
    works: async_channel::Receiver<Asked>,
    ended: mpsc::Sender<Line>,
) {
    loop {
        let asked = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            asked = works.recv() => match asked {
                Ok(asked) => asked,
                Err(_) => return,
            },
        };
        reporter.started(&asked);
        let observer = reporter.observer(&asked);
        let given = asked.work.clone();
        let walking = AssertUnwindSafe(walk(&plan, asked.work, acquirer.as_ref(), observer.as_ref()));
        let outcome = tokio::select! {
            biased;
            // Dropping the walk drops its requests; what was received stays in `partial/` for the next run.
            () = stop.cancelled() => return,
            walked = walking.catch_unwind() => walked.unwrap_or_else(|_| broken(given)),
        };
        let line = Line::new(&run_id, asked.input, outcome);
        if ended.send(line).await.is_err() {
            return;
        }
    }
}
