//! Jobs of forms that were not needed, because the work had one that was wanted more. They are over, but not for good:
//! who wants the form after all looks for it.

use serde_json::Value;

use super::job;
use super::manifest::Line;
use tierfall_ledger::{Ending, JobKey, LedgerClient, Retry};

/// What the result of such a job has beside its line.
const MARK: &str = "not_needed";

/// The end of such a job.
pub(super) fn ending(line: &Line) -> Ending {
    let mut result = job::line_value(line);
    if let Some(fields) = result.as_object_mut() {
        fields.insert(MARK.to_owned(), true.into());
    }
    Ending::Exhausted { result }
}

/// Whether a job ended so, by its result.
pub(super) fn is_result(result: Option<&Value>) -> bool {
    result.and_then(|result| result.get(MARK)) == Some(&Value::Bool(true))
}

/// Makes such a job ready again; whether it is.
pub(super) async fn reopen(ledger: &LedgerClient, key: JobKey) -> bool {
    let Some(ledger) = ledger.ledger() else { return false };
    match ledger.retry(Retry::Job(key)).await {
        Ok(jobs) => jobs > 0,
        Err(error) => {
            tracing::warn!(%error, "a form that is wanted now is not looked for");
            false
        }
    }
}
