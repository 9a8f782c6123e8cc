//! What the first release left is read by today's program: its folder and its ledger.

use serde_json::Value;

use crate::support::program::{Call, Home};
use crate::support::web::{Answer, Web};

/// As that release wrote them: the manifest, the file that it speaks of, and the ledger.
const MANIFEST: &str = include_str!("released/manifest.jsonl");
const FILE: &[u8] = include_bytes!("released/file.pdf");
const LEDGER: &str = include_str!("released/ledger.sql");

const STORED: &str = "10.5555/released.stored";
const ABSENT: &str = "10.5555/released.absent";
const FAILED: &str = "10.5555/released.failed";
const PLANNED: &str = "10.5555/released.planned";

fn released(ledger: bool) -> Home {
    let home = Home::new();
    home.write("papers/manifest.jsonl", MANIFEST);
    let line: Value = serde_json::from_str(MANIFEST.lines().next().expect("a line")).expect("JSON");
    home.write(&format!("papers/{}", line["path"].as_str().expect("a path")), FILE);
    if ledger {
        let database = rusqlite::Connection::open(home.path("papers/ledger.sqlite")).expect("a database");
        database.execute_batch(LEDGER).expect("the statements are sound");
    }
    home
}

/// Everything else answers that it has nothing.
fn run(home: &Home, web: &Web, works: &[&str]) -> Call {
    for host in ["api.openalex.org", "api.crossref.org", "api.datacite.org"] {
        web.get(&format!("http://{host}/*"), [Answer::status(404)]);
    }
    home.tierfall(["run", "--out", "papers", "--fallback-tier", "archive:sources=zenodo"])
        .args(["--set", "sources.zenodo.api_base=http://zenodo.example", "--set", "fallback.facts="])
        .args(works)
        .through(web)
}

#[test]
fn a_folder_of_the_first_release_is_gone_on_with() {
    let (home, web) = (released(false), Web::start());
    web.get("http://zenodo.example/*", [Answer::json("{\"hits\": {\"hits\": [], \"total\": 0}}")]);
    let ended = run(&home, &web, &[STORED, FAILED]).run().expect(3);
    assert!(ended.out.contains("1 work was done before and skipped"), "{}", ended.out);
    let manifest = home.manifest("papers");
    assert_eq!(manifest.len(), 3, "one line a work: {manifest:#?}");
    assert_eq!(serde_json::to_string(&manifest[0]).expect("JSON"), MANIFEST.lines().next().expect("a line"));

    let explained = home.tierfall(["explain", ABSENT, "--out", "papers"]).run().expect(3);
    assert!(explained.out.contains("Absent Since the First Release"), "{}", explained.out);
    home.tierfall(["report", "--out", "papers"]).run().expect(0);
    let works = home.read("papers/works.csv");
    assert!(works.contains("Kept Since the First Release") && works.contains("old.example"), "{works}");
    home.write("refs.bib", format!("@misc{{k, doi = {{{STORED}}}}}\n"));
    let exported = home.tierfall(["export", "--input", "refs.bib", "--out", "papers"]).run().expect(0);
    assert!(exported.out.contains("works/10.5555_released.stored.pdf"), "{}", exported.out);
}

#[test]
fn a_ledger_of_the_first_release_is_gone_on_with() {
    let (home, web) = (released(true), Web::start());
    web.get("http://zenodo.example/*", [Answer::json("{\"hits\": {\"hits\": [], \"total\": 0}}")]);
    let show = |work: &str| {
        let shown = home.tierfall(["ledger", "show", work, "--out", "papers", "--json"]).run().expect(0);
        serde_json::from_str::<Value>(&shown.out).expect("JSON")
    };
    for (work, state) in
        [(STORED, "INDEXED"), (ABSENT, "EXHAUSTED"), (FAILED, "FAILED"), (PLANNED, "PLANNED")]
    {
        assert_eq!(show(work)["state"], state, "{work}");
    }
    let ended =
        run(&home, &web, &[STORED, ABSENT, FAILED, PLANNED]).args(["--enable-idempotency"]).run().expect(3);
    assert!(!ended.err.contains("set aside"), "{}", ended.err);
    assert!(ended.out.contains("4 works: 1 stored"), "{}", ended.out);
    assert_eq!(show(STORED)["attempts"], 1, "nothing was done to it");
    for work in [FAILED, PLANNED] {
        assert_eq!(show(work)["state"], "EXHAUSTED", "{work}");
    }
    home.tierfall(["report", "--out", "papers", "--to", "of-ledger", "--ledger", "papers/ledger.sqlite"])
        .run()
        .expect(0);
    let works = home.read("of-ledger/works.csv");
    assert_eq!(works.lines().count(), 5, "{works}");
    assert!(works.contains("Kept Since the First Release"), "{works}");
}
