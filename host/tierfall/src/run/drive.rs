//! A run from its first work to its summary: workers at one end, the manifest at the other.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::company::Company;
use super::endings::Endings;
use super::error::RunError;
use super::feed::Feed;
use super::finalize::{EndedWork, Finalizer, Resolution};
use super::full_disk::{Full, FullDisk};
use super::leases::{Leases, QueueMode};
use super::maintenance::{Maintenance, maintain};
use super::manifest_file::Manifest;
use super::metrics;
use super::parked::ParkedWorks;
use super::pool::WorkerPool;
use super::reporter::Reporter;
use super::request::InputItem;
use super::set_aside::SetAside;
use super::silence::Silence;
use super::slots::{Bounds, Slots};
use super::stored::StoredWorks;
use super::summary::Summary;
use crate::acquire::Acquire;
use crate::tiers::Plan;
use tierfall_http::{HttpClient, Reach};
use tierfall_ledger::{LedgerClient, SystemClock};

/// Everything that a run needs.
pub struct Run {
    /// Names the run in manifests and ledgers.
    pub id: String,
    /// What is asked about each work.
    pub plan: Arc<Plan>,
    /// Fetches, proves and stores.
    pub acquirer: Arc<dyn Acquire>,
    /// Told what happens.
    pub reporter: Arc<dyn Reporter>,
    /// Works that go on at the same time. Those that only wait for their turn at a host are not among them.
    pub workers: usize,
    /// Works that are begun and not ended, whether they go on or wait.
    pub in_hand: usize,
    /// Whether works are fetched again that are stored in the output folder.
    pub again: bool,
    /// Whether anything can be reached: where not, the run ends, with its works untouched.
    pub reach: Option<Reach>,
    /// Whether there is still a network, once there was one: while there is none, works wait.
    pub network: Option<HttpClient>,
    /// The ledger, if one is kept.
    pub ledger: LedgerClient,
    /// How the ledger is kept in step with the files.
    pub maintenance: Option<Maintenance>,
    /// Cancelled when the run is to end: nothing new is started, and what is in flight is dropped.
    pub stop: CancellationToken,
    /// Cancelled when the run is to end with the works in hand: nothing new is started.
    pub drain: CancellationToken,
}

impl Run {
    /// Takes works from `input` until it ends. `input` runs on a thread of its own and is read no faster
    /// than works end, so that its length does not matter. The manifest is `manifest.jsonl` in `out`.
    pub async fn go(
        &self,
        input: impl Iterator<Item = InputItem> + Send + 'static,
        out: &Path,
    ) -> Result<Summary, RunError> {
        let halt = self.stop.child_token();
        let Feed { works, counts, reading } =
            Feed::start(input, self.workers, Arc::clone(&self.reporter), halt.clone());
        let mut summary = self
            .drive(
                out,
                &halt,
                |pool| {
                    let works = works.clone();
                    Box::pin(async move { pool.work_list(works).await })
                },
                |pool| !works.is_closed() || !works.is_empty() || !pool.parked.are_none(),
            )
            .await?;
        tokio::select! {
            biased;
            ended = reading => ended.map_err(|error| RunError::Worker(error.to_string()))?,
            // It may be waiting for somebody to type.
            () = halt.cancelled() => {}
            () = self.drain.cancelled() => {}
        }
        summary.bad_entries = counts.bad_entries();
        summary.repeats += counts.repeats();
        Ok(summary)
    }

    /// Takes jobs from the ledger's queue.
    pub async fn serve(&self, mode: QueueMode, out: &Path) -> Result<Summary, RunError> {
        let halt = self.stop.child_token();
        let is_more = |pool: &WorkerPool| !pool.emptied.load(Ordering::Relaxed);
        self.drive(out, &halt, |pool| Box::pin(async move { pool.work_queue(mode).await }), is_more).await
    }

