//! How fast the ledger is, against what the same disk does without one. Run with
//! `cargo bench -p tierfall-ledger --features postgres --bench ledger [-- lifecycle | next | JOBS]`; `TMPDIR` chooses the disk.
//!
//! Two claims, each a ratio of things measured in turn in this one run, so that a busy machine slows both:
//! - a full lifecycle with durable commits, 64 workers, reaches at least 0.6 of a bare loop that writes the same
//!   rows 100 to a transaction, and 2 000 jobs a second where the disk syncs 4 000 times a second;
//! - taking the next job of 1 000 000 takes at most twice as long as of 1 000, on both engines.

#[cfg(feature = "postgres")]
#[path = "../src/testing/server.rs"]
mod server;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use serde_json::json;
#[cfg(feature = "postgres")]
use tierfall_ledger::postgres::{PostgresLedger, PostgresSettings, Time};
use tierfall_ledger::sqlite::{SqliteLedger, SqliteSettings};
use tierfall_ledger::{
    Enqueued, JobCommand, JobKey, Ledger, NewJob, Op, OpKey, OpKind, OpOutcome, Rules, Schedule, SystemClock,
};

const WORKERS: u32 = 64;
/// Alternations of the two things compared; the medians are printed.
const ROUNDS: usize = 5;
const KINDS: [OpKind; 4] = [OpKind::Head, OpKind::Stream, OpKind::Finalize, OpKind::Index];

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wants = |name: &str| {
        args.iter().all(|arg| arg != "lifecycle" && arg != "next") || args.iter().any(|arg| arg == name)
    };
    let jobs = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(4_000);
    let folder = tempfile::tempdir().expect("the temporary folder can be written to");
    println!("in {}", folder.path().display());
    if wants("lifecycle") {
        lifecycle(folder.path(), jobs).await;
    }
    if wants("next") {
        next_sqlite(folder.path()).await;
        #[cfg(feature = "postgres")]
        next_postgres().await;
    }
}

async fn lifecycle(folder: &Path, jobs: u32) {
    println!("{:.0} single-row transactions/s on this disk", single_rows(folder));
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let path = folder.join(format!("bare-{round}.sqlite"));
        sqlite(&path).await.close().await;
        bare.push(f64::from(jobs) / bare_loop(&path, jobs).as_secs_f64());
        let ledger = sqlite(&folder.join(format!("whole-{round}.sqlite"))).await;
        whole.push(f64::from(jobs) / work_all(&ledger, jobs).await.as_secs_f64());
        ledger.close().await;
        println!("  round {round}: bare loop {:.0} jobs/s, ledger {:.0} jobs/s", bare[round], whole[round]);
    }
    let ratios: Vec<f64> = whole.iter().zip(&bare).map(|(whole, bare)| whole / bare).collect();
    let (bare, whole, ratio) = (median(bare), median(whole), median(ratios));
    println!(
        "lifecycle, {WORKERS} workers: {whole:.0} jobs/s; bare loop {bare:.0} jobs/s; ratio {ratio:.2} (at least 0.60)"
    );
}

