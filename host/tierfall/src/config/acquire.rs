//! `[acquire]`: fetching and storing files.

use std::time::Duration;

use super::section::Section;

#[derive(Clone, Debug)]
pub struct Acquire {
    pub max_bytes: u64,
    pub timeout: Duration,
    pub retries: u32,
    pub resume: bool,
}

impl Acquire {
    pub(super) fn read(section: Section<'_>) -> Self {
        let acquire = Self {
            max_bytes: section.bytes("max_bytes"),
            timeout: section.some_millis("timeout_ms"),
            retries: section.number("retries", 0..=10),
            resume: section.flag("resume"),
        };
        section.finish();
        acquire
    }
}
