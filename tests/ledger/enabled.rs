//! With the gate on every work is a job: planned before anything is asked, and told from there to its end.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::support::article::Article;
use crate::support::program::{Home, eventually};
use crate::support::web::{Answer, Barrier, Web};

use super::{Place, count, history, on_both_engines, remembering, told_at, told_once_at};

on_both_engines! {
    a_job_is_planned_before_the_first_request
    a_work_is_told_from_planned_to_indexed
    the_log_names_the_job_of_what_it_tells
    a_second_run_over_the_same_works_fetches_nothing_and_says_so
    the_same_bytes_of_another_work_are_a_job_that_was_deduped
    a_work_without_a_copy_is_asked_about_again_by_a_later_run
    a_run_that_allows_fewer_attempts_still_says_why_a_work_failed
}

fn a_job_is_planned_before_the_first_request(place: &Place) {
    let (home, web, gate) = (Home::new(), Web::start(), Barrier::default());
    let article = Article::on(&web, "patient");
    // The first answer of all, whatever is asked for.
    web.get("http://patient.example/*", [Answer::status(404).behind(&gate), Answer::status(404)]);
    let began = (SystemTime::now(), Instant::now());
    let running = remembering(&home, &web, place, &[&article.page]).start();
    web.wait_for_requests(1);
    let job = told_once_at(&home, place, &["show", &article.page]);
    assert_ne!(job["owner"], serde_json::Value::Null, "it is planned, and somebody has it: {job}");
    gate.open();
    running.wait().expect(0);

    let planned = told_at(&home, place, &["events", "--kind", "job_planned"]);
    let at = planned[0]["at"].as_u64().expect("a time");
    let first = began.0 + (web.requests()[0].at - began.1);
    let first = first.duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    assert!(u128::from(at) <= first, "planned at {at}, asked at {first}");
}

fn a_work_is_told_from_planned_to_indexed(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "told");
    remembering(&home, &web, place, &[&article.page]).run().expect(0);
    let told = history(&home, place, &article.page);
    assert_eq!(told, ["PLANNED", "LEASED", "HEAD_DONE", "STREAMING", "FINALIZED", "INDEXED"]);
    let job = told_once_at(&home, place, &["show", &article.page]);
    assert_eq!((&job["owner"], &job["ready_at"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert_eq!(job["sha256"], article.sha256.as_str());
    assert_eq!(job["candidates"][0]["url"], article.file.as_str());
    assert_eq!(job["candidates"][0]["verdict"], "accepted");
    let ops = job["ops"].as_array().cloned().unwrap_or_default();
    let ops: Vec<_> = ops.iter().map(|op| (op["kind"].as_str(), op["status"].as_str())).collect();
    for kind in ["HEAD", "STREAM", "FINALIZE", "INDEX"] {
        assert!(ops.contains(&(Some(kind), Some("DONE"))), "{kind}: {ops:?}");
    }
}

fn the_log_names_the_job_of_what_it_tells(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "logged");
    let ended = remembering(&home, &web, place, &[&article.page]).args(["-vv"]).run().expect(0);
    let key = told_once_at(&home, place, &["show", &article.page])["job_id"].to_string();
    let named: Vec<&str> = ended.err.lines().filter(|line| line.contains(key.trim_matches('"'))).collect();
    assert!(named.iter().all(|line| line.contains("job_id")), "{named:#?}");
    for event in ["job_planned", "job_leased", "operation_started", "operation_completed", "lease_released"] {
        assert!(named.iter().any(|line| line.contains(event)), "{event}: {named:#?}");
    }
    assert!(ended.err.contains("INFO") && ended.err.contains("idempotency is on"), "{}", ended.err);
}

fn a_second_run_over_the_same_works_fetches_nothing_and_says_so(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let (first, second) = (Article::on(&web, "first"), Article::on(&web, "second"));
    remembering(&home, &web, place, &[&first.page, &second.page]).run().expect(0);
    let asked = web.requests().len();
    let manifest = home.manifest("papers");
    let ended = remembering(&home, &web, place, &[&second.page, &first.page]).run().expect(0);
    assert_eq!(web.requests().len(), asked, "nothing was asked");
    assert!(ended.out.contains("2 works were done before"), "{}", ended.out);
    let again = home.manifest("papers");
    assert_eq!(again.len(), manifest.len());
    for line in &manifest {
        let now = again.iter().find(|other| other["work_id"] == line["work_id"]).expect("it is there");
        assert_eq!(
            (&now["sha256"], &now["path"], &now["url"]),
            (&line["sha256"], &line["path"], &line["url"])
        );
    }
}

fn the_same_bytes_of_another_work_are_a_job_that_was_deduped(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "twins");
    let again = "http://twins.example/again";
    web.get(again, [Answer::html(&format!(
        "<html><head><title>Again</title><meta name=\"citation_title\" content=\"The Invented Matter of twins Considered \
         Anew\"><meta name=\"citation_pdf_url\" content=\"{}\"></head><body></body></html>",
        article.file
    ))]);
    let works = [article.page.as_str(), again];
    remembering(&home, &web, place, &works).args(["--workers", "1"]).run().expect(0);
    assert_eq!((count(&home, place, "INDEXED"), count(&home, place, "DEDUPED")), (1, 1));
    assert_eq!(home.files("papers/files").len(), 1);
    assert_eq!(history(&home, place, again).last().map(String::as_str), Some("DEDUPED"));
}

