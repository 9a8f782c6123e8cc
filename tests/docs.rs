//! The documents keep up with the program: the operator's guide names every command, flag, verdict, event and field of
//! the manifest, the commands that documents show are commands that there are, and their links lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tierfall::acquire::Reason;
use tierfall::run::{EntryPlace, Line, WorkRequest};
use tierfall::tiers::{
    AcquisitionEntry, AttemptEntry, AttemptOutcome, EndReason, Outcome, Proposal, Status, Trail, TrailEntry,
};
use tierfall_ledger::EventKind;
use tierfall_sandbox::RequestReport;
use tierfall_work::{Basis, Facts, Format, Version, Work};

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
fn the_guide_has_every_command_and_every_flag() {
    let (mut commands, mut flags) = (Vec::new(), BTreeSet::new());
    gather_commands(&tierfall_cli::command_line(), "tierfall", &mut commands, &mut flags);
    assert!(commands.len() > 15 && flags.len() > 25, "{commands:?} {flags:?}");
    for command in commands {
        assert!(GUIDE.contains(&format!("`{command}")), "host/README.md does not name `{command}`");
    }
    for flag in flags {
        let named = GUIDE.contains(&format!("`--{flag}`")) || GUIDE.contains(&format!(" --{flag}"));
        let named = named || GUIDE.contains(&format!("`--{flag} "));
        assert!(named, "host/README.md does not name --{flag}");
    }
}

#[test]
fn commands_in_the_documents_can_be_run_as_they_stand() {
    let mut tried = 0;
    for document in documents() {
        for line in shell_lines(&document.text) {
            // What comes after the command is the shell's, or a comment.
            let shell = ["|", ">", "<", "&&", "#"];
            let words: Vec<&str> = line.split_whitespace().take_while(|word| !shell.contains(word)).collect();
            if words.first() == Some(&"tierfall") {
                let parsed = tierfall_cli::command_line().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{}: {line}\n{}", document.name, parsed.unwrap_err());
                tried += 1;
            }
        }
    }
    assert!(tried > 10, "only {tried} commands were found");
}

#[test]
fn packages_and_targets_in_the_documents_are_there() {
    let manifests: Vec<String> = files("Cargo.toml").iter().map(|path| read(path)).collect();
    let is_named = |name: &str| {
        let line = format!("name = \"{name}\"");
        manifests.iter().any(|manifest| manifest.lines().any(|entry| entry.trim() == line))
    };
    let mut sources = documents();
    sources.extend(files(".rs").into_iter().map(|path| Document {
        name: shown(&path),
        text: read(&path),
        path,
    }));
    sources.retain(|source| source.text.contains("cargo "));
    for source in sources {
        for line in source.text.lines().filter(|line| line.contains("cargo ")) {
            let words: Vec<&str> = line.split([' ', '`', '"', '(', ')', ';', ',']).collect();
            for pair in words.windows(2) {
                let [option, name] = pair else { continue };
                let is_option = ["-p", "--package", "--bench", "--example", "--test"].contains(option);
                if is_option && name.starts_with(|first: char| first.is_ascii_lowercase()) {
                    // Benchmarks and examples of Cargo's usual places are not named in a manifest.
                    let by_file = ["benches", "examples"].iter().any(|folder| {
                        files(&format!("{name}.rs"))
                            .iter()
                            .any(|path| path.parent().is_some_and(|p| p.ends_with(folder)))
                    });
                    assert!(is_named(name) || by_file, "{}: there is no {option} {name}", source.name);
                }
            }
        }
    }
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let documents = documents();
    let mut links = 0;
    for document in &documents {
        for target in link_targets(&document.text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target.as_str(), ""));
            let beside = document.path.parent().expect("a document is in a folder").join(path);
            let leads = if path.is_empty() { document.path.clone() } else { beside };
            assert!(leads.exists(), "{}: {target} leads nowhere", document.name);
            if !anchor.is_empty() {
                let headings = headings(&read(&leads));
                assert!(
                    headings.contains(anchor),
                    "{}: {target} is no heading of {}",
                    document.name,
                    shown(&leads)
                );
            }
            links += 1;
        }
    }
    assert!(links > 50, "only {links} links were found");
}

#[test]
fn paths_in_the_documents_for_developers_are_there() {
    for name in ["ARCHITECTURE.md", "CONTRIBUTING.md", "host/BENCHMARKS.md"] {
        let text = read(&root().join(name));
        for path in text.split('`').skip(1).step_by(2) {
            let ours = ["host/", "plugins/", "tests/", "wit/", ".ci/", ".github/", ".cargo/"];
            let concrete = !path.contains(['…', '*', ' ', '<']) && !path.contains("NAME");
            if ours.iter().any(|folder| path.starts_with(folder)) && concrete {
                assert!(root().join(path).exists(), "{name}: there is no {path}");
            }
        }
    }
}

