//! Notes of the host on one call, for the trail.

use std::sync::{Arc, Mutex};

use crate::limits::ResourceLimit;

/// Denials, limits that were reached without ending the call, hosts that did not answer. Shared, because a call
/// that is dropped at its timeout cannot return anything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

// Enough to see what a plugin tries to do; after the first denials, more of them say nothing new.
const MOST_NOTES: usize = 20;

impl Notes {
    pub(crate) fn add(&self, note: String) {
        let mut notes = self.0.lock().unwrap_or_else(|poison| poison.into_inner());
        if notes.len() < MOST_NOTES && !notes.contains(&note) {
            notes.push(note);
        }
    }

    pub(crate) fn limit(&self, limit: ResourceLimit) {
        self.add(format!("ran into the limit {}", limit.label()));
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(|poison| poison.into_inner()))
    }
}
