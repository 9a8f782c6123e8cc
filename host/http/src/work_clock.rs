//! The time of one work over all its attempts and downloads, without the time that it can only wait for hosts' turns.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Told what a work does now. Called while the clock is locked: it may not call back.
pub trait Parking: Send + Sync {
    /// It does something else than before.
    fn does(&self, now: Doing);
}

/// What a work does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doing {
    /// Something of it goes on.
    #[default]
    Working,
    /// It waits for answers that take their time: a host that hangs, or a question that others wait for too.
    Listening,
    /// All that it has in flight waits for hosts' turns: its clock stands still.
    Parked,
}

/// Measures a work on the monotonic clock, from when it is made. While everything that the work has in flight waits for
/// hosts' turns, the work is *parked*, and its clock stands still.
pub struct WorkClock {
    started: Instant,
    /// What it had taken before that.
    before: Duration,
    budget: Duration,
    state: Mutex<State>,
    resumed: Notify,
    waits: Notify,
    parking: Option<Arc<dyn Parking>>,
}

/// When a turn comes at the earliest.
#[derive(Clone)]
pub enum Turn {
    /// Then.
    At(Instant),
    /// As the line stands when this is asked.
    Queued(Arc<dyn Fn() -> Instant + Send + Sync>),
}

impl From<Instant> for Turn {
    fn from(at: Instant) -> Self {
        Self::At(at)
    }
}

impl Turn {
    fn at(&self) -> Instant {
        match self {
            Self::At(at) => *at,
            Self::Queued(at) => at(),
        }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => at.fmt(f),
            Self::Queued(_) => f.write_str("as the line stands"),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// Attempts and downloads that do not wait for a turn.
    running: u32,
    waiting: u32,
    /// Of all of them, those that only listen or wait.
    resting: u32,
    doing: Doing,
    parked_since: Option<Instant>,
    parked: Duration,
    /// The turns of those that wait, as far as they are known, by their numbers.
    turns: Vec<(u64, Turn)>,
    expected: u64,
    /// It has what cannot be given back.
    stays: bool,
}

impl WorkClock {
    /// A work that may take `budget` from now on.
    pub fn new(budget: Duration) -> Self {
        Self {
            started: Instant::now(),
            before: Duration::ZERO,
            budget,
            state: Mutex::default(),
            resumed: Notify::new(),
            waits: Notify::new(),
            parking: None,
        }
    }

    /// The same clock, of a work that has taken so much of its time before.
    pub fn having_used(self, before: Duration) -> Self {
        Self { before, ..self }
    }

    /// The same clock, which tells when the work is parked.
    pub fn telling(self, parking: Arc<dyn Parking>) -> Self {
        Self { parking: Some(parking), ..self }
    }

    /// The time that the work has taken.
    pub fn used(&self) -> Duration {
        self.before + self.state().used(self.started)
    }

    /// The time that it has left.
    pub fn left(&self) -> Duration {
        self.budget.saturating_sub(self.used())
    }

    /// So much of what it has taken was not its own.
    pub fn forgive(&self, time: Duration) {
        self.state().parked += time;
    }

    /// Completes when the work has taken this time.
    pub async fn reached(&self, used: Duration) {
        loop {
            let resumed = self.resumed.notified();
            let left = {
                let state = self.state();
                let left = used.saturating_sub(self.before + state.used(self.started));
                if left.is_zero() {
                    return;
                }
                state.parked_since.is_none().then_some(left)
            };
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => resumed.await,
            }
        }
    }

    /// Completes when the work's time is over.
    pub async fn expired(&self) {
        self.reached(self.budget).await;
    }

    /// Whether it can only wait.
    pub fn is_parked(&self) -> bool {
        self.state().parked_since.is_some()
    }

