//! What the holder of a lease asks the ledger to do with its job.

use std::time::Duration;

use serde_json::Value;

use crate::clock::Due;
use crate::job::{CandidateRecord, Ending};
use crate::op::{Begun, Op, OpOutcome};
use crate::state::{State, Step};

/// One command about a job, by the holder of its lease.
#[derive(Clone, Debug, PartialEq)]
pub enum JobCommand {
    /// Takes a step that belongs neither to an op nor to an ending: `HeadDone`, `ResumeOk` or `Stream`.
    /// Refused: `Illegal`.
    Step(Step),
    /// Asks before a side effect. If the same op succeeded before, its result is replayed, and the job moves to the
    /// state that it had led to; if it failed, was left by an earlier lease, or has run for longer than
    /// [`Rules::abandoned`](crate::Rules::abandoned), it is to be done again.
    /// Refused: `Illegal`, if its success would be no legal step.
    Begin(Op),
    /// Reports how a side effect ended, and takes the step that its success is. If the ledger does not know of its
    /// beginning, it is recorded now. An index or dedupe op that succeeds makes the job done and ends the lease.
    /// An op that succeeded before stays as it was.
    Complete(Op, OpOutcome),
    /// Asks whether the lease still holds, and writes nothing. Refused: `Stale`.
    Check,
    /// Adds candidates to the job, and records verdicts on those it has: a verdict that is `None` changes nothing.
    Candidates(Vec<CandidateRecord>),
    /// Ends the attempt, and the lease with it. Refused: `Illegal`.
    Finish(Ending),
    /// Returns the job as it is, to be leased again at once; the attempt does not count. Does nothing if the same
    /// lease has already ended the job.
    Release,
    /// Returns the job as it is, to be leased again once so much time has passed, a day at most; the attempt does not
    /// count. Whoever leases it next is given what was found out so far.
    Park {
        /// How long nobody needs to look at it.
        wait: Duration,
        /// For the next lease: see [`Lease::so_far`](crate::Lease::so_far).
        so_far: Value,
    },
}

/// The ledger's reply to a [`JobCommand`].
#[derive(Clone, Debug, PartialEq)]
pub struct CommandReply {
    /// The job's state after the command.
    pub state: State,
    /// To `Begin`: whether to perform the side effect.
    pub begun: Option<Begun>,
    /// To `Finish`: the time of the next attempt, if there will be one. To `Park`: when the job can be leased again.
    pub next_at: Option<Due>,
}

impl JobCommand {
    /// A name for logs and tests, as in `begin HEAD`.
    pub(crate) fn label(&self) -> String {
        match self {
            JobCommand::Step(step) => format!("advance {step}"),
            JobCommand::Begin(op) => format!("begin {}", op.kind),
            JobCommand::Complete(op, _) => format!("complete {}", op.kind),
            JobCommand::Check => "check".to_owned(),
            JobCommand::Candidates(_) => "candidates".to_owned(),
            JobCommand::Finish(_) => "finish".to_owned(),
            JobCommand::Release => "release".to_owned(),
            JobCommand::Park { .. } => "park".to_owned(),
        }
    }

    /// It gives up the lease, so nothing can follow it.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, JobCommand::Finish(_) | JobCommand::Release | JobCommand::Park { .. })
    }
}
