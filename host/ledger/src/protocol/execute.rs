//! Words about one job, heard in their order and in one transaction.

use std::sync::Arc;

use crate::command::{CommandReply, JobCommand};
use crate::error::LedgerError;
use crate::job::Claim;
use crate::sql::Sql;
use crate::state::{Illegal, State, Step};

use super::rows::{Head, Notes, stale};
use super::{Command, TxContext};

/// Answers each word. One that is refused has written nothing, and the next is heard all the same.
#[derive(Debug)]
pub(crate) struct Tell {
    pub(crate) claim: Claim,
    pub(crate) words: Arc<[JobCommand]>,
}

/// A job that is being told of: its row as it stands, locked, and the time.
pub(super) struct JobTx<'t, 'b, S> {
    pub(super) sql: &'t mut S,
    pub(super) book: &'t mut TxContext<'b>,
    pub(super) claim: &'t Claim,
    pub(super) head: Head,
    pub(super) now: i64,
}

impl Command for Tell {
    type Reply = Vec<Result<CommandReply, LedgerError>>;

    async fn apply<S: Sql>(&self, sql: &mut S, book: &mut TxContext<'_>) -> Result<Self::Reply, LedgerError> {
        let claim = &self.claim;
        let (head, now) = match Head::of(sql, claim).await {
            Ok(found) => found,
            Err(error) if error.is_refusal() => {
                return Ok(self.words.iter().map(|_| Err(error.clone())).collect());
            }
            Err(error) => return Err(error),
        };
        let mut desk = JobTx { sql, book, claim, head, now };
        let mut answers = Vec::with_capacity(self.words.len());
        for word in &*self.words {
            match desk.hear(word).await {
                Err(error) if !error.is_refusal() => return Err(error),
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }
}

impl<S: Sql> JobTx<'_, '_, S> {
    async fn hear(&mut self, word: &JobCommand) -> Result<CommandReply, LedgerError> {
        let mut begun = None;
        let mut next_at = None;
        match word {
            JobCommand::Step(step) => self.advance(*step).await?,
            JobCommand::Begin(op) => begun = Some(self.begin(op).await?),
            JobCommand::Complete(op, outcome) => self.complete(op, outcome).await?,
            JobCommand::Candidates(candidates) => self.note(candidates).await?,
            JobCommand::Finish(ending) => next_at = self.finish(ending).await?,
            JobCommand::Release => self.release().await?,
        }
        Ok(CommandReply { state: self.head.state, begun, next_at })
    }

    /// Refuses unless the claim holds: it is the owner's, by its last fence, and has not run out.
    pub(super) fn held(&self) -> Result<(), LedgerError> {
        if self.head.is_held_by(self.claim, self.now) { Ok(()) } else { Err(stale(self.claim)) }
    }

    async fn advance(&mut self, step: Step) -> Result<(), LedgerError> {
        // The other steps come with something to write down: an owner, an op's result, a reason.
        if !matches!(step, Step::HeadDone | Step::ResumeOk | Step::Stream) {
            let illegal = Illegal { from: self.head.state, step };
            return Err(LedgerError::Illegal { job: self.claim.job.to_string(), illegal });
        }
        self.held()?;
        let from = self.head.state;
        self.head.step(step, self.claim)?;
        self.moved(from, Notes::default()).await
    }

    /// Writes the head back if it was changed from where it stood.
    pub(super) async fn moved(&mut self, from: State, notes: Notes<'_>) -> Result<(), LedgerError> {
        if self.head.state != from || notes.artifact.is_some() {
            self.head.save(self.sql, self.head.fence, self.now, notes).await?;
            self.book.tell_move(self.now, self.claim, from, self.head.state);
        }
        Ok(())
    }
}
