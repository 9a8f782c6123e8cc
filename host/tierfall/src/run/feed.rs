//! Reading the input on a thread of its own, no faster than works end, so that its length does not matter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::reporter::Reporter;
use super::request::{InputItem, WorkRequest};

/// Works that are read before they are needed: enough that the length of an ordinary list is known, and
/// its progress can be shown, from the beginning; about a megabyte.
const READ_AHEAD: usize = 1024;

/// An input that is being read.
pub(super) struct Feed {
    pub(super) works: async_channel::Receiver<WorkRequest>,
    pub(super) counts: Arc<FeedCounts>,
    /// Ends with the input.
    pub(super) reading: JoinHandle<()>,
}

/// What of the input was no new work.
#[derive(Default)]
pub(super) struct FeedCounts {
    bad_entries: AtomicU64,
    repeats: AtomicU64,
}

impl FeedCounts {
    pub(super) fn bad_entries(&self) -> u64 {
        self.bad_entries.load(Ordering::Relaxed)
    }

    pub(super) fn repeats(&self) -> u64 {
        self.repeats.load(Ordering::Relaxed)
    }
}

impl Feed {
    /// Reads until `halt`.
    pub(super) fn start(
        input: impl Iterator<Item = InputItem> + Send + 'static,
        workers: usize,
        reporter: Arc<dyn Reporter>,
        halt: CancellationToken,
    ) -> Self {
        let (send, works) = async_channel::bounded(READ_AHEAD.max(workers * 2));
        let counts = Arc::new(FeedCounts::default());
        let counting = Arc::clone(&counts);
        let reading =
            tokio::task::spawn_blocking(move || read(input, &send, reporter.as_ref(), &halt, &counting));
        Self { works, counts, reading }
    }
}

fn read(
    input: impl Iterator<Item = InputItem>,
    works: &async_channel::Sender<WorkRequest>,
    reporter: &dyn Reporter,
    halt: &CancellationToken,
    counts: &FeedCounts,
) {
    let mut total = 0;
    for item in input {
        if halt.is_cancelled() {
            break;
        }
        match item {
            InputItem::Work(request) => {
                total += 1;
                if works.send_blocking(request).is_err() {
                    break;
                }
            }
            InputItem::Bad(entry) => {
                counts.bad_entries.fetch_add(1, Ordering::Relaxed);
                reporter.bad(&entry);
            }
            InputItem::Repeat => {
                counts.repeats.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    reporter.total(total);
}
