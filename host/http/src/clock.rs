//! The time of one attempt, without the time that it waits for a host's pace.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::error::FetchError;
use super::work_clock::{Turn, WorkClock};

/// Measures an attempt on the monotonic clock. Waiting for a host's pace is not the attempt's fault: it
/// stops this clock, and, where nothing else of the work goes on, the work's.
#[derive(Debug)]
pub struct AttemptClock {
    started: Instant,
    budget: Duration,
    end: End,
    queue: Mutex<Queue>,
}

/// What an attempt never goes beyond.
#[derive(Clone, Debug)]
pub enum End {
    /// This time, whatever is waited for.
    At(Instant),
    /// The time of its work is over.
    Work(Arc<WorkClock>),
}

impl From<Instant> for End {
    fn from(deadline: Instant) -> Self {
        Self::At(deadline)
    }
}

impl From<&Arc<WorkClock>> for End {
    fn from(work: &Arc<WorkClock>) -> Self {
        Self::Work(Arc::clone(work))
    }
}

/// Longer than anything that is waited for, and short enough to be added to any time: the largest duration would
/// overflow the clock.
pub const FOR_EVER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// An answer that comes sooner is not waited for idly.
const SOON: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Queue {
    waiting: u32,
    /// Waits, and answers that take their time: while there are any, it does nothing itself.
    resting: u32,
    /// Who it waits for goes on: for the work that is no wait.
    busy: bool,
    since: Option<Instant>,
    total: Duration,
    /// The number of the turn that its work expects with it, where that is known.
    turn: Option<u64>,
}

/// While it lives, the attempt's clock stands still.
#[derive(Debug)]
pub struct Queued<'a>(&'a AttemptClock);

impl AttemptClock {
    /// An attempt that starts now, may take `budget`, and in any case ends at `end`.
    pub fn new(budget: Duration, end: impl Into<End>) -> Self {
        let end = end.into();
        if let End::Work(work) = &end {
            work.begin();
        }
        Self { started: Instant::now(), budget, end, queue: Mutex::default() }
    }