    /// Sets the workers to work, and writes the manifest as works end. `is_more`: whether one more would find any.
    async fn drive(
        &self,
        out: &Path,
        halt: &CancellationToken,
        work: impl Fn(Arc<WorkerPool>) -> BoxFuture<'static, Result<(), RunError>>,
        is_more: impl Fn(&WorkerPool) -> bool,
    ) -> Result<Summary, RunError> {
        let path = out.join("manifest.jsonl");
        let failed = |source| RunError::Manifest { path: path.clone(), source };
        let mut manifest = Manifest::open(&path).map_err(failed)?;
        let stored = match self.again {
            true => StoredWorks::default(),
            false => {
                let out = out.to_owned();
                let read = tokio::task::spawn_blocking(move || StoredWorks::read(&out)).await;
                read.map_err(|error| RunError::Worker(error.to_string()))?.map_err(failed)?
            }
        };
        let (ended_send, mut ended) = mpsc::channel::<EndedWork>(self.workers * 2);
        let repeats = Arc::new(AtomicU64::new(0));
        let pool = Arc::new(self.pool(halt, stored, ended_send, Arc::clone(&repeats)));
        let all_ended = CancellationToken::new();
        let maintenance =
            self.maintenance.clone().filter(|_| self.ledger.is_on()).map(|maintenance| {
                tokio::spawn(maintain(self.ledger.clone(), maintenance, all_ended.clone()))
            });
        // However this ends, the maintenance ends with it.
        let _ending = all_ended.clone().drop_guard();
        let outage = self.reach.clone().map(|reach| {
            let halt = halt.clone();
            tokio::spawn(async move {
                let outage = reach.outage().await;
                halt.cancel();
                outage
            })
        });
        let mut workers = JoinSet::new();
        let worker = |pool: Arc<WorkerPool>| {
            let (working, halt) = (work(pool), halt.clone());
            async move {
                let ended = working.await;
                if ended.is_err() {
                    halt.cancel();
                }
                ended
            }
        };
        workers.spawn(worker(Arc::clone(&pool)));
        let slots = Arc::clone(&pool.slots);
        let pool = {
            // The last worker that ends closes the channel.
            let weak = Arc::downgrade(&pool);
            drop(pool);
            weak
        };

        let (mut summary, mut endings) = (Summary::default(), Endings::default());
        let mut silence = Silence::default();
        let (mut disk, mut full) = (FullDisk::default(), None);
        let mut wrote = Ok(());
        loop {
            let EndedWork { line, resolution, written, unstored } = tokio::select! {
                biased;
                ended = ended.recv() => match ended {
                    Some(ended) => ended,
                    None => break,
                },
                // Each work in hand has a worker, and one more waits for the next place: there may be thousands.
                () = slots.is_unattended(), if workers.len() < self.in_hand => {
                    // At the end each place that becomes free would otherwise begin a worker that ends at once.
                    if let Some(pool) = pool.upgrade().filter(|pool| is_more(pool)) {
                        workers.spawn(worker(pool));
                    }
                    continue;
                }
            };
            // A line that says nothing new would hide the trail of the one that did.
            if !matches!(resolution, Resolution::Pending | Resolution::Here) && wrote.is_ok() {
                wrote = manifest.write(&line);
            }
            if wrote.is_err() {
                // The workers release their leases, for what they did is not written down.
                halt.cancel();
                continue;
            }
            if let Some(written) = written {
                // Whoever waited for it may be gone.
                let _ = written.send(());
            }
            // Without a ledger no work is tried again.
            let before = self.ledger.is_on().then(|| endings.replace(&line, resolution)).flatten();
            if let Some(before) = before {
                manifest.repeats();
                summary.uncount(before);
            }
            summary.count(&line, resolution);
            metrics::count(&line, resolution);
            if resolution == Resolution::Now {
                silence.count(&line);
            }
            if (resolution == Resolution::Now || unstored.is_some())
                && let Some(why) = disk.count(&line, unstored)
            {
                halt.cancel();
                full.get_or_insert(why);
            }
            match before {
                Some(before) => self.reporter.ended_again(&line, before.status),
                None => self.reporter.ended(&line),
            }
        }
        // Whatever ended the run, what it has done is written down first.
        let mut worked = Ok(());
        while let Some(worker) = workers.join_next().await {
            worked = worked.and(worker.unwrap_or_else(|error| Err(RunError::Worker(error.to_string()))));
        }
        summary.interrupted = self.is_ending();
        summary.repeats = repeats.load(Ordering::Relaxed);
        summary.silent_sources = silence.hours();
        summary.unreachable = match outage {
            Some(outage)
                if halt.is_cancelled()
                    && !summary.interrupted
                    && worked.is_ok()
                    && wrote.is_ok()
                    && full.is_none() =>
            {
                Some(outage.await.map_err(|error| RunError::Worker(error.to_string()))?.to_string())
            }
            Some(outage) => {
                outage.abort();
                None
            }
            None => None,
        };
        let wrote = wrote.and_then(|()| manifest.finish()).map_err(failed);
        all_ended.cancel();
        if let Some(maintenance) = maintenance {
            maintenance.await.map_err(|error| RunError::Worker(error.to_string()))?;
        }
        if let Some(network) = &self.network {
            // Who cannot be told finds out by itself.
            let _ = tokio::time::timeout(LEAVING, network.unshare()).await;
        }
        self.ledger.close().await;
        wrote?;
        worked?;
        match full {
            Some(Full::Folder(why)) => return Err(RunError::Full { out: out.to_owned(), why }),
            Some(Full::Store(why)) => return Err(RunError::Store { why }),
            None => {}
        }
        summary.count_ledger(&self.ledger);
        Ok(summary)
    }

