//! What a program that embeds the library can rely on, over the demo's recorded web.

#[path = "../examples/embed.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod example;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tierfall::run::WorkRequest;
use tierfall::tiers::{EndReason, Status};
use tierfall::{Error, Event, Tierfall};

#[tokio::test]
async fn the_example_fetches_the_works_of_the_demo() {
    let out = tempfile::tempdir().unwrap();
    let lines = example::fetch_demo(out.path()).await.unwrap();
    let stored = lines.iter().filter(|line| line.status == Status::Stored).count();
    assert!(stored > 25 && stored < lines.len(), "{stored} of {}", lines.len());
    let manifest = std::fs::read_to_string(out.path().join("manifest.jsonl")).unwrap();
    assert_eq!(manifest.lines().count(), lines.len());
    for line in lines {
        match line.file {
            Some(file) => assert!(out.path().join(file.path.unwrap()).is_file(), "{}", line.work_id),
            None => assert!(line.reason.is_some(), "{}", line.work_id),
        }
    }
}

#[tokio::test]
async fn one_work_is_fetched_by_itself_and_its_events_are_told() {
    let (out, ended) = (tempfile::tempdir().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&ended);
    let tierfall = Tierfall::builder()
        .mailto("demo@tierfall.example")
        .out(out.path())
        .replay(concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/demo/web.warc.gz"))
        .set("http.proxy", "direct")
        .on_event(move |event| {
            if let Event::Ended { .. } = event {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        })
        .build()
        .await
        .unwrap();
    let stored = tierfall.fetch("10.5555/tides.2018.001".parse::<WorkRequest>().unwrap()).await.unwrap();
    assert_eq!(stored.status, Status::Stored);
    let missing = tierfall.fetch("10.5555/no.such.work".parse::<WorkRequest>().unwrap()).await.unwrap();
    assert_eq!(missing.reason, Some(EndReason::NoCandidates));
    assert_eq!(ended.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn every_setting_that_cannot_be_read_is_named() {
    let built = Tierfall::builder().set("run.workers", "many").set("http.no_such_key", "1").build().await;
    let Err(Error::Config(error)) = built else { panic!("it was built") };
    let text = error.to_string();
    assert!(text.contains("run.workers") && text.contains("no_such_key"), "{text}");
}
