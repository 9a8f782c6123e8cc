//! How often, and how many at once, a host is asked.
//!
//! Not taken from a rate-limiting crate: those answer "may I now?" or "sleep until you may". The client
//! needs a queue in order of arrival that knows each request's deadline (a wait beyond it is refused
//! before it begins), that `Retry-After` holds for everyone, whose rate falls on 429 and recovers, and
//! that takes a slot back from a request that was cancelled while it waited.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::clock::AttemptClock;
use super::error::FetchError;
use super::limiter::{HostLimiter, HostPermit};
use super::queues::HostQueue;
use super::request::Role;
use super::settings::{Limit, PaceRule, PaceSettings};
use super::shared_pace::{SharedPace, SharedTurns};

/// Beyond this many, limiters that hold no state are dropped: a run over millions of works meets
/// hundreds of thousands of hosts.
const REMEMBERED: usize = 4096;

/// The limiters of all hosts.
#[derive(Debug)]
pub struct Pace {
    settings: PaceSettings,
    /// The agreement with other processes, where there is one.
    shared: Option<Arc<dyn SharedPace>>,
    limiters: Mutex<HashMap<String, Arc<HostLimiter>>>,
}

/// What of a request decides which limiter it waits for: a host may have several services.
#[derive(Clone, Copy, Debug)]
pub struct PacedRequest<'a> {
    pub host: &'a str,
    pub path: &'a str,
    pub role: Role,
    /// A secret goes with it: hosts allow more to those whom they know.
    pub secret: bool,
}

/// A view of the queues of a client. Clones see the same.
#[derive(Clone)]
pub struct Queues(Arc<Pace>);

impl Queues {
    pub(super) fn of(pace: Arc<Pace>) -> Self {
        Self(pace)
    }

    /// Every host that something waits for, the longest wait first.
    pub fn now(&self) -> Vec<HostQueue> {
        let limiters: Vec<_> = lock(&self.0.limiters).values().cloned().collect();
        let mut queues: Vec<_> = limiters.iter().filter_map(|limiter| limiter.queue()).collect();
        queues.sort_by(|a, b| b.wait.cmp(&a.wait).then_with(|| a.host.cmp(&b.host)));
        queues
    }
}

impl Pace {
    pub fn new(settings: PaceSettings, shared: Option<Arc<dyn SharedPace>>) -> Self {
        Self { settings, shared, limiters: Mutex::default() }
    }

    /// Waits until this may be asked. The wait stops the attempt's clock and never passes the work's
    /// deadline, nor the rule's patience: a wait that would is refused at once.
    pub async fn acquire(
        &self,
        asked: PacedRequest<'_>,
        clock: &AttemptClock,
    ) -> Result<HostPermit, FetchError> {
        let believed = (self.settings.max_hold, self.settings.max_crawl_delay);
        self.limiter(asked).acquire(asked.role, clock, believed).await
    }

    /// Makes a host's pace no faster than its robots.txt asks for.
    pub fn crawl_delay(&self, host: &str, delay: Duration) {
        let delay = delay.min(self.settings.max_crawl_delay);
        for role in [Role::Page, Role::File] {
            self.limiter(PacedRequest { host, path: "/", role, secret: false }).at_most_every(delay);
        }
    }

    /// The host asked for its pages and files to be left alone for so long.
    pub fn hold(&self, host: &str, wait: Duration) {
        let limiter = |role| self.limiter(PacedRequest { host, path: "/", role, secret: false });
        let (pages, files) = (limiter(Role::Page), limiter(Role::File));
        let wait = wait.min(self.settings.max_hold);
        pages.hold(wait);
        if !Arc::ptr_eq(&pages, &files) {
            files.hold(wait);
        }
    }

    /// How long a host is still held by its own `Retry-After`, if it is: each of its services that was asked.
    pub fn held(&self, host: &str, role: Role) -> Option<Duration> {
        let limiters: Vec<_> = {
            let all = lock(&self.limiters);
            self.keys(host, role).iter().filter_map(|key| all.get(key).cloned()).collect()
        };
        let held = limiters.iter().map(|limiter| limiter.held_for()).min()?;
        (!held.is_zero()).then_some(held)
    }

