//! What a worker says to the ledger of the job that it holds.

use super::job::{CandidateRecord, Ending};
use super::op::{Begun, Op, Outcome};
use super::state::{State, Step};

/// One thing that is said.
#[derive(Clone, Debug, PartialEq)]
pub enum JobCommand {
    /// Takes a step that is no op's and no ending. Refused: `Illegal`.
    Step(Step),
    /// Asks before a side effect. A success of the same op is replayed, and with it the state it had led to; an op
    /// that failed, was left by an earlier lease, or has run for longer than `abandoned` is to be done again.
    /// Refused: `Illegal`, if its success would be no legal step.
    Begin(Op),
    /// Says how a side effect ended, and takes the step that its success is. If the ledger had not heard of its
    /// beginning, it hears of it now. An index or dedupe op that succeeds makes the job done and ends the lease.
    /// An op that succeeded before stays as it was.
    Complete(Op, Outcome),
    /// Adds candidates to the job, and notes verdicts on those it has: a verdict that is `None` changes nothing.
    Candidates(Vec<CandidateRecord>),
    /// Ends the attempt, and the lease with it. Refused: `Illegal`.
    Finish(Ending),
    /// Hands the job back as it is, to be taken again at once; the attempt does not count. Nothing happens if the
    /// lease itself has ended the job before.
    Release,
}

/// What the ledger answers to a word.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandReply {
    /// Where the job stands now.
    pub state: State,
    /// To `Begin`: whether to have the effect.
    pub begun: Option<Begun>,
    /// To `Finish`: the time of the next attempt (milliseconds since the epoch), if there will be one.
    pub next_at: Option<i64>,
}

impl JobCommand {
    /// A name for logs and tests, as in `begin HEAD`.
    pub fn label(&self) -> String {
        match self {
            JobCommand::Step(step) => format!("advance {step}"),
            JobCommand::Begin(op) => format!("begin {}", op.kind),
            JobCommand::Complete(op, _) => format!("complete {}", op.kind),
            JobCommand::Candidates(_) => "candidates".to_owned(),
            JobCommand::Finish(_) => "finish".to_owned(),
            JobCommand::Release => "release".to_owned(),
        }
    }

    /// It gives the job back.
    pub fn is_last(&self) -> bool {
        matches!(self, JobCommand::Finish(_) | JobCommand::Release)
    }
}
