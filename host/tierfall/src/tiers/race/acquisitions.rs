//! Fetching candidates, and taking in how that ended.

use std::sync::{Arc, PoisonError};

use tokio::time::Instant;
use url::Url;

use super::state::{Done, Queued, Race, url_key};
use crate::acquire::{Acquisition, Reason, Verdict};
use crate::tiers::outcome::Won;
use crate::tiers::plan::Tier;
use crate::tiers::trail::{AcquisitionEntry, TrailEntry, millis};
use tierfall_work::Facts;

impl Race<'_> {
    /// A candidate waits, and none is being acquired, or those that are have taken their time.
    pub(super) fn may_acquire(&self, tier: &Tier) -> bool {
        !self.queue.is_empty()
            && self.acquiring.len() < tier.parallel.max(1)
            && self.acquiring.iter().all(|(_, began)| self.overdue(*began))
    }

    pub(super) fn overdue(&self, began: Instant) -> bool {
        began.elapsed() >= self.plan.budgets.hedge
    }

    /// When the next acquisition in flight becomes overdue.
    pub(super) fn next_hedge(&self) -> Option<Instant> {
        let began =
            self.acquiring.iter().map(|(_, began)| *began).filter(|began| !self.overdue(*began)).min()?;
        Some(began + self.plan.budgets.hedge)
    }

    pub(super) fn launch_acquisition(&mut self) {
        let best = (0..self.queue.len()).min_by_key(|at| {
            let queued = &self.queue[*at];
            (queued.candidate.basis, queued.candidate.version, queued.order)
        });
        let Some(best) = best else { return };
        let queued = self.queue.swap_remove(best);
        self.observer.acquisition_started(&queued.source, &queued.candidate);
        let began = Instant::now();
        self.acquiring.push((queued.order, began));
        let (acquirer, journal) = (self.acquirer, self.journal);
        let (deadline, shared) = (self.deadline, Arc::clone(&self.work));
        self.in_flight.push(Box::pin(async move {
            let work = move || Arc::clone(&shared.lock().unwrap_or_else(PoisonError::into_inner));
            let acquisition = acquirer.acquire(&queued.candidate, &work, deadline, journal).await;
            Done::Acquisition { queued, began, acquisition: Box::new(acquisition) }
        }));
    }

    pub(super) fn settle_acquisition(
        &mut self,
        queued: Queued,
        began: Instant,
        acquisition: Acquisition,
    ) -> Option<Won> {
        let final_url = acquisition.final_url.as_ref().map(Url::to_string);
        if let Some(url) = &acquisition.final_url {
            self.seen_urls.insert(url_key(url));
        }
        let rejected = match acquisition.verdict {
            Verdict::Accepted(_) => None,
            Verdict::Rejected(reason) => Some(reason),
        };
        self.record(TrailEntry::Acquisition(AcquisitionEntry {
            at_ms: self.at_ms(),
            tier: queued.tier.clone(),
            plugin: queued.source.plugin.clone(),
            source: queued.source.source.clone(),
            url: queued.candidate.url.clone(),
            final_url: final_url.clone(),
            rejected,
            status: acquisition.status,
            bytes: acquisition.bytes,
            resumed_from: acquisition.resumed_from,
            ms: millis(began.elapsed()),
            detail: acquisition.detail,
            retryable: rejected.is_some_and(|reason| reason.retryable()),
        }));
        match (acquisition.verdict, acquisition.file) {
            (Verdict::Accepted(identity), Some(file)) => Some(Won {
                file: file.with_rivals(self.rivals(&queued.candidate.url)),
                identity,
                candidate: queued.candidate,
                final_url: acquisition.final_url,
                usage_rights: acquisition.usage_rights,
                tier: queued.tier,
                source: queued.source,
            }),
            (Verdict::Rejected(Reason::HtmlInstead), _) => {
                // A page where a file was promised is a page about the work, and may link the file.
                let page = final_url.unwrap_or(queued.candidate.url);
                self.learn(&Facts { landing_urls: vec![page], ..Facts::default() }, &queued.source.source);
                None
            }
            _ => None,
        }
    }

    /// The URLs of all candidates but the winner.
    fn rivals(&mut self, winner: &str) -> Vec<String> {
        let urls = std::mem::take(&mut self.urls).into_iter().map(String::from);
        urls.filter(|url| url != winner).collect()
    }
}
