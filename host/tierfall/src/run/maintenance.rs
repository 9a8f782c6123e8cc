//! Bringing the ledger and the output folder together while a run goes on: at its start, and on a timer.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use tierfall_ledger::{FileInventory, Ledger, LedgerClient, LedgerError, Missing, reconcile};

/// Often enough that what a lost worker left is cleared up soon, seldom enough that scanning a large folder does not
/// matter.
const EVERY: Duration = Duration::from_secs(600);

/// The files that a ledger is kept in step with.
#[derive(Clone)]
pub struct Maintenance {
    /// The output folder, as the ledger asks about it.
    pub inventory: Arc<dyn FileInventory>,
    /// A partial file that was written to since then may be that of a download which goes on without the ledger.
    pub quiet: Duration,
    /// How long finished jobs are kept; `None`: for ever.
    pub keep: Option<Duration>,
}

/// Reconciles until the run ends. Failures are logged and do no harm: no job waits for it.
pub(super) async fn maintain(ledger: LedgerClient, maintenance: Maintenance, halt: CancellationToken) {
    let Some(ledger) = ledger.ledger() else { return };
    loop {
        let done = tokio::select! {
            biased;
            () = halt.cancelled() => return,
            done = reconcile(&**ledger, &maintenance.inventory, maintenance.quiet, Missing::Report) => done,
        };
        match done {
            Ok(done) => {
                let (leases, ops, files) =
                    (done.recovered.leases.len(), done.recovered.ops, done.removed.len());
                if leases + files > 0 || ops > 0 {
                    tracing::info!(leases, ops, files, "cleared up after workers that are gone");
                }
                if !done.missing.is_empty() {
                    tracing::warn!(
                        "{} stored files are not in this folder: they are another one's, or gone (`tierfall ledger \
                         reconcile --missing again` has them fetched again)",
                        done.missing.len()
                    );
                }
            }
            Err(error) => tracing::warn!(%error, "the ledger and the files were not brought together"),
        }
        if let Some(keep) = maintenance.keep {
            let forgotten = tokio::select! {
                biased;
                () = halt.cancelled() => return,
                forgotten = forget(&**ledger, keep) => forgotten,
            };
            match forgotten {
                Ok(0) => {}
                Ok(jobs) => {
                    tracing::info!(jobs, "finished jobs were forgotten after their time (`ledger.keep`)")
                }
                Err(error) => tracing::warn!(%error, "finished jobs were not forgotten"),
            }
        }
        tokio::select! {
            biased;
            () = halt.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Forgets jobs that ended so long ago; how many.
async fn forget(ledger: &dyn Ledger, keep: Duration) -> Result<u64, LedgerError> {
    let (mut jobs, mut after) = (0, 0);
    loop {
        let pruned = ledger.prune(keep, after).await?;
        jobs += pruned.jobs;
        match pruned.next {
            Some(next) => after = next,
            None => return Ok(jobs),
        }
    }
}
