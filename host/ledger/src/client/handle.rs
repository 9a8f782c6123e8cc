//! One leased job, as its worker sees it: the lease, and every step that is reported on the way.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::clock::Due;
use crate::command::{CommandReply, JobCommand};
use crate::job::{CandidateRecord, Ending, Lease};
use crate::op::{Begun, Op, OpKind, OpOutcome};
use crate::state::Step;

use super::connection::{Answer, Connection, LedgerClientError};
use super::failures::LedgerOperation;
use super::lease_task::{LeaseTask, QueuedCommand};

/// A leased job, or one that no ledger knows. Dropping it without an ending leaves the job to be taken over once its
/// lease expires.
#[derive(Debug)]
pub struct LeaseHandle(Option<HeldLease>);

/// Whether to perform a side effect.
#[derive(Debug)]
pub enum Effect {
    /// Perform it, then report how it ended.
    Run(PendingOp),
    /// It succeeded before; this was its result.
    Replay(Value),
}

/// A side effect that was begun. `None`: its end is not to be reported.
#[derive(Debug)]
pub struct PendingOp(Option<Op>);

#[derive(Debug)]
struct HeldLease {
    lease: Lease,
    connection: Arc<Connection>,
    /// Nothing is to be done without the ledger.
    strict: bool,
    /// To the lease task, which ends when this is dropped.
    commands: mpsc::UnboundedSender<QueuedCommand>,
    /// The lease lasts at least until then.
    valid_until: watch::Receiver<Instant>,
    /// Why the work must stop, once it must.
    stop: watch::Receiver<Option<LedgerClientError>>,
}

impl LeaseHandle {
    /// For a run without a ledger, or whose ledger failed before it gave a lease: everything is to be done, and
    /// nothing is reported.
    pub fn empty() -> Self {
        Self(None)
    }

    /// `requested_at`: when the lease was asked for; it began then at the earliest.
    pub(super) fn new(connection: &Arc<Connection>, lease: Lease, requested_at: Instant) -> Self {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (stop_sender, stop) = watch::channel(None);
        let (valid_sender, valid_until) = watch::channel(requested_at + connection.settings.lease);
        let task = LeaseTask::new(Arc::clone(connection), lease.clone(), inbox, valid_sender, stop_sender);
        connection.spawn(task.run());
        let (connection, strict) = (Arc::clone(connection), !connection.degrades());
        Self(Some(HeldLease { lease, connection, strict, commands, valid_until, stop }))
    }

    /// `None`: there is no ledger, or it failed.
    pub fn lease(&self) -> Option<&Lease> {
        self.0.as_ref().map(|held| &held.lease)
    }

    /// Completes when the work must stop, and touch nothing of the job's again: its lease is lost, or the ledger
    /// failed and nothing is to be done without it. From then on every other method of this handle fails.
    pub async fn stopped(&self) -> LedgerClientError {
        if let Some(held) = &self.0
            && let Ok(reason) = held.stop.clone().wait_for(Option::is_some).await
            && let Some(reason) = reason.clone()
        {
            return reason;
        }
        std::future::pending().await
    }

    /// Reports a step of the job.
    pub fn mark(&self, step: Step) {
        self.send(JobCommand::Step(step));
    }

    /// Asks before a side effect. If the ledger does not reply, it is to be performed.
    ///
    /// For one that may be performed twice without harm, the lease itself has the answer while it lasts, and the
    /// ledger records it later: between the first request and the last byte nothing waits for a disk.
    pub async fn begin(&self, kind: OpKind, context: Value) -> Result<Effect, LedgerClientError> {
        let Some(held) = &self.0 else { return Ok(Effect::Run(PendingOp(None))) };
        let op = Op::new(held.lease.job(), kind, context);
        if kind.is_repeatable() && !held.strict && Instant::now() < *held.valid_until.borrow() {
            self.send(JobCommand::Begin(op.clone()));
            let done = held.lease.done.iter().find(|done| done.op.key == op.key);
            return Ok(match done {
                Some(done) => Effect::Replay(done.result.clone()),
                None => Effect::Run(PendingOp(Some(op))),
            });
        }
        Ok(match held.call(JobCommand::Begin(op.clone())).await? {
            Answer::Given(CommandReply { begun: Some(Begun::Replay(result)), .. }) => Effect::Replay(result),
            // `Running`: begun by a command whose reply was lost. The lease is ours alone.
            Answer::Given(_) | Answer::Unavailable => Effect::Run(PendingOp(Some(op))),
            Answer::Refused => Effect::Run(PendingOp(None)),
        })
    }

