//! Asking sources, and taking in what they answer.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::state::{Done, Race};
use crate::tiers::artifacts::format_of;
use crate::tiers::cause::Cause;
use crate::tiers::missed::{Next, is_missed, not_in_time, refusal};
use crate::tiers::reason::EndReason;
use crate::tiers::source::{Answer, Ask, Closed, Source};
use crate::tiers::trail::{AttemptEntry, AttemptOutcome, Proposal, TrailEntry, closed, millis};
use tierfall_http::AttemptClock;
use tierfall_sandbox::{CallError, CallReport, SourceError};
use tierfall_work::{Candidate, Facts, Said, is_vouched_for};

impl<'a> Race<'a> {
    pub(super) fn lacks_title(&self) -> bool {
        let lacking = self.snapshot().known.title.as_ref().is_none_or(Said::is_untrusted);
        lacking && (self.facts_running > 0 || !self.facts.is_empty())
    }

    /// Whether a registry that may say how many pages the work has is just being asked: a file is not judged without
    /// that for having come first.
    pub(super) fn may_learn_pages(&self) -> bool {
        self.facts_running > 0 && self.snapshot().known.pages.is_none()
    }

    /// Asks the next facts source that can help; `false` when there is none left.
    pub(super) fn launch_facts(&mut self) -> bool {
        while let Some(source) = self.facts.pop_front() {
            if self.attempts_left > 0
                && !self.considered.contains(source.name())
                && self.is_known_to(source.as_ref())
                && self.open("facts", source)
            {
                self.launch_attempt("facts", source, true);
                return true;
            }
        }
        false
    }

    /// Whether a source can be asked now; where its hosts are left alone, it is skipped.
    pub(super) fn open(&mut self, tier: &'a str, source: &'a Arc<dyn Source>) -> bool {
        let (time_left, work) = (self.clock.left(), self.snapshot());
        let Some(why) = refusal(source, &work, time_left) else { return true };
        self.considered.skip(source.name());
        self.missed.note(tier, source, false, &self.clock);
        let at_ms = self.at_ms();
        self.record(TrailEntry::Attempt(closed(tier, source.name(), at_ms, &why)));
        false
    }

    /// Waits for sources that answer nobody, unless something was found, and asks them once they do. `true`: one of them
    /// is being asked.
    pub(super) async fn ask_missed(&mut self) -> bool {
        while self.won.is_empty() && self.held.is_empty() {
            let work = self.snapshot();
            match self.missed.next(&self.clock, &work).await {
                None => return false,
                Some(Next::Over { tier, source, why }) => {
                    self.out_of_patience = true;
                    self.trail.asked_again(source.name(), false);
                    let why = Closed { reason: EndReason::SourceOutage, detail: why };
                    let at_ms = self.at_ms();
                    self.record(TrailEntry::Attempt(closed(tier, source.name(), at_ms, &why)));
                }
                Some(Next::Ask { tier, source, paid }) => {
                    self.attempts_left += u32::from(paid);
                    if self.attempts_left > 0 {
                        self.considered.forget(source.name());
                        self.launch_attempt(tier, source, false);
                        return true;
                    }
                }
            }
        }
        false
    }

    pub(super) fn launch_attempt(&mut self, tier: &'a str, source: &'a Arc<dyn Source>, facts: bool) {
        // Reserved before the launch: what is in flight has been paid for.
        self.attempts_left -= 1;
        self.attempts_running += 1;
        self.many_running += usize::from(source.asks_many());
        let facts = facts || self.plan.facts.iter().any(|other| other.name() == source.name());
        self.facts_running += usize::from(facts);
        self.observer.attempt_started(tier, source.name());
        let began = Instant::now();
        let clock = Arc::new(AttemptClock::new(source.timeout(), &self.clock));
        // What a stranger's plugin claims is no question for anybody else.
        let work = self.snapshot();
        let work = if is_vouched_for(source.speaks_as()) { work.vouched() } else { work };
        self.considered.ask(source.as_ref(), &work);
        let about = Arc::clone(&work);
        let ask =
            Ask { work, tried: self.trail.tried(), clock: Arc::clone(&clock), pages: self.pages.clone() };
        self.in_flight.push(Box::pin(async move {
            let answer = tokio::select! {
                biased;
                answer = source.find(ask) => answer,
                () = clock.expired() => {
                    not_in_time(source, &about);
                    Answer::none()
                }
            };
            Done::Attempt { tier, source, facts, began, answer }
        }));
    }

