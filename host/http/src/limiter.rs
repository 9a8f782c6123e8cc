//! One host's limiter: the queue of those who want to ask it, and the times at which they may.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::clock::AttemptClock;
use super::error::{Denial, FetchError};
use super::line::Line;
use super::metrics::{self, OpenRequest, QueuedRequest};
use super::queues::HostQueue;
use super::request::Role;
use super::settings::{Limit, PaceRule, Window};
use super::shared_pace::{NoTurn, SharedTurn, SharedTurns, Wanted};
use super::told::Told;
use super::work_clock::Turn;

/// The most that a rate is divided by: a host that always answers 429 is asked once in eight seconds
/// where once a second was configured.
const SLOWEST: f64 = 8.0;
/// The same for a host that is asked within its published limit: its 429 says that it is full for everybody, and
/// being slower than the limit frees nothing.
const SLOWEST_WITHIN_LIMIT: f64 = 2.0;
/// Each answer other than 429 and 5xx takes away this part of the slowdown.
const RECOVERY: f64 = 0.1;
/// Below this the rate is the configured one again: about thirty answers after one 429.
const RECOVERED: f64 = 1.05;
/// The interval that is multiplied for a host without a configured one.
const UNPACED: Duration = Duration::from_millis(50);

/// The right to have one request open; dropping it gives it back.
#[derive(Debug)]
pub struct HostPermit {
    limiter: Arc<HostLimiter>,
    /// The longest that the host is obeyed when it asks to be left alone.
    max_hold: Duration,
    /// The longest interval that is believed.
    max_interval: Duration,
    answered: bool,
    open: Option<OwnedSemaphorePermit>,
    /// Where the pace is shared with other processes.
    turn: Option<SharedTurn>,
    _measured: OpenRequest,
}

#[derive(Debug)]
pub(super) struct HostLimiter {
    name: String,
    /// `None`: any number at once.
    open: Option<PrioritySemaphore>,
    /// How long a request waits for its turn at most, beside the work's deadline.
    patience: Option<Duration>,
    /// The agreement with other processes, where there is one.
    shared: Option<Arc<SharedTurns>>,
    state: Mutex<State>,
}

/// A semaphore in order of arrival, but files first: what was found is fetched before more is looked
/// for, or works that only need their file would wait behind all that begin.
#[derive(Debug)]
struct PrioritySemaphore {
    open: Arc<Semaphore>,
    /// Of the requests that are not for files, one at a time waits for `open`; the rest wait for this.
    others: Semaphore,
}

#[derive(Debug)]
struct State {
    configured: Duration,
    /// No faster than configured; slower where robots.txt asks for it.
    every: Duration,
    /// What the host's own headers ask for, where that is slower.
    told: Duration,
    /// 1 is the configured rate, 2 is half of it.
    slowdown: f64,
    /// The start of the next request that is not promised to anyone. What lies before now can be made up for.
    next: Instant,
    /// Earlier starts that were promised, and are nobody's again.
    unused: BTreeSet<Instant>,
    /// So many may start at once.
    burst: u32,
    /// Until when the host asked to be left alone.
    held: Option<Instant>,
    waiting: Line,
    /// Those that have no turn yet: who waits for others to end, and who waits for a time.
    queued: usize,
    counted: Counted,
    /// Requests that may be open at once, at most as many as configured, and how many of the permits are still to be
    /// taken away because the host allows fewer.
    concurrency: usize,
    most: usize,
    surplus: usize,
}

/// The requests that a host counts in its window. When one reached the host is not known; that it did so
/// before its answer came is. So it counts from then on, and no delay on the way breaks the limit.
#[derive(Debug, Default)]
struct Counted {
    window: Option<Window>,
    unanswered: usize,
    answered: VecDeque<Instant>,
}

impl HostLimiter {
    /// `None` for the limit is no limit at all.
    pub(super) fn new(
        name: &str,
        limit: Option<Limit>,
        rule: Option<&PaceRule>,
        shared: Option<SharedTurns>,
    ) -> Self {
        let (window, patience) = (rule.and_then(PaceRule::window), rule.and_then(|rule| rule.patience));
        let (now, burst) = (Instant::now(), rule.map_or(1, |rule| rule.burst));
        let every = limit.map_or(Duration::ZERO, |limit| limit.every);
        // More at once than the window holds would have to wait for each other's answers.
        let most = window.map_or(usize::MAX, |window| window.requests);
        let concurrency = limit.map_or(usize::MAX, |limit| limit.concurrency.min(most).max(1));
        let state = State {
            configured: every,
            every,
            told: Duration::ZERO,
            slowdown: 1.0,
            // Where others take part in the pace, they know what was not used before.
            next: shared.as_ref().and_then(|_| now.checked_sub(every.saturating_mul(burst))).unwrap_or(now),
            unused: BTreeSet::new(),
            burst,
            held: None,
            waiting: Line::default(),
            queued: 0,
            counted: Counted { window, ..Counted::default() },
            concurrency,
            most: concurrency,
            surplus: 0,
        };
        let open = limit.map(|_| PrioritySemaphore::new(concurrency));
        let shared = shared.map(Arc::new);
        let state = Mutex::new(state);
        Self { name: name.to_owned(), open, patience, shared, state }
    }

