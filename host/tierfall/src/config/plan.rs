//! From names to a plan: which plugin each tier asks, and what holds for each of its sources.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::problem::{Problem, did_you_mean};
use super::section::resolved;
use super::tree::{Node, Tree};
use super::{Config, Origin, Plugin, PluginRef, Robots, Tier, TierName, TierSpec};

/// A tier of the plan. Which sources there are, and which settings they know, is known when its plugin is
/// loaded.
#[derive(Clone, Debug)]
pub struct PlannedTier {
    /// Unique within the plan.
    pub name: String,
    /// Of the plan that names it.
    pub origin: Origin,
    pub plugin: PluginRef,
    pub parallel: usize,
    /// In the order in which they are asked; `None` is all that the plugin has. [`Config::excludes`] says
    /// which of them are left out.
    pub sources: Option<Vec<String>>,
    /// Of the list of sources: the tier's table, or the plan where that says which.
    pub sources_origin: Origin,
    spec: TierSpec,
}

/// What holds for one source in one tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceConfig {
    pub timeout: Duration,
    pub retries: u32,
    pub robots: Robots,
}

/// A setting that a source declares.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'a> {
    pub name: &'a str,
    pub secret: bool,
}

impl Config {
    /// A value of a later layer holds; within a layer the more specific one does: the tier's, the
    /// source's, that of all sources. `tier` is `None` for sources that are asked for facts.
    pub fn source(&self, tier: Option<&PlannedTier>, source: &str) -> SourceConfig {
        let own = self.sources.get(source);
        let of_tier = |tier: &PlannedTier| tier.origin.clone();
        let timeout = latest([
            Some(self.fallback.source_timeout.clone()),
            own.and_then(|own| own.timeout.clone()),
            tier.and_then(|tier| Some((Duration::from_millis(tier.spec.timeout_ms?), of_tier(tier)))),
        ]);
        let retries = latest([
            Some(self.fallback.source_retries.clone()),
            own.and_then(|own| own.retries.clone()),
            tier.and_then(|tier| Some((tier.spec.retries?, of_tier(tier)))),
        ]);
        let robots = latest([
            own.and_then(|own| own.robots.clone()),
            tier.and_then(|tier| Some((tier.spec.robots?, of_tier(tier)))),
        ]);
        SourceConfig {
            timeout: timeout.unwrap_or(self.fallback.source_timeout.0),
            retries: retries.unwrap_or(self.fallback.source_retries.0),
            robots: robots.unwrap_or(Robots::Honour),
        }
    }

    /// The values of a source's declared settings, secrets among them, as far as they are set.
    /// `mailto` is the program's own unless the source has another.
    pub fn values(
        &self,
        tier: Option<&PlannedTier>,
        plugin: &PluginRef,
        source: &str,
        declared: &[Declared<'_>],
    ) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for setting in declared {
            let value = if setting.secret {
                let plugin = match plugin {
                    PluginRef::Name(name) => Some(name.as_str()),
                    PluginRef::Path(_) => None,
                };
                self.secrets.of(plugin, source, setting.name).map(|secret| secret.expose().to_owned())
            } else {
                self.setting(tier, source, setting.name)
                    .or_else(|| self.http.mailto.clone().filter(|_| setting.name == "mailto"))
            };
            if let Some(value) = value {
                values.insert(setting.name.to_owned(), value);
            }
        }
        values
    }