    /// Remembers who had nothing, and whether the answer may help them.
    pub(super) fn note_answer(&mut self, source: &'a Arc<dyn Source>, answer: &Answer) {
        let nothing = match &answer.result {
            Ok(finding) => {
                let knows_it = !finding.facts.ids.is_empty();
                self.learned_ids |= knows_it;
                // Who tells the work's identifiers has its record: by another one it is the same record.
                finding.candidates.is_empty() && !knows_it
            }
            Err(error) => matches!(error, CallError::Source(SourceError::NotFound)),
        };
        if nothing {
            self.considered.had_nothing(source.name());
        }
    }

    /// Lets a source that had nothing be asked once more where the work has an identifier by now that it would
    /// rather have been asked by: an index that does not know a work by its DOI may have it under its own number.
    pub(super) fn ask_again(&mut self, waiting: &mut VecDeque<(&'a str, &'a Arc<dyn Source>)>) {
        if !std::mem::take(&mut self.learned_ids) {
            return;
        }
        let work = self.snapshot().vouched();
        let plan = self.plan;
        for tier in &plan.tiers {
            for source in &tier.sources {
                if self.considered.forget_if_better_known(source.as_ref(), &work) {
                    waiting.push_front((tier.name.as_str(), source));
                }
            }
        }
    }

    pub(super) fn settle_attempt(
        &mut self,
        tier: &'a str,
        source: &'a Arc<dyn Source>,
        began: Instant,
        answer: Answer,
    ) {
        let (name, by) = (source.name(), source.speaks_as());
        let missed = is_missed(&answer);
        if self.missed.contains(source.as_ref()) {
            self.trail.asked_again(name, !missed);
        }
        match missed {
            true => self.missed.note(tier, source, true, &self.clock),
            false => self.missed.forget(source.as_ref()),
        }
        if matches!(answer.result, Err(CallError::Source(SourceError::NotApplicable))) {
            // It sent no request: a skipped source costs nothing.
            self.attempts_left += 1;
        }
        let (outcome, cause, detail, candidates) = match answer.result {
            Ok(finding) => {
                self.learn(&finding.facts, by);
                // The trail also names copies in other forms than those that are looked for.
                let formats = &self.plan.artifacts.formats;
                let looked_for = |candidate: &Candidate| {
                    format_of(candidate).is_some_and(|format| formats.contains(&format))
                };
                let outcome = match finding.candidates.iter().any(looked_for) {
                    true => AttemptOutcome::Success,
                    false => AttemptOutcome::NoPdf,
                };
                let cause = Cause::of(outcome, None, &answer.report);
                (outcome, cause, None, finding.candidates)
            }
            Err(error) => {
                let outcome = AttemptOutcome::of_error(&error);
                let cause = Cause::of(outcome, Some(&error), &answer.report);
                (outcome, cause, Some(error.to_string()), Vec::new())
            }
        };
        let CallReport { notes, requests, .. } = answer.report;
        let entry = AttemptEntry {
            at_ms: self.at_ms(),
            tier: tier.to_owned(),
            plugin: name.plugin.clone(),
            source: name.source.clone(),
            outcome,
            ms: millis(began.elapsed()),
            candidates: candidates.iter().map(Proposal::from).collect(),
            detail: detail.unwrap_or(cause.detail),
            reason: cause.reason,
            notes,
            requests,
            retryable: cause.retryable,
        };
        self.record(TrailEntry::Attempt(entry));
        for candidate in candidates {
            let Some(format) = format_of(&candidate) else { continue };
            if let Some(page) = &candidate.landing_page {
                let facts = Facts { landing_urls: vec![page.clone()], ..Facts::default() };
                self.learn(&facts, by);
            }
            self.consider(candidate, format, tier, source.as_ref());
        }
    }
}
