//! The trait that every engine implements. Its comments are the contract; the tests in `conformance` hold both
//! engines to it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::clock::Due;
use crate::command::{CommandReply, JobCommand};
use crate::error::LedgerError;
use crate::event::{EventFilter, EventRecord};
use crate::hosts::{BreakerName, HostBreaker, HostRules, RulesTurn};
use crate::job::{
    Counts, Enqueued, Imported, JobDetails, JobDisposition, JobFilter, JobRecord, Lease, NewJob, Planned,
    Pruned, Recovered, Retry, StoredFile, UnreadableRow,
};
use crate::key::JobKey;
use crate::turns::{TurnClaim, Turns};

/// Jobs, leases and ops, recorded so that they outlive any process.
///
/// - An `Ok` is durable: its transaction was committed, and synced to disk, before the reply.
/// - An error for which [`LedgerError::is_refusal`] is true wrote nothing. After any other error the write may or
///   may not have happened; repeating it is safe, and gives the reply that the first time would have given.
/// - Every command and every renewal is refused with [`LedgerError::Stale`] once the lease has expired or another
///   worker has the job, and then has written nothing.
/// - A future that is dropped may still do what it was asked.
/// - Rows are what others may have written: each is parsed, bounded and checked against its key. One that fails is set
///   aside (nobody is given it, lists name it), and costs nothing but itself.
pub trait Ledger: Send + Sync + std::fmt::Debug {
    /// Adds the jobs, ready at once, in their order. One that is known already is left as it is.
    /// Replies in the order of the jobs.
    fn plan(&self, jobs: Vec<NewJob>) -> BoxFuture<'_, Result<Vec<Planned>, LedgerError>>;

