//! The plan's budgets and flags, seen from outside: by what the web was asked, and when.

use serde_json::{Value, json};

use crate::support::article::Article;
use crate::support::program::{Call, Home};
use crate::support::web::{Answer, Barrier, Fault, Web};

const WORK: &str = "10.5555/budgets.1";
/// Services that are asked by DOI with one request each.
const SERVICES: [&str; 4] = ["openalex", "semantic_scholar", "crossref", "doaj"];

/// What a service is asked, whatever it is.
fn url_asked(service: &str) -> String {
    format!("http://{service}.example/*")
}

/// A run over the services alone, each of which is on a host of the local web.
fn services(home: &Home, web: &Web, options: &str) -> Call {
    let mut call = home.tierfall(["run", WORK, "--out", "papers"]).through(web);
    for service in SERVICES {
        // A host that is known, so that what it does not know is a 404.
        web.get(&format!("http://{service}.example/"), [Answer::status(204)]);
        call = call.args(["--set", &format!("sources.{service}.api_base=http://{service}.example")]);
    }
    call.args(["--fallback-tier", &format!("direct_oa:sources={}{options}", SERVICES.join("+"))])
}

fn answer_all(web: &Web, answer: impl Fn(&str) -> Answer) {
    for service in SERVICES {
        web.get(&url_asked(service), [answer(service)]);
    }
}

/// The hosts that were asked, in order, each once.
fn hosts_asked(web: &Web) -> Vec<String> {
    let mut hosts: Vec<String> = web.requests().into_iter().map(|seen| seen.host).collect();
    hosts.dedup();
    hosts
}

fn attempts(work: &Value) -> Vec<(String, String)> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let trail = work["trail"].as_array().into_iter().flatten();
    let attempts = trail.filter(|entry| entry["event"] == "attempt");
    attempts.map(|entry| (text(entry, "source"), text(entry, "outcome"))).collect()
}

#[test]
fn every_service_is_asked_once_and_in_the_order_of_the_plan() {
    let (home, web) = (Home::new(), Web::start());
    services(&home, &web, ",parallel=1").run().expect(3);
    assert_eq!(hosts_asked(&web), SERVICES.map(|service| format!("{service}.example")));
}

#[test]
fn the_total_time_ends_a_work_and_the_trail_says_so_far() {
    for how in ["flag", "TIERFALL_FALLBACK_TOTAL_TIMEOUT_MS", "DOCSTOKG_FALLBACK_TOTAL_TIMEOUT_MS"] {
        let (home, web) = (Home::new(), Web::start());
        answer_all(&web, |_| Answer::json("{}").failing(Fault::Hang));
        let call = services(&home, &web, ",parallel=1");
        let call = match how {
            "flag" => call.args(["--fallback-total-timeout-ms", "700"]),
            variable => call.env(variable, "700"),
        };
        call.run().expect(4);
        let work = &home.manifest("papers")[0];
        assert_eq!(
            (&work["status"], &work["reason"]),
            (&"timeout".into(), &"total_timeout".into()),
            "{how}: {work:#}"
        );
        assert!(work["ms"].as_u64().is_some_and(|ms| ms >= 700), "{how}: {work:#}");
    }
}

#[test]
fn attempts_are_counted_before_they_start() {
    for how in ["flag", "TIERFALL_FALLBACK_TOTAL_ATTEMPTS", "DOCSTOKG_FALLBACK_TOTAL_ATTEMPTS"] {
        let (home, web) = (Home::new(), Web::start());
        let call = services(&home, &web, ",parallel=4").args(["--set", "fallback.facts="]);
        let call = match how {
            "flag" => call.args(["--fallback-max-attempts", "2"]),
            variable => call.env(variable, "2"),
        };
        call.run().expect(3);
        assert_eq!(web.requests().len(), 2, "{how}: {:#?}", web.requests());
        let skipped =
            attempts(&home.manifest("papers")[0]).iter().filter(|(_, outcome)| outcome == "skipped").count();
        assert_eq!(skipped, 2, "{how}");
    }
}

