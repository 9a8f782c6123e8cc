//! Reconciling the ledger with the disk: expired leases, files that no job claims, rows whose file is gone.
//! Run at start, on a timer, and on request.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::contract::Ledger;
use crate::error::LedgerError;
use crate::job::{JobDisposition, Recovered, StoredFile, UnreadableRow};
use crate::key::JobKey;

/// The files on disk, as far as reconciliation needs to know them. Its methods may block.
pub trait FileInventory: Send + Sync {
    /// Every partial file.
    fn partials(&self) -> io::Result<Vec<Partial>>;

    /// Removes a partial file. `false`: it is in use, and was left alone.
    fn remove(&self, partial: &Partial) -> io::Result<bool>;

    /// SHA-256 in lower-case hex of every stored file, by its name.
    fn files(&self) -> io::Result<Vec<String>>;
}

/// A file whose download was not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// Where it is.
    pub path: PathBuf,
    /// The job it belongs to; `None` if its name does not say.
    pub job: Option<JobKey>,
    /// Time since it was last written to.
    pub untouched: Duration,
}

/// What to do about done jobs whose file is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Only report them: otherwise a disk that is not mounted would undo a whole library.
    Report,
    /// Make the jobs ready again.
    DoAgain,
}

/// What reconciliation found, and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Leases and ops that were cleared.
    pub recovered: Recovered,
    /// Partial files that were removed: their job is unknown or over, and they have not been written to for a time.
    pub removed: Vec<PathBuf>,
    /// Partial files that were kept, to be resumed or because they may be in use.
    pub kept: Vec<PathBuf>,
    /// Stored files that no job claims. They may come from a run without a ledger, and are left alone.
    pub unknown_files: Vec<String>,
    /// Done jobs whose file is missing.
    pub missing: Vec<StoredFile>,
    /// How many of these were made ready again.
    pub opened: u64,
    /// Done jobs of which it cannot be read which file is theirs.
    pub unreadable: Vec<UnreadableRow>,
}

/// Why reconciliation stopped. What it had done before stands.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The inventory failed.
    #[error("the files cannot be looked through: {0}")]
    Files(#[from] io::Error),
}

/// Jobs read from the ledger at once.
const PAGE: usize = 500;

/// Clears expired leases and ops only: quick, and safe at any time. Runs until nothing is left to clear.
pub(crate) async fn recover_all(ledger: &dyn Ledger) -> Result<Recovered, LedgerError> {
    let mut all = Recovered::default();
    loop {
        let page = ledger.recover().await?;
        all.ops += page.ops;
        all.ahead += page.ahead;
        let is_last = page.leases.is_empty() && page.ahead == 0;
        all.leases.extend(page.leases);
        all.given_up.extend(page.given_up);
        if is_last {
            return Ok(all);
        }
    }
}

/// Reconciles leases, partial files and stored files. A partial file is removed only if its job is unknown or over
/// *and* it has not been written to for `quiet`: the file of a live lease never is, and neither is that of a
/// download that goes on without the ledger.
pub async fn reconcile(
    ledger: &dyn Ledger,
    inventory: &Arc<dyn FileInventory>,
    quiet: Duration,
    missing: Missing,
) -> Result<Reconciliation, ReconcileError> {
    let mut done = Reconciliation { recovered: recover_all(ledger).await?, ..Reconciliation::default() };
    clear_partials(ledger, inventory, quiet, &mut done).await?;
    compare_files(ledger, inventory, &mut done).await?;
    if missing == Missing::DoAgain {
        for file in &done.missing {
            done.opened += u64::from(ledger.reopen(&file.job, "its file is gone").await?);
        }
    }
    Ok(done)
}

