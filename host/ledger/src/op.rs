//! Ops: one row per side effect, so that a success is replayed and anything else is done again.

use std::fmt;

use serde_json::Value;

use super::key::{JobKey, OpKey};
use super::state::Step;

/// The kinds of side effect that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpKind {
    /// A candidate was asked for its length and validators.
    Head,
    /// Its bytes were fetched into a partial file.
    Stream,
    /// The proven file was put in its place.
    Finalize,
    /// The manifest's line was written.
    Index,
    /// Like `Index`, for bytes that another work's file already holds.
    Dedupe,
}

/// Where an op stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpStatus {
    Running,
    Done,
    Failed,
    /// Its worker is gone, or it ran longer than anything takes.
    Abandoned,
}

/// One side effect that a worker is about to have.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    pub key: OpKey,
    pub kind: OpKind,
    /// What makes it this effect and no other: for a stream its URL, for a finalize the hash.
    pub context: Value,
}

/// What the ledger says to a worker that is about to have a side effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// Do it, then say how it ended.
    Run,
    /// It was done before: this is its result. Do not do it again.
    Replay(Value),
    /// The same lease began it `since` (milliseconds since the epoch) and has not said how it ended: another task
    /// of its holder is at it, or an answer was lost on its way.
    Running { since: i64 },
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// `result` is kept whole and given to whoever would do it again. `artifact` is the SHA-256 of the file
    /// that is now in its place; only a finalize has one.
    Done { result: Value, artifact: Option<String> },
    /// It will be done again when it is next asked for.
    Failed { error: String },
}

/// One op as it is kept, for people to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct OpRecord {
    pub key: String,
    pub kind: OpKind,
    pub status: OpStatus,
    pub fence: i64,
    pub tries: i64,
    /// Milliseconds since the epoch, of the last try.
    pub started_at: i64,
    pub ended_at: Option<i64>,
    pub context: Value,
    pub result: Option<Value>,
    pub error: Option<String>,
}

impl Op {
    pub fn new(job: &JobKey, kind: OpKind, context: Value) -> Self {
        Self { key: OpKey::new(job, kind, &context), kind, context }
    }
}

impl OpKind {
    pub const ALL: [OpKind; 5] =
        [OpKind::Head, OpKind::Stream, OpKind::Finalize, OpKind::Index, OpKind::Dedupe];

    pub fn label(self) -> &'static str {
        match self {
            OpKind::Head => "HEAD",
            OpKind::Stream => "STREAM",
            OpKind::Finalize => "FINALIZE",
            OpKind::Index => "INDEX",
            OpKind::Dedupe => "DEDUPE",
        }
    }

    /// Whether the effect may be had twice without harm: what is fetched again is the same file.
    pub fn is_repeatable(self) -> bool {
        matches!(self, OpKind::Head | OpKind::Stream)
    }

    /// The step that its beginning is.
    pub fn beginning(self) -> Option<Step> {
        matches!(self, OpKind::Stream).then_some(Step::Stream)
    }

    /// The step that its success is. A stream's is none: the job is streaming until the file is in its place.
    pub fn success(self) -> Option<Step> {
        match self {
            OpKind::Head => Some(Step::HeadDone),
            OpKind::Stream => None,
            OpKind::Finalize => Some(Step::Finalize),
            OpKind::Index => Some(Step::Index),
            OpKind::Dedupe => Some(Step::Dedupe),
        }
    }

    /// The steps that a job has taken for good once this op has succeeded, in their order. An index or a dedupe
    /// has none to give back: with it the job is done.
    pub(super) fn implied(self) -> &'static [Step] {
        match self {
            OpKind::Head => &[Step::HeadDone],
            OpKind::Stream => &[Step::Stream],
            OpKind::Finalize => &[Step::Stream, Step::Finalize],
            OpKind::Index | OpKind::Dedupe => &[],
        }
    }

    pub(super) fn from_label(label: &str) -> Option<Self> {
        OpKind::ALL.into_iter().find(|kind| kind.label() == label)
    }
}

impl OpStatus {
    pub const ALL: [OpStatus; 4] = [OpStatus::Running, OpStatus::Done, OpStatus::Failed, OpStatus::Abandoned];

    pub fn label(self) -> &'static str {
        match self {
            OpStatus::Running => "RUNNING",
            OpStatus::Done => "DONE",
            OpStatus::Failed => "FAILED",
            OpStatus::Abandoned => "ABANDONED",
        }
    }

    pub(super) fn from_label(label: &str) -> Option<Self> {
        OpStatus::ALL.into_iter().find(|status| status.label() == label)
    }
}

impl fmt::Display for OpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

impl fmt::Display for OpStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}