    /// Waits for a turn; see [`super::pace::Pace::acquire`].
    pub(super) async fn acquire(
        self: Arc<Self>,
        role: Role,
        clock: &AttemptClock,
        (max_hold, max_interval): (Duration, Duration),
    ) -> Result<HostPermit, FetchError> {
        let limiter = self;
        let (queued, measured) = (clock.queue(), QueuedRequest::at(&limiter.name));
        let wait = limiter.patience.unwrap_or(Duration::MAX).min(clock.longest_wait());
        let deadline = Instant::now() + wait;
        // A host that asks to be left alone is no queue.
        let hold = deadline.min(Instant::now() + clock.left_of_all());
        let waiting = Waiting::join(&limiter, role, deadline, hold)?;
        queued.expects(waiting.turn());
        let counted = Queued::join(&limiter);
        let open = match &limiter.open {
            Some(semaphore) => {
                let permit = tokio::time::timeout_at(deadline, semaphore.acquire(role)).await;
                Some(permit.map_err(|_| limiter.busy(0))?.ok_or_else(|| limiter.busy(0))?)
            }
            None => None,
        };
        waiting.served();
        let turn = loop {
            let turn = limiter.shared_turn(deadline, (hold, max_hold)).await?;
            let turn = Unused { limiter: &limiter, turn };
            let slot = Slot::take(&limiter, deadline, hold)?;
            let at = turn.turn.as_ref().map_or(slot.at, |turn| turn.at().max(slot.at));
            // A timer rounds up to a millisecond, so none is set for a slot whose time has come.
            if at > Instant::now() {
                queued.expects(at);
                tokio::time::sleep_until(at).await;
            }
            if slot.keep() {
                break turn.used();
            }
        };
        drop(counted);
        measured.served();
        let _measured = OpenRequest::to(&limiter.name);
        Ok(HostPermit { limiter, max_hold, max_interval, answered: false, open, turn, _measured })
    }

    /// A turn by the agreement with other processes; `None` where there is none. A host that told another process to be
    /// left alone is waited for until `hold`, as if it had told this one.
    async fn shared_turn(
        &self,
        deadline: Instant,
        (hold, max_hold): (Instant, Duration),
    ) -> Result<Option<SharedTurn>, FetchError> {
        let Some(shared) = &self.shared else { return Ok(None) };
        let wanted = || {
            let state = self.state();
            Wanted {
                every: state.interval(),
                window: state.counted.window,
                burst: state.burst_now(),
                concurrency: state.concurrency,
                behind: state.waiting.len(),
                max_hold,
            }
        };
        loop {
            let wait = match shared.take(wanted, deadline).await {
                Ok(turn) => return Ok(turn),
                Err(NoTurn::Late) => return Err(self.busy(0)),
                Err(NoTurn::Held(wait)) => wait.min(max_hold),
            };
            let until = self.state().hold(wait);
            if until > hold {
                return Err(self.held(until));
            }
            tokio::time::sleep_until(until).await;
        }
    }

    /// What this turn leaves is not given back to other processes while somebody of this one waits.
    fn leave_to_who_waits(&self, turn: &mut SharedTurn) {
        if !self.state().waiting.is_empty() {
            turn.is_awaited();
        }
    }

    /// Makes the pace no faster than this.
    pub(super) fn at_most_every(&self, delay: Duration) {
        let mut state = self.state();
        state.every = state.every.max(delay);
    }

    /// The host asked to be left alone for this long.
    pub(super) fn hold(&self, wait: Duration) {
        metrics::held(&self.name, wait);
        self.state().hold(wait);
        if let Some(shared) = &self.shared {
            shared.hold(wait);
        }
    }

    /// How long the host still wants to be left alone.
    pub(super) fn held_for(&self) -> Duration {
        let held = self.state().held;
        held.map_or(Duration::ZERO, |held| held.saturating_duration_since(Instant::now()))
    }

