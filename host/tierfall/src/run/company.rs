//! Works whose titles are being resolved are company on its way: a work that has just learned its identifiers waits for
//! them, so that sources are asked about all of them in one question. Without that, each would be asked about alone, for
//! titles are resolved one by one, at the pace of a registry's search.
//!
//! They go on together once there are enough of them, once no title is being resolved any more, or once the wait would
//! be no bargain. Where nothing is on its way, nothing waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::tiers::Together;
use tierfall_http::{AttemptClock, WorkClock};

/// As many as the largest question of the first indexes takes: more would share no more.
const ENOUGH: usize = 100;
/// The registry that is searched first takes three searches a second: by then it has answered about a hundred.
const LONGEST: Duration = Duration::from_secs(40);
/// A search that answers at all has answered by then. Where no title was resolved for so long, what is on its way is
/// held up, and may be for hours.
const LULL: Duration = Duration::from_secs(5);

/// The titles of one run that are being resolved, and those who wait for them.
#[derive(Debug, Default)]
pub(super) struct Company {
    together: Together,
    state: Mutex<State>,
    gone: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Titles that are being resolved.
    resolving: usize,
    /// Works that wait.
    waiting: usize,
    /// Since when the first of these waits.
    since: Option<Instant>,
    /// When a title was last resolved, or given up.
    last: Option<Instant>,
    /// Companies that have gone on.
    gone: u64,
}

impl State {
    /// When it goes on at the latest.
    fn due(&self, now: Instant) -> Instant {
        let since = self.since.unwrap_or(now);
        (since + LONGEST).min(since.max(self.last.unwrap_or(since)) + LULL)
    }
}

/// A title that is being resolved.
#[derive(Debug)]
pub(super) struct Resolving(Arc<Company>);

/// A work that waits, and the number of its company.
struct Waits<'a>(&'a Company, u64);

impl Company {
    /// `together` is that of the sources which they go on to.
    pub(super) fn new(together: Together) -> Arc<Self> {
        Arc::new(Self { together, ..Self::default() })
    }

    /// The company that waits goes on.
    fn go(&self, mut state: MutexGuard<'_, State>) {
        if state.waiting > 1 {
            self.together.go_on();
        }
        state.gone += 1;
        (state.waiting, state.since) = (0, None);
        drop(state);
        self.gone.notify_waiters();
    }

    /// A title is being resolved until this is dropped.
    pub(super) fn resolving(self: &Arc<Self>) -> Resolving {
        self.state().resolving += 1;
        Resolving(Arc::clone(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolving {
    /// The title is resolved: waits for those that still are not. The work is parked meanwhile.
    pub(super) async fn gather(self, clock: &Arc<WorkClock>) {
        let company = Arc::clone(&self.0);
        let waits = {
            let mut state = company.state();
            state.waiting += 1;
            state.since.get_or_insert_with(Instant::now);
            Waits(&company, state.gone)
        };
        drop(self);
        if waits.over().is_none() {
            return;
        }
        let parked = AttemptClock::new(LONGEST, clock);
        let _parked = parked.queue();
        loop {
            let gone = company.gone.notified();
            tokio::pin!(gone);
            gone.as_mut().enable();
            let Some(due) = waits.over() else { return };
            tokio::select! {
                () = gone => {}
                () = sleep_until(due) => {}
            }
        }
    }
}

impl Drop for Resolving {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.resolving = state.resolving.saturating_sub(1);
        state.last = Some(Instant::now());
        if state.resolving == 0 || state.waiting >= ENOUGH {
            self.0.go(state);
        }
    }
}

impl Waits<'_> {
    /// Until when it goes on; `None`: it is over.
    fn over(&self) -> Option<Instant> {
        let now = Instant::now();
        let state = self.0.state();
        if state.gone != self.1 {
            return None;
        }
        let due = state.due(now);
        if now < due {
            return Some(due);
        }
        self.0.go(state);
        None
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.gone == self.1 {
            state.waiting = state.waiting.saturating_sub(1);
            if state.waiting == 0 {
                state.since = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;
    use tokio::time::sleep;

    use super::*;

    fn clock() -> Arc<WorkClock> {
        Arc::new(WorkClock::new(Duration::from_secs(120)))
    }

    /// Waits for the others; after how long it went on.
    fn gathers(resolving: Resolving) -> JoinHandle<Duration> {
        tokio::spawn(async move {
            let began = Instant::now();
            resolving.gather(&clock()).await;
            began.elapsed()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_work_that_is_alone_does_not_wait() {
        let company = Company::new(Together::default());
        assert_eq!(gathers(company.resolving()).await.unwrap(), Duration::ZERO);
        assert_eq!(gathers(company.resolving()).await.unwrap(), Duration::ZERO, "nor the next");
    }

    #[tokio::test(start_paused = true)]
    async fn works_wait_for_the_titles_that_are_being_resolved_and_go_on_with_the_last_of_them() {
        let company = Company::new(Together::default());
        let (one, two, three) = (company.resolving(), company.resolving(), company.resolving());
        let one = gathers(one);
        sleep(Duration::from_secs(3)).await;
        let two = gathers(two);
        sleep(Duration::from_secs(2)).await;
        assert!(!one.is_finished() && !two.is_finished());
        // Which work it is was not found out: nobody comes any more.
        drop(three);
        assert_eq!(one.await.unwrap(), Duration::from_secs(5));
        assert_eq!(two.await.unwrap(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn enough_of_them_wait_for_nobody() {
        let company = Company::new(Together::default());
        let _still = company.resolving();
        let titles: Vec<Resolving> = (0..=ENOUGH).map(|_| company.resolving()).collect();
        let mut works: Vec<_> = titles.into_iter().map(gathers).collect();
        let next = works.pop().expect("one more");
        for work in works {
            assert_eq!(work.await.unwrap(), Duration::ZERO);
        }
        assert!(!next.is_finished(), "it waits for the next company");
        assert_eq!(next.await.unwrap(), LULL);
    }

    #[tokio::test(start_paused = true)]
    async fn a_title_that_is_held_up_holds_nobody_up_for_long() {
        let company = Company::new(Together::default());
        let _hangs = company.resolving();
        assert_eq!(gathers(company.resolving()).await.unwrap(), LULL);
        assert_eq!(
            gathers(company.resolving()).await.unwrap(),
            LULL,
            "nor does it hold up the next for ever"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn however_slowly_the_others_come_they_are_not_waited_for_longer_than_is_worth_it() {
        let company = Company::new(Together::default());
        let _still = company.resolving();
        let first = gathers(company.resolving());
        for _ in 0..20 {
            sleep(Duration::from_secs(4)).await;
            drop(gathers(company.resolving()));
        }
        assert_eq!(first.await.unwrap(), LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_takes_nothing_of_a_works_time() {
        let company = Company::new(Together::default());
        let (_still, clock) = (company.resolving(), clock());
        company.resolving().gather(&clock).await;
        assert_eq!((clock.used(), clock.is_parked()), (Duration::ZERO, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_work_that_is_given_up_while_it_waits_is_no_company() {
        let company = Company::new(Together::default());
        let _still = company.resolving();
        let given_up = gathers(company.resolving());
        sleep(Duration::from_secs(4)).await;
        given_up.abort();
        assert!(given_up.await.is_err());
        assert_eq!(gathers(company.resolving()).await.unwrap(), LULL);
        let state = company.state();
        assert_eq!((state.resolving, state.waiting, state.since), (1, 0, None));
    }
}
