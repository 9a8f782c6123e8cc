//! A host that keeps failing is left alone for a while, so that it costs nobody a timeout.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::{Denial, FetchError};
use super::request::Role;
use super::settings::BreakerSettings;

/// The last outcomes that the rolling rate looks at.
const WINDOW: u32 = 20;
/// With this many of them failures, the breaker opens although some got through.
const FAILING: u32 = 16;

/// Every host's breaker, per role.
#[derive(Clone, Debug)]
pub struct Breakers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: BreakerSettings,
    hosts: Mutex<HashMap<(String, Role), Breaker>>,
}

/// One request's leave to go out; it reports how that ended. Dropped without a report (the request
/// was cancelled) it says nothing about the host.
#[derive(Debug)]
pub struct BreakerPermit {
    breakers: Breakers,
    place: (String, Role),
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
    last: Duration,
    probing: bool,
    why: String,
}

impl Breakers {
    pub fn new(settings: BreakerSettings) -> Self {
        Self(Arc::new(Inner { settings, hosts: Mutex::default() }))
    }

    /// BreakerPermit to ask, unless the breaker is open. When its time is over, one request at a time probes.
    pub fn leave(&self, host: &str, role: Role) -> Result<BreakerPermit, FetchError> {
        let place = (host.to_owned(), role);
        let mut probe = false;
        if let Some(open) = self.hosts().get_mut(&place).and_then(|breaker| breaker.open.as_mut()) {
            if open.probing || open.until > Instant::now() {
                return Err(open.denial(host));
            }
            open.probing = true;
            probe = true;
        }
        Ok(BreakerPermit { breakers: self.clone(), place, probe })
    }

    /// Why the breaker would refuse now, without asking for leave.
    pub fn refusal(&self, host: &str, role: Role) -> Option<FetchError> {
        let hosts = self.hosts();
        let open = hosts.get(&(host.to_owned(), role))?.open.as_ref()?;
        (open.probing || open.until > Instant::now()).then(|| open.denial(host))
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<(String, Role), Breaker>> {
        self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BreakerPermit {
    pub fn succeeded(self) {
        let mut hosts = self.breakers.hosts();
        if let Some(breaker) = hosts.get_mut(&self.place) {
            breaker.in_a_row = 0;
            breaker.recent = (breaker.recent << 1) & MASK;
            breaker.open = None;
            // Hosts without a recent failure take no memory.
            if breaker.recent == 0 {
                hosts.remove(&self.place);
            }
        }
    }

    /// `why` is what a skipped request will be told.
    pub fn failed(self, why: &str) {
        let settings = &self.breakers.0.settings;
        if settings.failures == 0 {
            return;
        }
        let mut hosts = self.breakers.hosts();
        let breaker =
            hosts.entry(self.place.clone()).or_insert(Breaker { in_a_row: 0, recent: 0, open: None });
        breaker.in_a_row = breaker.in_a_row.saturating_add(1);
        breaker.recent = (breaker.recent << 1 | 1) & MASK;
        let last = match &breaker.open {
            // Sent before it opened: nothing new.
            Some(_) if !self.probe => return,
            Some(open) => Some(open.last),
            None => None,
        };
        if last.is_none() && breaker.in_a_row < settings.failures && breaker.recent.count_ones() < FAILING {
            return;
        }
        let span = last.map_or(settings.open, |last| last.saturating_mul(2)).min(settings.max_open);
        let (until, why) = (Instant::now() + span, why.to_owned());
        breaker.open = Some(Open { until, last: span, probing: false, why });
    }
}

impl Drop for BreakerPermit {
    fn drop(&mut self) {
        // A probe that was cancelled leaves the place to the next one.
        if self.probe
            && let Some(open) =
                self.breakers.hosts().get_mut(&self.place).and_then(|breaker| breaker.open.as_mut())
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