/// Every job planned, leased, worked through four ops, indexed and released by one of the workers.
async fn work_all(ledger: &Arc<SqliteLedger>, jobs: u32) -> Duration {
    let next = Arc::new(AtomicU32::new(0));
    let started = Instant::now();
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let (ledger, next) = (Arc::clone(ledger), Arc::clone(&next));
            tokio::spawn(async move {
                let owner = format!("machine/1234/{worker}");
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= jobs {
                        return;
                    }
                    work_one(&*ledger, number, &owner).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("no worker panics");
    }
    started.elapsed()
}

/// As a run does it: the commands of a download share the commit that begins the finalize.
async fn work_one(ledger: &dyn Ledger, number: u32, owner: &str) {
    let job = job(number);
    let key = job.key();
    let Ok(Enqueued::Leased(lease)) = ledger.enqueue(job, owner).await else { panic!("the job is free") };
    let [head, stream, finalize, index] = KINDS.map(|kind| Op::new(&key, kind, context(number)));
    let done = |op: &Op| {
        let artifact = (op.kind == OpKind::Finalize).then(|| key.to_string());
        JobCommand::Complete(op.clone(), OpOutcome::Done { result: result(number).into(), artifact })
    };
    let begin = |op: &Op| JobCommand::Begin(op.clone());
    for commands in [
        vec![begin(&head), done(&head), begin(&stream), done(&stream), begin(&finalize)],
        vec![done(&finalize), begin(&index)],
        vec![done(&index), JobCommand::Release],
    ] {
        let replies = ledger.execute(&lease, commands.into()).await.expect("executed");
        assert!(replies.iter().all(Result::is_ok), "{replies:?}");
    }
}

/// The rows that one job leaves behind and passes through, written with nothing else around them.
fn bare_loop(path: &Path, jobs: u32) -> Duration {
    let connection = connect(path);
    let started = Instant::now();
    let mut rows = 0;
    let mut wrote = |connection: &Connection, count: u32| {
        rows += count;
        if rows >= 100 {
            connection.execute_batch("COMMIT; BEGIN IMMEDIATE").expect("committed");
            rows = 0;
        }
    };
    connection.execute_batch("BEGIN IMMEDIATE").expect("begun");
    for number in 0..jobs {
        bare_job(&connection, number, &mut wrote);
    }
    connection.execute_batch("COMMIT").expect("committed");
    started.elapsed()
}

fn bare_job(connection: &Connection, number: u32, wrote: &mut impl FnMut(&Connection, u32)) {
    let job = job(number);
    let key = job.key();
    let owner = "machine/1234/1";
    let now = 1_700_000_000_000_i64;
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql).expect("prepared").execute(values).expect("written");
    };
    run(
        "INSERT INTO jobs (key, state, ready_at, planned_at, changed_at, work_id, artifact_id, role, run_id, work) \
         VALUES (?1, 'PLANNED', ?2, ?2, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![key.as_str(), now, job.work_id, job.artifact_id, job.role, job.run_id, job.work.to_string()],
    );
    let id = connection.last_insert_rowid();
    let event = |kind: &str, from: Option<&str>, to: Option<&str>, detail: Option<String>| {
        run(
            "INSERT INTO events (at, kind, job, owner, fence, from_state, to_state, detail) \
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7)",
            params![now, kind, id, owner, from, to, detail],
        );
    };
    let state = |from: &str, to: &str, owner: Option<&str>, ready_at: Option<i64>, artifact: Option<&str>| {
        run(
            "UPDATE jobs SET state = ?1, ready_at = ?2, owner = ?3, fence = 1, attempts = 1, changed_at = ?4, \
             artifact = COALESCE(?5, artifact) WHERE id = ?6",
            params![to, ready_at, owner, now, artifact, id],
        );
        event("job_state_changed", Some(from), Some(to), None);
    };
    event("job_planned", None, None, Some(json!({"run_id": job.run_id}).to_string()));
    wrote(connection, 2);
    state("PLANNED", "LEASED", Some(owner), Some(now + 120_000), None);
    event("job_leased", None, None, Some(json!({"until": now, "attempt": 1}).to_string()));
    wrote(connection, 3);
    for (kind, from, to) in [
        (OpKind::Head, "LEASED", "HEAD_DONE"),
        (OpKind::Stream, "HEAD_DONE", "STREAMING"),
        (OpKind::Finalize, "STREAMING", "FINALIZED"),
        (OpKind::Index, "FINALIZED", "INDEXED"),
    ] {
        let op = OpKey::new(&key, kind, &context(number));
        run(
            "INSERT INTO ops (job, key, kind, status, fence, tries, started_at, context) \
             VALUES (?1, ?2, ?3, 'RUNNING', 1, 1, ?4, ?5)",
            params![id, op.as_str(), kind.label(), now, context(number).to_string()],
        );
        event(
            "operation_started",
            None,
            None,
            Some(json!({"op": op.as_str(), "kind": kind.label(), "try": 1}).to_string()),
        );
        wrote(connection, 2);
        run(
            "UPDATE ops SET status = 'DONE', ended_at = ?1, result = ?2 WHERE job = ?3 AND key = ?4",
            params![now, result(number).to_string(), id, op.as_str()],
        );
        let over = kind == OpKind::Index;
        let artifact = (kind == OpKind::Finalize).then(|| key.as_str());
        state(from, to, (!over).then_some(owner), (!over).then_some(now + 120_000), artifact);
        event(
            "operation_completed",
            None,
            None,
            Some(json!({"op": op.as_str(), "kind": kind.label(), "status": "DONE"}).to_string()),
        );
        wrote(connection, 4);
    }
    event("lease_released", None, None, None);
    wrote(connection, 1);
}

/// What one sync costs here: the yardstick for the absolute numbers.
fn single_rows(folder: &Path) -> f64 {
    let connection = connect(&folder.join("single.sqlite"));
    connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)").expect("created");
    let started = Instant::now();
    let count = 300;
    for _ in 0..count {
        connection.execute("INSERT INTO t (text) VALUES ('a row like any other')", []).expect("written");
    }
    f64::from(count) / started.elapsed().as_secs_f64()
}

