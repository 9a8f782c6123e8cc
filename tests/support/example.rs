//! Programs of this package that are for its tests alone.

use std::path::PathBuf;

/// The example of this name. Cargo builds examples before tests, unless it is told to build one test only: then
/// it is built now.
pub fn example(name: &str) -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_tierfall"));
    let profile = program.parent().expect("the program lies in a folder");
    let example = profile.join("examples").join(name);
    let age = |path: &PathBuf| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    if age(&example) < age(&program) {
        let mut build = std::process::Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "tierfall-cli", "--example", name]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.is_ok_and(|status| status.success()), "the example {name} cannot be built");
    }
    example
}
