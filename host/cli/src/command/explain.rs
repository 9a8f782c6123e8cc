//! `tierfall explain`: the whole trail of one work as a tree.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use tierfall::acquire::NoJournal;
use tierfall::run::{Line, Program, Summary};
use tierfall::tiers::{AcquisitionEntry, AttemptEntry, EndReason, Proposal, race};
use tierfall_ids::InvalidId;
use tierfall_proof::Evidence;
use tierfall_work::Work;

use crate::args::{SettingArgs, WebArgs};
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Page, print, size, time};
use crate::wash;

/// Try one work under the plan and show its whole trail; nothing is stored.
#[derive(Debug, Args)]
pub struct ExplainCommand {
    /// One work, in any spelling.
    work: String,
    #[command(flatten)]
    pub(super) web: WebArgs,
    #[command(flatten)]
    pub(super) settings: SettingArgs,
}

impl ExplainCommand {
    pub async fn run(self, console: &Console) -> Result<Exit, CliError> {
        let id = self.work.parse().map_err(|error: InvalidId| CliError::Usage(error.to_string()))?;
        let config = console.load(&self.settings)?;
        // What is fetched to be judged goes to a folder that is gone afterwards.
        let folder =
            tempfile::tempdir().map_err(|source| CliError::Write { path: std::env::temp_dir(), source })?;
        let program = Program::assemble(&config, self.web.mode(), folder.path()).await?;
        let outcome = tokio::select! {
            outcome = race::run(&program.plan, Work::new(id), program.acquirer.as_ref(), &NoJournal, &()) => outcome,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
        };
        let (line, _not_stored) = Line::new("explain", self.work, outcome);
        let mut summary = Summary::default();
        summary.count_line(&line);
        if console.output.json {
            print(Page::json(&line))?;
        } else {
            print(tree(&line))?;
        }
        Ok(Exit::from(&summary))
    }
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
    let _ = match &line.file {
        Some(file) => {
            let _ = writeln!(
                text,
                "└─ ✔ stored: {} from {}, identity {}, sha256 {}",
                size(file.bytes),
                file.source,
                file.identity.label(),
                file.sha256
            );
            let sentences = file.proof.iter().flat_map(Evidence::sentences);
            sentences.for_each(|sentence| {
                let _ = writeln!(text, "     {}", wash::line(&sentence));
            });
            Ok(())
        }
        None => writeln!(
            text,
            "└─ ✘ {}: {}{}",
            line.status,
            line.reason.map_or("no reason recorded", EndReason::code),
            if line.retry { "; something that failed may pass, so another run can help" } else { "" }
        ),
    };
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
