//! The short forms: a few seconds each, with everything that the long ones do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::soak::{Figures, Length, Place, Storm};
use crate::support::buckets::{Bucket, Service};
use crate::support::postgres::Database;

fn storm(seed: u64) -> Storm {
    Storm {
        program: Path::new(env!("CARGO_BIN_EXE_tierfall")).to_owned(),
        cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"),
        ledger: Place::File,
        store: None,
        seed,
        works: 60,
        length: Length::Short,
        processes: 3,
        workers: 8,
        blows: 12,
        every: (Duration::from_millis(50), Duration::from_millis(500)),
        veteran: true,
    }
}

#[track_caller]
fn nothing_wrong(figures: Figures) -> Figures {
    let kept = figures.kept.as_deref().unwrap_or(Path::new("")).display().to_string();
    assert!(figures.report.wrong.is_empty(), "in {kept}:\n{}", figures.report.wrong.join("\n"));
    figures
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_when_workers_are_killed_over_a_bad_web() {
    let figures = nothing_wrong(storm(1).of_workers());
    assert!(figures.report.stored > 20 && figures.report.no_copy > 5, "{figures:?}");
}

#[test]
fn nothing_is_lost_and_nothing_done_twice_over_a_ledger_on_a_server() {
    let Some(database) = Database::new() else { return };
    nothing_wrong(Storm { ledger: Place::Server(database.url()), works: 40, ..storm(3) }.of_workers());
}

#[test]
fn nothing_is_lost_and_nothing_stored_twice_over_a_bucket() {
    let Some(bucket) = Bucket::new(Service::S3) else { return };
    let bucket = Arc::new(bucket);
    let figures =
        nothing_wrong(Storm { store: Some(Arc::clone(&bucket)), works: 40, ..storm(4) }.of_workers());
    assert!(figures.report.stored > 10, "{figures:?}");
    assert_eq!(bucket.open_uploads(), 0, "its files are too short for parts");
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_one_that_was_not() {
    let storm = Storm {
        works: 10,
        length: Length::Long,
        workers: 4,
        blows: 15,
        every: (Duration::from_millis(50), Duration::from_millis(600)),
        ..storm(2)
    };
    let figures = nothing_wrong(storm.of_a_run());
    assert!(figures.kills >= 3, "it ended before it could be killed: {figures:?}");
}
