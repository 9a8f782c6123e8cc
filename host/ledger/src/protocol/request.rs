//! What a request is, and what it has to work with.

use std::time::Duration;

use crate::error::LedgerError;
use crate::event::{Event, EventKind};
use crate::job::Claim;
use crate::schedule::Schedule;
use crate::sql::Sql;
use crate::state::State;

/// The rules of a ledger that its operator may set (`[ledger]` in the configuration).
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Rules {
    /// How long a lease lasts without being renewed.
    #[serde(rename = "lease_s", deserialize_with = "tierfall_settings::seconds")]
    pub lease: Duration,
    /// After this long a running op is done again when it is asked for.
    #[serde(rename = "op_timeout_s", deserialize_with = "tierfall_settings::seconds")]
    pub abandoned: Duration,
    /// When a failed job is tried again; read from the same table.
    #[serde(rename = "")]
    pub schedule: Schedule,
}

/// Beyond any wait by this much, a time was written by a clock that was ahead.
const CLOCK_AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

impl Rules {
    /// No lease that is given now or was given before ends later than this, unless by another clock.
    pub(super) fn latest_lease(&self, now: i64) -> i64 {
        now.saturating_add(millis(self.lease.saturating_add(CLOCK_AHEAD)))
    }

    /// The same for the next attempt of a job that has failed.
    pub(super) fn latest_attempt(&self, now: i64) -> i64 {
        now.saturating_add(millis(self.schedule.longest.saturating_add(CLOCK_AHEAD)))
    }
}

/// One request to the ledger; `apply` runs inside one transaction, and may be run again from its start.
pub(crate) trait TxRequest: Send + Sync + 'static {
    type Reply: Send + 'static;

    fn apply<S: Sql>(
        &self,
        sql: &mut S,
        tx: &mut TxContext<'_>,
    ) -> impl Future<Output = Result<Self::Reply, LedgerError>> + Send;
}

/// The rules of a transaction, and the events that it records. They count only if it commits.
#[derive(Debug)]
pub(crate) struct TxContext<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) events: Vec<Event>,
}

impl<'a> TxContext<'a> {
    pub(crate) fn new(rules: &'a Rules) -> Self {
        Self { rules, events: Vec::new() }
    }

    pub(super) fn record(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(super) fn record_transition(&mut self, at: i64, claim: &Claim, from: State, to: State) {
        if from != to {
            self.record(Event {
                from: Some(from),
                to: Some(to),
                ..Event::of_claim(at, EventKind::JobStateChanged, claim)
            });
        }
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
