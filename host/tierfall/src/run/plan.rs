//! From the configured tiers to the plan of a run: which sources are asked, and what each may do.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::SetupError;
use super::plugins::{LoadedPlugins, is_built_in};
use crate::acquire::DailyLimit;
use crate::config::{Config, Declared, PlannedTier, PluginRef, Problem, Robots, TitleMode, suggestion};
use crate::tiers::{
    Batching, Plan, PluginSource, Skipped, Source, SourceName, SourceOutages, Tier, Together,
};
use tierfall_http::HttpClient;
use tierfall_sandbox::{Grant, Plugin, SourceAccess, SourceDescription};
use tierfall_work::is_vouched_for;

/// By what a plan's sources ask, which of them are waited for, and which works come to them together.
type Asking<'a> = (&'a HttpClient, &'a SourceOutages, &'a Together);

/// The plan of a configuration.
pub(super) async fn assemble(
    config: &Config,
    plugins: &mut LoadedPlugins<'_>,
    (client, outages): (&HttpClient, &SourceOutages),
) -> Result<Plan, SetupError> {
    let together = Together::default();
    let asking = (client, outages, &together);
    let mut problems = Vec::new();
    let mut tiers = Vec::new();
    for planned in &config.plan {
        let plugin = plugins.plugin(&planned.plugin).await?;
        tiers.push(tier(config, planned, &plugin, asking, &mut problems));
    }
    let facts = registries(config, &config.fallback.facts, plugins, &tiers, asking).await?;
    let titles = titles(config, plugins, &tiers, asking).await?;
    if !problems.is_empty() {
        return Err(SetupError::Configuration(problems));
    }
    if tiers.iter().all(|tier| tier.sources.is_empty()) {
        let reasons = tiers.iter().flat_map(|tier| &tier.skipped);
        let reasons: Vec<_> =
            reasons.map(|skipped| format!("  {}: {}", skipped.name, skipped.reason)).collect();
        return Err(SetupError::EmptyPlan(reasons.join("\n")));
    }
    let plan = Plan {
        tiers,
        facts,
        titles,
        artifacts: config.artifacts.clone(),
        copies: config.acquire.policy.copies.clone(),
        budgets: config.fallback.budgets,
        together,
        in_order: false,
    };
    for format in plan.artifacts.formats.iter().filter(|format| plan.sources_of(**format).is_empty()) {
        tracing::warn!(
            "artifacts.formats asks for {0}, and no source of the plan may have it (artifacts.{0}_sources)",
            format.label()
        );
    }
    Ok(plan)
}

fn tier(
    config: &Config,
    planned: &PlannedTier,
    plugin: &Plugin,
    asking: Asking<'_>,
    problems: &mut Vec<Problem>,
) -> Tier {
    let described = &plugin.description().sources;
    let named = planned.sources.as_ref().map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
    let names = named.unwrap_or_else(|| described.iter().map(|source| source.name.as_str()).collect());
    let mut chosen: Vec<&SourceDescription> = Vec::new();
    for name in names.into_iter().filter(|name| !config.excludes(name)) {
        match described.iter().find(|source| source.name == name) {
            Some(source) => chosen.push(source),
            None => {
                let known = described.iter().map(|source| source.name.as_str());
                let hint = suggestion(name, known).map(|name| format!("; did you mean `{name}`?"));
                let plugin = &plugin.description().name;
                let message = format!(
                    "the tier `{}` asks the source `{name}`, which the plugin {plugin} does not have{}",
                    planned.name,
                    hint.unwrap_or_default()
                );
                problems.push(Problem { origin: planned.sources_origin.clone(), message });
            }
        }
    }
    let declarations: Vec<_> =
        chosen.iter().map(|source| (source.name.as_str(), declared(source).collect())).collect();
    problems.extend(config.undeclared(planned, &declarations));
    let mut sources: Vec<Arc<dyn Source>> = Vec::new();
    let mut skipped = Vec::new();
    for description in chosen {
        match source(config, Some(planned), &planned.plugin, plugin, description, asking) {
            Ok(source) => sources.push(Arc::new(source)),
            Err(missing) => skipped.push(missing),
        }
    }
    Tier { name: planned.name.clone(), parallel: planned.parallel, sources, skipped }
}

