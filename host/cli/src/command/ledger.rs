//! `tierfall ledger`: inspect and repair the ledger. None of its commands makes a ledger where there is none.

mod details;
mod export;
mod import;
mod json;
mod opened;
mod tables;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use tierfall::run::{LedgerPlace, StoreInventory, open_ledger, open_store};
use tierfall_ledger::{
    EventFilter, EventKind, FileInventory, JobFilter, Missing, Retry, State, UnreadableRow, reconcile,
};

use self::opened::{OpenLedger, PAGE};
use crate::args::SettingArgs;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{counted, print};

/// Inspect and repair the ledger.
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
    /// Write every job with its candidates and side effects as a line of JSON: a backup, and what `import` reads.
    Export {
        /// Where to write it; standard output otherwise.
        file: Option<PathBuf>,
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Take over the jobs of another ledger from what `export` has written; makes the ledger if there is none.
    Import {
        /// The file that was exported.
        file: PathBuf,
        #[command(flatten)]
        settings: SettingArgs,
    },
}

impl LedgerCommand {
    pub async fn run(self, console: &Console) -> Result<Exit, CliError> {
        if let Self::Import { file, settings } = &self {
            return import_file(file, settings, console).await;
        }
        let opened = OpenLedger::open(self.settings(), console).await?;
        match self {
            Self::Status(_) => status(&opened).await?,
            Self::Show { job, .. } => show(&opened, &job).await?,
            Self::List { state, page, .. } => {
                list(&opened, JobFilter { state, after: page.after, limit: page.limit }).await?;
            }
            Self::Retry { which, .. } => retry(&opened, which).await?,
            Self::Reconcile { missing, .. } => reconcile_files(&opened, missing).await?,
            Self::Events { job, kind, page, .. } => {
                let job = match job {
                    Some(job) => Some(opened.job(&job).await?),
                    None => None,
                };
                events(&opened, EventFilter { job, kind, after: page.after, limit: page.limit }).await?;
            }
            Self::Export { file, .. } => export::export(&*opened.ledger, file).await?,
            // It has opened a ledger of its own.
            Self::Import { .. } => {}
        }
        opened.close().await
    }

    fn settings(&self) -> &SettingArgs {
        match self {
            Self::Status(settings)
            | Self::Show { settings, .. }
            | Self::List { settings, .. }
            | Self::Retry { settings, .. }
            | Self::Reconcile { settings, .. }
            | Self::Events { settings, .. }
            | Self::Export { settings, .. }
            | Self::Import { settings, .. } => settings,
        }
    }
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

/// Which jobs are retried.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// Jobs, each given as for `show`; without any, all that failed and have no time for another try.
    pub jobs: Vec<String>,
    /// All jobs in this state in place of FAILED: EXHAUSTED are those for which no copy was found.
    #[arg(long, value_name = "STATE", conflicts_with = "jobs", value_parser = retriable)]
    pub state: Option<State>,
}

/// What is done about done jobs whose file is gone.
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

async fn status(opened: &OpenLedger) -> Result<(), CliError> {
    let (counts, next_at) = (opened.ledger.counts().await?, opened.ledger.next_at().await?);
    let place = LedgerPlace::of(&opened.config, &opened.config.run.out);
    if opened.json {
        print(json::status(&place, &counts, next_at))?;
    } else {
        print(tables::status(&place, &counts, next_at))?;
    }
    Ok(())
}

async fn show(opened: &OpenLedger, job: &str) -> Result<(), CliError> {
    let key = opened.job(job).await?;
    let mut details = opened.details(&key).await?;
    let mut events = Vec::new();
    let mut filter = EventFilter { job: Some(key), kind: None, after: 0, limit: PAGE };
    loop {
        let page = opened.ledger.events(filter.clone()).await?;
        let Some(last) = page.last() else { break };
        filter.after = UnreadableRow::id_of(last, |event| event.id);
        for row in page {
            match row {
                Ok(event) => events.push(event),
                Err(row) => details.unreadable.push(format!("event {}: {}", row.id, row.why)),
            }
        }
    }
    // By their ids alone, what one worker did could stand before what another did earlier.
    events.sort_by_key(|event| (event.at, event.id));
    if opened.json {
        print(json::details(&details, &events))?;
    } else {
        print(details::page(&details, &events))?;
    }
    Ok(())
}