#[test]
fn a_source_that_is_skipped_costs_no_attempt() {
    let (home, web) = (Home::new(), Web::start());
    web.get("http://zenodo.example/", [Answer::status(204)]);
    home.tierfall(["run", WORK, "--out", "papers", "--fallback-max-attempts", "1"])
        .args([
            "--fallback-tier",
            "archive:sources=core+zenodo",
            "--set",
            "sources.zenodo.api_base=http://zenodo.example",
        ])
        .through(&web)
        .run()
        .expect(3);
    assert_eq!(hosts_asked(&web), ["zenodo.example"]);
    let attempts = attempts(&home.manifest("papers")[0]);
    assert!(attempts.contains(&("core".into(), "skipped".into())), "{attempts:?}");
}

#[test]
fn no_more_is_in_flight_for_a_work_than_allowed() {
    for (how, limit) in
        [("flag", 2), ("TIERFALL_FALLBACK_MAX_CONCURRENT", 3), ("DOCSTOKG_FALLBACK_MAX_CONCURRENT", 1)]
    {
        let (home, web) = (Home::new(), Web::start());
        let gate = Barrier::default();
        answer_all(&web, |_| Answer::status(404).behind(&gate));
        let call = services(&home, &web, ",parallel=4");
        let call = match how {
            "flag" => call.args(["--fallback-max-concurrent", "2"]),
            variable => call.env(variable, limit.to_string()),
        };
        let running = call.start();
        web.wait_for_requests(limit);
        gate.open();
        running.wait().expect(3);
        assert_eq!(web.peak_of_all(), limit, "{how}");
        assert_eq!(hosts_asked(&web).len(), SERVICES.len());
    }
}

#[test]
fn a_tier_asks_no_more_at_once_than_its_parallel() {
    let (home, web) = (Home::new(), Web::start());
    let gate = Barrier::default();
    answer_all(&web, |_| Answer::status(404).behind(&gate));
    let running = services(&home, &web, ",parallel=2").start();
    web.wait_for_requests(2);
    gate.open();
    running.wait().expect(3);
    assert_eq!(web.peak_of_all(), 2);
}

#[test]
fn a_source_has_its_own_time_and_the_next_one_is_asked_after_it() {
    for how in
        ["option", "TIERFALL_FALLBACK_PER_SOURCE_TIMEOUT_MS", "DOCSTOKG_FALLBACK_PER_SOURCE_TIMEOUT_MS"]
    {
        let (home, web) = (Home::new(), Web::start());
        web.get(&url_asked("openalex"), [Answer::json("{}").failing(Fault::Hang)]);
        let call = match how {
            "option" => services(&home, &web, ",parallel=1,timeout_ms=400"),
            variable => services(&home, &web, ",parallel=1").env(variable, "400"),
        };
        call.run().expect(4);
        let work = &home.manifest("papers")[0];
        let first = &work["trail"][0];
        assert_eq!(
            (&first["source"], &first["outcome"]),
            (&"openalex".into(), &"timeout".into()),
            "{how}: {work:#}"
        );
        // Otherwise it would have had the default's ten seconds.
        assert!(first["ms"].as_u64().is_some_and(|ms| (400..10_000).contains(&ms)), "{how}: {work:#}");
        assert_eq!(hosts_asked(&web).len(), SERVICES.len());
    }
}

#[test]
fn retries_are_as_many_as_the_plan_allows() {
    for retries in [0, 1] {
        let (home, web) = (Home::new(), Web::start());
        web.get(&url_asked("crossref"), [Answer::status(503)]);
        services(&home, &web, &format!(",retries={retries}")).run().expect(4);
        assert_eq!(web.requests_for(&url_asked("crossref")).len(), 1 + retries);
    }
}

#[test]
fn tiers_are_asked_in_the_order_given_and_only_those() {
    let (home, web) = (Home::new(), Web::start());
    for host in ["crossref", "hal"] {
        web.get(&format!("http://{host}.example/"), [Answer::status(204)]);
    }
    home.tierfall(["run", WORK, "--out", "papers", "--fallback-tier", "archive:sources=hal"])
        .args(["--fallback-tier", "direct_oa:sources=crossref", "--set", "fallback.facts="])
        .args(["--set", "sources.hal.api_base=http://hal.example"])
        .args(["--set", "sources.crossref.api_base=http://crossref.example"])
        .through(&web)
        .run()
        .expect(3);
    assert_eq!(hosts_asked(&web), ["hal.example", "crossref.example"]);
}

