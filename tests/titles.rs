//! Works that are given by title, authors and year.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use crate::demo::without_times;
use crate::support::pdf::{Paper, Style};
use crate::support::program::{Call, Ended, Home};
use crate::support::web::{Answer, Web};

const TITLE: &str = "The Mechanism of Lighthouse Drift";
const DOI: &str = "10.5555/titles.1";
const SEARCH: &str = "/works?*";

/// Two entries: one that Crossref knows, with a reply beside it, and one whose title it knows by others.
const LIST: &str = "@article{known, title = {The mechanism of {L}ighthouse drift}, author = {Keeper, Ada and Roe, Bo}, year = 2019}\n\
                    @article{others, title = {On the colours of imaginary lighthouses}, author = {Keeper, Ada}, year = 2019}\n";

fn record(doi: &str, title: &str, author: &str, year: u16) -> Value {
    json!({"DOI": doi, "title": [title], "author": [{"family": author}], "type": "journal-article",
           "issued": {"date-parts": [[year]]}, "link": []})
}

/// What Crossref finds.
fn found() -> Answer {
    let items = [
        record("10.5555/titles.9", &format!("Reply to: {TITLE}"), "Miller", 2019),
        record(DOI, TITLE, "Keeper", 2019),
        record("10.5555/titles.3", "On the colours of imaginary lighthouses", "Painter", 1970),
    ];
    Answer::json(&json!({"message": {"items": items}}).to_string())
}

/// Crossref's answers, and a file.
fn web() -> Web {
    let web = Web::start();
    web.get(SEARCH, [found()]);
    let mut own = record(DOI, TITLE, "Keeper", 2019);
    own["link"] =
        json!([{"URL": web.url("/file.pdf"), "content-type": "application/pdf", "content-version": "vor"}]);
    let own = json!({"message": own}).to_string();
    web.get(&format!("/works/{DOI}"), [Answer::json(&own)]);
    let paper = Paper::new(TITLE, &["Ada Keeper"], Some(DOI));
    web.get("/file.pdf", [Answer::pdf(paper.pdf(Style::Plain))]);
    web
}

fn run(home: &Home, web: &Web, list: &str, more: &[&str]) -> Ended {
    run_with("", "out", home, web, list, more)
}

/// With this key for Semantic Scholar.
fn run_with(key: &str, out: &str, home: &Home, web: &Web, list: &str, more: &[&str]) -> Ended {
    home.write("refs.bib", list);
    let call = home.tierfall(["run", "--input", "refs.bib"]).env("S2_API_KEY", key);
    asking_crossref(call, web).args(["--out", out]).args(more).run()
}

fn asking_crossref(call: Call, web: &Web) -> Call {
    let base = format!("sources.crossref.api_base={}", web.url("/").trim_end_matches('/'));
    call.args(["--allow-private", "127.0.0.1", "--fallback-tier", "direct_oa:sources=crossref"])
        .args(["--set", "fallback.facts=crossref", "--set", "fallback.titles=crossref", "--set", &base])
        .args(["--set", "http.pace.enabled=false"])
}

fn line<'a>(lines: &'a [Value], status: &str) -> &'a Value {
    lines.iter().find(|line| line["status"] == status).unwrap_or_else(|| panic!("no {status} in {lines:#?}"))
}

#[test]
fn a_work_given_by_its_title_is_fetched_under_its_identifier_and_what_stays_open_is_listed() {
    let (home, web) = (Home::new(), web());
    let ended = run(&home, &web, LIST, &[]).expect(3);
    assert!(ended.out.contains("not resolved"), "{}", ended.out);
    let lines = home.manifest("out");
    let stored = line(&lines, "stored");
    assert_eq!(stored["work_id"], format!("doi:{DOI}"), "{stored:#}");
    assert!(stored["title_id"].as_str().is_some_and(|id| id.starts_with("title:")), "{stored:#}");
    assert_eq!(stored["trail"][0]["tier"], "titles", "{stored:#}");

    let open = line(&lines, "unresolved");
    assert_eq!((&open["work_id"], &open["reason"]), (&open["title_id"], &"no_match".into()), "{open:#}");
    assert_eq!(open["nearest"]["id"], "doi:10.5555/titles.3");
    assert_eq!(open["nearest"]["why"], "its authors are others");
}

