//! What a run came to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::endings::Unstored;
use super::finalize::Resolution;
use super::manifest::Line;
use crate::tiers::{EndReason, Status};
use tierfall_ledger::LedgerClient;

/// Counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Works that the run has a line for.
    pub works: u64,
    /// Works whose file is stored.
    pub stored: u64,
    /// Works of which no copy was found.
    pub no_copy: u64,
    /// Works that are known by their title alone, and of which no record is known to be them.
    pub unresolved: u64,
    /// Failed or timed out: another run may end differently.
    pub failed: u64,
    /// The sizes of the stored files, together.
    pub bytes: u64,
    /// Of all works, those that an earlier run had brought to their end: nothing was fetched for them.
    pub done_before: u64,
    /// Of these, stored works whose file is not in this output folder.
    pub elsewhere: u64,
    /// Works that failed before and are not to be tried yet, or not again.
    pub pending: u64,
    /// Lines of the input that could not be read.
    pub bad_entries: u64,
    /// Works that were asked for more than once.
    pub repeats: u64,
    /// The run was told to stop before it was through.
    pub interrupted: bool,
    /// Stored works by source.
    pub by_source: BTreeMap<String, u64>,
    /// Works that are not stored, by reason.
    pub by_reason: BTreeMap<String, u64>,
    /// Sources that had answered nobody for a day or more when the run ended, and for how many hours.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub silent_sources: BTreeMap<String, u64>,
    /// Sources that could not answer, by name.
    pub failed_sources: BTreeMap<String, SourceFailures>,
    /// Why the run ended early: nothing could be reached, and what to do about it.
    pub unreachable: Option<String>,
    /// What the ledger could not do, by operation, and how often; empty where all went well or none is kept.
    pub ledger_failures: BTreeMap<&'static str, u64>,
}

/// How often a source could not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceFailures {
    /// Attempts.
    pub count: u64,
    /// What the first of them failed by.
    pub first: String,
}

/// What planning came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlanSummary {
    /// Jobs that the ledger did not know.
    pub new: u64,
    /// Jobs that it knew, and that are not done.
    pub known: u64,
    /// Jobs that are done.
    pub done: u64,
    /// Lines of the input that could not be read.
    pub bad_entries: u64,
    /// Works that were asked for more than once.
    pub repeats: u64,
    /// Planning was told to stop before it was through.
    pub interrupted: bool,
}

impl Summary {
    /// Counts one work.
    pub(super) fn count(&mut self, line: &Line, resolution: Resolution) {
        match resolution {
            Resolution::Now => self.count_failures(line),
            Resolution::Here => self.done_before += 1,
            Resolution::Before { here } => {
                self.done_before += 1;
                self.elsewhere += u64::from(!here);
            }
            Resolution::Pending => self.pending += 1,
        }
        self.count_line(line);
    }

    /// Takes back the ending of a work that has ended again. The sources that failed for it have failed all the same.
    pub(super) fn uncount(&mut self, Unstored { status, reason, resolution }: Unstored) {
        fn less(count: &mut u64) {
            *count = count.saturating_sub(1);
        }
        less(&mut self.works);
        match resolution {
            Resolution::Now => {}
            Resolution::Here | Resolution::Before { .. } => less(&mut self.done_before),
            Resolution::Pending => less(&mut self.pending),
        }
        match status {
            Status::Stored => {}
            Status::NoCopy => less(&mut self.no_copy),
            Status::Unresolved => less(&mut self.unresolved),
            Status::Failed | Status::Timeout => less(&mut self.failed),
        }
        let reason = reason.map(EndReason::code).unwrap_or_default();
        if let Some(count) = self.by_reason.get_mut(reason) {
            less(count);
            if *count == 0 {
                self.by_reason.remove(reason);
            }
        }
    }

    /// Counts the attempts that brought no answer.
    fn count_failures(&mut self, line: &Line) {
        for attempt in line.trail.attempts().filter(|attempt| attempt.failed()) {
            let failures = self.failed_sources.entry(attempt.source.clone()).or_default();
            failures.count += 1;
            if failures.first.is_empty() {
                // What the host noted is nearer to the cause than what the plugin made of it.
                let said = attempt.notes.first().unwrap_or(&attempt.detail);
                failures.first.clone_from(said);
            }
        }
    }

    /// Counts a work by its line.
    pub fn count_line(&mut self, line: &Line) {
        self.works += 1;
        match line.status {
            Status::Stored => {
                self.stored += 1;
                self.bytes += line.files().map(|file| file.bytes).sum::<u64>();
                let source = line.file.as_ref().map(|file| file.source.clone()).unwrap_or_default();
                *self.by_source.entry(source).or_default() += 1;
                return;
            }
            Status::NoCopy => self.no_copy += 1,
            Status::Unresolved => self.unresolved += 1,
            Status::Failed | Status::Timeout => self.failed += 1,
        }
        let reason = line.reason.map(EndReason::code).unwrap_or_default();
        *self.by_reason.entry(reason.to_owned()).or_default() += 1;
    }

    /// Counts what the ledger missed.
    pub(super) fn count_ledger(&mut self, ledger: &LedgerClient) {
        for (operation, count) in ledger.failures().into_iter().flat_map(|failures| failures.counts()) {
            if count > 0 {
                self.ledger_failures.insert(operation.label(), count);
            }
        }
        let lost = ledger.ledger().map_or(0, |ledger| ledger.events_lost());
        if lost > 0 {
            self.ledger_failures.insert("events", lost);
        }
    }
}
