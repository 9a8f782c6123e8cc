//! Jobs and leases, as the callers of the ledger see them.

use std::sync::Arc;

use serde_json::Value;

use crate::clock::Due;
use crate::key::JobKey;
use crate::op::{Op, OpKind, OpRecord};
use crate::state::State;

/// A job to be planned. Planning it again changes nothing.
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
    /// What a worker needs to begin; the ledger returns it unchanged with the lease.
    pub work: Value,
}

/// What planning a job found.
#[derive(Clone, Debug, PartialEq)]
pub enum Planned {
    /// It is new.
    New(JobKey),
    /// It was there already, in this state.
    Known(JobKey, State),
    /// It was there already, in a state that this program does not know.
    Unreadable(JobKey),
}

/// A row that cannot be read, or is not what its key says. The rows beside it are not concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRow {
    /// Grows in the order of the list that it stands in: for the next page, the last id of this one.
    pub id: i64,
    /// The job's key or its work, as far as they can be read. Whoever wrote the row chose this text.
    pub name: String,
    /// What is wrong, for people.
    pub why: String,
}

/// How the reason of a job begins whose last attempt had no end.
pub const LOST_WORKER: &str = "its worker was lost";

/// The right to work on a job until `expires_at`, and to write to it: every write carries the fence, and the
/// database refuses any but the highest.
#[derive(Clone, Debug)]
pub struct Lease {
    pub(crate) claim: Claim,
    /// Milliseconds since the epoch, on the ledger's clock.
    pub expires_at: i64,
    /// The job's state once it was leased.
    pub state: State,
    /// How often the job has been leased, this time included.
    pub attempts: u32,
    /// An earlier worker left it unfinished, so there may be a partial file to resume.
    pub resumed: bool,
    /// The ops of earlier workers that succeeded, in the order in which they ended. Beginning one of them replays
    /// it.
    pub done: Arc<[DoneOp]>,
    /// See [`NewJob::work_id`].
    pub work_id: Arc<str>,
    /// See [`NewJob::work`].
    pub work: Arc<Value>,
    /// What a worker had found out that parked the job: as it was given with
    /// [`JobCommand::Park`](crate::JobCommand::Park), or by whoever wrote the row.
    pub so_far: Option<Arc<Value>>,
}

/// An op that succeeded.
#[derive(Clone, Debug, PartialEq)]
pub struct DoneOp {
    /// What was done.
    pub op: Op,
    /// What was reported with [`OpOutcome::Done`](crate::OpOutcome::Done).
    pub result: Value,
}

/// What came of asking for one job.
#[derive(Clone, Debug)]
pub enum Enqueued<L = Lease> {
    /// It is the caller's now, by this lease.
    Leased(L),
    /// Another worker has it.
    Held {
        /// That worker.
        owner: String,
        /// The end of its lease unless it renews.
        until: Due,
    },
    /// It waits for its turn at a host, and nobody needs to look at it until then.
    Parked {
        /// Its time.
        until: Due,
    },
    /// It failed, and another attempt is scheduled.
    Later {
        /// When.
        at: Due,
        /// How often it has been leased.
        attempts: u32,
        /// Why it failed last.
        reason: String,
    },
    /// There is nothing to do: it is done, exhausted, or has failed for good.
    Over {
        /// How it ended.
        state: State,
        /// What its ending or its last op recorded.
        result: Option<Value>,
        /// Why it failed last.
        reason: Option<String>,
    },
    /// Its row cannot be read, or its work is not that of its key. Nobody works on it until somebody mends it.
    SetAside {
        /// For people.
        why: String,
    },
}

/// How a worker ends an attempt. Done jobs end by their index or dedupe op instead.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// It came to no artifact.
    Failed {
        /// For people.
        reason: String,
        /// Another attempt may succeed, so one is scheduled while the job has attempts left.
        retryable: bool,
    },
    /// It could not be worked on, through no fault of its own: the attempt does not count, and another one is scheduled.
    Postponed {
        /// For people.
        reason: String,
    },
    /// Every tier was asked, and none had a copy.
    Exhausted {
        /// Stored whole, for the next run that asks for the job.
        result: Value,
    },
    /// It is the same work as another job.
    Duplicate {
        /// That job.
        of: JobKey,
        /// Stored whole, for the next run that asks for the job.
        result: Value,
    },
    /// The finished file is gone or broken: everything is to be done again, at once.
    Lost {
        /// For people.
        reason: String,
    },
}

/// A URL that a source proposed for a job.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateRecord {
    /// Where the copy is; a job has each URL once.
    pub url: String,
    /// The source that proposed it.
    pub source: String,
    /// Evidence, version, licence: an object.
    pub detail: Value,
    /// How its acquisition ended, once it has.
    pub verdict: Option<String>,
}

/// One job as the ledger holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRecord {
    /// Grows in the order of planning: for the next page, the last id of this one.
    pub id: i64,
    /// 64 lower-case hex digits: a [`JobKey`] as it was stored.
    pub key: String,
    /// How far it has come.
    pub state: State,
    /// The worker that has it.
    pub owner: Option<String>,
    /// The number of its last lease; every lease's is higher than the one before.
    pub fence: i64,
    /// How often it has been leased.
    pub attempts: u32,
    /// From when it may be leased, in milliseconds since the epoch: its lease's end if it has an owner.
    /// `None`: never.
    pub ready_at: Option<i64>,
    /// Milliseconds since the epoch.
    pub planned_at: i64,
    /// Milliseconds since the epoch.
    pub changed_at: i64,
    /// Why it last failed.
    pub reason: Option<String>,
    /// SHA-256 of its file, in lower-case hex.
    pub artifact: Option<String>,
    /// See [`NewJob::work_id`].
    pub work_id: String,
    /// See [`NewJob::artifact_id`].
    pub artifact_id: String,
    /// See [`NewJob::role`].
    pub role: String,
    /// The run that planned it first.
    pub run_id: String,
    /// See [`NewJob::work`].
    pub work: Value,
    /// What its ending or its last op recorded.
    pub result: Option<Value>,
}

