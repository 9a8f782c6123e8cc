//! What a race that is given back leaves for the next worker, and how that one takes it over.

use super::state::Race;
use crate::tiers::so_far::SoFar;
use crate::tiers::trail::{AttemptEntry, Trail, TrailEntry, millis};
use tierfall_work::Known;

impl Race<'_> {
    /// What is kept of this race.
    pub(super) fn so_far(&self) -> SoFar {
        let known = &self.snapshot().known;
        let kept = self.trail.0.iter().filter(|entry| match entry {
            TrailEntry::Attempt(attempt) => self.said_nothing(attempt, known),
            // What only a stranger proposed may have failed by the stranger's making.
            TrailEntry::Acquisition(tried) => tried.vouched || self.proposals.is_from_before(&tried.url),
        });
        let trail = Trail(kept.cloned().collect());
        let waits_for = self.missed.names().chain(self.waited_for.iter().cloned()).collect();
        SoFar::of(trail, millis(self.clock.used()), millis(self.started.elapsed())).waiting_for(waits_for)
    }

    /// Takes over what was kept.
    pub(super) fn take_over(&mut self, settled: Trail) {
        let work = self.snapshot();
        for source in self.plan.tiers.iter().flat_map(|tier| &tier.sources).chain(&self.plan.facts) {
            let name = source.name();
            if settled.attempts().any(|attempt| attempt.is_of(name)) && !self.considered.contains(name) {
                // By an identifier that it would rather have, once that is known, it is asked again.
                self.considered.ask(source.as_ref(), &work);
                self.considered.had_nothing(name);
            }
        }
        for acquisition in settled.acquisitions() {
            if let Some(reason) = acquisition.rejected {
                self.proposals.rejected_before(&acquisition.url, reason);
            }
        }
        // Those who watch were told when it happened.
        self.trail.0.extend(settled.0);
    }

    /// A source that had nothing, and on whose word nothing of what is known stands.
    fn said_nothing(&self, attempt: &AttemptEntry, known: &Known) -> bool {
        let sources = self.plan.tiers.iter().flat_map(|tier| &tier.sources).chain(&self.plan.facts);
        let mut sources = sources.filter(|source| attempt.is_of(source.name()));
        let Some(source) = sources.next() else { return false };
        self.considered.has_nothing(source.name()) && !says(known, source.speaks_as())
    }
}

/// Whether anything of this is known from `by`.
fn says(known: &Known, by: &str) -> bool {
    let Known { title, authors, year, pages, retracted } = known;
    title.as_ref().is_some_and(|said| said.by == by)
        || authors.as_ref().is_some_and(|said| said.by == by)
        || year.as_ref().is_some_and(|said| said.by == by)
        || pages.as_ref().is_some_and(|said| said.by == by)
        || retracted.as_ref().is_some_and(|said| said.by == by)
}