async fn list(opened: &OpenLedger, filter: JobFilter) -> Result<(), CliError> {
    let page = async |after, limit| opened.ledger.list(JobFilter { after, limit, ..filter.clone() }).await;
    opened.print_rows(filter.after, filter.limit, page).await
}

async fn events(opened: &OpenLedger, filter: EventFilter) -> Result<(), CliError> {
    let page =
        async |after, limit| opened.ledger.events(EventFilter { after, limit, ..filter.clone() }).await;
    opened.print_rows(filter.after, filter.limit, page).await
}

async fn retry(opened: &OpenLedger, which: JobArgs) -> Result<(), CliError> {
    let which = match (which.state, which.jobs) {
        (state, jobs) if jobs.is_empty() => vec![Retry::All(state.unwrap_or(State::Failed))],
        (_, jobs) => {
            let mut named = Vec::new();
            for job in jobs {
                named.push(failed_job(opened, &job).await?);
            }
            named
        }
    };
    let mut retried = 0;
    for one in which {
        retried += opened.ledger.retry(one).await?;
    }
    if opened.json {
        print(serde_json::json!({ "retried": retried }))?;
    } else {
        print(format_args!("{} ready again, with all attempts", counted(retried, "job is", "jobs are")))?;
    }
    Ok(())
}

async fn reconcile_files(opened: &OpenLedger, missing: MissingFiles) -> Result<(), CliError> {
    let out = &opened.config.run.out;
    // Opening a store makes its folders; and in a wrong place every file is missing.
    if !out.is_dir() {
        return Err(CliError::Usage(format!(
            "there is no folder {}: --out names the one that holds the files",
            out.display()
        )));
    }
    let files: Arc<dyn FileInventory> = Arc::new(StoreInventory {
        store: open_store(&opened.config, out).await?,
        format: opened.config.artifacts.most_wanted(),
    });
    let missing = match missing {
        MissingFiles::Report => Missing::Report,
        MissingFiles::Again => Missing::DoAgain,
    };
    // What has taken longer than any side effect may is nobody's any more.
    let quiet = opened.config.ledger.rules.abandoned;
    let found = reconcile(&*opened.ledger, &files, quiet, missing).await?;
    if opened.json {
        print(json::reconciliation(&found))?;
    } else {
        print(tables::reconciliation(&found))?;
    }
    Ok(())
}

async fn import_file(file: &Path, settings: &SettingArgs, console: &Console) -> Result<Exit, CliError> {
    let config = console.load(settings)?;
    let out = &config.run.out;
    if config.ledger.url.is_none() {
        std::fs::create_dir_all(out).map_err(|source| CliError::Write { path: out.clone(), source })?;
    }
    let ledger = open_ledger(&config, out).await?;
    let imported = import::import(&*ledger, file).await;
    ledger.close().await;
    let import::Report { new, known, unreadable } = imported?;
    if console.output.json {
        print(serde_json::json!({ "imported": new, "known": known, "unreadable": unreadable }))?;
    } else {
        let place = LedgerPlace::of(&config, out);
        print(format_args!("{} imported into {place}", counted(new, "job is", "jobs are")))?;
        if known > 0 {
            print(format_args!(
                "{} there already, from an import that was cut off",
                counted(known, "job was", "jobs were")
            ))?;
        }
        if unreadable > 0 {
            print(format_args!(
                "{} left out: the other ledger could not read them",
                counted(unreadable, "row is", "rows are")
            ))?;
        }
    }
    Ok(Exit::Done)
}

/// A job that is retried because it was named: that it cannot be is told before anything is changed.
async fn failed_job(opened: &OpenLedger, job: &str) -> Result<Retry, CliError> {
    let key = opened.job(job).await?;
    // One that was set aside, and that somebody has mended, is neither.
    let found = opened.details(&key).await?.job;
    let state = found.state;
    let now = opened.ledger.now().await?;
    // Nor is one that a clock which was ahead has made ready later.
    let waits = found.owner.is_none() && found.ready_at.is_none_or(|at| at > now);
    if !matches!(state, State::Failed | State::Exhausted) && (state.is_done() || !waits) {
        return Err(CliError::Usage(format!(
            "`{job}` is {state}: only jobs that are {} or {} can be retried",
            State::Failed,
            State::Exhausted
        )));
    }
    Ok(Retry::Job(key))
}
