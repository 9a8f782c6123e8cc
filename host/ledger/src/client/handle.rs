//! One job in hand: its lease, and everything that is said of it on the way.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::command::{CommandReply, JobCommand};
use crate::job::{CandidateRecord, Ending, Lease};
use crate::op::{Begun, Op, OpKind, Outcome};
use crate::state::Step;

use super::lease_task::{LeaseTask, Said};
use super::{Answer, Inner, LedgerClientError};

/// A job in hand. Dropping it without an ending leaves the job to be taken over once its lease runs out.
#[derive(Debug)]
pub struct LeaseHandle(Option<HeldLease>);

/// Whether to have a side effect.
#[derive(Debug)]
pub enum Effect {
    /// Have it, then say how it ended.
    Run(Pending),
    /// It was had before; this is what it came to.
    Replay(Value),
}

/// A side effect that is being had. `None`: nobody is to be told how it ends.
#[derive(Debug)]
pub struct Pending(Option<Op>);

#[derive(Debug)]
struct HeldLease {
    lease: Lease,
    /// Nothing is to be done without the ledger.
    strict: bool,
    /// To the teller, which ends when this is dropped.
    words: mpsc::UnboundedSender<Said>,
    /// Until when the lease lasts at least.
    lasts: watch::Receiver<Instant>,
    /// Why the work must stop, once it must.
    stop: watch::Receiver<Option<LedgerClientError>>,
}

impl LeaseHandle {
    /// No ledger is kept, or it failed before it gave a lease: everything is to be done, and nobody is told.
    pub fn empty() -> Self {
        Self(None)
    }

    /// `asked`: when the lease was asked for, from which it counts at the latest.
    pub(super) fn held(inner: &Arc<Inner>, lease: Lease, asked: Instant) -> Self {
        let (words, inbox) = mpsc::unbounded_channel();
        let (stopper, stop) = watch::channel(None);
        let (lengthener, lasts) = watch::channel(asked + inner.settings.lease);
        inner.start(LeaseTask::new(Arc::clone(inner), lease.clone(), inbox, lengthener, stopper));
        Self(Some(HeldLease { lease, strict: !inner.degrades(), words, lasts, stop }))
    }

    /// `None`: the gate is off, or the ledger failed.
    pub fn lease(&self) -> Option<&Lease> {
        self.0.as_ref().map(|held| &held.lease)
    }

    /// Completes when the work must stop, and touch nothing of the job's again: its lease is lost, or the ledger
    /// failed and nothing is to be done without it. Whatever else is asked of this grip fails by then.
    pub async fn stopped(&self) -> LedgerClientError {
        if let Some(held) = &self.0
            && let Ok(reason) = held.stop.clone().wait_for(Option::is_some).await
            && let Some(reason) = reason.clone()
        {
            return reason;
        }
        std::future::pending().await
    }

    /// Says how far the job has come.
    pub fn mark(&self, step: Step) {
        self.say(JobCommand::Step(step));
    }

    /// Asks before a side effect. If the ledger does not answer, it is to be had.
    ///
    /// One that may be had twice without harm is known from the lease, while that lasts, and the ledger hears of it
    /// later: between the first request and the last byte nothing waits for a disk.
    pub async fn begin(&self, kind: OpKind, context: Value) -> Result<Effect, LedgerClientError> {
        let Some(held) = &self.0 else { return Ok(Effect::Run(Pending(None))) };
        let op = Op::new(held.lease.job(), kind, context);
        if kind.is_repeatable() && !held.strict && Instant::now() < *held.lasts.borrow() {
            self.say(JobCommand::Begin(op.clone()));
            let done = held.lease.done.iter().find(|done| done.op.key == op.key);
            return Ok(match done {
                Some(done) => Effect::Replay(done.result.clone()),
                None => Effect::Run(Pending(Some(op))),
            });
        }
        Ok(match held.ask(JobCommand::Begin(op.clone())).await? {
            Answer::Given(CommandReply { begun: Some(Begun::Replay(result)), .. }) => Effect::Replay(result),
            // Running: begun by a question whose answer never arrived. The lease is ours, and nobody else's.
            Answer::Given(_) | Answer::Away => Effect::Run(Pending(Some(op))),
            Answer::Refused => Effect::Run(Pending(None)),
        })
    }

    /// Says how the side effect ended.
    pub fn complete(&self, pending: Pending, outcome: Outcome) {
        if let Some(op) = pending.0 {
            self.say(JobCommand::Complete(op, outcome));
        }
    }

    /// Adds candidates, or notes their verdicts. They matter to people, not to what is done next.
    pub fn candidates(&self, candidates: Vec<CandidateRecord>) {
        self.say(JobCommand::Candidates(candidates));
    }

    /// Ends the attempt. Answers with the time of the next (milliseconds since the epoch) if there will be one.
    pub async fn finish(self, ending: Ending) -> Result<Option<i64>, LedgerClientError> {
        match self.last(JobCommand::Finish(ending)).await? {
            Some(heard) => Ok(heard.next_at),
            None => Ok(None),
        }
    }

    /// Hands the job back. After a successful index op, which ends the lease itself, it only makes sure that the
    /// ledger was told everything.
    pub async fn release(self) -> Result<(), LedgerClientError> {
        self.last(JobCommand::Release).await.map(drop)
    }

    /// Tells the ledger before long, together with what else there is to say.
    fn say(&self, word: JobCommand) {
        if let Some(held) = &self.0 {
            // A teller that has ended has said why, to whoever waits for `stopped`.
            let _ = held.words.send(Said { word, answer: None });
        }
    }

    async fn last(self, word: JobCommand) -> Result<Option<CommandReply>, LedgerClientError> {
        let Some(held) = &self.0 else { return Ok(None) };
        match held.ask(word).await? {
            Answer::Given(heard) => Ok(Some(heard)),
            Answer::Refused | Answer::Away => Ok(None),
        }
    }
}

impl HeldLease {
    /// Tells the ledger now, after all that was said before, and waits for its answer.
    async fn ask(&self, word: JobCommand) -> Result<Answer<CommandReply>, LedgerClientError> {
        let (to, answer) = oneshot::channel();
        // Unsent, it drops the way back, as a teller does that ends.
        let _ = self.words.send(Said { word, answer: Some(to) });
        match (answer.await, self.stop.borrow().clone()) {
            (Ok(answer), _) => answer,
            (Err(_), Some(reason)) => Err(reason),
            (Err(_), None) => Ok(Answer::Away),
        }
    }
}
