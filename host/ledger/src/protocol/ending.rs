//! Giving a job back: for good, for another time, or unchanged.

use serde_json::json;

use crate::error::LedgerError;
use crate::history::EventKind;
use crate::job::Ending;
use crate::sql::Sql;
use crate::state::{Step, next};

use super::command::JobTx;
use super::rows::{Notes, abandon_ops, forget_effects};
use super::{millis, told};

impl<S: Sql> JobTx<'_, '_, S> {
    /// Ends the attempt. Answers with the time of the next one if there is one.
    pub(super) async fn finish(&mut self, ending: &Ending) -> Result<Option<i64>, LedgerError> {
        if self.head.was_ended_by(self.claim) {
            return Ok(self.head.ready_at);
        }
        self.held()?;
        let from = self.head.state;
        let step = match ending {
            Ending::Failed { .. } => Step::Fail,
            Ending::Exhausted { .. } => Step::Exhaust,
            Ending::Duplicate { .. } => Step::SkipDuplicate,
            // Before the file was in its place there is nothing finished to lose: the attempt failed.
            Ending::Lost { .. } if next(from, Step::Lose).is_err() => Step::Fail,
            Ending::Lost { .. } => Step::Lose,
        };
        self.head.step(step, self.claim)?;

        let schedule = &self.book.rules.schedule;
        let again = match ending {
            Ending::Failed { retryable: true, .. } => {
                schedule.delay(&self.claim.job, self.head.attempts).map(millis)
            }
            Ending::Lost { .. } => schedule.delay(&self.claim.job, self.head.attempts).map(|_| 0),
            _ => None,
        };
        let (id, now) = (self.head.id, self.now);
        self.head.let_go(again.map(|delay| now.saturating_add(delay)));
        let (reason, result) = match ending {
            Ending::Failed { reason, .. } | Ending::Lost { reason } => (Some(reason.as_str()), None),
            Ending::Exhausted { result } => (None, Some(result.to_string())),
            Ending::Duplicate { of, result } => {
                (None, Some(json!({"duplicate_of": of.as_str(), "result": result}).to_string()))
            }
        };
        abandon_ops(self.sql, id, now).await?;
        let notes = Notes { reason, artifact: None, result: result.as_deref() };
        self.moved(from, notes).await?;
        if matches!(ending, Ending::Lost { .. }) {
            forget_effects(self.sql, id).await?;
        }
        let mut released = told(now, EventKind::LeaseReleased, self.claim);
        if let Some(reason) = reason {
            released = released.with("reason", reason);
        }
        self.book.tell(released.with("next_at", self.head.ready_at));
        Ok(self.head.ready_at)
    }

    /// Hands the job back as it is, to be taken at once. The attempt does not count.
    pub(super) async fn release(&mut self) -> Result<(), LedgerError> {
        if self.head.was_ended_by(self.claim) {
            return Ok(());
        }
        self.held()?;
        let now = self.now;
        abandon_ops(self.sql, self.head.id, now).await?;
        self.head.attempts = self.head.attempts.saturating_sub(1);
        self.head.let_go(Some(now));
        self.head.save(self.sql, self.head.fence, now, Notes::default()).await?;
        let released = told(now, EventKind::LeaseReleased, self.claim);
        self.book.tell(released.with("state", self.head.state.label()));
        Ok(())
    }
}
