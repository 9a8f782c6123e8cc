//! The newcomer's first command.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

use crate::demo_web::Demo;
use crate::support::program::{Ended, Home};
use crate::support::web::Web;

/// One run of the demo behind a proxy that would see every request; many tests look at it.
struct Ran {
    home: Home,
    ended: Ended,
    manifest: Vec<Value>,
    /// What reached the network.
    requests: usize,
}

static RAN: LazyLock<Ran> = LazyLock::new(|| {
    let (home, web) = (Home::new(), Web::start());
    // The demo is the same whatever its user has configured.
    home.write(".config/tierfall/config.toml", "this is no configuration");
    let ended = home
        .tierfall(["demo", "--out", "papers"])
        .env("HTTP_PROXY", web.proxy())
        .env("HTTPS_PROXY", web.proxy())
        .run();
    let manifest =
        if home.path("papers/manifest.jsonl").exists() { home.manifest("papers") } else { Vec::new() };
    Ran { requests: web.requests().len(), home, ended, manifest }
});

fn shipped(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn unpacked(archive: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(archive).read_to_end(&mut bytes).expect("the archive is gzip");
    bytes
}

#[test]
fn the_archive_that_ships_is_what_its_generator_makes() {
    let (made, shipped) = (Demo::made().archive, shipped("web.warc.gz"));
    // Compared unpacked: another release of the compressor may pack the same bytes differently.
    assert!(
        unpacked(&made) == unpacked(&shipped),
        "run `cargo run -p tierfall-cli --example make-demo-web` and commit the result"
    );
    assert!(shipped.len() < 1_000_000, "the recorded web has grown to {} bytes", shipped.len());
}

#[test]
fn the_list_of_works_that_ships_is_what_its_generator_makes() {
    let made = Demo::made();
    assert_eq!(String::from_utf8_lossy(&shipped("works.txt")), made.works);
    assert!(made.count >= 15 && made.exchanges > made.count);
}

#[test]
fn the_recorded_web_says_that_it_is_invented() {
    let records = unpacked(&shipped("web.warc.gz"));
    let (first, _) = records.split_at(2_000);
    let first = String::from_utf8_lossy(first);
    assert!(first.starts_with("WARC/1.1\r\nWARC-Type: warcinfo\r\n"), "{first}");
    assert!(first.contains("Nothing in it was ever on the web"), "{first}");
}

#[test]
fn the_demo_ends_well_without_a_network() {
    assert_eq!(RAN.ended.code, Some(0), "{:#?}", RAN.ended);
    assert_eq!(RAN.requests, 0);
}

#[test]
fn each_work_of_the_demo_is_found_in_the_tier_that_it_was_made_for() {
    let works = Demo::made().works;
    let mut tier = "";
    let mut seen = BTreeSet::new();
    for line in works.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            if let Some((_, named)) = comment.split_once("(tier ") {
                tier = named.trim_end_matches(')');
            } else if comment.starts_with("Not to be had") {
                tier = "";
            }
            continue;
        }
        let Some(work) = RAN.manifest.iter().find(|work| work["input"] == line) else {
            // The same work, written differently, is one line of the manifest.
            assert!(line.is_empty() || line.contains("TIDES"), "{line} is not in the manifest");
            continue;
        };
        assert_eq!(work["tier"].as_str().unwrap_or_default(), tier, "{work:#}");
        assert_eq!(work["status"], if tier.is_empty() { "no_copy" } else { "stored" }, "{work:#}");
        seen.insert(work["work_id"].to_string());
    }
    assert_eq!(seen.len(), RAN.manifest.len());
    assert!(seen.len() >= 15);
}

#[test]
fn the_demo_shows_every_form_of_identifier() {
    for (form, begins) in [
        ("a bare DOI", "10."),
        ("a prefixed DOI", "doi:"),
        ("a DOI's URL", "https://doi.org/"),
        ("a new arXiv id", "arXiv:"),
        ("an old arXiv id", "hep-th/"),
        ("arXiv's DOI", "https://doi.org/10.48550/"),
        ("a PMID", "pmid:"),
        ("a PMCID", "PMC"),
        ("an OpenAlex id", "W"),
        ("a URL", "https://ojs."),
    ] {
        assert!(
            RAN.manifest.iter().any(|work| work["input"].as_str().unwrap_or_default().starts_with(begins)),
            "{form}"
        );
    }
}

#[test]
fn the_demo_meets_most_kinds_of_rejection() {
    let met: BTreeSet<&str> = RAN
        .manifest
        .iter()
        .flat_map(|work| work["trail"].as_array().into_iter().flatten())
        .filter_map(|entry| entry["verdict"].as_str())
        .collect();
    for code in [
        "html_instead",
        "bot_check",
        "login_wall",
        "truncated",
        "preview",
        "placeholder",
        "wrong_work",
        "encrypted",
        "empty",
        "not_pdf",
        "abstract_only",
        "http_status",
        "private_address",
        "robots",
    ] {
        assert!(met.contains(code), "no candidate was rejected as {code}; met: {met:?}");
    }
}

#[test]
fn every_request_of_the_demo_was_recorded() {
    for work in &RAN.manifest {
        let trail = work["trail"].to_string();
        for said in ["not in the recording", "not_recorded"] {
            assert!(!trail.contains(said), "{}: {trail}", work["work_id"]);
        }
    }
}

#[test]
fn the_demo_ends_with_a_table_and_says_where_the_files_are() {
    let out = &RAN.ended.out;
    for heading in ["work", "status", "source", "version", "licence", "size", "time", "reason"] {
        assert!(out.contains(heading), "{heading} is not in\n{out}");
    }
    for work in &RAN.manifest {
        let id = work["work_id"].as_str().unwrap_or_default();
        // Long identifiers are shortened in the middle.
        assert!(out.contains(&id[..id.len().min(20)]), "{id} is not in\n{out}");
    }
    assert!(out.contains("papers"), "{out}");
}

#[test]
fn the_demo_stores_each_file_under_its_hash_and_under_a_readable_name() {
    let stored: Vec<&Value> = RAN.manifest.iter().filter(|work| work["status"] == "stored").collect();
    assert!(!stored.is_empty());
    for work in &stored {
        let path = work["path"].as_str().expect("a stored work has a path");
        let bytes = std::fs::read(RAN.home.path("papers").join(path)).expect("the artifact is there");
        assert_eq!(Some(bytes.len() as u64), work["bytes"].as_u64());
        assert!(path.contains(work["sha256"].as_str().expect("a stored work has a hash")));
    }
    assert_eq!(RAN.home.files("papers/works").len(), stored.len());
    assert!(RAN.home.files("papers/partial").is_empty());
}

#[test]
fn the_same_recording_gives_the_same_manifest_save_times() {
    let again = Home::new();
    again.tierfall(["demo", "--out", "papers"]).run().expect(0);
    let timeless = |manifest: &[Value]| {
        let mut lines: Vec<String> =
            manifest.iter().map(|work| without_times(work.clone()).to_string()).collect();
        lines.sort();
        lines
    };
    assert_eq!(timeless(&RAN.manifest), timeless(&again.manifest("papers")));
}

/// Takes out what differs between two runs: durations and the run's name.
pub fn without_times(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "ms" | "at_ms" | "waited_ms" | "run_id"));
            fields.values_mut().for_each(|field| *field = without_times(field.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_times(item.take())),
        _ => {}
    }
    value
}
