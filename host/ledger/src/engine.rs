//! Implements [`Ledger`] for every engine: each call becomes one request, which the engine runs in a transaction.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::clock::Due;
use crate::command::{CommandReply, JobCommand};
use crate::contract::Ledger;
use crate::error::LedgerError;
use crate::event::{EventFilter, EventRecord};
use crate::hosts::{BreakerName, HostBreaker, HostRules, RulesTurn};
use crate::job::{
    Counts, Enqueued, Imported, JobDetails, JobDisposition, JobFilter, JobRecord, Lease, NewJob, Planned,
    Pruned, Recovered, Retry, StoredFile, UnreadableRow,
};
use crate::key::JobKey;
use crate::protocol::{
    Artifacts, ClaimTurns, CloseBreaker, CountJobs, Dispositions, EndTurns, EnqueueJob, ExecuteCommands,
    FindKeys, HoldHost, ImportJobs, KeepRules, LeaseJob, LeaseNext, ListBreakers, ListEvents, ListJobs,
    NextAt, Now, OpenBreaker, PlanJobs, ProbeBreaker, PruneJobs, Recover, RenewLease, RenewTurns, ReopenJob,
    RetryJobs, ReturnTurns, ShowJob, TakeOfDay, TakeRules, TxRequest,
};
use crate::turns::{TurnClaim, Turns};

/// A database that can run a request in a transaction.
pub(crate) trait Engine: Send + Sync + std::fmt::Debug {
    /// Runs the request, and replies once its commit is durable.
    fn write<Q: TxRequest>(&self, request: Q) -> impl Future<Output = Result<Q::Reply, LedgerError>> + Send;

    /// Runs a request that writes nothing, without blocking writers.
    fn read<Q: TxRequest>(&self, request: Q) -> impl Future<Output = Result<Q::Reply, LedgerError>> + Send;

    /// Waits until this process's events so far are written, or lost.
    fn flush_events(&self) -> impl Future<Output = ()> + Send;

    /// How many events could not be written.
    fn lost_events(&self) -> u64;

    fn shut_down(&self) -> impl Future<Output = ()> + Send;
}

/// Jobs planned in one transaction: enough that the cost of its commit does not matter, few enough that others
/// need not wait long for it.
const PLAN_BATCH: usize = 500;