async fn clear_partials(
    ledger: &dyn Ledger,
    inventory: &Arc<dyn FileInventory>,
    quiet: Duration,
    done: &mut Reconciliation,
) -> Result<(), ReconcileError> {
    let partials = blocking(inventory, |inventory| inventory.partials()).await?;
    for page in partials.chunks(PAGE) {
        let jobs: Vec<JobKey> = page.iter().filter_map(|partial| partial.job.clone()).collect();
        let mut dispositions = ledger.dispositions(jobs).await?.into_iter();
        for partial in page {
            let disposition =
                partial.job.as_ref().and_then(|_| dispositions.next()).unwrap_or(JobDisposition::Unknown);
            let is_useful = matches!(disposition, JobDisposition::Held | JobDisposition::Open);
            if is_useful || partial.untouched < quiet {
                done.kept.push(partial.path.clone());
                continue;
            }
            let doomed = partial.clone();
            match blocking(inventory, move |inventory| inventory.remove(&doomed)).await {
                Ok(true) => done.removed.push(partial.path.clone()),
                Ok(false) => done.kept.push(partial.path.clone()),
                // Another process was quicker.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

async fn compare_files(
    ledger: &dyn Ledger,
    inventory: &Arc<dyn FileInventory>,
    done: &mut Reconciliation,
) -> Result<(), ReconcileError> {
    // Rows before files: a file that is stored meanwhile has no row yet, but a new row always has its file.
    let mut rows = Vec::new();
    let mut after = 0;
    loop {
        let page = ledger.artifacts(after, PAGE as u32).await?;
        let Some(last) = page.last() else { break };
        after = UnreadableRow::id_of(last, |file| file.id);
        for row in page {
            match row {
                Ok(file) => rows.push(file),
                Err(row) => done.unreadable.push(row),
            }
        }
    }
    let files: HashSet<String> =
        blocking(inventory, |inventory| inventory.files()).await?.into_iter().collect();
    let known: HashSet<&str> = rows.iter().map(|row| row.sha256.as_str()).collect();
    done.unknown_files = files.iter().filter(|file| !known.contains(file.as_str())).cloned().collect();
    done.unknown_files.sort();
    done.missing = rows.into_iter().filter(|row| !files.contains(&row.sha256)).collect();
    Ok(())
}

async fn blocking<T: Send + 'static>(
    inventory: &Arc<dyn FileInventory>,
    call: impl FnOnce(&dyn FileInventory) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let inventory = Arc::clone(inventory);
    tokio::task::spawn_blocking(move || call(&*inventory)).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::op::OpKind;
    #[cfg(feature = "sqlite")]
    use crate::testing::EngineKind;
    use crate::testing::{LEASE, World, job};

    const QUIET: Duration = Duration::from_secs(600);

    #[derive(Default)]
    struct TestInventory {
        partials: Mutex<Vec<Partial>>,
        files: Vec<String>,
        /// Another process is writing it.
        busy: Option<PathBuf>,
    }

    impl FileInventory for TestInventory {
        fn partials(&self) -> io::Result<Vec<Partial>> {
            Ok(self.partials.lock().unwrap().clone())
        }

        fn remove(&self, partial: &Partial) -> io::Result<bool> {
            if self.busy.as_deref() == Some(&*partial.path) {
                return Ok(false);
            }
            let mut partials = self.partials.lock().unwrap();
            let at = partials.iter().position(|known| known == partial).ok_or(io::ErrorKind::NotFound)?;
            partials.remove(at);
            Ok(true)
        }

        fn files(&self) -> io::Result<Vec<String>> {
            Ok(self.files.clone())
        }
    }

    fn partial(name: &str, job: Option<&JobKey>, untouched: Duration) -> Partial {
        Partial { path: PathBuf::from(name), job: job.cloned(), untouched }
    }

    async fn promise_partials(world: World) {
        let mut keys = Vec::new();
        for number in 0..4 {
            keys.push(world.plan(number).await);
        }
        let [held, lost, done, open] = keys.as_slice() else { panic!("four jobs") };
        world.take(lost, "lost").await;
        world.clock.go_forward(LEASE);
        let lease = world.take(held, "live").await;
        world.advance(&lease, crate::state::Step::Stream).await.unwrap();
        let lease = world.take(done, "a").await;
        world.work(&lease).await.unwrap();
        let unknown = job(99).key();
        let hour = Duration::from_secs(3600);
        let inventory: Arc<dyn FileInventory> = Arc::new(TestInventory {
            partials: Mutex::new(vec![
                partial("held, an hour old", Some(held), hour),
                partial("lost", Some(lost), hour),
                partial("done", Some(done), hour),
                partial("done just now", Some(done), Duration::ZERO),
                partial("open", Some(open), hour),
                partial("unknown", Some(&unknown), QUIET),
                partial("unknown, being written", Some(&unknown), QUIET - Duration::from_secs(1)),
                partial("nobody's", None, hour),
                partial("nobody's, and locked", None, hour),
            ]),
            files: vec!["ab".repeat(32)],
            busy: Some(PathBuf::from("nobody's, and locked")),
        });
        let found = reconcile(&*world.ledger, &inventory, QUIET, Missing::Report).await.unwrap();
        assert_eq!(found.recovered.leases, std::slice::from_ref(lost));
        assert_eq!(found.removed, ["done", "unknown", "nobody's"].map(PathBuf::from));
        assert_eq!(found.kept.len(), 6);
        assert_eq!((found.missing.len(), found.unknown_files.len()), (0, 0));
        assert_eq!(inventory.partials().unwrap().len(), 6);
    }

    async fn promise_files(world: World) {
        let key = world.plan(1).await;
        world.work(&world.take(&key, "a").await).await.unwrap();
        let inventory: Arc<dyn FileInventory> =
            Arc::new(TestInventory { files: vec!["cd".repeat(32)], ..TestInventory::default() });
        for missing in [Missing::Report, Missing::DoAgain] {
            let found = reconcile(&*world.ledger, &inventory, QUIET, missing).await.unwrap();
            assert_eq!(found.unknown_files, ["cd".repeat(32)]);
            assert_eq!(found.missing.len(), 1);
            assert_eq!(found.missing[0].job, key);
            assert_eq!(found.opened, u64::from(missing == Missing::DoAgain));
        }
        let lease = world.take(&key, "b").await;
        world.begin(&lease, OpKind::Stream).await;
        let found = reconcile(&*world.ledger, &inventory, QUIET, Missing::DoAgain).await.unwrap();
        assert_eq!((found.missing.len(), found.opened), (0, 0), "once is enough");
    }

    #[tokio::test]
    async fn a_partial_file_is_removed_only_if_it_is_of_use_to_nobody() {
        for world in World::of_each_engine().await {
            promise_partials(world).await;
        }
    }

    #[tokio::test]
    async fn files_without_rows_are_told_and_rows_without_files_are_done_again_if_asked() {
        for world in World::of_each_engine().await {
            promise_files(world).await;
        }
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn recovery_of_many_leases_does_not_stop_at_the_first_page() {
        let world = World::new(EngineKind::Sqlite).await.unwrap();
        world.ledger.plan((0..600).map(job).collect()).await.unwrap();
        while world.ledger.lease_next("lost").await.unwrap().is_some() {}
        world.clock.go_forward(LEASE);
        assert_eq!(recover_all(&*world.ledger).await.unwrap().leases.len(), 600);
        assert_eq!(world.ledger.counts().await.unwrap().expired, 0);
    }
}
