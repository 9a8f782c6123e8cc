//! The race itself: which attempt or acquisition starts next, and what ends it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::begun::Begun;
use super::considered::ConsideredSources;
use super::in_flight::InFlight;
use super::observer::Observer;
use super::proposals::Proposals;
use super::state::{Announced, Done, Race, Wanted};
use crate::acquire::{Acquire, Journal};
use crate::tiers::artifacts::Want;
use crate::tiers::missed::MissedSources;
use crate::tiers::outcome::{Outcome, Status};
use crate::tiers::plan::{Plan, Tier};
use crate::tiers::reason::EndReason;
use crate::tiers::so_far::{Parked, parked_beyond};
use crate::tiers::source::Source;
use crate::tiers::trail::{TrailEntry, skipped};
use futures_util::stream::StreamExt;
use tierfall_http::WorkClock;
use tierfall_sandbox::AnsweredPages;
use tierfall_work::{ArtifactFormat, Work};
use tokio::time::{Instant, sleep_until};

/// Takes one work through the plan's tiers until every form of it that the plan wants is there, nothing is left to
/// ask, or a budget is used up. What is accepted is not stored yet: only the winner's file is to be. Dropping the
/// future cancels everything that is in flight for the work.
pub async fn run(
    plan: &Plan,
    work: Work,
    acquirer: &dyn Acquire,
    journal: &dyn Journal,
    observer: &dyn Observer,
) -> Outcome {
    let formats = plan.artifacts.formats.iter();
    let wanted: Vec<Wanted<'_>> = formats.map(|format| Wanted { format: *format, journal }).collect();
    go_on(plan, work, Begun::now(plan.budgets.total), acquirer, &wanted, observer).await
}