    /// For how long it has been so.
    pub fn parked_for(&self) -> Duration {
        self.state().parked_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Completes when the work has been parked for so long and, as far as is known, will be for as long again: with the
    /// time of its next turn.
    pub async fn parked_beyond(&self, most: Duration) -> Instant {
        loop {
            let waits = self.waits.notified();
            let (left, turns, stays) = {
                let state = self.state();
                let left = state.parked_since.map(|since| most.saturating_sub(since.elapsed()));
                (left, state.turns(), state.stays)
            };
            let look = match left {
                // A line is asked without the clock's lock: it has one of its own.
                Some(Duration::ZERO) => match turns.iter().map(Turn::at).min() {
                    Some(turn) if turn > Instant::now() + most => return turn,
                    _ => Some(most),
                },
                left => left.filter(|_| !stays),
            };
            match look {
                Some(wait) => tokio::time::sleep(wait).await,
                None => waits.await,
            }
        }
    }

    /// Whether the work has what cannot be given back: while it does, nobody is told that it is parked for long.
    pub fn stays(&self, stays: bool) {
        self.state().stays = stays;
        self.waits.notify_waiters();
    }

    /// Something of the work that waits has its turn then at the earliest.
    pub(crate) fn expects(&self, turn: Turn) -> u64 {
        let mut state = self.state();
        let number = state.expected;
        state.expected += 1;
        state.turns.push((number, turn));
        number
    }

    /// It waits for the turn of that number no more.
    pub(crate) fn expects_no_more(&self, number: u64) {
        self.state().turns.retain(|(other, _)| *other != number);
    }

    /// Something of the work begins.
    pub(crate) fn begin(&self) {
        self.change(|state| state.running += 1);
    }

    /// Something ends that does not wait.
    pub(crate) fn end(&self) {
        self.change(|state| state.running = state.running.saturating_sub(1));
    }

    /// Something of it does nothing itself for a time, whether or not its time goes on.
    pub(crate) fn rest(&self) {
        self.change(|state| state.resting += 1);
    }

    /// It does something again.
    pub(crate) fn wake(&self) {
        self.change(|state| state.resting = state.resting.saturating_sub(1));
    }

    /// Something that runs begins to wait for a turn.
    pub(crate) fn wait(&self) {
        self.change(|state| {
            state.running = state.running.saturating_sub(1);
            state.waiting += 1;
        });
    }

    /// Something that waited goes on.
    pub(crate) fn go_on(&self) {
        self.change(|state| {
            state.waiting = state.waiting.saturating_sub(1);
            state.running += 1;
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let doing = state.doing();
        let before = std::mem::replace(&mut state.doing, doing);
        if doing == before {
            return;
        }
        if doing == Doing::Parked {
            state.parked_since = Some(Instant::now());
            self.waits.notify_waiters();
        } else if let Some(since) = state.parked_since.take() {
            state.parked += since.elapsed();
            self.resumed.notify_waiters();
        }
        if let Some(parking) = &self.parking {
            parking.does(doing);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn doing(&self) -> Doing {
        match (self.running, self.waiting) {
            (0, 0) => Doing::Working,
            (0, _) => Doing::Parked,
            (running, waiting) if self.resting >= running + waiting => Doing::Listening,
            _ => Doing::Working,
        }
    }

    /// The turns of all that wait; none where one of them is not known, or the work stays.
    fn turns(&self) -> Vec<Turn> {
        let is_known = self.turns.len() >= usize::try_from(self.waiting).unwrap_or(usize::MAX);
        let known = self.turns.iter().filter(|_| is_known && !self.stays);
        known.map(|(_, turn)| turn.clone()).collect()
    }

    fn used(&self, started: Instant) -> Duration {
        let parked = self.parked + self.parked_since.map_or(Duration::ZERO, |since| since.elapsed());
        started.elapsed().saturating_sub(parked)
    }
}

impl fmt::Debug for WorkClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkClock")
            .field("budget", &self.budget)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AttemptClock;

    const BUDGET: Duration = Duration::from_secs(10);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_work_whose_every_attempt_waits_for_a_turn_is_parked_and_takes_no_time() {
        let work = Arc::new(WorkClock::new(BUDGET));
        let (one, other) = (AttemptClock::new(BUDGET, &work), AttemptClock::new(BUDGET, &work));
        tokio::time::sleep(seconds(1)).await;
        let waits = one.queue();
        tokio::time::sleep(seconds(1)).await;
        assert_eq!((work.used(), work.is_parked()), (seconds(2), false), "the other goes on");
        let both = other.queue();
        tokio::time::sleep(seconds(1000)).await;
        assert_eq!((work.used(), work.is_parked()), (seconds(2), true));
        drop(waits);
        tokio::time::sleep(seconds(1)).await;
        assert_eq!((work.used(), work.is_parked()), (seconds(3), false));
        drop((both, one));
        // What is dropped while it waits leaves nothing behind.
        let gone = AttemptClock::new(BUDGET, &work);
        std::mem::forget(gone.queue());
        drop(gone);
        drop(other);
        tokio::time::sleep(seconds(1)).await;
        assert_eq!((work.used(), work.is_parked()), (seconds(4), false));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_work_is_over_when_it_has_run_for_so_long_however_long_it_was_parked() {
        let work = Arc::new(WorkClock::new(BUDGET));
        let attempt = Arc::new(AttemptClock::new(seconds(100), &work));
        let began = Instant::now();
        let waiting = Arc::clone(&attempt);
        tokio::spawn(async move {
            let _waits = waiting.queue();
            tokio::time::sleep(seconds(500)).await;
        });
        work.expired().await;
        assert_eq!(began.elapsed(), seconds(510));
        assert!(attempt.remaining().is_zero(), "an attempt ends with its work");
    }

    #[tokio::test(start_paused = true)]
    async fn a_work_is_parked_for_long_when_it_was_and_none_of_its_turns_comes_soon() {
        let most = seconds(120);
        let work = Arc::new(WorkClock::new(BUDGET));
        let (one, other) = (AttemptClock::new(BUDGET, &work), AttemptClock::new(BUDGET, &work));
        let began = Instant::now();
        let first = one.queue();
        first.expects(began + seconds(5));
        first.expects(began + seconds(1000));
        let long = || tokio::time::timeout(seconds(3000), work.parked_beyond(most));
        assert!(long().await.is_err(), "the other goes on");
        let second = other.queue();
        assert!(long().await.is_err(), "when that one has its turn is not known");
        drop((first, second));

        let began = Instant::now();
        let (first, second) = (one.queue(), other.queue());
        first.expects(began + seconds(1000));
        second.expects(began + seconds(400));
        assert_eq!(long().await, Ok(began + seconds(400)), "the sooner of the two");
        assert_eq!(began.elapsed(), most);
        drop((first, second));

        let began = Instant::now();
        let (first, second) = (one.queue(), other.queue());
        first.expects(began + seconds(1000));
        second.expects(began + seconds(200));
        assert!(long().await.is_err(), "it comes within the time that it would be away");
        // What is dropped while it waits leaves no turn behind.
        std::mem::forget(second);
        drop(other);
        assert!(work.state().turns.len() == 1);
        work.stays(true);
        assert!(long().await.is_err());
        work.stays(false);
        first.expects(Instant::now() + seconds(1000));
        assert!(long().await.is_ok());
        drop(first);
        assert!(work.state().turns.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_looked_at_as_it_is_when_the_work_was_parked_for_long() {
        let most = seconds(120);
        let work = Arc::new(WorkClock::new(BUDGET));
        let attempt = AttemptClock::new(BUDGET, &work);
        let waits = attempt.queue();
        let turn = Arc::new(Mutex::new(Instant::now() + seconds(1000)));
        let asked = Arc::clone(&turn);
        waits.expects(Turn::Queued(Arc::new(move || *asked.lock().expect("the turn"))));
        tokio::time::sleep(seconds(60)).await;
        *turn.lock().expect("the turn") = Instant::now() + seconds(100);
        let long = tokio::time::timeout(seconds(150), work.parked_beyond(most));
        assert!(long.await.is_err(), "those ahead gave up meanwhile");
    }

    #[tokio::test(start_paused = true)]
    async fn a_work_that_goes_on_elsewhere_has_the_time_that_is_left() {
        let work = Arc::new(WorkClock::new(BUDGET).having_used(seconds(7)));
        assert_eq!((work.used(), work.left()), (seconds(7), seconds(3)));
        let began = Instant::now();
        work.expired().await;
        assert_eq!(began.elapsed(), seconds(3));
    }

    #[derive(Default)]
    struct Said(Mutex<Vec<Doing>>);

    impl Parking for Said {
        fn does(&self, now: Doing) {
            self.0.lock().expect("the list").push(now);
        }
    }

    impl Said {
        fn take(&self) -> Vec<Doing> {
            std::mem::take(&mut self.0.lock().expect("the list"))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_told_hears_of_each_change_once() {
        let told = Arc::new(Said::default());
        let work = Arc::new(WorkClock::new(BUDGET).telling(Arc::clone(&told) as _));
        let attempt = AttemptClock::new(BUDGET, &work);
        let outer = attempt.queue();
        drop(attempt.queue());
        drop(outer);
        assert_eq!(told.take(), [Doing::Parked, Doing::Working]);
        std::mem::forget(attempt.queue());
        drop(attempt);
        assert_eq!(told.take(), [Doing::Parked, Doing::Working]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_work_that_waits_for_a_slow_answer_listens_and_its_time_goes_on() {
        let told = Arc::new(Said::default());
        let work = Arc::new(WorkClock::new(BUDGET).telling(Arc::clone(&told) as _));
        let attempt = AttemptClock::new(BUDGET, &work);
        attempt.listening(tokio::time::sleep(Duration::from_millis(100))).await;
        assert_eq!(told.take(), [], "what is answered soon changes nothing");
        attempt.listening(tokio::time::sleep(seconds(4))).await;
        assert_eq!(told.take(), [Doing::Listening, Doing::Working]);
        assert!(work.used() > seconds(4));
        // Others ask for it: that is no work of its own, and takes its time.
        let waits = attempt.queue();
        attempt.waits_for_somebody_busy(true);
        attempt.waits_for_somebody_busy(false);
        drop(waits);
        assert_eq!(told.take(), [Doing::Parked, Doing::Listening, Doing::Parked, Doing::Working]);
        // What is dropped while it listens leaves nothing behind.
        let listening = tokio::time::timeout(seconds(2), attempt.listening(std::future::pending::<()>()));
        assert!(listening.await.is_err());
        drop(attempt);
        assert_eq!(told.take(), [Doing::Listening, Doing::Working]);
    }
}
