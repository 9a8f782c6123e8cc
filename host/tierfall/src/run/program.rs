//! The program put together: from a configuration to what a run needs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::drive::Run;
use super::error::SetupError;
use super::inventory::StoreInventory;
use super::maintenance::Maintenance;
use super::opening::open_store;
use super::plan;
use super::plugins::LoadedPlugins;
use super::reporter::Reporter;
use super::shared_pace::shared_pace;
use crate::acquire::{Acquirer, Store};
use crate::config::{Config, PluginRef, suggestion};
use crate::tiers::{Plan, SourceName, SourceOutages};
use tierfall_built_in::EXAMINER;
use tierfall_http::{HttpClient, Mode, Queues, Reach};
use tierfall_ledger::LedgerClient;
use tierfall_sandbox::{Examiner, Plugin, Sandbox};

/// Everything that a run needs, ready. Clones share everything.
#[derive(Clone)]
pub struct Program {
    /// What is asked about each work.
    pub plan: Arc<Plan>,
    /// Fetches, proves and stores.
    pub acquirer: Arc<Acquirer>,
    /// The output folder.
    pub store: Store,
    /// See [`Run::workers`].
    pub workers: usize,
    /// See [`Run::in_hand`].
    pub in_hand: usize,
    /// Whether anything can be reached.
    pub reach: Reach,
    /// Who waits for which host.
    pub queues: Queues,
    /// Which sources are waited for.
    pub outages: SourceOutages,
    /// The client of everything that is fetched.
    pub network: HttpClient,
}

/// A configuration with its plugins loaded.
pub struct Survey {
    /// What would be asked.
    pub plan: Plan,
    /// The plugins of the plan and of `[plugins]`.
    pub plugins: Vec<Plugin>,
    /// The sources of the plan that declare hosts which the operator does not grant, with these.
    pub ungranted: Vec<(SourceName, Vec<String>)>,
}

impl Program {
    /// Starts the HTTP client and the sandbox, loads the plan's plugins. Files go to `out`.
    pub async fn assemble(config: &Config, mode: Mode, out: &Path) -> Result<Self, SetupError> {
        let replayed = matches!(mode, Mode::Replay(_));
        // A recording has no hosts that could be asked too often.
        let pace = if replayed { None } else { shared_pace(config, out).await };
        let client = HttpClient::sharing(config.http.clone(), mode, pace)?;
        let sandbox = sandbox(config)?;
        // Of a recording nobody can wait for anything.
        let outages = SourceOutages::new(if replayed { Duration::ZERO } else { config.run.outage_wait() });
        let asking = (&client, &outages);
        let plan = plan::assemble(config, &mut LoadedPlugins::new(&sandbox, config), asking).await?;
        let plan = Plan { in_order: replayed, ..plan };
        // Works that run side by side would share the recording's answers in the order of their luck.
        let (workers, in_hand) = if replayed { (1, 1) } else { (config.run.workers(), config.run.in_hand()) };
        let examiner = Examiner::load(&sandbox, EXAMINER).await?;
        let store = open_store(config, out).await?;
        let settings = config.acquire.clone();
        let (reach, queues, network) = (client.reach(), client.queues(), client.clone());
        let acquirer = Acquirer::new(client, Arc::new(examiner), store.clone(), settings, examinations());
        let (plan, acquirer) = (Arc::new(plan), Arc::new(acquirer));
        Ok(Self { plan, acquirer, store, workers, in_hand, reach, queues, outages, network })
    }

    /// A run of this program under a configuration.
    pub fn run(&self, config: &Config, id: String, ledger: LedgerClient, reporter: Arc<dyn Reporter>) -> Run {
        let inventory =
            Arc::new(StoreInventory { store: self.store.clone(), format: self.plan.artifacts.most_wanted() });
        Run {
            id,
            plan: Arc::clone(&self.plan),
            acquirer: Arc::clone(&self.acquirer) as _,
            reporter,
            workers: self.workers,
            in_hand: self.in_hand,
            again: false,
            reach: Some(self.reach.clone()),
            network: Some(self.network.clone()),
            ledger,
            maintenance: Some(Maintenance {
                inventory,
                quiet: config.ledger.rules.abandoned,
                keep: config.ledger.keep,
            }),
            stop: CancellationToken::new(),
            drain: CancellationToken::new(),
        }
    }

    /// The examiner alone, for files that are here already: nothing is fetched, and no folder is made.
    pub async fn examiner(config: &Config) -> Result<Examiner, SetupError> {
        let sandbox = Sandbox::new(config.sandbox.clone(), examinations())?;
        Ok(Examiner::load(&sandbox, EXAMINER).await?)
    }

    /// The plan alone: nothing is fetched, and no folder is made.
    pub async fn plan(config: &Config) -> Result<Plan, SetupError> {
        Self::plan_with(config, &HttpClient::new(config.http.clone(), Mode::Live)?).await
    }

    /// The plan alone, whose sources ask by this client.
    pub async fn plan_with(config: &Config, client: &HttpClient) -> Result<Plan, SetupError> {
        let sandbox = sandbox(config)?;
        let asking = (client, &SourceOutages::default());
        plan::assemble(config, &mut LoadedPlugins::new(&sandbox, config), asking).await
    }

    /// The plan, and what is to be said of it before anything is asked. Each plugin is loaded once.
    pub async fn survey(config: &Config) -> Result<Survey, SetupError> {
        let client = HttpClient::new(config.http.clone(), Mode::Live)?;
        let sandbox = sandbox(config)?;
        let mut loaded = LoadedPlugins::new(&sandbox, config);
        let plan = plan::assemble(config, &mut loaded, (&client, &SourceOutages::default())).await?;
        let ungranted = plan::ungranted(config, &mut loaded).await?;
        load_named(config, &mut loaded).await?;
        Ok(Survey { plan, plugins: loaded.into_plugins(), ungranted })
    }

    /// The plugins of the plan and of `[plugins]`, each once.
    pub async fn plugins(config: &Config) -> Result<Vec<Plugin>, SetupError> {
        let sandbox = sandbox(config)?;
        let mut loaded = LoadedPlugins::new(&sandbox, config);
        for tier in &config.plan {
            loaded.plugin(&tier.plugin).await?;
        }
        load_named(config, &mut loaded).await?;
        Ok(loaded.into_plugins())
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
        let sandbox = sandbox(config)?;
        LoadedPlugins::new(&sandbox, config).plugin(&wanted).await
    }
}

/// Loads the plugins of `[plugins]` too, whether a tier has them or not.
async fn load_named(config: &Config, loaded: &mut LoadedPlugins<'_>) -> Result<(), SetupError> {
    for name in config.plugins.keys() {
        loaded.plugin(&PluginRef::Name(name.clone())).await?;
    }
    Ok(())
}

/// A sandbox large enough for every call of every worker.
fn sandbox(config: &Config) -> Result<Sandbox, SetupError> {
    let calls = plan::calls(config) + examinations();
    Ok(Sandbox::new(config.sandbox.clone(), calls)?)
}

/// At one time: each keeps a processor busy.
fn examinations() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
