//! `[tiers.NAME]`.

use serde::de::{Deserialize, Deserializer, Error};
use tierfall_settings::number;

use super::plugin::PluginRef;
use super::tier_spec::repeated;

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
    match repeated(&sources) {
        Some(twice) => Err(D::Error::custom(format_args!("`{twice}` is given twice"))),
        None => Ok(Some(sources)),
    }
}
