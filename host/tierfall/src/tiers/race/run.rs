//! The race itself: which attempt or acquisition starts next, and what ends it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures_util::stream::StreamExt;
use tokio::time::sleep_until;

use super::begun::Begun;
use super::considered::ConsideredSources;
use super::in_flight::InFlight;
use super::observer::Observer;
use super::proposals::Proposals;
use super::state::{Done, Race};
use crate::acquire::{Acquire, Journal};
use crate::tiers::outcome::{Outcome, Status, Won};
use crate::tiers::plan::{Plan, Tier};
use crate::tiers::reason::EndReason;
use crate::tiers::source::Source;
use crate::tiers::trail::{TrailEntry, skipped};
use tierfall_sandbox::AnsweredPages;
use tierfall_work::Work;

/// Takes one work through the plan's tiers until a file is accepted, nothing is left to ask, or a budget is
/// used up. What is accepted is not stored yet: only the winner's file is to be. Dropping the future cancels
/// everything that is in flight for the work.
pub async fn run(
    plan: &Plan,
    work: Work,
    acquirer: &dyn Acquire,
    journal: &dyn Journal,
    observer: &dyn Observer,
) -> Outcome {
    go_on(plan, work, Begun::now(), acquirer, journal, observer).await
}

/// As [`run`], for a work that has used some of its budgets.
pub async fn go_on(
    plan: &Plan,
    work: Work,
    begun: Begun,
    acquirer: &dyn Acquire,
    journal: &dyn Journal,
    observer: &dyn Observer,
) -> Outcome {
    let Begun { started, trail, attempts } = begun;
    let mut race = Race {
        plan,
        acquirer,
        journal,
        observer,
        started,
        deadline: started + plan.budgets.total,
        work: Arc::new(Mutex::new(Arc::new(work))),
        trail,
        in_flight: InFlight::new(plan.in_order),
        attempts_left: plan.budgets.max_attempts.saturating_sub(attempts),
        attempts_running: 0,
        facts_running: 0,
        acquiring: Vec::new(),
        considered: ConsideredSources::default(),
        learned_ids: false,
        facts: plan.facts.iter().collect(),
        proposals: Proposals::default(),
        keyed: Vec::new(),
        pages: AnsweredPages::default(),
    };
    let ended = race.follow_plan().await;
    race.finish(ended)
}

enum Ended {
    Won(Box<Won>),
    Exhausted,
    Deadline,
}

impl<'a> Race<'a> {
    async fn follow_plan(&mut self) -> Ended {
        let deadline = sleep_until(self.deadline);
        tokio::pin!(deadline);
        // Sources that could not look for this work yet: a later answer may bring the identifier they need.
        let mut waiting: VecDeque<(&'a str, &'a Arc<dyn Source>)> = VecDeque::new();
        for tier in &self.plan.tiers {
            for missing in &tier.skipped {
                let at_ms = self.at_ms();
                self.record(TrailEntry::Attempt(skipped(&tier.name, &missing.name, at_ms, &missing.reason)));
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
        tokio::select! {
            biased;
            () = &mut deadline => return Ended::Deadline,
            won = self.fetch_with_keys() => if let Some(won) = won {
                return Ended::Won(Box::new(won));
            },
        }
        for (tier, source) in waiting {
            if self.considered.contains(source.name()) {
                continue;
            }
            let at_ms = self.at_ms();
            let why = if self.applicable(source.as_ref()) {
                "the work's attempts are used up (fallback-max-attempts)".to_owned()
            } else {
                let kinds: Vec<_> = source.ids().iter().map(|kind| kind.label()).collect();
                format!("needs one of: {}", kinds.join(", "))
            };
            self.record(TrailEntry::Attempt(skipped(tier, source.name(), at_ms, &why)));
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
                } else if self.may_learn_pages() {
                    // Its answer is on its way; nothing else is started for the wait.
                    return;
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
            self.ask_again(waiting);
            let Some(at) = waiting.iter().position(|(_, source)| self.applicable(source.as_ref())) else {
                return;
            };
            if let Some((tier_name, source)) = waiting.remove(at)
                && !self.considered.contains(source.name())
                && self.open(tier_name, source)
            {
                self.launch_attempt(tier_name, source, false);
            }
        }
    }

    /// Takes in what came back; an accepted artifact ends the race.
    fn settle(&mut self, done: Done<'a>) -> Option<Won> {
        match done {
            Done::Attempt { tier, source, facts, began, answer } => {
                self.attempts_running -= 1;
                self.facts_running -= usize::from(facts);
                self.note_answer(source, &answer);
                self.settle_attempt(tier, source.as_ref(), began, answer);
                None
            }
            Done::Acquisition { queued, began, acquisition } => {
                self.acquiring.retain(|(order, _)| *order != queued.order);
                self.settle_acquisition(queued, began, *acquisition)
            }
        }
    }

    fn finish(self, ended: Ended) -> Outcome {
        let work = self.snapshot();
        let reason = match &ended {
            Ended::Won(_) => None,
            Ended::Deadline => Some(EndReason::TotalTimeout),
            // What the best candidate failed by says more than that others were missing.
            Ended::Exhausted => Some(self.trail.end_reason().unwrap_or(match self.attempts_left {
                0 => EndReason::MaxAttempts,
                _ => EndReason::NoCandidates,
            })),
        };
        let (status, won) = match ended {
            Ended::Won(won) => (Status::Stored, Some(*won)),
            Ended::Deadline => (Status::Timeout, None),
            Ended::Exhausted if self.trail.retryable() => (Status::Failed, None),
            Ended::Exhausted => (Status::NoCopy, None),
        };
        Outcome {
            work,
            status,
            reason,
            won,
            nearest: None,
            trail: self.trail,
            elapsed: self.started.elapsed(),
        }
    }
}
