//! Whatever stands in a row of the ledger, it costs itself and nothing beside it: the job beside it is leased, what is
//! taken from it is of its own work and says no more than a list could, and all in little time.
//!
//! The first line names a column, `jobs.work`; the rest is what stands there.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use tierfall::run::testing::{kept_file, kept_line, planned_work};
use tierfall::tiers::SoFar;
use tierfall_ledger::sqlite::{SqliteLedger, SqliteSettings};
use tierfall_ledger::{JobFilter, JobKey, Lease, Ledger, NewJob, Rules, Schedule, SystemClock};

const COLUMNS: [&str; 18] = [
    "jobs.key",
    "jobs.state",
    "jobs.ready_at",
    "jobs.owner",
    "jobs.fence",
    "jobs.attempts",
    "jobs.reason",
    "jobs.artifact",
    "jobs.work_id",
    "jobs.role",
    "jobs.run_id",
    "jobs.work",
    "jobs.result",
    "ops.context",
    "ops.result",
    "candidates.detail",
    "parked_jobs.until",
    "parked_jobs.so_far",
];

const DAMAGED: &str = "doi:10.5555/damaged";
const SOUND: &str = "doi:10.5555/sound";

pub fn promise(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (name, value) = data.split_at(at);
    let named = COLUMNS.iter().find(|column| column.as_bytes() == name);
    let column = named.copied().unwrap_or("jobs.work");
    let value = if named.is_some() { value.get(1..).unwrap_or_default() } else { data };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(replaced(column, value));
}

async fn replaced(column: &str, value: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("ledger.sqlite");
    let ledger = open(&path).await;
    ledger.plan(vec![job(DAMAGED), job(SOUND)]).await.expect("a ledger that is empty takes jobs");
    if !overwrite(&path, column, value) {
        // The database itself refuses it.
        return;
    }
    let begun = Instant::now();
    let mut leased = Vec::new();
    while let Some(lease) = ledger.lease_next("a worker").await.expect("one row does not stop the rest") {
        leased.push(lease);
        assert!(leased.len() <= 2, "it goes on for ever");
    }
    assert!(leased.iter().any(|lease| &*lease.work_id == SOUND), "the job beside it is not leased");
    for lease in &leased {
        leased_whole(lease, value.len());
    }
    let listed = ledger.list(JobFilter { state: None, after: 0, limit: 10 }).await.expect("a list");
    assert_eq!(listed.len(), 2);
    for bad in listed.iter().filter_map(|row| row.as_ref().err()) {
        assert!(!bad.why.is_empty() && bad.why.len() < 1000, "{bad:?}");
    }
    for record in listed.into_iter().flatten() {
        if let Some(line) = record.result.as_ref().and_then(|result| kept_line(&record.work_id, result)) {
            of_the_work(&line, &record.work_id);
        }
        let key = JobKey::from_hex(&record.key).expect("a row that can be read has a key");
        assert!(ledger.show(&key).await.is_ok_and(|details| details.is_some()));
    }
    assert!(ledger.counts().await.is_ok() && ledger.next_at().await.is_ok());
    // A thousand times what it takes, so that a busy machine fails nothing.
    let most = Duration::from_secs(10) + Duration::from_millis(value.len() as u64 / 10);
    assert!(begun.elapsed() < most, "it took {:?}", begun.elapsed());
    ledger.close().await;
}

