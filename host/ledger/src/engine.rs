//! From the contract to requests: what both engines share of the way in.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::command::{CommandReply, JobCommand};
use super::contract::Ledger;
use super::error::LedgerError;
use super::history::{EventFilter, EventRecord};
use super::job::{
    Counts, Enqueued, JobDetails, JobDisposition, JobFilter, JobRecord, Lease, NewJob, Planned, Recovered,
    Retry, StoredFile,
};
use super::key::JobKey;
use super::protocol::{
    Artifacts, Command, CountJobs, Dispositions, Enqueue, FindJob, LeaseJob, LeaseNext, ListEvents, ListJobs,
    Lose, NextAt, PlanJobs, Recover, Renew, RetryJobs, Tell, TellStory,
};

/// What an engine is: a way to run a request in a transaction.
pub(super) trait Engine: Send + Sync + std::fmt::Debug {
    /// Runs it, and answers once its commit is durable.
    fn write<Q: Command>(&self, request: Q) -> impl Future<Output = Result<Q::Reply, LedgerError>> + Send;

    /// Runs a request that writes nothing, without standing in a writer's way.
    fn read<Q: Command>(&self, request: Q) -> impl Future<Output = Result<Q::Reply, LedgerError>> + Send;

    /// Waits until this process's events so far are kept, or lost.
    fn settle(&self) -> impl Future<Output = ()> + Send;

    fn lost(&self) -> u64;

    fn shut(&self) -> impl Future<Output = ()> + Send;
}

/// Jobs planned in one transaction: big enough that its commit does not count, small enough that others need
/// not wait long for it.
const PLANNED_AT_ONCE: usize = 500;

impl<E: Engine> Ledger for E {
    fn plan(&self, jobs: Vec<NewJob>) -> BoxFuture<'_, Result<Vec<Planned>, LedgerError>> {
        Box::pin(async move {
            let mut planned = Vec::with_capacity(jobs.len());
            let mut jobs = jobs.into_iter();
            loop {
                let some: Vec<NewJob> = jobs.by_ref().take(PLANNED_AT_ONCE).collect();
                if some.is_empty() {
                    return Ok(planned);
                }
                planned.extend(self.write(PlanJobs(some)).await?);
            }
        })
    }

    fn lease_next<'a>(&'a self, owner: &str) -> BoxFuture<'a, Result<Option<Lease>, LedgerError>> {
        Box::pin(self.write(LeaseNext { owner: Arc::from(owner) }))
    }

    fn lease<'a>(&'a self, job: &JobKey, owner: &str) -> BoxFuture<'a, Result<Enqueued, LedgerError>> {
        Box::pin(self.write(LeaseJob { job: job.clone(), owner: Arc::from(owner) }))
    }

    fn enqueue<'a>(&'a self, job: NewJob, owner: &str) -> BoxFuture<'a, Result<Enqueued, LedgerError>> {
        let lease = LeaseJob { job: job.key(), owner: Arc::from(owner) };
        Box::pin(self.write(Enqueue { plan: PlanJobs(vec![job]), lease }))
    }

    fn renew<'a>(&'a self, lease: &Lease) -> BoxFuture<'a, Result<i64, LedgerError>> {
        Box::pin(self.write(Renew { claim: lease.claim.clone() }))
    }

    fn tell<'a>(
        &'a self,
        lease: &Lease,
        words: Arc<[JobCommand]>,
    ) -> BoxFuture<'a, Result<Vec<Result<CommandReply, LedgerError>>, LedgerError>> {
        Box::pin(self.write(Tell { claim: lease.claim.clone(), words }))
    }

    fn retry(&self, which: Retry) -> BoxFuture<'_, Result<u64, LedgerError>> {
        Box::pin(self.write(RetryJobs(which)))
    }

    fn lose<'a>(&'a self, job: &JobKey, reason: &str) -> BoxFuture<'a, Result<bool, LedgerError>> {
        Box::pin(self.write(Lose { job: job.clone(), reason: reason.to_owned() }))
    }

    fn recover(&self) -> BoxFuture<'_, Result<Recovered, LedgerError>> {
        Box::pin(self.write(Recover))
    }

    fn next_at(&self) -> BoxFuture<'_, Result<Option<i64>, LedgerError>> {
        Box::pin(self.read(NextAt))
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, LedgerError>> {
        Box::pin(self.read(CountJobs))
    }

    fn list(&self, filter: JobFilter) -> BoxFuture<'_, Result<Vec<JobRecord>, LedgerError>> {
        Box::pin(self.read(ListJobs(filter)))
    }

    fn find<'a>(&'a self, prefix: &str) -> BoxFuture<'a, Result<Vec<JobKey>, LedgerError>> {
        Box::pin(self.read(FindJob(prefix.to_owned())))
    }

    fn show<'a>(&'a self, job: &JobKey) -> BoxFuture<'a, Result<Option<JobDetails>, LedgerError>> {
        Box::pin(self.read(TellStory(job.clone())))
    }

    fn standings(&self, jobs: Vec<JobKey>) -> BoxFuture<'_, Result<Vec<JobDisposition>, LedgerError>> {
        Box::pin(self.read(Dispositions(jobs)))
    }

    fn artifacts(&self, after: i64, limit: u32) -> BoxFuture<'_, Result<Vec<StoredFile>, LedgerError>> {
        Box::pin(self.read(Artifacts { after, limit }))
    }

    fn events(&self, filter: EventFilter) -> BoxFuture<'_, Result<Vec<EventRecord>, LedgerError>> {
        Box::pin(async move {
            self.settle().await;
            self.read(ListEvents(filter)).await
        })
    }

    fn events_lost(&self) -> u64 {
        self.lost()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.shut())
    }
}
