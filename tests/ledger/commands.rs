//! `tierfall ledger …`, on a ledger that this test has filled by hand.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tierfall_ledger::sqlite::{SqliteLedger, SqliteSettings};
use tierfall_ledger::{
    CandidateRecord, Ending, Enqueued, JobCommand, JobKey, Lease, Ledger, NewJob, Op, OpKind, OpOutcome,
    Rules, Schedule, SystemClock,
};

use super::{look, told, told_once};
use crate::support::program::Home;

const SHA256: &str = "ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12";

fn job(work_id: &str) -> NewJob {
    NewJob {
        work_id: work_id.to_owned(),
        artifact_id: "pdf".to_owned(),
        role: "fulltext".to_owned(),
        run_id: "the-run".to_owned(),
        work: json!({"ids": [work_id]}),
    }
}

/// Fills the ledger of `papers` as a run would have.
fn filled<F: Future>(home: &Home, fill: impl FnOnce(Arc<dyn Ledger>) -> F) -> F::Output {
    std::fs::create_dir_all(home.path("papers")).expect("a folder can be made");
    let settings = SqliteSettings {
        path: home.path("papers/ledger.sqlite"),
        rules: Rules {
            lease: Duration::from_secs(120),
            abandoned: Duration::from_secs(600),
            schedule: Schedule {
                max_attempts: 5,
                base: Duration::from_secs(3600),
                longest: Duration::from_secs(3600),
            },
        },
        clock: Arc::new(SystemClock),
        timeout: Duration::from_secs(20),
        create: true,
        upgrade: false,
        durable: true,
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
    runtime.block_on(async {
        let ledger: Arc<dyn Ledger> =
            Arc::new(SqliteLedger::open(settings).await.expect("a ledger can be made"));
        let filled = fill(Arc::clone(&ledger)).await;
        ledger.close().await;
        filled
    })
}

async fn leased(ledger: &dyn Ledger, work_id: &str) -> Lease {
    match ledger.enqueue(job(work_id), "worker-1").await {
        Ok(Enqueued::Leased(lease)) => lease,
        other => panic!("it should be free: {other:?}"),
    }
}

async fn stored(ledger: &dyn Ledger, work_id: &str) {
    let lease = leased(ledger, work_id).await;
    let url = json!({"url": "http://repo.example/paper.pdf"});
    let candidate = CandidateRecord {
        url: "http://repo.example/paper.pdf".to_owned(),
        source: "repo".to_owned(),
        detail: json!({"version": "accepted"}),
        verdict: Some("accepted".to_owned()),
    };
    ledger.execute_one(&lease, JobCommand::Candidates(vec![candidate])).await.expect("noted");
    for kind in [OpKind::Head, OpKind::Stream, OpKind::Finalize, OpKind::Index] {
        let op = Op::new(lease.job(), kind, url.clone());
        let artifact = (kind == OpKind::Finalize).then(|| SHA256.to_owned());
        let outcome = OpOutcome::Done { result: json!({"bytes": 12}).into(), artifact };
        ledger.execute_one(&lease, JobCommand::Complete(op, outcome)).await.expect("completed");
    }
}

async fn ended(ledger: &dyn Ledger, work_id: &str, ending: Ending) {
    let lease = leased(ledger, work_id).await;
    ledger.execute_one(&lease, JobCommand::Finish(ending)).await.expect("finished");
}

/// A ledger with a job in most of the states that it can be in.
fn one_of_each(home: &Home) {
    filled(home, |ledger| async move {
        let failed = |retryable| Ending::Failed { reason: "unreachable".to_owned(), retryable };
        stored(&*ledger, "doi:10.5555/done").await;
        ended(&*ledger, "doi:10.5555/failed", failed(false)).await;
        ended(&*ledger, "doi:10.5555/later", failed(true)).await;
        ended(&*ledger, "doi:10.5555/nowhere", Ending::Exhausted { result: json!({}) }).await;
        let lease = leased(&*ledger, "doi:10.5555/held").await;
        let op = Op::new(lease.job(), OpKind::Stream, json!({}));
        ledger.execute_one(&lease, JobCommand::Begin(op)).await.expect("begun");
        ledger.plan(vec![job("doi:10.5555/planned")]).await.expect("planned");
    });
}

fn key(work_id: &str) -> String {
    JobKey::new(work_id, "pdf", "fulltext").to_string()
}

fn states(home: &Home) -> Value {
    told_once(home, &["status"])["states"].clone()
}

#[test]
fn looking_for_a_ledger_makes_none() {
    let home = Home::new();
    for words in [
        ["status"].as_slice(),
        &["show", "10.5555/x"],
        &["list"],
        &["retry"],
        &["reconcile"],
        &["events"],
        &["export"],
    ] {
        let ended = look(&home, words).run().expect(2);
        assert!(ended.err.contains("there is no ledger at papers/ledger.sqlite"), "{}", ended.err);
        assert!(ended.err.contains("--enable-idempotency"), "{}", ended.err);
        assert!(!home.path("papers").exists(), "{words:?}");
    }
}

#[test]
fn what_is_no_ledger_is_told_and_left_as_it_is() {
    let home = Home::new();
    let notes = "these are notes, and longer than a header of SQLite, which is a hundred bytes; ".repeat(4);
    home.write("papers/ledger.sqlite", &notes);
    let ended = look(&home, &["status"]).run().expect(2);
    assert!(ended.err.contains("not a ledger of Tierfall"), "{}", ended.err);
    assert_eq!(home.read("papers/ledger.sqlite"), notes);
    assert_eq!(home.files("papers"), ["ledger.sqlite"]);
}

#[test]
fn a_password_is_never_shown() {
    let home = Home::new();
    let url = "postgres://me:hidden@127.0.0.1:9/tierfall";
    let ended = home.tierfall(["ledger", "status", "--ledger", url, "-vvv"]).run().expect(5);
    assert!(ended.err.contains("127.0.0.1"), "{}", ended.err);
    assert!(!ended.err.contains("hidden") && !ended.out.contains("hidden"), "{}", ended.err);
}

#[test]
fn status_counts_the_jobs_and_says_what_comes_next() {
    let home = Home::new();
    one_of_each(&home);
    let status = told_once(&home, &["status"]);
    assert_eq!(status["engine"], "SQLite");
    assert_eq!(status["ledger"], "papers/ledger.sqlite");
    assert_eq!(status["jobs"], 6);
    for (state, count) in
        [("PLANNED", 1), ("STREAMING", 1), ("INDEXED", 1), ("FAILED", 2), ("EXHAUSTED", 1), ("LEASED", 0)]
    {
        assert_eq!(status["states"][state], count, "{state}: {status}");
    }
    assert_eq!(
        (&status["held"], &status["expired"], &status["scheduled"]),
        (&1.into(), &0.into(), &1.into())
    );
    assert!(status["next_at"].is_i64(), "{status}");
    let text = look(&home, &["status"]).run().expect(0).out;
    assert!(text.contains("papers/ledger.sqlite: 6 jobs") && text.contains("is ready: now"), "{text}");
}

#[test]
fn a_job_is_found_by_its_work_in_any_spelling_by_its_key_and_by_the_beginning_of_it() {
    let home = Home::new();
    one_of_each(&home);
    let key = key("doi:10.5555/done");
    for given in ["10.5555/DONE", "https://doi.org/10.5555/done", "doi:10.5555/done", &key, &key[..10]] {
        assert_eq!(told_once(&home, &["show", given])["job_id"], key.as_str(), "{given}");
    }
    assert_eq!(told_once(&home, &["show", &key[..10].to_uppercase()])["job_id"], key.as_str());
    for (given, why) in [
        ("10.5555/unknown", "has no job for doi:10.5555/unknown"),
        ("not a job", "neither a work nor the beginning"),
        (&"0".repeat(64), "neither a work nor the beginning"),
    ] {
        let ended = look(&home, &["show", given]).run().expect(2);
        assert!(ended.err.contains(why), "{given}: {}", ended.err);
    }
}

#[test]
fn the_beginning_of_several_keys_is_not_guessed_about() {
    let home = Home::new();
    // Of seventeen keys two begin with the same digit.
    filled(&home, |ledger| async move {
        let jobs = (0..17).map(|number| job(&format!("doi:10.5555/{number}"))).collect();
        ledger.plan(jobs).await.expect("planned");
    });
    let refused = "0123456789abcdef".chars().any(|digit| {
        let ended = look(&home, &["show", &digit.to_string()]).run();
        ended.code == Some(2) && ended.err.contains("can mean several jobs")
    });
    assert!(refused, "two jobs were taken for one");
}

#[test]
fn a_job_is_shown_from_planned_to_indexed() {
    let home = Home::new();
    one_of_each(&home);
    let text = look(&home, &["show", "10.5555/done"]).run().expect(0).out;
    for part in [
        "doi:10.5555/done",
        "INDEXED since 20",
        "by the run the-run",
        &format!("sha256 {SHA256}"),
        "http://repo.example/paper.pdf",
        "accepted",
        "version accepted",
        "FINALIZE",
        "PLANNED → LEASED → HEAD_DONE → STREAMING → FINALIZED → INDEXED",
        "job_planned",
        "operation_completed",
        "lease_released",
        "worker-1",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let story = told_once(&home, &["show", "10.5555/done"]);
    assert_eq!(story["ops"].as_array().map(Vec::len), Some(4));
    assert_eq!(story["ops"][0]["status"], "DONE");
    assert_eq!(story["candidates"][0]["verdict"], "accepted");
    assert_eq!(story["events"][0]["event"], "job_planned");
    let held = look(&home, &["show", "10.5555/held"]).run().expect(0).out;
    assert!(held.contains("by worker-1 until 20") && held.contains("RUNNING"), "{held}");
}

#[test]
fn a_list_can_be_cut_by_state_and_read_page_by_page() {
    let home = Home::new();
    one_of_each(&home);
    let works = |words: &[&str]| -> Vec<Value> {
        told(&home, words).into_iter().map(|job| job["work_id"].clone()).collect()
    };
    assert_eq!(works(&["list", "--state", "failed"]), ["doi:10.5555/failed", "doi:10.5555/later"]);
    assert_eq!(works(&["list", "--state", "FINALIZED"]), [""; 0]);
    let mut paged = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let page = told(&home, &["list", "--limit", "2", "--after", &after]);
        let Some(last) = page.last() else { break };
        after = last["id"].to_string();
        paged.extend(page.into_iter().map(|job| job["work_id"].clone()));
    }
    assert_eq!(paged.len(), 6);
    assert_eq!(paged, works(&["list"]));
    let text = look(&home, &["list", "--limit", "2"]).run().expect(0).out;
    assert!(text.contains("there may be more: --after 2"), "{text}");
    let ended = look(&home, &["list", "--state", "DONE"]).run().expect(2);
    assert!(ended.err.contains("no state of a job") && ended.err.contains("INDEXED"), "{}", ended.err);
}

#[test]
fn retry_takes_what_failed_for_good_and_nothing_else_unless_it_is_named() {
    let home = Home::new();
    one_of_each(&home);
    let ready = |work: &str| told_once(&home, &["show", work])["ready_at"].as_i64();
    let later = ready("10.5555/later");
    assert_eq!(told_once(&home, &["retry"])["retried"], 1);
    assert!(ready("10.5555/failed").is_some());
    assert_eq!(ready("10.5555/later"), later, "it has a time of its own");
    assert_eq!(ready("10.5555/nowhere"), None);
    assert_eq!(told_once(&home, &["retry", "10.5555/later"])["retried"], 1);
    assert!(ready("10.5555/later") < later);
    assert_eq!(told_once(&home, &["retry", "--state", "exhausted"])["retried"], 1);
    assert!(ready("10.5555/nowhere").is_some());

    let ended = look(&home, &["retry", "10.5555/nowhere", "10.5555/done"]).run().expect(2);
    assert!(ended.err.contains("`10.5555/done` is INDEXED"), "{}", ended.err);
    let ended = look(&home, &["retry", "--state", "INDEXED"]).run().expect(2);
    assert!(ended.err.contains("only FAILED and EXHAUSTED"), "{}", ended.err);
    let text = look(&home, &["retry"]).run().expect(0).out;
    assert!(text.contains("0 jobs are ready again"), "{text}");
}

/// A partial file of a work, or of nobody, that nobody has written to for an hour.
fn partial(home: &Home, name: &str, work: Option<&str>) {
    let part = home.write(&format!("papers/partial/{name}.part"), "%PDF-1.7 and no more");
    let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    let file = std::fs::File::options().append(true).open(&part).expect("it was written");
    file.set_modified(hour_ago).expect("a file's time can be set");
    if let Some(work) = work {
        let origin = json!({
            "work": work, "url": "http://repo.example/a", "final_url": "http://repo.example/a",
            "length": null, "validator": {"etag": "\"1\"", "last_modified": null},
        });
        home.write(&format!("papers/partial/{name}.json"), origin.to_string());
    }
}

#[test]
fn reconciling_removes_what_is_of_no_use_and_names_what_is_missing() {
    let home = Home::new();
    one_of_each(&home);
    partial(&home, "held", Some("doi:10.5555/held"));
    partial(&home, "over", Some("doi:10.5555/done"));
    partial(&home, "nobodys", None);
    let stranger = "cd".repeat(32);
    home.write(&format!("papers/files/sha256/cd/{stranger}.pdf"), "%PDF-");
    let found = told_once(&home, &["reconcile"]);
    assert_eq!(found["partials_removed"].as_array().map(Vec::len), Some(2), "{found}");
    assert_eq!(home.files("papers/partial"), ["held.json", "held.part"]);
    assert_eq!(found["unknown_files"], json!([stranger]));
    let missing = json!([{"job_id": key("doi:10.5555/done"), "sha256": SHA256}]);
    assert_eq!((&found["missing_files"], &found["opened_again"]), (&missing, &0.into()));
    assert_eq!(states(&home)["INDEXED"], 1, "a report changes nothing");

    let text = look(&home, &["reconcile"]).run().expect(0).out;
    assert!(text.contains("whose file is gone: 1; `--missing again`") && text.contains(SHA256), "{text}");
    assert_eq!(told_once(&home, &["reconcile", "--missing", "again"])["opened_again"], 1);
    assert_eq!(states(&home)["INDEXED"], 0);
    assert_eq!(told_once(&home, &["reconcile", "--missing", "again"])["opened_again"], 0);
}

#[test]
fn reconciling_in_a_place_that_is_not_there_does_not_take_every_file_for_missing() {
    let home = Home::new();
    one_of_each(&home);
    let words = ["ledger", "reconcile", "--missing", "again", "--ledger", "papers/ledger.sqlite"];
    let ended = home.tierfall(words).args(["--out", "elsewhere"]).run().expect(2);
    assert!(ended.err.contains("there is no folder elsewhere"), "{}", ended.err);
    assert!(!home.path("elsewhere").exists());
    assert_eq!(states(&home)["INDEXED"], 1);
}

#[test]
fn events_can_be_asked_for_by_job_and_by_kind() {
    let home = Home::new();
    one_of_each(&home);
    let planned = told(&home, &["events", "--kind", "job_planned"]);
    assert_eq!(planned.len(), 6);
    let of_one = told(&home, &["events", "--job", "10.5555/failed"]);
    assert!(!of_one.is_empty());
    assert!(of_one.iter().all(|event| event["job_id"] == key("doi:10.5555/failed").as_str()));
    let both = told(&home, &["events", "--job", "10.5555/failed", "--kind", "job_leased"]);
    assert_eq!((both.len(), &both[0]["owner"], &both[0]["fence"]), (1, &"worker-1".into(), &1.into()));
    let page = told(&home, &["events", "--limit", "3"]);
    let next = told(&home, &["events", "--limit", "1", "--after", &page[2]["id"].to_string()]);
    assert!(next[0]["id"].as_i64() > page[2]["id"].as_i64());
    let ended = look(&home, &["events", "--kind", "job_lost"]).run().expect(2);
    assert!(ended.err.contains("no kind of event") && ended.err.contains("lease_renewed"), "{}", ended.err);
    let text = look(&home, &["events", "--kind", "job_state_changed"]).run().expect(0).out;
    assert!(text.contains("FINALIZED → INDEXED"), "{text}");
}

#[test]
fn an_export_has_every_job_once_however_many_there_are() {
    // More than are asked for at once.
    const MANY: u32 = 1_203;
    let home = Home::new();
    filled(&home, |ledger| async move {
        stored(&*ledger, "doi:10.5555/done").await;
        let jobs = (1..MANY).map(|number| job(&format!("doi:10.5555/{number}"))).collect();
        ledger.plan(jobs).await.expect("planned");
    });
    let told = told(&home, &["export"]);
    let ids: std::collections::BTreeSet<i64> = told.iter().filter_map(|job| job["id"].as_i64()).collect();
    assert_eq!((told.len(), ids.len()), (MANY as usize, MANY as usize));
    assert_eq!(told[0]["ops"].as_array().map(Vec::len), Some(4));
    assert_eq!(told[0]["candidates"][0]["source"], "repo");
    look(&home, &["export", "jobs.jsonl"]).run().expect(0);
    let printed = look(&home, &["export"]).run().expect(0).out;
    assert_eq!(home.read(Path::new("jobs.jsonl")), printed);
}
