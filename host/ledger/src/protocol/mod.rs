//! What the ledger does, once for every engine: each request reads rows, decides by the table of moves, and
//! writes rows, inside one transaction.

mod command;
mod ending;
mod lease;
mod look;
mod op;
mod plan;
mod recover;
mod rows;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;

use super::error::LedgerError;
use super::history::{Event, EventKind};
use super::job::Claim;
use super::schedule::Schedule;
use super::sql::Sql;
use super::state::State;

pub(super) use command::Tell;
pub(super) use lease::{Enqueue, LeaseJob, LeaseNext, Renew};
pub(super) use look::{
    Artifacts, CountJobs, Dispositions, FindJob, ListEvents, ListJobs, NextAt, TellStory, insert_events,
};
pub(super) use plan::PlanJobs;
pub(super) use recover::{Lose, Recover, RetryJobs};

/// The rules of a ledger that its operator may set.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How long a lease lasts without being renewed.
    pub lease: Duration,
    /// After this long a running op is done again when it is asked for.
    pub abandoned: Duration,
    pub schedule: Schedule,
}

/// One thing asked of the ledger; `apply` runs inside one transaction and may run again from its start.
pub(super) trait Command: Send + Sync + 'static {
    type Reply: Send + 'static;

    fn apply<S: Sql>(
        &self,
        sql: &mut S,
        book: &mut TxContext<'_>,
    ) -> impl Future<Output = Result<Self::Reply, LedgerError>> + Send;
}

/// What a request works by, and where it says what happened. The events count only if the transaction commits.
#[derive(Debug)]
pub(super) struct TxContext<'a> {
    pub(super) rules: &'a Rules,
    pub(super) events: Vec<Event>,
}

impl TxContext<'_> {
    fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    fn tell_move(&mut self, at: i64, claim: &Claim, from: State, to: State) {
        if from != to {
            self.tell(Event {
                from: Some(from),
                to: Some(to),
                ..told(at, EventKind::JobStateChanged, claim)
            });
        }
    }
}

fn told(at: i64, kind: EventKind, claim: &Claim) -> Event {
    Event {
        at,
        kind,
        job_id: claim.job_id,
        job: claim.job.clone(),
        owner: Some(Arc::clone(&claim.owner)),
        fence: claim.fence,
        from: None,
        to: None,
        detail: Map::new(),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
