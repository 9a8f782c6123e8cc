//! The program put together: from a configuration to a plan that can be walked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::acquire::{Acquirer, Store, StoreError};
use crate::config::{Config, Declared, PlannedTier, PluginRef, Problem, Robots, suggestion};
use crate::tiers::{Plan, PluginSource, Skipped, Source, SourceName, Tier};
use tierfall_built_in::{EXAMINER, PLUGINS};
use tierfall_http::{HttpClient, HttpError, Mode};
use tierfall_sandbox::{Examiner, Grant, LoadError, Plugin, Sandbox, SourceAccess, SourceDescription};

use super::wiring;

/// Everything that a run needs, ready.
pub struct Program {
    pub plan: Arc<Plan>,
    pub acquirer: Arc<Acquirer>,
    pub store: Store,
    /// Works in hand at the same time.
    pub workers: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    HttpClient(#[from] HttpError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("failed to read the plugin {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("there is no plugin called `{name}`{}", .suggestion.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    NoPlugin { name: String, suggestion: Option<String> },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Configuration(Vec<Problem>),
    #[error("no source of the plan can be asked, so nothing would be found:\n{0}")]
    EmptyPlan(String),
}

impl SetupError {
    /// Whether the user's configuration or command line is at fault.
    pub fn is_configuration(&self) -> bool {
        !matches!(self, Self::Store(_) | Self::Load(LoadError::Engine(_)))
    }
}

impl Program {
    /// Opens the door, starts the sandbox, loads the plan's plugins. Files go to `out`.
    pub async fn assemble(config: &Config, mode: Mode, out: &Path) -> Result<Self, SetupError> {
        let replayed = matches!(mode, Mode::Replay(_));
        let door = HttpClient::new(wiring::http(&config.http), mode)?;
        let sandbox = Sandbox::new(wiring::sandbox(config))?;
        let plan = plan(config, &mut Loaded::new(&sandbox, config), &door).await?;
        let plan = Plan { in_order: replayed, ..plan };
        // Works that run side by side would share the recording's answers in the order of their luck.
        let workers = if replayed { 1 } else { config.run.workers };
        let examiner = Examiner::load(&sandbox, EXAMINER).await?;
        let store = Store::open(out)?;
        let acquirer = Acquirer::new(door, Arc::new(examiner), store.clone(), wiring::acquire(config));
        Ok(Self { plan: Arc::new(plan), acquirer: Arc::new(acquirer), store, workers })
    }

    /// The plan alone: nothing is fetched, and no folder is made.
    pub async fn plan(config: &Config) -> Result<Plan, SetupError> {
        let door = HttpClient::new(wiring::http(&config.http), Mode::Live)?;
        let sandbox = Sandbox::new(wiring::sandbox(config))?;
        plan(config, &mut Loaded::new(&sandbox, config), &door).await
    }

    /// The plugins of the plan and of `[plugins]`, each once.
    pub async fn plugins(config: &Config) -> Result<Vec<Plugin>, SetupError> {
        let sandbox = Sandbox::new(wiring::sandbox(config))?;
        let mut loaded = Loaded::new(&sandbox, config);
        for tier in &config.plan {
            loaded.plugin(&tier.plugin).await?;
        }
        for name in config.plugins.keys() {
            loaded.plugin(&PluginRef::Name(name.clone())).await?;
        }
        Ok(loaded.plugins.into_iter().map(|(_, plugin)| plugin).collect())
    }

