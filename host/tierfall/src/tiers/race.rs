//! The race: one work walked through its tiers under its budgets.
//!
//! Everything of a work lives in one task: dropping it, or any future in it, cancels what is in flight.

mod in_flight;

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::StreamExt;
use tokio::time::{Instant, sleep_until};
use url::Url;

use self::in_flight::InFlight;
use super::plan::{Plan, Tier};
use super::source::{Acquire, Answer, Ask, Source, SourceName};
use super::trail::{
    AcquisitionEntry, AttemptEntry, AttemptOutcome, Proposal, Trail, TrailEntry, millis, skipped,
    verdict_code,
};
use crate::acquire::{Acquisition, Reason, UsageRights, Verdict, VerifiedFile};
use tierfall_http::AttemptClock;
use tierfall_ids::IdKind;
use tierfall_ledger::LeaseHandle;
use tierfall_proof::Identity;
use tierfall_sandbox::{CallError, SourceError};
use tierfall_work::{Candidate, Facts, Said, Work};

/// How a work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It has its artifact.
    Stored,
    /// Everything was asked, and there is no copy.
    NoCopy,
    /// There may be a copy: something failed in a way that may pass.
    Failed,
    /// Its total time was over.
    Timeout,
}

impl Status {
    pub fn label(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::NoCopy => "no_copy",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }
}

/// The accepted file, and where it came from.
#[derive(Debug)]
pub struct Won {
    pub file: VerifiedFile,
    pub identity: Identity,
    pub candidate: Candidate,
    pub final_url: Option<Url>,
    pub signals: UsageRights,
    pub tier: String,
    pub source: SourceName,
}

/// What is known of a work after its walk.
#[derive(Debug)]
pub struct Outcome {
    /// With everything learned on the way.
    pub work: Arc<Work>,
    pub status: Status,
    /// Why it is not stored: a verdict's code, or `no_candidates`, `max_attempts`, `total_timeout`.
    pub reason: Option<Cow<'static, str>>,
    pub won: Option<Won>,
    pub trail: Trail,
    pub elapsed: Duration,
}

/// Told what happens while it happens.
pub trait Observer: Send + Sync {
    fn attempt_started(&self, _tier: &str, _source: &SourceName) {}
    fn acquisition_started(&self, _source: &SourceName, _candidate: &Candidate) {}
    fn entry(&self, _entry: &TrailEntry) {}
}

impl Observer for () {}

/// Walks one work through the plan's tiers until a file is accepted, nothing is left to ask, or a budget is
/// used up. What is accepted is not stored yet: only the winner's file is to be.
pub async fn race(
    plan: &Plan,
    work: Work,
    acquirer: &dyn Acquire,
    grip: &LeaseHandle,
    observer: &dyn Observer,
) -> Outcome {
    let started = Instant::now();
    let mut race = Race {
        plan,
        acquirer,
        grip,
        observer,
        started,
        deadline: started + plan.budgets.total,
        work: Arc::new(Mutex::new(Arc::new(work))),
        trail: Trail::default(),
        in_flight: InFlight::new(plan.in_order),
        attempts_left: plan.budgets.max_attempts,
        attempts_running: 0,
        facts_running: 0,
        acquiring: Vec::new(),
        asked: HashSet::new(),
        facts: plan.facts.iter().collect(),
        queue: Vec::new(),
        seen_urls: HashSet::new(),
        proposals: 0,
    };
    let ended = race.run().await;
    race.finish(ended)
}

enum Ended {
    Won(Box<Won>),
    Exhausted,
    Deadline,
}

/// A candidate waiting to be acquired.
struct Queued {
    candidate: Candidate,
    tier: String,
    source: SourceName,
    /// Its place among all proposals: between equals the earlier one goes first.
    order: usize,
}

/// What a future in flight brings back.
enum Done<'a> {
    Attempt { tier: String, source: &'a Arc<dyn Source>, facts: bool, began: Instant, answer: Answer },
    Acquisition { queued: Queued, began: Instant, acquisition: Box<Acquisition> },
}

