//! `[tiers.NAME]`, and the tiers of the plan.

use serde::de::{Deserialize, Deserializer, Error};
use tierfall_settings::{Harmless, number};

use super::origin::Origin;
use super::plugin::PluginRef;
use super::tier_spec::{TierSpec, repeated};
use super::tree::is_component_path;

/// A tier as it is configured, whether or not the plan uses it.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Tier {
    /// `None` is the plugin of the tier's own name; a path is as it was written.
    pub plugin: Option<PluginRef>,
    #[serde(default = "one", deserialize_with = "number::<_, _, 1, 64>")]
    pub parallel: usize,
    /// `None` is all that the plugin has.
    #[serde(default, deserialize_with = "sources")]
    pub sources: Option<Vec<String>>,
}

impl Tier {
    /// See [`Harmless`].
    pub(super) const HARMLESS: &[Harmless] = &[
        Harmless { key: "plugin", value: |plugin| !is_component_path(plugin) },
        Harmless::key("parallel"),
        Harmless::key("sources"),
    ];
}

/// A tier of the plan. Which sources there are, and which settings they know, is known when its plugin is
/// loaded.
#[derive(Clone, Debug)]
pub struct PlannedTier {
    /// Unique within the plan.
    pub name: String,
    /// Of the plan that names it.
    pub origin: Origin,
    /// Whose sources it has.
    pub plugin: PluginRef,
    /// Attempts in flight.
    pub parallel: usize,
    /// In the order in which they are asked; `None` is all that the plugin has. [`Config::excludes`](super::Config::excludes) says
    /// which of them are left out.
    pub sources: Option<Vec<String>>,
    /// Of the list of sources: the tier's table, or the plan where that says which.
    pub sources_origin: Origin,
    /// What the plan says of it.
    pub(super) spec: TierSpec,
}

impl PlannedTier {
    /// Whether it has the same sources of the same plugin.
    pub(super) fn asks_the_same(&self, other: &Self) -> bool {
        self.plugin == other.plugin && self.sources == other.sources
    }
}

fn one() -> usize {
    1
}

fn sources<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let sources = Vec::deserialize(deserializer)?;
    if sources.is_empty() {
        return Err(D::Error::custom(
            "a tier without sources does nothing; take it out of fallback.tiers, or leave out the key to ask all",
        ));
    }
    each_once(sources).map(Some)
}

/// Names of sources, none of them twice.
pub(super) fn sources_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    each_once(Vec::deserialize(deserializer)?)
}

fn each_once<E: Error>(sources: Vec<String>) -> Result<Vec<String>, E> {
    match repeated(&sources) {
        Some(twice) => Err(E::custom(format_args!("`{twice}` is given twice"))),
        None => Ok(sources),
    }
}
