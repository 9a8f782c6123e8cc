//! Commands on one job, executed in order and in one transaction.

use std::sync::Arc;

use crate::command::{CommandReply, JobCommand};
use crate::error::LedgerError;
use crate::job::Claim;
use crate::sql::Sql;
use crate::state::{Illegal, State, Step};

use super::request::{TxContext, TxRequest};
use super::rows::{JobRow, ResultColumns, stale};

/// Replies to each command. One that is refused has written nothing, and the next is executed all the same.
#[derive(Debug)]
pub(crate) struct ExecuteCommands {
    pub(crate) claim: Claim,
    pub(crate) commands: Arc<[JobCommand]>,
}

/// A transaction on one job: its row as it stands, locked, and the time.
pub(super) struct JobTx<'t, 'b, S> {
    pub(super) sql: &'t mut S,
    pub(super) tx: &'t mut TxContext<'b>,
    pub(super) claim: &'t Claim,
    pub(super) row: JobRow,
    pub(super) now: i64,
}

impl TxRequest for ExecuteCommands {
    type Reply = Vec<Result<CommandReply, LedgerError>>;

    async fn apply<S: Sql>(&self, sql: &mut S, tx: &mut TxContext<'_>) -> Result<Self::Reply, LedgerError> {
        let claim = &self.claim;
        let (row, now) = match JobRow::of(sql, claim).await {
            Ok(found) => found,
            Err(error) if error.is_refusal() => {
                return Ok(self.commands.iter().map(|_| Err(error.clone())).collect());
            }
            Err(error) => return Err(error),
        };
        let mut job = JobTx { sql, tx, claim, row, now };
        let mut replies = Vec::with_capacity(self.commands.len());
        for command in &*self.commands {
            match job.execute(command).await {
                Err(error) if !error.is_refusal() => return Err(error),
                reply => replies.push(reply),
            }
        }
        Ok(replies)
    }
}

impl<S: Sql> JobTx<'_, '_, S> {
    async fn execute(&mut self, command: &JobCommand) -> Result<CommandReply, LedgerError> {
        let mut begun = None;
        let mut next_at = None;
        match command {
            JobCommand::Step(step) => self.advance(*step).await?,
            JobCommand::Begin(op) => begun = Some(self.begin(op).await?),
            JobCommand::Complete(op, outcome) => self.complete(op, outcome).await?,
            JobCommand::Check => self.check_claim()?,
            JobCommand::Candidates(candidates) => self.record_candidates(candidates).await?,
            JobCommand::Finish(ending) => next_at = self.finish(ending).await?,
            JobCommand::Release => self.release().await?,
            JobCommand::Park { wait, so_far } => next_at = self.park(*wait, so_far).await?,
        }
        Ok(CommandReply { state: self.row.state, begun, next_at })
    }

    /// Refuses unless the claim holds: this owner has the job, by the last fence, and its lease has not expired.
    pub(super) fn check_claim(&self) -> Result<(), LedgerError> {
        if self.row.is_held_by(self.claim, self.now) { Ok(()) } else { Err(stale(self.claim)) }
    }

    async fn advance(&mut self, step: Step) -> Result<(), LedgerError> {
        // The other steps need something to be written with them: an owner, an op's result, a reason.
        if !matches!(step, Step::HeadDone | Step::ResumeOk | Step::Stream) {
            let illegal = Illegal { from: self.row.state, step };
            return Err(LedgerError::Illegal { job: self.claim.job.to_string(), illegal });
        }
        self.check_claim()?;
        let from = self.row.state;
        self.row.step(step, self.claim)?;
        self.save_transition(from, ResultColumns::default()).await
    }

    /// Writes the row back if its state is no longer `from`, and records the transition.
    pub(super) async fn save_transition(
        &mut self,
        from: State,
        columns: ResultColumns<'_>,
    ) -> Result<(), LedgerError> {
        if self.row.state != from || columns.artifact.is_some() {
            self.row.save(self.sql, self.row.fence, self.now, columns).await?;
            self.tx.record_transition(self.now, self.claim, from, self.row.state);
        }
        Ok(())
    }
}
