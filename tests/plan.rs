//! `plan`, `explain` and `completions`: what is told without anything being stored.

use serde_json::Value;

use crate::support::article::Article;
use crate::support::program::Home;
use crate::support::web::{Answer, Web};

#[test]
fn the_default_plan_is_the_documented_one() {
    let home = Home::new();
    let ended = home.tierfall(["plan", "--json", "--mailto", "me@library.example"]).run().expect(0);
    let plan: Value = serde_json::from_str(&ended.out).expect("the plan is JSON");
    let mut tiers = Vec::new();
    for tier in plan["tiers"].as_array().into_iter().flatten() {
        let sources = |list: &str| -> Vec<String> {
            let listed = tier[list].as_array().into_iter().flatten();
            listed.map(|source| source["source"].as_str().unwrap_or_default().to_owned()).collect()
        };
        tiers.push((
            tier["tier"].as_str().unwrap_or_default(),
            tier["parallel"].as_u64(),
            sources("sources"),
            sources("skipped"),
        ));
    }
    let list = |names: &str| names.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let indexes = list("openalex arxiv pmc europe_pmc crossref semantic_scholar doaj biorxiv");
    let direct = list("openalex arxiv pmc europe_pmc crossref semantic_scholar doaj unpaywall biorxiv");
    let repositories = list("zenodo hal datacite openaire");
    let archive = list("zenodo hal datacite openaire osf figshare internet_archive");
    assert_eq!(
        tiers,
        [
            ("indexes", Some(2), indexes, vec![]),
            ("repositories", Some(2), repositories, list("core")),
            ("doi_follow", Some(1), list("doi_redirect"), vec![]),
            ("direct_oa", Some(2), direct, vec![]),
            ("landing_scrape", Some(2), list("landing_page"), vec![]),
            ("archive", Some(2), archive, list("core")),
            ("wayback", Some(1), list("wayback"), vec![]),
        ]
    );
}

#[test]
fn a_source_without_its_key_is_left_out_with_the_reason() {
    let home = Home::new();
    let without = home.tierfall(["plan"]).run().expect(0).out;
    let line = without.lines().find(|line| line.contains("core")).expect("core is in the plan");
    assert!(line.contains("not asked") && line.contains("key"), "{line}");
    let with = home.tierfall(["plan"]).env("CORE_API_KEY", "something").run().expect(0).out;
    let line = with.lines().find(|line| line.contains("core")).expect("core is in the plan");
    assert!(!line.contains("not asked"), "{line}");
}

#[test]
fn a_run_says_once_which_sources_it_leaves_out() {
    let (home, web) = (Home::new(), Web::start());
    web.get("http://zenodo.example/", [Answer::status(204)]);
    let ended = home
        .tierfall(["run", "10.5555/a", "10.5555/b", "10.5555/c", "--out", "papers", "-v"])
        .args(["--fallback-tier", "archive:sources=core+zenodo", "--set", "fallback.facts="])
        .args(["--set", "sources.zenodo.api_base=http://zenodo.example"])
        .through(&web)
        .run()
        .expect(3);
    let said: Vec<&str> = ended.err.lines().filter(|line| line.contains("is not asked")).collect();
    let [line] = said.as_slice() else { panic!("{}", ended.err) };
    assert!(line.contains("core") && line.contains("api_key"), "{line}");
}

#[test]
fn a_plan_in_which_nothing_can_be_asked_is_refused_with_the_reasons() {
    let home = Home::new();
    for command in [["plan"].as_slice(), &["run", "10.5555/x"]] {
        let call = home.tierfall(command).args(["--fallback-tier", "archive:sources=core"]);
        let ended = call.run().expect(2);
        assert!(ended.err.contains("core") && ended.err.contains("api_key"), "{}", ended.err);
    }
    assert!(!home.path("papers").exists());
}

#[test]
fn planning_asks_nobody() {
    let (home, web) = (Home::new(), Web::start());
    home.tierfall(["plan"]).through(&web).run().expect(0);
    assert!(web.requests().is_empty());
    assert!(home.files("papers").is_empty());
}

