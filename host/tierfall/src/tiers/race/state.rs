//! What a race knows while it goes on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::considered::ConsideredSources;
use super::in_flight::InFlight;
use super::observer::Observer;
use super::proposals::{Proposals, Queued};
use crate::acquire::{Acquire, Acquisition, FileKey, Journal, NoJournal, Shortfall};
use crate::tiers::artifacts::Want;
use crate::tiers::missed::MissedSources;
use crate::tiers::outcome::Won;
use crate::tiers::plan::{Plan, Tier};
use crate::tiers::source::{Answer, Source, SourceName};
use crate::tiers::trail::{Trail, TrailEntry, millis};
use tierfall_http::WorkClock;
use tierfall_ids::IdKind;
use tierfall_sandbox::AnsweredPages;
use tierfall_work::{ArtifactFormat, Candidate, Facts, Work};
use url::Url;

/// An artifact that a work is raced for, and who records what is done for it.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Its form.
    pub format: ArtifactFormat,
    /// The record of its side effects.
    pub journal: &'a dyn Journal,
}

/// An acquisition in flight.
pub(super) struct Running {
    /// That of its proposal.
    pub(super) order: usize,
    pub(super) format: ArtifactFormat,
    pub(super) began: Instant,
    /// When it began, by the time of the work.
    pub(super) at: Duration,
}

/// What a future in flight brings back.
pub(super) enum Done<'a> {
    Attempt { tier: &'a str, source: &'a Arc<dyn Source>, facts: bool, began: Instant, answer: Answer },
    Acquisition { queued: Queued<'a>, began: Instant, acquisition: Box<Acquisition> },
}

/// A candidate that is fetched with a key.
pub(super) struct Keyed<'a> {
    pub(super) candidate: Candidate,
    pub(super) url: Url,
    pub(super) format: ArtifactFormat,
    pub(super) key: FileKey,
    pub(super) tier: &'a str,
    pub(super) source: &'a dyn Source,
}

/// An accepted file that is less than the policy prefers.
pub(super) struct Held {
    pub(super) shortfall: Shortfall,
    pub(super) won: Won,
}

pub(super) struct Race<'a> {
    pub(super) plan: &'a Plan,
    pub(super) acquirer: &'a dyn Acquire,
    /// What is wanted most comes first.
    pub(super) wanted: &'a [Wanted<'a>],
    /// What was accepted so far, one of each form.
    pub(super) won: Vec<Won>,
    /// Accepted files that are less than what is preferred, one of each form that is missing.
    pub(super) held: Vec<Held>,
    pub(super) observer: &'a dyn Observer,
    pub(super) started: Instant,
    pub(super) clock: Arc<WorkClock>,
    /// Shared with acquisitions, which judge by what is known when the file has arrived.
    pub(super) work: Arc<Mutex<Arc<Work>>>,
    pub(super) trail: Trail,
    pub(super) in_flight: InFlight<'a, Done<'a>>,
    pub(super) attempts_left: u32,
    pub(super) attempts_running: usize,
    /// Of these, at sources that are asked about several works in one question.
    pub(super) many_running: usize,
    pub(super) facts_running: usize,
    pub(super) acquiring: Vec<Running>,
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
    pub(super) announced: Announced<'a>,
    /// Sources that could not answer, and that are waited for before the work ends with nothing.
    pub(super) missed: MissedSources<'a>,
    /// Sources that another worker had waited for.
    pub(super) waited_for: Vec<String>,
    /// One of them was waited for in vain.
    pub(super) out_of_patience: bool,
}

/// A work that later tiers were told of; when it ends, it comes no more.
pub(super) struct Announced<'a> {
    plan: &'a Plan,
    key: Option<String>,
}

impl<'a> Announced<'a> {
    pub(super) fn nowhere(plan: &'a Plan) -> Self {
        Self { plan, key: None }
    }

    /// Tells the sources of `tier` and those after it, as far as they are not `past`, that the work may come.
    pub(super) fn from(&mut self, tier: &Tier, work: &Arc<Work>, past: impl Fn(&SourceName) -> bool) {
        self.key = Some(work.key());
        let tiers = self.plan.tiers.iter().skip_while(|other| other.name != tier.name);
        let coming = tiers.flat_map(|tier| &tier.sources).filter(|source| !past(source.name()));
        coming.for_each(|source| source.expect(work));
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.plan.tiers.iter().flat_map(|tier| &tier.sources).for_each(|source| source.forget(key));
        }
    }
}

impl<'a> Race<'a> {
    /// The forms that are wanted and not there yet.
    pub(super) fn missing(&self) -> impl Iterator<Item = ArtifactFormat> {
        let is_won = |format| self.won.iter().any(|won| won.file.format == format);
        self.wanted.iter().map(|wanted| wanted.format).filter(move |format| !is_won(*format))
    }

    /// Nothing more is wanted.
    pub(super) fn is_content(&self) -> bool {
        let enough = self.plan.artifacts.want == Want::First && !self.won.is_empty();
        enough || self.missing().next().is_none()
    }

    pub(super) fn journal_of(&self, format: ArtifactFormat) -> &'a dyn Journal {
        let wanted = self.wanted.iter().find(|wanted| wanted.format == format);
        wanted.map_or(&NoJournal, |wanted| wanted.journal)
    }

    /// Whether a source may have what is missing.
    pub(super) fn may_bring(&self, source: &dyn Source) -> bool {
        self.plan.artifacts.may_come_from(&source.name().source, self.missing())
    }

    /// Whether a source can be asked about the work, and may have what is missing of it.
    pub(super) fn applicable(&self, source: &dyn Source) -> bool {
        self.may_bring(source) && self.is_known_to(source)
    }

    /// Whether the work has an identifier of a kind that the source takes.
    pub(super) fn is_known_to(&self, source: &dyn Source) -> bool {
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
