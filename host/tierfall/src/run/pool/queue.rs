//! A worker over the ledger's queue.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::worker_pool::{Pipeline, WorkerPool};
use crate::run::admission::with_the_others;
use crate::run::error::RunError;
use crate::run::leases::{NextJob, POLL_INTERVAL, QueueMode};

impl WorkerPool {
    /// One worker over the ledger's queue.
    pub(in crate::run) async fn work_queue(self: Arc<Self>, mode: QueueMode) -> Result<(), RunError> {
        let mut silent_since: Option<Instant> = None;
        let mut pipeline = Pipeline::default();
        while self.has_place(&mut pipeline).await && !self.emptied.load(Ordering::Relaxed) {
            match self.leases.next().await {
                Ok(NextJob::Job(job, request)) => {
                    silent_since = None;
                    match with_the_others(&self.leases, &self.plan.artifacts, job, &request).await? {
                        Some(admission) => {
                            self.has_begun(&request.work);
                            self.take_job(admission, request, &mut pipeline).await?;
                        }
                        // Whoever has the work takes this job as well.
                        None => drop(self.unless_ending(tokio::time::sleep(POLL_INTERVAL)).await),
                    }
                    // What another worker has taken over stays in the queue.
                    pipeline.held.clear();
                    continue;
                }
                Ok(NextJob::Unreadable) => {
                    silent_since = None;
                    continue;
                }
                // Whether more is to come shows once the work before is ended.
                Ok(NextJob::Nothing) if pipeline.ending.is_some() => {
                    pipeline.finish().await?;
                    continue;
                }
                Ok(NextJob::Nothing) => silent_since = None,
                Err(error) => {
                    let since = *silent_since.get_or_insert_with(Instant::now);
                    self.leases.tolerate(error, mode, since)?;
                }
            }
            pipeline.slot = None;
            let Some(_watching) = self.unless_ending(self.leases.watch.lock()).await else { break };
            let wait = match self.leases.next_wait(silent_since.is_none()).await {
                None if mode == QueueMode::Empty => {
                    // Nobody else needs to look.
                    self.emptied.store(true, Ordering::Relaxed);
                    break;
                }
                wait => wait.unwrap_or(POLL_INTERVAL),
            };
            if self.unless_ending(tokio::time::sleep(wait)).await.is_none() {
                break;
            }
        }
        pipeline.finish().await
    }
}
