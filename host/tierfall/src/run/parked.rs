//! The works of a list that were given back to the ledger until their turns come: whoever has room takes up the first
//! whose time has come.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::request::WorkRequest;
use tierfall_ledger::Clock;

/// No time is waited for longer without a look at the clock, which may be set meanwhile.
const LOOK: Duration = Duration::from_secs(60);

/// No work is given back for longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Those of one run.
pub(super) struct ParkedWorks {
    /// The machine's, which goes on while the machine sleeps.
    clock: Box<dyn Clock>,
    /// By their times, and then as they came.
    works: Mutex<BTreeMap<(Instant, u64), Parked>>,
    changed: Notify,
}

struct Parked {
    request: WorkRequest,
    /// Its time by the machine's clock, in milliseconds since the epoch.
    until: i64,
}

impl ParkedWorks {
    pub(super) fn by(clock: impl Clock + 'static) -> Self {
        Self { clock: Box::new(clock), works: Mutex::default(), changed: Notify::new() }
    }

    /// The ledger says for how long: its clock need not be this machine's, which may be set besides.
    pub(super) fn add(&self, request: WorkRequest, wait: Duration) {
        let wait = wait.min(LONGEST);
        let due = Instant::now() + wait;
        let until = self.clock.now_ms().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let mut works = self.works();
        let last = works.range((due, 0)..=(due, u64::MAX)).next_back();
        let number = last.map_or(0, |((_, number), _)| number + 1);
        works.insert((due, number), Parked { request, until });
        drop(works);
        self.changed.notify_waiters();
    }

    /// The first, once its time has come, also one that is added meanwhile.
    pub(super) async fn due(&self) -> WorkRequest {
        loop {
            let changed = self.changed.notified();
            match self.take_due() {
                Ok(request) => return request,
                Err(Some(wait)) => tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = changed => {}
                },
                Err(None) => changed.await,
            }
        }
    }

    /// The same, as long as there are any.
    pub(super) async fn rest(&self) -> Option<WorkRequest> {
        tokio::select! {
            biased;
            request = self.due() => Some(request),
            () = self.is_empty() => None,
        }
    }

    pub(super) fn are_none(&self) -> bool {
        self.works().is_empty()
    }

    async fn is_empty(&self) {
        loop {
            let changed = self.changed.notified();
            if self.are_none() {
                return;
            }
            changed.await;
        }
    }

    /// The first, if its time has come; else how long that is, if there is one.
    fn take_due(&self) -> Result<WorkRequest, Option<Duration>> {
        let mut works = self.works();
        let first = works.first_entry().ok_or(None)?;
        let wait = first.key().0.saturating_duration_since(Instant::now());
        // While the machine slept, only its clock went on.
        if !wait.is_zero() && self.clock.now_ms() < first.get().until {
            return Err(Some(wait.min(LOOK)));
        }
        let Parked { request, .. } = first.remove();
        drop(works);
        self.changed.notify_waiters();
        Ok(request)
    }

    fn works(&self) -> MutexGuard<'_, BTreeMap<(Instant, u64), Parked>> {
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use tierfall_work::Work;

    /// The time of the tests, which somebody may set.
    #[derive(Clone, Debug)]
    struct Wall(Instant, Arc<AtomicI64>);

    impl Wall {
        fn new() -> Self {
            Self(Instant::now(), Arc::new(AtomicI64::new(1_700_000_000_000)))
        }

        fn set(&self, by: i64) {
            self.1.fetch_add(by, Ordering::SeqCst);
        }
    }

    impl Clock for Wall {
        fn now_ms(&self) -> i64 {
            self.0.elapsed().as_millis() as i64 + self.1.load(Ordering::SeqCst)
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    fn parked() -> (Arc<ParkedWorks>, Wall) {
        let wall = Wall::new();
        (Arc::new(ParkedWorks::by(wall.clone())), wall)
    }

    fn work(number: u32) -> WorkRequest {
        WorkRequest::from(Work::new(format!("10.5555/{number}").parse().expect("a DOI")))
    }

    fn number(request: &WorkRequest) -> &str {
        request.work.ids[0].value().rsplit('/').next().expect("a number")
    }

    #[tokio::test(start_paused = true)]
    async fn works_come_back_in_the_order_of_their_times_and_none_before_its_time() {
        let (parked, _) = parked();
        let began = Instant::now();
        for (at, of) in [(3, 1), (1, 2), (2, 3), (1, 4)] {
            parked.add(work(of), HOUR * at);
        }
        for (expected, hours) in [("2", 1), ("4", 1), ("3", 2), ("1", 3)] {
            assert_eq!(number(&parked.due().await), expected);
            assert!(began.elapsed() >= HOUR * hours && began.elapsed() < HOUR * hours + LOOK, "{expected}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_far_time_takes_what_comes_meanwhile_and_is_due_sooner() {
        let (parked, _) = parked();
        let began = Instant::now();
        parked.add(work(1), HOUR);
        let waits = tokio::spawn({
            let parked = Arc::clone(&parked);
            async move { number(&parked.due().await).to_owned() }
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
        parked.add(work(2), Duration::from_secs(2));
        assert_eq!(waits.await.expect("a wait"), "2");
        assert_eq!(began.elapsed(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_taken_up_once_and_whoever_waits_for_the_rest_hears_that_there_is_none() {
        let (parked, _) = parked();
        for of in 0..3 {
            parked.add(work(of), HOUR);
        }
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let parked = Arc::clone(&parked);
            waiting.spawn(async move { parked.rest().await.map(|request| number(&request).to_owned()) });
        }
        let mut taken: Vec<_> = waiting.join_all().await;
        taken.sort();
        let each = ["0", "1", "2"].map(|of| Some(of.to_owned()));
        assert_eq!(taken, [None, None].into_iter().chain(each).collect::<Vec<_>>());
        assert!(parked.rest().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_is_noticed() {
        let (parked, wall) = parked();
        parked.add(work(1), 24 * HOUR);
        let began = Instant::now();
        let waits = tokio::spawn({
            let parked = Arc::clone(&parked);
            async move { parked.due().await }
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
        wall.set(24 * 3_600_000);
        waits.await.expect("a wait");
        assert!(began.elapsed() <= LOOK, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_holds_nothing_up() {
        let (parked, wall) = parked();
        let began = Instant::now();
        parked.add(work(1), HOUR);
        wall.set(-50_000_000_000);
        parked.add(work(2), HOUR * 2);
        for (expected, hours) in [("1", 1), ("2", 2)] {
            assert_eq!(number(&parked.due().await), expected);
            assert!(began.elapsed() >= HOUR * hours && began.elapsed() < HOUR * hours + LOOK, "{expected}");
        }
    }
}
