//! A worker that sleeps past its lease and wakes up to find the time of its work over: the work is another's by then, or
//! nobody's, and what this one has to say of it is not written down.

use std::time::{Duration, Instant};

use crate::support::article::Article;
use crate::support::example::example;
use crate::support::program::{Call, Home, Running, eventually};
use crate::support::web::{Answer, Barrier, Web};

use super::parking::{answer, configure};
use super::{PAGES_ONLY, Place, count, on_both_engines, remembering, told_at, told_once_at};

on_both_engines! {
    a_work_that_fails_after_its_lease_was_lost_is_done_again_and_counts_once
    a_work_that_fails_after_another_worker_has_done_it_leaves_no_line
    what_is_lost_between_its_line_and_its_end_has_one_line_and_counts_once
    a_title_whose_job_is_lost_as_it_is_found_is_no_repeat
}

/// Of a work here: enough for a busy machine to come to the file before it is over.
const TOTAL: Duration = Duration::from_secs(6);

fn hurried(call: Call) -> Call {
    call.args(["--set", "ledger.lease_s=1", "--fallback-total-timeout-ms", "6000"])
}

/// Articles whose files do not come until the gate is open, when they are asked for the first time.
fn articles(web: &Web, gate: &Barrier) -> Vec<Article> {
    let articles = ["one", "two", "three"].map(|name| Article::without_file(web, name, 4));
    for article in &articles {
        let good = Answer::pdf(article.bytes.clone());
        web.get(&article.file, [good.clone().behind(gate), good]);
    }
    articles.into()
}

/// Stops the program while it waits for all files, until no lease of it holds and no work of it has time left.
fn sleeps(running: &Running, home: &Home, web: &Web, place: &Place, articles: &[Article]) {
    for article in articles {
        web.wait_for(&article.file, 1);
    }
    running.signal("STOP");
    let began = Instant::now();
    // Stopped in the middle of a commit it would keep its locks in the ledger: that is not what is tested.
    while !place.is_at_rest(home) {
        running.signal("CONT");
        running.signal("STOP");
    }
    let expired = || told_once_at(home, place, &["status"])["expired"].as_u64();
    eventually("every lease has run out", || expired() == Some(articles.len() as u64));
    eventually("the time of every work is over", || began.elapsed() > TOTAL);
}

fn a_work_that_fails_after_its_lease_was_lost_is_done_again_and_counts_once(place: &Place) {
    let (home, web, gate) = (Home::new(), Web::start(), Barrier::default());
    let articles = articles(&web, &gate);
    let pages: Vec<&str> = articles.iter().map(|article| article.page.as_str()).collect();
    let running = hurried(remembering(&home, &web, place, &pages)).start();
    sleeps(&running, &home, &web, place, &articles);
    running.signal("CONT");
    let ended = running.wait().expect(0);
    assert!(ended.out.contains("3 works: 3 stored"), "{}", ended.out);
    assert!(!ended.out.contains("total_timeout"), "it failed in nobody's name: {}", ended.out);
    let lines = home.manifest("papers");
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines.iter().all(|line| line["status"] == "stored"), "{lines:#?}");
    assert_eq!(count(&home, place, "INDEXED"), 3);
    gate.open();
}

fn a_work_that_fails_after_another_worker_has_done_it_leaves_no_line(place: &Place) {
    let (home, web, gate) = (Home::new(), Web::start(), Barrier::default());
    let articles = articles(&web, &gate);
    let pages: Vec<&str> = articles.iter().map(|article| article.page.as_str()).collect();
    remembering(&home, &web, place, &pages).args(["--plan-only"]).run().expect(0);
    let worker = || hurried(home.tierfall(["worker"]).args(PAGES_ONLY).args(place.flags()).through(&web));
    let sleeper = worker().start();
    sleeps(&sleeper, &home, &web, place, &articles);
    worker().run().expect(0);
    let left = || (home.manifest("papers"), told_at(&home, place, &["list"]));
    let before = left();
    assert_eq!((before.0.len(), count(&home, place, "INDEXED")), (3, 3), "{before:#?}");

    sleeper.signal("CONT");
    let ended = sleeper.wait().expect(0);
    assert!(ended.out.contains("0 works"), "it has done nothing: {}", ended.out);
    assert!(ended.err.contains("is no longer ours"), "it is told why: {}", ended.err);
    assert_eq!(left(), before);
    gate.open();
}

fn what_is_lost_between_its_line_and_its_end_has_one_line_and_counts_once(place: &Place) {
    let web = Web::start();
    let works = [
        (Article::on(&web, "found").page, "complete INDEX before:1", 0, "INDEXED"),
        (Article::missing(&web, "missing").page, "finish before:1", 3, "EXHAUSTED"),
    ];
    for (page, point, code, end) in works {
        let (home, Some(place)) = (Home::new(), place.another()) else { return };
        let call = home.call(&example("killed-program"), ["run", "--enable-idempotency", "--json", &page]);
        let call = call.args(PAGES_ONLY).args(place.flags()).args(["--set", "ledger.lease_s=3"]);
        let running = call.env("STOP_AT", point).through(&web).start();
        eventually("there is a ledger", || web.requests_for(&page).len() == 1);
        let expired = || told_once_at(&home, &place, &["status"])["expired"].as_u64();
        eventually("it stands between its line and its end", || expired() == Some(1));
        // Two processes do not tell the time to the millisecond.
        let began = Instant::now();
        eventually("its lease is over by every clock", || began.elapsed() > Duration::from_millis(500));
        assert_eq!(home.manifest("papers").len(), 1, "{point}");
        running.signal("CONT");
        let ended = running.wait().expect(code);
        assert!(ended.err.contains("is no longer ours"), "{point}: {}", ended.err);
        assert!(ended.out.contains("\"works\":1,"), "{point}: {}", ended.out);
        // Whoever comes next ends it.
        remembering(&home, &web, &place, &[&page]).run().expect(code);
        assert_eq!((home.manifest("papers").len(), count(&home, &place, end)), (1, 1), "{point}");
    }
}

fn a_title_whose_job_is_lost_as_it_is_found_is_no_repeat(place: &Place) {
    let (home, gate) = (Home::new(), Barrier::default());
    configure(&home, 1);
    let gated = gate.clone();
    let web = Web::of_script(move |request, _| Some(answer(&request.url).behind(&gated)));
    home.write(
        "works.bib",
        "@article{one, title = {On the drift of lighthouse 2 of many}, author = {Keeper, Ada}, year = 2019}",
    );
    let running = home
        .tierfall(["run", "--input", "works.bib", "--out", "papers", "--enable-idempotency", "--json"])
        .args(["--fallback-tier", "landing_scrape", "--set", "fallback.titles=crossref"])
        .args(["--set", "sources.crossref.api_base=http://slow.example", "--set", "ledger.lease_s=120"])
        .args(place.flags())
        .through(&web)
        .start();
    web.wait_for_requests(1);
    // Somebody clears up while it is searched for.
    let tables = ["ops", "candidates", "parked_jobs", "jobs"];
    place.sql(&home, &tables.map(|table| format!("DELETE FROM {table};")).concat());
    gate.open();
    let ended = running.wait().expect(3);
    assert!(ended.out.contains("\"works\":1") && ended.out.contains("\"repeats\":0"), "{}", ended.out);
    assert_eq!(home.manifest("papers").len(), 1);
    assert_eq!(count(&home, place, "EXHAUSTED"), 1);
}
