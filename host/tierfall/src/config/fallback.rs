//! `[fallback]`: the order of the tiers, and what one work may cost.

use std::time::Duration;

use super::Origin;
use super::section::Section;
use super::tier_spec::TierSpec;

#[derive(Clone, Debug)]
pub struct Fallback {
    /// Sources asked for a title when a proof lacks one.
    pub facts: Vec<String>,
    pub total_timeout: Duration,
    pub max_attempts: u32,
    pub max_concurrent: usize,
    pub hedge: Duration,
    /// Takes every Wayback source out of the plan.
    pub disable_wayback: bool,
    pub(super) specs: Vec<TierSpec>,
    pub(super) specs_origin: Origin,
    /// For sources without one of their own, and its origin: a later layer beats a source's own.
    pub(super) source_timeout: (Duration, Origin),
    pub(super) source_retries: (u32, Origin),
}

impl Fallback {
    pub(super) fn read(section: Section<'_>) -> Self {
        let specs = section.separated("tiers", ';');
        if specs.is_empty() {
            section.complain("tiers", "a plan needs at least one tier");
        }
        let specs = specs.iter().filter_map(|spec| match spec.parse() {
            Ok(spec) => Some(spec),
            Err(problem) => {
                section.complain("tiers", format!("{problem}"));
                None
            }
        });
        let fallback = Self {
            specs: specs.collect(),
            specs_origin: section.origin("tiers"),
            facts: section.list("facts"),
            total_timeout: section.some_millis("total_timeout_ms"),
            // Far more than there are sources.
            max_attempts: section.number("max_attempts", 1..=10_000),
            max_concurrent: section.number("max_concurrent", 1..=64),
            hedge: section.millis("hedge_ms"),
            disable_wayback: section.flag("disable_wayback"),
            source_timeout: (section.some_millis("source_timeout_ms"), section.origin("source_timeout_ms")),
            source_retries: (section.number("source_retries", 0..=10), section.origin("source_retries")),
        };
        section.finish();
        fallback
    }
}
