//! Works whose turn at a host is far off are given back to the ledger, and are taken up again by whoever comes.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::program::{Call, Home, Running, eventually};
use crate::support::web::{Answer, Web};

use super::{Place, count, on_both_engines, told_at};

on_both_engines! {
    a_run_gives_back_what_waits_for_long_and_ends_with_all_of_it
    what_was_given_back_goes_on_with_another_worker
    what_was_given_back_goes_on_when_its_time_has_come_however_long_the_list
    what_was_given_back_outlives_a_worker_that_is_killed
}

const NOTHING: &str = "<!DOCTYPE html><html><head><title>Nothing</title></head><body></body></html>";
const WORKS: usize = 24;

/// A host that takes one request in half a second, and leases of three: half of the works wait for longer than two.
fn slow(home: &Home) -> Web {
    let web = Web::start();
    web.get("http://slow.example/*", [Answer::html(NOTHING)]);
    home.configure(
        "[http]\nrobots = false\n[http.pace.rules.slow]\nhosts = [\"slow.example\"]\nevery_ms = 500\nconcurrency = 1\n\
         [ledger]\nlease_s = 3\n",
    );
    web
}

fn pages() -> Vec<String> {
    (0..WORKS).map(|number| format!("http://slow.example/{number}")).collect()
}

fn run(home: &Home, web: &Web, place: &Place) -> Call {
    home.write("works.txt", pages().join("\n"));
    home.tierfall(["run", "--input", "works.txt", "--out", "papers", "--enable-idempotency"])
        .args(["--fallback-tier", "landing_scrape"])
        .args(place.flags())
        .through(web)
}

fn worker(home: &Home, web: &Web, place: &Place) -> Call {
    home.tierfall(["worker", "--out", "papers", "--fallback-tier", "landing_scrape"])
        .args(place.flags())
        .through(web)
}

/// Waits until works are nobody's and have a time that is to come.
fn until_some_are_parked(home: &Home, place: &Place) {
    eventually("works are given back", || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis();
        let is_parked = |job: &serde_json::Value| {
            job["owner"].is_null()
                && job["state"] == "LEASED"
                && job["ready_at"].as_u64().is_some_and(|at| u128::from(at) > now)
        };
        told_at(home, place, &["list"]).iter().filter(|job| is_parked(job)).count() >= 3
    });
}

/// How often each page was asked for.
fn requests(web: &Web) -> HashMap<String, usize> {
    let mut asked = HashMap::new();
    for seen in web.requests() {
        *asked.entry(seen.url).or_default() += 1;
    }
    asked
}

fn all_ended(home: &Home, place: &Place) {
    assert_eq!(count(home, place, "EXHAUSTED"), WORKS as u64);
    let mut works: Vec<String> =
        home.manifest("papers").iter().map(|line| line["work_id"].to_string()).collect();
    works.sort();
    works.dedup();
    assert_eq!(works.len(), WORKS);
}

fn begun(home: &Home, web: &Web, place: &Place) -> Running {
    let running = run(home, web, place).start();
    web.wait_for("http://slow.example/*", 1);
    until_some_are_parked(home, place);
    running
}

fn a_run_gives_back_what_waits_for_long_and_ends_with_all_of_it(place: &Place) {
    let home = Home::new();
    let web = slow(&home);
    begun(&home, &web, place).wait().expect(3);
    all_ended(&home, place);
    let asked = requests(&web);
    assert!(asked.len() == WORKS && asked.values().all(|times| *times == 1), "{asked:?}");
    assert_eq!(home.manifest("papers").len(), WORKS);
}

fn what_was_given_back_goes_on_when_its_time_has_come_however_long_the_list(place: &Place) {
    let home = Home::new();
    let web = slow(&home);
    let mut running = home
        .tierfall(["run", "--input", "-", "--out", "papers", "--enable-idempotency"])
        .args(["--fallback-tier", "landing_scrape"])
        .args(place.flags())
        .through(&web)
        .start_typing();
    running.type_in(&format!("{}\n", pages().join("\n")));
    web.wait_for("http://slow.example/*", 1);
    until_some_are_parked(&home, place);
    web.wait_for("http://slow.example/*", WORKS);
    running.end_input();
    running.wait().expect(3);
    all_ended(&home, place);
}

fn what_was_given_back_goes_on_with_another_worker(place: &Place) {
    let home = Home::new();
    let web = slow(&home);
    let running = begun(&home, &web, place);
    running.signal("INT");
    running.wait().expect(130);
    let before = requests(&web).len();
    assert!(before < WORKS, "it was told to end in the middle");
    worker(&home, &web, place).run().expect(3);
    all_ended(&home, place);
    let asked = requests(&web);
    assert!(asked.len() == WORKS && asked.values().all(|times| *times == 1), "{asked:?}");
}

fn what_was_given_back_outlives_a_worker_that_is_killed(place: &Place) {
    let home = Home::new();
    let web = slow(&home);
    begun(&home, &web, place).kill();
    worker(&home, &web, place).run().expect(3);
    all_ended(&home, place);
    assert_eq!(requests(&web).len(), WORKS);
}
