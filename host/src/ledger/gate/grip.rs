//! One job in hand: its lease, kept alive, and everything that is said of it on the way.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::ledger::contract::Ledger;
use crate::ledger::error::LedgerError;
use crate::ledger::job::{CandidateRecord, Ending, Lease};
use crate::ledger::op::{Begun, Op, OpKind, Outcome, Ticket};
use crate::ledger::state::{State, Step};

use super::{Answer, Duty, GateError, Inner, PAUSE};

/// A job in hand. Dropping it without an ending leaves the job to be taken over once its lease runs out.
#[derive(Debug)]
pub struct Grip {
    inner: Option<Arc<Inner>>,
    held: Option<Held>,
}

/// Whether to have a side effect.
#[derive(Debug)]
pub enum Effect {
    /// Have it, then say how it ended.
    Run(Pending),
    /// It was had before; this is what it came to.
    Replay(Value),
}

/// A side effect that is being had.
#[derive(Debug)]
pub struct Pending {
    kind: OpKind,
    /// As it was asked for, and the ledger's ticket if the ledger answered.
    asked: Option<(Op, Option<Ticket>)>,
}

#[derive(Debug)]
struct Held {
    lease: Lease,
    /// What the ledger could not be told while it was away, in its order.
    unsaid: Mutex<Vec<Unsaid>>,
    /// Why the work must stop, once it must.
    stop: watch::Sender<Option<GateError>>,
    heartbeat: AbortHandle,
}

#[derive(Clone, Debug)]
enum Unsaid {
    Step(Step),
    Op { op: Op, ticket: Option<Ticket>, outcome: Outcome },
    Finish(Ending),
    Release,
}

impl Grip {
    /// No ledger is kept: everything is to be done, and nobody is told.
    pub fn empty() -> Self {
        Self { inner: None, held: None }
    }

    /// The ledger failed before it gave a lease: it is told nothing more of this job.
    pub(super) fn adrift(inner: &Arc<Inner>) -> Self {
        Self { inner: Some(Arc::clone(inner)), held: None }
    }

    pub(super) fn held(inner: &Arc<Inner>, lease: Lease) -> Self {
        let stop = watch::Sender::new(None);
        let due = Instant::now() + inner.settings.lease / 3;
        let heartbeat =
            tokio::spawn(beat(Arc::clone(inner), lease.clone(), due, stop.clone())).abort_handle();
        let held = Held { lease, unsaid: Mutex::new(Vec::new()), stop, heartbeat };
        Self { inner: Some(Arc::clone(inner)), held: Some(held) }
    }

    /// `None`: the gate is off, or the ledger failed.
    pub fn lease(&self) -> Option<&Lease> {
        self.held.as_ref().map(|held| &held.lease)
    }

    /// Completes when the work must stop, and touch nothing of the job's again: its lease is lost, or the ledger
    /// failed and nothing is to be done without it. Whatever else is asked of this grip fails by then.
    pub async fn stopped(&self) -> GateError {
        if let Some(held) = &self.held
            && let Ok(reason) = held.stop.subscribe().wait_for(Option::is_some).await
            && let Some(reason) = reason.clone()
        {
            return reason;
        }
        std::future::pending().await
    }

    /// Says how far the job has come.
    pub async fn mark(&self, step: Step) -> Result<(), GateError> {
        let Some((inner, held)) = self.parts() else { return Ok(()) };
        let point = format!("advance {step}");
        let said = held.say(inner, Duty::Mark, &point, |ledger| ledger.advance(&held.lease, step)).await?;
        if matches!(said, Answer::Away) {
            held.unsaid().push(Unsaid::Step(step));
        }
        Ok(())
    }

    /// Asks before a side effect. If the ledger does not answer, it is to be had.
    pub async fn begin(&self, kind: OpKind, context: Value) -> Result<Effect, GateError> {
        let Some((inner, held)) = self.parts() else { return Ok(Effect::Run(Pending { kind, asked: None })) };
        let op = Op::new(held.lease.job(), kind, context);
        let point = format!("begin {kind}");
        let begun =
            held.say(inner, Duty::Mark, &point, |ledger| ledger.begin(&held.lease, op.clone())).await?;
        Ok(match begun {
            Answer::Given(Begun::Replay(result)) => Effect::Replay(result),
            // Running: begun by a question whose answer never arrived. The lease is ours, and nobody else's.
            Answer::Given(Begun::Run(ticket) | Begun::Running { ticket, .. }) => {
                Effect::Run(Pending { kind, asked: Some((op, Some(ticket))) })
            }
            Answer::Away => Effect::Run(Pending { kind, asked: Some((op, None)) }),
            Answer::Refused => Effect::Run(Pending { kind, asked: None }),
        })
    }

    /// Says how the side effect ended.
    pub async fn complete(&self, pending: Pending, outcome: Outcome) -> Result<(), GateError> {
        let (Some((inner, held)), Some((op, ticket))) = (self.parts(), pending.asked) else { return Ok(()) };
        let point = format!("complete {}", pending.kind);
        let unsaid = Unsaid::Op { op, ticket, outcome };
        let said =
            held.say(inner, Duty::Mark, &point, |ledger| tell(ledger, &held.lease, unsaid.clone())).await?;
        match said {
            Answer::Away => held.unsaid().push(unsaid),
            // The lease has ended with the job: there is nothing left to renew.
            Answer::Given(state) if state.is_ending() => held.heartbeat.abort(),
            Answer::Given(_) | Answer::Refused => {}
        }
        Ok(())
    }

    /// Adds candidates, or notes their verdicts. They matter to people, not to what is done next.
    pub async fn candidates(&self, candidates: Vec<CandidateRecord>) -> Result<(), GateError> {
        let Some((inner, held)) = self.parts() else { return Ok(()) };
        held.say(inner, Duty::Mark, "candidates", |ledger| ledger.candidates(&held.lease, candidates))
            .await?;
        Ok(())
    }

