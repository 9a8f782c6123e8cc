//! Builds source plugins: cargo compiles them for `wasm32-unknown-unknown`, and the core module becomes a component
//! that imports only the contract it was written against.
//!
//! `plugins/built-in` builds the built-in plugins with it, and `tierfall plugin build` all others. It does not know
//! what a component does, nor whether the host will load it.
//!
//! ```no_run
//! use std::path::Path;
//! use tierfall_plugin_build::{Build, BuildError};
//!
//! fn main() -> Result<(), BuildError> {
//!     let manifest = Path::new("my-library/Cargo.toml");
//!     for built in (Build { manifest, packages: &[], target_dir: None }).run()? {
//!         println!("{}: {} bytes", built.package, built.component.len());
//!     }
//!     Ok(())
//! }
//! ```

#![warn(missing_docs)]

mod environment;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wit_component::ComponentEncoder;

/// The compilation target: it has no clock, no randomness and no files, so that a plugin can only import what the
/// host offers.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Why a plugin cannot be built.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says what it is")]
pub enum BuildError {
    #[error("failed to run {program}: {source}; is a Rust toolchain installed and on the PATH?")]
    Run { program: String, source: io::Error },
    #[error(
        "the compilation target {TARGET} is missing and could not be added: {detail}; add it with `rustup target add {TARGET}`"
    )]
    Target { detail: String },
    #[error("there is no {}: give the folder of a plugin's Cargo.toml", path.display())]
    NoManifest { path: PathBuf },
    #[error("cargo failed to build the plugin in {place} ({status}); its messages are above")]
    Cargo { place: String, status: String },
    #[error("cargo built no plugin in {place}: the package needs `[lib] crate-type = [\"cdylib\"]`")]
    NoLibrary { place: String },
    #[error("failed to read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} cannot be made a component: {detail}; was it built with `export_plugin!`?")]
    Component { path: PathBuf, detail: String },
}

/// A component that was built.
#[derive(Debug)]
pub struct Built {
    /// The cargo package's name.
    pub package: String,
    /// The component's bytes.
    pub component: Vec<u8>,
}

/// What to build, and where the intermediate files go.
#[derive(Debug)]
pub struct Build<'a> {
    /// The plugin's Cargo.toml, or that of its workspace.
    pub manifest: &'a Path,
    /// Packages of the manifest's workspace; empty for the manifest's own package.
    pub packages: &'a [&'a str],
    /// `None` for cargo's own choice.
    pub target_dir: Option<&'a Path>,
}

impl Build<'_> {
    /// Builds the plugins, adding the compilation target through rustup when it is missing.
    pub fn run(&self) -> Result<Vec<Built>, BuildError> {
        if !self.manifest.is_file() {
            return Err(BuildError::NoManifest { path: self.manifest.to_owned() });
        }
        ensure_target()?;
        let place = self.manifest.display().to_string();
        let mut cargo = tool("cargo", "CARGO");
        cargo
            .args(["build", "--release", "--lib", "--target", TARGET])
            .args(["--message-format", "json-render-diagnostics"])
            // The host's engine has vectors on every machine; what searches bytes is several times as fast with them.
            .args(["--config", &format!("target.{TARGET}.rustflags=['-Ctarget-feature=+simd128']")])
            .arg("--manifest-path")
            .arg(self.manifest)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        for package in self.packages {
            cargo.args(["--package", package]);
        }
        if let Some(dir) = self.target_dir {
            cargo.arg("--target-dir").arg(dir);
        }
        // Function names are kept (only `debuginfo` is stripped), for the backtraces of traps.
        for (key, value) in [
            ("OPT_LEVEL", "3"),
            ("LTO", "fat"),
            ("CODEGEN_UNITS", "1"),
            ("PANIC", "abort"),
            ("STRIP", "debuginfo"),
        ] {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
        }
        let output = cargo.output().map_err(|source| BuildError::Run { program: "cargo".into(), source })?;
        if !output.status.success() {
            return Err(BuildError::Cargo { place, status: output.status.to_string() });
        }
        let mut built = Vec::new();
        for (package, path) in libraries(&output.stdout) {
            let module =
                std::fs::read(&path).map_err(|source| BuildError::Read { path: path.clone(), source })?;
            let component = componentize(&module)
                .map_err(|detail| BuildError::Component { path: path.clone(), detail })?;
            built.push(Built { package, component });
        }
        if built.is_empty() {
            return Err(BuildError::NoLibrary { place });
        }
        Ok(built)
    }
}

/// Wraps a core module, which carries its world in a custom section, into a component.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(ComponentEncoder::encode)
        .map_err(|error| format!("{error:#}"))
}

/// Adds the compilation target when the toolchain lacks it, and says so on standard error.
fn ensure_target() -> Result<(), BuildError> {
    let output = tool("rustc", "RUSTC")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|source| BuildError::Run { program: "rustc".into(), source })?;
    if Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir() {
        return Ok(());
    }
    // Nobody may be there to read it.
    let _ = writeln!(
        io::stderr(),
        "tierfall: adding the compilation target {TARGET} through rustup (needed once, to build plugins)"
    );
    let added = tool("rustup", "RUSTUP")
        .args(["target", "add", TARGET])
        .output()
        .map_err(|error| BuildError::Target { detail: format!("rustup: {error}") })?;
    if added.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&added.stderr);
        Err(BuildError::Target { detail: said.trim().to_owned() })
    }
}

/// A command with the part of the environment that a build may see. That leaves out, too, what an outer cargo sets for
/// its own build: flags, wrappers such as clippy's, the outer package's variables.
fn tool(name: &str, variable: &str) -> Command {
    let program = std::env::var_os(variable).unwrap_or_else(|| OsString::from(name));
    let mut command = Command::new(program);
    command.env_clear().envs(environment::passed(std::env::vars_os()));
    command
}

/// The dynamic libraries among cargo's messages, with the packages they belong to.
fn libraries(messages: &[u8]) -> Vec<(String, PathBuf)> {
    let text = String::from_utf8_lossy(messages);
    let artifacts = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    artifacts
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| {
            message["target"]["kind"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
        })
        .filter_map(|message| {
            let path = message["filenames"]
                .as_array()?
                .iter()
                .filter_map(serde_json::Value::as_str)
                .find(|name| name.ends_with(".wasm"))?;
            // A library's name is its package's with underscores.
            let package = message["target"]["name"].as_str()?.replace('_', "-");
            Some((package, PathBuf::from(path)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_messages_name_the_library_and_its_package() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"url"},"filenames":["/t/liburl.rlib"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"kind":["cdylib","rlib"],"name":"my_source"},"filenames":["/t/my_source.wasm","/t/libmy_source.rlib"]}"#,
            "\nnot json\n"
        );
        assert_eq!(
            libraries(messages.as_bytes()),
            [("my-source".to_owned(), PathBuf::from("/t/my_source.wasm"))]
        );
    }

    #[test]
    fn a_file_that_is_no_module_is_refused_with_a_reason() {
        assert!(componentize(b"hello").is_err());
    }
}
