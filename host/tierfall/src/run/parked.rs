//! The works of a list that were given back to the ledger until their turns come: whoever has room takes up the first
//! whose time has come.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::leases::{now_ms, wait_until};
use super::request::WorkRequest;

/// No time is waited for longer without a look at the clock, which may be set meanwhile.
const LOOK: Duration = Duration::from_secs(60);

/// Those of one run.
#[derive(Default)]
pub(super) struct ParkedWorks {
    /// By their times (milliseconds since the epoch), and then as they came.
    works: Mutex<BTreeMap<(i64, u64), WorkRequest>>,
    changed: Notify,
}

impl ParkedWorks {
    pub(super) fn add(&self, request: WorkRequest, until: i64) {
        let mut works = self.works();
        let last = works.range((until, 0)..=(until, u64::MAX)).next_back();
        let number = last.map_or(0, |((_, number), _)| number + 1);
        works.insert((until, number), request);
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
        let (until, _) = *first.key();
        if until > now_ms() {
            return Err(Some(wait_until(until, LOOK)));
        }
        let request = first.remove();
        drop(works);
        self.changed.notify_waiters();
        Ok(request)
    }

    fn works(&self) -> MutexGuard<'_, BTreeMap<(i64, u64), WorkRequest>> {
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
