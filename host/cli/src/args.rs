//! Arguments that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use tierfall_http::Mode;
use tierfall_input::Format;

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

/// Where works come from, beside the arguments.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// A file of works (text, CSV, TSV, JSON lines, BibTeX, RIS), or `-` for standard input; repeatable.
    #[arg(short, long, value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// The files' format, where neither name nor content tells.
    #[arg(long, value_name = "FORMAT", help = format_help())]
    pub format: Option<Format>,
    /// The column that holds the identifiers, by its name.
    #[arg(long, value_name = "NAME")]
    pub column: Option<String>,
}

/// What watches over a run, and how it ends that is told to.
#[derive(Debug, Args)]
pub struct UnattendedArgs {
    /// How long works in hand may take to end after a signal (Ctrl-C, SIGTERM, SIGHUP); nothing new is begun meanwhile.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(..=604_800))]
    grace: u64,
    /// Answer /healthz, /readyz and /metrics on this port of 127.0.0.1, or on this address.
    #[arg(long, value_name = "[ADDRESS:]PORT")]
    pub listen: Option<String>,
}

impl UnattendedArgs {
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace)
    }
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
    /// The bucket that stored files go to, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX, instead of that folder.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Works that go on at the same time, or "auto"; those that wait for a host's turn are not among them.
    #[arg(short, long, value_name = "N", allow_negative_numbers = true)]
    pub workers: Option<String>,
    /// Your e-mail address: it tells hosts who is asking, and some APIs require it.
    #[arg(long, value_name = "ADDRESS")]
    pub mailto: Option<String>,
    /// Send every request through this proxy [default: from the environment].
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Where to be asked about itself. A flag of those commands that go on for long.
    #[arg(skip)]
    pub listen: Option<String>,
    /// Trust these certificate authorities too (PEM); repeatable.
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Vec<PathBuf>,
    /// Let requests reach this private or local host, on all its ports or on the one that is named; repeatable.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub allow_private: Vec<String>,
    /// How strictly a file must be proven to be the work: strict, normal or off.
    #[arg(long, value_name = "POLICY")]
    pub identity: Option<String>,
    /// What becomes of works that are given by title, authors and year alone: resolve or refuse.
    #[arg(long, value_name = "MODE")]
    pub titles: Option<String>,

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
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    pub fallback_total_timeout_ms: Option<u64>,
    /// Attempts for one work over all tiers.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub fallback_max_attempts: Option<u64>,
    /// Attempts and acquisitions in flight for one work.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub fallback_max_concurrent: Option<u64>,
    /// Take every Wayback source out of the plan.
    #[arg(long)]
    pub disable_wayback_fallback: bool,
}

/// The list is the input crate's, so that a new format appears here by itself.
fn format_help() -> String {
    format!("The files' format, where neither name nor content tells: {}", Format::list("or"))
}