    /// One plugin, by its name in the configuration or by the path of its component.
    pub async fn plugin(config: &Config, wanted: &str) -> Result<Plugin, SetupError> {
        let wanted = match config.plugins.contains_key(wanted) {
            true => PluginRef::Name(wanted.to_owned()),
            false if Path::new(wanted).is_file() => PluginRef::Path(PathBuf::from(wanted)),
            false => {
                let known = config.plugins.keys().map(String::as_str);
                let suggestion = suggestion(wanted, known).map(str::to_owned);
                return Err(SetupError::NoPlugin { name: wanted.to_owned(), suggestion });
            }
        };
        let sandbox = Sandbox::new(wiring::sandbox(config))?;
        Loaded::new(&sandbox, config).plugin(&wanted).await
    }
}

/// Plugins, each loaded when it is first needed.
struct Loaded<'a> {
    sandbox: &'a Sandbox,
    config: &'a Config,
    plugins: Vec<(PluginRef, Plugin)>,
}

impl<'a> Loaded<'a> {
    fn new(sandbox: &'a Sandbox, config: &'a Config) -> Self {
        Self { sandbox, config, plugins: Vec::new() }
    }

    async fn plugin(&mut self, wanted: &PluginRef) -> Result<Plugin, SetupError> {
        if let Some((_, plugin)) = self.plugins.iter().find(|(known, _)| known == wanted) {
            return Ok(plugin.clone());
        }
        let operator = self.config.plugin(wanted);
        let name = match wanted {
            PluginRef::Name(name) => name.clone(),
            PluginRef::Path(path) => path.display().to_string(),
        };
        let plugin = match &operator.path {
            None => {
                let built_in = PLUGINS.iter().find(|(known, _)| *known == name);
                let Some((_, bytes)) = built_in else {
                    return Err(SetupError::NoPlugin { name, suggestion: None });
                };
                Plugin::load(self.sandbox, &name, bytes).await?
            }
            Some(path) => {
                let bytes = tokio::fs::read(path)
                    .await
                    .map_err(|source| SetupError::Read { path: path.clone(), source })?;
                Plugin::load(self.sandbox, &name, &bytes).await?
            }
        };
        if let Some(pinned) = operator.sha256.filter(|pinned| pinned != plugin.sha256()) {
            let found = plugin.sha256().to_owned();
            return Err(LoadError::Digest { plugin: name, found, pinned }.into());
        }
        let described = &plugin.description().name;
        let namesake =
            |other: &Plugin| other.description().name == *described && other.sha256() != plugin.sha256();
        if poses_as_built_in(wanted, described) || self.plugins.iter().any(|(_, other)| namesake(other)) {
            let taken = described.clone();
            return Err(LoadError::NameTaken { plugin: name, name: taken }.into());
        }
        self.plugins.push((wanted.clone(), plugin.clone()));
        Ok(plugin)
    }
}

/// Whether the operator knows this plugin by one of the built-in names: then it is what they hold it for,
/// even if another file took the built-in one's place.
fn is_built_in(wanted: &PluginRef) -> bool {
    matches!(wanted, PluginRef::Name(name) if PLUGINS.iter().any(|(known, _)| known == name))
}

/// A plugin from elsewhere that gives itself the name of a built-in one would be taken for it in trails, and
/// its sources for those that were asked already.
fn poses_as_built_in(wanted: &PluginRef, described: &str) -> bool {
    let honest = matches!(wanted, PluginRef::Name(name) if name == described);
    !honest && PLUGINS.iter().any(|(known, _)| *known == described)
}

async fn plan(config: &Config, plugins: &mut Loaded<'_>, door: &HttpClient) -> Result<Plan, SetupError> {
    let mut problems = Vec::new();
    let mut tiers = Vec::new();
    for planned in &config.plan {
        let plugin = plugins.plugin(&planned.plugin).await?;
        tiers.push(tier(config, planned, &plugin, door, &mut problems));
    }
    let facts = facts(config, plugins, &tiers, door).await?;
    if !problems.is_empty() {
        return Err(SetupError::Configuration(problems));
    }
    if tiers.iter().all(|tier| tier.sources.is_empty()) {
        let reasons = tiers.iter().flat_map(|tier| &tier.skipped);
        let reasons: Vec<_> =
            reasons.map(|skipped| format!("  {}: {}", skipped.name, skipped.reason)).collect();
        return Err(SetupError::EmptyPlan(reasons.join("\n")));
    }
    Ok(Plan { tiers, facts, budgets: wiring::budgets(&config.fallback), in_order: false })
}

