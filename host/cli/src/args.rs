//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use tierfall_http::Mode;
use tierfall_input::Format;
use tierfall_ledger::{EventKind, State};

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
    /// Fetch the full text of works.
    Run(RunArgs),
    /// Work off what a ledger has planned, beside any number of other workers.
    Worker(WorkerArgs),
    /// Run the main job over a small recorded web; needs no network.
    Demo(DemoArgs),
    /// Show what would be asked, in which order, under which budgets.
    Plan(SettingArgs),
    /// Walk one work through the plan and show its whole trail; nothing is stored.
    Explain(ExplainArgs),
    /// Look into the ledger, and mend it.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Look at plugins, and build them.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Look at the configuration, and start one.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

/// How the program talks.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Print JSON for machines instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log more: -v what is done, -vv every step, -vvv everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// Works: DOI, arXiv id, PMID, PMCID, OpenAlex id or URL, in any spelling.
    pub works: Vec<String>,
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub web: WebArgs,
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Names this run; a new name is made otherwise.
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
    /// Only note the works in the ledger, for workers to fetch; implies --enable-idempotency.
    #[arg(long)]
    pub plan_only: bool,
}

#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Go on when nothing is left to do, until stopped: what is planned later is done then.
    #[arg(long)]
    pub forever: bool,
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Names this run in the manifest and in its leases; a new name is made otherwise.
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
}

#[derive(Debug, Args)]
pub struct InputArgs {
    /// A file of works (text, CSV, TSV, JSON lines, BibTeX, RIS), or `-` for standard input; repeatable.
    #[arg(short, long, value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// The files' format, where neither name nor content tells: text, csv, tsv, json, bibtex or ris.
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// The column that holds the identifiers, by its name.
    #[arg(long, value_name = "NAME")]
    pub column: Option<String>,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where the files go.
    #[arg(short, long, value_name = "DIR", default_value = "tierfall-demo")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// One work, in any spelling.
    pub work: String,
    #[command(flatten)]
    pub web: WebArgs,
    #[command(flatten)]
    pub settings: SettingArgs,
}

