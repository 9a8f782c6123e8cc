//! What one request cost beside its answer.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Retries and waits of one request, its redirects included. It is kept up while the request goes on, so that one
/// that is cut off has it too.
#[derive(Debug, Default)]
pub struct RequestCost {
    retries: AtomicU32,
    waited_us: AtomicU64,
}

impl RequestCost {
    /// How often it was sent again.
    pub fn retries(&self) -> u32 {
        self.retries.load(Ordering::Relaxed)
    }

    /// How long it waited for its host's turn, and before it was sent again.
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.waited_us.load(Ordering::Relaxed))
    }

    /// A wait before it is sent again.
    pub(crate) async fn pause(&self, pause: Duration) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        self.waiting(tokio::time::sleep(pause)).await;
    }

    /// Measures a wait, also one that is cut off.
    pub(crate) async fn waiting<T>(&self, wait: impl Future<Output = T>) -> T {
        let _waiting = Waiting { cost: self, since: Instant::now() };
        wait.await
    }
}

struct Waiting<'a> {
    cost: &'a RequestCost,
    since: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waited = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.cost.waited_us.fetch_add(waited, Ordering::Relaxed);
    }
}
