//! The one trait that every ledger keeps. Its comments are the contract; `conformance.rs` holds both engines to it.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::command::{CommandReply, JobCommand};
use super::error::LedgerError;
use super::history::{EventFilter, EventRecord};
use super::job::{
    Counts, Enqueued, JobDetails, JobDisposition, JobFilter, JobRecord, Lease, NewJob, Planned, Recovered,
    Retry, StoredFile,
};
use super::key::JobKey;

/// Jobs, leases and ops, kept so that they outlive any process.
///
/// - An `Ok` is durable: its transaction was committed, and synced to disk, before the answer.
/// - An error that [`LedgerError::is_refusal`] wrote nothing. After any other error the write may or may not have
///   happened; asking again is safe, and gives the answer that the first time would have given.
/// - Every word and every renewal is refused with [`LedgerError::Stale`] once the lease has run out or another
///   worker has the job, and then has written nothing.
/// - A future that is dropped may still do what it was asked.
pub trait Ledger: Send + Sync + std::fmt::Debug {
    /// Makes the jobs known, ready at once, in their order. One that is known already is left as it is.
    /// Answers in the order of the jobs.
    fn plan(&self, jobs: Vec<NewJob>) -> BoxFuture<'_, Result<Vec<Planned>, LedgerError>>;

    /// Takes the job that has been ready for the longest: planned, failed with its time come, or left by a worker
    /// whose lease ran out, in whatever state. `None`: nothing is ready now. A job that was taken as often as the
    /// schedule allows and never given back is ended as `FAILED` on the way.
    /// Costs the same however many jobs there are.
    fn lease_next<'a>(&'a self, owner: &str) -> BoxFuture<'a, Result<Option<Lease>, LedgerError>>;

    /// Takes this job if it can be had, by the rules of [`Ledger::lease_next`]. Errors: `UnknownJob`.
    fn lease<'a>(&'a self, job: &JobKey, owner: &str) -> BoxFuture<'a, Result<Enqueued, LedgerError>>;

    /// Plans a job and takes it if it can be had, in one transaction.
    fn enqueue<'a>(&'a self, job: NewJob, owner: &str) -> BoxFuture<'a, Result<Enqueued, LedgerError>>;

    /// Moves the lease's end to a whole lease from now, in any state. Answers with the new end, in milliseconds
    /// since the epoch. A lease that has run out is not revived.
    fn renew<'a>(&'a self, lease: &Lease) -> BoxFuture<'a, Result<i64, LedgerError>>;

    /// Tells of a job what happened to it, in this order and in one transaction. Answers each word; one that is
    /// refused wrote nothing, and those after it are heard all the same.
    fn tell<'a>(
        &'a self,
        lease: &Lease,
        words: Arc<[JobCommand]>,
    ) -> BoxFuture<'a, Result<Vec<Result<CommandReply, LedgerError>>, LedgerError>>;

    /// One word alone.
    fn say<'a>(
        &'a self,
        lease: &Lease,
        word: JobCommand,
    ) -> BoxFuture<'a, Result<CommandReply, LedgerError>> {
        let told = self.tell(lease, Arc::from([word]));
        Box::pin(async move {
            let answers = told.await?;
            let silent = || Err(LedgerError::Corrupt("it had no answer".to_owned()));
            answers.into_iter().next().unwrap_or_else(silent)
        })
    }

    /// Makes failed or exhausted jobs ready again, with all their attempts. Answers with how many.
    fn retry(&self, which: Retry) -> BoxFuture<'_, Result<u64, LedgerError>>;

    /// Opens a done job again whose file is gone from the disk. Answers whether there was one.
    fn lose<'a>(&'a self, job: &JobKey, reason: &str) -> BoxFuture<'a, Result<bool, LedgerError>>;

    /// Clears some leases that ran out, and ops that nobody will end. No lease waits for this. Leaves live leases
    /// alone. Empty once nothing is left to clear.
    fn recover(&self) -> BoxFuture<'_, Result<Recovered, LedgerError>>;

    /// When the next job will be ready, in milliseconds since the epoch: the past if one is, `None` if nothing is
    /// left to do.
    fn next_at(&self) -> BoxFuture<'_, Result<Option<i64>, LedgerError>>;

    fn counts(&self) -> BoxFuture<'_, Result<Counts, LedgerError>>;

    /// In the order of planning.
    fn list(&self, filter: JobFilter) -> BoxFuture<'_, Result<Vec<JobRecord>, LedgerError>>;

    /// The keys that begin with `prefix`, two at most: enough to know whether it means one job.
    fn find<'a>(&'a self, prefix: &str) -> BoxFuture<'a, Result<Vec<JobKey>, LedgerError>>;

    fn show<'a>(&'a self, job: &JobKey) -> BoxFuture<'a, Result<Option<JobDetails>, LedgerError>>;

    /// What lies on disk for these jobs: is it of use to anyone? Answers in their order.
    fn standings(&self, jobs: Vec<JobKey>) -> BoxFuture<'_, Result<Vec<JobDisposition>, LedgerError>>;

    /// The files that jobs with an id greater than `after` came to, in the order of planning.
    fn artifacts(&self, after: i64, limit: u32) -> BoxFuture<'_, Result<Vec<StoredFile>, LedgerError>>;

    /// The events that are kept, this process's own up to now among them.
    fn events(&self, filter: EventFilter) -> BoxFuture<'_, Result<Vec<EventRecord>, LedgerError>>;

    /// How many events could not be kept since the ledger was opened: losing one fails nothing.
    fn events_lost(&self) -> u64;

    /// Keeps what is still to be kept, and lets go of the database. Everything asked later is `Unavailable`.
    fn close(&self) -> BoxFuture<'_, ()>;
}
