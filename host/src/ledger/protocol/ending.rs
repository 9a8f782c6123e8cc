//! Giving a job back: for good, for another time, or unchanged.

use serde_json::json;

use crate::ledger::error::LedgerError;
use crate::ledger::history::EventKind;
use crate::ledger::job::{Claim, Ending};
use crate::ledger::sql::Sql;
use crate::ledger::state::{State, Step, next};

use super::rows::{Head, Notes, abandon_ops, forget_effects, stale};
use super::{Book, Request, millis, told};

/// Ends the attempt. Answers with the state, and with the next time if there is one.
#[derive(Debug)]
pub(in crate::ledger) struct Finish {
    pub(in crate::ledger) claim: Claim,
    pub(in crate::ledger) ending: Ending,
}

/// Hands the job back as it is, to be taken at once. The attempt does not count.
#[derive(Debug)]
pub(in crate::ledger) struct Release {
    pub(in crate::ledger) claim: Claim,
}

impl Request for Finish {
    type Reply = (State, Option<i64>);

    async fn apply<S: Sql>(&self, sql: &mut S, book: &mut Book<'_>) -> Result<Self::Reply, LedgerError> {
        let (mut head, now) = Head::of(sql, &self.claim).await?;
        if head.was_ended_by(&self.claim) {
            return Ok((head.state, head.ready_at));
        }
        if !head.is_held_by(&self.claim, now) {
            return Err(stale(&self.claim));
        }
        let from = head.state;
        let step = match &self.ending {
            Ending::Failed { .. } => Step::Fail,
            Ending::Exhausted { .. } => Step::Exhaust,
            Ending::Duplicate { .. } => Step::SkipDuplicate,
            // Before the file was in its place there is nothing finished to lose: the attempt failed.
            Ending::Lost { .. } if next(from, Step::Lose).is_err() => Step::Fail,
            Ending::Lost { .. } => Step::Lose,
        };
        head.step(step, &self.claim)?;

        let schedule = &book.rules.schedule;
        let again = match &self.ending {
            Ending::Failed { passing: true, .. } => {
                schedule.delay(&self.claim.job, head.attempts).map(millis)
            }
            Ending::Lost { .. } => schedule.delay(&self.claim.job, head.attempts).map(|_| 0),
            _ => None,
        };
        head.let_go(again.map(|delay| now.saturating_add(delay)));
        let (reason, result) = match &self.ending {
            Ending::Failed { reason, .. } | Ending::Lost { reason } => (Some(reason.clone()), None),
            Ending::Exhausted { result } => (None, Some(result.to_string())),
            Ending::Duplicate { of, result } => {
                (None, Some(json!({"duplicate_of": of.as_str(), "result": result}).to_string()))
            }
        };
        abandon_ops(sql, head.id, now).await?;
        head.save(
            sql,
            head.fence,
            now,
            Notes { reason: reason.as_deref(), artifact: None, result: result.as_deref() },
        )
        .await?;
        if matches!(self.ending, Ending::Lost { .. }) {
            forget_effects(sql, head.id).await?;
        }
        book.tell_move(now, &self.claim, from, head.state);
        let mut released = told(now, EventKind::LeaseReleased, &self.claim);
        if let Some(reason) = reason {
            released = released.with("reason", reason);
        }
        book.tell(released.with("next_at", head.ready_at));
        Ok((head.state, head.ready_at))
    }
}

impl Request for Release {
    type Reply = ();

    async fn apply<S: Sql>(&self, sql: &mut S, book: &mut Book<'_>) -> Result<(), LedgerError> {
        let (mut head, now) = Head::of(sql, &self.claim).await?;
        if head.was_ended_by(&self.claim) {
            return Ok(());
        }
        if !head.is_held_by(&self.claim, now) {
            return Err(stale(&self.claim));
        }
        abandon_ops(sql, head.id, now).await?;
        head.attempts = head.attempts.saturating_sub(1);
        head.let_go(Some(now));
        head.save(sql, head.fence, now, Notes::default()).await?;
        book.tell(told(now, EventKind::LeaseReleased, &self.claim).with("state", head.state.label()));
        Ok(())
    }
}
