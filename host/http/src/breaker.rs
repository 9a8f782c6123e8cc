//! Circuit breakers: a host that keeps failing is not asked for a while, so that it costs nobody a timeout.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::{Denial, FetchError};
use super::metrics;
use super::request::Role;
use super::retry;
use super::settings::BreakerSettings;
use super::shared_hosts::{BreakerKey, OpenBreaker};
use super::shared_pace::SharedPace;
use super::transport::Incoming;

/// How many of the last outcomes are remembered.
const WINDOW: u32 = 20;
/// With this many failures among them, the breaker opens although some requests got through.
const FAILING: u32 = 16;
/// A host that said nothing for this long before the attempt's time was over did fail; with less time
/// left, it was the attempt that was late.
const FAIR_WAIT: Duration = Duration::from_secs(5);

/// So long after an answer a host is well for this process, whatever others say.
const WELL: Duration = Duration::from_secs(30);
/// Of so many hosts it is remembered that they answered.
const REMEMBERED: usize = 1024;
/// So long a breaker that another process probes is left alone.
const PROBED_ELSEWHERE: Duration = Duration::from_secs(5);

/// Every host's breakers, one per role and plugin: what one plugin asks for closes nothing to another.
#[derive(Clone, Debug)]
pub struct Breakers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: BreakerSettings,
    /// Other processes, which learn of each other's breakers.
    shared: Option<Arc<dyn SharedPace>>,
    hosts: Mutex<HashMap<BreakerKey, Breaker>>,
    /// Where there are others: when whom this process asked answered it.
    answered: Mutex<HashMap<BreakerKey, Instant>>,
}

fn key_of(host: &str, role: Role, plugin: &str) -> BreakerKey {
    BreakerKey { host: host.to_owned(), role, plugin: plugin.to_owned() }
}

/// Allows one request, which reports how it ended. Dropped without a report (the request was cancelled),
/// it says nothing about the host.
#[derive(Debug)]
pub struct BreakerPermit {
    breakers: Breakers,
    key: BreakerKey,
    /// The one request that tests whether an open breaker may close.
    probe: bool,
}

#[derive(Debug)]
struct Breaker {
    in_a_row: u32,
    /// The last `WINDOW` outcomes, the newest in the lowest bit; 1 is a failure.
    recent: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    /// For how long it was opened; doubled next time.
    opened_for: Duration,
    probing: bool,
    /// Other processes know of it.
    shared: bool,
    why: String,
}

impl Breakers {
    pub fn new(settings: BreakerSettings, shared: Option<Arc<dyn SharedPace>>) -> Self {
        let breakers =
            Self(Arc::new(Inner { settings, shared, hosts: Mutex::default(), answered: Mutex::default() }));
        if let Some(shared) = breakers.0.shared.as_ref().filter(|_| breakers.0.settings.failures > 0) {
            let inner = Arc::downgrade(&breakers.0);
            shared.follow_breakers(Box::new(move |open| {
                if let Some(inner) = inner.upgrade() {
                    Self(inner).follow(open);
                }
            }));
        }
        breakers
    }

    /// As [`Breakers::permit`]; of all processes one probes at a time.
    pub async fn permit_of_all(
        &self,
        host: &str,
        role: Role,
        plugin: &str,
    ) -> Result<BreakerPermit, FetchError> {
        let permit = self.permit(host, role, plugin)?;
        let Some(shared) = self.0.shared.as_ref().filter(|_| permit.probe) else { return Ok(permit) };
        if shared.may_probe(&permit.key).await {
            return Ok(permit);
        }
        let denied = {
            let mut hosts = self.hosts();
            let Some(open) = hosts.get_mut(&permit.key).and_then(|breaker| breaker.open.as_mut()) else {
                // It was closed meanwhile.
                drop(hosts);
                return Ok(permit);
            };
            open.until = Instant::now() + PROBED_ELSEWHERE;
            open.denial(host)
        };
        Err(denied)
    }

    /// Takes over the breakers that any process has open, these being all.
    fn follow(&self, open: Vec<OpenBreaker>) {
        let now = Instant::now();
        let longest = self.0.settings.max_open;
        let mut open: HashMap<_, _> = open.into_iter().map(|open| (open.key.clone(), open)).collect();
        // What is in the way of another process is not in the way of this one.
        let answered = self.answered();
        let is_well = |key: &BreakerKey| answered.get(key).is_some_and(|at| at.elapsed() < WELL);
        let as_here = |open: OpenBreaker| Open {
            until: now + open.left.min(longest),
            opened_for: open.span.min(longest),
            probing: false,
            shared: true,
            why: open.why,
        };
        let mut hosts = self.hosts();
        for (key, breaker) in hosts.iter_mut() {
            match (&breaker.open, open.remove(key)) {
                // Its outcome is what counts.
                (Some(Open { probing: true, .. }), _) | (None | Some(Open { shared: false, .. }), None) => {}
                (None, Some(_)) if is_well(key) => {}
                (_, Some(theirs)) => breaker.open = Some(as_here(theirs)),
                // Somebody's probe got through. Who fails all the same leaves the host alone at once.
                (Some(_), None) => {
                    let in_a_row = self.0.settings.failures.saturating_sub(1);
                    *breaker = Breaker { in_a_row, recent: 0, open: None };
                }
            }
        }
        let new = open.into_iter().filter(|(key, _)| !is_well(key));
        let new = new.map(|(key, open)| (key, Breaker { in_a_row: 0, recent: 0, open: Some(as_here(open)) }));
        hosts.extend(new);
    }