#[test]
fn explain_tells_the_whole_trail_and_stores_nothing() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::without_file(&web, "explained", 8);
    web.get(&article.file, [Answer::html("<html><body>Sorry</body></html>")]);
    let ended = home
        .tierfall(["explain", &article.page, "--fallback-tier", "landing_scrape"])
        .through(&web)
        .run()
        .expect(3);
    for part in ["landing_scrape", "landing_page", &article.file, "html_instead", "no copy"] {
        assert!(ended.out.contains(part), "{part} is not in\n{}", ended.out);
    }
    assert!(home.files(".").iter().all(|file| !file.contains("papers") && !file.ends_with(".pdf")));

    web.get(&article.file, [Answer::pdf(article.bytes.clone())]);
    let ended = home
        .tierfall(["explain", &article.page, "--fallback-tier", "landing_scrape"])
        .through(&web)
        .run()
        .expect(0);
    assert!(ended.out.contains(&article.sha256), "{}", ended.out);
    assert!(!home.path("papers").exists());
}

#[test]
fn explain_for_machines_is_one_line_of_the_manifest() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "machines");
    let ended = home
        .tierfall(["explain", &article.page, "--json", "--fallback-tier", "landing_scrape"])
        .through(&web)
        .run()
        .expect(0);
    let line: Value = serde_json::from_str(&ended.out).expect("one JSON object");
    assert_eq!(line["sha256"], article.sha256.as_str());
}

#[test]
fn completions_know_every_command() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = home.tierfall(["completions", shell]).run().expect(0).out;
        for command in ["run", "demo", "plan", "explain", "plugin", "config", "completions"] {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
}

#[test]
fn help_and_version_end_well_and_a_wrong_command_does_not() {
    let home = Home::new();
    assert!(home.tierfall(["--help"]).run().expect(0).out.contains("explain"));
    assert!(home.tierfall(["run", "--help"]).run().expect(0).out.contains("--fallback-tier"));
    let version = home.tierfall(["--version"]).run().expect(0).out;
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    home.tierfall(["rum"]).run().expect(2);
}

fn estimate(home: &Home, words: &[&str]) -> Value {
    let ended =
        home.tierfall(["plan", "--json", "--mailto", "me@library.example"]).args(words).run().expect(0);
    serde_json::from_str::<Value>(&ended.out).expect("JSON")["estimate"].clone()
}

/// Requests of one pace, and the time between two.
fn of(estimate: &Value, pace: &str) -> (u64, u64) {
    let hosts = estimate["hosts"].as_array().expect("hosts");
    let host = hosts.iter().find(|host| host["pace"] == pace);
    let host = host.unwrap_or_else(|| panic!("no {pace} in {estimate:#}"));
    (host["requests"].as_u64().expect("a number"), host["every_ms"].as_u64().expect("a number"))
}

#[test]
fn before_anything_was_seen_a_plan_says_what_a_run_would_ask_at_most() {
    let home = Home::new();
    let estimate = estimate(&home, &["--works", "100000"]);
    assert_eq!((&estimate["works"], &estimate["seen"]), (&100_000.into(), &0.into()));
    let (requests, every) = of(&estimate, "api api.semanticscholar.org");
    assert!(requests < 100_000 && every == 1000, "several in one question: {requests} one in {every} ms");
    assert_eq!(of(&estimate, "api api.unpaywall.org").0, 100_000);
    assert_eq!(of(&estimate, "api zenodo.org rule zenodo").0, 4_000, "once, though two tiers have it");
    assert_eq!(estimate["seconds"], estimate["hosts"][0]["seconds"], "the first host bounds it");
    let text = home.tierfall(["plan", "--works", "100000"]).run().expect(0).out;
    assert!(text.contains("bounds it") && text.contains("nothing was seen so far"), "{text}");
    let without = home.tierfall(["plan"]).run().expect(0).out;
    assert!(!without.contains("bounds it"), "{without}");
}

#[test]
fn after_some_works_a_plan_goes_by_what_they_have_cost() {
    let (home, web) = (Home::new(), Web::start());
    let (one, two) = (Article::on(&web, "one"), Article::missing(&web, "two"));
    let tier = ["--fallback-tier", "landing_scrape"];
    let run =
        home.tierfall(["run", "--out", "papers", "--enable-idempotency", &one.page, &two.page]).args(tier);
    run.through(&web).run().expect(3);
    for place in [["--out", "papers"].as_slice(), &["--out", "elsewhere", "--ledger", "papers/ledger.sqlite"]]
    {
        let estimate = estimate(&home, &[&tier, place, &["--works", "1000"]].concat());
        assert_eq!(estimate["seen"], 2, "{place:?}");
        // A page and its file for one of two works, a page for the other; two a second.
        assert_eq!(of(&estimate, "web one.example"), (1000, 500));
        assert_eq!(of(&estimate, "web two.example"), (500, 500));
        assert_eq!((&estimate["requests"], &estimate["api_requests"]), (&1500.into(), &0.into()));
        assert_eq!(estimate["seconds"], 500);
    }
}
