//! What a race knows while it goes on.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::in_flight::InFlight;
use super::observer::Observer;
use super::proposals::{Proposals, Queued};
use crate::acquire::{Acquire, Acquisition, FileKey, Journal};
use crate::tiers::plan::Plan;
use crate::tiers::source::{Answer, Source, SourceName};
use crate::tiers::trail::{Trail, TrailEntry, millis};
use tierfall_ids::IdKind;
use tierfall_sandbox::AnsweredPages;
use tierfall_work::{Candidate, Facts, Work};

/// What a future in flight brings back.
pub(super) enum Done<'a> {
    Attempt { tier: String, source: &'a Arc<dyn Source>, facts: bool, began: Instant, answer: Answer },
    Acquisition { queued: Queued, began: Instant, acquisition: Box<Acquisition> },
}

/// A candidate that is fetched with a key.
pub(super) struct Keyed {
    pub(super) candidate: Candidate,
    pub(super) key: FileKey,
    pub(super) tier: String,
    pub(super) source: SourceName,
    pub(super) by: String,
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
    pub(super) considered: HashSet<&'a SourceName>,
    /// By which of its kinds of identifier, counted from its first, each source was asked.
    pub(super) asked_by: HashMap<&'a SourceName, usize>,
    /// Sources that had nothing.
    pub(super) empty_handed: HashSet<&'a SourceName>,
    /// An identifier was learned since it was last seen who is to be asked again.
    pub(super) learned_ids: bool,
    /// Sources to ask when a proof lacks a title.
    pub(super) facts: VecDeque<&'a Arc<dyn Source>>,
    pub(super) proposals: Proposals,
    /// Files that are fetched with a key, once nothing else is left.
    pub(super) keyed: Vec<Keyed>,
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
