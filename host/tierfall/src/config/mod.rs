//! The configuration: defaults, a file, the environment and the command line, in layers; typed, checked,
//! and each value with its origin.

mod de;
mod environment;
mod origin;
mod plan;
mod plugin;
mod problem;
mod secrets;
mod sections;
mod show;
mod source;
mod tier;
mod tier_spec;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tierfall_http::HttpSettings;
use tierfall_sandbox::SandboxSettings;

pub use origin::{Layer, Origin};
pub use plan::{Declared, PlannedTier, SourceConfig};
pub use plugin::{Plugin, PluginRef};
pub use problem::{ConfigError, Problem, suggestion};
pub use secrets::{Secret, Secrets};
pub use sections::{Fallback, LedgerSettings, LogFormat, Run, Telemetry};
pub use show::{Effective, init_text};
pub use source::Robots;
pub use tier_spec::{InvalidTier, TierName, TierSpec};

use self::de::Reader;
use self::environment::Environment;
use self::source::Source;
use self::tree::{Leaf, Tree, Value, unknown};
use crate::acquire::AcquireSettings;

/// Everything that was set, and everything that was not.
#[derive(Clone, Debug)]
pub struct Config {
    /// The order of the tiers, and what one work may cost.
    pub fallback: Fallback,
    /// The tiers in order: never empty.
    pub plan: Vec<PlannedTier>,
    /// What the operator says of plugins, by their names.
    pub plugins: BTreeMap<String, Plugin>,
    /// Keys of APIs.
    pub secrets: Secrets,
    /// Of the HTTP client.
    pub http: HttpSettings,
    /// Of the sandbox.
    pub sandbox: SandboxSettings,
    /// Of acquisitions: `[acquire]`, `[proof]` and `[policy]`.
    pub acquire: AcquireSettings,
    /// How many workers, and where their files go.
    pub run: Run,
    /// Whether there is a ledger, where it is, and its rules.
    pub ledger: LedgerSettings,
    /// Log lines.
    pub telemetry: Telemetry,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Every value with its key and origin, in the order of `default.toml`; secrets are masked.
    pub effective: Vec<Effective>,
    sources: BTreeMap<String, Source>,
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
    /// Merges the layers and reads the result. All mistakes are found at once.
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
        let mut reader = Reader::new(tree.clone(), problems);
        let config = Self::sections(tree, &mut reader, environment, file);
        let mut problems = reader.problems;
        problems.sort_by_key(|problem| (problem.origin.layer(), problem.origin.line()));
        config.filter(|_| problems.is_empty()).ok_or(ConfigError::Problems(problems))
    }

    /// `None` only if there are problems.
    fn sections(
        tree: &Tree,
        reader: &mut Reader,
        environment: &Environment,
        file: Option<PathBuf>,
    ) -> Option<Self> {
        if tree.text(&CACHE_DIR) == Some("auto") {
            // Without a home nothing is kept.
            let folder = environment.folder("XDG_CACHE_HOME", ".cache").map(|cache| cache.join("tierfall"));
            reader.replace(&CACHE_DIR, folder.map_or("off".into(), |folder| folder.display().to_string()));
        }
        let secrets = Secrets::read(tree, reader, environment);
        let fallback: Fallback = reader.read(&["fallback"])?;
        plan::check_tiers(&fallback.tiers, reader);
        let tiers = reader.read(&["tiers"])?;
        let sources = reader.read(&["sources"])?;
        let plugins = reader.read(&["plugins"])?;
        plugin::check_paths(tree, reader);
        let mut config = Self {
            fallback,
            plan: Vec::new(),
            plugins,
            effective: show::effective(tree, &secrets),
            secrets,
            http: reader.read(&["http"])?,
            sandbox: reader.read(&["sandbox"])?,
            acquire: AcquireSettings {
                proof: reader.read(&["proof"])?,
                transfer: reader.read(&["acquire"])?,
                policy: reader.read(&["policy"])?,
            },
            run: reader.read(&["run"])?,
            ledger: reader.read(&["ledger"])?,
            telemetry: reader.read(&["telemetry"])?,
            file,
            sources,
        };
        for (name, node) in tree.iter().filter(|(name, _)| defaults().get(name).is_none()) {
            reader.problems.push(unknown("", name, node.origin(), defaults().names()));
        }
        config.plan = plan::resolve(&config, &tiers, tree, &mut reader.problems);
        Some(config)
    }

    /// Of a value that is set.
    fn origin(&self, key: &str) -> Option<&Origin> {
        self.effective.iter().find(|value| value.key == key).map(|value| &value.origin)
    }
}

/// Its default depends on the environment.
const CACHE_DIR: [&str; 2] = ["sandbox", "cache_dir"];

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
