//! A work as a job of the ledger, and back.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::manifest::Line;
use super::request::WorkRequest;
use crate::tiers::{Trail, TrailEntry};
use tierfall_ledger::{CandidateRecord, JobKey, NewJob};
use tierfall_work::Work;

/// The one artifact of a work that there is so far, and what it is to the work.
const ARTIFACT: &str = "pdf";
const ROLE: &str = "fulltext";

/// What a worker needs to begin.
#[derive(Serialize, Deserialize)]
struct Task {
    input: String,
    work: Work,
}

/// What came of storing a file: enough to end the job, for a worker that comes after a crash.
#[derive(Serialize, Deserialize)]
pub(super) struct FinalizeRecord {
    pub line: Line,
    /// The bytes were there before, for another work.
    pub duplicate: bool,
}

/// The job of a work, by the work's key.
pub fn job_key(work_key: &str) -> JobKey {
    JobKey::new(work_key, ARTIFACT, ROLE)
}

pub(super) fn new_job(request: &WorkRequest, run_id: &str) -> NewJob {
    let task = Task { input: request.input.clone(), work: request.work.clone() };
    NewJob {
        work_id: request.work.key(),
        artifact_id: ARTIFACT.to_owned(),
        role: ROLE.to_owned(),
        run_id: run_id.to_owned(),
        work: serde_json::to_value(task).unwrap_or_default(),
    }
}

/// The work of a job, as it was asked for. An error: another version of this program planned it.
pub(super) fn request(work: &Value) -> Result<WorkRequest, serde_json::Error> {
    let Task { input, work } = Task::deserialize(work)?;
    Ok(WorkRequest { input, work })
}

/// A line as the ledger keeps it.
pub(super) fn line_value(line: &Line) -> Value {
    serde_json::to_value(line).unwrap_or_default()
}

impl FinalizeRecord {
    pub fn of(line: &Line, duplicate: bool) -> Self {
        Self { line: without_attempts(line), duplicate }
    }

    pub fn value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    pub fn kept(result: &Value) -> Option<Self> {
        Self::deserialize(result).ok()
    }
}

/// A line that the ledger kept; a duplicate's is inside what is said of it.
pub(super) fn kept_line(result: &Value) -> Option<Line> {
    let line = result.get("duplicate_of").and_then(|_| result.get("result")).unwrap_or(result);
    Line::deserialize(line).ok()
}

/// What the trail says of the candidates of a work: who proposed each, and how it ended.
pub(super) fn candidates(trail: &Trail) -> Vec<CandidateRecord> {
    let verdict = |url: &str| {
        trail.acquisitions().find(|entry| entry.url == url).map(|entry| entry.verdict().to_owned())
    };
    let mut records: Vec<CandidateRecord> = Vec::new();
    for entry in &trail.0 {
        let TrailEntry::Attempt(attempt) = entry else { continue };
        for proposal in &attempt.candidates {
            if records.iter().all(|known| known.url != proposal.url) {
                records.push(CandidateRecord {
                    url: proposal.url.clone(),
                    source: attempt.source.clone(),
                    detail: json!({
                        "tier": attempt.tier,
                        "version": proposal.version,
                        "license": proposal.license,
                        "basis": proposal.basis,
                        "evidence": proposal.evidence,
                    }),
                    verdict: verdict(&proposal.url),
                });
            }
        }
    }
    records
}

/// The line without what nobody needs after a crash: how each source was asked.
fn without_attempts(line: &Line) -> Line {
    let trail = line.trail.0.iter().filter(|entry| matches!(entry, TrailEntry::Acquisition(_)));
    Line { trail: Trail(trail.cloned().collect()), ..line.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_work::Facts;

    #[test]
    fn a_work_comes_out_of_a_job_as_it_went_in() {
        for id in
            ["10.1371/x(1)<2>;3", "arXiv:2101.00001v2", "PMID:123", "PMC5", "W7", "https://a.example/ü?q=1"]
        {
            let mut work = Work::new(id.parse().expect(id));
            let facts = Facts { title: Some("A title".into()), year: Some(1999), ..Facts::default() };
            work.learn(&facts, "input");
            let given = WorkRequest { input: id.into(), work };
            let back = request(&new_job(&given, "run").work).expect("readable");
            assert_eq!((back.input, back.work), (given.input, given.work), "{id}");
        }
    }
}
