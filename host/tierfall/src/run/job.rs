//! A work as a job of the ledger, and back.

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::manifest::Line;
use super::request::WorkRequest;
use crate::tiers::{Trail, TrailEntry};
use tierfall_ledger::{CandidateRecord, JobKey, NewJob};
use tierfall_work::{Facts, Known, Said, Work};

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
    let work = as_given(work).ok_or_else(|| serde_json::Error::custom("the work has no identifier"))?;
    Ok(WorkRequest { input, work })
}

/// The work of a row, learned anew from the user who gave it. Whoever can write rows could otherwise have a registry
/// say what it never said, or a work know more identifiers than any list gives.
fn as_given(work: Work) -> Option<Work> {
    fn given<T>(said: Option<Said<T>>) -> Option<T> {
        said.filter(|said| said.by == tierfall_input::BY).map(|said| said.value)
    }
    let Work { ids, known: Known { title, authors, year, pages }, landing_urls } = work;
    let mut ids = ids.into_iter();
    let mut work = Work::new(ids.next()?);
    let facts = Facts {
        title: given(title),
        authors: given(authors).unwrap_or_default(),
        year: given(year),
        pages: given(pages),
        ids: ids.collect(),
        landing_urls,
    };
    work.learn(&facts, tierfall_input::BY);
    Some(work)
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

    #[test]
    fn a_row_cannot_say_what_only_a_registry_could_have_said() {
        let row = |by: &str| {
            json!({"input": "10.5555/mine", "work": {
                "ids": [{"doi": "10.5555/mine"}, {"doi": "10.5555/another"}, {"pmid": "1"}, {"pmid": "2"}],
                "known": {
                    "title": {"value": "Another", "by": by}, "authors": null,
                    "year": {"value": 1999, "by": by}, "pages": {"value": 3, "by": by},
                },
                "landing_urls": ["https://a.example/", "file:///etc/passwd"],
            }})
        };
        for by in ["crossref", "landing_page", "theirs/crossref", "", "Input"] {
            let work = request(&row(by)).expect("readable").work;
            assert_eq!(work.known, Known::default(), "{by}");
        }
        let work = request(&row("input")).expect("readable").work;
        assert_eq!(work.known.title.map(|said| said.value).as_deref(), Some("Another"));
        let ids: Vec<String> = work.ids.iter().map(tierfall_ids::WorkId::key).collect();
        assert_eq!(ids, ["doi:10.5555/mine", "pmid:1"], "one of each kind, as a list gives them");
        assert_eq!(work.landing_urls, ["https://a.example/"]);

        let nothing = json!({"input": "", "work": {"ids": [], "known": {}, "landing_urls": []}});
        assert!(request(&nothing).is_err());
    }
}
