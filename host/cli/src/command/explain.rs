//! `tierfall explain`: the whole trail of one work as a tree.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use tierfall::acquire::NoJournal;
use tierfall::config::Config;
use tierfall::run::{Line, Program, Summary, WorkRequest, find_ledger, find_line, job_key, kept_line};
use tierfall::tiers::{AcquisitionEntry, AttemptEntry, EndReason, Proposal, race};
use tierfall_ids::{InvalidId, WorkId};
use tierfall_proof::Evidence;
use tierfall_sandbox::RequestReport;
use tierfall_work::{ArtifactFormat, Work};

use crate::args::{SettingArgs, WebArgs};
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Page, complain, counted, print, size, time};
use crate::shutdown;
use crate::wash;

/// Show the whole trail of one work: what the last run into the folder left, or what would happen now.
#[derive(Debug, Args)]
pub struct ExplainCommand {
    /// One work, in any spelling.
    work: String,
    /// Ask anew, also where an earlier run left a trail; nothing is stored.
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    pub(super) web: WebArgs,
    #[command(flatten)]
    pub(super) settings: SettingArgs,
}

impl ExplainCommand {
    pub async fn run(self, console: &Console) -> Result<Exit, CliError> {
        let id = self.work.parse().map_err(|error: InvalidId| CliError::Usage(error.to_string()))?;
        let mut config = console.load(&self.settings)?;
        let work = Work::new(id);
        let is_live = self.web.replay.is_none() && self.web.record.is_none();
        if !self.again
            && is_live
            && let Some((line, place)) = stored_trail(&config, &work).await?
        {
            if console.for_people() {
                complain(format_args!(
                    "tierfall: as {place} has it, of run {}; --again asks anew",
                    line.run_id
                ));
            }
            return show(&line, console);
        }
        // What is fetched to be judged goes to a folder that is gone afterwards.
        let folder =
            tempfile::tempdir().map_err(|source| CliError::Write { path: std::env::temp_dir(), source })?;
        // Nothing is stored, so that no store is asked whether it could be.
        config.run.store = None;
        let program = Program::assemble(&config, self.web.mode(), folder.path()).await?;
        let outcome = tokio::select! {
            outcome = race::run(&program.plan, work, program.acquirer.as_ref(), &NoJournal, &()) => outcome,
            signal = shutdown::ended() => return Ok(signal.into()),
        };
        let request = WorkRequest { input: self.work, entry: None, work: outcome.work.as_ref().clone() };
        let (line, _not_stored) = Line::new("explain", request, outcome);
        if program.reach.give_up() {
            let why = program.reach.outage().await;
            complain(format_args!("tierfall: nothing can be reached: {why}"));
        }
        show(&line, console)
    }
}

/// What an earlier run left of a work, and where: in the manifest, or in the ledger if there is one.
async fn stored_trail(config: &Config, work: &Work) -> Result<Option<(Line, String)>, CliError> {
    let out = &config.run.out;
    let keys: Vec<String> = work.ids.iter().map(WorkId::key).collect();
    let path = out.join("manifest.jsonl");
    let read = |source| CliError::Read { path: path.clone(), source };
    if let Some(line) = find_line(out, &keys).map_err(read)? {
        return Ok(Some((line, path.display().to_string())));
    }
    if !config.ledger.enabled {
        return Ok(None);
    }
    // A ledger that is not there, or does not answer, has nothing to tell.
    let Ok(ledger) = find_ledger(config, out).await else { return Ok(None) };
    let mut found: Option<Line> = None;
    for format in ArtifactFormat::ALL {
        let Ok(Some(details)) = ledger.show(&job_key(&work.key(), format)).await else { continue };
        let line = details.job.result.as_ref().and_then(|result| kept_line(&work.key(), result));
        match (&mut found, line) {
            // What is stored says more than that another form is not.
            (Some(found), Some(line)) if found.file.is_some() => found.also.extend(line.file),
            (Some(_), Some(line)) if line.file.is_none() => {}
            (_, Some(line)) => found = Some(line),
            (_, None) => {}
        }
    }
    Ok(found.map(|line| (line, "the ledger".to_owned())))
}

fn show(line: &Line, console: &Console) -> Result<Exit, CliError> {
    let mut summary = Summary::default();
    summary.count_line(line);
    if console.output.json {
        print(Page::json(line))?;
    } else {
        print(tree(line))?;
    }
    Ok(Exit::from(&summary))
}

