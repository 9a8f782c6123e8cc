use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rusqlite::Connection;

use super::{SqliteLedger, SqliteSettings};
use crate::clock::SystemClock;
use crate::contract::Ledger;
use crate::engine::Engine as _;
use crate::error::LedgerError;
use crate::event::EventFilter;
use crate::job::{Ending, JobFilter, Planned};
use crate::key::JobKey;
use crate::protocol::{TxContext, TxRequest};
use crate::sql::{Param, Sql};
use crate::testing::{EngineKind, World, job, readable, rules};

/// Runs a statement on the writer's own connection, and then fails if it is to.
struct Statement {
    sql: &'static str,
    then: Option<LedgerError>,
}

impl TxRequest for Statement {
    type Reply = ();

    async fn apply<S: Sql>(&self, sql: &mut S, _tx: &mut TxContext<'_>) -> Result<(), LedgerError> {
        sql.rows(self.sql, &[] as &[Param<'_>]).await?;
        self.then.clone().map_or(Ok(()), Err)
    }
}

#[tokio::test]
async fn what_is_answered_can_be_read_by_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.sqlite")).await.unwrap();
    let other = Connection::open(ledger.path()).unwrap();
    let plans = (0..50).map(|number| ledger.plan(vec![job(number)]));
    for planned in join_all(plans).await {
        let planned = planned.unwrap();
        let found: i64 = other
            .query_row("SELECT COUNT(*) FROM jobs WHERE key = ?1", [planned[0].key().as_str()], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(found, 1);
    }
}

#[tokio::test]
async fn callers_at_the_same_time_share_commits() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.sqlite")).await.unwrap();
    // Frames of the log that end a transaction hold the database's size, others hold zero.
    let commits = || {
        let log = std::fs::read(folder.path().join("ledger.sqlite-wal")).unwrap();
        let frames = log.get(32..).unwrap_or_default().chunks_exact(24 + 4096);
        frames.filter(|frame| frame[4..8] != [0, 0, 0, 0]).count()
    };
    let before = commits();
    join_all((0..200).map(|number| ledger.plan(vec![job(number)]))).await;
    let made = commits() - before;
    assert!(made <= 10, "200 plans took {made} commits");
}

#[tokio::test]
async fn a_request_that_fails_harms_nobody_it_shares_a_commit_with() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.sqlite")).await.unwrap();
    let broken = || Statement {
        sql: "INSERT INTO jobs (key, state, planned_at, changed_at, work_id, artifact_id, role, run_id, work) \
              VALUES ('half done', 'PLANNED', 0, 0, '', '', '', '', '')",
        then: Some(LedgerError::Unavailable("half done".to_owned())),
    };
    let plans = (0..40).map(|number| ledger.plan(vec![job(number)]));
    let (planned, broke, also_broke, more) = tokio::join!(
        join_all(plans),
        ledger.write(broken()),
        ledger.write(Statement { sql: "SELECT nothing FROM nowhere", then: None }),
        ledger.plan(vec![job(40)]),
    );
    assert!(planned.into_iter().chain([more]).all(|planned| matches!(planned.unwrap()[0], Planned::New(_))));
    assert_eq!(broke, Err(LedgerError::Unavailable("half done".to_owned())));
    assert!(also_broke.is_err());
    let listed = readable(ledger.list(JobFilter { state: None, after: 0, limit: 100 }).await.unwrap());
    assert_eq!(listed.len(), 41, "and nothing half done is left");
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.sqlite")).await.unwrap();
    ledger.write(Statement { sql: "PRAGMA max_page_count = 60", then: None }).await.unwrap();
    let mut planned = 0;
    let full = loop {
        match ledger.plan((planned..planned + 10).map(job).collect()).await {
            Ok(_) => planned += 10,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, LedgerError::Full(_)), "{full:?}");
    let listed = readable(ledger.list(JobFilter { state: None, after: 0, limit: 1000 }).await.unwrap());
    assert_eq!(listed.len() as u32, planned);
    ledger.write(Statement { sql: "PRAGMA max_page_count = 6000", then: None }).await.unwrap();
    assert!(ledger.plan(vec![job(9999)]).await.is_ok(), "and it works again once there is room");
}

#[tokio::test]
async fn a_disk_that_is_too_full_for_events_is_called_full() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.sqlite")).await.unwrap();
    ledger.write(Statement { sql: "PRAGMA max_page_count = 60", then: None }).await.unwrap();
    // Jobs that are known already leave nothing but events, which are what finds no room.
    let jobs: Vec<_> = (0..50).map(job).collect();
    ledger.plan(jobs.clone()).await.unwrap();
    for _ in 0..200 {
        let replayed = ledger.plan(jobs.clone()).await;
        assert!(matches!(replayed, Ok(_) | Err(LedgerError::Full(_))), "{replayed:?}");
    }
    assert!(ledger.events_lost() > 0);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.sqlite")).await.unwrap();
    ledger.write(Statement { sql: "PRAGMA query_only = 1", then: None }).await.unwrap();
    let refused = ledger.plan(vec![job(1)]).await;
    assert!(matches!(refused, Err(LedgerError::ReadOnly(_))), "{refused:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_ledger_that_is_removed_or_replaced_in_use_says_so_and_answers_nothing_as_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = open(&path).await.unwrap();
    ledger.plan(vec![job(1)]).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let gone = ledger.plan(vec![job(2)]).await;
    assert!(matches!(gone, Err(LedgerError::Gone(_))), "{gone:?}");
    std::fs::write(&path, "another file").unwrap();
    let replaced = ledger.plan(vec![job(3)]).await;
    assert!(matches!(replaced, Err(LedgerError::Gone(_))), "{replaced:?}");
}

