//! The ledger's rows for machines. Times are milliseconds since the epoch.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use tierfall::run::LedgerPlace;
use tierfall_ledger::{
    CandidateRecord, Counts, Due, EventRecord, JobDetails, JobKey, JobRecord, OpRecord, Reconciliation,
    State, UnreadableRow,
};

/// The form of an export's lines. A reader refuses another one.
pub const EXPORT_VERSION: u64 = 1;

/// A line of an export; `last` ends it, so that one that was cut off is known.
pub fn exported(line: Value, last: bool) -> Value {
    let mut exported = Map::new();
    exported.insert("v".to_owned(), EXPORT_VERSION.into());
    if last {
        exported.insert("last".to_owned(), true.into());
    }
    exported.extend(line.as_object().cloned().unwrap_or_default());
    exported.into()
}

pub fn status(place: &LedgerPlace, counts: &Counts, next_at: Option<Due>) -> Value {
    let states: Map<String, Value> =
        counts.states.iter().map(|(state, count)| (state.label().to_owned(), (*count).into())).collect();
    json!({
        "engine": place.engine(),
        "ledger": place.to_string(),
        "jobs": counts.states.iter().map(|(_, count)| count).sum::<u64>(),
        "states": states,
        "held": counts.held,
        "expired": counts.expired,
        "scheduled": counts.scheduled,
        "set_aside": counts.set_aside,
        "next_at": next_at.map(|next| next.at),
    })
}

pub fn job(job: &JobRecord) -> Value {
    json!({
        "id": job.id,
        "job_id": job.key,
        "work_id": job.work_id,
        "artifact_id": job.artifact_id,
        "role": job.role,
        "run_id": job.run_id,
        "state": job.state.label(),
        "owner": job.owner,
        "fence": job.fence,
        "attempts": job.attempts,
        "planned_at": job.planned_at,
        "changed_at": job.changed_at,
        "ready_at": job.ready_at,
        "reason": job.reason,
        "sha256": job.artifact,
        "work": job.work,
        "result": job.result,
    })
}

/// A row that cannot be read, in the place of one that can.
pub fn unreadable(row: &UnreadableRow) -> Value {
    json!({ "id": row.id, "name": row.name, "unreadable": row.why })
}

/// A job with its ops and candidates, and with its events if there are any.
pub fn details(details: &JobDetails, events: &[EventRecord]) -> Value {
    let mut value = job(&details.job);
    value["ops"] = details.ops.iter().map(op).collect();
    value["candidates"] = details.candidates.iter().map(candidate).collect();
    if !details.unreadable.is_empty() {
        value["unreadable"] = details.unreadable.iter().map(String::as_str).collect();
    }
    if !events.is_empty() {
        value["events"] = events.iter().map(event).collect();
    }
    value
}

pub fn event(event: &EventRecord) -> Value {
    json!({
        "id": event.id,
        "at": event.at,
        "event": event.kind.label(),
        "job_id": event.job,
        "owner": event.owner,
        "fence": event.fence,
        "from": event.from.map(State::label),
        "to": event.to.map(State::label),
        "detail": event.detail,
    })
}

pub fn reconciliation(found: &Reconciliation) -> Value {
    let keys = |keys: &[JobKey]| keys.iter().map(JobKey::as_str).collect::<Value>();
    let paths =
        |paths: &[PathBuf]| paths.iter().map(|path| path.to_string_lossy().into_owned()).collect::<Value>();
    json!({
        "leases_cleared": keys(&found.recovered.leases),
        "given_up": keys(&found.recovered.given_up),
        "ops_abandoned": found.recovered.ops,
        "partials_removed": paths(&found.removed),
        "partials_kept": paths(&found.kept),
        "unknown_files": found.unknown_files,
        "missing_files": found.missing.iter().map(|file| json!({
            "job_id": file.job.as_str(), "sha256": file.sha256,
        })).collect::<Value>(),
        "opened_again": found.opened,
        "unreadable": found.unreadable.iter().map(unreadable).collect::<Value>(),
    })
}

fn op(op: &OpRecord) -> Value {
    json!({
        "op_id": op.key,
        "kind": op.kind.label(),
        "status": op.status.label(),
        "fence": op.fence,
        "tries": op.tries,
        "started_at": op.started_at,
        "ended_at": op.ended_at,
        "context": op.context,
        "result": op.result,
        "error": op.error,
    })
}

fn candidate(candidate: &CandidateRecord) -> Value {
    json!({
        "url": candidate.url,
        "source": candidate.source,
        "verdict": candidate.verdict,
        "detail": candidate.detail,
    })
}
