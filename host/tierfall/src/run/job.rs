//! A work as a job of the ledger, and back.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::manifest::{Line, StoredFile};
use super::request::{EntryPlace, WorkRequest};
use crate::acquire::{is_sha256, object_path, path_of};
use crate::tiers::{Trail, TrailEntry};
use tierfall_ids::WorkId;
use tierfall_ledger::{CandidateRecord, Ending, JobKey, NewJob, OpResult};
use tierfall_objects::Place;
use tierfall_work::{ArtifactFormat, Facts, Known, Said, Work};

/// What a worker needs to begin.
#[derive(Serialize, Deserialize)]
struct Task {
    input: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<EntryPlace>,
    work: Work,
}

/// What came of storing a file: enough to end the job, for a worker that comes after a crash.
#[derive(Serialize, Deserialize)]
pub(super) struct FinalizeRecord {
    pub line: Line,
    /// The bytes were there before, for another work.
    pub duplicate: bool,
}

/// The job of an artifact of a work, by the work's key.
pub fn job_key(work_key: &str, format: ArtifactFormat) -> JobKey {
    JobKey::new(work_key, format.label(), format.role())
}

/// Which artifact of its work a job is about; `None`: of none that this program knows.
pub(super) fn format_of(key: &JobKey, work_key: &str) -> Option<ArtifactFormat> {
    ArtifactFormat::ALL.into_iter().find(|format| job_key(work_key, *format) == *key)
}

pub(super) fn new_job(request: &WorkRequest, format: ArtifactFormat, run_id: &str) -> NewJob {
    let task =
        Task { input: request.input.clone(), entry: request.entry.clone(), work: request.work.clone() };
    NewJob {
        work_id: request.work.key(),
        artifact_id: format.label().to_owned(),
        role: format.role().to_owned(),
        run_id: run_id.to_owned(),
        work: serde_json::to_value(task).unwrap_or_default(),
    }
}

/// The work of a job, as it was asked for. An error: another version of this program planned it, or somebody else
/// wrote it.
pub(super) fn request(work_id: &str, work: &Value) -> Result<WorkRequest, String> {
    let Task { input, entry, work } = Task::deserialize(work).map_err(|error| error.to_string())?;
    let work = as_given(work).ok_or("the work has no identifier")?;
    match work.key() {
        key if key == work_id => Ok(WorkRequest { input, entry, work }),
        key => Err(format!("it is of another work, {key}")),
    }
}

/// The work of a row, learned anew from the user who gave it. Whoever can write rows could otherwise have a registry
/// say what it never said, or a work know more identifiers than any list gives.
fn as_given(work: Work) -> Option<Work> {
    fn given<T>(said: Option<Said<T>>) -> Option<T> {
        said.filter(|said| said.by == tierfall_input::BY).map(|said| said.value)
    }
    let Work { ids, known: Known { title, authors, year, pages, retracted }, landing_urls, .. } = work;
    let mut ids = ids.into_iter();
    let first = ids.next();
    let facts = Facts {
        title: given(title),
        authors: given(authors).unwrap_or_default(),
        year: given(year),
        pages: given(pages),
        ids: ids.collect(),
        landing_urls,
        retracted: given(retracted),
    };
    let Some(first) = first else { return Work::titled(&facts, tierfall_input::BY) };
    let mut work = Work::new(first);
    work.learn(&facts, tierfall_input::BY);
    Some(work)
}

/// What the job of a title keeps once it is known which work that is.
#[derive(Serialize, Deserialize)]
struct ResolvedTitle {
    resolved: Vec<WorkId>,
}

/// The end of the job of a title: the work goes on under its own key.
pub(super) fn resolved_ending(work: &Work, format: ArtifactFormat) -> Ending {
    let result = serde_json::to_value(ResolvedTitle { resolved: work.ids.clone() }).unwrap_or_default();
    Ending::Duplicate { of: job_key(&work.key(), format), result }
}

/// The work that an earlier run found a title to be. A list could have given these identifiers with the title: more
/// is not believed of the row.
pub(super) fn resolved(request: &WorkRequest, result: &Value) -> Option<WorkRequest> {
    let ResolvedTitle { resolved } = ResolvedTitle::deserialize(result.get("result")?).ok()?;
    let is_open = request.work.is_known_by_title() && !resolved.is_empty();
    is_open.then(|| WorkRequest { work: request.work.resolved(&resolved), ..request.clone() })
}

