//! Works whose titles are being resolved are company on its way: a work that has just learned its identifiers waits for
//! them, so that sources are asked about all of them in one question. Without that, each would be asked about alone, for
//! titles are resolved one by one, at the pace of a registry's search. For the same reason a title that is still not
//! resolved waits for the others before it comes to registries that are asked for several titles at once.
//!
//! They go on together once there are enough of them, once nobody is on its way any more, or once the wait would be no
//! bargain. Where nothing is on its way, nothing waits.

use std::sync::atomic::{AtomicBool, Ordering};
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
/// A search that answers at all has answered by then. Where no title came further for so long, what is on its way is
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
    /// Titles that are not resolved.
    resolving: usize,
    /// Those of them that have yet to come to where titles are asked for together.
    alone: usize,
    /// When a title last came further: to the others, or to its end.
    last: Option<Instant>,
    /// Titles that wait to be asked for together.
    titles: Waiting,
    /// Works that wait to be raced.
    works: Waiting,
}

/// Those who wait for the same, and go on together.
#[derive(Debug, Default)]
struct Waiting {
    count: usize,
    /// Since when the first of these waits.
    since: Option<Instant>,
    /// Companies that have gone on.
    gone: u64,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug)]
enum Next {
    Search,
    Race,
}

impl State {
    fn those(&mut self, next: Next) -> &mut Waiting {
        match next {
            Next::Search => &mut self.titles,
            Next::Race => &mut self.works,
        }
    }

    /// Whether they go on now.
    fn is_complete(&self, next: Next) -> bool {
        match next {
            Next::Search => self.alone == 0 || self.titles.count >= ENOUGH,
            Next::Race => self.resolving == 0 || self.works.count >= ENOUGH,
        }
    }

    /// When they go on at the latest.
    fn due(&mut self, next: Next, now: Instant) -> Instant {
        let last = self.last;
        let since = self.those(next).since.unwrap_or(now);
        (since + LONGEST).min(since.max(last.unwrap_or(since)) + LULL)
    }
}

/// A title that is being resolved.
#[derive(Debug)]
pub(super) struct Resolving {
    company: Arc<Company>,
    /// It has yet to come to where titles are asked for together.
    alone: AtomicBool,
}

/// One who waits, for what, and the number of its company.
struct Waits<'a>(&'a Company, Next, u64);

impl Company {
    /// `together` is that of the sources which they go on to.
    pub(super) fn new(together: Together) -> Arc<Self> {
        Arc::new(Self { together, ..Self::default() })
    }

    /// Those who wait go on.
    fn go(&self, state: &mut State, next: Next) {
        let those = state.those(next);
        if those.count > 1 {
            self.together.go_on();
        }
        *those = Waiting { gone: those.gone + 1, ..Waiting::default() };
        if matches!(next, Next::Search) {
            state.last = Some(Instant::now());
        }
        self.gone.notify_waiters();
    }

    /// Lets go on who need not wait any more.
    fn settle(&self, state: &mut State) {
        for next in [Next::Search, Next::Race] {
            if state.those(next).count > 0 && state.is_complete(next) {
                self.go(state, next);
            }
        }
    }

    /// A title is being resolved until this is dropped.
    pub(super) fn resolving(self: &Arc<Self>) -> Resolving {
        let mut state = self.state();
        state.resolving += 1;
        state.alone += 1;
        Resolving { company: Arc::clone(self), alone: AtomicBool::new(true) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add<'a>(&'a self, state: &mut State, next: Next) -> Waits<'a> {
        let those = state.those(next);
        those.count += 1;
        those.since.get_or_insert_with(Instant::now);
        Waits(self, next, those.gone)
    }
}

impl Resolving {
    /// The title comes to where several are asked for together: waits for those that may still come. It is parked
    /// meanwhile.
    pub(super) async fn join(&self, clock: &Arc<WorkClock>) {
        if !self.alone.swap(false, Ordering::Relaxed) {
            return;
        }
        let waits = {
            let mut state = self.company.state();
            state.alone = state.alone.saturating_sub(1);
            state.last = Some(Instant::now());
            let waits = self.company.add(&mut state, Next::Search);
            self.company.settle(&mut state);
            waits
        };
        waits.go_on(clock).await;
    }