#[test]
fn a_title_that_is_given_by_its_identifier_too_is_a_repeat() {
    let (home, web) = (Home::new(), web());
    let list = format!("@article{{a, doi = {{{DOI}}}}}\n{}", LIST.lines().next().unwrap_or_default());
    let ended = run(&home, &web, &list, &["--json", "--workers", "1"]).expect(0);
    assert_eq!(home.manifest("out").len(), 1);
    assert!(ended.out.contains("\"repeats\":1"), "{}", ended.out);
}

#[test]
fn a_title_that_is_planned_by_its_identifier_too_is_a_repeat_to_a_worker() {
    let (home, web) = (Home::new(), web());
    let title = LIST.lines().next().unwrap_or_default();
    let doi = format!("@article{{a, doi = {{{DOI}}}}}");
    for (out, list) in [("first", format!("{doi}\n{title}")), ("last", format!("{title}\n{doi}"))] {
        run_with("", out, &home, &web, &list, &["--enable-idempotency", "--plan-only"]).expect(0);
        let worker = home.tierfall(["worker", "--out", out, "--workers", "1", "--json"]);
        let ended = asking_crossref(worker, &web).run().expect(0);
        assert!(ended.out.contains("\"works\":1,"), "{out}: {}", ended.out);
        assert_eq!(home.manifest(out).len(), 1, "{out}");
    }
}

#[test]
fn a_ledger_remembers_which_work_a_title_is() {
    let (home, web) = (Home::new(), web());
    run(&home, &web, LIST.lines().next().unwrap_or_default(), &["--enable-idempotency"]).expect(0);
    let asked = web.requests().len();
    let again =
        run(&home, &web, LIST.lines().next().unwrap_or_default(), &["--enable-idempotency", "--json"])
            .expect(0);
    assert_eq!(web.requests().len(), asked, "nobody is asked again");
    assert!(again.out.contains("\"done_before\":1"), "{}", again.out);
    let listed = home.tierfall(["ledger", "list", "--out", "out", "--json"]).run().expect(0).out;
    assert!(listed.contains("SKIPPED_DUPLICATE") && listed.contains("INDEXED"), "{listed}");
}

#[test]
fn a_title_that_is_found_by_a_later_run_has_the_line_of_its_work_and_none_of_its_own() {
    let (home, web) = (Home::new(), web());
    web.get(SEARCH, [Answer::status(503)]);
    let list = LIST.lines().next().unwrap_or_default();
    let hasty = ["--set", "fallback.source_retries=0", "--set", "http.retry.base_ms=10"];
    run(&home, &web, list, &hasty).expect(4);
    assert!(home.manifest("out")[0]["work_id"].as_str().is_some_and(|id| id.starts_with("title:")));
    web.get(SEARCH, [found()]);
    run(&home, &web, list, &hasty).expect(0);
    let lines = home.manifest("out");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["status"], "stored");
}

#[test]
fn works_whose_titles_are_resolved_one_after_the_other_are_asked_about_together() {
    let subjects = ["Lanterns", "Harbours", "Currents", "Beacons", "Foghorns", "Lenses", "Keepers", "Cliffs"];
    let title = |subject: &str| format!("On the Drift of {subject}");
    let known = move |subject: &&str| {
        let doi = format!("10.5555/together.{}", subject.to_lowercase());
        record(&doi, &title(subject), "Keeper", 2019)
    };
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let web = Web::of_script(move |request, _| {
        let url = Url::parse(&request.url).ok()?;
        let rest = url.path().strip_prefix("/works")?;
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let value = |name: &str| pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let answer = |items: Vec<Value>| {
            let message = json!({"total-results": items.len(), "items": items});
            Answer::json(&json!({ "message": message }).to_string())
        };
        if let Some(searched) = value("query.bibliographic") {
            let at = subjects.iter().position(|subject| searched.contains(subject))?;
            // One after the other, as under the pace of a registry.
            std::thread::sleep(Duration::from_millis(400 + 100 * at as u64));
            return Some(answer(subjects.get(at).map(known).into_iter().collect()));
        }
        let dois = value("filter").unwrap_or(rest.trim_start_matches('/'));
        let dois: Vec<String> =
            dois.split(',').map(|doi| doi.trim_start_matches("doi:").to_owned()).collect();
        let items: Vec<Value> = subjects
            .iter()
            .map(known)
            .filter(|record| dois.iter().any(|doi| record["DOI"] == doi.as_str()))
            .collect();
        seen.lock().expect("the questions").push(dois);
        Some(match (value("filter"), items.first()) {
            (None, Some(one)) => Answer::json(&json!({ "message": one }).to_string()),
            _ => answer(items),
        })
    });
    let list: Vec<String> = subjects
        .iter()
        .map(|subject| {
            let title = title(subject);
            format!("@article{{{subject}, title = {{{title}}}, author = {{Keeper, Ada}}, year = 2019}}")
        })
        .collect();
    let home = Home::new();
    run(&home, &web, &list.join("\n"), &["--workers", "8"]).expect(3);
    let asked = asked.lock().expect("the questions");
    assert!(asked.len() <= 2, "{asked:?}");
    assert_eq!(asked.iter().flatten().count(), subjects.len(), "each once: {asked:?}");
}

