//! Jobs and leases, as the callers of the ledger see them.

use std::sync::Arc;

use serde_json::Value;

use super::key::JobKey;
use super::op::{Op, OpKind, OpRecord};
use super::state::State;

/// A job that someone wants done. Planning it again changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// The work's canonical identity, as in `doi:10.1371/journal.pone.0000308`.
    pub work_id: String,
    /// Which artifact of the work: `pdf`.
    pub artifact_id: String,
    /// What the artifact is to the work: `fulltext`.
    pub role: String,
    /// The run that plans it.
    pub run_id: String,
    /// What a worker needs to begin, kept whole.
    pub work: Value,
}

/// What planning a job found.
#[derive(Clone, Debug, PartialEq)]
pub enum Planned {
    /// It is new.
    New(JobKey),
    /// It was there already, and has come this far.
    Known(JobKey, State),
}

/// The right to work on a job until `expires_at`, and to write to it: every write carries the fence, and the
/// database refuses any but the highest.
#[derive(Clone, Debug)]
pub struct Lease {
    pub(super) claim: Claim,
    /// Milliseconds since the epoch, on the ledger's clock.
    pub expires_at: i64,
    /// Where the job stood when it was taken.
    pub state: State,
    /// How often the job has been taken, this time included.
    pub attempts: u32,
    /// An earlier worker left it unfinished, so there may be something on disk to go on from.
    pub resumed: bool,
    /// The ops that earlier workers brought to a good end, in that order. Beginning one of them replays it.
    pub done: Arc<[DoneOp]>,
    pub work_id: Arc<str>,
    pub work: Arc<Value>,
}

/// An op that succeeded, and what it came to.
#[derive(Clone, Debug, PartialEq)]
pub struct DoneOp {
    pub op: Op,
    pub result: Value,
}

/// What came of asking for one job.
#[derive(Clone, Debug)]
pub enum Enqueued {
    Leased(Lease),
    /// Another worker has it, until `until` (milliseconds since the epoch) if it does not renew.
    Held {
        owner: String,
        until: i64,
    },
    /// It failed, and its next time is `at` (milliseconds since the epoch).
    Later {
        at: i64,
        attempts: u32,
        reason: String,
    },
    /// There is nothing to do: it is done, exhausted, or has failed for good.
    Over {
        state: State,
        result: Option<Value>,
        reason: Option<String>,
    },
}

/// How a worker gives a job back for good. Done jobs end by their index or dedupe op instead.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// `passing`: another try may go better, so it gets one on schedule while it has attempts left.
    Failed { reason: String, retryable: bool },
    /// Every tier was asked, and no copy is there.
    Exhausted { result: Value },
    /// It is the same work as the job `of`.
    Duplicate { of: JobKey, result: Value },
    /// The finished file is gone or broken: everything is to be done again, at once.
    Lost { reason: String },
}

/// A URL that a source proposed for a job.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateRecord {
    pub url: String,
    pub source: String,
    /// Evidence, version, licence: an object.
    pub detail: Value,
    /// How its acquisition ended, once it has.
    pub verdict: Option<String>,
}

/// One job as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRecord {
    /// Grows in the order of planning: the way to the next page.
    pub id: i64,
    pub key: String,
    pub state: State,
    /// Who has it, if someone does.
    pub owner: Option<String>,
    pub fence: i64,
    pub attempts: u32,
    /// From when it may be taken: its lease's end if it has an owner. `None`: never.
    pub ready_at: Option<i64>,
    /// Milliseconds since the epoch.
    pub planned_at: i64,
    pub changed_at: i64,
    /// Why it last failed.
    pub reason: Option<String>,
    /// SHA-256 of its file.
    pub artifact: Option<String>,
    pub work_id: String,
    pub artifact_id: String,
    pub role: String,
    pub run_id: String,
    pub work: Value,
    pub result: Option<Value>,
}

/// Everything the ledger holds on one job but its events.
#[derive(Clone, Debug, PartialEq)]
pub struct JobDetails {
    pub job: JobRecord,
    pub ops: Vec<OpRecord>,
    pub candidates: Vec<CandidateRecord>,
}

/// A file that a job came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The job's id: the way to the next page.
    pub id: i64,
    pub job: JobKey,
    pub sha256: String,
}

/// Which jobs to list. Everything that is `None` does not matter.
#[derive(Clone, Debug)]
pub struct JobFilter {
    pub state: Option<State>,
    /// Only jobs with a greater id.
    pub after: i64,
    pub limit: u32,
}

/// How the whole ledger stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// In the order of [`State::ALL`], zeros included.
    pub states: Vec<(State, u64)>,
    /// Jobs under a lease that has not run out.
    pub held: u64,
    /// Jobs under a lease that has.
    pub expired: u64,
    /// Failed jobs that have a next time.
    pub scheduled: u64,
}

/// Whether what lies on disk for a job is still of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobDisposition {
    /// The ledger does not know the job.
    Unknown,
    /// A live lease owns it: hands off.
    Held,
    /// It may be taken and resumed.
    Open,
    /// Nothing more will be done with it.
    Over,
}

/// What was cleared up after workers that are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Jobs whose lease had run out; they can be taken again.
    pub leases: Vec<JobKey>,
    /// Of these, the ones that have been taken as often as they may be; they are `FAILED` now.
    pub given_up: Vec<JobKey>,
    /// Ops marked as abandoned.
    pub ops: u64,
}

/// Which jobs an operator wants tried again.
#[derive(Clone, Debug, PartialEq)]
pub enum Retry {
    /// Every job in this state that has no next time; only `FAILED` and `EXHAUSTED` can be.
    All(State),
    Job(JobKey),
}

/// Who holds what, under which fence: what every write carries.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Claim {
    pub(super) job_id: i64,
    pub(super) job: JobKey,
    pub(super) owner: Arc<str>,
    pub(super) fence: i64,
}

impl NewJob {
    pub fn key(&self) -> JobKey {
        JobKey::new(&self.work_id, &self.artifact_id, &self.role)
    }
}

impl Planned {
    pub fn key(&self) -> &JobKey {
        match self {
            Planned::New(key) | Planned::Known(key, _) => key,
        }
    }
}

impl Lease {
    pub fn job(&self) -> &JobKey {
        &self.claim.job
    }

    pub fn owner(&self) -> &str {
        &self.claim.owner
    }

    pub fn fence(&self) -> i64 {
        self.claim.fence
    }

    /// An earlier worker put the proven file in its place: only what comes after is left to do.
    pub fn finalized(&self) -> Option<&DoneOp> {
        self.done.iter().rev().find(|done| done.op.kind == OpKind::Finalize)
    }
}