#[test]
fn the_documents_name_the_oldest_rust_that_the_workspace_supports() {
    let manifest = read(&root().join("Cargo.toml"));
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("it has one");
    let version = version.trim_matches('"');
    for name in ["README.md", "CONTRIBUTING.md", "plugins/README.md"] {
        assert!(read(&root().join(name)).contains(version), "{name} does not name Rust {version}");
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
    let given = Facts { title: Some("A guide".into()), year: Some(2026), ..Facts::default() };
    let work = Work::titled(&given, "input").expect("a title");
    let mut work = work.resolved(&[ids[0].parse().expect("a DOI")]);
    work.ids = ids.map(|id| id.parse().expect(id)).to_vec();
    let proposal = Proposal {
        url: "https://example.org/guide.pdf".into(),
        version: Version::Published,
        format: Format::Pdf,
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
        reason: Some(EndReason::Denied),
        notes: vec!["what was refused".into()],
        requests: vec![RequestReport {
            works: 2,
            method: "GET".into(),
            url: "https://example.org/guide".into(),
            status: Some(200),
            error: "why there is none".into(),
            retries: 1,
            waited_ms: 1,
            ms: 1,
        }],
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
        vouched: true,
    };
    let outcome = Outcome {
        work: Arc::new(work),
        status: Status::Failed,
        reason: Some(EndReason::NoCandidates),
        won: None,
        also: Vec::new(),
        cut: false,
        parked: None,
        nearest: serde_json::from_value(serde_json::json!({
            "id": "doi:10.5555/other", "title": "A guard", "authors": ["Roe"], "year": 2026, "source": "crossref",
            "why": "its title has other words",
        }))
        .ok(),
        trail: Trail(vec![TrailEntry::Attempt(attempt), TrailEntry::Acquisition(acquisition)]),
        elapsed: Duration::from_millis(3),
    };
    let entry = Some(EntryPlace::new("refs.bib", 7, Some("guide".into())));
    let request = WorkRequest { input: ids[0].into(), entry, work: outcome.work.as_ref().clone() };
    Line::new("run", request, outcome).0
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

/// A document of the project.
struct Document {
    path: PathBuf,
    /// Its path for messages.
    name: String,
    text: String,
}

fn documents() -> Vec<Document> {
    let documents: Vec<Document> = files(".md")
        .into_iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == ".github"))
        .map(|path| Document { name: shown(&path), text: read(&path), path })
        .collect();
    assert!(documents.len() > 6, "only {} documents were found", documents.len());
    documents
}

/// The project's files whose names end so.
fn files(end: &str) -> Vec<PathBuf> {
    fn gather(folder: &Path, end: &str, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder can be read").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                // What was built, what Git keeps, and what a fuzzer found is not the project's.
                if !name.starts_with("target") && name != ".git" && name != "corpus" {
                    gather(&path, end, files);
                }
            } else if name.ends_with(end) {
                files.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for name in ["host", "plugins", "tests", "wit"] {
        gather(&root().join(name), end, &mut found);
    }
    let top = fs::read_dir(root()).expect("it is there").flatten().map(|entry| entry.path());
    found.extend(top.filter(|path| path.is_file() && path.to_string_lossy().ends_with(end)));
    found
}

/// The lines of blocks that are marked as shell.
fn shell_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut in_shell = false;
    for line in text.lines() {
        match line.trim().strip_prefix("```") {
            Some(language) => in_shell = !in_shell && language == "sh",
            None if in_shell => lines.push(line.trim().to_owned()),
            None => {}
        }
    }
    lines
}

/// Where the links of a document lead, those in blocks of code left out.
fn link_targets(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if !in_code {
            let ends = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            targets.extend(ends.map(|(target, _)| target.to_owned()));
        }
    }
    targets
}

/// The anchors of a document's headings, as GitHub makes them.
fn headings(text: &str) -> BTreeSet<String> {
    let headings =
        text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Every command that does something, in full, and the long names of all flags.
fn gather_commands(
    command: &clap::Command,
    name: &str,
    commands: &mut Vec<String>,
    flags: &mut BTreeSet<String>,
) {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
    flags.extend(arguments.filter_map(|argument| argument.get_long()).map(str::to_owned));
    let mut below = command.get_subcommands().filter(|below| below.get_name() != "help").peekable();
    if below.peek().is_none() {
        commands.push(name.to_owned());
    }
    for below in below {
        gather_commands(below, &format!("{name} {}", below.get_name()), commands, flags);
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the program is a crate under host/")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
