//! How often, and how many at once, a host is asked.
//!
//! Not taken from a rate-limiting crate: those answer "may I now?" or "sleep until you may". The client
//! needs a queue in order of arrival that knows each request's deadline (a wait beyond it is refused
//! before it begins), that `Retry-After` holds for everyone, whose rate falls on 429 and recovers, and
//! that takes a slot back from a request that was cancelled while it waited.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::clock::AttemptClock;
use super::error::{Denial, FetchError};
use super::request::Role;
use super::settings::{Limit, PaceRule, PaceSettings};

/// The most that a rate is divided by: a host that always answers 429 is asked once in eight seconds
/// where once a second was configured.
const SLOWEST: f64 = 8.0;
/// Each answer other than 429 and 5xx takes away this part of the slowdown.
const RECOVERY: f64 = 0.1;
/// Below this the rate is the configured one again: about thirty answers after one 429.
const RECOVERED: f64 = 1.05;
/// The interval that is multiplied for a host without a configured one.
const UNPACED: Duration = Duration::from_millis(50);
/// Beyond this many, limiters that hold no state are dropped: a run over millions of works meets
/// hundreds of thousands of hosts.
const REMEMBERED: usize = 4096;

/// The limiters of all hosts.
#[derive(Debug)]
pub struct Pace {
    settings: PaceSettings,
    limiters: Mutex<HashMap<String, Arc<HostLimiter>>>,
}

/// The right to have one request open; dropping it gives it back.
#[derive(Debug)]
pub struct HostPermit {
    limiter: Arc<HostLimiter>,
    max_hold: Duration,
    _open: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct HostLimiter {
    name: String,
    /// `None`: any number at once.
    open: Option<PrioritySemaphore>,
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
    /// 1 is the configured rate, 2 is half of it.
    slowdown: f64,
    /// The start of the next request that is not promised to anyone.
    next: Instant,
    /// Until when the host asked to be left alone.
    held: Option<Instant>,
    waiting: Queue,
}

/// How many requests wait for others to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Queue {
    files: u32,
    others: u32,
}

impl Pace {
    pub fn new(settings: PaceSettings) -> Self {
        Self { settings, limiters: Mutex::default() }
    }

    /// Waits until `host` may be asked. The wait stops the attempt's clock and never passes the work's
    /// deadline: a wait that would is refused at once.
    pub async fn acquire(
        &self,
        host: &str,
        role: Role,
        clock: &AttemptClock,
    ) -> Result<HostPermit, FetchError> {
        let limiter = self.limiter(host, role);
        let _queued = clock.queue();
        let deadline = Instant::now() + clock.until_deadline();
        let waiting = Waiting::join(&limiter, role, deadline)?;
        let open = match &limiter.open {
            Some(semaphore) => {
                let permit = tokio::time::timeout_at(deadline, semaphore.acquire(role)).await;
                Some(permit.map_err(|_| limiter.busy(0))?.ok_or_else(|| limiter.busy(0))?)
            }
            None => None,
        };
        drop(waiting);
        loop {
            let slot = Slot::take(&limiter, deadline)?;
            // A timer rounds up to a millisecond, so none is set for a slot whose time has come.
            if slot.at > Instant::now() {
                tokio::time::sleep_until(slot.at).await;
            }
            if slot.keep() {
                break;
            }
        }
        Ok(HostPermit { limiter, max_hold: self.settings.max_hold, _open: open })
    }

    /// Makes a host's pace no faster than its robots.txt asks for.
    pub fn crawl_delay(&self, host: &str, delay: Duration) {
        let delay = delay.min(self.settings.max_crawl_delay);
        for role in [Role::Page, Role::File] {
            let limiter = self.limiter(host, role);
            let mut state = limiter.state();
            state.every = state.every.max(delay);
        }
    }

    /// How long a host is still held by its own `Retry-After`, if it is.
    pub fn held(&self, host: &str, role: Role) -> Option<Duration> {
        let (key, ..) = self.key_and_limit(host, role);
        let limiter = lock(&self.limiters).get(&key).cloned()?;
        let held = limiter.state().held?.saturating_duration_since(Instant::now());
        (!held.is_zero()).then_some(held)
    }

    fn limiter(&self, host: &str, role: Role) -> Arc<HostLimiter> {
        let (key, limit) = self.key_and_limit(host, role);
        let mut limiters = lock(&self.limiters);
        if let Some(limiter) = limiters.get(&key) {
            return Arc::clone(limiter);
        }
        if limiters.len() >= REMEMBERED {
            let now = Instant::now();
            limiters.retain(|_, limiter| Arc::strong_count(limiter) > 1 || !limiter.state().forgettable(now));
        }
        let (every, open) = match self.settings.enabled {
            true => (limit.every, Some(PrioritySemaphore::new(limit.concurrency))),
            false => (Duration::ZERO, None),
        };
        let state = State {
            configured: every,
            every,
            slowdown: 1.0,
            next: Instant::now(),
            held: None,
            waiting: Queue::default(),
        };
        let limiter = Arc::new(HostLimiter { name: host.to_owned(), open, state: Mutex::new(state) });
        limiters.insert(key, Arc::clone(&limiter));
        limiter
    }