/// A line as the ledger keeps it.
pub(super) fn line_value(line: &Line) -> Value {
    serde_json::to_value(line).unwrap_or_default()
}

impl FinalizeRecord {
    pub fn of(line: &Line, duplicate: bool) -> Self {
        Self { line: without_attempts(line), duplicate }
    }

    pub fn result(&self) -> OpResult {
        OpResult::of(self)
    }

    /// `None`: it cannot be read, or is of another work or file than those of its operation.
    pub fn kept(work_id: &str, context: &Value, result: &Value) -> Option<Self> {
        let record = Self::deserialize(result).ok().filter(|record| is_line_of(&record.line, work_id))?;
        let file = record.line.file.as_ref()?;
        (context.get("sha256").and_then(Value::as_str) == Some(&file.sha256)).then_some(record)
    }
}

/// A line that the ledger kept of a work; a duplicate's is inside what is said of it.
pub fn kept_line(work_id: &str, result: &Value) -> Option<Line> {
    let line = result.get("duplicate_of").and_then(|_| result.get("result")).unwrap_or(result);
    Line::deserialize(line).ok().filter(|line| is_line_of(line, work_id))
}

/// Whether a line that the ledger kept is of this work, and its file where the store would put it: whoever wrote the
/// row chose its words, and they go into the manifest.
pub(super) fn is_line_of(line: &Line, work_id: &str) -> bool {
    let is_in_its_place = |file: &StoredFile| {
        let path =
            file.path.as_ref().is_none_or(|path| Path::new(path) == path_of(file.format, &file.sha256));
        let link = file.link.as_ref().is_none_or(|link| {
            Path::new(link).starts_with("works")
                && Path::new(link).components().all(|part| matches!(part, Component::Normal(_)))
        });
        let object = file.object.as_ref().is_none_or(|object| {
            let place = object.strip_suffix(&object_path(file.format, &file.sha256));
            place
                .and_then(|place| place.strip_suffix('/'))
                .is_some_and(|place| place.parse::<Place>().is_ok())
        });
        is_sha256(&file.sha256) && path && link && object
    };
    line.work_id == work_id && line.files().all(is_in_its_place)
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
    use crate::tiers::Status;

    #[test]
    fn a_work_comes_out_of_a_job_as_it_went_in() {
        for id in
            ["10.1371/x(1)<2>;3", "arXiv:2101.00001v2", "PMID:123", "PMC5", "W7", "https://a.example/ü?q=1"]
        {
            let mut work = Work::new(id.parse().expect(id));
            let facts = Facts { title: Some("A title".into()), year: Some(1999), ..Facts::default() };
            work.learn(&facts, "input");
            let entry = Some(EntryPlace::new("refs.bib", 7, Some("key".into())));
            let given = WorkRequest { input: id.into(), entry, work };
            let job = new_job(&given, ArtifactFormat::Pdf, "run");
            let back = request(&job.work_id, &job.work).expect("readable");
            assert_eq!((back.input, back.entry, back.work), (given.input, given.entry, given.work), "{id}");
            assert!(request("doi:10.1/another", &job.work).is_err());
        }
    }

    #[test]
    fn a_title_comes_out_of_a_job_as_it_went_in_and_goes_on_under_what_it_was_found_to_be() {
        let facts = Facts {
            title: Some("On {M}ars".into()),
            authors: vec!["Roe, A.".into()],
            year: Some(1999),
            ..Facts::default()
        };
        let work = Work::titled(&facts, "input").expect("a title");
        let given = WorkRequest { work, ..WorkRequest::from(Work::new("10.5555/1".parse().unwrap())) };
        let job = new_job(&given, ArtifactFormat::Pdf, "run");
        let back = request(&job.work_id, &job.work).expect("readable");
        assert_eq!(back.work, given.work);
        assert!(request("title:00", &job.work).is_err());

        let known = given.work.resolved(&["10.5555/9".parse().unwrap(), "PMID:7".parse().unwrap()]);
        let Ending::Duplicate { of, result } = resolved_ending(&known, ArtifactFormat::Pdf) else {
            panic!("another ending")
        };
        assert_eq!(of, job_key("doi:10.5555/9", ArtifactFormat::Pdf));
        let row = json!({"duplicate_of": of.as_str(), "result": result});
        let later = resolved(&back, &row).expect("resolved");
        assert_eq!((later.work.key(), later.work.ids.len()), ("doi:10.5555/9".into(), 2));
        assert_eq!(later.work.title_key(), Some(given.work.key().as_str()));
        assert!(resolved(&later, &row).is_none(), "it has its identifiers");
        assert!(resolved(&back, &json!({"duplicate_of": "x", "result": {"resolved": []}})).is_none());
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
            let work = request("doi:10.5555/mine", &row(by)).expect("readable").work;
            assert_eq!(work.known, Known::default(), "{by}");
        }
        let work = request("doi:10.5555/mine", &row("input")).expect("readable").work;
        assert_eq!(work.known.title.map(|said| said.value).as_deref(), Some("Another"));
        let ids: Vec<String> = work.ids.iter().map(tierfall_ids::WorkId::key).collect();
        assert_eq!(ids, ["doi:10.5555/mine", "pmid:1"], "one of each kind, as a list gives them");
        assert_eq!(work.landing_urls, ["https://a.example/"]);

        let nothing = json!({"input": "", "work": {"ids": [], "known": {}, "landing_urls": []}});
        assert!(request("doi:10.5555/mine", &nothing).is_err());
    }

    #[test]
    fn a_kept_line_of_another_work_or_of_a_file_elsewhere_is_not_believed() {
        let work = Work::new("10.5555/1".parse().unwrap());
        let line = Line::of("run", "10.5555/1".into(), &work, Status::Stored);
        let sha256 = "ab".repeat(32);
        let kept = |path: &str, link: &str, sha256: &str, work: &str| {
            let mut value = line_value(&line);
            value["work_id"] = json!(work);
            for (name, value_of) in [
                ("sha256", json!(sha256)),
                ("path", json!(path)),
                ("link", json!(link)),
                ("bytes", json!(1)),
                ("url", json!("https://a.example/1.pdf")),
                ("tier", json!("t")),
                ("plugin", json!("p")),
                ("source", json!("s")),
                ("version", json!("published")),
                ("identity", json!("proven")),
                ("evidence", json!("e")),
            ] {
                value[name] = value_of;
            }
            kept_line("doi:10.5555/1", &value).is_some()
        };
        let place = format!("files/sha256/ab/{sha256}.pdf");
        assert!(kept(&place, "works/a.pdf", &sha256, "doi:10.5555/1"));
        assert!(!kept(&place, "works/a.pdf", &sha256, "doi:10.5555/2"));
        assert!(!kept("/etc/passwd", "works/a.pdf", &sha256, "doi:10.5555/1"));
        assert!(!kept("../../etc/passwd", "works/a.pdf", &sha256, "doi:10.5555/1"));
        assert!(!kept(&place, "works/../../a.pdf", &sha256, "doi:10.5555/1"));
        assert!(!kept("files/sha256/../../../x.pdf", "works/a.pdf", "../../../x", "doi:10.5555/1"));
        let stored_at = |object: &str| {
            let file = json!({"path": place, "link": "works/a.pdf.json", "sha256": sha256, "bytes": 1, "tier": "t",
                "plugin": "p", "source": "s", "version": "published", "identity": "proven", "evidence": "e",
                "url": "https://a.example/1.pdf", "object": object});
            let mut value = line_value(&line);
            value.as_object_mut().unwrap().extend(file.as_object().unwrap().clone());
            kept_line("doi:10.5555/1", &value).is_some()
        };
        assert!(stored_at(&format!("s3://papers/oa/{place}")));
        assert!(stored_at(&format!("s3://papers/{place}")));
        assert!(stored_at(&format!("gs://papers/oa/{place}")));
        assert!(stored_at(&format!("az://papers/oa/{place}")));
        for other in ["s3://papers/oa/files/b.pdf", &place, "https://a.example/x", &format!("s3://{place}")] {
            assert!(!stored_at(other), "{other}");
        }
    }
}