    /// Who waits, and for how long; `None` where nobody does.
    pub(super) fn queue(&self) -> Option<HostQueue> {
        let mut state = self.state();
        if state.queued == 0 {
            return None;
        }
        let now = Instant::now();
        let (free, interval) = (state.first_free().saturating_duration_since(now), state.interval());
        // Those that wait for a time have theirs, before the first that is free.
        let wait = match state.waiting.len().checked_sub(1) {
            None => free.saturating_sub(interval),
            Some(behind) => free + interval.saturating_mul(behind),
        };
        let held = state.held.map(|held| held.saturating_duration_since(now)).filter(|held| !held.is_zero());
        Some(HostQueue { host: self.name.clone(), waiting: state.queued, wait, held })
    }

    /// It holds nothing that a new one would not have.
    pub(super) fn forgettable(&self) -> bool {
        self.state().forgettable(Instant::now()) && self.shared.as_ref().is_none_or(|shared| shared.idle())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic leaves no half-made state behind here, so a poisoned lock is taken over.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn busy(&self, ahead: u32) -> FetchError {
        let every = self.state().interval().as_secs_f32();
        FetchError::Busy(match (ahead, self.patience) {
            (0, Some(most)) => {
                format!("{} has no turn free within {} s, one in {every} s", self.name, most.as_secs_f32())
            }
            (0, None) => format!("{} has no turn free before the work's deadline", self.name),
            _ => format!("{ahead} requests to {} are ahead, one in {every} s", self.name),
        })
    }

    fn held(&self, until: Instant) -> FetchError {
        let left = until.saturating_duration_since(Instant::now()).as_secs();
        let detail = format!("{} asked to be left alone for {left} s more", self.name);
        FetchError::denied(Denial::Breaker, detail)
    }
}

impl HostPermit {
    /// The answer's head is here: what the host counts, it has counted by now.
    pub fn answered(&mut self) {
        if !std::mem::replace(&mut self.answered, true) {
            self.limiter.state().counted.answered();
        }
    }

    /// The host asked to be left alone for this long.
    pub fn hold(&self, wait: Duration) {
        self.limiter.hold(wait.min(self.max_hold));
    }

    /// The host answered 429 or 503: half the rate.
    pub fn slow_down(&self) {
        let mut state = self.limiter.state();
        let slowest = if state.counted.window.is_some() { SLOWEST_WITHIN_LIMIT } else { SLOWEST };
        state.slowdown = (state.slowdown * 2.0).min(slowest);
    }

    /// The host answered otherwise.
    pub fn recover(&self) {
        let mut state = self.limiter.state();
        state.slowdown = 1.0 + (state.slowdown - 1.0) * (1.0 - RECOVERY);
        if state.slowdown < RECOVERED {
            state.slowdown = 1.0;
        }
    }

    /// The host says in its headers what it allows. It is believed where that is less than is asked.
    pub fn told(&self, told: &Told) {
        if let Some(wait) = told.nothing_left_for {
            self.hold(wait);
        }
        let Some(open) = &self.limiter.open else { return };
        let mut state = self.limiter.state();
        if let Some(window) = told.window {
            state.believe(window, self.max_interval, self.max_hold);
        }
        if let Some(allowed) = told.concurrency {
            let (before, now) = (state.concurrency, allowed.clamp(1, state.most));
            state.concurrency = now;
            let fewer = before.saturating_sub(now);
            // Those that are open now are taken away when they come back.
            state.surplus += fewer - open.open.forget_permits(fewer);
            let more = now.saturating_sub(before);
            let spared = more.min(state.surplus);
            state.surplus -= spared;
            open.open.add_permits(more - spared);
        }
    }
}

impl Drop for HostPermit {
    fn drop(&mut self) {
        self.answered();
        if let Some(turn) = &mut self.turn {
            self.limiter.leave_to_who_waits(turn);
        }
        let mut state = self.limiter.state();
        if state.surplus > 0
            && let Some(open) = self.open.take()
        {
            state.surplus -= 1;
            open.forget();
        }
    }
}

/// A request that waits for others to end; counted, so that those behind know how long the queue is.
struct Waiting<'a> {
    limiter: &'a Arc<HostLimiter>,
    role: Role,
    number: u64,
    served: bool,
}

/// A turn by the agreement with other processes, of a request that has not started.
struct Unused<'a> {
    limiter: &'a HostLimiter,
    turn: Option<SharedTurn>,
}

impl Unused<'_> {
    /// The request starts.
    fn used(mut self) -> Option<SharedTurn> {
        self.turn.take().map(SharedTurn::used)
    }
}