#[tokio::test]
async fn another_process_that_keeps_the_lock_is_waited_for_and_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = SqliteLedger::open(SqliteSettings { timeout: Duration::from_millis(50), ..settings(&path) })
        .await
        .unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let busy = ledger.plan(vec![job(1)]).await;
    assert!(matches!(busy, Err(LedgerError::Unavailable(_))), "{busy:?}");
    other.execute_batch("COMMIT").unwrap();
    assert!(ledger.plan(vec![job(1)]).await.is_ok());
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_forgets_nothing_until_the_ledger_has_gone_on_for_a_day_under_it() {
    const DAY: Duration = Duration::from_secs(86_400);
    let world = World::new(EngineKind::Sqlite).await.unwrap();
    let exhaust = async |number: u32| {
        let key = world.plan(number).await;
        let lease = world.take(&key, "a").await;
        world.finish(&lease, Ending::Exhausted { result: serde_json::json!({}) }).await.unwrap();
        // Events are written some time after what they tell of; now they are.
        let all = EventFilter { job: None, kind: None, after: 0, limit: 1 };
        world.ledger.events(all).await.unwrap();
    };
    // By another process, as at its start.
    let forgotten = async || world.join().await.unwrap().prune(DAY * 90, 0).await.unwrap().jobs;
    assert_eq!(forgotten().await, 0, "nothing is on record");
    for number in 0..50 {
        exhaust(number).await;
        world.clock.go_forward(DAY);
    }

    world.clock.go_forward(DAY * 4000);
    assert_eq!(forgotten().await, 0);
    for number in 50..60 {
        exhaust(number).await;
        assert_eq!(
            forgotten().await,
            0,
            "what was written under this clock bears it out no more than it does"
        );
        world.clock.go_forward(Duration::from_secs(3600));
    }

    // It was set right. What was done meanwhile is in nobody's way.
    world.clock.go_back(DAY * 4000 + Duration::from_secs(36_000));
    for day in 50..102 {
        exhaust(100 + day).await;
        // What bears the clock out is a day old, so that the first is forgotten a day late.
        assert_eq!(forgotten().await, u64::from(day > 91), "on day {day}");
        world.clock.go_forward(DAY);
    }

    // Whoever comes back after years forgets what is older once that has lasted for a day.
    world.clock.go_forward(DAY * 1000);
    exhaust(300).await;
    assert!(forgotten().await <= 1);
    world.clock.go_forward(DAY);
    assert!(forgotten().await > 80);
}

#[tokio::test]
async fn what_is_no_ledger_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    let notes = "these are notes, and longer than a header of SQLite, which is a hundred bytes; ".repeat(4);
    std::fs::write(&text, &notes).unwrap();
    let foreign = open(&text).await.unwrap_err();
    assert!(matches!(foreign, LedgerError::Foreign { .. }), "{foreign:?}");
    assert_eq!(std::fs::read_to_string(&text).unwrap(), notes);

    let database = folder.path().join("other.sqlite");
    let other = Connection::open(&database).unwrap();
    other.execute_batch("CREATE TABLE jobs (id INTEGER)").unwrap();
    let foreign = open(&database).await.unwrap_err();
    assert!(matches!(foreign, LedgerError::Foreign { .. }), "{foreign:?}");
    let tables: i64 = other.query_row("SELECT COUNT(*) FROM sqlite_master", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);

    for nowhere in [folder.path().to_owned(), folder.path().join("none/ledger.sqlite")] {
        let error = open(&nowhere).await.unwrap_err();
        assert!(matches!(error, LedgerError::Open { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_killed_writer_loses_nothing_it_had_answered() {
    const PLACE: &str = "TIERFALL_TEST_LEDGER";
    if let Some(path) = std::env::var_os(PLACE) {
        // The writer: prints each job once it has its reply, until it is killed.
        let ledger = Arc::new(open(Path::new(&path)).await.unwrap());
        for number in 0.. {
            let planned = ledger.plan(vec![job(number)]).await.unwrap();
            println!("\nplanned {}", planned[0].key());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let path = folder.path().join(format!("ledger-{round}.sqlite"));
        let test = std::thread::current().name().map(str::to_owned).expect("a test's thread has its name");
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &test, "--nocapture", "--test-threads=1"])
            .env(PLACE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut printed = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("planned ").and_then(JobKey::from_hex));
        let mut kept: Vec<JobKey> = printed.by_ref().take(20 + round * 7).collect();
        // SIGKILL on Unix, in the middle of whatever it is at.
        writer.kill().unwrap();
        writer.wait().unwrap();
        kept.extend(printed);
        let ledger = open(&path).await.unwrap();
        let planned =
            readable(ledger.list(JobFilter { state: None, after: 0, limit: u32::MAX }).await.unwrap());
        for key in &kept {
            assert!(planned.iter().any(|job| job.key == key.as_str()), "{key} was answered, and is lost");
        }
        assert!(planned.len() <= kept.len() + 1, "and nothing but the one in progress was added");
    }
}

async fn open(path: &Path) -> Result<SqliteLedger, LedgerError> {
    SqliteLedger::open(settings(path)).await
}

fn settings(path: &Path) -> SqliteSettings {
    SqliteSettings {
        path: PathBuf::from(path),
        rules: rules(),
        clock: Arc::new(SystemClock),
        timeout: Duration::from_secs(20),
        create: true,
        upgrade: false,
        durable: true,
    }
}