/// Sources by name: those of the plan where it has them, else the built-in ones of that name. What others say proves
/// no file, so that they are not asked, whatever they call themselves.
async fn registries(
    config: &Config,
    names: &[String],
    plugins: &mut LoadedPlugins<'_>,
    tiers: &[Tier],
    asking: Asking<'_>,
) -> Result<Vec<Arc<dyn Source>>, SetupError> {
    let mut facts = Vec::new();
    for wanted in names {
        let mut planned = tiers.iter().flat_map(|tier| &tier.sources);
        let planned =
            planned.find(|source| source.name().source == *wanted && is_vouched_for(source.speaks_as()));
        if let Some(source) = planned {
            facts.push(Arc::clone(source));
            continue;
        }
        let asks = |plugin: &Plugin| plugin.description().sources.iter().any(|source| source.name == *wanted);
        for name in config.plugins.keys() {
            let reference = PluginRef::Name(name.clone());
            if !is_built_in(&reference) {
                continue;
            }
            let plugin = plugins.plugin(&reference).await?;
            if !asks(&plugin) {
                continue;
            }
            if let Some(description) =
                plugin.description().sources.iter().find(|source| source.name == *wanted)
                && let Ok(source) = source(config, None, &reference, &plugin, description, asking)
            {
                facts.push(Arc::new(source) as Arc<dyn Source>);
            }
            break;
        }
    }
    Ok(facts)
}

/// The sources that works are looked for with by their titles: those of the configuration in its order, then what else
/// of the plan can.
async fn titles(
    config: &Config,
    plugins: &mut LoadedPlugins<'_>,
    tiers: &[Tier],
    asking: Asking<'_>,
) -> Result<Vec<Arc<dyn Source>>, SetupError> {
    if config.run.titles == TitleMode::Refuse {
        return Ok(Vec::new());
    }
    let mut titles = registries(config, &config.fallback.titles, plugins, tiers, asking).await?;
    for source in tiers.iter().flat_map(|tier| &tier.sources) {
        if titles.iter().all(|other| other.name() != source.name()) {
            titles.push(Arc::clone(source));
        }
    }
    titles.retain(|source| source.takes_titles());
    // Without a key all share what it allows, and who is asked first is to answer.
    titles.sort_by_key(|source| source.speaks_as() == SHARED && !source.asks().secret);
    Ok(titles)
}

/// What a source may do.
fn access(
    config: &Config,
    tier: Option<&PlannedTier>,
    reference: &PluginRef,
    plugin: &Plugin,
    description: &SourceDescription,
) -> Result<SourceAccess, String> {
    let declared: Vec<_> = declared(description).collect();
    let values: BTreeMap<String, String> = config.values(tier, reference, &description.name, &declared);
    let grant = match config.plugin(reference).hosts {
        None => Grant::Declared,
        Some(hosts) => Grant::Hosts(hosts),
    };
    SourceAccess::new(&plugin.description().name, description, grant, &values)
}

/// The sources of the plan that declare hosts which they are not granted, with these.
pub(super) async fn ungranted(
    config: &Config,
    plugins: &mut LoadedPlugins<'_>,
) -> Result<Vec<(SourceName, Vec<String>)>, SetupError> {
    let mut found = Vec::new();
    for planned in &config.plan {
        let plugin = plugins.plugin(&planned.plugin).await?;
        let is_asked = |source: &&SourceDescription| {
            planned.sources.as_ref().is_none_or(|names| names.contains(&source.name))
                && !config.excludes(&source.name)
        };
        for source in plugin.description().sources.iter().filter(is_asked) {
            // One without what it needs is not asked at all; that is told elsewhere.
            let Ok(access) = access(config, Some(planned), &planned.plugin, &plugin, source) else {
                continue;
            };
            let hosts = access.ungranted();
            if !hosts.is_empty() {
                let plugin = plugin.description().name.clone();
                found.push((SourceName { plugin, source: source.name.clone() }, hosts));
            }
        }
    }
    Ok(found)
}