impl Drop for Unused<'_> {
    fn drop(&mut self) {
        if let Some(turn) = &mut self.turn {
            self.limiter.leave_to_who_waits(turn);
        }
    }
}

impl PrioritySemaphore {
    fn new(concurrency: usize) -> Self {
        Self { open: Arc::new(Semaphore::new(concurrency.max(1))), others: Semaphore::new(1) }
    }

    /// `None` would mean that a semaphore was closed, which nobody does.
    async fn acquire(&self, role: Role) -> Option<OwnedSemaphorePermit> {
        let _next_of_the_others = match role {
            Role::File => None,
            Role::Api | Role::Page => Some(self.others.acquire().await.ok()?),
        };
        Arc::clone(&self.open).acquire_owned().await.ok()
    }
}

impl<'a> Waiting<'a> {
    /// Refuses when those ahead alone take longer than until `deadline`, at the present rate.
    fn join(
        limiter: &'a Arc<HostLimiter>,
        role: Role,
        deadline: Instant,
        hold: Instant,
    ) -> Result<Self, FetchError> {
        let mut state = limiter.state();
        let ahead = state.waiting.ahead(role);
        let start = state.first_free() + state.interval().saturating_mul(ahead);
        let held = state.held.is_some_and(|held| held > hold);
        if start > deadline || held {
            drop(state);
            return Err(if held { limiter.held(start) } else { limiter.busy(ahead) });
        }
        let number = state.waiting.join(role);
        drop(state);
        Ok(Self { limiter, role, number, served: false })
    }

    /// Its place is free.
    fn served(mut self) {
        self.served = true;
    }

    /// When it starts at the earliest. That changes: those ahead may give up, and the host may slow down.
    fn turn(&self) -> Turn {
        let (limiter, role, number) = (Arc::clone(self.limiter), self.role, self.number);
        Turn::Queued(Arc::new(move || {
            let mut state = limiter.state();
            let ahead = state.waiting.ahead_of(role, number);
            state.first_free() + state.interval().saturating_mul(ahead)
        }))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.waiting.remove(self.role, self.number);
        let was_last = state.waiting.is_empty();
        drop(state);
        // What was left to it is the other processes' again.
        if let Some(shared) = self.limiter.shared.as_ref().filter(|_| was_last && !self.served) {
            shared.nobody_comes();
        }
    }
}

/// A request that has no turn yet, as people are shown it.
struct Queued<'a>(&'a HostLimiter);

impl<'a> Queued<'a> {
    fn join(limiter: &'a HostLimiter) -> Self {
        limiter.state().queued += 1;
        Self(limiter)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.state().queued -= 1;
    }
}

/// The reserved start of one request; given back when the request is cancelled before it.
struct Slot<'a> {
    limiter: &'a HostLimiter,
    at: Instant,
    /// The start of the slot after this one, and what it was before; `None`: others come after it already.
    last: Option<(Instant, Instant)>,
    kept: bool,
}

impl<'a> Slot<'a> {
    fn take(limiter: &'a HostLimiter, deadline: Instant, hold: Instant) -> Result<Self, FetchError> {
        let mut state = limiter.state();
        let unused = state.first_unused();
        let at = unused.unwrap_or_else(|| state.first_free());
        let held = state.held.is_some_and(|held| held > hold);
        if at > deadline || held {
            drop(state);
            return Err(if held { limiter.held(at) } else { limiter.busy(0) });
        }
        if state.unused.remove(&at) {
            return Ok(Self { limiter, at, last: None, kept: false });
        }
        let before = state.next;
        let next = state.after(at);
        state.next = next;
        Ok(Self { limiter, at, last: Some((next, before)), kept: false })
    }

    /// Uses the slot, unless the host asked to be left alone meanwhile, or has been asked enough.
    fn keep(mut self) -> bool {
        let mut state = self.limiter.state();
        let now = Instant::now();
        let free = state.held.is_none_or(|held| held <= now)
            && state.counted.free_at(now).is_none_or(|free| free <= now);
        if free {
            state.counted.unanswered += usize::from(state.counted.window.is_some());
        }
        drop(state);
        self.kept = free;
        free
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let mut state = self.limiter.state();
        match self.last {
            Some((next, before)) if state.next == next => state.next = before,
            // Those after it keep their times.
            _ if self.at > Instant::now() => drop(state.unused.insert(self.at)),
            _ => {}
        }
    }
}

impl State {
    fn interval(&self) -> Duration {
        let every = self.every.max(self.told);
        if self.slowdown > 1.0 { every.max(UNPACED).mul_f64(self.slowdown) } else { every }
    }

