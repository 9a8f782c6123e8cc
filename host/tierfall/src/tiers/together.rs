//! Works that go on at the same moment, because one answer told all of them something, because they waited for each
//! other, or because a list begins with them: they come to their next source within milliseconds, and are to be in one
//! question there. Otherwise the first of them is asked about alone, at each source from there on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// So long hundreds of works take until each has had its turn at a processor: a fraction of what a question takes.
const TURNS: Duration = Duration::from_millis(10);

/// When several works of a plan went on together, the last time. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Together(Arc<Mutex<Option<Instant>>>);

impl Together {
    /// Several works go on at this moment.
    pub fn go_on(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Lets those come that went on just now. At once where nobody did.
    pub(super) async fn all_come(&self) {
        let went = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(went) = went
            && went.elapsed() < TURNS
        {
            sleep_until(went + TURNS).await;
        }
    }
}