fn source(
    config: &Config,
    tier: Option<&PlannedTier>,
    reference: &PluginRef,
    plugin: &Plugin,
    description: &SourceDescription,
    asking: Asking<'_>,
) -> Result<PluginSource, Skipped> {
    let plugin_name = &plugin.description().name;
    let name = SourceName { plugin: plugin_name.clone(), source: description.name.clone() };
    let declared: Vec<_> = declared(description).collect();
    let settings = config.source(tier, &description.name);
    let withheld = config.withheld(reference, &description.name, &declared).join("; ");
    let access = access(config, tier, reference, plugin, description).map_err(|reason| {
        let reason = match reason.contains("`mailto`") {
            true => format!("{reason}; give your e-mail address with --mailto or UNPAYWALL_EMAIL"),
            false => reason,
        };
        let reason = if withheld.is_empty() { reason } else { format!("{reason}: {withheld}") };
        Skipped { name: name.clone(), reason }
    })?;
    if !withheld.is_empty() {
        tracing::warn!("{name} asks for a key that is not its own and does not get it: {withheld}");
    }
    let access = match settings.robots {
        Robots::Honour => access,
        Robots::Ignore => access.ignoring_robots(),
    };
    let per_day = access.setting(PER_DAY).map(|value| {
        value.parse().map_err(|_| Skipped {
            name: name.clone(),
            reason: format!("the setting `{PER_DAY}` is no number: `{value}`"),
        })
    });
    let allowance = per_day.transpose()?.map(|per_day| DailyLimit {
        folder: config.state_dir.clone(),
        name: format!("{plugin_name}-{}", description.name),
        per_day,
    });
    // The program's own are what their names say.
    let speaks_as = match is_built_in(reference) {
        true => name.source.clone(),
        false => format!("{plugin_name}/{}", name.source),
    };
    let access = Arc::new(access);
    let (client, outages, together) = asking;
    let outage = outages.of(&name, Some(client));
    let batching = description.batch.map(|most| {
        let terms = (most, settings.timeout, settings.retries);
        let (access, client) = (Arc::clone(&access), client.clone());
        let own = is_built_in(reference);
        let titles = own && MANY_TITLES.contains(&description.name.as_str());
        let asks = (own, titles, outage.clone(), together.clone());
        Batching::new(&name, plugin.clone(), access, client, &description.ids, terms, asks)
    });
    Ok(PluginSource {
        name,
        plugin: plugin.clone(),
        speaks_as,
        access,
        ids: description.ids.clone(),
        titles: description.titles,
        batching,
        timeout: settings.timeout,
        retries: settings.retries,
        allowance,
        outage,
        client: client.clone(),
    })
}

/// The built-in sources that search for several titles in one request. Crossref cannot; OpenAlex asks that long titles be
/// sent one by one.
const MANY_TITLES: [&str; 3] = ["datacite", "europe_pmc", "semantic_scholar"];

/// The source whose users without a key have one limit together.
const SHARED: &str = "semantic_scholar";

/// Calls of plugins that may run at once.
pub(super) fn calls(config: &Config) -> usize {
    config.run.workers() * config.fallback.budgets.max_concurrent
}

/// The setting of a source that says how many files with its key are fetched a day.
const PER_DAY: &str = "content_per_day";

fn declared(source: &SourceDescription) -> impl Iterator<Item = Declared<'_>> {
    source.settings.iter().map(|setting| Declared { name: &setting.name, secret: setting.secret.is_some() })
}