fn leased_whole(lease: &Lease, given: usize) {
    if let Ok(work) = planned_work(&lease.work_id, &lease.work) {
        assert_eq!(work.key(), *lease.work_id, "a work of its own");
        let known = &work.known;
        let by = [
            known.title.as_ref().map(|said| &said.by),
            known.authors.as_ref().map(|said| &said.by),
            known.year.as_ref().map(|said| &said.by),
            known.pages.as_ref().map(|said| &said.by),
        ];
        assert!(by.into_iter().flatten().all(|by| by == "input"), "only the user says something: {known:?}");
        assert!(work.landing_urls.len() <= 33 && work.ids.len() <= 7, "{work:?}");
        let held = format!("{work:?}").len();
        assert!(held <= 20_000 + 20 * given, "{held} bytes are held of {given}");
    }
    if let Some(row) = &lease.so_far {
        let kept = SoFar::read(row).value();
        assert!(kept.to_string().len() <= 256 * 1024, "no more is kept than is given");
        let entries = kept["trail"].as_array().expect("a list");
        assert!(entries.iter().all(|entry| entry["verdict"] != "accepted" && entry["candidates"].is_null()));
    }
    for done in &*lease.done {
        if let Some(line) = kept_file(&lease.work_id, &done.op.context, &done.result) {
            of_the_work(&line, &lease.work_id);
        }
    }
}

/// What goes into the manifest says what the row's key says, and names files where the store puts them.
fn of_the_work(line: &tierfall::run::Line, work_id: &str) {
    assert_eq!(line.work_id, work_id);
    for file in line.files() {
        assert!(
            file.sha256.len() == 64 && file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{file:?}"
        );
        for path in [&file.path, &file.link].into_iter().flatten() {
            let path = Path::new(path);
            assert!(path.starts_with("files") || path.starts_with("works"), "{path:?}");
            assert!(
                path.components().all(|part| matches!(part, std::path::Component::Normal(_))),
                "{path:?}"
            );
        }
    }
}

async fn open(path: &Path) -> SqliteLedger {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let settings = SqliteSettings {
        path: path.to_owned(),
        rules: Rules {
            lease: minutes(2),
            abandoned: minutes(10),
            schedule: Schedule { max_attempts: 5, base: minutes(1), longest: minutes(60) },
        },
        clock: Arc::new(SystemClock),
        timeout: Duration::from_secs(10),
        create: true,
        upgrade: true,
        durable: false,
    };
    SqliteLedger::open(settings).await.expect("a ledger can be made")
}

fn job(work_id: &str) -> NewJob {
    let doi = work_id.trim_start_matches("doi:");
    NewJob {
        work_id: work_id.to_owned(),
        artifact_id: "pdf".to_owned(),
        role: "fulltext".to_owned(),
        run_id: "fuzz".to_owned(),
        work: json!({"input": doi, "work": {"ids": [{"doi": doi}], "known": {}, "landing_urls": []}}),
    }
}

/// Puts the value into the damaged job's row, or into an operation or a candidate of it; whether the database takes it.
fn overwrite(path: &Path, column: &str, value: &[u8]) -> bool {
    let database = Connection::open(path).expect("it is there");
    let done = json!({"line": Value::Null, "duplicate": false}).to_string();
    let beside = [
        "INSERT INTO ops (job, key, kind, status, fence, tries, started_at, ended_at, context, result) \
         VALUES (1, ?1, 'FINALIZE', 'DONE', 0, 1, 0, 0, '{}', ?2)",
        "INSERT INTO candidates (job, url, source, detail, seen_at) VALUES (1, ?1, 's', ?2, 0)",
    ];
    for statement in beside {
        database.execute(statement, ["0".repeat(64), done.clone()]).expect("rows can be added");
    }
    let (table, name) = column.split_once('.').expect("a table and a column");
    if table == "parked_jobs" {
        database
            .execute_batch(
                "UPDATE jobs SET fence = 1 WHERE id = 1; \
                 INSERT INTO parked_jobs (job, until, so_far) VALUES (1, 0, '{}')",
            )
            .expect("the job can have been parked");
    }
    let job = if table == "jobs" { "id" } else { "job" };
    // As the type that the column has, where the value can be read as one.
    let number = matches!(name, "ready_at" | "fence" | "attempts" | "until");
    let text = if number { "CAST(CAST(?1 AS TEXT) AS INTEGER)" } else { "CAST(?1 AS TEXT)" };
    database.execute(&format!("UPDATE {table} SET {name} = {text} WHERE {job} = 1"), [value]).is_ok()
}
