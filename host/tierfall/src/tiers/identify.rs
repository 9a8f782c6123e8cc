//! Works that are known by their title: registries are asked for records that may be the work, one after the other,
//! until one is known to be it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::cause::Cause;
use super::missed::{MissedSources, Next, is_missed, not_in_time, refusal};
use super::nearest::Nearest;
use super::outcome::{Outcome, Status};
use super::plan::Plan;
use super::race::{Begun, Observer};
use super::reason::EndReason;
use super::so_far::{Parked, SoFar, parked_beyond};
use super::source::{Answer, Ask, Closed, Source, SourceName};
use super::trail::{AttemptEntry, AttemptOutcome, Trail, TrailEntry, closed, millis, skipped};
use tierfall_http::{AttemptClock, WorkClock};
use tierfall_ids::WorkId;
use tierfall_proof::records::{Decision, Open, Record, Resolved, decide};
use tierfall_sandbox::{AnsweredPages, CallError, CallReport, SourceError};
use tierfall_work::{Facts, Finding, Match, Work};

/// What came of asking for a title.
pub enum Identified {
    /// The work with its identifiers, and what it took to learn them.
    Work(Box<Work>, Begun),
    /// It stays without, and ends so.
    Open(Box<Outcome>),
}

/// The other titles that are being asked for.
pub trait Others: Sync {
    /// Waits for those with which a title can be asked for together from here on.
    fn come<'a>(&'a self, clock: &'a Arc<WorkClock>) -> BoxFuture<'a, ()>;
}

/// There are none.
impl Others for () {
    fn come<'a>(&'a self, _: &'a Arc<WorkClock>) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The tier that such attempts are shown under.
const TIER: &str = "titles";
/// How many sources have answered before a record is taken that does not agree in everything, or that no registry has.
const ENOUGH: usize = 2;
/// Identifiers that only strangers' plugins gave, and that registries are asked about.
const MOST_UNVOUCHED: usize = 3;

/// Asks for the title of a work, under the budgets of its race, and gives it back as its race would.
pub async fn identify(
    plan: &Plan,
    work: Work,
    begun: Begun,
    observer: &dyn Observer,
    others: &dyn Others,
) -> Identified {
    let Begun { started, clock, trail, attempts, settled, waited_for, patience } = begun;
    let mut search = Search {
        plan,
        observer,
        started,
        clock: Arc::clone(&clock),
        work: Arc::new(work),
        trail,
        attempts,
        records: Vec::new(),
        checked: Vec::new(),
        answered: 0,
        without_match: Vec::new(),
        missed: MissedSources::default(),
        waited_for,
        out_of_patience: false,
    };
    search.take_over(settled);
    tokio::select! {
        biased;
        until = parked_beyond(patience, &clock) => search.given_back(until),
        decision = search.ask_all(others) => match decision {
            Decision::Is(resolved) => search.identified(&resolved),
            Decision::Open(open) => search.left_open(open),
        }
    }
}

struct Search<'a> {
    plan: &'a Plan,
    observer: &'a dyn Observer,
    started: Instant,
    clock: Arc<WorkClock>,
    work: Arc<Work>,
    trail: Trail,
    attempts: u32,
    records: Vec<Record>,
    /// Identifiers that registries were asked about.
    checked: Vec<WorkId>,
    /// Sources that gave an answer to the title.
    answered: usize,
    /// Of these, those that have no record like it.
    without_match: Vec<&'a SourceName>,
    /// Sources that could not, and that are waited for.
    missed: MissedSources<'a>,
    /// Those that another worker had waited for.
    waited_for: Vec<String>,
    /// One of them was waited for in vain.
    out_of_patience: bool,
}

impl<'a> Search<'a> {
    /// Asks one source after the other until it is known which work it is, or nobody is left.
    async fn ask_all(&mut self, others: &dyn Others) -> Decision {
        let mut alone = false;
        for source in &self.plan.titles {
            if self.without_match.contains(&source.name()) {
                continue;
            }
            // Who is asked about each title alone tells them one after the other.
            if alone && source.asks_many_titles() {
                let clock = Arc::clone(&self.clock);
                others.come(&clock).await;
            }
            alone |= !source.asks_many_titles();
            if let Some(resolved) = self.ask_for_title(source).await {
                return Decision::Is(resolved);
            }
        }
        while !matches!(decide(&self.work, &self.records), Decision::Is(_))
            && let Some(next) = self.next_missed().await
        {
            match next {
                Next::Over { source, why, .. } => self.out_of_patience(source, why),
                Next::Ask { source, paid, .. } => {
                    self.attempts = self.attempts.saturating_sub(u32::from(paid));
                    if let Some(resolved) = self.ask_for_title(source).await {
                        return Decision::Is(resolved);
                    }
                }
            }
        }
        if let Decision::Open(Open { unvouched, .. }) = decide(&self.work, &self.records) {
            self.ask_registries(&unvouched).await;
        }
        decide(&self.work, &self.records)
    }

