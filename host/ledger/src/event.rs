//! The nine events: a job's history, recorded for people. Nothing is decided by them.

use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use strum::VariantArray;

use crate::job::Claim;
use crate::key::JobKey;
use crate::state::State;

/// What an event records.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::IntoStaticStr, strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum EventKind {
    /// A job is new.
    JobPlanned,
    /// A worker took it.
    JobLeased,
    /// It went from one state to another.
    JobStateChanged,
    /// Its lease was extended.
    LeaseRenewed,
    /// Its lease ended, with the attempt or before it.
    LeaseReleased,
    /// A side effect was begun.
    OperationStarted,
    /// A side effect ended, well or not.
    OperationCompleted,
    /// A lease had expired, and what its worker left was cleared up or taken over.
    #[strum(serialize = "crash_recovery_event")]
    CrashRecovery,
    /// Something was requested that had already been done: the earlier result was returned.
    IdempotencyReplay,
}

/// One event as the ledger holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// Grows; the order in which one process's events were written.
    pub id: i64,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// What happened.
    pub kind: EventKind,
    /// The job's key.
    pub job: String,
    /// The worker that held the job.
    pub owner: Option<String>,
    /// The fence of its lease; 0 where there was none.
    pub fence: i64,
    /// Of a change of state.
    pub from: Option<State>,
    /// Of a change of state.
    pub to: Option<State>,
    /// Anything else, as an object.
    pub detail: Value,
}

/// Which events to show. A field that is `None` excludes nothing.
#[derive(Clone, Debug)]
pub struct EventFilter {
    /// Only this job's.
    pub job: Option<JobKey>,
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Only events with a greater id: for the next page, the last id of this one.
    pub after: i64,
    /// At most this many.
    pub limit: u32,
}

/// A label that names no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of event; the kinds are {kinds}", kinds = EventKind::ALL.map(EventKind::label).join(" "))]
pub struct UnknownEvent(pub String);

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; Self::VARIANTS.len()] = *Self::VARIANTS.first_chunk().unwrap();

    /// The name in the database, in logs and on the command line.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

impl FromStr for EventKind {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        EventKind::ALL
            .into_iter()
            .find(|kind| kind.label() == text.trim())
            .ok_or_else(|| UnknownEvent(text.to_owned()))
    }
}

/// An event to be written to the database.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: i64,
    pub(crate) kind: EventKind,
    pub(crate) job_id: i64,
    pub(crate) job: JobKey,
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) fence: i64,
    pub(crate) from: Option<State>,
    pub(crate) to: Option<State>,
    /// A JSON object without its last brace; empty means an empty object.
    pub(crate) detail: String,
}

impl Event {
    /// An event of a job that nobody holds.
    pub(crate) fn of_job(at: i64, kind: EventKind, job_id: i64, job: &JobKey) -> Self {
        Self {
            at,
            kind,
            job_id,
            job: job.clone(),
            owner: None,
            fence: 0,
            from: None,
            to: None,
            detail: String::new(),
        }
    }

    /// An event of a job under this claim.
    pub(crate) fn of_claim(at: i64, kind: EventKind, claim: &Claim) -> Self {
        Self {
            owner: Some(Arc::clone(&claim.owner)),
            fence: claim.fence,
            ..Self::of_job(at, kind, claim.job_id, &claim.job)
        }
    }

    /// `name` is a plain word, and none that it has.
    pub(crate) fn with(mut self, name: &'static str, value: impl Serialize) -> Self {
        self.detail.push_str(if self.detail.is_empty() { "{\"" } else { ",\"" });
        self.detail.push_str(name);
        self.detail.push_str("\":");
        self.detail.push_str(serde_json::to_string(&value).as_deref().unwrap_or("null"));
        self
    }

    /// Logs it, at debug level. Called once what it records is durable.
    pub(crate) fn log(&self) {
        tracing::debug!(
            event = self.kind.label(),
            job_id = self.job.as_str(),
            owner = self.owner.as_deref(),
            fence = self.fence,
            from = self.from.map(State::label),
            to = self.to.map(State::label),
            detail = self.detail_text(),
            "ledger"
        );
    }

    pub(crate) fn detail_text(&self) -> Option<String> {
        (!self.detail.is_empty()).then(|| format!("{}}}", self.detail))
    }
}