#[test]
fn a_later_tier_is_not_asked_when_an_earlier_one_has_the_work() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "early");
    web.get("http://crossref.example/", [Answer::status(204)]);
    home.tierfall(["run", &article.page, "--out", "papers", "--fallback-tier", "landing_scrape"])
        .args(["--fallback-tier", "direct_oa:sources=crossref", "--set", "fallback.facts="])
        .args(["--set", "sources.crossref.api_base=http://crossref.example"])
        .through(&web)
        .run()
        .expect(0);
    assert!(!hosts_asked(&web).contains(&"crossref.example".to_owned()));
}

#[test]
fn the_first_good_file_ends_the_race_and_the_losers_are_not_awaited() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "winner");
    let paper = json!({
        "paperId": "1", "title": "The Invented Matter of winner Considered Anew", "externalIds": {"DOI": WORK},
        "openAccessPdf": {"url": article.file, "status": "GREEN"},
    });
    web.get(&url_asked("openalex"), [Answer::json("{}").failing(Fault::Hang)]);
    web.get(&url_asked("semantic_scholar"), [Answer::json(&paper.to_string())]);
    let call = services(&home, &web, ",parallel=2,timeout_ms=50000").args(["--set", "fallback.facts="]);
    call.run().expect(0);
    let work = &home.manifest("papers")[0];
    assert_eq!(work["source"], "semantic_scholar");
    web.wait_for_abandoned(&url_asked("openalex"));
    // The loser would have taken its whole time.
    assert!(work["ms"].as_u64().is_some_and(|ms| ms < 50_000), "{work:#}");
}

#[test]
fn the_wayback_sources_can_be_taken_out_of_the_plan() {
    for how in ["flag", "TIERFALL_DISABLE_WAYBACK_FALLBACK", "file"] {
        let home = Home::new();
        let call = home.tierfall(["plan", "--json"]);
        let call = match how {
            "flag" => call.args(["--disable-wayback-fallback"]),
            "file" => {
                home.write("tierfall.toml", "[fallback]\ndisable_wayback = true\n");
                call
            }
            variable => call.env(variable, "true"),
        };
        let plan = call.run().expect(0).out;
        assert!(!plan.contains("\"wayback\""), "{how}: {plan}");
        assert!(plan.contains("landing_page"), "{how}: {plan}");
    }
}

#[test]
fn a_plan_without_its_wayback_sources_asks_no_archive_of_the_web() {
    for (flag, asks) in [(None, true), (Some("--disable-wayback-fallback"), false)] {
        let (home, web) = (Home::new(), Web::start());
        web.get("http://archive.example/*", [Answer::json("{}")]);
        let article = Article::missing(&web, "vanished");
        home.tierfall(["run", &article.page, "--out", "papers", "--fallback-tier", "landing_scrape"])
            .args([
                "--fallback-tier",
                "wayback:api_base=http://archive.example,web_base=http://archive.example",
            ])
            .args(flag)
            .through(&web)
            .run();
        assert!(!web.requests_for(&article.page).is_empty());
        assert_eq!(!web.requests_for("http://archive.example/*").is_empty(), asks, "{flag:?}");
    }
}

#[test]
fn what_a_source_posts_arrives() {
    let (home, web) = (Home::new(), Web::start());
    web.on("POST", "http://figshare.example/articles/search", [Answer::json("[]")]);
    home.tierfall(["run", WORK, "--out", "papers", "--fallback-tier", "archive:sources=figshare"])
        .args(["--set", "sources.figshare.api_base=http://figshare.example", "--set", "fallback.facts="])
        .through(&web)
        .run()
        .expect(3);
    let requests = web.requests();
    let [asked] = requests.as_slice() else { panic!("{requests:#?}") };
    let body: Value = serde_json::from_slice(&asked.body).expect("the body is JSON");
    assert_eq!(body["search_for"], format!(":doi: \"{WORK}\""));
}
