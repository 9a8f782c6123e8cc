//! From what an embedding program sets to a Tierfall that is ready.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::event::{Event, Handler};
use super::handle::Tierfall;
use crate::config::{Config, ConfigLayers, Given, Override};
use crate::run::Program;
use tierfall_http::Mode;

/// Sets up a [`Tierfall`]. What is not set has the program's default. Of the environment only the folder for
/// compiled plugins is taken (`XDG_CACHE_HOME`, or `.cache` in `HOME`), and no file is read that is not named.
pub struct Builder {
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
    overrides: Vec<Override>,
    mode: Mode,
    compiler: Option<PathBuf>,
    handler: Handler,
}

impl Tierfall {
    /// Begins with the program's defaults.
    pub fn builder() -> Builder {
        Builder {
            file: None,
            environment: cache_home().map(|home| ("XDG_CACHE_HOME".to_owned(), home)).into_iter().collect(),
            overrides: Vec::new(),
            mode: Mode::Live,
            compiler: None,
            handler: Arc::new(|_| {}),
        }
    }
}

impl Builder {
    /// Who asks: services want to know whom to write to. Unpaywall is asked only if this is set.
    pub fn mailto(self, address: impl Into<String>) -> Self {
        self.set("http.mailto", address)
    }

    /// The output folder: it gets the files, their links and the manifest.
    pub fn out(self, folder: impl AsRef<Path>) -> Self {
        self.set("run.out", folder.as_ref().to_string_lossy())
    }

    /// Works fetched at the same time.
    pub fn workers(self, workers: usize) -> Self {
        self.set("run.workers", workers.to_string())
    }

    /// Keeps a ledger, so that nothing is done twice: in the output folder, or where `ledger.url` says.
    pub fn ledger(self, enabled: bool) -> Self {
        self.set("ledger.enabled", enabled.to_string())
    }

    /// Any key of the configuration by its dotted name, as the program's `--set` does: lists are separated by commas.
    /// What cannot be read is an error of [`Builder::build`].
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        let flag = format!("Builder::set({key:?})");
        self.overrides.push(Override { key, value: Given::Text(value.into()), flag });
        self
    }

    /// A configuration file, over the defaults and under everything that is set here.
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Variables by which the program can be configured (`TIERFALL_…`, the keys of services), over the file:
    /// `std::env::vars()` takes those of this process.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// Answers every request from a recording (WARC), without a network. Works are then fetched one after another, so
    /// that each run gives the same trails.
    pub fn replay(mut self, recording: impl Into<PathBuf>) -> Self {
        self.mode = Mode::Replay(recording.into());
        self
    }

    /// The program that compiles plugins from elsewhere: an installed `tierfall`, or this one if it begins with
    /// `tierfall_sandbox::compile_for_parent`. Without it only the built-in plugins can be used, because compiling a
    /// stranger's component may take all memory and minutes.
    pub fn compiler(mut self, program: impl Into<PathBuf>) -> Self {
        self.compiler = Some(program.into());
        self
    }

    /// Called for every event, from the tasks that fetch: what takes long here delays them.
    pub fn on_event(mut self, handler: impl Fn(Event<'_>) + Send + Sync + 'static) -> Self {
        self.handler = Arc::new(handler);
        self
    }

    /// Reads the settings, compiles the plugins (or takes them from the cache), makes the output folder.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] with every setting that cannot be read, and [`Error::Setup`] if a plugin, the HTTP client
    /// or the output folder cannot be used, or if no source of the plan can be asked.
    pub async fn build(self) -> Result<Tierfall, Error> {
        let mut config = Config::load(ConfigLayers {
            file: self.file,
            // A file that happens to be where the embedding program runs is none of its settings.
            directory: PathBuf::from("/nonexistent"),
            environment: self.environment,
            overrides: self.overrides,
        })?;
        config.sandbox.compiler = self.compiler;
        let program = Program::assemble(&config, self.mode, &config.run.out).await?;
        Ok(Tierfall::new(config, program, self.handler))
    }
}

/// Where this user's caches are.
fn cache_home() -> Option<String> {
    let named = std::env::var("XDG_CACHE_HOME").ok().filter(|path| Path::new(path).is_absolute());
    named.or_else(|| Some(format!("{}/.cache", std::env::var("HOME").ok()?)))
}
