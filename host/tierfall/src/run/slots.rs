//! How many works are in hand: those that go on are bounded by processor and memory, those that are parked by memory
//! alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Turn, Notify};

use super::metrics;
use tierfall_http::{Doing, Parking};

/// The places of one run.
#[derive(Debug)]
pub(super) struct Slots {
    bounds: Bounds,
    state: Mutex<State>,
    freed: Notify,
    /// A place was taken, and nobody else waits for one.
    unattended: Notify,
    /// Who is next is the one that looks whether there is a place.
    turn: Turn<()>,
}

/// How many works there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// That go on. More may: one whose turn has come does not wait for a place as well.
    pub(super) active: usize,
    /// That go on or wait for answers that take their time: each of these has a connection open.
    pub(super) connected: usize,
    /// In all.
    pub(super) in_hand: usize,
}

#[derive(Debug, Default)]
struct State {
    active: usize,
    listening: usize,
    in_hand: usize,
    /// Who waits for a place.
    waiting: usize,
    /// All places were taken: new works come together, once some of them are free, so that they are asked about
    /// together.
    full: bool,
}

/// A work's place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<Place>);

#[derive(Debug)]
struct Place {
    slots: Arc<Slots>,
    phase: Mutex<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Does(Doing),
    Gone,
}

/// One that waits for a place.
struct Waits<'a>(&'a Slots);

impl<'a> Waits<'a> {
    fn here(slots: &'a Slots) -> Self {
        slots.state().waiting += 1;
        Self(slots)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting = state.waiting.saturating_sub(1);
        let unattended = state.waiting == 0;
        drop(state);
        if unattended {
            self.0.unattended.notify_one();
        }
    }
}

/// So many works come together into a full house. Taken in one by one, as others end, each would be asked about alone:
/// with a slow host that is a request a work, where one request asks about a hundred. So many the largest questions
/// hold, but for a source that is only asked with a key; more would make waves and no larger questions.
const TOGETHER: usize = 100;
/// But no more than this part of all places, so that the house is never nearly empty.
const REFILL: usize = 8;

