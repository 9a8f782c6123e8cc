//! `[tiers.NAME]`.

use std::path::Path;

use super::Origin;
use super::plugin::PluginRef;
use super::section::{Section, resolved};
use super::tier_spec::repeated;
use super::tree::is_component_path;

/// A tier as it is configured, whether or not the plan uses it.
#[derive(Clone, Debug)]
pub struct Tier {
    pub plugin: PluginRef,
    pub parallel: usize,
    /// `None` is all that the plugin has.
    pub sources: Option<Vec<String>>,
    /// Of `sources`, or of the tier where it has none.
    pub sources_origin: Origin,
}

impl Tier {
    /// Without a `plugin` it is the plugin of the tier's own name.
    pub(super) fn read(name: &str, section: Section<'_>) -> Self {
        let plugin = if section.has("plugin") { section.text("plugin") } else { name.to_owned() };
        let plugin = if is_component_path(&plugin) {
            PluginRef::Path(resolved(Path::new(&plugin), &section.origin("plugin")))
        } else {
            PluginRef::Name(plugin)
        };
        let parallel = if section.has("parallel") { section.number("parallel", 1..=64) } else { 1 };
        let sources = section.has("sources").then(|| section.list("sources"));
        match &sources {
            Some(sources) if sources.is_empty() => section.complain(
                "sources",
                "a tier without sources does nothing; take it out of fallback.tiers, or leave out the key to ask all",
            ),
            Some(sources) => {
                if let Some(twice) = repeated(sources) {
                    section.complain("sources", format!("`{twice}` is given twice"));
                }
            }
            None => {}
        }
        let sources_origin = section.origin("sources");
        section.finish();
        Self { plugin, parallel, sources, sources_origin }
    }
}