    /// Leases the job that has been ready for the longest: planned, failed and due again, or left by a worker
    /// whose lease expired, in whatever state. `None`: nothing is ready now. A job that was leased as often as the
    /// schedule allows and never returned is ended as `FAILED` on the way.
    /// Costs the same however many jobs there are.
    fn lease_next<'a>(&'a self, owner: &str) -> BoxFuture<'a, Result<Option<Lease>, LedgerError>>;

    /// Plans a job and leases it if it is available, by the rules of [`Ledger::lease_next`], in one transaction.
    fn enqueue<'a>(&'a self, job: NewJob, owner: &str) -> BoxFuture<'a, Result<Enqueued, LedgerError>>;

    /// Moves the lease's end to a whole lease from now, in any state. Replies with the new end, in milliseconds
    /// since the epoch. A lease that has expired is not revived.
    fn renew<'a>(&'a self, lease: &Lease) -> BoxFuture<'a, Result<i64, LedgerError>>;

    /// Executes commands on one job, in this order and in one transaction. Replies to each; one that is refused
    /// wrote nothing, and those after it are executed all the same.
    fn execute<'a>(
        &'a self,
        lease: &Lease,
        commands: Arc<[JobCommand]>,
    ) -> BoxFuture<'a, Result<Vec<Result<CommandReply, LedgerError>>, LedgerError>>;

    /// Executes one command.
    fn execute_one<'a>(
        &'a self,
        lease: &Lease,
        command: JobCommand,
    ) -> BoxFuture<'a, Result<CommandReply, LedgerError>> {
        let executed = self.execute(lease, Arc::from([command]));
        Box::pin(async move {
            let missing = || Err(LedgerError::Corrupt("it had no answer".to_owned()));
            executed.await?.into_iter().next().unwrap_or_else(missing)
        })
    }

    /// Makes failed or exhausted jobs ready again, with all their attempts; one that is named, also if it was set
    /// aside. Replies with how many.
    fn retry(&self, which: Retry) -> BoxFuture<'_, Result<u64, LedgerError>>;

    /// Makes a done job ready again because its file is gone from the disk. Replies whether it was done.
    fn reopen<'a>(&'a self, job: &JobKey, reason: &str) -> BoxFuture<'a, Result<bool, LedgerError>>;

    /// Clears up to a page of expired leases, and ops that nobody will end. Leasing does not depend on it: it
    /// makes what the ledger shows true. Leaves live leases alone. The reply is empty once nothing is left.
    fn recover(&self) -> BoxFuture<'_, Result<Recovered, LedgerError>>;

    /// Takes over jobs of another ledger as they stood there, without their workers: in one transaction, and only where no
    /// other job is in the place of one of them. Their events stay behind.
    fn import(&self, jobs: Vec<JobDetails>) -> BoxFuture<'_, Result<Imported, LedgerError>>;

    /// Forgets jobs that ended longer ago than `keep`, by the ledger's clock, and for which nothing more is to be done, with
    /// all that is held on them. Where that clock is the machine's own, the recorded events have to bear it out: one came
    /// `keep` after the job's end, and a day ago (or `keep`, if that is less). Looks at a page of jobs, from after an id on;
    /// costs the same however many there are.
    fn prune(&self, keep: Duration, after: i64) -> BoxFuture<'_, Result<Pruned, LedgerError>>;

    /// When the next job will be ready: in the past if one is, `None` if nothing is left to do.
    fn next_at(&self) -> BoxFuture<'_, Result<Option<Due>, LedgerError>>;

    /// The time by the ledger's clock, in milliseconds since the epoch: what its rows say is compared with no other.
    fn now(&self) -> BoxFuture<'_, Result<i64, LedgerError>>;

    /// How many jobs there are, by state.
    fn counts(&self) -> BoxFuture<'_, Result<Counts, LedgerError>>;

    /// Jobs in the order of planning.
    fn list(
        &self,
        filter: JobFilter,
    ) -> BoxFuture<'_, Result<Vec<Result<JobRecord, UnreadableRow>>, LedgerError>>;

    /// The keys that begin with `prefix`, two at most: enough to know whether it means one job.
    fn find<'a>(&'a self, prefix: &str) -> BoxFuture<'a, Result<Vec<JobKey>, LedgerError>>;

    /// Everything on one job except its events. `None`: the ledger does not know it. `Corrupt`: its row cannot be
    /// read.
    fn show<'a>(&'a self, job: &JobKey) -> BoxFuture<'a, Result<Option<JobDetails>, LedgerError>>;

    /// Whether the partial files of these jobs are still of use. Replies in the order of the jobs.
    fn dispositions(&self, jobs: Vec<JobKey>) -> BoxFuture<'_, Result<Vec<JobDisposition>, LedgerError>>;

    /// The files of jobs with an id greater than `after`, in the order of planning.
    fn artifacts(
        &self,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Result<StoredFile, UnreadableRow>>, LedgerError>>;

    /// The recorded events, including this process's own so far.
    fn events(
        &self,
        filter: EventFilter,
    ) -> BoxFuture<'_, Result<Vec<Result<EventRecord, UnreadableRow>>, LedgerError>>;

    /// How many events could not be recorded since the ledger was opened: losing one fails nothing.
    fn events_lost(&self) -> u64;

    /// Asks for turns at a host, so that all who share the ledger keep its pace together. Who cannot have one now
    /// waits in line, and is served before those that come later.
    fn claim_turns(&self, claim: TurnClaim) -> BoxFuture<'_, Result<Turns, LedgerError>>;

    /// The owner has no more than `open` requests open at the host, and wants no others for now.
    fn return_turns<'a>(
        &'a self,
        host: &str,
        owner: &str,
        open: u32,
    ) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// Nobody gets a turn at the host for so long, a day at most.
    fn hold_host<'a>(&'a self, host: &str, wait: Duration) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// The owner is alive: what it has open stays open. One that is not heard of for twenty seconds has nothing open.
    fn renew_turns<'a>(&'a self, owner: &str) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// The owner ends, and has nothing open. The rules that it was to read are anybody's.
    fn end_turns<'a>(&'a self, owner: &str) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// What a process is to do that lacks the rules of an origin. One at a time reads them, for all.
    fn take_rules<'a>(&'a self, origin: &str, owner: &str) -> BoxFuture<'a, Result<RulesTurn, LedgerError>>;

    /// The owner has read the rules of an origin, if it was to; `None`: nothing that others could use, and the next one
    /// that asks reads them itself. Nothing is kept for longer than a day, nor of more than 64 KiB.
    fn keep_rules<'a>(
        &'a self,
        origin: &str,
        owner: &str,
        rules: Option<HostRules>,
    ) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// A host is left alone from now on.
    fn open_breaker(&self, breaker: HostBreaker) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// It is asked again.
    fn close_breaker(&self, name: BreakerName) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Whether the one that asks is to find out if a breaker whose time is over may close: one at a time.
    fn probe_breaker(&self, name: BreakerName) -> BoxFuture<'_, Result<bool, LedgerError>>;

    /// The breakers that are open, a thousand at most.
    fn breakers(&self) -> BoxFuture<'_, Result<Vec<HostBreaker>, LedgerError>>;

    /// Takes one of the `most` that a day has by this name, days of UTC by the database's clock. Replies whether one was
    /// left. Of those who share the ledger no two take the same; after an error one may be taken that nobody has.
    fn take_of_day<'a>(&'a self, name: &str, most: u64) -> BoxFuture<'a, Result<bool, LedgerError>>;

    /// Writes what is still to be written, and closes the database. Every later request is `Unavailable`.
    fn close(&self) -> BoxFuture<'_, ()>;
}