/// Draws the trail: tiers, their attempts, the candidates of each, and how each candidate ended.
fn tree(line: &Line) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}", wash::line(&line.work_id));
    if let Some(title) = &line.title {
        let year = line.year.map(|year| format!(" ({year})")).unwrap_or_default();
        let _ = writeln!(text, "  {}{year}", wash::line(title));
    }
    let mut tiers: Vec<&str> = Vec::new();
    for attempt in line.trail.attempts() {
        if !tiers.contains(&attempt.tier.as_str()) {
            tiers.push(&attempt.tier);
        }
    }
    let acquisitions: Vec<&AcquisitionEntry> = line.trail.acquisitions().collect();
    for tier in tiers {
        let _ = writeln!(text, "├─ {tier}");
        let attempts: Vec<&AttemptEntry> =
            line.trail.attempts().filter(|attempt| attempt.tier == tier).collect();
        for (at, attempt) in attempts.iter().enumerate() {
            let last = at + 1 == attempts.len();
            let stem = if last { "│     " } else { "│  │  " };
            let _ = writeln!(
                text,
                "│  {} {}",
                if last { "└─" } else { "├─" },
                wash::line(&attempt_text(attempt))
            );
            for request in &attempt.requests {
                let _ = writeln!(text, "{stem}· {}", wash::line(&request_text(request)));
            }
            for note in &attempt.notes {
                let _ = writeln!(text, "{stem}! {}", wash::line(note));
            }
            for candidate in &attempt.candidates {
                let _ = writeln!(text, "{stem}{}", wash::line(&candidate_text(candidate)));
                let ended = acquisitions
                    .iter()
                    .find(|acquired| acquired.url == candidate.url && acquired.source == attempt.source);
                let _ = writeln!(text, "{stem}    {}", wash::line(&verdict_text(ended.copied())));
            }
        }
    }
    let last = line.files().count();
    for (at, file) in line.files().enumerate() {
        let form = match file.format {
            ArtifactFormat::Pdf => "",
            ArtifactFormat::Jats => "JATS, ",
        };
        let (branch, stem) = if at + 1 == last { ("└─", "  ") } else { ("├─", "│ ") };
        let _ = writeln!(
            text,
            "{branch} ✔ stored: {form}{} from {}, identity {}, sha256 {}",
            size(file.bytes),
            file.source,
            file.identity.label(),
            file.sha256
        );
        for sentence in file.proof.iter().flat_map(Evidence::sentences) {
            let _ = writeln!(text, "{stem}   {}", wash::line(&sentence));
        }
    }
    if last == 0 {
        let _ = writeln!(
            text,
            "└─ ✘ {}: {}{}",
            line.status,
            line.reason.map_or("no reason recorded", EndReason::code),
            if line.retry { "; something that failed may pass, so another run can help" } else { "" }
        );
    }
    text.truncate(text.trim_end().len());
    text
}

fn attempt_text(attempt: &AttemptEntry) -> String {
    let mut text = format!("{}: {}", attempt.source, attempt.outcome.label());
    if attempt.ms > 0 {
        let _ = write!(text, ", {}", time(Duration::from_millis(attempt.ms)));
    }
    if !attempt.detail.is_empty() {
        let _ = write!(text, " ({})", attempt.detail);
    }
    text
}

fn request_text(request: &RequestReport) -> String {
    let mut text = format!("{} {}: ", request.method, request.url);
    match request.status {
        Some(status) => {
            let _ = write!(text, "{status}");
        }
        None => text.push_str(&request.error),
    }
    let ms = |ms| time(Duration::from_millis(ms));
    let _ = write!(text, ", {}", ms(request.ms));
    if request.retries > 0 {
        let _ = write!(text, ", {}", counted(request.retries.into(), "retry", "retries"));
    }
    if request.waited_ms > 0 {
        let _ = write!(text, ", {} of it waiting", ms(request.waited_ms));
    }
    text
}

fn candidate_text(candidate: &Proposal) -> String {
    let license = candidate.license.as_deref().map(|license| format!(", {license}")).unwrap_or_default();
    format!(
        "→ {} [{}{license}; {}: {}]",
        candidate.url,
        candidate.version.label(),
        candidate.basis.label(),
        candidate.evidence
    )
}

fn verdict_text(ended: Option<&AcquisitionEntry>) -> String {
    let Some(ended) = ended else { return "not fetched".to_owned() };
    let sign = if ended.rejected.is_none() { "✔" } else { "✘" };
    let mut text = format!("{sign} {}", ended.verdict());
    if let Some(status) = ended.status {
        let _ = write!(text, ", HTTP {status}");
    }
    let _ = write!(text, ", {}, {}", size(ended.bytes), time(Duration::from_millis(ended.ms)));
    if !ended.detail.is_empty() {
        let _ = write!(text, " ({})", ended.detail);
    }
    text
}
