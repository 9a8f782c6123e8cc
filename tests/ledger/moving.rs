//! A ledger that is backed up, moved to another engine, and forgets what is long finished.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::article::Article;
use crate::support::program::{Home, eventually};
use crate::support::web::Web;

use super::{PAGES_ONLY, Place, look, on_both_engines, remembering, told, told_at};

on_both_engines! {
    a_ledger_moves_to_the_other_engine_and_back_and_nothing_is_done_again
    an_import_never_writes_over_other_rows
    finished_jobs_are_forgotten_when_they_are_kept_for_a_time
}

/// One of each: stored, without a copy, planned.
fn filled(home: &Home, web: &Web, place: &Place) -> [Article; 3] {
    let articles = [Article::on(web, "done"), Article::missing(web, "missing"), Article::on(web, "planned")];
    let [done, missing, planned] = &articles;
    remembering(home, web, place, &[&done.page, &missing.page]).run().expect(3);
    remembering(home, web, place, &[&planned.page]).args(["--plan-only"]).run().expect(0);
    articles
}

/// An export without what a ledger numbers by itself.
fn exported(home: &Home, place: &Place) -> Vec<Value> {
    let mut lines = told_at(home, place, &["export"]);
    for line in &mut lines {
        line["id"] = Value::Null;
    }
    lines
}

/// A place of the other engine, if it is installed.
fn other_engine(place: &Place) -> Option<Place> {
    match place {
        Place::File => Place::server(),
        Place::Server(_) => Some(Place::File),
    }
}

fn a_ledger_moves_to_the_other_engine_and_back_and_nothing_is_done_again(place: &Place) {
    let Some(other) = other_engine(place) else { return };
    let (home, web) = (Home::new(), Web::start());
    let articles = filled(&home, &web, place);
    let before = exported(&home, place);
    assert_eq!(
        (&before[0]["v"], &before[0]["last"], &before[2]["last"]),
        (&1.into(), &Value::Null, &true.into())
    );
    look(&home, &["export", "backup.jsonl"]).args(place.flags()).run().expect(0);
    let moved = look(&home, &["import", "backup.jsonl"]).args(other.flags()).run().expect(0);
    assert!(moved.out.contains("3 jobs are imported"), "{}", moved.out);
    assert_eq!(exported(&home, &other), before);

    // There it is gone on with.
    let asked = web.requests().len();
    let pages = articles.each_ref().map(|article| article.page.as_str());
    remembering(&home, &web, &other, &pages[..2]).run().expect(3);
    assert_eq!(web.requests().len(), asked, "what is done is not done again");
    home.tierfall(["worker"]).args(PAGES_ONLY).args(other.flags()).through(&web).run().expect(0);
    assert!(web.requests().len() > asked, "and what was planned is done");

    let there = exported(&home, &other);
    look(&home, &["export", "back.jsonl"]).args(other.flags()).run().expect(0);
    let Some(back) = place.another() else { return };
    let home_again = Home::new();
    home_again.write("back.jsonl", home.read("back.jsonl"));
    look(&home_again, &["import", "back.jsonl"]).args(back.flags()).run().expect(0);
    assert_eq!(exported(&home_again, &back), there);
}

fn an_import_never_writes_over_other_rows(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let articles = filled(&home, &web, place);
    look(&home, &["export", "backup.jsonl"]).args(place.flags()).run().expect(0);
    // The same rows once more are no other rows.
    let again = look(&home, &["import", "backup.jsonl"]).args(place.flags()).run().expect(0);
    assert!(again.out.contains("3 jobs were there already"), "{}", again.out);
    home.tierfall(["worker"]).args(PAGES_ONLY).args(place.flags()).through(&web).run().expect(0);
    let now = exported(&home, place);
    let refused = look(&home, &["import", "backup.jsonl"]).args(place.flags()).run().expect(2);
    assert!(refused.err.contains("never over other rows"), "{}", refused.err);
    assert_eq!(exported(&home, place), now);

    // Of a file that is cut off, or that is none, nothing is taken.
    let Some(empty) = place.another() else { return };
    let elsewhere = Home::new();
    let backup = home.read("backup.jsonl");
    let cut = backup.trim_end().rsplit_once('\n').expect("three lines").0;
    for (text, says) in [
        (format!("{cut}\n"), "cut off"),
        (backup.replace("\"v\":1", "\"v\":2"), "version 2"),
        (backup.replace(&articles[1].page, "http://smuggled.example/"), "not that of its work"),
        (format!("{backup}{backup}"), "after the line that says that it is the last"),
        (String::new(), "no export"),
    ] {
        elsewhere.write("backup.jsonl", text);
        let refused = look(&elsewhere, &["import", "backup.jsonl"]).args(empty.flags()).run().expect(2);
        assert!(refused.err.contains(says), "{says}: {}", refused.err);
        assert!(exported(&elsewhere, &empty).is_empty());
    }
}

fn finished_jobs_are_forgotten_when_they_are_kept_for_a_time(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let [.., planned] = filled(&home, &web, place);
    let a_second_passes = || {
        let began = Instant::now();
        eventually("they are old enough", || began.elapsed() > Duration::from_millis(1100));
    };
    a_second_passes();
    // What bears this machine's clock out, where there is no server's.
    remembering(&home, &web, place, &[&planned.page]).args(["--plan-only"]).run().expect(0);
    a_second_passes();
    let keep = ["--set", "ledger.keep=1 s"];
    let running = home
        .tierfall(["worker", "--forever"])
        .args(PAGES_ONLY)
        .args(keep)
        .args(place.flags())
        .through(&web)
        .start();
    // The clean-up at its start; what the worker does itself is not old enough.
    let left = || told_at(&home, place, &["list"]).len();
    eventually("what ended before is forgotten", || left() == 1);
    running.signal("TERM");
    running.wait().expect(143);
    assert!(home.manifest("papers").len() >= 2, "lines stay, as files do");
    assert!(!home.files("papers/files").is_empty());
}

#[test]
fn a_ledger_of_the_first_release_can_be_exported_and_imported() {
    let home = Home::new();
    let database = rusqlite::Connection::open(home.write("papers/ledger.sqlite", "")).expect("a database");
    database.execute_batch(include_str!("../released/ledger.sql")).expect("the statements are sound");
    drop(database);
    let before = told(&home, &["export"]);
    look(&home, &["export", "backup.jsonl"]).run().expect(0);
    let fresh = Home::new();
    fresh.write("backup.jsonl", home.read("backup.jsonl"));
    look(&fresh, &["import", "backup.jsonl"]).run().expect(0);
    let after = told(&fresh, &["export"]);
    assert_eq!((after.len(), before.len()), (4, 4));
    for (before, after) in before.iter().zip(&after) {
        for field in ["job_id", "state", "fence", "attempts", "work", "result", "sha256", "planned_at"] {
            assert_eq!(before[field], after[field], "{field}");
        }
    }
}
