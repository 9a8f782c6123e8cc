//! How often, and how many at once, a host is asked.
//!
//! Written here rather than taken from a rate-limiting crate: those answer "may I now?" or "sleep until
//! you may", and this door needs a queue in order of arrival that knows its deadline (a wait beyond it is
//! refused before it begins), that a `Retry-After` can hold for everyone, whose rate falls on 429 and
//! recovers, and that takes a slot back from a request that was cancelled while it waited for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::clock::AttemptClock;
use super::error::{Denial, FetchError};
use super::request::Role;
use super::settings::{Limit, PaceRule, PaceSettings};

/// A rate falls to no less than this fraction of what was configured: a host that only complains is
/// then asked twice in eight seconds where twice a second was configured.
const SLOWEST: f64 = 8.0;
/// Each answer that is no complaint takes away this part of the slowness.
const RECOVERY: f64 = 0.1;
/// Below this it is over: about thirty answers after one complaint.
const RECOVERED: f64 = 1.05;
/// What "slower" means for a host without a configured pace.
const UNPACED: Duration = Duration::from_millis(50);
/// Lanes are forgotten when there are more than this and nobody uses them: a run over millions of works
/// meets hundreds of thousands of hosts.
const LANES: usize = 4096;

/// All hosts' queues.
#[derive(Debug)]
pub struct Pace {
    settings: PaceSettings,
    lanes: Mutex<HashMap<String, Arc<HostLimiter>>>,
}

/// The right to have one request open; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    lane: Arc<HostLimiter>,
    max_hold: Duration,
    _open: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct HostLimiter {
    name: String,
    /// `None`: any number at once.
    open: Option<Turnstile>,
    state: Mutex<State>,
}

/// Who is let in next: in order of arrival, but files before the rest. What was found is fetched before
/// more is looked for, or works that wait for their last step would wait behind all who begin.
#[derive(Debug)]
struct Turnstile {
    open: Arc<Semaphore>,
    /// Of those who do not come for files one at a time stands in the queue; the others behind this.
    second: Semaphore,
}

#[derive(Debug)]
struct State {
    configured: Duration,
    /// No faster than configured; slower where robots.txt asks for it.
    every: Duration,
    /// 1 is the configured rate, 2 is half of it.
    slowness: f64,
    /// The first moment that nobody has taken.
    next: Instant,
    held: Option<Instant>,
    waiting: Queue,
}

/// Requests that wait for others to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Queue {
    files: u32,
    others: u32,
}

impl Pace {
    pub fn new(settings: PaceSettings) -> Self {
        Self { settings, lanes: Mutex::default() }
    }

    /// Waits for a turn to ask `host`. The wait stops the attempt's clock and never passes the work's
    /// deadline: a turn beyond it is refused at once.
    pub async fn turn(&self, host: &str, role: Role, clock: &AttemptClock) -> Result<Permit, FetchError> {
        let lane = self.lane(host, role);
        let _queued = clock.queue();
        let deadline = Instant::now() + clock.until_hard();
        let waiting = Waiting::join(&lane, role, deadline)?;
        let open = match &lane.open {
            Some(gate) => {
                let turn = tokio::time::timeout_at(deadline, gate.pass(role)).await;
                Some(turn.map_err(|_| lane.busy(0))?.ok_or_else(|| lane.busy(0))?)
            }
            None => None,
        };
        drop(waiting);
        loop {
            let slot = Slot::take(&lane, deadline)?;
            // A timer rounds up to a millisecond: too long for a slot that is already there.
            if slot.at > Instant::now() {
                tokio::time::sleep_until(slot.at).await;
            }
            if slot.keep() {
                break;
            }
        }
        Ok(Permit { lane, max_hold: self.settings.max_hold, _open: open })
    }

    /// Makes a host's pace no faster than its robots.txt asks for.
    pub fn crawl_delay(&self, host: &str, delay: Duration) {
        let delay = delay.min(self.settings.max_crawl_delay);
        for role in [Role::Page, Role::File] {
            let lane = self.lane(host, role);
            let mut state = lane.state();
            state.every = state.every.max(delay);
        }
    }

