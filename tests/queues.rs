//! A queue at one host keeps nobody from another.

use std::collections::HashMap;

use crate::support::program::{Call, Home};
use crate::support::web::{Answer, Fault, Web};

const NOTHING: &str = "<!DOCTYPE html><html><head><title>Nothing</title></head><body></body></html>";

/// A run that reads these pages alone. Of the calls of one source few may run at a time.
fn reading(home: &Home, web: &Web, pages: &[String], workers: &str, more: &str) -> Call {
    home.configure(format!(
        "[http]\nrobots = false\n[http.pace.page]\nevery_ms = 0\nconcurrency = 8\n[http.pace.file]\nevery_ms = 0\n\
         concurrency = 8\n[sandbox]\ninstances = 4\n{more}"
    ));
    home.write("works.txt", pages.join("\n"));
    home.tierfall(["run", "--input", "works.txt", "--out", "papers", "--workers", workers])
        .args(["--fallback-tier", "landing_scrape"])
        .through(web)
}

fn pages(host: &str, number: usize) -> Vec<String> {
    (0..number).map(|number| format!("http://{host}/{number}")).collect()
}

#[test]
fn a_queue_at_one_host_keeps_nobody_from_another() {
    let (home, web) = (Home::new(), Web::start());
    for host in ["slow.example", "other.example"] {
        web.get(&format!("http://{host}/*"), [Answer::html(NOTHING)]);
    }
    // Nearly all wait for the first of two hosts, which takes one in ten minutes.
    let all = [pages("slow.example", 1500), pages("other.example", 40)].concat();
    let rule = "[http.pace.rules.slow]\nhosts = [\"slow.example\"]\nevery_ms = 600000\nconcurrency = 1\n";
    let running = reading(&home, &web, &all, "8", rule).start();
    web.wait_for("http://other.example/*", 40);
    running.kill();
    assert!(web.requests_for("http://slow.example/*").len() <= 1);
}

#[test]
fn a_call_that_made_room_for_another_goes_on_where_it_was() {
    let (home, web) = (Home::new(), Web::start());
    web.get("http://slow.example/*", [Answer::html(NOTHING)]);
    let rule = "[http.pace.rules.slow]\nhosts = [\"slow.example\"]\nevery_ms = 30\nconcurrency = 1\n";
    let all = pages("slow.example", 60);
    reading(&home, &web, &all, "2", rule).run().expect(3);
    let mut asked: HashMap<String, usize> = HashMap::new();
    for seen in web.requests() {
        *asked.entry(seen.url).or_default() += 1;
    }
    let works = home.manifest("papers");
    assert_eq!(works.len(), all.len());
    for work in works {
        assert_eq!(work["status"], "no_copy", "{work:#}");
        let requests: Vec<_> = work["trail"][0]["requests"].as_array().into_iter().flatten().collect();
        assert!(!requests.is_empty(), "{work:#}");
        for request in requests {
            let url = request["url"].as_str().unwrap_or_default();
            assert_eq!(asked.get(url), Some(&1), "{url} is asked once, and told once: {work:#}");
            asked.remove(url);
        }
    }
    assert!(asked.is_empty(), "{asked:?}");
}

#[test]
fn hosts_that_hang_keep_nobody_from_another() {
    let (home, web) = (Home::new(), Web::start());
    let hanging: Vec<String> = (0..12).map(|number| format!("http://hangs-{number}.example/")).collect();
    for page in &hanging {
        web.get(page, [Answer::html(NOTHING).failing(Fault::Hang)]);
    }
    web.get("http://other.example/*", [Answer::html(NOTHING)]);
    // More hang than works go on at a time, for longer than this test waits.
    let all = [hanging, pages("other.example", 20)].concat();
    let patient = "[http.limits]\nfirst_byte_ms = 600000\nidle_ms = 600000\n[fallback]\nsource_timeout_ms = 600000\n\
                   total_timeout_ms = 600000\n";
    let running = reading(&home, &web, &all, "2", patient).start();
    web.wait_for("http://other.example/*", 20);
    running.kill();
}
