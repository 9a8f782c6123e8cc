//! Bringing the ledger and the disk together again: what lost workers left, files nobody knows, rows whose file
//! is gone. Run at start, on a timer, and by hand.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::contract::Ledger;
use super::error::LedgerError;
use super::job::{JobDisposition, Recovered, StoredFile};
use super::key::JobKey;

/// What lies on disk, as far as this needs to know. Its methods may block.
pub trait FileInventory: Send + Sync {
    /// Everything that might be resumed.
    fn partials(&self) -> io::Result<Vec<Partial>>;

    /// `false`: somebody is at it, and it was left alone.
    fn remove(&self, partial: &Partial) -> io::Result<bool>;

    /// SHA-256 in lower-case hex of every stored file, by its name.
    fn files(&self) -> io::Result<Vec<String>>;
}

/// A file that was not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    pub path: PathBuf,
    /// Whose it is; `None` if its name does not say.
    pub job: Option<JobKey>,
    /// Since it was last written to.
    pub untouched: Duration,
}

/// What to do about done jobs whose file is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Say so. A disk that is not mounted would else undo a whole library.
    Report,
    /// Open the jobs again.
    DoAgain,
}

/// What was found, and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    pub recovered: Recovered,
    /// Removed: their job is unknown or over, and nobody has written to them for a time.
    pub removed: Vec<PathBuf>,
    /// Kept, to be resumed or because someone may be at them.
    pub kept: Vec<PathBuf>,
    /// Stored files that no job came to. They may be another run's without a ledger, and are left alone.
    pub unknown_files: Vec<String>,
    /// Jobs that are done, and whose file is not there.
    pub missing: Vec<StoredFile>,
    /// How many of these were opened again.
    pub opened: u64,
}

/// Why reconciliation stopped. What it did before stands.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the files cannot be looked through: {0}")]
    Files(#[from] io::Error),
}

/// Jobs asked about at once.
const AT_ONCE: usize = 500;

/// Leases and ops only: quick, and safe at any time. Runs until nothing is left to clear.
pub async fn recover_all(ledger: &dyn Ledger) -> Result<Recovered, LedgerError> {
    let mut all = Recovered::default();
    loop {
        let some = ledger.recover().await?;
        all.ops += some.ops;
        let last = some.leases.is_empty();
        all.leases.extend(some.leases);
        all.given_up.extend(some.given_up);
        if last {
            return Ok(all);
        }
    }
}

/// Everything. A partial file is removed only if its job is unknown or over *and* nobody has written to it for
/// `quiet`: a live lease's file never is, and neither is that of a download that goes on without the ledger.
pub async fn reconcile(
    ledger: &dyn Ledger,
    shelf: &Arc<dyn FileInventory>,
    quiet: Duration,
    missing: Missing,
) -> Result<Reconciliation, ReconcileError> {
    let mut done = Reconciliation { recovered: recover_all(ledger).await?, ..Reconciliation::default() };
    clear_partials(ledger, shelf, quiet, &mut done).await?;
    compare_files(ledger, shelf, &mut done).await?;
    if missing == Missing::DoAgain {
        for file in &done.missing {
            done.opened += u64::from(ledger.lose(&file.job, "its file is gone").await?);
        }
    }
    Ok(done)
}