    /// Asks a source for the title; which work it is, if that is known by now.
    async fn ask_for_title(&mut self, source: &'a Arc<dyn Source>) -> Option<Resolved> {
        let wanted = Arc::clone(&self.work);
        let known = (self.records.len(), self.answered);
        let missed = self.ask(source, wanted, |finding| finding.matches).await;
        if self.answered > known.1 && self.records.len() == known.0 {
            self.without_match.push(source.name());
        }
        match missed {
            Some(paid) => self.missed.note(TIER, source, paid, &self.clock),
            None => self.missed.forget(source.as_ref()),
        }
        let Decision::Is(resolved) = decide(&self.work, &self.records) else { return None };
        let enough = self.answered >= ENOUGH;
        if resolved.registered && (resolved.sure || enough) {
            return Some(resolved);
        }
        // Of a draft nobody need say that it is one: the registries that come may know the published version.
        if resolved.registered || !enough && (!resolved.sure || resolved.draft) {
            return None;
        }
        // An index that gathers records from everywhere may have mixed up two of them. Registries tell of many
        // identifiers in one question.
        self.ask_registries(resolved.ids.get(..1)?).await;
        match decide(&self.work, &self.records) {
            Decision::Is(resolved) if enough || resolved.registered && resolved.sure && !resolved.draft => {
                Some(resolved)
            }
            _ => None,
        }
    }