    /// Reports how the side effect ended.
    pub fn complete(&self, pending: PendingOp, outcome: OpOutcome) {
        if let Some(op) = pending.0 {
            self.send(JobCommand::Complete(op, outcome));
        }
    }

    /// Asks whether the job is still ours, before something that cannot be taken back. An error says that it is not: a
    /// process that was stopped, or a machine that was asleep, may learn of that before this handle does by itself. A
    /// ledger that does not answer says nothing against it.
    pub async fn check(&self) -> Result<(), LedgerClientError> {
        match &self.0 {
            Some(held) => held.call(JobCommand::Check).await.map(drop),
            None => Ok(()),
        }
    }

    /// Takes one of the `most` that a day has by this name; whether one was left. An error says why it cannot be known.
    /// `None`: there is no ledger to count in.
    pub async fn take_of_day(&self, name: &str, most: u64) -> Option<Result<bool, String>> {
        let held = self.0.as_ref()?;
        let taking = held
            .connection
            .request(LedgerOperation::Spend, &["spend"], |ledger| ledger.take_of_day(name, most));
        Some(match taking.await {
            Ok(Answer::Given(taken)) => Ok(taken),
            Ok(Answer::Refused | Answer::Unavailable) => Err("the ledger does not answer".to_owned()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Adds candidates, or records their verdicts. They matter to people, not to what is done next.
    pub fn candidates(&self, candidates: Vec<CandidateRecord>) {
        self.send(JobCommand::Candidates(candidates));
    }

    /// Ends the attempt. Replies with the time of the next if there will be one.
    pub async fn finish(self, ending: Ending) -> Result<Option<Due>, LedgerClientError> {
        Ok(self.call_last(JobCommand::Finish(ending)).await?.and_then(|reply| reply.next_at))
    }

    /// Returns the job. After a successful index op, which ends the lease itself, it only makes sure that the ledger
    /// has recorded everything.
    pub async fn release(self) -> Result<(), LedgerClientError> {
        self.call_last(JobCommand::Release).await.map(drop)
    }

    /// Returns the job for a time, a day at most, with what was found out so far. Replies with the time if the ledger has
    /// recorded it.
    pub async fn park(self, wait: Duration, so_far: Value) -> Result<Option<Due>, LedgerClientError> {
        Ok(self.call_last(JobCommand::Park { wait, so_far }).await?.and_then(|reply| reply.next_at))
    }

    /// Sends a command whose reply nobody waits for; it shares its commit with what follows.
    fn send(&self, command: JobCommand) {
        if let Some(held) = &self.0 {
            // A task that has ended has reported why, through `stopped`.
            let _ = held.commands.send(QueuedCommand { command, reply: None });
        }
    }

    async fn call_last(self, command: JobCommand) -> Result<Option<CommandReply>, LedgerClientError> {
        let Some(held) = &self.0 else { return Ok(None) };
        match held.call(command).await? {
            Answer::Given(reply) => Ok(Some(reply)),
            Answer::Refused | Answer::Unavailable => Ok(None),
        }
    }
}

impl HeldLease {
    /// Sends a command, after all that were sent before, and waits for its reply.
    async fn call(&self, command: JobCommand) -> Result<Answer<CommandReply>, LedgerClientError> {
        let (reply, answer) = oneshot::channel();
        // A command that cannot be sent drops the reply's channel, as a task does that ends.
        let _ = self.commands.send(QueuedCommand { command, reply: Some(reply) });
        match (answer.await, self.stop.borrow().clone()) {
            (Ok(answer), _) => answer,
            (Err(_), Some(reason)) => Err(reason),
            (Err(_), None) => Ok(Answer::Unavailable),
        }
    }
}