/// Semantic Scholar, which searches for several titles at once, and Crossref, which tells of identifiers what they are.
/// The first gives the title about lenses to a DOI that the second knows as something else. Beside them, the titles of
/// each search.
fn index_and_registry(subjects: &'static [&'static str]) -> (Web, Arc<Mutex<Vec<usize>>>) {
    let title = |subject: &str| format!("On the Drift of {subject} Observed at Night");
    let doi = |subject: &str| format!("10.5555/index.{}", subject.to_lowercase());
    let searches = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&searches);
    let web = Web::of_script(move |request, _| {
        let url = Url::parse(&request.url).ok()?;
        let value =
            |name: &str| url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
        std::thread::sleep(Duration::from_millis(100));
        if let Some(query) = value("query") {
            let is_sought = |subject: &&&str| query.to_lowercase().contains(&title(subject).to_lowercase());
            let found: Vec<Value> = subjects
                .iter()
                .filter(is_sought)
                .map(|subject| {
                    json!({"title": title(subject), "year": 2019, "authors": [{"name": "Ada Keeper"}],
                           "externalIds": {"DOI": doi(subject)}})
                })
                .collect();
            seen.lock().expect("the searches").push(found.len());
            return Some(Answer::json(&json!({"total": found.len(), "data": found}).to_string()));
        }
        if value("query.bibliographic").is_some() {
            return Some(Answer::json(r#"{"message": {"items": []}}"#));
        }
        let rest = url.path().strip_prefix("/works")?.trim_start_matches('/').to_owned();
        let asked = value("filter").unwrap_or_else(|| rest.clone());
        let known =
            subjects.iter().filter(|subject| asked.contains(&doi(subject))).map(|subject| match *subject {
                "Lenses" => record(&doi(subject), "Instructions for the Authors of Lenses", "Editor", 2001),
                _ => record(&doi(subject), &title(subject), "Keeper", 2019),
            });
        let items: Vec<Value> = known.collect();
        let message = match rest.is_empty() {
            true => json!({"total-results": items.len(), "items": items}),
            false => items.first()?.clone(),
        };
        Some(Answer::json(&json!({ "message": message }).to_string()))
    });
    (web, searches)
}

#[test]
fn titles_are_searched_for_together_and_a_registry_is_asked_whether_that_is_so_and_a_recording_repeats_it() {
    const SUBJECTS: &[&str] =
        &["Lanterns", "Harbours", "Currents", "Beacons", "Foghorns", "Lenses", "Keepers", "Cliffs", "Gulls"];
    let (web, searches) = index_and_registry(SUBJECTS);
    let list: Vec<String> = SUBJECTS
        .iter()
        .map(|subject| {
            let title = format!("On the drift of {{{subject}}} observed at night");
            format!("@article{{{subject}, title = {{{title}}}, author = {{Keeper, Ada}}, year = 2019}}")
        })
        .collect();
    let home = Home::new();
    let base = web.url("/").trim_end_matches('/').to_owned();
    let index = format!("sources.semantic_scholar.api_base={base}");
    let titles = ["--set", "fallback.titles=semantic_scholar,crossref", "--set", &index, "--workers", "8"];
    let lines = |out: &str, more: [&str; 2]| {
        let more: Vec<&str> = titles.iter().copied().chain(more).collect();
        run_with("key-of-a-test", out, &home, &web, &list.join("\n"), &more).expect(3);
        let mut lines = home.manifest(out);
        lines.sort_by_key(|line| line["title_id"].to_string());
        lines
    };
    let recorded = lines("out", ["--record", "web.warc.gz"]);
    let (open, resolved): (Vec<_>, Vec<_>) = recorded.iter().partition(|line| line["status"] == "unresolved");
    assert_eq!((open.len(), resolved.len()), (1, SUBJECTS.len() - 1), "{recorded:#?}");
    assert_eq!(open[0]["nearest"]["id"], "doi:10.5555/index.lenses", "{:#}", open[0]);
    for line in &resolved {
        let attempts = line["trail"].as_array().expect("a trail").iter();
        let asked: Vec<_> =
            attempts.filter(|entry| entry["event"] == "attempt").map(|entry| &entry["source"]).collect();
        assert_eq!(asked, ["semantic_scholar", "crossref", "crossref"], "as if it had been alone: {line:#}");
    }
    {
        let searches = searches.lock().expect("the searches");
        assert!(searches.len() <= 1 + SUBJECTS.len() / 2, "{searches:?}");
        assert!(searches.iter().all(|titles| *titles <= 4), "{searches:?}");
        assert_eq!(searches.iter().sum::<usize>(), SUBJECTS.len(), "each once: {searches:?}");
    }

    let asked = web.requests().len();
    let again = lines("again", ["--replay", "web.warc.gz"]);
    assert_eq!(web.requests().len(), asked, "nobody is asked");
    let timeless = |lines: Vec<Value>| lines.into_iter().map(without_times).collect::<Vec<_>>();
    assert_eq!(timeless(recorded), timeless(again));
}

#[test]
fn without_a_key_the_index_that_is_shared_by_all_who_have_none_is_asked_last() {
    let (web, _) = index_and_registry(&["Lanterns"]);
    let index = format!("sources.semantic_scholar.api_base={}", web.url("/").trim_end_matches('/'));
    let titles = ["--set", "fallback.titles=semantic_scholar,crossref", "--set", &index];
    let list = "@article{one, title = {On the Drift of Lanterns Observed at Night}, author = {Keeper, Ada}, year = 2019}";
    for (key, first) in [("", "crossref"), ("key-of-a-test", "semantic_scholar")] {
        let home = Home::new();
        run_with(key, "out", &home, &web, list, &titles).expect(3);
        let [line] = &home.manifest("out")[..] else { panic!("one line") };
        assert_eq!(line["trail"][0]["source"], first, "{line:#}");
        assert_eq!(line["work_id"], "doi:10.5555/index.lanterns", "{line:#}");
    }
}

#[test]
fn titles_may_be_refused_and_nobody_is_asked() {
    let (home, web) = (Home::new(), web());
    run(&home, &web, LIST, &["--titles", "refuse"]).expect(3);
    let lines = home.manifest("out");
    assert!(lines.iter().all(|line| line["reason"] == "title_search_off"), "{lines:#?}");
    assert_eq!((lines.len(), web.requests_for(SEARCH).len()), (2, 0));
}

#[test]
fn the_links_are_named_by_the_operators_template_and_bibliography_and_report_follow() {
    let (home, web) = (Home::new(), web());
    let template = ["--set", "run.name={author}{year}-{title} ({key})", "--report"];
    run(&home, &web, LIST, &template).expect(3);
    let named = "works/Keeper2019-The mechanism of Lighthouse drift (known).pdf";
    // The registry's words count once it has been asked.
    let lines = home.manifest("out");
    let link = line(&lines, "stored")["link"].as_str().unwrap_or_default().to_owned();
    assert_eq!(link.to_lowercase(), named.to_lowercase());
    assert!(
        std::fs::read(home.path("out").join(&link)).is_ok_and(|file| file.starts_with(b"%PDF")),
        "{link}"
    );
    assert!(home.read("out/works.csv").contains(&link));
    home.tierfall(["export", "--input", "refs.bib", "--out", "out", "--to", "files.bib"]).run().expect(0);
    let bib = home.read("files.bib");
    assert!(bib.contains(&format!("file = {{:out/{link}:PDF}}")), "{bib}");

    home.tierfall(["export", "--input", "refs.bib", "--out", "out", "--to", "files.ris"]).run().expect(0);
    let ris = home.read("files.ris");
    assert!(ris.contains("TY  - JOUR") && ris.contains(&format!("L1  - out/{link}")), "{ris}");

    // The name stays when the file is fetched anew, and a mistake is told with its place.
    run(&home, &web, LIST, &["--again", template[0], template[1]]).expect(3);
    assert_eq!(
        (line(&home.manifest("out"), "stored")["link"].as_str(), home.files("out/works").len()),
        (Some(&*link), 1)
    );
    let ended = run(&home, &web, LIST, &["--set", "run.name={autor}/{year}"]).expect(2);
    assert!(ended.err.contains("{autor}") && ended.err.contains("did you mean `author`?"), "{}", ended.err);
}
