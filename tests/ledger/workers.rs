//! Several workers with one ledger: each work is done once, whoever dies, and whoever sleeps.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::article::Article;
use crate::support::program::{Call, Home, Running, eventually};
use crate::support::web::{Answer, Barrier, Web};

use super::{PAGES_ONLY, Place, count, on_both_engines, remembering, told_at, told_once_at};

on_both_engines! {
    eight_workers_of_which_some_are_killed_do_every_work_once
    a_worker_that_slept_past_its_lease_writes_nothing
    a_worker_ends_when_nothing_is_left_to_do
    a_worker_that_is_told_to_end_gives_its_leases_back
    a_work_that_a_worker_tries_again_counts_by_its_last_ending
}

fn worker(home: &Home, web: &Web, place: &Place) -> Call {
    home.tierfall(["worker"]).args(PAGES_ONLY).args(place.flags()).through(web)
}

fn a_worker_ends_when_nothing_is_left_to_do(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let (article, missing) = (Article::on(&web, "planned"), Article::missing(&web, "missing"));
    remembering(&home, &web, place, &[&article.page, &missing.page]).args(["--plan-only"]).run().expect(0);
    assert!(web.requests().is_empty(), "a plan asks nobody");
    assert_eq!(count(&home, place, "PLANNED"), 2);
    worker(&home, &web, place).run().expect(3);
    assert_eq!((count(&home, place, "INDEXED"), count(&home, place, "EXHAUSTED")), (1, 1));
    assert_eq!(home.manifest("papers").len(), 2);
    let asked = web.requests().len();
    worker(&home, &web, place).run().expect(0);
    assert_eq!(web.requests().len(), asked);
}

fn a_work_that_a_worker_tries_again_counts_by_its_last_ending(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let (soon, never) = (Article::without_file(&web, "soon", 4), Article::without_file(&web, "never", 4));
    let (busy, gone) = (Answer::status(503), Answer::status(404));
    web.get(&soon.file, [busy.clone(), Answer::pdf(soon.bytes.clone())]);
    web.get(&never.file, [busy, gone]);
    remembering(&home, &web, place, &[&soon.page, &never.page]).args(["--plan-only"]).run().expect(0);
    let settings = ["ledger.retry_base_s=1", "acquire.retries=0", "http.breaker.failures=0"];
    let call = settings.iter().fold(worker(&home, &web, place), |call, set| call.args(["--set", set]));
    let ended = call.run().expect(3);
    assert!(ended.out.contains("2 works: 1 stored"), "{}", ended.out);
    assert!(!ended.out.contains("unavailable"), "that was not its end: {}", ended.out);
    let said = ended.out.matches("soon.example").count();
    assert_eq!(said, 1, "it is one row: {}", ended.out);
    let lines = home.manifest("papers");
    let mut states: Vec<_> = lines.iter().filter_map(|line| line["status"].as_str()).collect();
    states.sort();
    assert_eq!(states, ["no_copy", "stored"], "one line each: {lines:#?}");
}

/// An article whose file comes once the gate is open.
fn gated(web: &Web, name: &str, gate: &Barrier) -> Article {
    let article = Article::without_file(web, name, 4);
    web.get(&article.file, [Answer::pdf(article.bytes.clone()).behind(gate)]);
    article
}

fn a_worker_that_is_told_to_end_gives_its_leases_back(place: &Place) {
    let (home, web, gate) = (Home::new(), Web::start(), Barrier::default());
    let articles = ["one", "two", "three"].map(|name| gated(&web, name, &gate));
    let pages: Vec<&str> = articles.iter().map(|article| article.page.as_str()).collect();
    remembering(&home, &web, place, &pages).args(["--plan-only"]).run().expect(0);
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let asked = files_asked_for(&web);
        let call = worker(&home, &web, place).args(["--forever", "--workers", "2"]);
        let running = call.hearing_hang_ups().start();
        eventually("two works are in hand", || files_asked_for(&web) >= asked + 2);
        running.signal(signal);
        running.wait().expect(code);
        for job in told_at(&home, place, &["list"]) {
            assert!(job["owner"].is_null(), "{job}");
        }
    }
    gate.open();
    worker(&home, &web, place).run().expect(0);
    assert_eq!(count(&home, place, "INDEXED"), 3);
}

