//! Several processes, and one pace for all of them: a host cannot tell them from one.

use std::time::Duration;

use crate::support::program::{Home, Running};
use crate::support::web::{Answer, Fault, Web};

use super::{Place, on_both_engines};

on_both_engines! {
    three_processes_with_one_ledger_ask_a_host_no_more_often_than_one
    a_host_that_fails_one_process_is_left_alone_by_three
}

/// The pages that each of three processes reads.
const PAGES: usize = 10;
const PROCESSES: usize = 3;
/// Between two requests.
const EVERY: Duration = Duration::from_millis(100);

fn three_processes_with_one_ledger_ask_a_host_no_more_often_than_one(place: &Place) {
    ask(|_| {
        let mut flags = vec!["--enable-idempotency".to_owned(), "--out=papers".to_owned()];
        flags.extend(place.flags());
        flags
    });
}

#[test]
fn three_processes_of_one_user_ask_a_host_no_more_often_than_one() {
    ask(|process| vec![format!("--out=papers-{process}")]);
}

#[test]
fn a_run_that_is_ended_while_it_reads_the_rules_of_a_host_leaves_them_to_the_next() {
    let (home, web) = (Home::new(), Web::start());
    let rules = "http://ruled.example/robots.txt";
    web.get(rules, [Answer::status(200).failing(Fault::Hang), Answer::status(404)]);
    web.get(
        "http://ruled.example/page",
        [Answer::html("<!DOCTYPE html><html><head></head><body></body></html>")],
    );
    let run = || {
        home.tierfall(["run", "http://ruled.example/page", "--out", "papers"])
            .args(["--fallback-tier", "landing_scrape"])
            .through(&web)
    };
    let running = run().start();
    web.wait_for(rules, 1);
    running.signal("INT");
    running.wait().expect(130);
    // Waiting for the one that is gone would take the whole time of the source.
    run().run().expect(3);
    assert_eq!(web.requests_for(rules).len(), 2);
}

#[track_caller]
fn ask(flags: impl Fn(usize) -> Vec<String>) {
    let (home, web) = (Home::new(), Web::start());
    let page = |number: usize| format!("http://paced.example/{number}");
    let nothing = "<!DOCTYPE html><html><head><title>Nothing</title></head><body></body></html>";
    for number in 0..PAGES * PROCESSES {
        web.get(&page(number), [Answer::html(nothing)]);
    }
    let running: Vec<Running> = (0..PROCESSES)
        .map(|process| {
            let every = EVERY.as_millis();
            home.tierfall(["run"])
                .args((0..PAGES).map(|number| page(process * PAGES + number)))
                .args(["--fallback-tier", "landing_scrape", "--workers", "4"])
                .args(["--set", "http.pace.page.concurrency=2", "--set", "http.pace.file.concurrency=2"])
                .args([format!("--set=http.pace.page.every_ms={every}")])
                .args([format!("--set=http.pace.file.every_ms={every}")])
                .args(flags(process))
                .through(&web)
                .start()
        })
        .collect();
    for process in running {
        let ended = process.wait().expect(3);
        assert!(!ended.err.contains("not shared") && !ended.err.contains("not known"), "{}", ended.err);
    }
    let robots = web.requests_for("http://paced.example/robots.txt").len();
    assert_eq!(robots, 1, "one of them reads it for all");
    let mut times: Vec<_> = web.requests().iter().map(|seen| seen.at).collect();
    times.sort();
    assert!(times.len() >= PAGES * PROCESSES);
    assert!(web.peak("paced.example") <= 2, "{} at once", web.peak("paced.example"));
    // A request may be on its way for longer than the next: a fifth is allowed for. Three paces would need a third.
    let gaps = u32::try_from(times.len() - 1).expect("a few");
    let took = times[times.len() - 1] - times[0];
    assert!(took >= EVERY * gaps * 4 / 5, "{} requests in {took:?}", times.len());
}

fn a_host_that_fails_one_process_is_left_alone_by_three(place: &Place) {
    fail(|_| {
        let mut flags = vec!["--enable-idempotency".to_owned(), "--out=papers".to_owned()];
        flags.extend(place.flags());
        flags
    });
}

#[test]
fn a_host_that_fails_one_process_of_a_user_is_left_alone_by_three() {
    fail(|process| vec![format!("--out=papers-{process}")]);
}

/// One process learns that a host fails; two that come later know it, and leave it alone.
#[track_caller]
fn fail(flags: impl Fn(usize) -> Vec<String>) {
    const FAILURES: usize = 5;
    let (home, web) = (
        Home::new(),
        Web::of_script(|seen, _| {
            Some(if seen.url.ends_with("/robots.txt") { Answer::status(404) } else { Answer::status(500) })
        }),
    );
    let run = |process: usize| {
        home.tierfall(["run"])
            .args((0..2 * FAILURES).map(|number| format!("http://dead.example/{process}/{number}")))
            .args(["--fallback-tier", "landing_scrape", "--workers", "1"])
            .args(["--set", "fallback.source_retries=0", "--set", "http.pace.page.every_ms=1"])
            .args(flags(process))
            .through(&web)
    };
    run(0).run().expect(4);
    let asked = |what: &str| {
        let counts = web.request_counts();
        counts.iter().filter(|(url, _)| url.contains(what)).map(|(_, count)| count).sum::<usize>()
    };
    assert_eq!((asked("/robots.txt"), asked("dead.example/0/")), (1, FAILURES));
    let later: Vec<Running> = (1..PROCESSES).map(|process| run(process).start()).collect();
    for process in later {
        let ended = process.wait().expect(4);
        assert!(!ended.err.contains("not shared") && !ended.err.contains("not known"), "{}", ended.err);
    }
    // The first request of a process may begin before it has heard of anything.
    let further = asked("dead.example/1/") + asked("dead.example/2/");
    assert!(further <= PROCESSES, "{further} more requests to a host that is left alone");
    assert_eq!(asked("/robots.txt"), 1, "for all of them");
}
