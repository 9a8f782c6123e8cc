//! What is made of a ledger's rows, for the fuzz target and the test that replays its corpus.

use serde_json::Value;
use tierfall_work::Work;

use super::job::{self, FinalizeRecord};
use super::manifest::Line;

/// The work of a job, as a worker takes it on. An error is the reason for which it is not taken on.
pub fn planned_work(work_id: &str, work: &Value) -> Result<Work, String> {
    job::request(work_id, work).map(|request| request.work)
}

/// What of an operation's result goes into the manifest.
pub fn kept_file(work_id: &str, context: &Value, result: &Value) -> Option<Line> {
    FinalizeRecord::kept(work_id, context, result).map(|record| record.line)
}

/// What of a job's result goes into the manifest.
pub fn kept_line(work_id: &str, result: &Value) -> Option<Line> {
    job::kept_line(work_id, result)
}