fn tier(
    config: &Config,
    planned: &PlannedTier,
    plugin: &Plugin,
    door: &HttpClient,
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
        match source(config, Some(planned), &planned.plugin, plugin, description, door) {
            Ok(source) => sources.push(Arc::new(source)),
            Err(missing) => skipped.push(missing),
        }
    }
    Tier { name: planned.name.clone(), parallel: planned.parallel, sources, skipped }
}

/// The facts sources: those of the plan where it has them, else the built-in ones of that name.
async fn facts(
    config: &Config,
    plugins: &mut Loaded<'_>,
    tiers: &[Tier],
    door: &HttpClient,
) -> Result<Vec<Arc<dyn Source>>, SetupError> {
    let mut facts = Vec::new();
    for wanted in &config.fallback.facts {
        let planned =
            tiers.iter().flat_map(|tier| &tier.sources).find(|source| source.name().source == *wanted);
        if let Some(source) = planned {
            facts.push(Arc::clone(source));
            continue;
        }
        let asks = |plugin: &Plugin| plugin.description().sources.iter().any(|source| source.name == *wanted);
        for name in config.plugins.keys() {
            let reference = PluginRef::Name(name.clone());
            let plugin = plugins.plugin(&reference).await?;
            if !asks(&plugin) {
                continue;
            }
            if let Some(description) =
                plugin.description().sources.iter().find(|source| source.name == *wanted)
                && let Ok(source) = source(config, None, &reference, &plugin, description, door)
            {
                facts.push(Arc::new(source) as Arc<dyn Source>);
            }
            break;
        }
    }
    Ok(facts)
}

fn source(
    config: &Config,
    tier: Option<&PlannedTier>,
    reference: &PluginRef,
    plugin: &Plugin,
    description: &SourceDescription,
    door: &HttpClient,
) -> Result<PluginSource, Skipped> {
    let plugin_name = &plugin.description().name;
    let name = SourceName { plugin: plugin_name.clone(), source: description.name.clone() };
    let declared: Vec<_> = declared(description).collect();
    let values: BTreeMap<String, String> = config.values(tier, reference, &description.name, &declared);
    let grant = match config.plugin(reference).hosts {
        None => Grant::Declared,
        Some(hosts) => Grant::Hosts(hosts),
    };
    let settings = config.source(tier, &description.name);
    let access = SourceAccess::new(plugin_name, description, grant, &values)
        .map_err(|reason| Skipped { name: name.clone(), reason })?;
    let access = match settings.robots {
        Robots::Honour => access,
        Robots::Ignore => access.ignoring_robots(),
    };
    Ok(PluginSource {
        name,
        plugin: plugin.clone(),
        built_in: is_built_in(reference),
        access: Arc::new(access),
        ids: description.ids.clone(),
        timeout: settings.timeout,
        retries: settings.retries,
        door: door.clone(),
    })
}

fn declared(source: &SourceDescription) -> impl Iterator<Item = Declared<'_>> {
    source.settings.iter().map(|setting| Declared { name: &setting.name, secret: setting.secret.is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_plugin_from_elsewhere_can_pose_as_a_built_in_one() {
        let path = PluginRef::Path("./evil.wasm".into());
        let named = |name: &str| PluginRef::Name(name.into());
        assert!(poses_as_built_in(&path, "direct_oa"));
        assert!(poses_as_built_in(&named("mine"), "direct_oa"));
        assert!(poses_as_built_in(&named("archive"), "direct_oa"));
        assert!(!poses_as_built_in(&named("direct_oa"), "direct_oa"), "the operator says so");
        assert!(!poses_as_built_in(&path, "mine"));
        assert!(!is_built_in(&path) && !is_built_in(&named("mine")) && is_built_in(&named("direct_oa")));
    }
}
