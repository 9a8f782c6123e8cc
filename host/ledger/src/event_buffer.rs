//! Events that wait to be written, the same way for both engines: many at once, off the critical path, and never in
//! the way of anything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::event::Event;

/// Events are written this many at once, or this long after the first; a crash loses this much of the history.
pub(crate) const BATCH: usize = 512;
pub(crate) const MAX_DELAY: Duration = Duration::from_millis(200);

/// Events kept in memory while they cannot be written. Those beyond it are lost, and counted.
const CAPACITY: usize = 100_000;

/// The events that wait to be written.
#[derive(Debug)]
pub(crate) struct EventBuffer {
    pub(crate) events: Vec<Event>,
    /// When the oldest is to be written.
    pub(crate) due: Instant,
    pub(crate) lost: LostEvents,
}

/// Counts the events that could not be written. All clones share one count.
#[derive(Clone, Debug, Default)]
pub(crate) struct LostEvents(Arc<AtomicU64>);

impl EventBuffer {
    pub(crate) fn new(lost: LostEvents) -> Self {
        Self { events: Vec::new(), due: Instant::now(), lost }
    }

    pub(crate) fn add(&mut self, mut events: Vec<Event>) {
        if self.events.is_empty() {
            self.due = Instant::now() + MAX_DELAY;
        }
        let free = CAPACITY.saturating_sub(self.events.len());
        self.lost.add(events.len().saturating_sub(free));
        events.truncate(free);
        self.events.append(&mut events);
    }
}

impl LostEvents {
    pub(crate) fn add(&self, count: usize) {
        if count > 0 && self.0.fetch_add(count as u64, Ordering::Relaxed) == 0 {
            tracing::warn!("events of the ledger are being lost: its history has gaps, its jobs do not");
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
