//! Callbacks on the progress of a run.

use std::time::Duration;

use super::manifest::Line;
use super::request::WorkRequest;
use crate::tiers::{Observer, Status};
use tierfall_input::BadEntry;
use tierfall_work::Work;

/// Told what happens, from the workers' tasks: what takes long here delays the run.
pub trait Reporter: Send + Sync {
    /// Called once the number of works is known, before all have ended.
    fn total(&self, _works: u64) {}
    /// A line of the input that cannot be read.
    fn bad(&self, _entry: &BadEntry) {}
    /// A worker begins with it.
    fn started(&self, _request: &WorkRequest) {}
    /// It was started, and another worker has it now.
    fn left(&self, _request: &WorkRequest) {}
    /// It was started, and is given back for so long: its turn at a host is far off.
    fn parked(&self, request: &WorkRequest, _wait: Duration) {
        self.left(request);
    }
    /// It turned out to be a work that was asked for under another name: it has no line of its own.
    fn repeated(&self, _work: &Work) {}
    /// It ended, and its line is in the manifest.
    fn ended(&self, _line: &Line) {}
    /// It has ended once more in this run, and its line takes the place of the one before: it had failed (`before`), and
    /// the ledger had it tried again.
    fn ended_again(&self, line: &Line, _before: Status) {
        self.ended(line);
    }
    /// The observer of one work's race.
    fn observer(&self, _request: &WorkRequest) -> Box<dyn Observer> {
        Box::new(())
    }
}

impl Reporter for () {}