    /// The title is resolved: waits for those that still are not. The work is parked meanwhile.
    pub(super) async fn gather(self, clock: &Arc<WorkClock>) {
        let company = Arc::clone(&self.company);
        let waits = {
            let mut state = company.state();
            company.add(&mut state, Next::Race)
        };
        drop(self);
        waits.go_on(clock).await;
    }
}

impl Drop for Resolving {
    fn drop(&mut self) {
        let mut state = self.company.state();
        state.resolving = state.resolving.saturating_sub(1);
        state.alone = state.alone.saturating_sub(usize::from(*self.alone.get_mut()));
        state.last = Some(Instant::now());
        self.company.settle(&mut state);
    }
}

impl Waits<'_> {
    /// Waits for its company.
    async fn go_on(self, clock: &Arc<WorkClock>) {
        if self.over().is_none() {
            return;
        }
        let parked = AttemptClock::new(LONGEST, clock);
        let _parked = parked.queue();
        loop {
            let gone = self.0.gone.notified();
            tokio::pin!(gone);
            gone.as_mut().enable();
            let Some(due) = self.over() else { return };
            tokio::select! {
                () = gone => {}
                () = sleep_until(due) => {}
            }
        }
    }

    /// Until when it goes on; `None`: it is over.
    fn over(&self) -> Option<Instant> {
        let Self(company, next, gone) = *self;
        let now = Instant::now();
        let mut state = company.state();
        if state.those(next).gone != gone {
            return None;
        }
        let due = state.due(next, now);
        if now < due {
            return Some(due);
        }
        company.go(&mut state, next);
        None
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let Self(company, next, gone) = *self;
        let mut state = company.state();
        let those = state.those(next);
        if those.gone == gone {
            those.count = those.count.saturating_sub(1);
            if those.count == 0 {
                those.since = None;
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
        assert_eq!((state.resolving, state.works.count, state.works.since), (1, 0, None));
    }

    /// Comes to where titles are asked for together; after how long it went on.
    fn joins(title: &Arc<Resolving>) -> JoinHandle<Duration> {
        let title = Arc::clone(title);
        tokio::spawn(async move {
            let began = Instant::now();
            title.join(&clock()).await;
            began.elapsed()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn titles_are_asked_for_together_once_none_is_asked_for_alone_and_works_wait_for_them_too() {
        let company = Company::new(Together::default());
        let alone = Arc::new(company.resolving());
        assert_eq!(joins(&alone).await.unwrap(), Duration::ZERO, "it has no company");
        drop(alone);

        let [one, two, three, last] = [(); 4].map(|()| Arc::new(company.resolving()));
        let (one_joins, resolved) = (joins(&one), gathers(company.resolving()));
        sleep(Duration::from_secs(2)).await;
        let two_joins = joins(&two);
        sleep(Duration::from_secs(2)).await;
        // It is resolved, or given up.
        drop(three);
        sleep(Duration::from_secs(1)).await;
        assert!(!one_joins.is_finished() && !two_joins.is_finished());
        assert_eq!(joins(&last).await.unwrap(), Duration::ZERO);
        assert_eq!(one_joins.await.unwrap(), Duration::from_secs(5));
        assert_eq!(two_joins.await.unwrap(), Duration::from_secs(3));
        assert_eq!(joins(&one).await.unwrap(), Duration::ZERO, "at the next registry nobody waits again");

        sleep(Duration::from_secs(3)).await;
        assert!(!resolved.is_finished(), "those that are asked for together may still be its company");
        drop((one, two));
        drop(last);
        assert_eq!(resolved.await.unwrap(), Duration::from_secs(8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_title_that_is_given_up_among_those_who_wait_holds_nobody_up() {
        let company = Company::new(Together::default());
        let [one, two, still] = [(); 3].map(|()| Arc::new(company.resolving()));
        let given_up = joins(&one);
        sleep(Duration::from_secs(1)).await;
        given_up.abort();
        assert!(given_up.await.is_err());
        drop(one);
        let two_joins = joins(&two);
        sleep(Duration::from_secs(1)).await;
        drop(still);
        assert_eq!(two_joins.await.unwrap(), Duration::from_secs(1));
        let state = company.state();
        assert_eq!((state.resolving, state.alone, state.titles.count), (1, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_search_that_hangs_holds_other_titles_up_no_longer_than_works() {
        let company = Company::new(Together::default());
        let (_hangs, title) = (company.resolving(), Arc::new(company.resolving()));
        assert_eq!(joins(&title).await.unwrap(), LULL);
    }
}
