//! Whether there is still a network, once there was one. While there is none, what fails says nothing about the hosts: a
//! run that knows waits, in place of giving up one work after the other.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use super::error::{Denial, FetchError};
use super::metrics;
use super::reach::OutageCause;
use super::request::Role;

/// Origins of each kind that have answered last, and are asked when it is in doubt whether any would.
const KNOWN: usize = 2;
/// So many hosts that fail, for so long, with no answer between them: it is found out whether any host answers, also
/// while works are in the middle of it.
const HOSTS: usize = 3;
const LASTING: Duration = Duration::from_secs(8);
/// A request that was given up sooner was late, not unanswered.
const SILENCE: Duration = Duration::from_secs(4);
/// How long a host that has answered before may take to answer whether there is a network.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// While there is none it is asked for again after this long at first, and at most.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What the last requests say about the network.
#[derive(Debug)]
pub struct Network {
    state: Mutex<State>,
    up: watch::Sender<bool>,
    /// One finds out at a time.
    pub asking: tokio::sync::Mutex<()>,
    /// One of those that wait looks for itself at a time.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Those that answered last, the last first; empty until anything has answered.
    sites: VecDeque<Url>,
    /// The same of APIs: their limits leave less to spare.
    apis: VecDeque<Url>,
    /// When anything has answered last.
    answered: Option<Instant>,
    /// The first failure since the last answer.
    first: Option<Instant>,
    /// The hosts that have failed since.
    hosts: HashSet<String>,
    why: String,
    /// What to do about it, where somebody can do something.
    remedy: &'static str,
    /// Since when there is no network.
    gone: Option<Instant>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            up: watch::Sender::new(true),
            asking: tokio::sync::Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }
    }
}

impl Network {
    /// Takes in what came of a request. Whether it is time to find out if any host answers.
    pub fn came_to<T>(
        &self,
        (url, role): (&Url, Role),
        outcome: &Result<T, FetchError>,
        waited: Duration,
    ) -> bool {
        let why = match outcome {
            Ok(_) => {
                self.answered(url, role);
                return false;
            }
            Err(
                error @ (FetchError::Transport(_)
                | FetchError::Certificate(_)
                | FetchError::Denied { reason: Denial::DnsPrivate, .. }),
            ) => error,
            Err(error @ FetchError::Timeout) if waited >= SILENCE => error,
            Err(_) => return false,
        };
        let mut state = self.state();
        // Until something has answered, this is for others to judge.
        if state.sites.is_empty() && state.apis.is_empty() {
            return false;
        }
        let host = url.host_str().unwrap_or_default();
        let first = *state.first.get_or_insert_with(Instant::now);
        if !state.hosts.contains(host) {
            state.hosts.insert(host.to_owned());
        }
        state.why = format!("{host}: {why}");
        state.remedy = match OutageCause::of(why) {
            // It is one that there was before.
            OutageCause::Network => "",
            cause => cause.remedy(),
        };
        state.gone.is_none() && state.hosts.len() >= HOSTS && first.elapsed() >= LASTING
    }

    fn answered(&self, url: &Url, role: Role) {
        let mut state = self.state();
        state.answered = Some(Instant::now());
        state.first = None;
        state.hosts.clear();
        let known = if role == Role::Api { &mut state.apis } else { &mut state.sites };
        if known.front().is_some_and(|known| known.origin() == url.origin()) {
            return;
        }
        known.retain(|known| known.origin() != url.origin());
        known.push_front(url.clone());
        known.truncate(KNOWN);
    }

    /// Whether something has failed since the last answer.
    pub fn in_doubt(&self) -> bool {
        self.state().first.is_some()
    }

    /// Whether any host has answered since then.
    pub fn has_answered_since(&self, then: Instant) -> bool {
        self.state().answered.is_some_and(|answered| answered >= then)
    }

    /// Those to be asked whether there is a network, APIs last.
    pub fn known(&self) -> Vec<(Url, Role)> {
        let state = self.state();
        let sites = state.sites.iter().map(|url| (url.clone(), Role::Page));
        let apis = state.apis.iter().map(|url| (url.clone(), Role::Api));
        sites.chain(apis).collect()
    }

    /// Completes when it is one's turn to look for oneself: where only one host was ever known, it may be this one that
    /// is gone, and others would answer.
    pub async fn may_look(&self) {
        let _one_at_a_time = self.looking.lock().await;
        tokio::time::sleep(FIRST_PAUSE).await;
        let mut hosts = HashSet::new();
        hosts.extend(self.known().iter().filter_map(|(url, _)| url.host_str().map(str::to_owned)));
        if hosts.len() > 1 {
            std::future::pending().await
        }
    }

    /// None of them has answered.
    pub fn is_gone(&self) {
        let mut state = self.state();
        if state.gone.replace(Instant::now()).is_some() {
            return;
        }
        let why = std::mem::take(&mut state.why);
        let remedy = match state.remedy {
            "" => String::new(),
            remedy => format!("; {remedy}"),
        };
        drop(state);
        metrics::outage(true);
        tracing::warn!(
            "no host answers any more ({why}): the run waits, asks again at least once a minute, and goes on when one \
             answers; no work is given up for it{remedy}"
        );
        self.up.send_replace(false);
    }

    /// One of them answers again, or another.
    pub fn is_back(&self) {
        let Some(gone) = self.state().gone.take() else { return };
        metrics::outage(false);
        let seconds = gone.elapsed().as_secs();
        tracing::warn!("hosts answer again, after {seconds} s: the run goes on");
        self.up.send_replace(true);
    }

    /// Whether there is a network, as far as is known.
    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Completes when there is one (`true`), or none.
    pub async fn is(&self, up: bool) {
        let mut watching = self.up.subscribe();
        // The sender is here.
        let _ = watching.wait_for(|now| *now == up).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic leaves no half-made state behind here, so a poisoned lock is taken over.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
