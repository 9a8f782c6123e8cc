//! Sources that answer nobody while others answer: a work that has found nothing waits for them instead of ending for
//! a reason that is not its own.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::down::Down;
use tierfall_http::HttpClient;

/// So many different works that it failed one after the other are no accident: one record over which it stumbles for
/// ever is one work.
const WORKS: usize = 3;
/// Nothing is decided sooner after the first failure.
const LASTING: Duration = Duration::from_secs(5);
/// So long a work waits to see whether others fare no better; then its failure is its own.
const DOUBT: Duration = Duration::from_secs(10);
/// A failure so shortly before or after those of others has their cause.
const NEAR: Duration = Duration::from_secs(30);
/// So often who waits is told when to expect its answers.
const LOOK: Duration = Duration::from_secs(2);
/// They are expected no later than after this long, so that not much time is lost once it answers again.
const LONGEST_AWAY: Duration = Duration::from_secs(20 * 60);
/// It is asked again after this long at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a source's last answers say about it, for all works of a run.
pub struct SourceOutage {
    name: String,
    /// For how long it is waited for.
    patience: Duration,
    /// Knows whether anybody else answers.
    client: Option<HttpClient>,
    state: Mutex<State>,
    changed: Notify,
    down: Arc<Down>,
}

#[derive(Debug, Default)]
struct State {
    /// It has answered in this run: one that never has is not waited for.
    answered: bool,
    failing: Option<Failing>,
    /// When it failed several works and then answered again, the last time.
    last: Option<(Instant, Instant)>,
    /// Works that wait for it, in the order in which they ask for all.
    waiting: VecDeque<u64>,
    tickets: u64,
    /// That it never answers was said.
    told: bool,
}

/// Failures since its last answer.
#[derive(Debug)]
struct Failing {
    since: Instant,
    /// The first few of the works that it failed, each once.
    works: Vec<String>,
    why: String,
    /// It counts as down.
    down: bool,
    next_probe: Instant,
    pause: Duration,
}

/// How the wait for a source ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// It answers again: the work is to be asked about.
    Back,
    /// The work is to be asked about, to find out whether it answers again.
    Probe,
    /// It was waited for long enough; why it did not answer.
    Over(String),
    /// Others are answered: that this work was not says nothing about the source.
    Own,
}

/// A source that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitedFor {
    /// Its name.
    pub source: String,
    /// What it answers, or why it does not.
    pub why: String,
    /// For how long it has answered nobody.
    pub since: Duration,
    /// Works that wait for it.
    pub works: usize,
}

impl SourceOutage {
    pub(super) fn new(name: String, patience: Duration, client: Option<HttpClient>, down: Arc<Down>) -> Self {
        Self { name, patience, client, state: Mutex::default(), changed: Notify::new(), down }
    }

    /// It has answered; `found_out`: about the work, not that it may not be asked.
    pub fn answered(&self, found_out: bool) {
        let mut state = self.state();
        state.answered |= found_out;
        let Some(failing) = state.failing.take() else { return };
        if failing.down || failing.works.len() > 1 {
            state.last = Some((failing.since, Instant::now()));
        }
        drop(state);
        if failing.down {
            self.down.answers_again(&self.name, failing.since.elapsed());
        }
        self.changed.notify_waiters();
    }

    /// It did not answer about this work, for a reason that may pass.
    pub fn failed(&self, work: &str, why: &str) {
        let now = Instant::now();
        let mut state = self.state();
        let answered = state.answered;
        let failing = state.failing.get_or_insert_with(|| Failing {
            since: now,
            works: Vec::new(),
            why: String::new(),
            down: false,
            next_probe: now + FIRST_PAUSE,
            pause: FIRST_PAUSE,
        });
        if failing.works.len() < WORKS && failing.works.iter().all(|known| known != work) {
            failing.works.push(work.to_owned());
        }
        failing.why = why.chars().take(200).collect();
        if answered {
            if self.judge(failing, now) {
                drop(state);
                self.changed.notify_waiters();
            }
        } else if self.is_no_accident(failing, now) {
            let why = failing.why.clone();
            if !std::mem::replace(&mut state.told, true) {
                tracing::warn!(
                    "{} has answered nobody since the run began ({why}): no work waits for it, and `tierfall doctor` says more",
                    self.name
                );
            }
        }
    }

    /// Why it is not asked now; `None`: it is, or whoever asks finds out whether it answers again.
    pub(super) fn refusal(&self) -> Option<String> {
        let now = Instant::now();
        let mut state = self.state();
        let failing = state.failing.as_mut().filter(|failing| failing.down)?;
        if now >= failing.next_probe {
            failing.probe(now);
            return None;
        }
        Some(failing.says(&self.name, now))
    }