async fn next_sqlite(folder: &Path) {
    let mut ledgers = Vec::new();
    for planned in [1_000_u32, 1_000_000] {
        let path = folder.join(format!("next-{planned}.sqlite"));
        let ledger = sqlite(&path).await;
        let connection = connect(&path);
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
                    INSERT INTO jobs (key, state, ready_at, planned_at, changed_at, work_id, artifact_id, role, run_id, work) \
                    SELECT lower(hex(randomblob(32))), 'PLANNED', 1, 1, 1, 'doi:10.1000/' || i, 'pdf', 'fulltext', 'bench', \
                    '{\"id\":\"10.1000/' || i || '\"}' FROM n";
        connection.execute(fill, [planned]).expect("filled");
        // Else the first syncs after this would pay for a million rows on their way to the disk.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("written back");
        std::fs::File::open(&path).and_then(|file| file.sync_all()).expect("synced");
        ledgers.push(ledger as Arc<dyn Ledger>);
    }
    compare_next("sqlite", &ledgers).await;
}

#[cfg(feature = "postgres")]
async fn next_postgres() {
    let Some(server) = server::server("") else { return };
    let mut ledgers = Vec::new();
    for planned in [1_000_i64, 1_000_000] {
        let schema = format!("next_{planned}");
        let settings = PostgresSettings {
            url: server.url(),
            schema: schema.clone(),
            rules: rules(),
            time: Time::Server,
            connections: 4,
            timeout: Duration::from_secs(30),
            roots: None,
            create: true,
            upgrade: false,
        };
        let ledger = PostgresLedger::open(settings).await.expect("a new ledger can be made");
        let (client, connection) =
            tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.expect("connected");
        tokio::spawn(connection);
        client.batch_execute(&format!("SET search_path = {schema}")).await.expect("set");
        let fill = "INSERT INTO jobs (key, state, ready_at, planned_at, changed_at, work_id, artifact_id, role, run_id, work) \
                    SELECT encode(sha256(i::text::bytea), 'hex'), 'PLANNED', 1, 1, 1, 'doi:10.1000/' || i, 'pdf', 'fulltext', \
                    'bench', '{\"id\":\"10.1000/' || i || '\"}' FROM generate_series(1, $1::bigint) i";
        client.execute(fill, &[&planned]).await.expect("filled");
        client.batch_execute("ANALYZE jobs").await.expect("analysed");
        ledgers.push(Arc::new(ledger) as Arc<dyn Ledger>);
    }
    compare_next("postgres", &ledgers).await;
}

/// Takes 500 jobs from each, in pairs that begin with the one and the other in turn: of two syncs in a row the
/// second can be cheaper. The first pairs do not count.
async fn compare_next(engine: &str, ledgers: &[Arc<dyn Ledger>]) {
    let mut times = vec![Vec::new(); ledgers.len()];
    for pair in 0..600 {
        for turn in 0..ledgers.len() {
            let which = (pair + turn) % ledgers.len();
            let started = Instant::now();
            let lease = ledgers[which].lease_next("machine/1234/1").await.expect("taken");
            assert!(lease.is_some(), "there are jobs left");
            if pair >= 100 {
                times[which].push(started.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    let [few, many] = medians.as_slice() else { return };
    println!(
        "next job, {engine}: {few:.0} µs with 1 000 planned, {many:.0} µs with 1 000 000; ratio {:.2} (at most 2.00)",
        many / few
    );
}

async fn sqlite(path: &Path) -> Arc<SqliteLedger> {
    let settings = SqliteSettings {
        path: path.to_owned(),
        rules: rules(),
        clock: Arc::new(SystemClock),
        timeout: Duration::from_secs(30),
        create: true,
        upgrade: false,
        durable: true,
    };
    Arc::new(SqliteLedger::open(settings).await.expect("a new ledger can be made"))
}

/// With the settings of the ledger's own writer.
fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("opened");
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                    PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8192";
    connection.execute_batch(settings).expect("set");
    connection.set_prepared_statement_cache_capacity(64);
    connection
}

fn rules() -> Rules {
    Rules {
        lease: Duration::from_secs(120),
        abandoned: Duration::from_secs(600),
        schedule: Schedule {
            max_attempts: 5,
            base: Duration::from_secs(60),
            longest: Duration::from_secs(3600),
        },
    }
}

fn job(number: u32) -> NewJob {
    NewJob {
        work_id: format!("doi:10.1000/{number}"),
        artifact_id: "pdf".to_owned(),
        role: "fulltext".to_owned(),
        run_id: "bench".to_owned(),
        work: json!({"id": format!("10.1000/{number}")}),
    }
}

fn context(number: u32) -> serde_json::Value {
    json!({"url": format!("https://example.org/papers/{number}.pdf")})
}

fn result(number: u32) -> serde_json::Value {
    json!({"path": format!("files/sha256/ab/{}.pdf", JobKey::new("x", "y", "z")), "bytes": number, "status": 200})
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
