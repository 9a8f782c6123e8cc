//! A run that is killed, wherever that is, and the run after it: together they leave what one run leaves.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::article::Article;
use crate::support::buckets::{Bucket, Service};
use crate::support::example::example;
use crate::support::program::{Call, Home, eventually};
use crate::support::web::{Answer, Fault, Web};

use super::{PAGES_ONLY, Place, history, on_both_engines, remembering, told_at, told_once_at};

on_both_engines! {
    a_download_that_was_killed_is_taken_over_and_goes_on_where_it_stopped
    wherever_a_run_is_killed_the_next_one_leaves_what_a_whole_one_leaves
}

/// Pages of a file so long that its bytes are written down before it is over.
const LONG: u32 = 120;
/// Bytes of such a file that come before the server falls silent: more than are gathered before a write.
const MOST: usize = 400_000;

/// The shortest lease whose heartbeat a busy machine still keeps up with.
const SHORT_LEASE: [&str; 2] = ["--set", "ledger.lease_s=3"];

fn a_download_that_was_killed_is_taken_over_and_goes_on_where_it_stopped(place: &Place) {
    let (home, web) = (Home::new(), Web::start());
    let (long, next) = (Article::without_file(&web, "long", LONG), Article::on(&web, "next"));
    let good = Answer::pdf(long.bytes.clone()).with_ranges("\"v1\"");
    web.get(&long.file, [good.clone().failing(Fault::Stall(MOST)), good]);
    let run = || {
        let call = remembering(&home, &web, place, &[&long.page, &next.page]).args(SHORT_LEASE);
        call.args(["--run-id", "the-run", "--workers", "1"])
    };
    let running = run().start();
    eventually("the first bytes are on disk", || {
        let parts = home.files("papers/partial");
        parts.iter().any(|part| {
            fs::metadata(home.path("papers/partial").join(part)).is_ok_and(|part| part.len() > 4096)
        })
    });
    let state = || told_once_at(&home, place, &["show", &long.page])["state"].clone();
    eventually("the ledger has heard of it", || state() == "STREAMING");
    running.kill();
    let left = told_once_at(&home, place, &["show", &long.page]);
    assert_eq!(left["state"], "STREAMING", "{left}");
    assert!(left["owner"].is_string(), "nobody gave it back: {left}");

    run().run().expect(0);
    let asked = web.requests_for(&long.file);
    let last = asked.last().expect("the file was asked for");
    assert!(last.header("range").is_some_and(|range| range != "bytes=0-"), "{last:?}");
    assert_eq!(last.header("if-range"), Some("\"v1\""));
    let job = told_once_at(&home, place, &["show", &long.page]);
    assert_eq!((&job["state"], &job["fence"]), (&"INDEXED".into(), &2.into()), "{job}");
    assert_eq!(job["sha256"], long.sha256.as_str());
    let recovered = told_at(&home, place, &["events", "--kind", "crash_recovery_event"]);
    assert_eq!(recovered.len(), 1, "{recovered:#?}");
    assert_eq!(recovered[0]["owner"], left["owner"]);
    assert_eq!(history(&home, place, &next.page).last().map(String::as_str), Some("INDEXED"));
    assert_eq!(home.manifest("papers").len(), 2);
    assert!(home.files("papers/partial").is_empty(), "what was finished is not left behind");
}

/// What a run leaves that does not depend on when and how often it was begun.
#[derive(Debug, PartialEq)]
struct Left {
    files: Vec<String>,
    works: Vec<String>,
    partial: Vec<String>,
    manifest: Vec<Value>,
    jobs: Vec<Value>,
    /// How the jobs came to their end, but not which: of two works with the same file, the one that is done first
    /// stores it.
    ways: Vec<String>,
}

impl Left {
    #[track_caller]
    fn by(home: &Home, place: &Place, store: Option<&Bucket>) -> Self {
        let mut manifest = home.manifest("papers");
        for line in &mut manifest {
            let line = line.as_object_mut().expect("a line is an object");
            // The trail is that of the attempt that came to the end.
            // The bucket is another one each time.
            line.retain(|field, _| !["ms", "trail", "object"].contains(&field.as_str()));
        }
        manifest.sort_by_key(|line| line["work_id"].to_string());
        let list = |value: &Value, parts: [&str; 2]| {
            let rows = value.as_array().cloned().unwrap_or_default();
            let mut rows: Vec<String> =
                rows.iter().map(|row| format!("{} {}", row[parts[0]], row[parts[1]])).collect();
            rows.sort();
            rows
        };
        let exported = told_at(home, place, &["export"]);
        let jobs = exported.iter().map(|job| {
            json!({
                "work_id": job["work_id"], "owner": job["owner"], "ready_at": job["ready_at"], "reason": job["reason"],
                "sha256": job["sha256"], "candidates": list(&job["candidates"], ["url", "verdict"]),
            })
        });
        let ways = exported.iter().map(|job| {
            let ops = list(&job["ops"], ["kind", "status"]);
            format!("{} {} {ops:?}", job["sha256"], job["state"])
        });
        let mut ways: Vec<String> = ways.collect();
        ways.sort();
        let (files, works) = match store {
            None => (home.files("papers/files"), home.files("papers/works")),
            Some(bucket) => {
                let objects =
                    bucket.objects().into_iter().map(|(name, content)| match name.contains("/files/") {
                        true => format!("{name} {}", hex::encode(Sha256::digest(content))),
                        false => format!("{name} {}", String::from_utf8_lossy(&content)),
                    });
                objects.partition(|object| object.contains("/files/"))
            }
        };
        Self { files, works, partial: home.files("papers/partial"), manifest, jobs: jobs.collect(), ways }
    }
}