    /// Whether somebody has told the run to end.
    pub(super) fn is_ending(&self) -> bool {
        self.stop.is_cancelled() || self.drain.is_cancelled()
    }

    fn pool(
        &self,
        halt: &CancellationToken,
        stored: StoredWorks,
        ended: mpsc::Sender<EndedWork>,
        repeats: Arc<AtomicU64>,
    ) -> WorkerPool {
        let leases = Leases::new(
            self.ledger.clone(),
            self.id.clone(),
            self.maintenance.as_ref().map(|maintenance| Arc::clone(&maintenance.inventory)),
        );
        let finalizer = Finalizer {
            run_id: self.id.clone(),
            acquirer: Arc::clone(&self.acquirer),
            ledger: self.ledger.clone(),
            ended,
            halt: halt.clone(),
        };
        WorkerPool {
            plan: Arc::clone(&self.plan),
            acquirer: Arc::clone(&self.acquirer),
            reporter: Arc::clone(&self.reporter),
            leases,
            finalizer,
            stored,
            reach: self.reach.clone(),
            network: self.network.clone(),
            halt: halt.clone(),
            drain: self.drain.clone(),
            emptied: AtomicBool::new(false),
            slots: Slots::new(Bounds {
                active: self.workers,
                connected: self.workers.saturating_mul(CONNECTED_PER_WORKER),
                in_hand: self.in_hand.max(1),
            }),
            company: Company::new(self.plan.together.clone()),
            parked: ParkedWorks::by(SystemClock),
            set_aside: SetAside::default(),
            seen: Mutex::default(),
            repeats,
        }
    }
}

/// For each work that goes on so many may wait for answers that take their time. With one worker there is one work.
const CONNECTED_PER_WORKER: usize = 8;

/// The longest that a run waits at its end for those with whom it shares the pace of hosts.
const LEAVING: Duration = Duration::from_secs(2);

/// A name for a run that sorts by time; two runs that start in one second still differ.
pub fn new_run_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{:04x}", now.as_secs(), fastrand::u16(..))
}
