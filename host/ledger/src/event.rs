//! The nine events: what happened to a job, kept for people to look at. Nothing is decided by them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::key::JobKey;
use super::state::State;

/// What an event tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    JobPlanned,
    JobLeased,
    JobStateChanged,
    LeaseRenewed,
    LeaseReleased,
    OperationStarted,
    OperationCompleted,
    /// A lease had run out, and what its worker left was cleared up or taken over.
    CrashRecovery,
    /// Something was asked for that had already been done: the earlier result was given back.
    IdempotencyReplay,
}

/// One event as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// Grows; the order in which one process's events were kept.
    pub id: i64,
    /// Milliseconds since the epoch.
    pub at: i64,
    pub kind: EventKind,
    pub job: String,
    pub owner: Option<String>,
    pub fence: i64,
    pub from: Option<State>,
    pub to: Option<State>,
    /// What else is to be said: an object.
    pub detail: Value,
}

/// Which events to show. Everything that is `None` does not matter.
#[derive(Clone, Debug)]
pub struct EventFilter {
    pub job: Option<JobKey>,
    pub kind: Option<EventKind>,
    /// Only events with a greater id: the way to the next page.
    pub after: i64,
    pub limit: u32,
}

/// A label that names no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of event; the kinds are {kinds}", kinds = EventKind::ALL.map(EventKind::label).join(" "))]
pub struct UnknownEvent(pub String);

impl EventKind {
    pub const ALL: [EventKind; 9] = [
        EventKind::JobPlanned,
        EventKind::JobLeased,
        EventKind::JobStateChanged,
        EventKind::LeaseRenewed,
        EventKind::LeaseReleased,
        EventKind::OperationStarted,
        EventKind::OperationCompleted,
        EventKind::CrashRecovery,
        EventKind::IdempotencyReplay,
    ];

    pub fn label(self) -> &'static str {
        match self {
            EventKind::JobPlanned => "job_planned",
            EventKind::JobLeased => "job_leased",
            EventKind::JobStateChanged => "job_state_changed",
            EventKind::LeaseRenewed => "lease_renewed",
            EventKind::LeaseReleased => "lease_released",
            EventKind::OperationStarted => "operation_started",
            EventKind::OperationCompleted => "operation_completed",
            EventKind::CrashRecovery => "crash_recovery_event",
            EventKind::IdempotencyReplay => "idempotency_replay",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
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

/// An event on its way into the database.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) at: i64,
    pub(super) kind: EventKind,
    pub(super) job_id: i64,
    pub(super) job: JobKey,
    pub(super) owner: Option<Arc<str>>,
    pub(super) fence: i64,
    pub(super) from: Option<State>,
    pub(super) to: Option<State>,
    /// Empty means an empty object.
    pub(super) detail: Map<String, Value>,
}

impl Event {
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }

    /// To the log, at debug level, once what it tells of is durable.
    pub(super) fn log(&self) {
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

    pub(super) fn detail_text(&self) -> Option<String> {
        (!self.detail.is_empty()).then(|| Value::Object(self.detail.clone()).to_string())
    }
}