    /// How many may start at once now: a host that had enough is asked evenly.
    fn burst_now(&self) -> u32 {
        if self.slowdown > 1.0 { 1 } else { self.burst }
    }

    /// The next start after one at this time. One that was due before makes up for what was not used.
    fn after(&self, at: Instant) -> Instant {
        let (now, interval) = (Instant::now(), self.interval());
        let saved = now.checked_sub(interval.saturating_mul(self.burst_now().saturating_sub(1)));
        let due = if at > now { at } else { saved.map_or(at, |saved| self.next.max(saved).min(at)) };
        due + interval
    }

    /// Replies with the time until which it is held now.
    fn hold(&mut self, wait: Duration) -> Instant {
        let until = Instant::now() + wait;
        *self.held.insert(self.held.map_or(until, |held| held.max(until)))
    }

    fn first_free(&mut self) -> Instant {
        self.next.max(self.open_from())
    }

    /// The first of the starts that are nobody's again.
    fn first_unused(&mut self) -> Option<Instant> {
        let from = self.open_from();
        // What lies before that is nobody's for good.
        self.unused = self.unused.split_off(&from);
        self.unused.first().copied()
    }

    /// No request starts before that, however few there are.
    fn open_from(&mut self) -> Instant {
        let now = Instant::now();
        let counted = self.counted.free_at(now).unwrap_or(now);
        self.held.unwrap_or(now).max(counted).max(now)
    }

    /// Takes over what the host says, as far as it is slower than what holds.
    fn believe(&mut self, said: Window, max_interval: Duration, max_window: Duration) {
        let Some(interval) = said.interval() else { return };
        // Longer windows are daily quotas: they ask for no pace, and say when they are used up.
        if interval > self.every && said.per <= max_window {
            self.told = interval.min(max_interval);
            let slower = |own: Window| own.interval().is_none_or(|own| own <= interval);
            if self.counted.window.is_none_or(slower) && said.requests >= self.concurrency {
                self.counted.window = Some(said);
            }
        } else {
            self.told = Duration::ZERO;
        }
    }

    fn forgettable(&self, now: Instant) -> bool {
        self.waiting.is_empty()
            && self.next <= now
            && self.held.is_none_or(|held| held <= now)
            && self.slowdown <= 1.0
            && self.every == self.configured
            && self.told.is_zero()
            && self.counted.is_empty(now)
            && self.surplus == 0
    }
}

impl Counted {
    fn answered(&mut self) {
        if self.window.is_some() {
            self.unanswered = self.unanswered.saturating_sub(1);
            self.answered.push_back(Instant::now());
        }
    }

    /// When the window has room for one more; `None` where it has now.
    fn free_at(&mut self, now: Instant) -> Option<Instant> {
        let window = self.window?;
        while self.answered.front().is_some_and(|at| *at + window.per <= now) {
            self.answered.pop_front();
        }
        let over = (self.answered.len() + self.unanswered + 1).checked_sub(window.requests)?;
        // The last of those that have to leave the window first.
        let last = over.checked_sub(1)?;
        Some(self.answered.get(last).or_else(|| self.answered.back()).map_or(now, |at| *at + window.per))
    }

    fn is_empty(&self, now: Instant) -> bool {
        let over = |at: &Instant| self.window.is_none_or(|window| *at + window.per <= now);
        self.unanswered == 0 && self.answered.back().is_none_or(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work_clock::WorkClock;

    #[tokio::test(start_paused = true)]
    async fn who_waits_hears_that_the_host_asks_to_be_left_alone() {
        let seconds = Duration::from_secs;
        let limit = Limit { every: Duration::from_millis(10), concurrency: 1 };
        let limiter = Arc::new(HostLimiter::new("a.example", Some(limit), None, None));
        let believed = (seconds(600), seconds(30));
        let work = Arc::new(WorkClock::new(seconds(3600)));
        let (first, second) = [(); 2].map(|()| AttemptClock::new(seconds(60), &work)).into();
        let permit = Arc::clone(&limiter).acquire(Role::Api, &first, believed).await.expect("a turn");
        drop(first);
        let began = Instant::now();
        let told = async {
            tokio::time::sleep(seconds(5)).await;
            permit.hold(seconds(500));
            work.parked_beyond(seconds(120)).await
        };
        tokio::select! {
            _ = limiter.acquire(Role::Api, &second, believed) => panic!("it has no turn"),
            turn = told => assert_eq!(turn, began + seconds(505)),
        }
        assert_eq!(began.elapsed(), seconds(120));
    }
}
