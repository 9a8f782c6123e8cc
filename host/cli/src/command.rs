//! The commands. Each has a file with its arguments and what it does; a new one is a file and two lines here.

mod completions;
mod config;
mod demo;
mod explain;
mod ledger;
mod plan;
mod plugin;
mod run;
mod worker;

use clap::{CommandFactory, Parser, Subcommand};

use crate::args::OutputArgs;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;

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
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Completions(completions::CompletionsCommand),
}

impl Command {
    pub async fn run(self, console: &Console) -> Result<Exit, CliError> {
        match self {
            Self::Run(command) => command.run(console).await,
            Self::Worker(command) => command.run(console).await,
            Self::Demo(command) => command.run(console).await,
            Self::Plan(command) => command.run(console).await,
            Self::Explain(command) => command.run(console).await,
            Self::Ledger(command) => command.run(console).await,
            Self::Plugin(command) => command.run(console).await,
            Self::Config(command) => command.run(console).await,
            Self::Completions(command) => Ok(command.run(Cli::command())),
        }
    }
}
