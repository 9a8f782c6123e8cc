//! Places of which there is a certain number. Whoever waits for one has one of those asked that hold one and only wait
//! themselves: they give theirs up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many calls may run at once. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    /// Places that are waited for, and that nobody was asked for yet.
    wanted: Arc<Semaphore>,
    /// Those that somebody was asked for, and that nobody has got yet.
    promised: Arc<AtomicUsize>,
}

/// Some places, free again when they are dropped.
#[derive(Debug)]
pub(crate) struct PlacePermit {
    _places: Option<OwnedSemaphorePermit>,
}

/// Where a call runs: in the engine, and among the calls of its source.
#[derive(Clone, Debug)]
pub(crate) struct CallPlaces {
    /// The slots of the engine, and how many of them a call takes.
    pub(crate) slots: (Places, u32),
    /// Calls of the source that may run at once.
    pub(crate) share: Places,
}

/// An answer that comes sooner than this is worth no second beginning.
const SOON: Duration = Duration::from_millis(20);

impl Places {
    pub(crate) fn new(number: u32) -> Self {
        Self {
            free: Arc::new(Semaphore::new(number.max(1) as usize)),
            wanted: Arc::new(Semaphore::new(0)),
            promised: Arc::default(),
        }
    }

    /// Waits, in order of arrival, until so many are free.
    pub(crate) async fn take(&self, number: u32) -> PlacePermit {
        if let Ok(places) = Arc::clone(&self.free).try_acquire_many_owned(number) {
            return PlacePermit { _places: Some(places) };
        }
        self.wanted.add_permits(number as usize);
        let mut waiter = Waiter { places: self, number: number as usize, served: false };
        // The semaphore is never closed.
        let places = Arc::clone(&self.free).acquire_many_owned(number).await.ok();
        waiter.served = true;
        PlacePermit { _places: places }
    }

    /// Completes when somebody waits for a place, and nobody else has been asked for it.
    async fn wanted(&self) {
        if let Ok(asked) = self.wanted.acquire().await {
            asked.forget();
            self.promised.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Of so many places that somebody got, how many nobody gave up for it.
    fn came_by_themselves(&self, number: usize) -> usize {
        let less = |promised: usize| Some(promised.saturating_sub(number));
        let promised = self.promised.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        number.saturating_sub(promised.unwrap_or_default())
    }
}

/// Who waits. What it got, or wants no more, nobody is asked for.
struct Waiter<'a> {
    places: &'a Places,
    number: usize,
    served: bool,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let over = if self.served { self.places.came_by_themselves(self.number) } else { self.number };
        self.places.wanted.forget_permits(over);
    }
}

impl CallPlaces {
    /// Waits until the call may run.
    pub(crate) async fn take(&self) -> (PlacePermit, PlacePermit) {
        let share = self.share.take(1).await;
        let (slots, number) = &self.slots;
        (slots.take(*number).await, share)
    }

    /// Completes when another call wants the place of this one, which has waited for some time.
    pub(crate) async fn wanted(&self) {
        tokio::time::sleep(SOON).await;
        tokio::select! {
            () = self.share.wanted() => {}
            () = self.slots.0.wanted() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn who_waits_has_one_asked_to_give_up_its_place_and_no_more() {
        let places = Places::new(1);
        let held = places.take(1).await;
        assert!(places.wanted().now_or_never().is_none(), "nobody waits");
        let mut waiting = Box::pin(places.take(1));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(places.wanted().now_or_never().is_some());
        assert!(places.wanted().now_or_never().is_none(), "one is enough");
        drop(held);
        assert!(waiting.now_or_never().is_some());
    }

    #[tokio::test]
    async fn as_many_places_are_asked_for_as_are_waited_for_while_they_change_hands() {
        let places = Places::new(1);
        let mut held = places.take(1).await;
        let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(places.take(1))).collect();
        waiting.iter_mut().for_each(|one| assert!(one.as_mut().now_or_never().is_none()));
        for next in waiting {
            assert!(places.wanted().now_or_never().is_some());
            drop(held);
            held = next.await;
        }
        assert!(places.wanted().now_or_never().is_none());
    }

    #[tokio::test]
    async fn who_was_served_or_went_away_wants_nothing_any_more() {
        let places = Places::new(1);
        let held = places.take(1).await;
        let mut gone = Box::pin(places.take(1));
        assert!(gone.as_mut().now_or_never().is_none());
        drop(gone);
        assert!(places.wanted().now_or_never().is_none());
        let mut served = Box::pin(places.take(1));
        assert!(served.as_mut().now_or_never().is_none());
        drop(held);
        assert!(served.now_or_never().is_some());
        assert!(places.wanted().now_or_never().is_none());
    }

    #[tokio::test]
    async fn who_comes_later_does_not_pass_by_who_needs_several() {
        let places = Places::new(3);
        let first = places.take(1).await;
        let mut large = Box::pin(places.take(3));
        assert!(large.as_mut().now_or_never().is_none(), "two of three are free");
        assert!(places.take(1).now_or_never().is_none());
        drop(first);
        let large = large.await;
        assert!(places.take(1).now_or_never().is_none());
        drop(large);
        assert!(places.take(1).now_or_never().is_some());
    }
}