    /// Allows a request unless the breaker is open. When its time is over, one request at a time probes.
    pub fn permit(&self, host: &str, role: Role, plugin: &str) -> Result<BreakerPermit, FetchError> {
        let key = key_of(host, role, plugin);
        let mut probe = false;
        if let Some(open) = self.hosts().get_mut(&key).and_then(|breaker| breaker.open.as_mut()) {
            if open.probing || open.until > Instant::now() {
                return Err(open.denial(host));
            }
            open.probing = true;
            probe = true;
        }
        Ok(BreakerPermit { breakers: self.clone(), key, probe })
    }

    /// Why the breaker would refuse now, without taking a permit.
    pub fn refusal(&self, host: &str, role: Role, plugin: &str) -> Option<FetchError> {
        let hosts = self.hosts();
        let open = hosts.get(&key_of(host, role, plugin))?.open.as_ref()?;
        (open.probing || open.until > Instant::now()).then(|| open.denial(host))
    }

    /// Closes all: what failed was not the hosts.
    pub fn close_all(&self) {
        let closed = std::mem::take(&mut *self.hosts());
        if let Some(shared) = &self.0.shared {
            let open = closed.iter().filter(|(_, breaker)| breaker.open.is_some());
            open.for_each(|(key, _)| shared.breaker_closed(key));
        }
    }

    fn answered(&self) -> MutexGuard<'_, HashMap<BreakerKey, Instant>> {
        self.0.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<BreakerKey, Breaker>> {
        self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BreakerPermit {
    /// Reports an outcome that came after `waited`. `others_answer`: not long ago another host did, so that a failure is
    /// not the network's, and worth telling other processes.
    pub fn report(self, outcome: &Result<Incoming, FetchError>, waited: Duration, others_answer: bool) {
        match outcome {
            Ok(answer) if retry::retryable_status(answer.status) && answer.status >= 500 => {
                self.failed(&format!("it answers {}", answer.status), true);
            }
            // A host that says "too many" or "too early" is well, and no sign that it recovered.
            Ok(answer) if retry::retryable_status(answer.status) => {}
            Ok(_) => self.succeeded(),
            Err(FetchError::Timeout) if waited < FAIR_WAIT => {}
            Err(error @ (FetchError::Transport(_) | FetchError::Timeout | FetchError::Certificate(_))) => {
                self.failed(&error.to_string(), others_answer);
            }
            Err(_) => {}
        }
    }

    fn succeeded(self) {
        if self.breakers.0.shared.is_some() {
            let mut answered = self.breakers.answered();
            if answered.len() >= REMEMBERED {
                answered.retain(|_, at| at.elapsed() < WELL);
            }
            if answered.len() < REMEMBERED || answered.contains_key(&self.key) {
                answered.insert(self.key.clone(), Instant::now());
            }
        }
        let mut hosts = self.breakers.hosts();
        if let Some(breaker) = hosts.get_mut(&self.key) {
            breaker.in_a_row = 0;
            breaker.recent = (breaker.recent << 1) & MASK;
            let was_open = breaker.open.take().is_some();
            if let Some(shared) = self.breakers.0.shared.as_ref().filter(|_| was_open) {
                shared.breaker_closed(&self.key);
            }
            // Hosts without a recent failure take no memory.
            if breaker.recent == 0 {
                hosts.remove(&self.key);
            }
        }
    }

    /// `why` is what refused requests will be told; `shares`: those of other processes, too.
    fn failed(self, why: &str, shares: bool) {
        let settings = &self.breakers.0.settings;
        if settings.failures == 0 {
            return;
        }
        let mut hosts = self.breakers.hosts();
        let breaker = hosts.entry(self.key.clone()).or_insert(Breaker { in_a_row: 0, recent: 0, open: None });
        breaker.in_a_row = breaker.in_a_row.saturating_add(1);
        breaker.recent = (breaker.recent << 1 | 1) & MASK;
        let last = match &breaker.open {
            // Sent before the breaker opened: nothing new.
            Some(_) if !self.probe => return,
            Some(open) => Some(open.opened_for),
            None => None,
        };
        if last.is_none() && breaker.in_a_row < settings.failures && breaker.recent.count_ones() < FAILING {
            return;
        }
        if last.is_none() {
            metrics::breaker_opened(&self.key.host);
        }
        let span = last.map_or(settings.open, |last| last.saturating_mul(2)).min(settings.max_open);
        let (until, why) = (Instant::now() + span, why.to_owned());
        let others = self.breakers.0.shared.as_ref().filter(|_| shares);
        let shared = others.is_some();
        if let Some(others) = others {
            let why = why.clone();
            others.breaker_opened(OpenBreaker { key: self.key.clone(), left: span, span, why });
        }
        breaker.open = Some(Open { until, opened_for: span, probing: false, shared, why });
    }
}

impl Drop for BreakerPermit {
    fn drop(&mut self) {
        // After a probe that was cancelled, the next request probes.
        if self.probe
            && let Some(open) =
                self.breakers.hosts().get_mut(&self.key).and_then(|breaker| breaker.open.as_mut())
        {
            open.probing = false;
        }
    }
}

const MASK: u32 = (1 << WINDOW) - 1;

impl Open {
    fn denial(&self, host: &str) -> FetchError {
        let left = self.until.saturating_duration_since(Instant::now()).as_secs();
        let when = if self.probing { "while one request probes it".into() } else { format!("for {left} s") };
        FetchError::denied(Denial::Breaker, format!("{host} is left alone {when}: {}", self.why))
    }
}