#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Count the jobs by their state, and say when the next one is ready.
    Status(SettingArgs),
    /// Show one job: how far it has come, its candidates and side effects, and what happened to it.
    Show {
        /// A work in any spelling, a job's key, or the beginning of one.
        job: String,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// List jobs in the order of their planning.
    List {
        /// Only jobs in this state: PLANNED, LEASED, STREAMING, FAILED, INDEXED, …
        #[arg(long, value_name = "STATE")]
        state: Option<State>,
        #[command(flatten)]
        page: PageArgs,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Make jobs ready again that failed for good, with all their attempts.
    Retry {
        #[command(flatten)]
        which: JobArgs,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Bring the ledger and the files together: what lost workers left, files nobody knows, files that are gone.
    Reconcile {
        /// What to do about done jobs whose file is gone.
        #[arg(long, value_enum, default_value_t = MissingFiles::Report)]
        missing: MissingFiles,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// List what happened, in the order in which it was kept.
    Events {
        /// Only of this job, given as for `show`.
        #[arg(long, value_name = "JOB")]
        job: Option<String>,
        /// Only of this kind: job_planned, job_leased, job_state_changed, …
        #[arg(long, value_name = "KIND")]
        kind: Option<EventKind>,
        #[command(flatten)]
        page: PageArgs,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Write every job with its candidates and side effects as a line of JSON.
    Export {
        /// Where to write it; standard output otherwise.
        file: Option<PathBuf>,
        #[command(flatten)]
        settings: SettingArgs,
    },
}

/// Which part of a long list.
#[derive(Debug, Args)]
pub struct PageArgs {
    /// Rows at most.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,
    /// Only rows after the one with this id.
    #[arg(long, value_name = "ID", default_value_t = 0)]
    pub after: i64,
}

#[derive(Debug, Args)]
pub struct JobArgs {
    /// Jobs, each given as for `show`; without any, all that failed and have no time for another try.
    pub jobs: Vec<String>,
    /// All jobs in this state in place of FAILED: EXHAUSTED are those for which no copy was found.
    #[arg(long, value_name = "STATE", conflicts_with = "jobs", value_parser = retriable)]
    pub state: Option<State>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum MissingFiles {
    /// Name them.
    Report,
    /// Do these jobs again.
    Again,
}

fn retriable(text: &str) -> Result<State, String> {
    match text.parse::<State>() {
        Ok(state @ (State::Failed | State::Exhausted)) => Ok(state),
        Ok(state) => {
            Err(format!("jobs that are {state} are not retried; only FAILED and EXHAUSTED ones are"))
        }
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// List the plugins of the plan and their sources.
    List(SettingArgs),
    /// Show what a plugin declares: its sources, hosts, settings.
    Inspect {
        /// A plugin's name, or a path to a component.
        plugin: String,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Build a plugin from its source and make it a component.
    Build {
        /// The folder of its `Cargo.toml`.
        dir: PathBuf,
        /// Where the component goes; `NAME.wasm` in the current folder otherwise.
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a commented configuration to start from.
    Init {
        /// Where to write it.
        #[arg(default_value = "tierfall.toml")]
        path: PathBuf,
    },
    /// Show every effective value and where it came from.
    Show(SettingArgs),
    /// Check the configuration and the plan that follows from it.
    Check(SettingArgs),
}

/// Where answers come from.
#[derive(Debug, Args)]
pub struct WebArgs {
    /// Answer every request from a WARC recording; the network is not touched.
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Write every exchange to a WARC file.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
}

impl WebArgs {
    pub fn mode(&self) -> Mode {
        match (&self.replay, &self.record) {
            (Some(path), _) => Mode::Replay(path.clone()),
            (None, Some(path)) => Mode::Record(path.clone()),
            (None, None) => Mode::Live,
        }
    }
}

/// Settings that can be given on the command line; they win over the environment and the file.
#[derive(Clone, Debug, Default, Args)]
pub struct SettingArgs {
    /// A configuration file [default: ./tierfall.toml, else the user's own].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set any key of the configuration; repeatable.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The folder that receives the files.
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Works in hand at the same time.
    #[arg(short, long, value_name = "N")]
    pub workers: Option<u64>,
    /// Your e-mail address: it tells hosts who is asking, and some APIs require it.
    #[arg(long, value_name = "ADDRESS")]
    pub mailto: Option<String>,
    /// Send every request through this proxy [default: from the environment].
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Trust these certificate authorities too (PEM); repeatable.
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Vec<PathBuf>,
    /// Let requests reach this private or local host; repeatable.
    #[arg(long, value_name = "HOST")]
    pub allow_private: Vec<String>,
    /// How strictly a file must be proven to be the work: strict, normal or off.
    #[arg(long, value_name = "POLICY")]
    pub identity: Option<String>,

    #[command(flatten)]
    pub fallback: FallbackArgs,
    #[command(flatten)]
    pub ledger: LedgerArgs,
}

/// What is remembered across runs.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Ledger")]
pub struct LedgerArgs {
    /// Remember every work in a ledger: nothing is done twice, and a run that was cut off is continued.
    #[arg(long)]
    pub enable_idempotency: bool,
    /// The ledger: a file, or postgres://… for many machines [default: OUT/ledger.sqlite].
    #[arg(long, value_name = "FILE|URL")]
    pub ledger: Option<String>,
}

/// The plan and its budgets.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Fallback")]
pub struct FallbackArgs {
    /// A tier of the plan; repeatable, in order, in place of the configured ones. TIER is a tier, a plugin
    /// or a path to a component; OPTION is parallel, sources (A+B), timeout_ms, retries, robots, or a
    /// setting of the plugin.
    #[arg(long, value_name = "TIER[:OPTION=VALUE,…]")]
    pub fallback_tier: Vec<String>,
    /// Time for one work in all, in milliseconds.
    #[arg(long, value_name = "MS")]
    pub fallback_total_timeout_ms: Option<u64>,
    /// Attempts for one work over all tiers.
    #[arg(long, value_name = "N")]
    pub fallback_max_attempts: Option<u64>,
    /// Attempts and acquisitions in flight for one work.
    #[arg(long, value_name = "N")]
    pub fallback_max_concurrent: Option<u64>,
    /// Take every Wayback source out of the plan.
    #[arg(long)]
    pub disable_wayback_fallback: bool,
}
