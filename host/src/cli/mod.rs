//! The command line: arguments in, progress and tables out, an exit code at the end.

mod args;
mod demo;
mod explain;
mod input;
mod output;
mod plan;
mod plugins;
mod progress;
mod settings;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser};
use indicatif::MultiProgress;
use tokio_util::sync::CancellationToken;

use self::args::{Cli, Command, ConfigCommand, ExplainArgs, OutputArgs, PluginCommand, RunArgs, SettingArgs};
use self::output::{print, summary_text, works_table};
use self::progress::{Mode as ProgressMode, Progress};
use crate::config::{Config, ConfigError};
use crate::run::{Asked, Exit, Line, Program, Run, RunError, SetupError, Summary, Taken};
use crate::tiers::walk;
use crate::work::Work;
use crate::work::input::OpenError;
use crate::{config, telemetry};

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
            Self::Setup(error) if error.is_configuration() => Exit::Usage,
            Self::Setup(_) | Self::Run(_) | Self::Build(_) | Self::Write { .. } | Self::Output(_) => {
                Exit::Failed
            }
        }
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    let Cli { output, command } = Cli::parse();
    let console = Console { output, bars: MultiProgress::new() };
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
        Command::Run(args) => run(args, console).await,
        Command::Demo(args) => demo::demo(&args.out, console).await,
        Command::Plan(args) => show_plan(&args, console).await,
        Command::Explain(args) => explain(args, console).await,
        Command::Plugin(command) => plugin(command, console).await,
        Command::Config(command) => configuration(command, console).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "tierfall", &mut io::stdout());
            Ok(Exit::Done)
        }
    }
}

async fn run(args: RunArgs, console: &Console) -> Result<Exit, CliError> {
    let works = input::works(args.works, &args.input)?;
    let config = console.load(&args.settings)?;
    let out = config.run.out.clone();
    let mode = args.web.mode();
    let program = Program::assemble(&config, mode, &out).await?;
    for skipped in program.plan.tiers.iter().flat_map(|tier| &tier.skipped) {
        tracing::info!("{} is not asked: {}", skipped.name, skipped.reason);
    }
    let id = args.run_id.unwrap_or_else(new_run_id);
    let summary = go(&config, program, id, works, console).await?;
    if console.for_people() {
        print(format_args!("the files are in {}", out.display()))?;
    }
    Ok(summary.exit())
}

/// Runs over `works` and tells how it went.
async fn go(
    config: &Config,
    program: Program,
    id: String,
    works: impl Iterator<Item = Taken> + Send + 'static,
    console: &Console,
) -> Result<Summary, CliError> {
    let mode = ProgressMode::choose(console.output.json, console.output.quiet);
    let progress = Progress::new(mode, console.bars.clone());
    let stop = CancellationToken::new();
    let interrupt = tokio::spawn(stop_on_interrupt(stop.clone()));
    let run = Run {
        id,
        plan: program.plan,
        acquirer: program.acquirer,
        reporter: Arc::clone(&progress) as _,
        workers: program.workers,
        stop,
    };
    let summary = run.go(works, &config.run.out).await;
    interrupt.abort();
    progress.finish();
    let summary = summary?;
    if console.output.json {
        print(serde_json::json!({ "summary": summary }))?;
    } else if console.for_people() {
        if let Some(lines) = progress.lines().filter(|lines| !lines.is_empty()) {
            print(works_table(&lines))?;
        }
        print(summary_text(&summary))?;
    }
    Ok(summary)
}

/// The first Ctrl-C ends the run cleanly, a second one at once.
async fn stop_on_interrupt(stop: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.cancel();
        eprintln!("tierfall: stopping; what was received is kept (press Ctrl-C again to stop at once)");
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(Exit::Interrupted as i32);
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
    let id = args.work.parse().map_err(|error: crate::work::InvalidId| CliError::Usage(error.to_string()))?;
    let config = console.load(&args.settings)?;
    // What is fetched to be judged goes to a folder that is gone afterwards.
    let folder =
        tempfile::tempdir().map_err(|source| CliError::Write { path: std::env::temp_dir(), source })?;
    let program = Program::assemble(&config, args.web.mode(), folder.path()).await?;
    let asked = Asked { input: args.work, work: Work::new(id) };
    let outcome = tokio::select! {
        outcome = walk(&program.plan, asked.work, program.acquirer.as_ref(), &()) => outcome,
        _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
    };
    let line = Line::new("explain", asked.input, outcome);
    let mut summary = Summary::default();
    summary.count(&line);
    if console.output.json {
        print(serde_json::to_string(&line).unwrap_or_default())?;
    } else {
        print(explain::tree(&line))?;
    }
    Ok(summary.exit())
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

/// Sorts by time, and two runs of one second still differ.
fn new_run_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{:04x}", now.as_secs(), fastrand::u16(..))
}
