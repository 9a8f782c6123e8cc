//! The fuzzers' corpora, once more: `tests/fuzz/README.md` says what they are. Here every input in the
//! repository is held to its promise by an ordinary test.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "fuzz/src/targets.rs"]
mod targets;

use targets::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz")
}

#[test]
fn every_input_that_the_fuzzers_begin_with_keeps_its_promise() {
    for (target, promise) in TARGETS {
        let folder = fuzz().join("corpus").join(target);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut inputs: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
        inputs.sort();
        assert!(inputs.len() >= 4, "{target} has too few inputs to begin with");
        for input in inputs {
            eprintln!("{}", input.display());
            promise(&fs::read(&input).expect("a file can be read"));
        }
    }
}

#[test]
fn every_target_of_the_fuzzers_has_inputs_that_are_replayed() {
    let mut known = TARGETS.map(|(target, _)| format!("{target}.rs")).to_vec();
    let mut targets: Vec<String> = fs::read_dir(fuzz().join("fuzz_targets"))
        .expect("the targets are there")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    known.sort();
    targets.sort();
    assert_eq!(targets, known);
}
