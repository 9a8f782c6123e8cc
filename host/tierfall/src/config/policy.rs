//! `[policy]`: what is done about reservations of rights.

use super::section::Section;

#[derive(Clone, Debug)]
pub struct Policy {
    pub tdm: Tdm,
}

/// Text and data mining is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tdm {
    /// Noted in the manifest.
    Record,
    /// The file is not stored.
    Honour,
}

impl Policy {
    pub(super) fn read(section: Section<'_>) -> Self {
        const POLICIES: [(&str, Tdm); 2] = [("record", Tdm::Record), ("honour", Tdm::Honour)];
        let policy = Self { tdm: section.choice("tdm", &POLICIES).unwrap_or(Tdm::Honour) };
        section.finish();
        policy
    }
}
