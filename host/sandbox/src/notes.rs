//! Notes of the host on one call, for the trail, and what the guest said last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::clean::clean;
use crate::limits::ResourceLimit;
use crate::report::{CallReport, Obstacle, RefusedPage, RequestReport};
use tierfall_http::Response;

/// Denials, limits that were reached without ending the call, requests and how they ended. Shared, because a call
/// that is dropped at its timeout cannot return anything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<CallReport>>);

// Enough to see what a plugin tries to do; after the first denials, more of them say nothing new.
const MOST_NOTES: usize = 20;
/// Why a page was refused the first ones say.
const MOST_REFUSED: usize = 8;
/// More than `sandbox.fetches` lets an honest plugin make.
const MOST_REQUESTS: usize = 64;

impl Notes {
    pub(crate) fn add(&self, note: String) {
        let mut report = self.report();
        if report.notes.len() < MOST_NOTES && !report.notes.contains(&note) {
            report.notes.push(note);
        }
    }

    /// A limit that refuses or cuts something, and ends nothing.
    pub(crate) fn limit(&self, limit: ResourceLimit) {
        self.add(format!("ran into the limit {}", limit.label()));
        // What is cut of its log or of its candidates kept the plugin from no answer.
        if matches!(limit, ResourceLimit::Fetches | ResourceLimit::FetchBytes) {
            self.obstacle(Obstacle::Limit(limit));
        }
    }

    pub(crate) fn obstacle(&self, obstacle: Obstacle) {
        let mut report = self.report();
        if report.obstacles.len() < MOST_NOTES && !report.obstacles.contains(&obstacle) {
            report.obstacles.push(obstacle);
        }
    }

    /// A page has answered.
    pub(crate) fn page(&self, answer: &Response) {
        if let Some(refused) = RefusedPage::of(answer) {
            let mut report = self.report();
            if report.refused.len() < MOST_REFUSED {
                report.refused.push(refused);
            }
        }
    }

    pub(crate) fn request(&self, request: RequestReport) {
        let mut report = self.report();
        if report.requests.len() < MOST_REQUESTS {
            report.requests.push(request);
        }
    }

    pub(crate) fn take(&self) -> CallReport {
        std::mem::take(&mut *self.report())
    }

    fn report(&self) -> MutexGuard<'_, CallReport> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// The last lines that a guest logged: a panic, or an exception of another language, says there what happened.
#[derive(Debug, Default)]
pub(crate) struct LastWords(VecDeque<String>);

// A traceback names the error in its last lines.
const LAST_LINES: usize = 3;
/// Of one message; its end matters, however long it is.
const LAST_BYTES: usize = 4096;

impl LastWords {
    pub(crate) fn add(&mut self, message: &str) {
        let end = &message[message.floor_char_boundary(message.len().saturating_sub(LAST_BYTES))..];
        let lines = end.lines().rev().map(str::trim).filter(|line| !line.is_empty());
        let mut lines: Vec<String> = lines.take(LAST_LINES).map(|line| clean(line, 200)).collect();
        lines.reverse();
        self.0.extend(lines);
        let beyond = self.0.len().saturating_sub(LAST_LINES);
        self.0.drain(..beyond);
    }

    /// On one line; `None` if it said nothing.
    pub(crate) fn said(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.iter().map(String::as_str).collect::<Vec<_>>().join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_that_a_guest_says_the_last_lines_are_kept() {
        let mut words = LastWords::default();
        assert_eq!(words.said(), None);
        words.add("looking");
        words.add("Traceback:\n\n  File x\nKeyError: \u{1b}[31m'doi'\n");
        assert_eq!(words.said().as_deref(), Some("Traceback: | File x | KeyError: [31m'doi'"));
        words.add(&"long ".repeat(1000));
        assert!(words.said().is_some_and(|said| said.len() < 700 && said.starts_with("File x")));
    }
}
