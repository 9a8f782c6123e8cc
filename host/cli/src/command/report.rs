//! `tierfall report`: what runs into a folder came to, as a page and as tables.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use tierfall::config::Config;
use tierfall::run::find_ledger;
use tierfall_ledger::{JobFilter, State};

use crate::args::SettingArgs;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print;
use crate::report::{self, WorkLine, Works};

/// Write what was found and what is missing, why, and what to do next: report.html, missing.csv, works.csv, prisma.csv.
#[derive(Debug, Args)]
pub struct ReportCommand {
    /// The folder for the files [default: the output folder].
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    #[command(flatten)]
    pub(super) settings: SettingArgs,
}

impl ReportCommand {
    pub async fn run(self, console: &Console) -> Result<Exit, CliError> {
        let config = console.load(&self.settings)?;
        let files = write(&config, self.to.as_deref()).await?;
        match console.output.json {
            true => print(json!({ "files": files }))?,
            false => print(format_args!("wrote {}", listed(&files)))?,
        }
        Ok(Exit::Done)
    }
}

/// Writes the report of an output folder. Of its ledger, where it has one and no manifest, or the ledger is another.
pub async fn write(config: &Config, to: Option<&Path>) -> Result<Vec<PathBuf>, CliError> {
    let out = &config.run.out;
    let manifest = out.join("manifest.jsonl");
    let (works, from) = match manifest.is_file() && config.ledger.url.is_none() {
        true => {
            let path = manifest.clone();
            let read = tokio::task::spawn_blocking(move || report::read_manifest(&path)).await;
            let works = read.map_err(io::Error::other).and_then(|works| works);
            (
                works.map_err(|source| CliError::Read { path: manifest.clone(), source })?,
                manifest.display().to_string(),
            )
        }
        false
            if !manifest.is_file() && config.ledger.url.is_none() && !out.join("ledger.sqlite").is_file() =>
        {
            return Err(CliError::Usage(format!(
                "there is no {}: give the folder of a run with --out DIR, or its ledger with --ledger",
                manifest.display()
            )));
        }
        false => (of_ledger(config).await?, "the ledger".to_owned()),
    };
    let folder = to.unwrap_or(out);
    let failed = |source| CliError::Write { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    report::write(&works, folder, &format!("From {from}."), config.report.openurl.as_deref()).map_err(failed)
}

pub fn listed(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Every job of the ledger, a page at a time.
async fn of_ledger(config: &Config) -> Result<Works, CliError> {
    const PAGE: u32 = 500;
    let ledger = find_ledger(config, &config.run.out).await?;
    let mut works = Works::default();
    let mut after = 0;
    loop {
        let filter = JobFilter { state: None, after, limit: PAGE };
        let page = ledger.list(filter).await?;
        let Some(last) = page.last() else { return Ok(works) };
        after = tierfall_ledger::UnreadableRow::id_of(last, |job| job.id);
        // A row that cannot be read is named by `tierfall ledger list`.
        for job in page.iter().flatten() {
            let line = match (job.state, &job.result) {
                (
                    State::Indexed | State::Deduped | State::SkippedDuplicate | State::Exhausted,
                    Some(result),
                ) => {
                    let line = result.get("duplicate_of").and(result.get("result")).unwrap_or(result);
                    serde_json::from_value(line.clone()).unwrap_or_default()
                }
                (State::Failed, _) => WorkLine {
                    status: "failed".to_owned(),
                    reason: Some(job.reason.clone().unwrap_or_else(|| "unknown".to_owned())),
                    retry: true,
                    ..WorkLine::default()
                },
                _ => WorkLine {
                    status: "planned".to_owned(),
                    reason: Some("not_tried_yet".to_owned()),
                    retry: true,
                    ..WorkLine::default()
                },
            };
            let known = |name: &str| job.work.pointer(&format!("/work/known/{name}/value"));
            works.add(&WorkLine {
                work_id: job.work_id.clone(),
                title: line
                    .title
                    .clone()
                    .or_else(|| known("title").and_then(Value::as_str).map(str::to_owned)),
                year: line.year.or_else(|| {
                    known("year").and_then(Value::as_u64).and_then(|year| u16::try_from(year).ok())
                }),
                ..line
            });
        }
    }
}
