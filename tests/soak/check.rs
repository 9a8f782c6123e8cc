//! Whether ledger, files and manifest agree with each other and with what must have come of the works.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tierfall_ledger::postgres::{PostgresLedger, PostgresSettings, Time};
use tierfall_ledger::sqlite::{SqliteLedger, SqliteSettings};
use tierfall_ledger::{
    JobFilter, JobRecord, Ledger, LedgerError, OpKind, OpStatus, Rules, Schedule, State, SystemClock,
    UnreadableRow,
};

use super::crew::{Place, Site};
use super::works::{FORBIDDEN, Fate, INWARD, Works, sha256};
use crate::buckets::Bucket;
use crate::web::Web;

/// What was found, and everything that is not as it must be.
#[derive(Debug, Default)]
pub struct Report {
    pub stored: usize,
    pub no_copy: usize,
    /// Attempts of all jobs together.
    pub attempts: u64,
    /// Files that killed processes left in `partial/` and beside the links.
    pub leftovers: usize,
    pub wrong: Vec<String>,
}

/// The ledger of a site, for looking at it.
pub async fn open(site: &Site) -> Result<Arc<dyn Ledger>, LedgerError> {
    let rules = Rules {
        lease: super::crew::LEASE,
        abandoned: Duration::from_secs(30),
        schedule: Schedule {
            max_attempts: 1000,
            base: Duration::from_secs(1),
            longest: Duration::from_secs(1),
        },
    };
    let timeout = Duration::from_secs(20);
    Ok(match site.ledger() {
        Place::File => {
            let path = site.out().join("ledger.sqlite");
            let clock = Arc::new(SystemClock);
            Arc::new(
                SqliteLedger::open(SqliteSettings {
                    path,
                    rules,
                    clock,
                    timeout,
                    create: false,
                    upgrade: false,
                    durable: true,
                })
                .await?,
            )
        }
        Place::Server(url) => Arc::new(
            PostgresLedger::open(PostgresSettings {
                url: url.clone(),
                schema: "tierfall".into(),
                rules,
                time: Time::Server,
                connections: 2,
                timeout,
                roots: None,
                create: false,
                upgrade: false,
            })
            .await?,
        ),
    })
}

/// Everything, after everybody has ended.
pub async fn check(site: &Site, works: &Works, web: &Web) -> Report {
    let mut report = Report::default();
    let fates: BTreeMap<String, Fate> =
        (0..works.count).map(|number| (format!("doi:{}", works.doi(number)), works.fate(number))).collect();
    match open(site).await {
        Ok(ledger) => {
            if let Err(error) = check_ledger(&*ledger, &fates, &mut report).await {
                report.wrong.push(format!("the ledger: {error}"));
            }
            ledger.close().await;
        }
        Err(error) => report.wrong.push(format!("the ledger cannot be opened: {error}")),
    }
    match site.store() {
        None => check_files(&site.out(), &fates, &mut report),
        Some(bucket) => check_objects(bucket, &fates, &mut report),
    }
    report.leftovers += files(&site.out().join("partial")).len();
    check_manifest(&site.out(), &fates, &mut report);
    for (url, times) in web.request_counts() {
        if url.contains(FORBIDDEN) || url.starts_with(INWARD) {
            report.wrong.push(format!("{url} was asked for {times} times, and is forbidden"));
        }
    }
    report
}

/// How many jobs are still to be done.
pub async fn open_jobs(ledger: &dyn Ledger) -> Result<u64, LedgerError> {
    let counts = ledger.counts().await?;
    let over = |state: State| state.is_done() || state == State::Exhausted;
    Ok(counts.states.iter().filter(|(state, _)| !over(*state)).map(|(_, count)| count).sum())
}