impl<E: Engine> Ledger for E {
    fn plan(&self, jobs: Vec<NewJob>) -> BoxFuture<'_, Result<Vec<Planned>, LedgerError>> {
        Box::pin(async move {
            let mut planned = Vec::with_capacity(jobs.len());
            let mut jobs = jobs.into_iter();
            loop {
                let batch: Vec<NewJob> = jobs.by_ref().take(PLAN_BATCH).collect();
                if batch.is_empty() {
                    return Ok(planned);
                }
                planned.extend(self.write(PlanJobs(batch)).await?);
            }
        })
    }

    fn lease_next<'a>(&'a self, owner: &str) -> BoxFuture<'a, Result<Option<Lease>, LedgerError>> {
        Box::pin(self.write(LeaseNext { owner: Arc::from(owner) }))
    }

    fn enqueue<'a>(&'a self, job: NewJob, owner: &str) -> BoxFuture<'a, Result<Enqueued, LedgerError>> {
        let lease = LeaseJob { job: job.key(), owner: Arc::from(owner) };
        Box::pin(self.write(EnqueueJob { plan: PlanJobs(vec![job]), lease }))
    }

    fn renew<'a>(&'a self, lease: &Lease) -> BoxFuture<'a, Result<i64, LedgerError>> {
        Box::pin(self.write(RenewLease { claim: lease.claim.clone() }))
    }

    fn execute<'a>(
        &'a self,
        lease: &Lease,
        commands: Arc<[JobCommand]>,
    ) -> BoxFuture<'a, Result<Vec<Result<CommandReply, LedgerError>>, LedgerError>> {
        Box::pin(self.write(ExecuteCommands { claim: lease.claim.clone(), commands }))
    }

    fn retry(&self, which: Retry) -> BoxFuture<'_, Result<u64, LedgerError>> {
        Box::pin(self.write(RetryJobs(which)))
    }

    fn reopen<'a>(&'a self, job: &JobKey, reason: &str) -> BoxFuture<'a, Result<bool, LedgerError>> {
        Box::pin(self.write(ReopenJob { job: job.clone(), reason: reason.to_owned() }))
    }

    fn recover(&self) -> BoxFuture<'_, Result<Recovered, LedgerError>> {
        Box::pin(self.write(Recover))
    }

    fn next_at(&self) -> BoxFuture<'_, Result<Option<Due>, LedgerError>> {
        Box::pin(self.read(NextAt))
    }

    fn now(&self) -> BoxFuture<'_, Result<i64, LedgerError>> {
        Box::pin(self.read(Now))
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, LedgerError>> {
        Box::pin(self.read(CountJobs))
    }

    fn list(
        &self,
        filter: JobFilter,
    ) -> BoxFuture<'_, Result<Vec<Result<JobRecord, UnreadableRow>>, LedgerError>> {
        Box::pin(self.read(ListJobs(filter)))
    }

    fn find<'a>(&'a self, prefix: &str) -> BoxFuture<'a, Result<Vec<JobKey>, LedgerError>> {
        Box::pin(self.read(FindKeys(prefix.to_owned())))
    }

    fn show<'a>(&'a self, job: &JobKey) -> BoxFuture<'a, Result<Option<JobDetails>, LedgerError>> {
        Box::pin(self.read(ShowJob(job.clone())))
    }

    fn dispositions(&self, jobs: Vec<JobKey>) -> BoxFuture<'_, Result<Vec<JobDisposition>, LedgerError>> {
        Box::pin(self.read(Dispositions(jobs)))
    }

    fn import(&self, jobs: Vec<JobDetails>) -> BoxFuture<'_, Result<Imported, LedgerError>> {
        Box::pin(self.write(ImportJobs(jobs)))
    }

    fn prune(&self, keep: Duration, after: i64) -> BoxFuture<'_, Result<Pruned, LedgerError>> {
        Box::pin(self.write(PruneJobs { keep, after }))
    }

    fn artifacts(
        &self,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Result<StoredFile, UnreadableRow>>, LedgerError>> {
        Box::pin(self.read(Artifacts { after, limit }))
    }

    fn events(
        &self,
        filter: EventFilter,
    ) -> BoxFuture<'_, Result<Vec<Result<EventRecord, UnreadableRow>>, LedgerError>> {
        Box::pin(async move {
            self.flush_events().await;
            self.read(ListEvents(filter)).await
        })
    }

    fn events_lost(&self) -> u64 {
        self.lost_events()
    }

    fn claim_turns(&self, claim: TurnClaim) -> BoxFuture<'_, Result<Turns, LedgerError>> {
        Box::pin(self.write(ClaimTurns(claim)))
    }

    fn return_turns<'a>(
        &'a self,
        host: &str,
        owner: &str,
        open: u32,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(self.write(ReturnTurns { host: host.to_owned(), owner: Arc::from(owner), open }))
    }

    fn hold_host<'a>(&'a self, host: &str, wait: Duration) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(self.write(HoldHost { host: host.to_owned(), wait }))
    }

    fn renew_turns<'a>(&'a self, owner: &str) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(self.write(RenewTurns(Arc::from(owner))))
    }

    fn end_turns<'a>(&'a self, owner: &str) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(self.write(EndTurns(Arc::from(owner))))
    }

    fn take_rules<'a>(&'a self, origin: &str, owner: &str) -> BoxFuture<'a, Result<RulesTurn, LedgerError>> {
        Box::pin(self.write(TakeRules { origin: origin.to_owned(), owner: Arc::from(owner) }))
    }

    fn keep_rules<'a>(
        &'a self,
        origin: &str,
        owner: &str,
        rules: Option<HostRules>,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(self.write(KeepRules { origin: origin.to_owned(), owner: Arc::from(owner), rules }))
    }

    fn open_breaker(&self, breaker: HostBreaker) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(self.write(OpenBreaker(breaker)))
    }

    fn close_breaker(&self, name: BreakerName) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(self.write(CloseBreaker(name)))
    }

    fn probe_breaker(&self, name: BreakerName) -> BoxFuture<'_, Result<bool, LedgerError>> {
        Box::pin(self.write(ProbeBreaker(name)))
    }

    fn breakers(&self) -> BoxFuture<'_, Result<Vec<HostBreaker>, LedgerError>> {
        Box::pin(self.read(ListBreakers))
    }

    fn take_of_day<'a>(&'a self, name: &str, most: u64) -> BoxFuture<'a, Result<bool, LedgerError>> {
        Box::pin(self.write(TakeOfDay { name: name.to_owned(), most }))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.shut_down())
    }
}