    /// What is given to a source, or to a tier as a whole, and declared by none. `sources` are those of
    /// the tier that its plugin has, each with what it declares.
    pub fn undeclared(&self, tier: &PlannedTier, sources: &[(&str, Vec<Declared<'_>>)]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let all: Vec<Declared<'_>> = sources.iter().flat_map(|(_, declared)| declared.clone()).collect();
        for (name, _) in &tier.spec.settings {
            let place = format!("the tier `{}`", tier.name);
            if let Some(message) = refused(name, &all, (&place, "SOURCE"), &TierSpec::OPTIONS) {
                problems.push(Problem { origin: tier.origin.clone(), message });
            }
        }
        for (source, declared) in sources {
            for (name, _, origin) in self.sources.get(*source).into_iter().flat_map(|own| &own.settings) {
                let place = format!("the source `{source}`");
                if let Some(message) =
                    refused(name, declared, (&place, source), &["timeout_ms", "retries", "robots"])
                {
                    problems.push(Problem { origin: origin.clone(), message });
                }
            }
        }
        problems
    }

    /// Whether the plan leaves a source out, whichever tier has it.
    pub fn excludes(&self, source: &str) -> bool {
        self.fallback.disable_wayback && is_wayback(source)
    }

    /// What the operator says of a plugin.
    pub fn plugin(&self, plugin: &PluginRef) -> Plugin {
        match plugin {
            PluginRef::Name(name) => self.plugins.get(name).cloned(),
            PluginRef::Path(_) => None,
        }
        .unwrap_or_else(|| match plugin {
            PluginRef::Path(path) => Plugin::by_path(path),
            // The plan was refused if it names another.
            PluginRef::Name(name) => Plugin::by_path(Path::new(name)),
        })
    }

    fn setting(&self, tier: Option<&PlannedTier>, source: &str, name: &str) -> Option<String> {
        let own = self.sources.get(source).and_then(|own| own.settings.iter().find(|(key, ..)| key == name));
        let of_tier = tier.and_then(|tier| {
            Some((tier.spec.settings.iter().find(|(key, _)| key == name)?, tier.origin.clone()))
        });
        latest([
            own.map(|(_, value, origin)| (value.clone(), origin.clone())),
            of_tier.map(|((_, value), origin)| (value.clone(), origin)),
        ])
    }
}

/// Checks every tier, and makes the plan of those that it names.
pub(super) fn resolve(config: &Config, tree: &Tree, problems: &mut Vec<Problem>) -> Vec<PlannedTier> {
    let plugins = || config.plugins.keys().map(String::as_str);
    for (name, tier) in &config.tiers {
        if let PluginRef::Name(plugin) = &tier.plugin
            && !config.plugins.contains_key(plugin)
        {
            let origin = place(tree, &["tiers", name, "plugin"]);
            let hint = did_you_mean(plugin, plugins());
            let message =
                format!("the tier `{name}` asks the plugin `{plugin}`, which [plugins] does not have{hint}");
            problems.push(Problem { origin, message });
        }
    }
    let mut plan: Vec<PlannedTier> = Vec::new();
    for spec in &config.fallback.specs {
        let origin = config.fallback.specs_origin.clone();
        match tier_of(config, spec, &origin) {
            Ok((name, tier)) => {
                let name = unique(&name, &plan);
                plan.push(planned(config, name, tier, spec.clone(), origin));
            }
            Err(message) => problems.push(Problem { origin, message }),
        }
    }
    let before = plan.len();
    plan.retain(|tier| tier.sources.as_ref().is_none_or(|sources| !sources.is_empty()));
    if plan.is_empty() && before > 0 {
        let message = "no tier is left in the plan when the Wayback sources are taken out".to_owned();
        problems.push(Problem { origin: config.fallback.specs_origin.clone(), message });
    }
    plan
}

/// A tier by that name; else the plugin of that name, or the component at that path, with all its sources.
fn tier_of(config: &Config, spec: &TierSpec, origin: &Origin) -> Result<(String, Tier), String> {
    let whole = |plugin| Tier { plugin, parallel: 1, sources: None, sources_origin: origin.clone() };
    match &spec.tier {
        TierName::Path(path) => {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            Ok((stem.unwrap_or_default(), whole(PluginRef::Path(resolved(path, origin)))))
        }
        TierName::Name(name) => {
            if let Some(tier) = config.tiers.get(name) {
                return Ok((name.clone(), tier.clone()));
            }
            if config.plugins.contains_key(name) {
                return Ok((name.clone(), whole(PluginRef::Name(name.clone()))));
            }
            let known = config.tiers.keys().chain(config.plugins.keys()).map(String::as_str);
            let hint = did_you_mean(name, known);
            Err(format!("there is no tier and no plugin called `{name}`{hint}"))
        }
    }
}

fn planned(config: &Config, name: String, tier: Tier, spec: TierSpec, origin: Origin) -> PlannedTier {
    let mut sources = spec.sources.clone().or(tier.sources);
    if config.fallback.disable_wayback {
        if let Some(sources) = &mut sources {
            sources.retain(|source| !is_wayback(source));
        } else if matches!(&tier.plugin, PluginRef::Name(plugin) if is_wayback(plugin)) {
            sources = Some(Vec::new());
        }
    }
    PlannedTier {
        name,
        plugin: tier.plugin,
        parallel: spec.parallel.unwrap_or(tier.parallel),
        sources,
        sources_origin: if spec.sources.is_some() { origin.clone() } else { tier.sources_origin },
        origin,
        spec,
    }
}

fn is_wayback(source: &str) -> bool {
    source == "wayback" || source.starts_with("wayback_")
}

/// The name, with a number when the plan has it already.
fn unique(name: &str, plan: &[PlannedTier]) -> String {
    let taken = |name: &str| plan.iter().any(|tier| tier.name == name);
    if !taken(name) {
        return name.to_owned();
    }
    (2..).map(|nth| format!("{name}-{nth}")).find(|name| !taken(name)).unwrap_or_default()
}

/// From general to specific: the last of the latest layer.
fn latest<T>(values: impl IntoIterator<Item = Option<(T, Origin)>>) -> Option<T> {
    values.into_iter().flatten().max_by_key(|(_, origin)| origin.layer()).map(|(value, _)| value)
}

/// Why a setting is not taken, if it is not.
fn refused(
    name: &str,
    declared: &[Declared<'_>],
    (place, prefix): (&str, &str),
    options: &[&str],
) -> Option<String> {
    match declared.iter().find(|setting| setting.name == name) {
        Some(setting) if setting.secret => {
            Some(format!("`{name}` of {place} is a secret: put it under [secrets], as `{prefix}_{name}`"))
        }
        Some(_) => None,
        None => {
            let known = declared.iter().filter(|setting| !setting.secret).map(|setting| setting.name);
            let hint = did_you_mean(name, known.chain(options.iter().copied()));
            Some(format!("{place} has no setting `{name}`{hint}"))
        }
    }
}

/// Of the value at this path, or of the last table on the way to it.
fn place(tree: &Tree, path: &[&str]) -> Origin {
    let mut origin = Origin::Default { line: 1 };
    let mut table = Some(tree);
    for name in path {
        let Some(node) = table.and_then(|table| table.get(name)) else { break };
        origin = node.origin().clone();
        table = match node {
            Node::Table(inner, _) => Some(inner),
            Node::Leaf(_) => None,
        };
    }
    origin
}