async fn check_ledger(
    ledger: &dyn Ledger,
    fates: &BTreeMap<String, Fate>,
    report: &mut Report,
) -> Result<(), LedgerError> {
    let mut missing: BTreeSet<&str> = fates.keys().map(String::as_str).collect();
    let mut after = 0;
    loop {
        let jobs = ledger.list(JobFilter { state: None, after, limit: 500 }).await?;
        let Some(last) = jobs.last() else { break };
        after = UnreadableRow::id_of(last, |job| job.id);
        for job in &jobs {
            let job = match job {
                Ok(job) => job,
                Err(row) => {
                    report.wrong.push(format!("the job {} cannot be read: {}", row.name, row.why));
                    continue;
                }
            };
            report.attempts += u64::from(job.attempts);
            missing.remove(job.work_id.as_str());
            match fates.get(&job.work_id) {
                Some(fate) => check_job(job, fate, report),
                None => {
                    report.wrong.push(format!("the job {} is for no work that was asked for", job.work_id))
                }
            }
            check_ops(ledger, job, report).await?;
        }
    }
    report.wrong.extend(missing.into_iter().map(|work| format!("{work} has no job")));
    let counts = ledger.counts().await?;
    if (counts.held, counts.expired, counts.scheduled) != (0, 0, 0) {
        report.wrong.push(format!("the ledger is not at rest: {counts:?}"));
    }
    Ok(())
}

fn check_job(job: &JobRecord, fate: &Fate, report: &mut Report) {
    let as_it_must_be = match fate {
        Fate::Stored(sha256) => {
            report.stored += 1;
            matches!(job.state, State::Indexed | State::Deduped) && job.artifact.as_ref() == Some(sha256)
        }
        Fate::NoCopy => {
            report.no_copy += 1;
            job.state == State::Exhausted && job.artifact.is_none()
        }
    };
    if !as_it_must_be || job.owner.is_some() {
        report.wrong.push(format!(
            "{} is {} with the artifact {:?} and the owner {:?}, last for the reason {:?}; it must be {fate:?}",
            job.work_id, job.state, job.artifact, job.owner, job.reason
        ));
    }
}

async fn check_ops(ledger: &dyn Ledger, job: &JobRecord, report: &mut Report) -> Result<(), LedgerError> {
    let Some(key) = ledger.find(&job.key).await?.pop() else {
        report.wrong.push(format!("{} is listed, and not found", job.work_id));
        return Ok(());
    };
    let ops = ledger.show(&key).await?.map(|story| story.ops).unwrap_or_default();
    let done = |kind: OpKind| ops.iter().filter(|op| op.kind == kind && op.status == OpStatus::Done).count();
    let running = ops.iter().filter(|op| op.status == OpStatus::Running).count();
    if running > 0 {
        report.wrong.push(format!("{} has {running} ops that run", job.work_id));
    }
    let wanted = usize::from(job.state.is_done());
    let ended = done(OpKind::Index) + done(OpKind::Dedupe);
    if (done(OpKind::Finalize), ended) != (wanted, wanted) {
        report.wrong.push(format!(
            "{} is {}, was finalized {} times and indexed {ended} times",
            job.work_id,
            job.state,
            done(OpKind::Finalize)
        ));
    }
    Ok(())
}

fn check_files(out: &Path, fates: &BTreeMap<String, Fate>, report: &mut Report) {
    let wanted: BTreeSet<&str> = fates.values().filter_map(Fate::sha256).collect();
    let mut there = BTreeSet::new();
    for path in files(&out.join("files")) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match fs::read(&path) {
            Ok(bytes) if sha256(&bytes) == name => {}
            Ok(bytes) => report.wrong.push(format!("{} holds other bytes ({})", path.display(), bytes.len())),
            Err(error) => report.wrong.push(format!("{}: {error}", path.display())),
        }
        if !wanted.contains(name.as_str()) {
            report.wrong.push(format!("{} is no work's file", path.display()));
        }
        there.insert(name);
    }
    for sha256 in wanted.iter().filter(|sha256| !there.contains(**sha256)) {
        report.wrong.push(format!("the file {sha256} is not there"));
    }
    let links = files(&out.join("works"));
    let (drafts, links): (Vec<_>, Vec<_>) =
        links.into_iter().partition(|path| path.extension().is_some_and(|extension| extension == "tmp"));
    for link in &links {
        let target = fs::canonicalize(link).ok();
        if target
            .and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
            .is_none_or(|name| !wanted.contains(name.as_str()))
        {
            report.wrong.push(format!("{} leads nowhere", link.display()));
        }
    }
    let stored = fates.values().filter(|fate| fate.sha256().is_some()).count();
    if links.len() != stored {
        report.wrong.push(format!("{} links for {stored} works", links.len()));
    }
    report.leftovers = drafts.len();
}

