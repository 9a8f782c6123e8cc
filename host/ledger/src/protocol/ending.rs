//! Ending a lease: for good, until another attempt, or with the job unchanged.

use serde_json::json;

use crate::clock::Due;
use crate::error::LedgerError;
use crate::event::{Event, EventKind};
use crate::job::Ending;
use crate::schedule::Schedule;
use crate::sql::Sql;
use crate::state::{Step, next};

use super::execute::JobTx;
use super::park::forget_so_far;
use super::request::millis;
use super::rows::{ResultColumns, abandon_ops, forget_effects};

impl<S: Sql> JobTx<'_, '_, S> {
    /// Ends the attempt. Replies with the time of the next one if there is one.
    pub(super) async fn finish(&mut self, ending: &Ending) -> Result<Option<Due>, LedgerError> {
        if self.row.was_ended_by(self.claim) {
            return Ok(self.ready());
        }
        self.check_claim()?;
        let from = self.row.state;
        let step = match ending {
            Ending::Failed { .. } | Ending::Postponed { .. } => Step::Fail,
            Ending::Exhausted { .. } => Step::Exhaust,
            Ending::Duplicate { .. } => Step::SkipDuplicate,
            // Before the file has its final name there is nothing finished to lose: the attempt failed.
            Ending::Lost { .. } if next(from, Step::Lose).is_err() => Step::Fail,
            Ending::Lost { .. } => Step::Lose,
        };
        self.row.step(step, self.claim)?;

        let schedule = &self.tx.rules.schedule;
        let delay = match ending {
            Ending::Failed { retryable: true, .. } => {
                schedule.delay(&self.claim.job, self.row.attempts).map(millis)
            }
            Ending::Postponed { .. } => {
                let endless = Schedule { max_attempts: u32::MAX, ..*schedule };
                let delay = endless.delay(&self.claim.job, self.row.attempts).map(millis);
                self.row.attempts = self.row.attempts.saturating_sub(1);
                delay
            }
            Ending::Lost { .. } => schedule.delay(&self.claim.job, self.row.attempts).map(|_| 0),
            _ => None,
        };
        let (id, now) = (self.row.id, self.now);
        self.row.end_lease(delay.map(|delay| now.saturating_add(delay)));
        let (reason, result) = match ending {
            Ending::Failed { reason, .. } | Ending::Postponed { reason } | Ending::Lost { reason } => {
                (Some(reason.as_str()), None)
            }
            Ending::Exhausted { result } => (None, Some(result.to_string())),
            Ending::Duplicate { of, result } => {
                (None, Some(json!({"duplicate_of": of.as_str(), "result": result}).to_string()))
            }
        };
        abandon_ops(self.sql, id, now).await?;
        forget_so_far(self.sql, &self.row).await?;
        let columns = ResultColumns { reason, artifact: None, result: result.as_deref() };
        self.save_transition(from, columns).await?;
        if matches!(ending, Ending::Lost { .. }) {
            forget_effects(self.sql, id).await?;
        }
        let mut released = Event::of_claim(now, EventKind::LeaseReleased, self.claim);
        if let Some(reason) = reason {
            released = released.with("reason", reason);
        }
        self.tx.record(released.with("next_at", self.row.ready_at));
        Ok(self.ready())
    }

    fn ready(&self) -> Option<Due> {
        self.row.ready_at.map(|at| Due::new(at, self.now))
    }

    /// Returns the job as it is, to be leased again at once. The attempt does not count.
    pub(super) async fn release(&mut self) -> Result<(), LedgerError> {
        if self.row.was_ended_by(self.claim) {
            return Ok(());
        }
        self.check_claim()?;
        let now = self.now;
        abandon_ops(self.sql, self.row.id, now).await?;
        self.row.attempts = self.row.attempts.saturating_sub(1);
        self.row.end_lease(Some(now));
        self.row.save(self.sql, self.row.fence, now, ResultColumns::default()).await?;
        let released = Event::of_claim(now, EventKind::LeaseReleased, self.claim);
        self.tx.record(released.with("state", self.row.state.label()));
        Ok(())
    }
}
