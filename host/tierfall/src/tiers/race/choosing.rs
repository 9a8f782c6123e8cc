//! What the operator's policy makes of candidates and of accepted files: refused, held while better may come, or taken.

use url::Url;

use super::state::{Held, Keyed, Race};
use crate::tiers::artifacts::Want;
use crate::tiers::outcome::Won;
use crate::tiers::source::Source;
use crate::tiers::trail::{AcquisitionEntry, TrailEntry};
use tierfall_work::{ArtifactFormat, Candidate, is_vouched_for};

impl<'a> Race<'a> {
    /// Takes in a proposal of a source: it waits to be fetched, unless the policy refuses it, or as good a file is
    /// there.
    pub(super) fn consider(
        &mut self,
        candidate: Candidate,
        format: ArtifactFormat,
        tier: &'a str,
        source: &'a dyn Source,
    ) {
        if self.missing().all(|missing| missing != format) {
            return;
        }
        if is_vouched_for(source.speaks_as()) {
            self.trail.vouch_for(&candidate.url);
        }
        if let Some((reason, detail)) = self.plan.copies.refuses(&candidate) {
            let name = source.name();
            self.record(TrailEntry::Acquisition(AcquisitionEntry {
                at_ms: self.at_ms(),
                tier: tier.to_owned(),
                plugin: name.plugin.clone(),
                source: name.source.clone(),
                url: candidate.url,
                final_url: None,
                rejected: Some(reason),
                status: None,
                bytes: 0,
                resumed_from: 0,
                ms: 0,
                detail,
                retryable: false,
                vouched: is_vouched_for(source.speaks_as()),
            }));
            return;
        }
        if !self.is_better(&candidate, format) {
            return;
        }
        let shortfall = self.plan.copies.shortfall(&candidate);
        let Some(candidate) = self.known_better(candidate, format, tier, source) else { return };
        let url = Url::parse(candidate.url.trim()).ok();
        match (url.as_ref().and_then(|url| source.file_key(url)), url) {
            (Some(key), Some(url)) => {
                self.keyed.push(Keyed { candidate, url, format, key, tier, source });
            }
            (_, url) => self.proposals.add(candidate, url, format, shortfall, tier, source),
        }
    }

    /// Whether a candidate misses less of what is preferred than the file that is held.
    pub(super) fn is_better(&self, candidate: &Candidate, format: ArtifactFormat) -> bool {
        let held = self.held.iter().find(|held| held.won.file.format == format);
        held.is_none_or(|held| self.plan.copies.shortfall(candidate) < held.shortfall)
    }

    /// Where the file that is held is the one that is proposed, somebody who is vouched for knows more of it: it is held
    /// as that. Gives back any other candidate.
    fn known_better(
        &mut self,
        candidate: Candidate,
        format: ArtifactFormat,
        tier: &str,
        source: &dyn Source,
    ) -> Option<Candidate> {
        let at = self.held.iter().position(|held| held.won.file.format == format);
        let Some(at) = at.filter(|_| is_vouched_for(source.speaks_as())) else { return Some(candidate) };
        let held = self.held.swap_remove(at);
        let url = candidate.url.trim();
        let same = held.won.candidate.url.trim() == url
            || held.won.final_url.as_ref().is_some_and(|last| last.as_str() == url);
        if !same {
            self.held.push(held);
            return Some(candidate);
        }
        let (tier, source) = (tier.to_owned(), source.name().clone());
        self.take(Won { candidate, tier, source, ..held.won });
        None
    }

    /// A file was accepted: it wins, or is held where the policy prefers something better, or is less than what is held.
    pub(super) fn take(&mut self, won: Won) {
        let shortfall = self.plan.copies.shortfall(&won.candidate);
        let format = won.file.format;
        if !self.is_better(&won.candidate, format) {
            return;
        }
        self.held.retain(|held| held.won.file.format != format);
        if shortfall.is_none() {
            self.win(won);
        } else {
            self.proposals.keep_better(format, shortfall);
            self.held.push(Held { shortfall, won });
        }
        // It is here, and nowhere else, until it is known whether it is the one to be stored.
        self.clock.stays(!self.held.is_empty());
    }

    /// Nothing better came: what is held wins, as far as it is still wanted.
    pub(super) fn take_what_is_held(&mut self) {
        for Held { won, .. } in std::mem::take(&mut self.held) {
            let enough = self.plan.artifacts.want == Want::First && !self.won.is_empty();
            if !enough && self.missing().any(|missing| missing == won.file.format) {
                self.win(won);
            }
        }
    }

    fn win(&mut self, won: Won) {
        let rivals = self.proposals.won(won.file.format, &won.candidate.url);
        self.won.push(Won { file: won.file.with_rivals(rivals), ..won });
    }
}