struct Race<'a> {
    plan: &'a Plan,
    acquirer: &'a dyn Acquire,
    grip: &'a LeaseHandle,
    observer: &'a dyn Observer,
    started: Instant,
    deadline: Instant,
    /// Shared with acquisitions, which judge by what is known when the file has arrived.
    work: Arc<Mutex<Arc<Work>>>,
    trail: Trail,
    in_flight: InFlight<'a, Done<'a>>,
    attempts_left: u32,
    attempts_running: usize,
    facts_running: usize,
    /// When each acquisition in flight began.
    acquiring: Vec<(usize, Instant)>,
    asked: HashSet<&'a SourceName>,
    /// Sources to ask when a proof lacks a title.
    facts: VecDeque<&'a Arc<dyn Source>>,
    queue: Vec<Queued>,
    seen_urls: HashSet<String>,
    proposals: usize,
}

impl<'a> Race<'a> {
    async fn run(&mut self) -> Ended {
        let deadline = sleep_until(self.deadline);
        tokio::pin!(deadline);
        // Sources that could not look for this work yet: a later answer may bring the identifier they need.
        let mut waiting: VecDeque<(&'a str, &'a Arc<dyn Source>)> = VecDeque::new();
        for tier in &self.plan.tiers {
            for missing in &tier.skipped {
                let at_ms = self.at_ms();
                self.record(TrailEntry::Attempt(skipped(
                    &tier.name,
                    &missing.name,
                    at_ms,
                    &missing.reason,
                    false,
                )));
            }
            waiting.extend(tier.sources.iter().map(|source| (tier.name.as_str(), source)));
            loop {
                self.launch(tier, &mut waiting);
                if self.in_flight.is_empty() {
                    break;
                }
                let hedge = self.next_hedge();
                tokio::select! {
                    biased;
                    () = &mut deadline => return Ended::Deadline,
                    Some(done) = self.in_flight.next() => {
                        if let Some(won) = self.settle(done) {
                            return Ended::Won(Box::new(won));
                        }
                    }
                    () = sleep_until(hedge.unwrap_or(self.deadline)), if hedge.is_some() => {}
                }
            }
            if self.attempts_left == 0 {
                break;
            }
        }
        for (tier, source) in waiting {
            if self.asked.contains(source.name()) {
                continue;
            }
            let at_ms = self.at_ms();
            let why = if self.applicable(source.as_ref()) {
                "the work's attempts are used up (fallback-max-attempts)".to_owned()
            } else {
                let kinds: Vec<_> = source.ids().iter().map(|kind| kind.label()).collect();
                format!("needs one of: {}", kinds.join(", "))
            };
            self.record(TrailEntry::Attempt(skipped(tier, source.name(), at_ms, &why, false)));
        }
        Ended::Exhausted
    }

    /// Starts whatever the budgets and the tier allow now.
    fn launch(&mut self, tier: &'a Tier, waiting: &mut VecDeque<(&'a str, &'a Arc<dyn Source>)>) {
        while self.in_flight.len() < self.plan.budgets.max_concurrent {
            if self.may_acquire(tier) {
                if self.lacks_title() {
                    if self.facts_running == 0 && !self.launch_facts() {
                        self.launch_acquisition();
                        continue;
                    }
                } else {
                    self.launch_acquisition();
                    continue;
                }
            }
            // A fresh acquisition counts as one of the tier's attempts: while it runs, fewer rivals are asked.
            let fresh = usize::from(self.acquiring.iter().any(|(_, began)| !self.overdue(*began)));
            if self.attempts_running + fresh >= tier.parallel || self.attempts_left == 0 {
                return;
            }
            let Some(at) = waiting.iter().position(|(_, source)| self.applicable(source.as_ref())) else {
                return;
            };
            if let Some((tier_name, source)) = waiting.remove(at)
                && !self.asked.contains(source.name())
                && self.open(tier_name, source)
            {
                self.launch_attempt(tier_name, source, false);
            }
        }
    }

    /// A candidate waits, and none is being acquired, or those that are have taken their time.
    fn may_acquire(&self, tier: &Tier) -> bool {
        !self.queue.is_empty()
            && self.acquiring.len() < tier.parallel.max(1)
            && self.acquiring.iter().all(|(_, began)| self.overdue(*began))
    }

    fn overdue(&self, began: Instant) -> bool {
        began.elapsed() >= self.plan.budgets.hedge
    }

