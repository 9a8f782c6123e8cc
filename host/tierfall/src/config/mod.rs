//! The configuration: defaults, a file, the environment and the command line, in layers; typed, checked,
//! and each value with its origin.

mod acquire;
mod environment;
mod fallback;
mod http;
mod ledger;
mod origin;
mod plan;
mod plugin;
mod policy;
mod problem;
mod proof;
mod run;
mod sandbox;
mod secrets;
mod section;
mod show;
mod source;
mod telemetry;
mod tier;
mod tier_spec;
mod tree;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub use acquire::Acquire;
pub use fallback::Fallback;
pub use http::{Breaker, Http, Limits, Pace, PaceRole, PaceRule, Proxy, Rate, Retry};
pub use ledger::{Ledger, OnFailure};
pub use origin::{Layer, Origin};
pub use plan::{Declared, PlannedTier, SourceConfig};
pub use plugin::{Plugin, PluginRef};
pub use policy::{Policy, Tdm};
pub use problem::{ConfigError, Problem, suggestion};
pub use proof::{IdentityPolicy, Proof};
pub use run::Run;
pub use sandbox::{Examiner, Sandbox};
pub use secrets::{Secret, Secrets};
pub use show::{Effective, init_text};
pub use source::Robots;
pub use telemetry::{LogFormat, Telemetry};
pub use tier::Tier;
pub use tier_spec::{InvalidTier, TierName, TierSpec};

use self::environment::Environment;
use self::section::Section;
use self::tree::{Leaf, Tree, Value};

/// Everything that was set, and everything that was not.
#[derive(Clone, Debug)]
pub struct Config {
    pub fallback: Fallback,
    /// The tiers in order: never empty.
    pub plan: Vec<PlannedTier>,
    /// Every tier that has a name, whether or not the plan uses it.
    pub tiers: BTreeMap<String, Tier>,
    pub plugins: BTreeMap<String, Plugin>,
    pub secrets: Secrets,
    pub http: Http,
    pub sandbox: Sandbox,
    pub proof: Proof,
    pub acquire: Acquire,
    pub run: Run,
    pub ledger: Ledger,
    pub policy: Policy,
    pub telemetry: Telemetry,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Every value with its key and origin, in the order of `default.toml`; secrets are masked.
    pub effective: Vec<Effective>,
    sources: BTreeMap<String, source::Source>,
}

/// What a configuration is made of.
#[derive(Debug)]
pub struct ConfigSource {
    /// The file that the user names; it must be there.
    pub file: Option<PathBuf>,
    /// Where the program runs: `tierfall.toml` is looked for here. Empty is the current folder.
    pub directory: PathBuf,
    /// Names and values.
    pub environment: Vec<(String, String)>,
    /// In the order of the command line; of two for one key the later holds.
    pub overrides: Vec<Override>,
}

/// A value from the command line.
#[derive(Clone, Debug)]
pub struct Override {
    /// Dotted: `fallback.max_attempts`.
    pub key: String,
    pub value: Given,
    /// The flag as the user wrote it, for messages: `--fallback-max-attempts`.
    pub flag: String,
}

#[derive(Clone, Debug)]
pub enum Given {
    /// Read as its key wants it; lists are separated by commas, tiers by semicolons.
    Text(String),
    /// One item each, as they are.
    List(Vec<String>),
}

impl Config {
    /// Lays the layers over each other and reads the result. All mistakes are found at once.
    pub fn load(request: ConfigSource) -> Result<Self, ConfigError> {
        let environment = Environment::new(request.environment);
        let mut problems = Vec::new();
        let mut tree = defaults().clone();
        let file = find(request.file, &request.directory, &environment);
        if let Some(path) = &file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigError::Unreadable { path: path.clone(), error })?;
            match Tree::parse(&text, |line| Origin::File { path: path.clone(), line }) {
                Ok(layer) => tree.merge(layer, &mut problems),
                // What follows from a file that cannot be read is of no interest.
                Err(problem) => return Err(ConfigError::Problems(vec![problem])),
            }
        }
        for layer in environment.layers(&tree, &mut problems) {
            tree.merge(layer, &mut problems);
        }
        for given in request.overrides {
            tree.merge(given.tree(), &mut problems);
        }
        Self::read(&tree, &environment, file, problems)
    }

    fn read(
        tree: &Tree,
        environment: &Environment,
        file: Option<PathBuf>,
        problems: Vec<Problem>,
    ) -> Result<Self, ConfigError> {
        let problems = RefCell::new(problems);
        let root = Section::root(tree, &problems);
        let named = |key: &str| root.section(key).sections();
        let secrets = Secrets::read(root.section("secrets"), environment);
        let mut config = Self {
            fallback: Fallback::read(root.section("fallback")),
            plan: Vec::new(),
            tiers: named("tiers")
                .into_iter()
                .map(|(name, tier)| (name.clone(), Tier::read(&name, tier)))
                .collect(),
            sources: named("sources")
                .into_iter()
                .map(|(name, source)| (name, source::Source::read(source)))
                .collect(),
            plugins: named("plugins")
                .into_iter()
                .map(|(name, plugin)| (name.clone(), Plugin::read(&name, plugin)))
                .collect(),
            effective: show::effective(tree, &secrets),
            secrets,
            http: Http::read(root.section("http")),
            sandbox: Sandbox::read(root.section("sandbox"), environment),
            proof: Proof::read(root.section("proof")),
            acquire: Acquire::read(root.section("acquire")),
            run: Run::read(root.section("run")),
            ledger: Ledger::read(root.section("ledger")),
            policy: Policy::read(root.section("policy")),
            telemetry: Telemetry::read(root.section("telemetry")),
            file,
        };
        root.finish();
        let mut problems = problems.into_inner();
        config.plan = plan::resolve(&config, tree, &mut problems);
        problems.sort_by_key(|problem| (problem.origin.layer(), problem.origin.line()));
        if problems.is_empty() { Ok(config) } else { Err(ConfigError::Problems(problems)) }
    }
}

impl Override {
    fn tree(self) -> Tree {
        let value = match self.value {
            Given::Text(text) => Value::Raw(text),
            Given::List(items) => Value::List(items.into_iter().map(Value::Raw).collect()),
        };
        let path: Vec<&str> = self.key.split('.').collect();
        Tree::of(&path, Leaf { value, origin: Origin::CommandLine(self.flag) })
    }
}

/// What ships with the program: the single source of every default.
const DEFAULTS: &str = include_str!("default.toml");

fn defaults() -> &'static Tree {
    static TREE: LazyLock<Tree> = LazyLock::new(|| {
        Tree::parse(DEFAULTS, |line| Origin::Default { line }).expect("the embedded defaults are TOML")
    });
    &TREE
}

/// Whether the defaults have a table at this path.
fn defaults_have(path: &[&str]) -> bool {
    path.iter().try_fold(defaults(), |tree, name| tree.table(name)).is_some()
}

fn is_built_in(plugin: &str) -> bool {
    defaults_have(&["plugins", plugin])
}

/// The file that is named, else the one here, else the user's own.
fn find(named: Option<PathBuf>, directory: &Path, environment: &Environment) -> Option<PathBuf> {
    named.or_else(|| environment.value("TIERFALL_CONFIG").map(PathBuf::from)).or_else(|| {
        let own = environment
            .folder("XDG_CONFIG_HOME", ".config")
            .map(|folder| folder.join("tierfall/config.toml"));
        [Some(directory.join("tierfall.toml")), own].into_iter().flatten().find(|path| path.is_file())
    })
}

#[cfg(test)]
mod tests;
