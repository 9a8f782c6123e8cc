//! Ops: one row per side effect, so that a success is replayed and anything else is done again.

use std::fmt;

use serde_json::{Value, json};
use strum::VariantArray;

use crate::key::{JobKey, KEY_VERSION, digest};
use crate::state::Step;

/// The kinds of side effect that the ledger records.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "UPPERCASE")]
pub enum OpKind {
    /// A candidate was asked for its length and validators.
    Head,
    /// Its bytes were fetched into a partial file.
    Stream,
    /// The verified file was moved to its final name.
    Finalize,
    /// The manifest's line was written.
    Index,
    /// Like `Index`, for bytes that are already stored for another work.
    Dedupe,
}

/// How far an op has come.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "UPPERCASE")]
pub enum OpStatus {
    /// It was begun, and its end has not been reported.
    Running,
    /// It succeeded: its result is replayed.
    Done,
    /// It failed, and is done again when it is next asked for.
    Failed,
    /// Its worker is gone, or it ran for longer than [`Rules::abandoned`](crate::Rules::abandoned).
    Abandoned,
}

/// An op's identity: SHA-256 in lower-case hex over `{v, kind, job_id, context}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpKey(String);

/// One side effect that a worker is about to perform.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// Derived from the job, the kind and the context.
    pub key: OpKey,
    /// What is done.
    pub kind: OpKind,
    /// What makes it this effect and no other: for a stream its URL, for a finalize the hash.
    pub context: Value,
}

/// The ledger's reply to a worker that is about to perform a side effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// Do it, then report how it ended.
    Run,
    /// It succeeded before: this is its result. Do not do it again.
    Replay(Value),
    /// The same lease began it and has not reported its end: another task of the holder is working on it, or a
    /// reply was lost.
    Running {
        /// Milliseconds since the epoch.
        since: i64,
    },
}

/// What came of an op: JSON, written once where it is made, for it is as long as a work's trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpResult(String);

/// How a try of an op ended.
#[derive(Clone, Debug, PartialEq)]
pub enum OpOutcome {
    /// It succeeded.
    Done {
        /// Stored whole, and replayed to any worker that would do it again.
        result: OpResult,
        /// SHA-256 of the file that now has its final name; only a finalize has one.
        artifact: Option<String>,
    },
    /// It failed: it will be done again when it is next asked for.
    Failed {
        /// For people.
        error: String,
    },
}

/// One op as the ledger holds it, to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct OpRecord {
    /// 64 lower-case hex digits: an [`OpKey`] as it was stored.
    pub key: String,
    /// What is done.
    pub kind: OpKind,
    /// How far it has come.
    pub status: OpStatus,
    /// The fence of the lease that last tried it.
    pub fence: i64,
    /// How often it was tried.
    pub tries: i64,
    /// Start of the last try, in milliseconds since the epoch.
    pub started_at: i64,
    /// End of the last try, in milliseconds since the epoch.
    pub ended_at: Option<i64>,
    /// See [`Op::context`].
    pub context: Value,
    /// Of its success.
    pub result: Option<Value>,
    /// Of its last failure.
    pub error: Option<String>,
}

impl OpResult {
    /// What cannot be written as JSON is null.
    pub fn of(result: &impl serde::Serialize) -> Self {
        Self(serde_json::to_string(result).unwrap_or_else(|_| "null".to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Value> for OpResult {
    fn from(result: Value) -> Self {
        Self(result.to_string())
    }
}

impl Op {
    /// The op of this kind for this job, with its key.
    pub fn new(job: &JobKey, kind: OpKind, context: Value) -> Self {
        Self { key: OpKey::new(job, kind, &context), kind, context }
    }
}

impl OpKey {
    /// The key of this side effect; the order of the context's keys does not matter.
    pub fn new(job: &JobKey, kind: OpKind, context: &Value) -> Self {
        let fields =
            json!({"v": KEY_VERSION, "kind": kind.label(), "job_id": job.as_str(), "context": context});
        Self(digest(&fields))
    }

    /// 64 lower-case hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl OpKind {
    /// Every kind, in the order in which a job goes through them.
    pub const ALL: [Self; Self::VARIANTS.len()] = *Self::VARIANTS.first_chunk().unwrap();

    /// The name in the database, in logs and for people.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// Whether it may be performed twice without harm: what is fetched again is the same file.
    pub(crate) fn is_repeatable(self) -> bool {
        matches!(self, OpKind::Head | OpKind::Stream)
    }

    /// The step that its beginning is.
    pub(crate) fn beginning(self) -> Option<Step> {
        matches!(self, OpKind::Stream).then_some(Step::Stream)
    }

    /// The step that its success is. A stream's is none: the job is streaming until its file is finalized.
    pub(crate) fn success(self) -> Option<Step> {
        match self {
            OpKind::Head => Some(Step::HeadDone),
            OpKind::Stream => None,
            OpKind::Finalize => Some(Step::Finalize),
            OpKind::Index => Some(Step::Index),
            OpKind::Dedupe => Some(Step::Dedupe),
        }
    }

    /// The steps that a job has taken for good once this op has succeeded, in order. An index or a dedupe has
    /// none to restore: with it the job is done.
    pub(crate) fn implied(self) -> &'static [Step] {
        match self {
            OpKind::Head => &[Step::HeadDone],
            OpKind::Stream => &[Step::Stream],
            OpKind::Finalize => &[Step::Stream, Step::Finalize],
            OpKind::Index | OpKind::Dedupe => &[],
        }
    }
}

impl OpStatus {
    /// Every status.
    pub const ALL: [Self; Self::VARIANTS.len()] = *Self::VARIANTS.first_chunk().unwrap();

    /// The name in the database, in logs and for people.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_a_contexts_keys_does_not_make_another_op() {
        let job = JobKey::new("doi:10.1/x", "pdf", "fulltext");
        let one = OpKey::new(&job, OpKind::Head, &json!({"url": "https://a/", "n": [1, {"b": 2, "a": 1}]}));
        let two = OpKey::new(&job, OpKind::Head, &json!({"n": [1, {"a": 1, "b": 2}], "url": "https://a/"}));
        assert_eq!(one, two);
    }

    #[test]
    fn job_kind_and_context_each_make_another_op() {
        let job = JobKey::new("doi:10.1/x", "pdf", "fulltext");
        let other = JobKey::new("doi:10.1/y", "pdf", "fulltext");
        let at = |url: &str| json!({"url": url});
        let keys = [
            OpKey::new(&job, OpKind::Head, &at("a")),
            OpKey::new(&job, OpKind::Head, &at("b")),
            OpKey::new(&job, OpKind::Stream, &at("a")),
            OpKey::new(&other, OpKind::Head, &at("a")),
        ];
        for (i, one) in keys.iter().enumerate() {
            assert!(keys.iter().skip(i + 1).all(|two| one != two));
        }
    }
}