/// A file, the same bytes for another work, a file that is none before one that is, and a page with nothing.
fn works(web: &Web) -> Vec<String> {
    let article = Article::without_file(web, "plain", 8);
    web.get(&article.file, [Answer::pdf(article.bytes.clone()).with_ranges("\"v1\"")]);
    let again = article.again(web);
    let missing = Article::missing(web, "missing");
    vec![article.page, again, missing.page]
}

/// Kills the program before and after everything that it writes, and lets another finish what it left.
fn wherever_a_run_is_killed_the_next_one_leaves_what_a_whole_one_leaves(place: &Place) {
    killed_everywhere(place, "", || Some(None));
}

/// The same with stored files in a bucket: an object that went up and is in no row yet is found again.
#[test]
fn wherever_a_run_into_s3_is_killed_the_next_one_leaves_what_a_whole_one_leaves() {
    killed_everywhere(&Place::File, "", || Bucket::new(Service::S3).map(Some));
}

/// Of the others only what comes before and after the upload: elsewhere nobody knows of stores.
#[test]
fn wherever_an_upload_to_azure_is_killed_the_next_one_leaves_what_a_whole_one_leaves() {
    killed_everywhere(&Place::File, "FINALIZE", || Bucket::new(Service::Azure).map(Some));
}

#[test]
fn wherever_an_upload_to_google_is_killed_the_next_one_leaves_what_a_whole_one_leaves() {
    killed_everywhere(&Place::File, "FINALIZE", || Bucket::new(Service::Google).map(Some));
}

/// `only`: at points that have this in their names. `store`: a bucket of its own for each run, or none; `None` where there
/// is no server.
fn killed_everywhere(place: &Place, only: &str, store: impl Fn() -> Option<Option<Bucket>> + Sync) {
    let Some(bucket) = store() else { return };
    let web = Web::start();
    let (works, killed) = (works(&web), example("killed-program"));
    let run = |home: &Home, place: &Place, bucket: &Option<Bucket>, program: &PathBuf| -> Call {
        let call = home.call(program, ["run", "--enable-idempotency"]).args(&works).args(PAGES_ONLY);
        let call = call.args(["--run-id", "the-run", "--workers", "1"]).args(SHORT_LEASE);
        let call = call.args(place.flags()).through(&web);
        let Some(bucket) = bucket else { return call };
        let call = call.args(["--store", &bucket.store()]);
        bucket.variables().into_iter().fold(call, |call, (name, value)| call.env(name, value))
    };
    let whole = PathBuf::from(env!("CARGO_BIN_EXE_tierfall"));

    let home = Home::new();
    run(&home, place, &bucket, &killed).env("LIST_POINTS_TO", home.path("points")).run().expect(3);
    let (points, expected) = (home.read("points"), Left::by(&home, place, bucket.as_ref()));
    // A lease is renewed when its time comes, which is not the same place in every run.
    let points: VecDeque<&str> = points.lines().filter(|point| !point.starts_with("renew")).collect();
    for kind in
        ["plan", "lease", "begin HEAD", "complete FINALIZE", "complete INDEX", "complete DEDUPE", "finish"]
    {
        assert!(points.iter().any(|point| point.starts_with(kind)), "{kind} is no point of {points:?}");
    }

    let points = Mutex::new(points.into_iter().filter(|point| point.contains(only)).collect::<VecDeque<_>>());
    let next = || points.lock().expect("no thread panics with it").pop_front();
    // Mostly they wait for leases to run out, so there are more of them than processors.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(point) = next() {
                    let home = Home::new();
                    let (Some(place), Some(bucket)) = (place.another(), store()) else { return };
                    let ended = run(&home, &place, &bucket, &killed).env("KILL_AT", point).run();
                    assert_eq!(ended.code, None, "{point} was not reached:\n{}", ended.err);
                    run(&home, &place, &bucket, &whole).run().expect(3);
                    assert_eq!(Left::by(&home, &place, bucket.as_ref()), expected, "killed at {point}");
                }
            });
        }
    });
}