impl Slots {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        let (freed, unattended) = (Notify::new(), Notify::new());
        Arc::new(Self { bounds, state: Mutex::default(), freed, unattended, turn: Turn::default() })
    }

    /// Waits for a place, in order of arrival.
    pub(super) async fn take(self: &Arc<Self>) -> Slot {
        let _waits = Waits::here(self);
        let _turn = self.turn.lock().await;
        loop {
            let freed = self.freed.notified();
            if self.admit() {
                let phase = Mutex::new(Phase::Does(Doing::Working));
                return Slot(Arc::new(Place { slots: Arc::clone(self), phase }));
            }
            freed.await;
        }
    }

    /// Completes when nobody waits for a place any more, so that one that becomes free would stay so.
    pub(super) async fn is_unattended(&self) {
        self.unattended.notified().await;
    }

    /// Whether there is more than one work in hand.
    pub(super) fn have_others(&self) -> bool {
        self.state().in_hand > 1
    }

    fn admit(&self) -> bool {
        let Bounds { active, connected, in_hand } = self.bounds;
        let mut state = self.state();
        if state.full && state.in_hand <= in_hand - TOGETHER.min(in_hand / REFILL) {
            state.full = false;
        }
        let all_busy = state.active >= active || state.active + state.listening >= connected;
        if state.full || all_busy || state.in_hand >= in_hand {
            return false;
        }
        state.active += 1;
        state.in_hand += 1;
        state.full = state.in_hand >= in_hand;
        true
    }

    fn change(&self, before: Phase, after: Phase) {
        let mut state = self.state();
        match before {
            Phase::Does(Doing::Working) => state.active = state.active.saturating_sub(1),
            Phase::Does(Doing::Listening) => state.listening = state.listening.saturating_sub(1),
            Phase::Does(Doing::Parked) => metrics::parked(-1),
            Phase::Gone => {}
        }
        match after {
            Phase::Does(Doing::Working) => state.active += 1,
            Phase::Does(Doing::Listening) => state.listening += 1,
            Phase::Does(Doing::Parked) => metrics::parked(1),
            Phase::Gone => state.in_hand = state.in_hand.saturating_sub(1),
        }
        drop(state);
        if after != Phase::Does(Doing::Working) {
            self.freed.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Who is told when the work is parked.
    pub(super) fn parking(&self) -> Arc<dyn Parking> {
        Arc::clone(&self.0) as _
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.goes_to(Phase::Gone);
    }
}

impl Place {
    fn goes_to(&self, after: Phase) {
        let before = {
            let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
            // What is still on its way for a work that has ended is nobody's.
            if *phase == Phase::Gone || *phase == after {
                return;
            }
            std::mem::replace(&mut *phase, after)
        };
        self.slots.change(before, after);
    }
}

impl Parking for Place {
    fn does(&self, now: Doing) {
        self.goes_to(Phase::Does(now));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn now(slots: &Arc<Slots>) -> Option<Slot> {
        // A test takes more of them in one go than the runtime lets anybody.
        tokio::task::unconstrained(slots.take()).now_or_never()
    }

    #[tokio::test]
    async fn a_parked_work_makes_room_for_another_until_there_are_enough() {
        let slots = Slots::new(Bounds { active: 1, connected: 1, in_hand: 3 });
        let one = now(&slots).expect("a place");
        assert!(now(&slots).is_none(), "one goes on at a time");
        one.parking().does(Doing::Parked);
        let two = now(&slots).expect("room");
        two.parking().does(Doing::Parked);
        let three = now(&slots).expect("room");
        three.parking().does(Doing::Parked);
        assert!(now(&slots).is_none(), "three are enough, parked or not");
        // Whoever may go on does, whether or not there is room.
        one.parking().does(Doing::Working);
        two.parking().does(Doing::Working);
        drop(one);
        assert!(now(&slots).is_none());
        drop(two);
        assert!(now(&slots).is_some());
    }

    #[tokio::test]
    async fn works_that_wait_for_slow_answers_make_room_until_there_are_enough_connections() {
        let slots = Slots::new(Bounds { active: 1, connected: 3, in_hand: 10 });
        let listening: Vec<Slot> = (0..3)
            .map(|_| {
                let slot = now(&slots).expect("room");
                slot.parking().does(Doing::Listening);
                slot
            })
            .collect();
        assert!(now(&slots).is_none());
        listening[0].parking().does(Doing::Parked);
        assert!(now(&slots).is_some(), "who is parked has no connection");
    }

    #[tokio::test]
    async fn somebody_always_waits_for_a_place() {
        let slots = Slots::new(Bounds { active: 2, connected: 2, in_hand: 2 });
        let _one = now(&slots).expect("a place");
        assert!(slots.is_unattended().now_or_never().is_some());
        let _two = now(&slots).expect("a place");
        let mut waiting = Box::pin(slots.take());
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(slots.is_unattended().now_or_never().is_some(), "it was so when the second was taken");
        assert!(slots.is_unattended().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_full_house_takes_new_works_in_together() {
        let slots = Slots::new(Bounds { active: 100, connected: 100, in_hand: 16 });
        let mut places: Vec<Slot> = (0..16).map(|_| now(&slots).expect("a place")).collect();
        places.pop();
        assert!(now(&slots).is_none(), "not one by one");
        places.pop();
        assert!(now(&slots).is_some());
        assert!(now(&slots).is_some());
    }

    #[tokio::test]
    async fn a_large_house_does_not_wait_for_more_works_than_are_asked_about_together() {
        let slots = Slots::new(Bounds { active: 5000, connected: 5000, in_hand: 4096 });
        let mut places: Vec<Slot> = (0..4096).map(|_| now(&slots).expect("a place")).collect();
        places.truncate(4096 - TOGETHER + 1);
        assert!(now(&slots).is_none());
        places.pop();
        let come: Vec<Slot> = std::iter::from_fn(|| now(&slots)).collect();
        assert_eq!(come.len(), TOGETHER);
    }

    #[tokio::test]
    async fn who_waits_is_let_in_when_a_place_is_free_and_what_ends_is_told_of_once() {
        let slots = Slots::new(Bounds { active: 1, connected: 1, in_hand: 1 });
        let one = now(&slots).expect("a place");
        let late = one.parking();
        let waiting = {
            let slots = Arc::clone(&slots);
            tokio::spawn(async move { slots.take().await })
        };
        tokio::task::yield_now().await;
        drop(one);
        let _two = waiting.await.expect("a place");
        late.does(Doing::Parked);
        late.does(Doing::Working);
        assert!(now(&slots).is_none(), "what ended frees no place of another");
    }
}