async fn clear_partials(
    ledger: &dyn Ledger,
    shelf: &Arc<dyn FileInventory>,
    quiet: Duration,
    done: &mut Reconciliation,
) -> Result<(), ReconcileError> {
    let partials = on_disk(shelf, |shelf| shelf.partials()).await?;
    for some in partials.chunks(AT_ONCE) {
        let jobs: Vec<JobKey> = some.iter().filter_map(|partial| partial.job.clone()).collect();
        let mut standings = ledger.standings(jobs).await?.into_iter();
        for partial in some {
            let standing =
                partial.job.as_ref().and_then(|_| standings.next()).unwrap_or(JobDisposition::Unknown);
            let of_use = matches!(standing, JobDisposition::Held | JobDisposition::Open);
            if of_use || partial.untouched < quiet {
                done.kept.push(partial.path.clone());
                continue;
            }
            let goner = partial.clone();
            match on_disk(shelf, move |shelf| shelf.remove(&goner)).await {
                Ok(true) => done.removed.push(partial.path.clone()),
                Ok(false) => done.kept.push(partial.path.clone()),
                // Someone else was quicker.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

async fn compare_files(
    ledger: &dyn Ledger,
    shelf: &Arc<dyn FileInventory>,
    done: &mut Reconciliation,
) -> Result<(), ReconcileError> {
    // Rows before files: a file that comes meanwhile has no row yet, but a row that comes has its file already.
    let mut rows = Vec::new();
    let mut after = 0;
    loop {
        let page = ledger.artifacts(after, AT_ONCE as u32).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        rows.extend(page);
    }
    let files: HashSet<String> = on_disk(shelf, |shelf| shelf.files()).await?.into_iter().collect();
    let known: HashSet<&str> = rows.iter().map(|row| row.sha256.as_str()).collect();
    done.unknown_files = files.iter().filter(|file| !known.contains(file.as_str())).cloned().collect();
    done.unknown_files.sort();
    done.missing = rows.into_iter().filter(|row| !files.contains(&row.sha256)).collect();
    Ok(())
}

async fn on_disk<T: Send + 'static>(
    shelf: &Arc<dyn FileInventory>,
    look: impl FnOnce(&dyn FileInventory) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let shelf = Arc::clone(shelf);
    tokio::task::spawn_blocking(move || look(&*shelf)).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::op::OpKind;
    use crate::testing::{EngineKind, LEASE, World, job};

    const QUIET: Duration = Duration::from_secs(600);

    #[derive(Default)]
    struct TestShelf {
        partials: Mutex<Vec<Partial>>,
        files: Vec<String>,
        /// Someone is at it.
        busy: Option<PathBuf>,
    }

    impl FileInventory for TestShelf {
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
        world.clock.turn(LEASE);
        let lease = world.take(held, "live").await;
        world.advance(&lease, crate::state::Step::Stream).await.unwrap();
        let lease = world.take(done, "a").await;
        world.work(&lease).await.unwrap();
        let unknown = job(99).key();
        let hour = Duration::from_secs(3600);
        let shelf: Arc<dyn FileInventory> = Arc::new(TestShelf {
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
        let found = reconcile(&*world.ledger, &shelf, QUIET, Missing::Report).await.unwrap();
        assert_eq!(found.recovered.leases, std::slice::from_ref(lost));
        assert_eq!(found.removed, ["done", "unknown", "nobody's"].map(PathBuf::from));
        assert_eq!(found.kept.len(), 6);
        assert_eq!((found.missing.len(), found.unknown_files.len()), (0, 0));
        assert_eq!(shelf.partials().unwrap().len(), 6);
    }

    async fn promise_files(world: World) {
        let key = world.plan(1).await;
        world.work(&world.take(&key, "a").await).await.unwrap();
        let shelf: Arc<dyn FileInventory> =
            Arc::new(TestShelf { files: vec!["cd".repeat(32)], ..TestShelf::default() });
        for missing in [Missing::Report, Missing::DoAgain] {
            let found = reconcile(&*world.ledger, &shelf, QUIET, missing).await.unwrap();
            assert_eq!(found.unknown_files, ["cd".repeat(32)]);
            assert_eq!(found.missing.len(), 1);
            assert_eq!(found.missing[0].job, key);
            assert_eq!(found.opened, u64::from(missing == Missing::DoAgain));
        }
        let lease = world.take(&key, "b").await;
        world.begin(&lease, OpKind::Stream).await;
        let found = reconcile(&*world.ledger, &shelf, QUIET, Missing::DoAgain).await.unwrap();
        assert_eq!((found.missing.len(), found.opened), (0, 0), "once is enough");
    }

    #[tokio::test]
    async fn a_partial_file_is_removed_only_if_it_is_of_use_to_nobody() {
        promise_partials(World::new(EngineKind::Sqlite).await.unwrap()).await;
        if let Some(world) = World::new(EngineKind::Postgres).await {
            promise_partials(world).await;
        }
    }

    #[tokio::test]
    async fn files_without_rows_are_told_and_rows_without_files_are_done_again_if_asked() {
        promise_files(World::new(EngineKind::Sqlite).await.unwrap()).await;
        if let Some(world) = World::new(EngineKind::Postgres).await {
            promise_files(world).await;
        }
    }

    #[tokio::test]
    async fn recovery_of_many_leases_does_not_stop_at_the_first_page() {
        let world = World::new(EngineKind::Sqlite).await.unwrap();
        world.ledger.plan((0..600).map(job).collect()).await.unwrap();
        while world.ledger.lease_next("lost").await.unwrap().is_some() {}
        world.clock.turn(LEASE);
        assert_eq!(recover_all(&*world.ledger).await.unwrap().leases.len(), 600);
        assert_eq!(world.ledger.counts().await.unwrap().expired, 0);
    }
}