    /// The name of the limiter of a host and role, and its limit. An API has a limiter of its own; pages and
    /// files of one host share one, because one machine serves them, and the slower of the two limits holds.
    fn key_and_limit(&self, host: &str, role: Role) -> (String, Limit) {
        let rule_of = |role: Role| {
            let fits = |rule: &PaceRule| rule.role.is_none_or(|own| own == role) && matches(rule, host);
            self.settings.rules.iter().map(|(_, rule)| rule).enumerate().find(|(_, rule)| fits(rule))
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
        let key = match rule_of(role) {
            Some((index, rule)) if rule.shared => format!("{kind} rule {index}"),
            _ => format!("{kind} {host}"),
        };
        (key, limit)
    }
}

impl HostPermit {
    /// The host asked to be left alone for this long.
    pub fn hold(&self, wait: Duration) {
        let mut state = self.limiter.state();
        let until = Instant::now() + wait.min(self.max_hold);
        state.held = Some(state.held.map_or(until, |held| held.max(until)));
    }

    /// The host answered 429 or 503: half the rate.
    pub fn slow_down(&self) {
        let mut state = self.limiter.state();
        state.slowdown = (state.slowdown * 2.0).min(SLOWEST);
    }

    /// The host answered otherwise.
    pub fn recover(&self) {
        let mut state = self.limiter.state();
        state.slowdown = 1.0 + (state.slowdown - 1.0) * (1.0 - RECOVERY);
        if state.slowdown < RECOVERED {
            state.slowdown = 1.0;
        }
    }
}

/// A request that waits for others to end; counted, so that those behind know how long the queue is.
struct Waiting<'a> {
    limiter: &'a HostLimiter,
    role: Role,
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

impl Queue {
    /// The count that a role belongs to.
    fn of(&mut self, role: Role) -> &mut u32 {
        match role {
            Role::File => &mut self.files,
            Role::Api | Role::Page => &mut self.others,
        }
    }

    /// How many start before one that comes now.
    fn ahead(self, role: Role) -> u32 {
        self.files
            + match role {
                Role::File => self.others.min(1),
                Role::Api | Role::Page => self.others,
            }
    }
}

impl<'a> Waiting<'a> {
    /// Refuses when those ahead alone take longer than until `deadline`, at the present rate.
    fn join(limiter: &'a HostLimiter, role: Role, deadline: Instant) -> Result<Self, FetchError> {
        let mut state = limiter.state();
        let ahead = state.waiting.ahead(role);
        let start = state.first_free() + state.interval().saturating_mul(ahead);
        if start > deadline {
            let held = state.held.is_some_and(|held| held > deadline);
            drop(state);
            return Err(if held { limiter.held(start) } else { limiter.busy(ahead) });
        }
        *state.waiting.of(role) += 1;
        drop(state);
        Ok(Self { limiter, role })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        *self.limiter.state().waiting.of(self.role) -= 1;
    }
}

/// The reserved start of one request; given back when the request is cancelled before it.
struct Slot<'a> {
    limiter: &'a HostLimiter,
    at: Instant,
    /// The start of the slot after this one.
    next: Instant,
    kept: bool,
}

impl<'a> Slot<'a> {
    fn take(limiter: &'a HostLimiter, deadline: Instant) -> Result<Self, FetchError> {
        let mut state = limiter.state();
        let at = state.first_free();
        if at > deadline {
            let held = state.held.is_some_and(|held| held > deadline);
            drop(state);
            return Err(if held { limiter.held(at) } else { limiter.busy(0) });
        }
        let next = at + state.interval();
        state.next = next;
        Ok(Self { limiter, at, next, kept: false })
    }

    /// Uses the slot, unless the host asked to be left alone meanwhile.
    fn keep(mut self) -> bool {
        let state = self.limiter.state();
        let free = state.held.is_none_or(|held| held <= Instant::now());
        drop(state);
        self.kept = free;
        free
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        // Only the last slot can be given back without moving others.
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
        if self.slowdown > 1.0 { self.every.max(UNPACED).mul_f64(self.slowdown) } else { self.every }
    }

    fn first_free(&self) -> Instant {
        let now = Instant::now();
        self.next.max(self.held.unwrap_or(now)).max(now)
    }

    fn forgettable(&self, now: Instant) -> bool {
        self.waiting == Queue::default()
            && self.next <= now
            && self.held.is_none_or(|held| held <= now)
            && self.slowdown <= 1.0
            && self.every == self.configured
    }
}

fn matches(rule: &PaceRule, host: &str) -> bool {
    rule.hosts.iter().any(|pattern| match pattern.strip_prefix("*.") {
        None => pattern.eq_ignore_ascii_case(host),
        Some(domain) => {
            let domain = domain.to_ascii_lowercase();
            host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
    })
}

/// A panic leaves no half-made state behind here, so a poisoned lock is taken over.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