    /// When the next acquisition in flight becomes overdue.
    fn next_hedge(&self) -> Option<Instant> {
        let began =
            self.acquiring.iter().map(|(_, began)| *began).filter(|began| !self.overdue(*began)).min()?;
        Some(began + self.plan.budgets.hedge)
    }

    fn lacks_title(&self) -> bool {
        let lacking = self.snapshot().known.title.as_ref().is_none_or(Said::is_untrusted);
        lacking && (self.facts_running > 0 || !self.facts.is_empty())
    }

    /// Asks the next facts source that can help; `false` when there is none left.
    fn launch_facts(&mut self) -> bool {
        while let Some(source) = self.facts.pop_front() {
            if self.attempts_left > 0
                && !self.asked.contains(source.name())
                && self.applicable(source.as_ref())
                && self.open("facts", source)
            {
                self.launch_attempt("facts", source, true);
                return true;
            }
        }
        false
    }

    /// Whether a source can be asked now; where its hosts are left alone, it is skipped.
    fn open(&mut self, tier: &str, source: &'a Arc<dyn Source>) -> bool {
        let patience = self.deadline.saturating_duration_since(Instant::now());
        let Some(reason) = source.closed(&self.snapshot(), patience) else { return true };
        self.asked.insert(source.name());
        let at_ms = self.at_ms();
        self.record(TrailEntry::Attempt(skipped(tier, source.name(), at_ms, &reason, true)));
        false
    }

    fn launch_attempt(&mut self, tier: &str, source: &'a Arc<dyn Source>, facts: bool) {
        // Reserved before the launch: what is in flight has been paid for.
        self.attempts_left -= 1;
        self.attempts_running += 1;
        let facts = facts || self.plan.facts.iter().any(|other| other.name() == source.name());
        self.facts_running += usize::from(facts);
        self.asked.insert(source.name());
        self.observer.attempt_started(tier, source.name());
        let began = Instant::now();
        let clock = Arc::new(AttemptClock::new(source.timeout(), self.deadline));
        let ask = Ask { work: self.snapshot(), tried: self.trail.tried(), clock: Arc::clone(&clock) };
        let tier = tier.to_owned();
        self.in_flight.push(Box::pin(async move {
            let answer = tokio::select! {
                biased;
                answer = source.find(ask) => answer,
                () = clock.expired() => Answer { result: Err(CallError::Timeout), notes: Vec::new() },
            };
            Done::Attempt { tier, source, facts, began, answer }
        }));
    }

    fn launch_acquisition(&mut self) {
        let best = (0..self.queue.len()).min_by_key(|at| {
            let queued = &self.queue[*at];
            (queued.candidate.basis, queued.candidate.version, queued.order)
        });
        let Some(best) = best else { return };
        let queued = self.queue.swap_remove(best);
        self.observer.acquisition_started(&queued.source, &queued.candidate);
        let began = Instant::now();
        self.acquiring.push((queued.order, began));
        let (acquirer, grip) = (self.acquirer, self.grip);
        let (hard, shared) = (self.deadline, Arc::clone(&self.work));
        self.in_flight.push(Box::pin(async move {
            let work = move || Arc::clone(&shared.lock().unwrap_or_else(PoisonError::into_inner));
            let acquisition = acquirer.acquire(&queued.candidate, &work, hard, grip).await;
            Done::Acquisition { queued, began, acquisition: Box::new(acquisition) }
        }));
    }

    /// Takes in what came back; an accepted artifact ends the race.
    fn settle(&mut self, done: Done<'a>) -> Option<Won> {
        match done {
            Done::Attempt { tier, source, facts, began, answer } => {
                self.attempts_running -= 1;
                self.facts_running -= usize::from(facts);
                self.settle_attempt(tier, source.as_ref(), began, answer);
                None
            }
            Done::Acquisition { queued, began, acquisition } => {
                self.acquiring.retain(|(order, _)| *order != queued.order);
                self.settle_acquisition(queued, began, *acquisition)
            }
        }
    }

