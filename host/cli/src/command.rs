//! The commands. Each has a file with its arguments and what it does; a new one is a file and two lines here.

mod completions;
mod config;
mod demo;
mod doctor;
mod explain;
mod export;
mod ledger;
mod plan;
mod plugin;
mod prove;
mod report;
mod run;
mod worker;

use clap::{CommandFactory, Parser, Subcommand};
use tierfall::config::Config;

use crate::args::OutputArgs;
use crate::confine::{Confined, Writes, confine};
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::settings;

/// Finds, fetches and proves the open-access full text of scholarly works.
#[derive(Debug, Parser)]
#[command(name = "tierfall", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::RunCommand),
    Worker(worker::WorkerCommand),
    Demo(demo::DemoCommand),
    Plan(plan::PlanCommand),
    Explain(explain::ExplainCommand),
    Prove(prove::ProveCommand),
    Doctor(doctor::DoctorCommand),
    Report(report::ReportCommand),
    Export(export::ExportCommand),
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Completions(completions::CompletionsCommand),
}

/// Keys of services or of a store, or a password of the ledger's or the proxy's.
fn holds_secrets(config: &Config) -> bool {
    let ledger = config.ledger.url.as_deref().is_some_and(|url| url.contains("://"));
    ledger || config.run.store.is_some() || config.secrets.iter().any(|(_, set, _)| set)
}

impl Command {
    /// Gives up what a command that reads remote bytes does not need. What then holds; `None` for the others, and
    /// where there is no configuration to go by (the command itself says why).
    pub fn confine(&self) -> Option<Confined> {
        let (args, recording) = match self {
            Self::Run(run) => (&run.settings, run.web.record.as_deref()),
            Self::Worker(worker) => (&worker.settings, None),
            Self::Explain(explain) => (&explain.settings, explain.web.record.as_deref()),
            Self::Doctor(doctor) => (&doctor.settings, doctor.web.record.as_deref()),
            Self::Plan(plan) => (&plan.settings, None),
            Self::Prove(prove) => (&prove.settings, None),
            Self::Plugin(plugin) => (plugin.settings()?, None),
            Self::Demo(_)
            | Self::Report(_)
            | Self::Export(_)
            | Self::Ledger(_)
            | Self::Config(_)
            | Self::Completions(_) => return None,
        };
        let config = settings::load(args).ok()?;
        let mut writes = Writes::of(&config);
        let out = Some(&config.run.out).filter(|_| matches!(self, Self::Run(_) | Self::Worker(_)));
        for folder in out.into_iter().chain(&config.sandbox.cache_dir).chain(&config.state_dir) {
            writes.make(folder);
        }
        if let Some(recording) = recording {
            writes.file(recording);
        }
        Some(confine(writes, holds_secrets(&config)))
    }

    pub async fn run(self, console: &Console) -> Result<Exit, CliError> {
        match self {
            Self::Run(command) => command.run(console).await,
            Self::Worker(command) => command.run(console).await,
            Self::Demo(command) => command.run(console).await,
            Self::Plan(command) => command.run(console).await,
            Self::Explain(command) => command.run(console).await,
            Self::Prove(command) => command.run(console).await,
            Self::Doctor(command) => command.run(console).await,
            Self::Report(command) => command.run(console).await,
            Self::Export(command) => command.run(console).await,
            Self::Ledger(command) => command.run(console).await,
            Self::Plugin(command) => command.run(console).await,
            Self::Config(command) => command.run(console).await,
            Self::Completions(command) => command.run(Cli::command()),
        }
    }
}
