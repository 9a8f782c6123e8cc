//! The command line: arguments in, progress and tables out, an exit code at the end.

mod args;
mod demo;
mod exit;
mod explain;
mod input;
mod ledger;
mod output;
mod plan;
mod plugins;
mod progress;
mod run;
mod settings;
mod telemetry;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use indicatif::MultiProgress;

use self::args::{Cli, Command, ConfigCommand, ExplainArgs, OutputArgs, PluginCommand, SettingArgs};
use self::exit::Exit;
use self::output::print;
use tierfall::config;
use tierfall::config::{Config, ConfigError};
use tierfall::run::{Line, Program, RunError, SetupError, Summary, WorkRequest};
use tierfall::tiers::race;
use tierfall_input::OpenError;
use tierfall_ledger::{LeaseHandle, LedgerError, Probe, ReconcileError};
use tierfall_work::Work;

/// Why the program ends without doing its work.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Input(#[from] OpenError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    #[error(transparent)]
    Build(#[from] plugins::PluginBuildError),
    #[error("failed to write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("failed to write to standard output: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Config(_) | Self::Input(_) => Exit::Usage,
            Self::Ledger(LedgerError::Absent { .. } | LedgerError::Foreign { .. }) => Exit::Usage,
            Self::Setup(error) if error.is_configuration() => Exit::Usage,
            Self::Run(RunError::Ledger(_)) | Self::Ledger(_) | Self::Reconcile(ReconcileError::Ledger(_)) => {
                Exit::Ledger
            }
            Self::Setup(_)
            | Self::Run(_)
            | Self::Reconcile(_)
            | Self::Build(_)
            | Self::Write { .. }
            | Self::Output(_) => Exit::Failed,
        }
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    main_with(None)
}

/// The whole program, with something that is told of every write to the ledger: what tests of crashes need.
pub fn main_with(probe: Option<Probe>) -> ExitCode {
    let Cli { output, command } = Cli::parse();
    let console = Console { output, bars: MultiProgress::new(), probe };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("tierfall: failed to start: {error}");
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    let exit = match runtime.block_on(dispatch(command, &console)) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("tierfall: {error}");
            error.exit()
        }
    };
    // What still runs on blocking threads (a reader waiting for a terminal's input) must not keep us.
    runtime.shutdown_background();
    ExitCode::from(exit as u8)
}

/// How this call talks: what it prints, and where its log lines go.
struct Console {
    output: OutputArgs,
    bars: MultiProgress,
    probe: Option<Probe>,
}

impl Console {
    /// The configuration of this call; log lines follow it from here on.
    fn load(&self, args: &SettingArgs) -> Result<Config, CliError> {
        let config = settings::load(args)?;
        self.start_logging(&config.telemetry);
        Ok(config)
    }

    fn start_logging(&self, config: &config::Telemetry) {
        let filter = match (self.output.quiet, self.output.verbose) {
            (true, _) => "error",
            (_, 0) => config.log.as_str(),
            (_, 1) => "info",
            (_, 2) => "debug",
            _ => "trace",
        };
        let format = match config.log_format {
            config::LogFormat::Text => telemetry::Format::Text,
            config::LogFormat::Json => telemetry::Format::Json,
        };
        let bars = self.bars.clone();
        telemetry::init(filter, format, move || progress::BesideBars(bars.clone()));
    }

    /// Whether a person reads what is printed.
    fn for_people(&self) -> bool {
        !self.output.json && !self.output.quiet
    }
}

async fn dispatch(command: Command, console: &Console) -> Result<Exit, CliError> {
    match command {
        Command::Run(args) => run::run(args, console).await,
        Command::Worker(args) => run::worker(args, console).await,
        Command::Demo(args) => demo::demo(&args.out, console).await,
        Command::Plan(args) => show_plan(&args, console).await,
        Command::Explain(args) => explain(args, console).await,
        Command::Ledger(command) => ledger::ledger(command, console).await,
        Command::Plugin(command) => plugin(command, console).await,
        Command::Config(command) => configuration(command, console).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "tierfall", &mut io::stdout());
            Ok(Exit::Done)
        }
    }
}

async fn show_plan(args: &SettingArgs, console: &Console) -> Result<Exit, CliError> {
    let config = console.load(args)?;
    let plan = Program::plan(&config).await?;
    if console.output.json {
        print(plan::json(&plan))?;
    } else {
        print(plan::text(&plan))?;
    }
    Ok(Exit::Done)
}

async fn explain(args: ExplainArgs, console: &Console) -> Result<Exit, CliError> {
    let id =
        args.work.parse().map_err(|error: tierfall_ids::InvalidId| CliError::Usage(error.to_string()))?;
    let config = console.load(&args.settings)?;
    // What is fetched to be judged goes to a folder that is gone afterwards.
    let folder =
        tempfile::tempdir().map_err(|source| CliError::Write { path: std::env::temp_dir(), source })?;
    let program = Program::assemble(&config, args.web.mode(), folder.path()).await?;
    let asked = WorkRequest { input: args.work, work: Work::new(id) };
    let nobody = LeaseHandle::empty();
    let outcome = tokio::select! {
        outcome = race(&program.plan, asked.work, program.acquirer.as_ref(), &nobody, &()) => outcome,
        _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
    };
    let (line, _not_stored) = Line::new("explain", asked.input, outcome);
    let mut summary = Summary::default();
    summary.count_line(&line);
    if console.output.json {
        print(serde_json::to_string(&line).unwrap_or_default())?;
    } else {
        print(explain::tree(&line))?;
    }
    Ok(Exit::from(&summary))
}

async fn plugin(command: PluginCommand, console: &Console) -> Result<Exit, CliError> {
    match command {
        PluginCommand::List(args) => {
            let config = console.load(&args)?;
            let plugins = Program::plugins(&config).await?;
            if console.output.json {
                print(serde_json::Value::from(plugins.iter().map(plugins::json).collect::<Vec<_>>()))?;
            } else {
                print(plugins::list(&plugins))?;
            }
        }
        PluginCommand::Inspect { plugin, settings: args } => {
            let config = console.load(&args)?;
            let plugin = Program::plugin(&config, &plugin).await?;
            if console.output.json {
                print(plugins::json(&plugin))?;
            } else {
                print(plugins::inspect(&plugin))?;
            }
        }
        PluginCommand::Build { dir, out } => print(plugins::build(&dir, out)?)?,
    }
    Ok(Exit::Done)
}

async fn configuration(command: ConfigCommand, console: &Console) -> Result<Exit, CliError> {
    match command {
        ConfigCommand::Init { path } => {
            let write = |source| CliError::Write { path: path.clone(), source };
            let mut file = std::fs::File::create_new(&path).map_err(write)?;
            io::Write::write_all(&mut file, config::init_text().as_bytes()).map_err(write)?;
            print(format_args!("wrote {}", path.display()))?;
        }
        ConfigCommand::Show(args) => {
            let config = console.load(&args)?;
            settings::show(&config, console.output.json)?;
        }
        ConfigCommand::Check(args) => {
            let config = console.load(&args)?;
            let plan = Program::plan(&config).await?;
            let sources: usize = plan.tiers.iter().map(|tier| tier.sources.len()).sum();
            print(format_args!("the configuration is sound: {} tiers, {sources} sources", plan.tiers.len()))?;
        }
    }
    Ok(Exit::Done)
}