    /// How long a host is still held by its own `Retry-After`, if it is.
    pub fn held(&self, host: &str, role: Role) -> Option<Duration> {
        let (key, ..) = self.place(host, role);
        let lane = lock(&self.lanes).get(&key).cloned()?;
        let held = lane.state().held?.saturating_duration_since(Instant::now());
        (!held.is_zero()).then_some(held)
    }

    fn lane(&self, host: &str, role: Role) -> Arc<HostLimiter> {
        let (key, limit) = self.place(host, role);
        let mut lanes = lock(&self.lanes);
        if let Some(lane) = lanes.get(&key) {
            return Arc::clone(lane);
        }
        if lanes.len() >= LANES {
            let now = Instant::now();
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || !lane.state().forgettable(now));
        }
        let (every, open) = match self.settings.enabled {
            true => (limit.every, Some(Turnstile::new(limit.concurrency))),
            false => (Duration::ZERO, None),
        };
        let state = State {
            configured: every,
            every,
            slowness: 1.0,
            next: Instant::now(),
            held: None,
            waiting: Queue::default(),
        };
        let lane = Arc::new(HostLimiter { name: host.to_owned(), open, state: Mutex::new(state) });
        lanes.insert(key, Arc::clone(&lane));
        lane
    }

    /// The lane of a host and role, and its limit. An API has a lane of its own; pages and files of one
    /// host share one, because they come from one machine, and the slower of the two limits holds.
    fn place(&self, host: &str, role: Role) -> (String, Limit) {
        let rule_of = |role: Role| {
            let fits = |rule: &&PaceRule| rule.role.is_none_or(|own| own == role) && covers(rule, host);
            self.settings.rules.iter().enumerate().find(|(_, rule)| fits(rule))
        };
        let limit_of = |role: Role| match (rule_of(role), role) {
            (Some((_, rule)), _) => rule.limit,
            (None, Role::Api) => self.settings.api,
            (None, Role::Page) => self.settings.page,
            (None, Role::File) => self.settings.file,
        };
        let limit = match role {
            Role::Api => limit_of(Role::Api),
            Role::Page | Role::File => {
                let (page, file) = (limit_of(Role::Page), limit_of(Role::File));
                Limit {
                    every: page.every.max(file.every),
                    concurrency: page.concurrency.min(file.concurrency),
                }
            }
        };
        let kind = match (rule_of(role), role) {
            (Some((_, rule)), _) if rule.role.is_none() => "any",
            (_, Role::Api) => "api",
            (_, Role::Page | Role::File) => "web",
        };
        let place = match rule_of(role) {
            Some((index, rule)) if rule.shared => format!("{kind} rule {index}"),
            _ => format!("{kind} {host}"),
        };
        (place, limit)
    }
}

impl Permit {
    /// The host asked to be left alone for so long.
    pub fn hold(&self, wait: Duration) {
        let mut state = self.lane.state();
        let until = Instant::now() + wait.min(self.max_hold);
        state.held = Some(state.held.map_or(until, |held| held.max(until)));
    }

    /// The host complained (429, 503): half the rate.
    pub fn slow_down(&self) {
        let mut state = self.lane.state();
        state.slowness = (state.slowness * 2.0).min(SLOWEST);
    }

    /// The host answered and did not complain.
    pub fn recover(&self) {
        let mut state = self.lane.state();
        state.slowness = 1.0 + (state.slowness - 1.0) * (1.0 - RECOVERY);
        if state.slowness < RECOVERED {
            state.slowness = 1.0;
        }
    }
}

/// One who waits for a request of others to end; counted, so that those behind can tell how long the
/// queue is.
struct Waiting<'a> {
    lane: &'a HostLimiter,
    role: Role,
}

impl Turnstile {
    fn new(concurrency: usize) -> Self {
        Self { open: Arc::new(Semaphore::new(concurrency.max(1))), second: Semaphore::new(1) }
    }

    /// Waits to be let in. `None` would mean that the gate was closed, which nobody does.
    async fn pass(&self, role: Role) -> Option<OwnedSemaphorePermit> {
        let _first_of_the_rest = match role {
            Role::File => None,
            Role::Api | Role::Page => Some(self.second.acquire().await.ok()?),
        };
        Arc::clone(&self.open).acquire_owned().await.ok()
    }
}