/// Works of the storm here; `tests/storm` makes a long one.
const WORKS: usize = 500;
const WORKERS: usize = 8;
/// Workers that are killed, one after the other, while the storm goes on.
const KILLED: usize = 12;

fn eight_workers_of_which_some_are_killed_do_every_work_once(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let articles: Vec<Article> = (0..WORKS)
        .map(|number| {
            let article = Article::without_file(&web, &format!("work{number}"), 4);
            web.get(&article.file, [Answer::pdf(article.bytes.clone()).with_ranges("\"v1\"")]);
            article
        })
        .collect();
    let list: String = articles.iter().map(|article| format!("{}\n", article.page)).collect();
    let list = home.write("works.txt", list);
    let plan = remembering::<&str>(&home, &web, place, &[]).args(["--plan-only", "--input"]).args([list]);
    plan.run().expect(0);

    let start = || worker(&home, &web, place).args(["--set", "ledger.lease_s=3", "--workers", "2"]).start();
    let mut running: Vec<Running> = (0..WORKERS).map(|_| start()).collect();
    for killed in 0..KILLED {
        // One at each share of the works, so that all of them are killed at work.
        let share = (killed + 1) * WORKS / (KILLED + 2);
        eventually("the next share of the works is done", || files_asked_for(&web) >= share);
        running.remove(fastrand::usize(..running.len())).kill();
        running.push(start());
    }
    for worker in running {
        worker.wait().expect(0);
    }

    assert_eq!(count(&home, place, "INDEXED") as usize, WORKS);
    // The run whose end puts the manifest in order.
    remembering(&home, &web, place, &[&articles[0].page]).run().expect(0);
    let mut lines: HashMap<String, u32> = HashMap::new();
    for line in home.manifest("papers") {
        assert_eq!(line["status"], "stored", "{line}");
        *lines.entry(line["work_id"].to_string()).or_default() += 1;
    }
    assert_eq!(lines.len(), WORKS);
    assert!(lines.values().all(|count| *count == 1), "a work has two lines");
    assert_eq!(home.files("papers/files").len(), WORKS);
    assert!(home.files("papers/partial").is_empty());
    leases_do_not_overlap(&told_at(&home, place, &["events", "--limit", "1000000"]));
}

fn files_asked_for(web: &Web) -> usize {
    web.requests().iter().filter(|seen| seen.url.ends_with(".pdf")).count()
}

/// From the events: a lease of a job begins after the one before it was given back, or had run out.
#[track_caller]
fn leases_do_not_overlap(events: &[Value]) {
    // Of each job the leases by their fences: when each began, and when it was over.
    let mut leases: HashMap<&str, BTreeMap<i64, (i64, i64)>> = HashMap::new();
    for event in events {
        let (Some(job), Some(fence), Some(at)) =
            (event["job_id"].as_str(), event["fence"].as_i64(), event["at"].as_i64())
        else {
            panic!("an event of nothing: {event}")
        };
        let until = event["detail"]["until"].as_i64();
        let lease = leases.entry(job).or_default().entry(fence);
        match (event["event"].as_str(), until) {
            (Some("job_leased"), Some(until)) => {
                lease.or_insert((at, until));
            }
            (Some("lease_renewed"), Some(until)) => {
                lease.and_modify(|(_, over)| *over = until.max(*over));
            }
            (Some("lease_released"), _) => {
                lease.and_modify(|(_, over)| *over = at.min(*over));
            }
            _ => {}
        }
    }
    assert!(leases.values().any(|leases| leases.len() > 1), "no job was taken over: nothing was tested");
    for (job, leases) in leases {
        for ((first, (_, over)), (next, (began, _))) in leases.iter().zip(leases.iter().skip(1)) {
            assert!(
                began >= over,
                "job {job}: lease {next} began at {began}, and {first} was over at {over}"
            );
        }
    }
}