    fn limiter(&self, asked: PacedRequest<'_>) -> Arc<HostLimiter> {
        let rule = self.rule_of(asked, asked.role);
        let key = key(asked.host, asked.role, rule);
        let mut limiters = lock(&self.limiters);
        if let Some(limiter) = limiters.get(&key) {
            return Arc::clone(limiter);
        }
        if limiters.len() >= REMEMBERED {
            limiters.retain(|_, limiter| Arc::strong_count(limiter) > 1 || !limiter.forgettable());
        }
        let limiter = Arc::new(match self.settings.enabled {
            true => {
                let rule = rule.map(|(_, rule)| rule);
                let shared = self.shared.clone().map(|shared| SharedTurns::new(shared, key.clone()));
                HostLimiter::new(asked.host, Some(self.limit(asked)), rule, shared)
            }
            false => HostLimiter::new(asked.host, None, None, None),
        });
        limiters.insert(key, Arc::clone(&limiter));
        limiter
    }

    /// An API has a limiter of its own; pages and files of one host share one, because one machine serves
    /// them, and the slower of the two limits holds.
    fn limit(&self, asked: PacedRequest<'_>) -> Limit {
        let limit_of = |role: Role| match (self.rule_of(asked, role), role) {
            (Some((_, rule)), _) => rule.limit,
            (None, Role::Api) => self.settings.api,
            (None, Role::Page) => self.settings.page,
            (None, Role::File) => self.settings.file,
        };
        match asked.role {
            Role::Api => limit_of(Role::Api),
            Role::Page | Role::File => {
                let (page, file) = (limit_of(Role::Page), limit_of(Role::File));
                Limit {
                    every: page.every.max(file.every),
                    concurrency: page.concurrency.min(file.concurrency),
                }
            }
        }
    }

    /// The first rule that fits, with its name.
    fn rule_of(&self, asked: PacedRequest<'_>, role: Role) -> Option<NamedRule<'_>> {
        let rules = self.settings.rules.iter().map(|(name, rule)| (name.as_str(), rule));
        rules.into_iter().find(|(_, rule)| {
            fits(rule, asked.host, role)
                && rule.secret.is_none_or(|secret| secret == asked.secret)
                && (rule.paths.is_empty() || rule.paths.iter().any(|path| is_at(asked.path, path)))
        })
    }

    /// The names of all limiters that a host may have in a role.
    fn keys(&self, host: &str, role: Role) -> Vec<String> {
        let rules = self.settings.rules.iter().map(|(name, rule)| (name.as_str(), rule));
        let fitting = rules.filter(|(_, rule)| fits(rule, host, role)).map(Some);
        fitting.chain([None]).map(|rule| key(host, role, rule)).collect()
    }
}

impl PaceSettings {
    /// The pace by which such a request would have its turn: its name, which other hosts may share, and the time between
    /// two. Where the path is not known, the slowest that it could be.
    pub fn turn(&self, host: &str, path: Option<&str>, role: Role, secret: bool) -> (String, Duration) {
        let pace = Pace::new(self.clone(), None);
        let asked = PacedRequest { host, path: path.unwrap_or("/"), role, secret };
        let of = |rule: Option<NamedRule<'_>>| {
            let window = rule.and_then(|(_, rule)| rule.window()?.interval()).unwrap_or_default();
            let every = match (rule, role) {
                (Some((_, rule)), Role::Api) => rule.limit.every,
                _ => pace.limit(asked).every,
            };
            (key(host, role, rule), every.max(window))
        };
        let first = of(pace.rule_of(asked, role));
        if path.is_some() {
            return first;
        }
        let rules = self.rules.iter().map(|(name, rule)| (name.as_str(), rule));
        let fitting =
            rules.filter(|(_, rule)| fits(rule, host, role) && rule.secret.is_none_or(|own| own == secret));
        fitting.map(|rule| of(Some(rule))).chain([first]).max_by_key(|(_, every)| *every).unwrap_or_default()
    }
}

/// A rule and its name in the configuration.
type NamedRule<'a> = (&'a str, &'a PaceRule);

/// The name of the limiter of a host and role, under the rule that fits. Other processes have the same.
fn key(host: &str, role: Role, rule: Option<NamedRule<'_>>) -> String {
    let kind = match (rule, role) {
        (Some((_, rule)), _) if rule.role.is_none() => "any",
        (_, Role::Api) => "api",
        (_, Role::Page | Role::File) => "web",
    };
    match rule {
        Some((name, rule)) if rule.shared => format!("{kind} rule {name}"),
        Some((name, rule)) if rule.is_of_a_service() => format!("{kind} {host} rule {name}"),
        _ => format!("{kind} {host}"),
    }
}

fn fits(rule: &PaceRule, host: &str, role: Role) -> bool {
    rule.role.is_none_or(|own| own == role) && matches(rule, host)
}

/// Whether a path is the one of a rule, or below it: `/works/*`.
fn is_at(path: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => path == wanted,
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
