//! The pace of a host when several processes ask it: each asks an agreement between them before it asks the host.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::settings::Window;
use super::shared_hosts::{BreakerFollower, BreakerKey, OpenBreaker, SharedRules};

/// Where processes agree on how often, and how many at once, they ask a host. What one process says of a host takes
/// effect in the order in which it says it.
pub trait SharedPace: fmt::Debug + Send + Sync {
    /// Asks for turns. An error says that the others cannot be reached: the process goes on by its own pace.
    fn claim<'a>(&'a self, claim: PaceClaim<'a>) -> BoxFuture<'a, Result<PaceAnswer, PaceUnshared>>;

    /// The process has no more than `open` requests open and wants no others for now. Returns at once.
    fn give_back(&self, host: &str, open: u32);

    /// The host asked to be left alone for so long. Returns at once.
    fn hold(&self, host: &str, wait: Duration);

    /// The rules for robots of an origin, if another process has read them. `None`: the caller reads them, and says
    /// what came of it with [`SharedPace::read_rules`]; until then, or for some seconds, the others wait.
    fn rules<'a>(&'a self, _origin: &'a str) -> BoxFuture<'a, Option<SharedRules>> {
        Box::pin(std::future::ready(None))
    }

    /// What the process has read; `None`: nothing that others could use. Returns at once.
    fn read_rules(&self, _origin: &str, _rules: Option<SharedRules>) {}

    /// From now on `follower` is told of the breakers that are open, every few seconds.
    fn follow_breakers(&self, _follower: BreakerFollower) {}

    /// The process has opened a breaker. Returns at once.
    fn breaker_opened(&self, _breaker: OpenBreaker) {}

    /// It has closed one. Returns at once.
    fn breaker_closed(&self, _key: &BreakerKey) {}

    /// Whether it is this process that finds out if a breaker may close.
    fn may_probe<'a>(&'a self, _key: &'a BreakerKey) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }

    /// The process asks nobody any more for now: what it holds is the others'. Completes once they know.
    fn unshare(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What a process asks of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceClaim<'a> {
    /// The name of the host, or of one of its services.
    pub host: &'a str,
    /// The time between the starts of two requests.
    pub every: Duration,
    /// At most so many starts within a time.
    pub window: Option<Window>,
    /// So many may start at once after a pause; never zero.
    pub burst: u32,
    /// Requests that the host takes at once.
    pub concurrency: u32,
    /// This process's requests that are open.
    pub open: u32,
    /// Requests that it wants to open besides; never zero.
    pub more: u32,
    /// Starts that it has use for; never zero.
    pub starts: u32,
    /// A start that is further ahead is of no use.
    pub within: Duration,
    /// The longest that a host is left alone that asks for it.
    pub max_hold: Duration,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaceAnswer {
    /// Requests may start at these times from now, in order, with no more than `open` of them open at once.
    Granted {
        /// From now.
        starts: Vec<Duration>,
        /// Those that were open already among them.
        open: u32,
    },
    /// Not now; it is worth asking again after so long.
    Later(Duration),
    /// The host asked to be left alone for so long from now.
    Held(Duration),
}

/// The other processes cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pace of hosts cannot be shared with other processes: {0}")]
pub struct PaceUnshared(pub String);

/// One host's turns, as this process has them from the agreement.
#[derive(Debug)]
pub(super) struct SharedTurns {
    pace: Arc<dyn SharedPace>,
    host: String,
    /// One asks for all that wait.
    asking: tokio::sync::Mutex<()>,
    waiting: AtomicU32,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Starts that this process may use.
    starts: VecDeque<Instant>,
    /// Its requests that are open.
    open: u32,
    /// How many may be.
    granted: u32,
    /// How many starts are asked for at a time: twice as many as the last time if all of those were used, else few
    /// again. Where requests take long, most starts of a large block would pass unused.
    block: u32,
    /// A start of this block passed unused.
    wasted: bool,
}

/// What a limiter asks for at present.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) every: Duration,
    pub(super) window: Option<Window>,
    pub(super) burst: u32,
    pub(super) concurrency: usize,
    /// Requests that wait for a place behind the one that asks.
    pub(super) behind: u32,
    pub(super) max_hold: Duration,
}

/// Why there is no turn.
#[derive(Clone, Copy, Debug)]
pub(super) enum NoTurn {
    /// It would come after the deadline.
    Late,
    /// The host asked to be left alone for so long from now.
    Held(Duration),
}

/// The right to start one request at a time, and to have it open until this is dropped.
#[derive(Debug)]
pub(super) struct SharedTurn {
    turns: Arc<SharedTurns>,
    at: Instant,
    /// The request has started.
    used: bool,
    /// Others of this process are about to take what is left.
    awaited: bool,
}

/// Starts are taken for no longer ahead than this: others wait for them, and not all may be needed.
const AHEAD: Duration = Duration::from_secs(1);
/// The most that are taken at a time.
const MOST: u32 = 32;
/// How long an agreement is left alone that grants nothing.
const AGAIN: Duration = Duration::from_millis(100);
/// A start whose time is over by more than a tenth of the interval, or this, would be too close to the next one's.
const LATE: Duration = Duration::from_millis(5);

impl SharedTurns {
    pub(super) fn new(pace: Arc<dyn SharedPace>, host: String) -> Self {
        let (waiting, held) = (AtomicU32::new(0), Mutex::default());
        Self { pace, host, asking: tokio::sync::Mutex::new(()), waiting, held }
    }

