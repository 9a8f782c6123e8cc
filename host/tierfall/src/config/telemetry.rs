//! `[telemetry]`.

use super::section::Section;

#[derive(Clone, Debug)]
pub struct Telemetry {
    /// A filter as `tracing` reads it.
    pub log: String,
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Telemetry {
    pub(super) fn read(section: Section<'_>) -> Self {
        const FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let telemetry = Self {
            log: section.text("log"),
            log_format: section.choice("log_format", &FORMATS).unwrap_or(LogFormat::Text),
        };
        section.finish();
        telemetry
    }
}