/// The same in a bucket.
fn check_objects(bucket: &Bucket, fates: &BTreeMap<String, Fate>, report: &mut Report) {
    let mut missing: BTreeSet<&str> = fates.values().filter_map(Fate::sha256).collect();
    let wanted = missing.clone();
    let mut open: BTreeMap<&str, &str> =
        fates.iter().filter_map(|(work, fate)| Some((work.as_str(), fate.sha256()?))).collect();
    for (name, content) in bucket.objects() {
        if name.contains("/works/") {
            let entry: Value = serde_json::from_slice(&content).unwrap_or_default();
            let (work, sha256) = (entry["work_id"].as_str(), entry["sha256"].as_str());
            if work.and_then(|work| open.remove(work)) != sha256 || sha256.is_none() {
                report.wrong.push(format!("{name} says {entry}, which is wrong or said twice"));
            }
            continue;
        }
        let stem = Path::new(&name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if sha256(&content) != stem {
            report.wrong.push(format!("{name} holds other bytes ({})", content.len()));
        }
        if !wanted.contains(stem.as_str()) {
            report.wrong.push(format!("{name} is no work's file"));
        }
        missing.remove(stem.as_str());
    }
    report.wrong.extend(missing.into_iter().map(|sha256| format!("the object {sha256} is not there")));
    report.wrong.extend(open.into_keys().map(|work| format!("the index has nothing of {work}")));
    let (asked, sent) = (wanted.len(), bucket.answers("PUT /").iter().filter(|put| is_new_file(put)).count());
    if sent != asked {
        report.wrong.push(format!("{sent} files were created in the store, of {asked} that there are"));
    }
}

/// Whether an answer says that a file was created, and not that it was there.
fn is_new_file(answer: &str) -> bool {
    answer.contains("/oa/files/") && [" 200", " 201"].iter().any(|status| answer.ends_with(status))
}

fn check_manifest(out: &Path, fates: &BTreeMap<String, Fate>, report: &mut Report) {
    let text = fs::read_to_string(out.join("manifest.jsonl")).unwrap_or_default();
    let mut lines: HashMap<String, Vec<Value>> = HashMap::new();
    for line in text.lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(value) => {
                let work = value["work_id"].as_str().unwrap_or_default().to_owned();
                lines.entry(work).or_default().push(value);
            }
            Err(error) => report.wrong.push(format!("a torn line in the manifest ({error}): {line}")),
        }
    }
    for (work, fate) in fates {
        let found = lines.remove(work).unwrap_or_default();
        let [line] = found.as_slice() else {
            report.wrong.push(format!("{work} has {} lines in the manifest", found.len()));
            continue;
        };
        let wanted = match fate {
            Fate::Stored(_) => "stored",
            Fate::NoCopy => "no_copy",
        };
        if line["status"] != wanted || line["sha256"].as_str() != fate.sha256() {
            report.wrong.push(format!(
                "the manifest says of {work}: {} ({}) {}; it must be {fate:?}",
                line["status"], line["reason"], line["sha256"]
            ));
        }
    }
    report
        .wrong
        .extend(lines.into_keys().map(|work| format!("the manifest knows {work}, which nobody asked for")));
}

impl Fate {
    fn sha256(&self) -> Option<&str> {
        match self {
            Self::Stored(sha256) => Some(sha256),
            Self::NoCopy => None,
        }
    }
}

/// Every file and link below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found
}