    /// Stops the attempt's clock until the guard is dropped.
    pub fn queue(&self) -> Queued<'_> {
        let mut queue = self.queue.lock().unwrap_or_else(|poison| poison.into_inner());
        if queue.waiting == 0 {
            queue.since = Some(Instant::now());
            if let End::Work(work) = &self.end {
                work.wait();
            }
        }
        queue.waiting += 1;
        queue.rests(&self.end);
        Queued(self)
    }

    /// Awaits something of the network. After a second the attempt counts as one that only listens.
    pub async fn listening<T>(&self, answer: impl Future<Output = T>) -> T {
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            biased;
            done = &mut answer => return done,
            () = tokio::time::sleep(SOON) => {}
        }
        let _listens = Listening::to(self);
        answer.await
    }

    /// The attempt waits for what somebody else asks for it. While that one is busy, and does not wait itself, the
    /// work's time goes on.
    pub fn waits_for_somebody_busy(&self, busy: bool) {
        let mut queue = self.queue.lock().unwrap_or_else(|poison| poison.into_inner());
        if queue.waiting == 0 || queue.busy == busy {
            return;
        }
        queue.busy = busy;
        if let End::Work(work) = &self.end {
            if busy { work.go_on() } else { work.wait() }
        }
    }

    /// What its work has left, or its own end: a host that wants to be left alone for longer is not waited for.
    pub fn left_of_all(&self) -> Duration {
        match &self.end {
            End::At(deadline) => deadline.saturating_duration_since(Instant::now()).min(FOR_EVER),
            End::Work(work) => work.left(),
        }
    }

    /// What a wait for a host's pace may take at most.
    pub(crate) fn longest_wait(&self) -> Duration {
        match &self.end {
            End::At(deadline) => deadline.saturating_duration_since(Instant::now()).min(FOR_EVER),
            // It is ended by its own clock, which may stand still meanwhile.
            End::Work(_) => FOR_EVER,
        }
    }

    /// The time that the attempt has taken, without its waits.
    pub fn used(&self) -> Duration {
        self.used_by(Instant::now())
    }

    /// The attempt's time left: zero once it is over.
    pub fn remaining(&self) -> Duration {
        let now = Instant::now();
        let most = match &self.end {
            End::At(deadline) => deadline.saturating_duration_since(now),
            End::Work(work) => work.left(),
        };
        self.budget.saturating_sub(self.used_by(now)).min(most)
    }

    fn used_by(&self, now: Instant) -> Duration {
        let queued = {
            let queue = self.queue.lock().unwrap_or_else(|poison| poison.into_inner());
            queue.total + queue.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
        };
        now.saturating_duration_since(self.started).saturating_sub(queued)
    }

    /// The outcome of `work`, or `Timeout` once the attempt's time is over.
    pub(crate) async fn limit<T>(
        &self,
        work: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.expired() => Err(FetchError::Timeout),
        }
    }

    /// Completes when the attempt's time is over.
    pub async fn expired(&self) {
        loop {
            let left = self.remaining();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

impl Queued<'_> {
    /// The turn that is waited for comes then at the earliest.
    pub fn expects(&self, turn: impl Into<Turn>) {
        let mut queue = self.0.queue.lock().unwrap_or_else(|poison| poison.into_inner());
        if let End::Work(work) = &self.0.end {
            let before = queue.turn.replace(work.expects(turn.into()));
            before.into_iter().for_each(|before| work.expects_no_more(before));
        }
    }
}

impl Queue {
    fn rests(&mut self, end: &End) {
        self.resting += 1;
        if let (1, End::Work(work)) = (self.resting, end) {
            work.rest();
        }
    }

    fn wakes(&mut self, end: &End) {
        self.resting = self.resting.saturating_sub(1);
        if let (0, End::Work(work)) = (self.resting, end) {
            work.wake();
        }
    }
}

/// While it lives, the attempt does nothing itself.
struct Listening<'a>(&'a AttemptClock);

impl<'a> Listening<'a> {
    fn to(clock: &'a AttemptClock) -> Self {
        clock.queue.lock().unwrap_or_else(|poison| poison.into_inner()).rests(&clock.end);
        Self(clock)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.queue.lock().unwrap_or_else(|poison| poison.into_inner()).wakes(&self.0.end);
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock().unwrap_or_else(|poison| poison.into_inner());
        queue.waiting -= 1;
        queue.wakes(&self.0.end);
        if queue.waiting == 0
            && let Some(since) = queue.since.take()
        {
            queue.total += since.elapsed();
            let (busy, turn) = (std::mem::take(&mut queue.busy), queue.turn.take());
            if let End::Work(work) = &self.0.end {
                turn.into_iter().for_each(|turn| work.expects_no_more(turn));
                if !busy {
                    work.go_on();
                }
            }
        }
    }
}

impl Drop for AttemptClock {
    fn drop(&mut self) {
        if let End::Work(work) = &self.end {
            let queue = self.queue.get_mut().unwrap_or_else(|poison| poison.into_inner());
            if queue.resting > 0 {
                work.wake();
            }
            if queue.waiting > 0 && !queue.busy {
                work.go_on();
            }
            queue.turn.take().into_iter().for_each(|turn| work.expects_no_more(turn));
            work.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_slot_does_not_use_up_the_attempt() {
        let clock = AttemptClock::new(Duration::from_secs(10), Instant::now() + Duration::from_secs(60));
        {
            let _queued = clock.queue();
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert_eq!((clock.remaining(), clock.used()), (Duration::from_secs(10), Duration::ZERO));
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(clock.remaining(), Duration::from_secs(6));
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_of_the_work_holds_even_while_it_waits() {
        let clock = AttemptClock::new(Duration::from_secs(10), Instant::now() + Duration::from_secs(20));
        let _queued = clock.queue();
        let started = Instant::now();
        clock.expired().await;
        assert_eq!(started.elapsed(), Duration::from_secs(20));
    }
}