impl Queue {
    /// Of one role.
    fn of(&mut self, role: Role) -> &mut u32 {
        match role {
            Role::File => &mut self.files,
            Role::Api | Role::Page => &mut self.others,
        }
    }

    /// Those who are let in before one that comes now.
    fn ahead(self, role: Role) -> u32 {
        self.files
            + match role {
                Role::File => self.others.min(1),
                Role::Api | Role::Page => self.others,
            }
    }
}

impl<'a> Waiting<'a> {
    /// Refuses when those ahead alone take longer than until `deadline`, at the pace of now.
    fn join(lane: &'a HostLimiter, role: Role, deadline: Instant) -> Result<Self, FetchError> {
        let mut state = lane.state();
        let ahead = state.waiting.ahead(role);
        let turn = state.first_free() + state.interval().saturating_mul(ahead);
        if turn > deadline {
            let held = state.held.is_some_and(|held| held > deadline);
            drop(state);
            return Err(if held { lane.held(turn) } else { lane.busy(ahead) });
        }
        *state.waiting.of(role) += 1;
        drop(state);
        Ok(Self { lane, role })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        *self.lane.state().waiting.of(self.role) -= 1;
    }
}

/// A moment reserved for one request; given back when the request is cancelled before it came.
struct Slot<'a> {
    lane: &'a HostLimiter,
    at: Instant,
    /// Where the next slot began when this one was taken.
    next: Instant,
    kept: bool,
}

impl<'a> Slot<'a> {
    fn take(lane: &'a HostLimiter, deadline: Instant) -> Result<Self, FetchError> {
        let mut state = lane.state();
        let at = state.first_free();
        if at > deadline {
            let held = state.held.is_some_and(|held| held > deadline);
            drop(state);
            return Err(if held { lane.held(at) } else { lane.busy(0) });
        }
        let next = at + state.interval();
        state.next = next;
        Ok(Self { lane, at, next, kept: false })
    }

    /// Uses the slot, unless the host was put on hold meanwhile.
    fn keep(mut self) -> bool {
        let state = self.lane.state();
        let free = state.held.is_none_or(|held| held <= Instant::now());
        drop(state);
        self.kept = free;
        free
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.lane.state();
        // Only the last slot can be given back without moving others that were promised.
        if !self.kept && state.next == self.next {
            state.next = self.at;
        }
    }
}

impl HostLimiter {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn busy(&self, ahead: u32) -> FetchError {
        let every = self.state().interval().as_secs_f32();
        FetchError::Busy(match ahead {
            0 => format!("{} has no turn free before the work's deadline", self.name),
            _ => format!("{ahead} requests to {} are ahead, one in {every} s", self.name),
        })
    }

    fn held(&self, until: Instant) -> FetchError {
        let left = until.saturating_duration_since(Instant::now()).as_secs();
        let detail = format!("{} asked to be left alone for {left} s more", self.name);
        FetchError::denied(Denial::Breaker, detail)
    }
}

impl State {
    fn interval(&self) -> Duration {
        if self.slowness > 1.0 { self.every.max(UNPACED).mul_f64(self.slowness) } else { self.every }
    }

    fn first_free(&self) -> Instant {
        let now = Instant::now();
        self.next.max(self.held.unwrap_or(now)).max(now)
    }

    fn forgettable(&self, now: Instant) -> bool {
        self.waiting == Queue::default()
            && self.next <= now
            && self.held.is_none_or(|held| held <= now)
            && self.slowness <= 1.0
            && self.every == self.configured
    }
}

fn covers(rule: &PaceRule, host: &str) -> bool {
    rule.hosts.iter().any(|pattern| match pattern.strip_prefix("*.") {
        None => pattern.eq_ignore_ascii_case(host),
        Some(domain) => {
            let domain = domain.to_ascii_lowercase();
            host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
    })
}

/// A panic while a lane is locked leaves no half-made state behind, so its lock is taken over.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
