//! What a race knows while it goes on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::considered::ConsideredSources;
use super::in_flight::InFlight;
use super::observer::Observer;
use super::proposals::{Proposals, Queued};
use crate::acquire::{Acquire, Acquisition, FileKey, Journal};
use crate::tiers::plan::Plan;
use crate::tiers::source::{Answer, Source};
use crate::tiers::trail::{Trail, TrailEntry, millis};
use tierfall_ids::IdKind;
use tierfall_sandbox::AnsweredPages;
use tierfall_work::{Candidate, Facts, Work};
use url::Url;

/// What a future in flight brings back.
pub(super) enum Done<'a> {
    Attempt { tier: &'a str, source: &'a Arc<dyn Source>, facts: bool, began: Instant, answer: Answer },
    Acquisition { queued: Queued<'a>, began: Instant, acquisition: Box<Acquisition> },
}

/// A candidate that is fetched with a key.
pub(super) struct Keyed<'a> {
    pub(super) candidate: Candidate,
    pub(super) url: Url,
    pub(super) key: FileKey,
    pub(super) tier: &'a str,
    pub(super) source: &'a dyn Source,
}

pub(super) struct Race<'a> {
    pub(super) plan: &'a Plan,
    pub(super) acquirer: &'a dyn Acquire,
    pub(super) journal: &'a dyn Journal,
    pub(super) observer: &'a dyn Observer,
    pub(super) started: Instant,
    pub(super) deadline: Instant,
    /// Shared with acquisitions, which judge by what is known when the file has arrived.
    pub(super) work: Arc<Mutex<Arc<Work>>>,
    pub(super) trail: Trail,
    pub(super) in_flight: InFlight<'a, Done<'a>>,
    pub(super) attempts_left: u32,
    pub(super) attempts_running: usize,
    pub(super) facts_running: usize,
    /// When each acquisition in flight began.
    pub(super) acquiring: Vec<(usize, Instant)>,
    pub(super) considered: ConsideredSources<'a>,
    /// An identifier was learned since it was last seen who is to be asked again.
    pub(super) learned_ids: bool,
    /// Sources to ask when a proof lacks a title.
    pub(super) facts: VecDeque<&'a Arc<dyn Source>>,
    pub(super) proposals: Proposals<'a>,
    /// Files that are fetched with a key, once nothing else is left.
    pub(super) keyed: Vec<Keyed<'a>>,
    /// Pages that a source has read; the next one is not to ask for them again.
    pub(super) pages: AnsweredPages,
}

impl Race<'_> {
    pub(super) fn applicable(&self, source: &dyn Source) -> bool {
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        source.ids().iter().any(|kind: &IdKind| work.has(*kind))
    }

    pub(super) fn snapshot(&self) -> Arc<Work> {
        Arc::clone(&self.work.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn learn(&mut self, facts: &Facts, by: &str) {
        Arc::make_mut(&mut self.work.lock().unwrap_or_else(PoisonError::into_inner)).learn(facts, by);
    }

    pub(super) fn record(&mut self, entry: TrailEntry) {
        self.observer.entry(&entry);
        self.trail.0.push(entry);
    }

    pub(super) fn at_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }
}
