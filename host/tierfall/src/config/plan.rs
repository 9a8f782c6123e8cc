//! From names to a plan: which plugin each tier asks, and what holds for each of its sources.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::de::{Reader, resolved};
use super::origin::Origin;
use super::plugin::{Plugin, PluginRef};
use super::problem::{Problem, did_you_mean};
use super::secrets::secret_name;
use super::source::Robots;
use super::tier::{PlannedTier, Tier};
use super::tier_spec::{InvalidTier, TierName, TierSpec};
use super::tree::Tree;
use super::values::Config;

/// What holds for one source in one tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceConfig {
    /// Of one attempt.
    pub timeout: Duration,
    /// Within one attempt.
    pub retries: u32,
    /// Whether its pages are subject to robots.txt.
    pub robots: Robots,
}

/// A setting that a source declares.
#[derive(Clone, Copy, Debug)]
pub struct Declared<'a> {
    /// Its key.
    pub name: &'a str,
    /// Whether its value comes from `[secrets]`.
    pub secret: bool,
}

impl Config {
    /// A value of a later layer holds; within a layer the more specific one does: the tier's, the
    /// source's, that of all sources. `tier` is `None` for sources that are asked for facts.
    pub fn source(&self, tier: Option<&PlannedTier>, source: &str) -> SourceConfig {
        let own = self.sources.get(source);
        let of_all = |key: &str| self.origin(&format!("fallback.source_{key}"));
        let of_own = |key: &str| self.origin(&format!("sources.{source}.{key}"));
        let of_tier = tier.map(|tier| &tier.origin);
        let timeout = latest([
            (Some(self.fallback.source_timeout), of_all("timeout_ms")),
            (own.and_then(|own| own.timeout), of_own("timeout_ms")),
            (tier.and_then(|tier| tier.spec.timeout_ms).map(Duration::from_millis), of_tier),
        ]);
        let retries = latest([
            (Some(self.fallback.source_retries), of_all("retries")),
            (own.and_then(|own| own.retries), of_own("retries")),
            (tier.and_then(|tier| tier.spec.retries), of_tier),
        ]);
        let robots = latest([
            (own.and_then(|own| own.robots), of_own("robots")),
            (tier.and_then(|tier| tier.spec.robots), of_tier),
        ]);
        SourceConfig {
            timeout: timeout.unwrap_or(self.fallback.source_timeout),
            retries: retries.unwrap_or(self.fallback.source_retries),
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

    /// Why secrets that a source asks for are kept from it: they are set, and belong to another plugin.
    pub fn withheld(&self, plugin: &PluginRef, source: &str, declared: &[Declared<'_>]) -> Vec<String> {
        let this = match plugin {
            PluginRef::Name(name) => name.clone(),
            PluginRef::Path(path) => path.display().to_string(),
        };
        let secrets = declared.iter().filter(|setting| setting.secret);
        secrets
            .filter_map(|setting| {
                let whose = match self.secrets.withheld(plugin, source, setting.name)? {
                    Some(PluginRef::Name(name)) => format!("the plugin {name}"),
                    Some(PluginRef::Path(path)) => format!("the plugin {}", path.display()),
                    None => "no plugin that is named".to_owned(),
                };
                let secret = secret_name(source, setting.name);
                Some(format!(
                    "`secrets.{secret}` is set and belongs to {whose}: `secrets.{secret}.plugin = \"{this}\"` gives it to this one"
                ))
            })
            .collect()
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
            for (name, _) in self.sources.get(*source).into_iter().flat_map(|own| &own.settings) {
                let place = format!("the source `{source}`");
                if let Some(message) =
                    refused(name, declared, (&place, source), &["timeout_ms", "retries", "robots"])
                    && let Some(origin) = self.origin(&format!("sources.{source}.{name}"))
                {
                    problems.push(Problem { origin: origin.clone(), message });
                }
            }
        }
        problems
    }

    /// The names of sources in `[sources]`, `fallback.facts` and `fallback.titles` that are no source's. `known` are all
    /// that the plugins of this configuration have.
    pub fn unknown_sources(&self, known: &[&str]) -> Vec<Problem> {
        let is_unknown = |name: &&String| !known.contains(&name.as_str());
        let problem = |place: &str, name: &String| {
            let hint = did_you_mean(name, known.iter().copied());
            let message = format!("{place}: no plugin has a source called `{name}`{hint}");
            Problem { origin: self.origin_of(place.trim_matches(['[', ']', '`'])), message }
        };
        let tables = self.sources.keys().filter(is_unknown);
        let mut problems: Vec<Problem> =
            tables.map(|name| problem(&format!("[sources.{name}]"), name)).collect();
        for (key, names) in
            [("`fallback.facts`", &self.fallback.facts), ("`fallback.titles`", &self.fallback.titles)]
        {
            problems.extend(names.iter().filter(is_unknown).map(|name| problem(key, name)));
        }
        problems
    }

    /// Where a key comes from, or the first key of a table.
    pub(crate) fn origin_of(&self, key: &str) -> Origin {
        let mut values = self.effective.iter();
        let first = values.find(|value| {
            value.key.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        first.map_or(Origin::Default { line: 1 }, |value| value.origin.clone())
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
        let own = self.sources.get(source).map(|own| own.settings.iter());
        let own = own.and_then(|mut settings| settings.find(|(key, _)| key == name));
        let of_tier = tier.map(|tier| tier.spec.settings.iter());
        let of_tier = of_tier.and_then(|mut settings| settings.find(|(key, _)| key == name));
        latest([
            (own.map(|(_, value)| value.0.clone()), self.origin(&format!("sources.{source}.{name}"))),
            (of_tier.map(|(_, value)| value.clone()), tier.map(|tier| &tier.origin)),
        ])
    }
}

/// Notes the tiers of the plan that cannot be read.
pub(super) fn check_tiers(tiers: &[Result<TierSpec, InvalidTier>], reader: &mut Reader) {
    if tiers.is_empty() {
        reader.complain(&["fallback", "tiers"], "a plan needs at least one tier");
    }
    for problem in tiers.iter().filter_map(|tier| tier.as_ref().err()) {
        reader.complain(&["fallback", "tiers"], problem);
    }
}

/// Checks every tier, and makes the plan of those that it names.
pub(super) fn resolve(
    config: &Config,
    tiers: &BTreeMap<String, Tier>,
    tree: &Tree,
    problems: &mut Vec<Problem>,
) -> Vec<PlannedTier> {
    let plugins = || config.plugins.keys().map(String::as_str);
    for (name, tier) in tiers {
        if let PluginRef::Name(plugin) = tier.plugin.clone().unwrap_or(PluginRef::Name(name.clone()))
            && !config.plugins.contains_key(&plugin)
        {
            let origin = tree.origin(&["tiers", name, "plugin"]);
            let hint = did_you_mean(&plugin, plugins());
            let message =
                format!("the tier `{name}` asks the plugin `{plugin}`, which [plugins] does not have{hint}");
            problems.push(Problem { origin, message });
        }
    }
    let mut plan: Vec<PlannedTier> = Vec::new();
    let origin = tree.origin(&["fallback", "tiers"]);
    for spec in config.fallback.tiers.iter().flatten() {
        match planned(config, tiers, tree, spec, &origin) {
            Ok(tier) if plan.iter().any(|known| known.asks_the_same(&tier)) => {
                let name = &tier.name;
                let message = format!(
                    "the tier `{name}` is given twice, and would ask nobody the second time: a source is asked once; \
                     `{name}:sources=A+B` divides its sources"
                );
                problems.push(Problem { origin: origin.clone(), message });
            }
            Ok(tier) => {
                let name = unique(&tier.name, &plan);
                plan.push(PlannedTier { name, ..tier });
            }
            Err(message) => problems.push(Problem { origin: origin.clone(), message }),
        }
    }
    let before = plan.len();
    plan.retain(|tier| tier.sources.as_ref().is_none_or(|sources| !sources.is_empty()));
    if plan.is_empty() && before > 0 {
        let message = "no tier is left in the plan when the Wayback sources are taken out".to_owned();
        problems.push(Problem { origin, message });
    }
    plan
}

/// A tier by that name; else the plugin of that name, or the component at that path, with all its sources.
fn planned(
    config: &Config,
    tiers: &BTreeMap<String, Tier>,
    tree: &Tree,
    spec: &TierSpec,
    origin: &Origin,
) -> Result<PlannedTier, String> {
    let (name, plugin, tier) = match &spec.tier {
        TierName::Path(path) => {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            (stem.unwrap_or_default(), PluginRef::Path(resolved(path, origin)), None)
        }
        TierName::Name(name) => {
            let tier = tiers.get(name);
            let plugin = match tier.and_then(|tier| tier.plugin.clone()) {
                Some(PluginRef::Path(path)) => {
                    PluginRef::Path(resolved(&path, &tree.origin(&["tiers", name, "plugin"])))
                }
                Some(plugin) => plugin,
                None => PluginRef::Name(name.clone()),
            };
            if tier.is_none() && !config.plugins.contains_key(name) {
                let known = tiers.keys().chain(config.plugins.keys()).map(String::as_str);
                let hint = did_you_mean(name, known);
                return Err(format!("there is no tier and no plugin called `{name}`{hint}"));
            }
            (name.clone(), plugin, tier)
        }
    };
    let own = tier.and_then(|tier| tier.sources.clone());
    let sources_origin = match (&spec.sources, tier) {
        (None, Some(_)) => tree.origin(&["tiers", &name, "sources"]),
        _ => origin.clone(),
    };
    let mut sources = spec.sources.clone().or(own);
    if config.fallback.disable_wayback {
        if let Some(sources) = &mut sources {
            sources.retain(|source| !is_wayback(source));
        } else if matches!(&plugin, PluginRef::Name(plugin) if is_wayback(plugin)) {
            sources = Some(Vec::new());
        }
    }
    Ok(PlannedTier {
        name,
        plugin,
        parallel: spec.parallel.or(tier.map(|tier| tier.parallel)).unwrap_or(1),
        sources,
        sources_origin,
        origin: origin.clone(),
        spec: spec.clone(),
    })
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
fn latest<'a, T>(values: impl IntoIterator<Item = (Option<T>, Option<&'a Origin>)>) -> Option<T> {
    let given = values.into_iter().filter_map(|(value, origin)| Some((value?, origin?.layer())));
    given.max_by_key(|(_, layer)| *layer).map(|(value, _)| value)
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
