//! `[run]`.

use std::path::PathBuf;

use super::section::Section;

#[derive(Clone, Debug)]
pub struct Run {
    pub workers: usize,
    /// As it was given: from where the program runs.
    pub out: PathBuf,
}

impl Run {
    pub(super) fn read(section: Section<'_>) -> Self {
        // Each worker keeps a work, its races and its downloads in memory.
        let run = Self { workers: section.number("workers", 1..=1024), out: section.text("out").into() };
        if run.out.as_os_str().is_empty() {
            section.complain("out", "it is empty; give a folder");
        }
        section.finish();
        run
    }
}
