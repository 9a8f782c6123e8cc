//! A machine from which nothing can be reached: that is said once, and costs no work anything.

use std::time::Duration;

use crate::support::article::Article;
use crate::support::program::{Home, eventually};
use crate::support::web::Web;

#[test]
fn a_run_that_reaches_nothing_says_so_once_and_leaves_its_works_as_they_are() {
    let home = Home::new();
    let works: String = (0..200).map(|n| format!("10.5555/far.{n}\n")).collect();
    // The tests' own proxy: nothing listens there.
    let ended = home.tierfall(["run", "--out", "papers"]).input(works).run().expect(4);
    assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
    assert_eq!(ended.out.matches("nothing can be reached").count(), 1, "{}", ended.out);
    for part in ["the proxy does not answer", "--proxy", "no work was touched"] {
        assert!(ended.out.contains(part), "{part}: {}", ended.out);
    }
    assert_eq!(home.read("papers/manifest.jsonl"), "");
    assert!(ended.err.contains("unpaywall is not asked") && ended.err.contains("--mailto"), "{}", ended.err);
}

#[test]
fn with_a_ledger_no_job_loses_an_attempt() {
    let home = Home::new();
    let call = || home.tierfall(["run", "10.5555/far", "--out", "papers", "--enable-idempotency"]);
    for _ in 0..2 {
        call().run().expect(4);
    }
    let shown = home.tierfall(["ledger", "show", "10.5555/far", "--out", "papers", "--json"]).run().expect(0);
    let job: serde_json::Value = serde_json::from_str(&shown.out).expect("JSON");
    assert_eq!(job["reason"], serde_json::Value::Null, "{job:#}");
    assert_ne!(job["state"], "FAILED", "{job:#}");
}

#[test]
fn an_address_that_is_only_an_example_is_refused_at_once() {
    let home = Home::new();
    for address in ["me@example.com", "YOU@EXAMPLE.COM"] {
        let ended = home.tierfall(["run", "10.5555/x", "--mailto", address]).run().expect(2);
        assert!(ended.err.contains("give your own"), "{}", ended.err);
    }
    assert!(!home.path("papers").exists());
}

/// A page where nobody listens. Tests ask it past their proxy.
fn at_a_dead_host() -> String {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    format!("http://localhost:{}/article", taken.local_addr().expect("it has an address").port())
}

#[test]
fn one_dead_host_at_the_head_of_a_list_ends_no_run() {
    for workers in ["1", "auto"] {
        let (home, web) = (Home::new(), Web::start());
        let articles = ["one", "two", "three"].map(|name| Article::on(&web, name));
        let dead = at_a_dead_host();
        let pages = articles.iter().map(|article| article.page.as_str());
        let call = home.tierfall(["run", "--out", "papers", "--enable-idempotency", "--workers", workers]);
        let call = call.args(["--fallback-tier", "landing_scrape", "--allow-private", "localhost"]);
        let ended = call
            .args([&dead])
            .args(pages)
            .env("NO_PROXY", "localhost")
            .env("HTTP_PROXY", web.proxy())
            .run()
            .expect(4);
        assert!(!ended.out.contains("nothing can be reached"), "{workers}: {}", ended.out);
        let manifest = home.manifest("papers");
        let with = |status: &str| manifest.iter().filter(|line| line["status"] == status).collect::<Vec<_>>();
        assert_eq!((manifest.len(), with("stored").len()), (4, 3), "{workers}: {manifest:#?}");
        assert_eq!(with("failed")[0]["work_id"], format!("url:{dead}"), "{workers}: {manifest:#?}");
    }
}

#[test]
fn a_list_that_stays_open_does_not_keep_back_what_can_be_asked_again() {
    let (home, web) = (Home::new(), Web::start());
    let call = home.tierfall(["run", "--input", "-", "--out", "papers", "--workers", "1"]);
    let call = call.args(["--fallback-tier", "landing_scrape", "--allow-private", "localhost"]);
    let mut running = call.env("NO_PROXY", "localhost").env("HTTP_PROXY", web.proxy()).start_typing();
    running.type_in(&format!("{}\n{}\n", at_a_dead_host(), Article::on(&web, "other").page));
    eventually("both have their lines", || {
        std::fs::read_to_string(home.path("papers/manifest.jsonl"))
            .is_ok_and(|lines| lines.lines().count() == 2)
    });
    running.end_input();
    running.wait().expect(4);
    assert_eq!(home.manifest("papers").iter().filter(|line| line["status"] == "stored").count(), 1);
}

#[test]
fn a_list_that_stays_open_does_not_keep_a_run_that_reaches_nothing() {
    let home = Home::new();
    let call = home.tierfall(["run", "--input", "-", "--out", "papers", "--proxy", "direct"]);
    let call = call.args(["--fallback-tier", "landing_scrape", "--allow-private", "localhost"]);
    let mut running = call.start_typing();
    running.type_in(&format!("{}\n", at_a_dead_host()));
    let ended = running.wait().expect(4);
    assert!(ended.out.contains("nothing can be reached"), "{}", ended.out);
}
