//! Components that tests load: crates of this folder, built as `tierfall plugin build` builds them.

use std::io::Write;
use std::path::{Path, PathBuf};

use tierfall_plugin_build::Build;

/// The component of the crate `tests/NAME`.
pub fn component(name: &str) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(name).join("Cargo.toml");
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // One folder for all of them: they share the SDK.
    let target = scratch.join("components");
    let built = Build { manifest: &manifest, packages: &[], target_dir: Some(&target) }.run();
    let built = built.unwrap_or_else(|error| panic!("{name}: {error}"));
    // Each test may be a process of its own, and another one may be reading it now.
    let mut file = tempfile::NamedTempFile::new_in(scratch).expect("a file can be made");
    file.write_all(&built[0].component).expect("a file can be written");
    let path = scratch.join(format!("{name}.wasm"));
    file.persist(&path).expect("a file can be renamed");
    path
}