fn a_work_without_a_copy_is_asked_about_again_by_a_later_run(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let missing = Article::missing(&web, "missing");
    remembering(&home, &web, place, &[&missing.page]).run().expect(3);
    assert_eq!(count(&home, place, "EXHAUSTED"), 1);
    let asked = web.requests_for(&missing.page).len();
    // Every tier was asked and had nothing: that is remembered too, until somebody wants it tried again.
    remembering(&home, &web, place, &[&missing.page]).run().expect(3);
    assert_eq!(web.requests_for(&missing.page).len(), asked);
    super::look(&home, &["retry", "--state", "EXHAUSTED"]).args(place.flags()).run().expect(0);
    Article::on(&web, "missing");
    remembering(&home, &web, place, &[&missing.page]).run().expect(0);
    assert_eq!(history(&home, place, &missing.page).last().map(String::as_str), Some("INDEXED"));
}

fn a_run_that_allows_fewer_attempts_still_says_why_a_work_failed(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::without_file(&web, "busy", 4);
    web.get(&article.file, [Answer::status(503)]);
    let quickly = ["ledger.retry_base_s=1", "http.retry.base_ms=10", "http.breaker.failures=0"];
    let run = || {
        let call = remembering(&home, &web, place, &[&article.page]);
        quickly.into_iter().fold(call, |call, setting| call.args(["--set", setting]))
    };
    run().run().expect(4);
    let show = || told_once_at(&home, place, &["show", &article.page]);
    eventually("its next time has come", || {
        let due = show()["ready_at"].as_u64().expect("it is tried again");
        SystemTime::now().duration_since(UNIX_EPOCH).is_ok_and(|now| now.as_millis() > u128::from(due))
    });
    let asked = web.requests().len();
    let ended = run().args(["--set", "ledger.max_attempts=1"]).run().expect(4);
    assert_eq!(web.requests().len(), asked, "its attempts are used up");
    assert!(ended.out.contains("unavailable") && !ended.out.contains("worker_lost"), "{}", ended.out);
    let job = show();
    assert_eq!((&job["reason"], &job["ready_at"]), (&"unavailable".into(), &Value::Null), "{job}");
    assert_eq!(home.manifest("papers")[0]["reason"], "unavailable");
    let shown = super::look(&home, &["show", &article.page]).args(place.flags()).run().expect(0).out;
    assert!(shown.contains("no other will follow"), "{shown}");
}

/// Which of the layers holds, and that each of them can.
#[test]
fn whether_there_is_a_ledger_is_resolved_once_after_all_layers_are_read() {
    let on = |call: crate::support::program::Call| {
        let ended = call.args(["-v"]).run().expect(0);
        ended.err.contains("idempotency is on")
    };
    for (variables, file, flags, expected) in [
        ([].as_slice(), "", [].as_slice(), false),
        (&[("TIERFALL_ENABLE_IDEMPOTENCY", "true")], "", &[], true),
        (&[("DOCSTOKG_ENABLE_IDEMPOTENCY", "true")], "", &[], true),
        (&[("DOCSTOKG_ENABLE_IDEMPOTENCY", "false")], "[ledger]\nenabled = true\n", &[], false),
        (&[], "[ledger]\nenabled = true\n", &[], true),
        (&[("TIERFALL_ENABLE_IDEMPOTENCY", "false")], "", &["--enable-idempotency"], true),
        (&[("TIERFALL_ENABLE_IDEMPOTENCY", "true")], "", &["--set", "ledger.enabled=false"], false),
    ] {
        let (home, web) = (Home::new(), Web::start());
        let article = Article::on(&web, "layers");
        if !file.is_empty() {
            home.write("tierfall.toml", file);
        }
        let mut call = crate::run::pages_only(&home, &web, &[&article.page]).args(flags);
        for (name, value) in variables {
            call = call.env(name, value);
        }
        assert_eq!(on(call), expected, "{variables:?} {file:?} {flags:?}");
        assert_eq!(home.path("papers/ledger.sqlite").exists(), expected);
    }
}