    /// Ends the attempt. Answers with the time of the next (milliseconds since the epoch) if there will be one.
    pub async fn finish(self, ending: Ending) -> Result<Option<i64>, GateError> {
        let (Some(inner), Some(held)) = (self.inner, self.held) else { return Ok(None) };
        let question = |ledger| Ledger::finish(ledger, &held.lease, ending.clone());
        match held.say(&inner, Duty::Finish, "finish", question).await? {
            Answer::Given((_, next)) => return Ok(next),
            Answer::Refused => {}
            Answer::Away => held.say_later(&inner, Unsaid::Finish(ending)),
        }
        Ok(None)
    }

    /// Hands the job back. After a successful index op, which ends the lease itself, it only makes sure that the
    /// ledger was told everything.
    pub async fn release(self) -> Result<(), GateError> {
        let (Some(inner), Some(held)) = (self.inner, self.held) else { return Ok(()) };
        let question = |ledger| Ledger::release(ledger, &held.lease);
        if let Answer::Away = held.say(&inner, Duty::Finish, "release", question).await? {
            held.say_later(&inner, Unsaid::Release);
        }
        Ok(())
    }

    fn parts(&self) -> Option<(&Inner, &Held)> {
        Some((self.inner.as_deref()?, self.held.as_ref()?))
    }
}

impl Pending {
    pub fn kind(&self) -> OpKind {
        self.kind
    }
}

impl Held {
    /// Asks the ledger, after telling it what it missed.
    async fn say<'l, T, F>(
        &self,
        inner: &'l Inner,
        duty: Duty,
        point: &str,
        question: impl FnOnce(&'l dyn Ledger) -> F,
    ) -> Result<Answer<T>, GateError>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        match self.catch_up(inner).await? {
            Answer::Away => Ok(Answer::Away),
            Answer::Given(()) | Answer::Refused => self.ours(inner.ask(duty, point, question).await),
        }
    }

    /// Tells the ledger what it missed, in its order.
    async fn catch_up(&self, inner: &Inner) -> Result<Answer<()>, GateError> {
        loop {
            let Some(first) = self.unsaid().first().cloned() else { return Ok(Answer::Given(())) };
            let told = inner.ask(Duty::Mark, "catch up", |ledger| tell(ledger, &self.lease, first)).await;
            match self.ours(told)? {
                Answer::Given(_) | Answer::Refused => drop(self.unsaid().remove(0)),
                Answer::Away => return Ok(Answer::Away),
            }
        }
    }

    /// The job is no longer in hand, and its end is still to be told: as long as the lease can be kept that way.
    fn say_later(self, inner: &Arc<Inner>, end: Unsaid) {
        self.unsaid().push(end);
        let gate = Arc::clone(inner);
        inner.late().spawn(async move {
            let until = Instant::now() + gate.settings.lease;
            while Instant::now() < until {
                tokio::time::sleep(PAUSE).await;
                if !matches!(self.catch_up(&gate).await, Ok(Answer::Away)) {
                    return;
                }
            }
        });
    }

    /// An error ends the work: everyone who waits for that is told.
    fn ours<T>(&self, answer: Result<T, GateError>) -> Result<T, GateError> {
        answer.map_err(|error| {
            let error = of_lease(&self.lease, error);
            self.stop.send_replace(Some(error.clone()));
            error
        })
    }

    fn unsaid(&self) -> std::sync::MutexGuard<'_, Vec<Unsaid>> {
        self.unsaid.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

/// Tells the ledger what happened, whether or not it was asked before. Answers with the job's state.
async fn tell(ledger: &dyn Ledger, lease: &Lease, unsaid: Unsaid) -> Result<State, LedgerError> {
    match unsaid {
        Unsaid::Step(step) => ledger.advance(lease, step).await,
        Unsaid::Op { ticket: Some(ticket), outcome, .. } => ledger.complete(lease, ticket, outcome).await,
        Unsaid::Op { op, ticket: None, outcome } => match ledger.begin(lease, op).await? {
            Begun::Run(ticket) | Begun::Running { ticket, .. } => {
                ledger.complete(lease, ticket, outcome).await
            }
            Begun::Replay(_) => Ok(lease.state),
        },
        Unsaid::Finish(ending) => ledger.finish(lease, ending).await.map(|(state, _)| state),
        Unsaid::Release => ledger.release(lease).await.map(|()| lease.state),
    }
}

/// A lease that is over is no failure of the ledger.
fn of_lease(lease: &Lease, error: GateError) -> GateError {
    match error {
        GateError::Failed(LedgerError::Stale { .. }) => GateError::Lost(lease.job().clone()),
        other => other,
    }
}

/// Renews the lease until it is lost, or the grip is dropped. `due` is its first time.
async fn beat(inner: Arc<Inner>, lease: Lease, mut due: Instant, stop: watch::Sender<Option<GateError>>) {
    let third = inner.settings.lease / 3;
    loop {
        tokio::time::sleep_until(due).await;
        // A lease counts from when it was asked for at the latest, not from when the answer came.
        let asked = Instant::now();
        match inner.ask(Duty::Renew, "renew", |ledger| ledger.renew(&lease)).await {
            Ok(Answer::Given(_)) => due = asked + third,
            // Sooner than usual, so that a short failure does not cost the lease.
            Ok(Answer::Refused | Answer::Away) => due = asked + third / 4,
            Err(error) => {
                let error = of_lease(&lease, error);
                tracing::debug!(job_id = lease.job().as_str(), %error, "the lease is not renewed");
                stop.send_replace(Some(error));
                return;
            }
        }
    }
}
