//! The versions of the contract: what was built against the first one still loads, and what the second one adds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tierfall::config::{Config, ConfigLayers};
use tierfall_http::{AttemptClock, HttpClient, Mode};
use tierfall_sandbox::{
    BatchCall, CallError, Grant, Plugin, Reported, Sandbox, SourceAccess, SourceError, WorkQuestion,
};
use tierfall_work::Work;

use crate::sandbox::zoo;
use crate::support::component::component;
use crate::support::pdf::{Paper, Style};
use crate::support::program::Home;
use crate::support::web::{Answer, Web};

const DOI: &str = "10.5555/contract.1";

#[test]
fn a_plugin_built_for_the_first_contract_still_loads_and_answers() {
    let (home, web) = (Home::new(), Web::start());
    let paper = Paper::new("Speaking as in the Old Days", &["Ada Keeper"], Some(DOI));
    web.get("/good.pdf", [Answer::pdf(paper.pdf(Style::Plain))]);
    web.get("/list", [Answer::ok("text/plain", "a list")]);
    let older = component("older-plugin");

    let inspected = home.tierfall(["plugin", "inspect"]).args([&older]).run().expect(0).out;
    for part in
        ["older 0.1.0", "contract tierfall:source@0.1.0", "doi arxiv pmid", "*.many.example", "work-hosts"]
    {
        assert!(inspected.contains(part), "{part} is not in\n{inspected}");
    }
    let base = web.url("/");
    let tier = format!("{}:sources=failer+finder,base={}", older.display(), base.trim_end_matches('/'));
    let ended = home
        .tierfall(["run", DOI, "--json", "--out", "out", "--fallback-tier", &tier])
        .args(["--allow-private", "127.0.0.1", "--set", "fallback.facts="])
        .run()
        .expect(0);
    let line: Value = serde_json::from_str(ended.out.lines().next().expect("a line")).expect("JSON");
    assert_eq!(line["evidence"], "a list, denied: true, secrets: ", "{line:#}");
    assert_eq!((&line["version"], &line["license"]), (&"accepted".into(), &"cc-by".into()), "{line:#}");
    let failed = line["trail"][0]["detail"].as_str().unwrap_or_default();
    assert!(failed.contains("fetches were left"), "{line:#}");
}

#[test]
fn a_plugin_says_which_contract_it_was_built_against() {
    let home = Home::new();
    let ours = home.tierfall(["plugin", "inspect", "direct_oa", "--json"]).run().expect(0).out;
    let ours: Value = serde_json::from_str(&ours).expect("one JSON object");
    assert_eq!(ours["contract"], "tierfall:source@0.2.0", "{ours:#}");
}

#[test]
fn a_source_that_takes_several_works_at_once_is_asked_so_about_one() {
    let (home, web) = (Home::new(), Web::start());
    let paper = Paper::new("Alone in a Crowd", &["Ada Keeper"], Some(DOI));
    web.get(&format!("/{DOI}.pdf"), [Answer::pdf(paper.pdf(Style::Plain))]);
    let tier = format!("{}:sources=crowd,base={}", zoo().display(), web.url("/").trim_end_matches('/'));
    home.tierfall(["run", DOI, "--out", "out", "--fallback-tier", &tier])
        .args(["--allow-private", "127.0.0.1", "--set", "fallback.facts="])
        .run()
        .expect(0);
    assert_eq!(home.manifest("out")[0]["evidence"], "crowd");
    let inspected = home.tierfall(["plugin", "inspect"]).args([zoo()]).run().expect(0).out;
    assert!(inspected.contains("up to 8 works"), "{inspected}");
}

/// Asks the zoo's crowd about these works at once.
async fn crowd(dois: &[&str]) -> Vec<Reported> {
    let layers = ConfigLayers {
        file: None,
        directory: PathBuf::from("/nonexistent"),
        environment: Vec::new(),
        overrides: Vec::new(),
    };
    let mut config = Config::load(layers).expect("the defaults");
    config.sandbox.cache_dir = None;
    config.sandbox.compiler = Some(env!("CARGO_BIN_EXE_tierfall").into());
    let client = HttpClient::new(config.http.clone(), Mode::Live).expect("a client");
    let sandbox = Sandbox::new(config.sandbox, 1).expect("an engine");
    let bytes = std::fs::read(zoo()).expect("the zoo");
    let plugin = Plugin::load(&sandbox, "zoo", &bytes).await.expect("a plugin");
    let source =
        plugin.description().sources.iter().find(|source| source.name == "crowd").expect("the crowd");
    let values = BTreeMap::from([("base".to_owned(), "https://crowd.example".to_owned())]);
    let access = SourceAccess::new("zoo", source, Grant::Declared, &values).expect("its settings");
    let questions = dois.iter().map(|doi| {
        let work = Work::new(format!("10.5555/{doi}").parse().expect(doi));
        WorkQuestion { work: Arc::new(work), tried: Vec::new() }
    });
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    let call = BatchCall {
        questions: questions.collect(),
        access: Arc::new(access),
        client,
        clock: Arc::new(AttemptClock::new(Duration::from_secs(100), deadline)),
        retries: 0,
    };
    plugin.find_many(call).await
}

#[tokio::test]
async fn of_several_works_each_has_its_own_answer_whatever_its_neighbours_do() {
    let answers = crowd(&["a", "b", "unreadable", "c", "trap", "lost", "d"]).await;
    let said: Vec<String> = answers
        .iter()
        .map(|(answer, _)| match answer {
            Ok(finding) => finding.candidates[0].url.clone(),
            Err(CallError::Source(SourceError::BadAnswer(why))) => why.clone(),
            Err(other) => other.to_string(),
        })
        .collect();
    let url = |doi: &str| format!("https://crowd.example/10.5555/{doi}.pdf");
    assert_eq!(said[..4], [url("a"), url("b"), "it was cut".into(), url("c")], "{said:#?}");
    assert!(said[4].contains("find-many") && said[4].contains("the crowd panics"), "{said:#?}");
    assert_eq!(said[5..], ["0 answers to 1 questions".to_owned(), url("d")], "{said:#?}");
}

#[tokio::test]
async fn no_question_has_no_answer() {
    assert!(crowd(&[]).await.is_empty());
}