/// Everything the ledger holds on one job except its events.
#[derive(Clone, Debug, PartialEq)]
pub struct JobDetails {
    /// The job itself.
    pub job: JobRecord,
    /// Its side effects, by the start of their last try.
    pub ops: Vec<OpRecord>,
    /// The URLs proposed for it, in the order of their coming.
    pub candidates: Vec<CandidateRecord>,
    /// What is wrong with those of its side effects and candidates that cannot be read.
    pub unreadable: Vec<String>,
}

/// A job's finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The job's id: for the next page, the last id of this one.
    pub id: i64,
    /// The job.
    pub job: JobKey,
    /// Lower-case hex.
    pub sha256: String,
}

impl UnreadableRow {
    /// Where a list goes on after `row`.
    pub fn id_of<T>(row: &Result<T, Self>, id: impl Fn(&T) -> i64) -> i64 {
        match row {
            Ok(row) => id(row),
            Err(row) => row.id,
        }
    }
}

/// Which jobs to list. A field that is `None` excludes nothing.
#[derive(Clone, Debug)]
pub struct JobFilter {
    /// Only jobs in this state.
    pub state: Option<State>,
    /// Only jobs with a greater id.
    pub after: i64,
    /// At most this many.
    pub limit: u32,
}

/// How many jobs there are, of each kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// In the order of [`State::ALL`], zeros included.
    pub states: Vec<(State, u64)>,
    /// Jobs under a lease that has not expired.
    pub held: u64,
    /// Jobs under a lease that has.
    pub expired: u64,
    /// Failed jobs for which another attempt is scheduled.
    pub scheduled: u64,
    /// Jobs that cannot be read and are not worked on. Those that ended before are not looked at.
    pub set_aside: u64,
}

/// Whether the partial files of a job are still of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobDisposition {
    /// The ledger does not know the job.
    Unknown,
    /// A worker has it: its files must not be touched.
    Held,
    /// It may be leased and resumed.
    Open,
    /// Nothing more will be done with it.
    Over,
}

/// What was cleared up after workers that are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Jobs whose lease had expired; they can be leased again.
    pub leases: Vec<JobKey>,
    /// Of these, the ones that have no attempts left; they are `FAILED` now.
    pub given_up: Vec<JobKey>,
    /// Ops marked as abandoned.
    pub ops: u64,
    /// Jobs that waited for a time which a clock that was ahead had given them; they can be leased now.
    pub ahead: u64,
}

/// What became of jobs that were to be taken over from another ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// They were taken over.
    pub new: u64,
    /// They were there already, as an import leaves them.
    pub known: u64,
    /// They are there already, and are others. If there is one of these, nothing was taken over.
    pub other: Vec<JobKey>,
}

/// What one step of forgetting finished jobs came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Jobs that were forgotten.
    pub jobs: u64,
    /// Where the next step goes on; `None`: there is no more to look at.
    pub next: Option<i64>,
}

/// Which jobs an operator wants tried again.
#[derive(Clone, Debug, PartialEq)]
pub enum Retry {
    /// Every job in this state that has no attempt scheduled; only `FAILED` and `EXHAUSTED` can be.
    All(State),
    /// This one, if it is `FAILED` or `EXHAUSTED`.
    Job(JobKey),
}

/// Who holds which job, and under which fence: every write carries this.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claim {
    pub(crate) job_id: i64,
    pub(crate) job: JobKey,
    pub(crate) owner: Arc<str>,
    pub(crate) fence: i64,
}

impl NewJob {
    /// The job's identity.
    pub fn key(&self) -> JobKey {
        JobKey::new(&self.work_id, &self.artifact_id, &self.role)
    }
}

impl Enqueued {
    /// The same with what a caller makes of its lease.
    pub(crate) fn map<L>(self, make: impl FnOnce(Lease) -> L) -> Enqueued<L> {
        match self {
            Self::Leased(lease) => Enqueued::Leased(make(lease)),
            Self::Held { owner, until } => Enqueued::Held { owner, until },
            Self::Parked { until } => Enqueued::Parked { until },
            Self::Later { at, attempts, reason } => Enqueued::Later { at, attempts, reason },
            Self::Over { state, result, reason } => Enqueued::Over { state, result, reason },
            Self::SetAside { why } => Enqueued::SetAside { why },
        }
    }
}

impl Planned {
    /// The job's identity.
    pub fn key(&self) -> &JobKey {
        match self {
            Planned::New(key) | Planned::Known(key, _) | Planned::Unreadable(key) => key,
        }
    }
}

impl Lease {
    /// The job that it is on.
    pub fn job(&self) -> &JobKey {
        &self.claim.job
    }

    /// The worker that holds it.
    pub fn owner(&self) -> &str {
        &self.claim.owner
    }

    /// Its number: higher than that of every earlier lease on this job.
    pub fn fence(&self) -> i64 {
        self.claim.fence
    }

    /// The finalize op of an earlier worker: the verified file has its final name, and only what comes after is
    /// left to do.
    pub fn finalized(&self) -> Option<&DoneOp> {
        self.done.iter().rev().find(|done| done.op.kind == OpKind::Finalize)
    }
}
