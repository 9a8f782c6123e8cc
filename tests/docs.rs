//! The operator's guide names everything that a run can write, so that it cannot fall behind.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tierfall::acquire::Reason;
use tierfall::run::Line;
use tierfall::tiers::{
    AcquisitionEntry, AttemptEntry, AttemptOutcome, EndReason, Outcome, Proposal, Status, Trail, TrailEntry,
};
use tierfall_ledger::EventKind;
use tierfall_work::{Basis, Version, Work};

use crate::support::program::Home;

const GUIDE: &str = include_str!("../host/README.md");

#[test]
fn the_guide_has_every_verdict_with_its_meaning() {
    for reason in Reason::all() {
        let retryable = if reason.retryable() { "yes" } else { "no" };
        let row = format!("| `{}` | {} | {retryable} |", reason.code(), reason.meaning());
        assert!(GUIDE.contains(&row), "host/README.md lacks this row:\n{row}");
    }
}

#[test]
fn the_guide_has_every_field_of_the_manifest() {
    let line = serde_json::to_value(line_with_everything()).expect("a line is JSON");
    let mut keys = BTreeSet::new();
    gather(&line, &mut keys);
    assert!(keys.contains("work_id") && keys.contains("resumed_from") && keys.contains("basis"), "{keys:?}");
    for key in keys {
        assert!(GUIDE.contains(&format!("`{key}`")), "host/README.md does not name the field `{key}`");
    }
}

#[test]
fn the_guide_has_every_status_and_every_outcome_of_an_attempt() {
    let statuses = Status::ALL.map(Status::label);
    let outcomes = [
        AttemptOutcome::Success,
        AttemptOutcome::NoPdf,
        AttemptOutcome::Nonretryable,
        AttemptOutcome::Retryable,
        AttemptOutcome::Timeout,
        AttemptOutcome::Skipped,
        AttemptOutcome::Error,
    ];
    for word in statuses.into_iter().chain(outcomes.map(AttemptOutcome::label)) {
        assert!(GUIDE.contains(&format!("\n| `{word}` |")), "host/README.md has no row for `{word}`");
    }
}

#[test]
fn the_guide_has_every_flag_of_every_command() {
    let home = Home::new();
    for command in [
        ["run"].as_slice(),
        &["worker"],
        &["demo"],
        &["plan"],
        &["explain"],
        &["ledger", "status"],
        &["ledger", "show"],
        &["ledger", "list"],
        &["ledger", "retry"],
        &["ledger", "reconcile"],
        &["ledger", "events"],
        &["ledger", "export"],
        &["plugin", "list"],
        &["plugin", "inspect"],
        &["plugin", "build"],
        &["config", "init"],
        &["config", "show"],
        &["config", "check"],
        &["completions"],
    ] {
        assert!(GUIDE.contains(&format!("`tierfall {}", command.join(" "))), "{command:?}");
        let help = home.tierfall(command).args(["--help"]).run().expect(0).out;
        let flags = help.lines().map(str::trim).filter(|line| line.starts_with('-'));
        for flag in flags.filter_map(|line| line.split([' ', ',', '.']).find(|word| word.starts_with("--"))) {
            let named = GUIDE.contains(&format!("`{flag}")) || GUIDE.contains(&format!(" {flag}"));
            assert!(named || matches!(flag, "--help" | "--version"), "host/README.md does not name {flag}");
        }
    }
}

#[test]
fn the_guide_has_every_kind_of_event() {
    for kind in EventKind::ALL {
        assert!(GUIDE.contains(&format!("\n| `{kind}` |")), "host/README.md has no row for `{kind}`");
    }
}

/// A line with no field left out: of the line itself, its identifiers, and both kinds of events.
fn line_with_everything() -> Line {
    let ids =
        ["10.5555/guide", "2101.00001", "PMID:12345", "PMC12345", "W12345", "https://example.org/guide"];
    let mut work = Work::new(ids[0].parse().expect("a DOI"));
    work.ids = ids.map(|id| id.parse().expect(id)).to_vec();
    let proposal = Proposal {
        url: "https://example.org/guide.pdf".into(),
        version: Version::Published,
        license: Some("cc-by".into()),
        basis: Basis::Registry,
        evidence: "a list".into(),
    };
    let attempt = AttemptEntry {
        at_ms: 1,
        tier: "tier".into(),
        plugin: "plugin".into(),
        source: "source".into(),
        outcome: AttemptOutcome::Success,
        ms: 1,
        candidates: vec![proposal],
        detail: "why".into(),
        notes: vec!["what was refused".into()],
        retryable: false,
    };
    let acquisition = AcquisitionEntry {
        at_ms: 2,
        tier: "tier".into(),
        plugin: "plugin".into(),
        source: "source".into(),
        url: "https://example.org/guide.pdf".into(),
        final_url: Some("https://example.org/other.pdf".into()),
        rejected: Some(Reason::Proof(tierfall_proof::Reason::Truncated)),
        status: Some(200),
        bytes: 2,
        resumed_from: 1,
        ms: 1,
        detail: "why".into(),
        retryable: true,
    };
    let outcome = Outcome {
        work: Arc::new(work),
        status: Status::Failed,
        reason: Some(EndReason::NoCandidates),
        won: None,
        trail: Trail(vec![TrailEntry::Attempt(attempt), TrailEntry::Acquisition(acquisition)]),
        elapsed: Duration::from_millis(3),
    };
    Line::new("run", ids[0].into(), outcome).0
}

/// The keys of every object in `value`.
fn gather(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                keys.insert(key.clone());
                gather(inner, keys);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, keys)),
        _ => {}
    }
}