    /// Waits until this process may start a request; the start itself may still be ahead. `None`: the agreement cannot
    /// be reached, and nothing is to be waited for.
    pub(super) async fn take(
        self: &Arc<Self>,
        wanted: impl Fn() -> Wanted,
        deadline: Instant,
    ) -> Result<Option<SharedTurn>, NoTurn> {
        let _waiting = Counted::new(&self.waiting);
        let Ok(_asking) = tokio::time::timeout_at(deadline, self.asking.lock()).await else {
            return Err(NoTurn::Late);
        };
        loop {
            let wanted = wanted();
            if let Some(turn) = self.next(wanted.every) {
                return if turn.at > deadline { Err(NoTurn::Late) } else { Ok(Some(turn)) };
            }
            let wait = match self.claim(wanted, deadline).await {
                Ok(PaceAnswer::Granted { starts, open }) => {
                    if self.granted(&starts, open) {
                        continue;
                    }
                    AGAIN
                }
                Ok(PaceAnswer::Later(wait)) => wait,
                Ok(PaceAnswer::Held(wait)) => {
                    self.give_back_unused();
                    return Err(NoTurn::Held(wait));
                }
                Err(why) => {
                    tracing::debug!(host = self.host, %why, "this process keeps its own pace");
                    return Ok(None);
                }
            };
            let again = Instant::now() + wait;
            if again > deadline {
                self.give_back_unused();
                return Err(NoTurn::Late);
            }
            tokio::time::sleep_until(again).await;
        }
    }

    /// The host asked to be left alone.
    pub(super) fn hold(&self, wait: Duration) {
        self.pace.hold(&self.host, wait);
    }

    /// Holds nothing that others would miss.
    pub(super) fn idle(&self) -> bool {
        let held = self.held();
        held.open == 0 && held.starts.is_empty()
    }

    async fn claim(&self, wanted: Wanted, deadline: Instant) -> Result<PaceAnswer, PaceUnshared> {
        let (open, block) = {
            let held = self.held();
            (held.open, held.block)
        };
        let waiting = self.waiting.load(Ordering::Relaxed).max(1);
        let ahead = AHEAD.as_millis().checked_div(wanted.every.as_millis()).unwrap_or(u128::from(MOST));
        let most = u32::try_from(ahead).unwrap_or(MOST).clamp(1, MOST);
        let concurrency = u32::try_from(wanted.concurrency).unwrap_or(u32::MAX);
        // If this future is dropped, nobody knows whether turns were granted: none are kept.
        let unfinished = GiveBack(Some(self));
        let more = waiting.min(concurrency.saturating_sub(open)).max(1);
        let claim = PaceClaim {
            host: &self.host,
            every: wanted.every,
            window: wanted.window,
            burst: wanted.burst,
            concurrency,
            open,
            more,
            starts: waiting.saturating_add(wanted.behind).min(block.max(more)).min(most),
            within: deadline.saturating_duration_since(Instant::now()),
            max_hold: wanted.max_hold,
        };
        let answer = self.pace.claim(claim).await;
        unfinished.forget();
        answer
    }

    /// Whether this lets a request start.
    fn granted(&self, starts: &[Duration], open: u32) -> bool {
        let now = Instant::now();
        let mut held = self.held();
        held.granted = open;
        held.block =
            if std::mem::take(&mut held.wasted) { 1 } else { held.block.max(1).saturating_mul(2).min(MOST) };
        held.starts = starts.iter().map(|start| now + *start).collect();
        open > held.open && !held.starts.is_empty()
    }

    /// The next start that can still be used, if one more may be open.
    fn next(self: &Arc<Self>, every: Duration) -> Option<SharedTurn> {
        let now = Instant::now();
        let mut held = self.held();
        if held.open >= held.granted {
            return None;
        }
        let late = (every / 10).max(LATE);
        while let Some(at) = held.starts.pop_front() {
            if every.is_zero() || at + late > now {
                held.open += 1;
                drop(held);
                return Some(SharedTurn { turns: Arc::clone(self), at, used: false, awaited: false });
            }
            held.wasted = true;
        }
        None
    }

    /// What is left is given back, unless somebody waits for it here.
    pub(super) fn nobody_comes(&self) {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            self.give_back_unused();
        }
    }

    /// What is not used by an open request is given back.
    fn give_back_unused(&self) {
        let mut held = self.held();
        held.starts.clear();
        held.granted = held.open;
        let open = held.open;
        drop(held);
        self.pace.give_back(&self.host, open);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A panic leaves no half-made state behind here, so a poisoned lock is taken over.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedTurn {
    /// When the request may start.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// The same, of a request that starts now.
    pub(super) fn used(mut self) -> Self {
        self.used = true;
        self
    }

    /// The request is over, and others of this process are about to take what is left.
    pub(super) fn is_awaited(&mut self) {
        self.awaited = true;
    }
}

impl Drop for SharedTurn {
    fn drop(&mut self) {
        let mut held = self.turns.held();
        held.open = held.open.saturating_sub(1);
        if !self.used {
            let earlier = held.starts.partition_point(|start| *start < self.at);
            held.starts.insert(earlier, self.at);
        }
        drop(held);
        // Whoever waits uses its place, or says in its claim how many are open.
        if !self.awaited {
            self.turns.nobody_comes();
        }
    }
}

/// Gives back what is not in use, unless the claim was finished.
struct GiveBack<'a>(Option<&'a SharedTurns>);

impl GiveBack<'_> {
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        if let Some(turns) = self.0 {
            turns.give_back_unused();
        }
    }
}

struct Counted<'a>(&'a AtomicU32);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