fn a_worker_that_slept_past_its_lease_writes_nothing(place: &Place) {
    let (home, web, gate) = (Home::new(), Web::start(), Barrier::default());
    let article = Article::without_file(&web, "sleeper", 8);
    let good = Answer::pdf(article.bytes.clone()).with_ranges("\"v1\"");
    web.get(&article.file, [good.clone().behind(&gate), good]);
    remembering(&home, &web, place, &[&article.page]).args(["--plan-only"]).run().expect(0);
    let start = || worker(&home, &web, place).args(["--set", "ledger.lease_s=1", "-vv"]).start();
    let sleeper = start();
    web.wait_for(&article.file, 1);
    sleeper.signal("STOP");
    // Stopped in the middle of a commit it would keep its locks in the ledger: that is not what is tested.
    while !place.is_at_rest(&home) {
        sleeper.signal("CONT");
        sleeper.signal("STOP");
    }
    // The other waits for the lease to run out, and takes the job.
    let began = Instant::now();
    start().wait().expect(0);
    assert!(began.elapsed() > Duration::from_millis(300), "it did not wait for the lease");
    let done = told_once_at(&home, place, &["show", &article.page]);
    assert_eq!((&done["state"], &done["fence"]), (&"INDEXED".into(), &2.into()), "{done}");
    let left =
        |home: &Home| (home.manifest("papers"), home.files("papers/files"), home.files("papers/works"));
    let before = left(&home);

    // Everything that the sleeper was waiting for comes at once.
    gate.open();
    sleeper.signal("CONT");
    let ended = sleeper.wait();
    assert!(ended.err.contains("lease"), "it was told why: {}", ended.err);
    assert_eq!(left(&home), before);
    assert!(home.files("papers/partial").is_empty());
    let now = told_once_at(&home, place, &["show", &article.page]);
    assert_eq!((&now["state"], &now["fence"], &now["ops"]), (&done["state"], &done["fence"], &done["ops"]));
}

/// Whoever starts it again has it try again; by itself it would wait for what it never had.
#[test]
fn a_worker_whose_ledger_cannot_be_opened_ends_also_if_it_is_to_go_on_forever() {
    let (home, web) = (Home::new(), Web::start());
    // Nobody listens there.
    let nowhere = ["--ledger", "postgres://tierfall@127.0.0.1:1/tierfall?sslmode=disable"];
    let call = home.tierfall(["worker", "--forever"]).args(PAGES_ONLY).args(nowhere).through(&web);
    let ended = call.run().expect(5);
    assert!(ended.err.contains("nothing can be done without it"), "{}", ended.err);
    assert!(ended.err.contains("cannot be opened"), "{}", ended.err);
}

#[cfg(unix)]
#[test]
fn a_server_that_goes_away_is_waited_for_and_that_is_said_once_for_all_works_in_hand() {
    let Some(place) = Place::server() else { return };
    let Place::Server(database) = &place else { return };
    let (home, web, gate) = (Home::new(), Web::start(), Barrier::default());
    let articles = ["one", "two", "three", "four"].map(|name| gated(&web, name, &gate));
    let pages: Vec<&str> = articles.iter().map(|article| article.page.as_str()).collect();
    remembering(&home, &web, &place, &pages).args(["--plan-only"]).run().expect(0);
    let call = worker(&home, &web, &place).args(["--forever", "--workers", "4"]);
    let running = call.saying_to_a_file().start();
    eventually("all are in hand", || files_asked_for(&web) == 4);
    database.close();
    gate.open();
    eventually("they are stored meanwhile", || home.files("papers/files").len() == 4);
    home.says("waiting for it");
    database.open();
    eventually("the ledger is told", || count(&home, &place, "INDEXED") == 4);
    running.signal("TERM");
    running.wait().expect(143);
    let said = home.read("said.txt");
    assert_eq!(said.matches("waiting for it").count(), 1, "{said}");
}