/// As [`run`], for a work that has used some of its budgets, and for these artifacts alone: the others are there
/// already. What is wanted most comes first.
pub async fn go_on(
    plan: &Plan,
    work: Work,
    begun: Begun,
    acquirer: &dyn Acquire,
    wanted: &[Wanted<'_>],
    observer: &dyn Observer,
) -> Outcome {
    let Begun { started, clock, trail, attempts, settled, waited_for, patience } = begun;
    let mut race = Race {
        plan,
        acquirer,
        wanted,
        won: Vec::new(),
        held: Vec::new(),
        observer,
        started,
        clock,
        work: Arc::new(Mutex::new(Arc::new(work))),
        trail,
        in_flight: InFlight::new(plan.in_order),
        attempts_left: plan.budgets.max_attempts.saturating_sub(attempts),
        attempts_running: 0,
        many_running: 0,
        facts_running: 0,
        acquiring: Vec::new(),
        considered: ConsideredSources::default(),
        learned_ids: false,
        facts: plan.facts.iter().collect(),
        proposals: match plan.artifacts.want {
            Want::All => Proposals::default(),
            Want::First => Proposals::in_order_of(wanted.iter().map(|wanted| wanted.format).collect()),
        },
        keyed: Vec::new(),
        pages: AnsweredPages::default(),
        announced: Announced::nowhere(plan),
        missed: MissedSources::default(),
        waited_for,
        out_of_patience: false,
    };
    race.take_over(settled);
    let ended = race.follow_plan(patience).await;
    race.finish(ended)
}

enum Ended {
    Content,
    Exhausted,
    Deadline,
    /// It can only wait for a turn that comes then at the earliest.
    Parked(Instant),
}

/// Why a race is cut, whatever it does just then.
async fn cut(clock: &WorkClock, patience: Option<Duration>) -> Ended {
    tokio::select! {
        biased;
        () = clock.expired() => Ended::Deadline,
        until = parked_beyond(patience, clock) => Ended::Parked(until),
    }
}

impl<'a> Race<'a> {
    async fn follow_plan(&mut self, patience: Option<Duration>) -> Ended {
        let clock = Arc::clone(&self.clock);
        let cut = cut(&clock, patience);
        tokio::pin!(cut);
        // Sources that could not look for this work yet: a later answer may bring the identifier they need.
        let mut waiting: VecDeque<(&'a str, &'a Arc<dyn Source>)> = VecDeque::new();
        for tier in &self.plan.tiers {
            for missing in &tier.skipped {
                let at_ms = self.at_ms();
                self.record(TrailEntry::Attempt(skipped(&tier.name, &missing.name, at_ms, &missing.reason)));
            }
            waiting.extend(tier.sources.iter().map(|source| (tier.name.as_str(), source)));
            if let Some(ended) = self.advance(tier, &mut waiting, cut.as_mut()).await {
                return ended;
            }
            if self.attempts_left == 0 {
                break;
            }
        }
        tokio::select! {
            biased;
            ended = &mut cut => return ended,
            content = self.fetch_with_keys() => if content {
                return Ended::Content;
            },
        }
        if let Some(last) = self.plan.tiers.last() {
            loop {
                let asks = tokio::select! {
                    biased;
                    until = parked_beyond(patience, &clock) => return Ended::Parked(until),
                    asks = self.ask_missed() => asks,
                };
                if !asks {
                    break;
                }
                if let Some(ended) = self.advance(last, &mut waiting, cut.as_mut()).await {
                    return ended;
                }
                tokio::select! {
                    biased;
                    ended = &mut cut => return ended,
                    content = self.fetch_with_keys() => if content {
                        return Ended::Content;
                    },
                }
            }
        }
        for (tier, source) in waiting {
            if self.considered.contains(source.name()) {
                continue;
            }
            let at_ms = self.at_ms();
            let why = if !self.may_bring(source.as_ref()) {
                let missing: Vec<_> = self.missing().map(ArtifactFormat::label).collect();
                format!("it is not asked for {} alone (artifacts.jats_sources)", missing.join(" and "))
            } else if self.is_known_to(source.as_ref()) {
                "the work's attempts are used up (fallback-max-attempts)".to_owned()
            } else {
                let kinds: Vec<_> = source.ids().iter().map(|kind| kind.label()).collect();
                format!("needs one of: {}", kinds.join(", "))
            };
            self.record(TrailEntry::Attempt(skipped(tier, source.name(), at_ms, &why)));
        }
        Ended::Exhausted
    }

    /// Goes on until the tier has nothing left to start; what ended the race, if anything did.
    async fn advance(
        &mut self,
        tier: &'a Tier,
        waiting: &mut VecDeque<(&'a str, &'a Arc<dyn Source>)>,
        mut cut: Pin<&mut impl Future<Output = Ended>>,
    ) -> Option<Ended> {
        let clock = Arc::clone(&self.clock);
        loop {
            // The timer may be a millisecond later than what was cut short by the same end.
            if clock.left().is_zero() {
                return Some(Ended::Deadline);
            }
            self.launch(tier, waiting);
            if self.in_flight.is_empty() {
                return None;
            }
            let (hedge, rival) = (self.next_hedge(), self.next_rival());
            tokio::select! {
                biased;
                ended = cut.as_mut() => return Some(ended),
                Some(done) = self.in_flight.next() => {
                    if self.settle(done) {
                        return Some(Ended::Content);
                    }
                    self.announce(tier);
                }
                () = clock.reached(hedge.unwrap_or_default()), if hedge.is_some() => {}
                () = sleep_until(rival.unwrap_or(self.started)), if rival.is_some() => {}
            }
        }
    }

    /// Starts whatever the budgets and the tier allow now.
    fn launch(&mut self, tier: &'a Tier, waiting: &mut VecDeque<(&'a str, &'a Arc<dyn Source>)>) {
        while self.in_flight.len() < self.plan.budgets.max_concurrent {
            if self.may_acquire(tier) && !self.holds_back(waiting) {
                if self.lacks_title() {
                    if self.facts_running == 0 && !self.launch_facts() {
                        self.launch_acquisition();
                        continue;
                    }
                } else if self.may_learn_pages() {
                    // Its answer is on its way; nothing else is started for the wait.
                    return;
                } else {
                    self.launch_acquisition();
                    continue;
                }
            }
            // A fresh acquisition counts as one of the tier's attempts: while it runs, fewer rivals are asked.
            let fresh = usize::from(self.acquiring.iter().any(|running| !self.overdue(running.at)));
            if self.attempts_running + fresh >= tier.parallel || self.attempts_left == 0 || self.is_provided()
            {
                return;
            }
            self.ask_again(waiting);
            let Some(at) = waiting.iter().position(|(_, source)| self.applicable(source.as_ref())) else {
                return;
            };
            // Who is asked about this work alone is asked once the others had nothing.
            let alone = waiting.get(at).is_some_and(|(_, source)| !source.asks_many());
            if alone && self.many_running > 0 {
                return;
            }
            if let Some((tier_name, source)) = waiting.remove(at)
                && !self.considered.contains(source.name())
                && self.open(tier_name, source)
            {
                self.launch_attempt(tier_name, source, false);
            }
        }
    }

    /// Tells the sources that come next that the work may come to them: it takes room in their questions that is free
    /// anyway. In the first tier a registry first says which work it is, for with other identifiers it would be asked
    /// about again.
    fn announce(&mut self, tier: &Tier) {
        let first = self.plan.tiers.first().is_some_and(|first| first.name == tier.name);
        let asked = || self.plan.facts.iter().any(|source| self.considered.contains(source.name()));
        if self.facts_running == 0 && (!first || asked()) {
            let work = self.snapshot().vouched();
            self.announced.from(tier, &work, |name| self.considered.contains(name));
        }
    }

    /// Whether what waits to be fetched is to wait for something that is wanted more, and that this tier may still
    /// have. Half of the work's time is kept for it.
    fn holds_back(&self, waiting: &VecDeque<(&'a str, &'a Arc<dyn Source>)>) -> bool {
        let most = self.missing().next();
        if self.plan.artifacts.want == Want::All || most.is_none() || self.proposals.best() == most {
            return false;
        }
        let may_have = |source: &Arc<dyn Source>| {
            self.is_known_to(source.as_ref())
                && self.plan.artifacts.may_come_from(&source.name().source, most.into_iter())
        };
        let still = self.attempts_running > 0
            || !self.acquiring.is_empty()
            || (self.attempts_left > 0
                && waiting
                    .iter()
                    .any(|(_, source)| !self.considered.contains(source.name()) && may_have(source)));
        still && self.clock.used() < self.plan.budgets.total / 2
    }

    /// Takes in what came back; `true`: nothing more is wanted.
    fn settle(&mut self, done: Done<'a>) -> bool {
        match done {
            Done::Attempt { tier, source, facts, began, answer } => {
                self.attempts_running -= 1;
                self.many_running -= usize::from(source.asks_many());
                self.facts_running -= usize::from(facts);
                self.note_answer(source, &answer);
                self.settle_attempt(tier, source, began, answer);
                // It may have said of what is held that it is what is preferred.
                self.is_content()
            }
            Done::Acquisition { queued, began, acquisition } => {
                self.acquiring.retain(|running| running.order != queued.order);
                self.settle_acquisition(queued, began, *acquisition)
            }
        }
    }

    fn finish(mut self, ended: Ended) -> Outcome {
        let work = self.snapshot();
        self.take_what_is_held();
        let wanted = |format| self.wanted.iter().position(|wanted| wanted.format == format);
        self.won.sort_by_key(|won| wanted(won.file.format));
        let mut won = std::mem::take(&mut self.won).into_iter();
        let (won, also) = (won.next(), won.collect());
        let parked = match &ended {
            Ended::Parked(until) => Some(Parked { until: *until, so_far: self.so_far() }),
            _ => None,
        };
        let cut = matches!(ended, Ended::Deadline | Ended::Parked(_));
        let reason = match &ended {
            _ if won.is_some() => None,
            Ended::Content => None,
            Ended::Deadline | Ended::Parked(_) => Some(EndReason::TotalTimeout),
            // As long as it is not asked, nobody knows.
            Ended::Exhausted if self.out_of_patience || self.trail.could_not_ask(&self.waited_for) => {
                Some(EndReason::SourceOutage)
            }
            // What the best candidate failed by says more than that others were missing.
            Ended::Exhausted => Some(self.trail.end_reason().unwrap_or(match self.attempts_left {
                0 => EndReason::MaxAttempts,
                _ => EndReason::NoCandidates,
            })),
        };
        let status = match ended {
            _ if won.is_some() => Status::Stored,
            Ended::Deadline | Ended::Parked(_) => Status::Timeout,
            Ended::Content | Ended::Exhausted if self.trail.retryable() => Status::Failed,
            Ended::Content | Ended::Exhausted => Status::NoCopy,
        };
        Outcome {
            work,
            status,
            reason,
            won,
            also,
            cut,
            parked,
            nearest: None,
            trail: self.trail,
            elapsed: self.started.elapsed(),
        }
    }
}
