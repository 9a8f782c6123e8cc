//! Why a work has no file: what could not be asked is never taken for an absence.

use serde_json::Value;

use crate::run::pages_only;
use crate::sandbox::zoo;
use crate::support::article::Article;
use crate::support::program::{Call, Home};
use crate::support::web::{Answer, Web};

const DOI: &str = "10.5555/zoo.2";

fn asking(home: &Home, web: &Web, animal: &str, more: &[&str]) -> Call {
    let base = web.url("/");
    let tier = format!("{}:sources={animal},base={}", zoo().display(), base.trim_end_matches('/'));
    home.tierfall(["run", DOI, "--out", "out", "--allow-private", "127.0.0.1", "--fallback-tier", &tier])
        .args(["--set", "fallback.facts=", "--set", "http.pace.enabled=false"])
        .args(more)
}

fn end(home: &Home) -> (Value, Value, Value) {
    let lines = home.manifest("out");
    let [line] = lines.as_slice() else { panic!("one line was expected: {lines:#?}") };
    (line["status"].clone(), line["reason"].clone(), line["retry"].clone())
}

#[test]
fn a_source_that_failed_leaves_its_work_open() {
    for (animal, reason, more) in [
        ("trap", "plugin_failed", [].as_slice()),
        ("allocate", "limit", &[]),
        ("fetch_flood", "limit", &["--set", "sandbox.fetches=2"]),
        ("undeclared", "denied", &[]),
    ] {
        let (home, web) = (Home::new(), Web::start());
        web.get(&web.url("/small"), [Answer::json("{}")]);
        let ended = asking(&home, &web, animal, more).run().expect(4);
        assert_eq!(end(&home), ("failed".into(), reason.into(), true.into()), "{animal}");
        let said = format!("{animal} could not answer 1 time, first: ");
        assert!(ended.out.contains(&said), "{}", ended.out);
    }
}

#[test]
fn a_plugin_that_is_repaired_is_asked_again_by_a_run_with_a_ledger() {
    let (home, web) = (Home::new(), Web::start());
    let ledger = ["--enable-idempotency", "--set", "ledger.retry_base_s=1"];
    asking(&home, &web, "trap", &ledger).run().expect(4);
    let job = || {
        let shown = home.tierfall(["ledger", "show", DOI, "--out", "out", "--json"]).run().expect(0);
        serde_json::from_str::<Value>(&shown.out).expect("JSON")
    };
    assert_eq!((&job()["state"], &job()["reason"]), (&"FAILED".into(), &"plugin_failed".into()));
    assert!(job()["ready_at"].is_u64(), "it is to be tried again: {:#}", job());

    let paper = crate::pdf::Paper::new("Keeping wild plugins behind bars", &["Ada Keeper"], Some(DOI));
    web.get(&web.url("/good.pdf"), [Answer::pdf(paper.pdf(crate::pdf::Style::Plain))]);
    home.tierfall(["ledger", "retry", DOI, "--out", "out"]).run().expect(0);
    asking(&home, &web, "tame", &ledger).run().expect(0);
    assert_eq!(job()["state"], "INDEXED");
}

#[test]
fn a_page_that_robots_txt_closes_is_the_reason() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "closed");
    web.get("http://closed.example/robots.txt", [Answer::ok("text/plain", "User-agent: *\nDisallow: /\n")]);
    pages_only(&home, &web, &[&article.page]).run().expect(3);
    let line = &home.manifest("papers")[0];
    assert_eq!((&line["status"], &line["reason"]), (&"no_copy".into(), &"robots".into()), "{line:#}");
    let request = &line["trail"][0]["requests"][0];
    assert_eq!(request["url"], article.page.as_str());
    assert!(request["error"].as_str().is_some_and(|why| why.contains("robots.txt")), "{line:#}");
}

#[test]
fn a_page_that_is_refused_is_the_reason_and_is_judged_as_a_file_that_is() {
    let bots = "<title>Just a moment...</title>";
    let login = "<form><input type=\"password\" name=\"pw\"></form>";
    for (status, shown, reason, as_page) in [
        (401, "<p>No", "login_wall", "login_wall"),
        (402, "<p>No", "login_wall", "login_wall"),
        (403, "<p>No", "http_status", "http_status"),
        (403, bots, "bot_check", "bot_check"),
        (403, login, "login_wall", "login_wall"),
        (451, "<p>No", "http_status", "http_status"),
        (418, bots, "bot_check", "bot_check"),
        (404, "<p>No", "http_status", "no_candidates"),
        (410, "<p>No", "http_status", "no_candidates"),
    ] {
        let (home, web) = (Home::new(), Web::start());
        let answer = || Answer { status, ..Answer::html(shown) };
        let file = Article::without_file(&web, "file", 8);
        web.get(&file.file, [answer()]);
        web.get("http://page.example/article", [answer()]);
        pages_only(&home, &web, &[&file.page, "http://page.example/article"]).run().expect(3);
        let lines = home.manifest("papers");
        for (host, reason) in [("file.example", reason), ("page.example", as_page)] {
            let of_host = |line: &&Value| line["work_id"].as_str().is_some_and(|id| id.contains(host));
            let line = lines.iter().find(of_host).expect("a line");
            let ended = (&line["status"], &line["reason"], &line["retry"]);
            assert_eq!(
                ended,
                (&"no_copy".into(), &reason.into(), &false.into()),
                "{status} {shown} {line:#}"
            );
            if host == "page.example" && status != 404 && status != 410 {
                let detail = line["trail"][0]["detail"].as_str().unwrap_or_default();
                let says = format!("page.example refuses its page: status {status}");
                assert!(detail.starts_with(&says), "{line:#}");
            }
        }
    }
}

#[test]
fn a_host_that_a_breaker_closed_is_the_reason() {
    let (home, web) = (Home::new(), Web::start());
    let pages: Vec<String> = (0..4).map(|n| format!("http://down.example/{n}")).collect();
    for page in &pages {
        web.get(page, [Answer::status(500)]);
    }
    let works: Vec<&str> = pages.iter().map(String::as_str).collect();
    pages_only(&home, &web, &works)
        .args(["--workers", "1", "--set", "http.breaker.failures=2", "--set", "fallback.source_retries=0"])
        .args(["--set", "http.pace.enabled=false", "--set", "fallback.total_timeout_ms=5000"])
        .run()
        .expect(4);
    let reasons: Vec<Value> = home.manifest("papers").iter().map(|line| line["reason"].clone()).collect();
    assert_eq!(reasons, ["unavailable", "unavailable", "breaker", "breaker"]);
}