    fn settle_attempt(&mut self, tier: String, source: &dyn Source, began: Instant, answer: Answer) {
        let name = source.name();
        if matches!(answer.result, Err(CallError::Source(SourceError::NotApplicable))) {
            // It asked nobody: a skipped source costs nothing.
            self.attempts_left += 1;
        }
        let (outcome, detail, candidates) = match answer.result {
            Ok(finding) => {
                self.learn(&finding.facts, &source.speaks_as());
                let outcome = if finding.candidates.is_empty() {
                    AttemptOutcome::NoPdf
                } else {
                    AttemptOutcome::Success
                };
                (outcome, String::new(), finding.candidates)
            }
            Err(error) => (AttemptOutcome::of_error(&error), error.to_string(), Vec::new()),
        };
        let entry = AttemptEntry {
            at_ms: self.at_ms(),
            tier: tier.clone(),
            plugin: name.plugin.clone(),
            source: name.source.clone(),
            outcome,
            ms: millis(began.elapsed()),
            candidates: candidates.iter().map(Proposal::from).collect(),
            detail,
            notes: answer.notes,
            retryable: outcome.retryable(),
        };
        self.record(TrailEntry::Attempt(entry));
        for candidate in candidates {
            if let Some(page) = &candidate.landing_page {
                let facts = Facts { landing_urls: vec![page.clone()], ..Facts::default() };
                self.learn(&facts, &name.source);
            }
            if self.seen_urls.insert(url_key(&candidate.url)) {
                self.proposals += 1;
                self.queue.push(Queued {
                    candidate,
                    tier: tier.clone(),
                    source: name.clone(),
                    order: self.proposals,
                });
            }
        }
    }

    fn settle_acquisition(
        &mut self,
        queued: Queued,
        began: Instant,
        acquisition: Acquisition,
    ) -> Option<Won> {
        let final_url = acquisition.final_url.as_ref().map(Url::to_string);
        if let Some(url) = &final_url {
            self.seen_urls.insert(url_key(url));
        }
        let retryable = matches!(&acquisition.verdict, Verdict::Rejected(reason) if reason.retryable());
        self.record(TrailEntry::Acquisition(AcquisitionEntry {
            at_ms: self.at_ms(),
            tier: queued.tier.clone(),
            plugin: queued.source.plugin.clone(),
            source: queued.source.source.clone(),
            url: queued.candidate.url.clone(),
            final_url: final_url.clone(),
            verdict: verdict_code(&acquisition.verdict).into(),
            status: acquisition.status,
            bytes: acquisition.bytes,
            resumed_from: acquisition.resumed_from,
            ms: millis(began.elapsed()),
            detail: acquisition.detail,
            retryable,
        }));
        match (acquisition.verdict, acquisition.file) {
            (Verdict::Accepted(identity), Some(file)) => Some(Won {
                file,
                identity,
                candidate: queued.candidate,
                final_url: acquisition.final_url,
                signals: acquisition.signals,
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

    fn finish(self, ended: Ended) -> Outcome {
        let work = self.snapshot();
        let reason = match &ended {
            Ended::Won(_) => None,
            Ended::Deadline => Some("total_timeout".into()),
            // What the best candidate failed by says more than that others were missing.
            Ended::Exhausted => Some(match self.trail.acquisitions().next() {
                Some(first) => first.verdict.clone(),
                None if self.attempts_left == 0 => "max_attempts".into(),
                None => "no_candidates".into(),
            }),
        };
        let (status, won) = match ended {
            Ended::Won(won) => (Status::Stored, Some(*won)),
            Ended::Deadline => (Status::Timeout, None),
            Ended::Exhausted if self.trail.retryable() => (Status::Failed, None),
            Ended::Exhausted => (Status::NoCopy, None),
        };
        Outcome { work, status, reason, won, trail: self.trail, elapsed: self.started.elapsed() }
    }

    fn applicable(&self, source: &dyn Source) -> bool {
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        source.ids().iter().any(|kind: &IdKind| work.has(*kind))
    }

    fn snapshot(&self) -> Arc<Work> {
        Arc::clone(&self.work.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn learn(&mut self, facts: &Facts, by: &str) {
        Arc::make_mut(&mut self.work.lock().unwrap_or_else(PoisonError::into_inner)).learn(facts, by);
    }

    fn record(&mut self, entry: TrailEntry) {
        self.observer.entry(&entry);
        self.trail.0.push(entry);
    }

    fn at_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }
}

/// One URL, however it was written; a fragment never reaches the server.
fn url_key(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut url) => {
            url.set_fragment(None);
            url.to_string()
        }
        Err(_) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