    /// Waits until it is worth asking about a work that it failed at `missed`, or no longer worth waiting. `closed`:
    /// whether its hosts would refuse. `expects`: is told when it may be, as far as anybody knows.
    pub(super) async fn wait(
        &self,
        missed: Instant,
        closed: impl Fn() -> bool,
        expects: impl Fn(Instant),
    ) -> Waited {
        let waiting = Waiting::for_source(self);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let wake = match self.next(missed, waiting.ticket, &closed) {
                Ok(waited) => return waited,
                Err(wake) => wake,
            };
            let now = Instant::now();
            expects(self.expected_back(waiting.ticket, now));
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(wake.min(now + LOOK)) => {}
            }
        }
    }

    /// When it may answer again: what is known is how long it has been away, and that is as good a guess as any of how
    /// long it will be. Who asks for all may not be away meanwhile.
    fn expected_back(&self, ticket: u64, now: Instant) -> Instant {
        let state = self.state();
        let is_first = state.waiting.front() == Some(&ticket);
        match state.failing.as_ref().filter(|failing| failing.down && !is_first) {
            Some(failing) => {
                let again = now.saturating_duration_since(failing.since).min(LONGEST_AWAY);
                (now + again).min(failing.since + self.patience)
            }
            None => now,
        }
    }

    /// How the wait ends now; `Err`: until when it goes on, if nothing happens.
    fn next(&self, missed: Instant, ticket: u64, closed: &impl Fn() -> bool) -> Result<Waited, Instant> {
        // Only who asks for all needs to know.
        let is_closed = self.state().waiting.front() == Some(&ticket) && closed();
        let now = Instant::now();
        let mut state = self.state();
        if !state.answered {
            return Ok(Waited::Own);
        }
        let is_first = state.waiting.front() == Some(&ticket);
        let shared = state.last.is_some_and(|(from, to)| from <= missed + NEAR && missed <= to + NEAR);
        let failing = match &mut state.failing {
            Some(failing) if failing.since <= missed + NEAR => failing,
            _ => return Ok(if shared { Waited::Back } else { Waited::Own }),
        };
        if self.judge(failing, now) {
            self.changed.notify_waiters();
        }
        let end = if failing.down { failing.since + self.patience } else { missed + DOUBT };
        if now >= end {
            return Ok(match failing.down {
                true => Waited::Over(failing.says(&self.name, now)),
                false => Waited::Own,
            });
        }
        if !is_first {
            return Err(end);
        }
        if now >= failing.next_probe {
            if !is_closed {
                failing.probe(now);
                return Ok(Waited::Probe);
            }
            failing.next_probe = now + failing.pause;
        }
        let judged = failing.since + LASTING;
        let wake = failing.next_probe.min(end);
        Err(if judged > now { wake.min(judged) } else { wake })
    }

    /// What there is to say to a person while it is down.
    pub(super) fn now(&self) -> Option<WaitedFor> {
        let state = self.state();
        let failing = state.failing.as_ref().filter(|failing| failing.down)?;
        Some(WaitedFor {
            source: self.name.clone(),
            why: failing.why.clone(),
            since: failing.since.elapsed(),
            works: state.waiting.len(),
        })
    }

    fn is_no_accident(&self, failing: &Failing, now: Instant) -> bool {
        failing.works.len() >= WORKS && now.saturating_duration_since(failing.since) >= LASTING
    }

    /// Decides whether it is down; whether that is new.
    fn judge(&self, failing: &mut Failing, now: Instant) -> bool {
        // Where nobody answers, it is the network.
        let others = || self.client.as_ref().is_none_or(|client| client.has_answered_since(failing.since));
        if failing.down || !self.is_no_accident(failing, now) || !others() {
            return false;
        }
        failing.down = true;
        self.down.is_down(&self.name, &failing.why, self.patience);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic leaves no half-made state behind here, so a poisoned lock is taken over.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failing {
    /// Somebody finds out. Who is given up on the way has told nothing, and the next one asks a little later.
    fn probe(&mut self, now: Instant) {
        self.next_probe = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    fn says(&self, name: &str, now: Instant) -> String {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        format!("{name} has answered nobody for {seconds} s: {}", self.why)
    }
}

impl fmt::Debug for SourceOutage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceOutage")
            .field("name", &self.name)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// A work's place among those that wait; left when it is dropped.
struct Waiting<'a> {
    outage: &'a SourceOutage,
    ticket: u64,
}

impl<'a> Waiting<'a> {
    fn for_source(outage: &'a SourceOutage) -> Self {
        let mut state = outage.state();
        state.tickets += 1;
        let ticket = state.tickets;
        state.waiting.push_back(ticket);
        drop(state);
        Self { outage, ticket }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.outage.state();
        // They are in the order of their numbers.
        let Ok(at) = state.waiting.binary_search(&self.ticket) else { return };
        state.waiting.remove(at);
        drop(state);
        if at == 0 {
            // The next one asks for all now.
            self.outage.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(3600);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn source() -> Arc<SourceOutage> {
        let outage = Arc::new(SourceOutage::new("test".into(), PATIENCE, None, Arc::default()));
        outage.answered(true);
        outage
    }

    async fn fails(outage: &SourceOutage, works: &[&str]) {
        for work in works {
            outage.failed(work, "503");
            tokio::time::advance(seconds(3)).await;
        }
        works.iter().for_each(|work| outage.failed(work, "503"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_record_over_which_a_source_stumbles_for_ever_is_no_outage() {
        let outage = source();
        for _ in 0..10 {
            fails(&outage, &["a", "a", "a"]).await;
        }
        assert!(outage.now().is_none());
        let began = Instant::now();
        let missed = Instant::now();
        while outage.wait(missed, || false, |_| {}).await == Waited::Probe {
            outage.failed("a", "503");
        }
        assert_eq!(began.elapsed(), DOUBT);
        outage.answered(true);
        assert_eq!(outage.wait(missed, || false, |_| {}).await, Waited::Own);
    }

    #[tokio::test(start_paused = true)]
    async fn who_failed_as_others_did_is_asked_for_once_one_is_answered() {
        let outage = source();
        let first = Instant::now();
        fails(&outage, &["a", "b", "c"]).await;
        assert_eq!(outage.now().map(|now| now.why).as_deref(), Some("503"));
        let waits = |outage: &Arc<SourceOutage>| {
            let outage = Arc::clone(outage);
            tokio::spawn(async move { outage.wait(first, || false, |_| {}).await })
        };
        let (one, other) = (waits(&outage), waits(&outage));
        assert_eq!(one.await.expect("a wait"), Waited::Probe, "the first that waits asks for all");
        assert!(outage.refusal().is_some(), "and nobody beside it");
        outage.answered(true);
        assert_eq!(other.await.expect("a wait"), Waited::Back);
        assert!(outage.refusal().is_none());
        assert_eq!(outage.wait(first, || false, |_| {}).await, Waited::Back, "also who comes later");
    }

    #[tokio::test(start_paused = true)]
    async fn another_asks_each_time_and_nobody_waits_longer_than_it_was_said() {
        let outage = source();
        let began = Instant::now();
        fails(&outage, &["a", "b", "c"]).await;
        let mut asked = [0_u32; 2];
        let asks = |at: usize| {
            let outage = Arc::clone(&outage);
            async move { (at, outage.wait(began, || false, |_| {}).await) }
        };
        let mut waits = vec![Box::pin(asks(0)), Box::pin(asks(1))];
        let over = loop {
            let ((at, waited), _, mut left) = futures_util::future::select_all(waits).await;
            if waited != Waited::Probe {
                break waited;
            }
            asked[at] += 1;
            outage.failed("a", "503");
            left.push(Box::pin(asks(at)));
            waits = left;
        };
        assert!(matches!(over, Waited::Over(why) if why.contains("503")));
        assert_eq!(began.elapsed(), PATIENCE);
        assert!(asked[0].abs_diff(asked[1]) <= 1, "{asked:?}");
        let all = asked[0] + asked[1];
        assert!((60..75).contains(&all), "about once a minute: {all}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_never_answered_is_not_waited_for() {
        let outage = SourceOutage::new("test".into(), PATIENCE, None, Arc::default());
        fails(&outage, &["a", "b", "c", "d"]).await;
        assert!(outage.now().is_none() && outage.refusal().is_none());
        assert_eq!(outage.wait(Instant::now(), || false, |_| {}).await, Waited::Own);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_told_to_expect_it_after_as_long_again_unless_it_asks_for_all() {
        let outage = source();
        let since = Instant::now();
        fails(&outage, &["a", "b", "c"]).await;
        let told = Mutex::new([since; 2]);
        let asks = async |at: usize| {
            let tell = |back| told.lock().expect("the times")[at] = back;
            while outage.wait(since, || false, tell).await == Waited::Probe {
                outage.failed("a", "503");
            }
        };
        let look = async {
            for _ in 0..100 {
                tokio::time::sleep(seconds(30)).await;
                let away = since.elapsed().min(LONGEST_AWAY);
                let latest = (Instant::now() + away).min(since + PATIENCE);
                let is_told = |back: Instant| back <= latest && back + LOOK * 2 >= latest;
                let mut ahead = *told.lock().expect("the times");
                ahead.sort();
                assert!(ahead[0] <= Instant::now() && is_told(ahead[1]), "{:?}", since.elapsed());
            }
        };
        tokio::select! {
            () = look => {}
            ((), ()) = async { tokio::join!(asks(0), asks(1)) } => panic!("it answers nobody"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_its_hosts_refuse_it_is_not_asked() {
        let outage = source();
        let began = Instant::now();
        fails(&outage, &["a", "b", "c"]).await;
        let open = Instant::now() + seconds(300);
        assert_eq!(outage.wait(began, || Instant::now() < open, |_| {}).await, Waited::Probe);
        assert!(Instant::now() >= open && open.elapsed() <= LONGEST_PAUSE);
    }
}
