//! `[proof]`: when a file is the work.

use super::section::Section;

#[derive(Clone, Debug)]
pub struct Proof {
    pub identity: IdentityPolicy,
    pub first_pages: u32,
}

/// How much proof is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityPolicy {
    Strict,
    Normal,
    Off,
}

impl Proof {
    pub(super) fn read(section: Section<'_>) -> Self {
        const POLICIES: [(&str, IdentityPolicy); 3] = [
            ("strict", IdentityPolicy::Strict),
            ("normal", IdentityPolicy::Normal),
            ("off", IdentityPolicy::Off),
        ];
        let proof = Self {
            identity: section.choice("identity", &POLICIES).unwrap_or(IdentityPolicy::Strict),
            first_pages: section.number("first_pages", 1..=100),
        };
        section.finish();
        proof
    }
}
