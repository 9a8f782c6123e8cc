//! `tierfall run`: works in, files and a manifest out.

use clap::Args;

use crate::args::{InputArgs, SettingArgs, WebArgs};
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::input;
use crate::output::{plan_summary_text, print, tell};
use crate::session::RunSession;

/// Fetch the full text of works.
#[derive(Debug, Args)]
pub struct RunCommand {
    /// Works: DOI, arXiv id, PMID, PMCID, OpenAlex id or URL, in any spelling.
    works: Vec<String>,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    pub(super) web: WebArgs,
    #[command(flatten)]
    pub(super) settings: SettingArgs,
    /// Names this run; a new name is made otherwise.
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// Only note the works in the ledger, for workers to fetch; implies --enable-idempotency.
    #[arg(long)]
    plan_only: bool,
}

impl RunCommand {
    pub async fn run(mut self, console: &Console) -> Result<Exit, CliError> {
        let works = input::works(self.works, &self.input)?;
        self.settings.ledger.enable_idempotency |= self.plan_only;
        let mode = self.web.mode();
        let (config, session) = RunSession::open(&self.settings, mode, self.run_id, console).await?;
        if self.plan_only {
            let summary = session.until_interrupted(session.run.plan(works)).await?;
            if console.output.json {
                print(serde_json::json!({ "summary": summary }))?;
            } else if console.for_people() {
                tell(plan_summary_text(&summary));
            }
            return Ok(Exit::from(&summary));
        }
        let summary = session.until_interrupted(session.run.go(works, &config.run.out)).await?;
        session.show(&summary, console)?;
        if console.for_people() {
            tell(format_args!("the files are in {}", config.run.out.display()));
        }
        Ok(Exit::from(&summary))
    }
}