    async fn next_missed(&mut self) -> Option<Next<'a>> {
        self.missed.next(&self.clock, &self.work).await
    }

    /// A source was waited for in vain.
    fn out_of_patience(&mut self, source: &Arc<dyn Source>, why: String) {
        self.out_of_patience = true;
        self.trail.asked_again(source.name(), false);
        let why = Closed { reason: EndReason::SourceOutage, detail: why };
        self.record(closed(TIER, source.name(), millis(self.started.elapsed()), &why));
    }

    /// Asks a source, and keeps the records of its answer. `Some`: it could not answer; whether an attempt was spent.
    async fn ask(
        &mut self,
        source: &Arc<dyn Source>,
        wanted: Arc<Work>,
        records: impl FnOnce(Finding) -> Vec<Match>,
    ) -> Option<bool> {
        let name = source.name();
        let time_left = self.clock.left();
        let at_ms = millis(self.started.elapsed());
        let left_out = if self.attempts >= self.plan.budgets.max_attempts {
            Some(skipped(TIER, name, at_ms, "the work's attempts are used up (fallback-max-attempts)"))
        } else if time_left.is_zero() {
            let detail = "the work's time is over (fallback-total-timeout-ms)".to_owned();
            Some(closed(TIER, name, at_ms, &Closed { reason: EndReason::TotalTimeout, detail }))
        } else if !self.missed.contains(source.as_ref())
            && let Some(why) = refusal(source, &wanted, time_left)
        {
            self.record(closed(TIER, name, at_ms, &why));
            return Some(false);
        } else {
            None
        };
        if let Some(entry) = left_out {
            self.record(entry);
            return None;
        }
        self.attempts += 1;
        self.observer.attempt_started(TIER, name);
        let began = Instant::now();
        let clock = Arc::new(AttemptClock::new(source.timeout(), &self.clock));
        let ask = Ask {
            work: Arc::clone(&wanted),
            tried: Vec::new(),
            clock: Arc::clone(&clock),
            pages: AnsweredPages::default(),
        };
        let answer = tokio::select! {
            biased;
            answer = source.find(ask) => answer,
            () = clock.expired() => {
                not_in_time(source, &wanted);
                Answer::none()
            }
        };
        let missed = is_missed(&answer);
        if self.missed.contains(source.as_ref()) {
            self.trail.asked_again(name, !missed);
        }
        if matches!(answer.result, Err(CallError::Source(SourceError::NotApplicable))) {
            // It sent no request: a skipped source costs nothing.
            self.attempts -= 1;
        }
        let by = source.speaks_as().to_owned();
        let (outcome, cause, detail) = match answer.result {
            Ok(finding) => {
                self.answered += 1;
                let found = records(finding);
                let detail = match found.len() {
                    1 => "1 record".to_owned(),
                    count => format!("{count} records"),
                };
                let outcome = if found.is_empty() { AttemptOutcome::NoPdf } else { AttemptOutcome::Success };
                self.records.extend(found.into_iter().map(|record| Record { by: by.clone(), record }));
                (outcome, Cause::of(outcome, None, &answer.report), detail)
            }
            Err(error) => {
                self.answered += usize::from(matches!(error, CallError::Source(SourceError::NotFound)));
                let outcome = AttemptOutcome::of_error(&error);
                (outcome, Cause::of(outcome, Some(&error), &answer.report), error.to_string())
            }
        };
        let CallReport { notes, requests, .. } = answer.report;
        self.record(AttemptEntry {
            at_ms: millis(self.started.elapsed()),
            tier: TIER.to_owned(),
            plugin: name.plugin.clone(),
            source: name.source.clone(),
            outcome,
            ms: millis(began.elapsed()),
            candidates: Vec::new(),
            detail,
            notes,
            requests,
            reason: cause.reason,
            retryable: cause.retryable,
        });
        missed.then_some(true)
    }

    /// Asks registries for their records of what others gave: by those it is decided. They are not asked for the title.
    async fn ask_registries(&mut self, ids: &[WorkId]) {
        let (plan, answered) = (self.plan, self.answered);
        for id in ids.iter().take(MOST_UNVOUCHED) {
            if self.checked.contains(id) {
                continue;
            }
            self.checked.push(id.clone());
            for source in plan.facts.iter().filter(|source| source.ids().contains(&id.kind())) {
                let before = self.records.len();
                let wanted = Arc::new(Work::new(id.clone()));
                self.ask(source, wanted, |finding| record_of(id, finding.facts).into_iter().collect()).await;
                if self.records.len() > before {
                    break;
                }
            }
        }
        self.answered = answered;
    }

    /// Takes over which sources have no record like it. Whoever had one says so again.
    fn take_over(&mut self, settled: Trail) {
        for entry in settled.0 {
            let TrailEntry::Attempt(attempt) = &entry else { continue };
            let Some(source) = self.plan.titles.iter().find(|source| attempt.is_of(source.name())) else {
                continue;
            };
            if !self.without_match.contains(&source.name()) {
                self.answered += 1;
                self.without_match.push(source.name());
                self.trail.0.push(entry);
            }
        }
    }

    /// Its turn comes then at the earliest.
    fn given_back(self, until: Instant) -> Identified {
        let has_none = |entry: &TrailEntry| match entry {
            TrailEntry::Attempt(attempt) => self.without_match.iter().any(|name| attempt.is_of(name)),
            TrailEntry::Acquisition(_) => false,
        };
        let kept = Trail(self.trail.0.iter().filter(|entry| has_none(entry)).cloned().collect());
        let waits_for = self.missed.names().chain(self.waited_for.iter().cloned()).collect();
        let so_far = SoFar::of(kept, millis(self.clock.used()), millis(self.started.elapsed()));
        let so_far = so_far.waiting_for(waits_for);
        let outcome = Outcome { cut: true, parked: Some(Parked { until, so_far }), ..self.unresolved() };
        Identified::Open(Box::new(outcome))
    }

    fn record(&mut self, entry: AttemptEntry) {
        let entry = TrailEntry::Attempt(entry);
        self.observer.entry(&entry);
        self.trail.0.push(entry);
    }

    fn identified(mut self, resolved: &Resolved) -> Identified {
        let mut work = self.work.resolved(&resolved.ids);
        if let Some(Record { by, record }) = self.records.get(resolved.record) {
            let Match { title, authors, year, .. } = record.clone();
            work.learn(&Facts { title: Some(title), authors, year, ..Facts::default() }, by);
        }
        if let Some(TrailEntry::Attempt(last)) = self.trail.0.last_mut() {
            last.detail = format!("{}: {}", work.key(), resolved.evidence);
        }
        let Self { started, clock, trail, attempts, .. } = self;
        Identified::Work(Box::new(work), Begun { trail, attempts, started, ..Begun::under(clock) })
    }

    fn left_open(self, open: Open) -> Identified {
        let reason = if self.plan.titles.is_empty() {
            EndReason::TitleSearchOff
        } else if open.ambiguous {
            EndReason::AmbiguousTitle
        } else {
            EndReason::NoMatch
        };
        let nearest = open.nearest.and_then(|(at, why)| {
            let Record { by, record } = self.records.get(at)?;
            Nearest::of(by, record, why)
        });
        // Who could not be asked has not said that there is none.
        let (status, reason) = match self.trail.retryable() {
            true if self.out_of_patience || self.trail.could_not_ask(&self.waited_for) => {
                (Status::Failed, EndReason::SourceOutage)
            }
            true => (Status::Failed, self.trail.end_reason().unwrap_or(reason)),
            false => (Status::Unresolved, reason),
        };
        let outcome = Outcome { status, reason: Some(reason), nearest, ..self.unresolved() };
        Identified::Open(Box::new(outcome))
    }

    /// The work as it was given, with what was done for it.
    fn unresolved(self) -> Outcome {
        Outcome {
            work: self.work,
            status: Status::Timeout,
            reason: Some(EndReason::TotalTimeout),
            won: None,
            also: Vec::new(),
            cut: false,
            parked: None,
            nearest: None,
            trail: self.trail,
            elapsed: self.started.elapsed(),
        }
    }
}

/// What a registry says of an identifier, as a record.
fn record_of(id: &WorkId, facts: Facts) -> Option<Match> {
    let Facts { title, authors, year, mut ids, .. } = facts;
    if !ids.contains(id) {
        ids.insert(0, id.clone());
    }
    Some(Match { ids, title: title?, authors, year, ..Match::default() })
}

#[cfg(test)]
mod tests;
