//! The works of a list that came to nothing while nothing was reached: they come again once others were asked for.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::request::WorkRequest;

/// So many are set aside at most: that is some 50 MB, and where so many come to nothing while nobody answers, it is the
/// network.
const MOST: usize = 100_000;

/// Those of one run, in the order in which they were set aside.
#[derive(Default)]
pub(super) struct SetAside {
    works: Mutex<VecDeque<WorkRequest>>,
    added: Notify,
}

impl SetAside {
    pub(super) fn have_room(&self) -> bool {
        self.works().len() < MOST
    }

    pub(super) fn add(&self, request: WorkRequest) {
        self.works().push_back(request);
        self.added.notify_waiters();
    }

    /// The first, unless somebody else has taken it.
    pub(super) fn take(&self) -> Option<WorkRequest> {
        self.works().pop_front()
    }

    pub(super) fn are_none(&self) -> bool {
        self.works().is_empty()
    }

    /// Completes when there are any.
    pub(super) async fn are_some(&self) {
        loop {
            let added = self.added.notified();
            if !self.are_none() {
                return;
            }
            added.await;
        }
    }

    fn works(&self) -> MutexGuard<'_, VecDeque<WorkRequest>> {
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
