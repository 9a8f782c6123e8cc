//! `[sandbox]`: what a plugin may use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Environment;
use super::section::{Section, resolved};

#[derive(Clone, Debug)]
pub struct Sandbox {
    pub memory_bytes: usize,
    pub table_elements: usize,
    pub instances: usize,
    pub stack_bytes: usize,
    pub hostcall_bytes: usize,
    pub handles: usize,
    pub fetches: u32,
    pub fetch_bytes: u64,
    pub log_lines: u32,
    pub candidates: usize,
    pub component_bytes: u64,
    pub tick: Duration,
    pub describe_timeout: Duration,
    pub failures: u32,
    /// `None` compiles anew each time.
    pub cache_dir: Option<PathBuf>,
    pub examiner: Examiner,
}

#[derive(Clone, Debug)]
pub struct Examiner {
    pub memory_bytes: usize,
    pub timeout: Duration,
}

impl Sandbox {
    pub(super) fn read(section: Section<'_>, environment: &Environment) -> Self {
        let sandbox = Self {
            memory_bytes: section.bytes("memory_bytes"),
            table_elements: section.number("table_elements", 1..=10_000_000),
            instances: section.number("instances", 1..=10_000),
            stack_bytes: section.bytes("stack_bytes"),
            hostcall_bytes: section.bytes("hostcall_bytes"),
            handles: section.number("handles", 1..=1_000_000),
            fetches: section.number("fetches", 0..=10_000),
            fetch_bytes: section.bytes("fetch_bytes"),
            log_lines: section.number("log_lines", 0..=1_000_000),
            candidates: section.number("candidates", 1..=10_000),
            component_bytes: section.bytes("component_bytes"),
            tick: section.some_millis("tick_ms"),
            describe_timeout: section.some_millis("describe_timeout_ms"),
            failures: section.number("failures", 1..=1_000_000),
            cache_dir: cache_dir(&section, environment),
            examiner: Examiner::read(section.section("examiner")),
        };
        section.finish();
        sandbox
    }
}

impl Examiner {
    fn read(section: Section<'_>) -> Self {
        let examiner =
            Self { memory_bytes: section.bytes("memory_bytes"), timeout: section.some_millis("timeout_ms") };
        section.finish();
        examiner
    }
}

/// `auto` follows the XDG base directories; without a home nothing is kept.
fn cache_dir(section: &Section<'_>, environment: &Environment) -> Option<PathBuf> {
    match section.text("cache_dir").as_str() {
        "off" | "" => None,
        "auto" => environment.folder("XDG_CACHE_HOME", ".cache").map(|folder| folder.join("tierfall")),
        path => Some(resolved(Path::new(path), &section.origin("cache_dir"))),
    }
}
