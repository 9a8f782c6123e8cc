//! From the layers to a configuration.

use std::path::{Path, PathBuf};

use super::de::Reader;
use super::defaults::defaults;
use super::environment::Environment;
use super::origin::{ConfigFile, Origin};
use super::problem::{ConfigError, Problem};
use super::secrets::Secrets;
use super::sections::Fallback;
use super::tree::{Leaf, Tree, Value, unknown};
use super::values::Config;
use super::{found, plan, plugin, show, trust};
use crate::acquire::AcquireSettings;

/// What a configuration is made of, besides the defaults.
#[derive(Debug)]
pub struct ConfigLayers {
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
    /// As it was given.
    pub value: Given,
    /// The flag as the user wrote it, for messages: `--fallback-max-attempts`.
    pub flag: String,
}

/// The value of a flag.
#[derive(Clone, Debug)]
pub enum Given {
    /// Read as its key wants it; lists are separated by commas, tiers by semicolons.
    Text(String),
    /// One item each, as they are.
    List(Vec<String>),
}

impl Config {
    /// Merges the layers and reads the result. All mistakes are found at once.
    pub fn load(layers: ConfigLayers) -> Result<Self, ConfigError> {
        let environment = Environment::new(layers.environment);
        let mut problems = Vec::new();
        let mut tree = defaults().clone();
        let file = find(layers.file, &layers.directory, &environment);
        if let Some(file) = &file {
            let path = &file.path;
            let text =
                trust::read(path).map_err(|error| ConfigError::Unreadable { path: path.clone(), error })?;
            match Tree::parse(&text, |line| Origin::File { path: path.clone(), line }) {
                Ok(mut layer) => {
                    if file.found && !trust::is_trusted(path, &text, &environment) {
                        problems.extend(found::refuse(&mut layer, path));
                    }
                    tree.merge(layer, &mut problems);
                }
                // What follows from a file that cannot be read is of no interest.
                Err(problem) => return Err(ConfigError::Problems(vec![problem])),
            }
        }
        for layer in environment.layers(&tree, &mut problems) {
            tree.merge(layer, &mut problems);
        }
        for given in layers.overrides {
            tree.merge(given.tree(), &mut problems);
        }
        Self::read(&tree, &environment, file, problems)
    }

    fn read(
        tree: &Tree,
        environment: &Environment,
        file: Option<ConfigFile>,
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
        file: Option<ConfigFile>,
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
            artifacts: reader.read(&["artifacts"])?,
            run: reader.read(&["run"])?,
            store: reader.read(&["store"])?,
            ledger: reader.read(&["ledger"])?,
            report: reader.read(&["report"])?,
            telemetry: reader.read(&["telemetry"])?,
            state_dir: environment
                .folder("XDG_STATE_HOME", ".local/state")
                .map(|state| state.join("tierfall/used")),
            file,
            sources,
        };
        for (name, node) in tree.iter().filter(|(name, _)| defaults().get(name).is_none()) {
            reader.problems.push(unknown("", name, node.origin(), defaults().names()));
        }
        config.plan = plan::resolve(&config, &tiers, tree, &mut reader.problems);
        Some(config)
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

/// The file that is named, else the one here, else the user's own.
fn find(named: Option<PathBuf>, directory: &Path, environment: &Environment) -> Option<ConfigFile> {
    let named = named.or_else(|| environment.value("TIERFALL_CONFIG").map(PathBuf::from));
    let here = || Some(directory.join("tierfall.toml"));
    let own = || {
        let folder = environment.folder("XDG_CONFIG_HOME", ".config")?;
        Some(folder.join("tierfall/config.toml"))
    };
    let file = |found| move |path| ConfigFile { path, found };
    let there = |path: &PathBuf| path.is_file();
    named
        .map(file(false))
        .or_else(|| here().filter(there).map(file(true)))
        .or_else(|| own().filter(there).map(file(false)))
}
