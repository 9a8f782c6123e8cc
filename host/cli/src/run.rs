//! `run` and `worker`: works are walked, and it is told how that went.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::args::{RunArgs, SettingArgs, WorkerArgs};
use super::exit::Exit;
use super::output::{plan_summary_text, print, summary_text, works_table};
use super::progress::{Mode as ProgressMode, Progress};
use super::{CliError, Console, input};
use tierfall::config::Config;
use tierfall::run::{
    InputItem, Maintenance, Program, QueueMode, Run, RunError, StoreInventory, Summary, open_gate,
};
use tierfall_http::Mode;
use tierfall_ledger::LedgerClient;

pub async fn run(mut args: RunArgs, console: &Console) -> Result<Exit, CliError> {
    let works = input::works(args.works, &args.input)?;
    args.settings.ledger.enable_idempotency |= args.plan_only;
    let (config, program, gate) = ready(&args.settings, args.web.mode(), console).await?;
    let id = args.run_id.unwrap_or_else(new_run_id);
    let job = RunJob::new(&config, program, gate, id, console);
    if args.plan_only {
        let summary = job.watched(job.run.plan(works)).await?;
        if console.output.json {
            print(serde_json::json!({ "summary": summary }))?;
        } else if console.for_people() {
            print(plan_summary_text(&summary))?;
        }
        return Ok(Exit::from(&summary));
    }
    let summary = job.watched(job.run.go(works, &config.run.out)).await?;
    job.tell(&summary, console)?;
    if console.for_people() {
        print(format_args!("the files are in {}", config.run.out.display()))?;
    }
    Ok(Exit::from(&summary))
}

pub async fn worker(mut args: WorkerArgs, console: &Console) -> Result<Exit, CliError> {
    args.settings.ledger.enable_idempotency = true;
    let (config, program, gate) = ready(&args.settings, Mode::Live, console).await?;
    let until = if args.forever { QueueMode::Stopped } else { QueueMode::Empty };
    let job = RunJob::new(&config, program, gate, args.run_id.unwrap_or_else(new_run_id), console);
    let summary = job.watched(job.run.serve(until, &config.run.out)).await?;
    job.tell(&summary, console)?;
    if console.for_people() {
        print(format_args!("the files are in {}", config.run.out.display()))?;
    }
    Ok(Exit::from(&summary))
}

/// Runs over `works` without a ledger and tells how it went.
pub async fn go(
    config: &Config,
    program: Program,
    id: String,
    works: impl Iterator<Item = InputItem> + Send + 'static,
    console: &Console,
) -> Result<Summary, CliError> {
    let job = RunJob::new(config, program, LedgerClient::off(), id, console);
    let summary = job.watched(job.run.go(works, &config.run.out)).await?;
    job.tell(&summary, console)?;
    Ok(summary)
}

/// What must be there before the first work: the configuration, the plan, the output folder, the ledger.
async fn ready(
    settings: &SettingArgs,
    mode: Mode,
    console: &Console,
) -> Result<(Config, Program, LedgerClient), CliError> {
    let config = console.load(settings)?;
    let out = &config.run.out;
    let program = Program::assemble(&config, mode, out).await?;
    for skipped in program.plan.tiers.iter().flat_map(|tier| &tier.skipped) {
        tracing::info!("{} is not asked: {}", skipped.name, skipped.reason);
    }
    let gate = open_gate(&config, out, console.probe.clone()).await.map_err(RunError::from)?;
    Ok((config, program, gate))
}

/// A run, and what shows it.
struct RunJob {
    run: Run,
    progress: Arc<Progress>,
}

impl RunJob {
    fn new(config: &Config, program: Program, gate: LedgerClient, id: String, console: &Console) -> Self {
        let quiet = config.ledger.op_timeout;
        let mode = ProgressMode::choose(console.output.json, console.output.quiet);
        let progress = Progress::new(mode, console.bars.clone());
        let run = Run {
            id,
            plan: program.plan,
            acquirer: program.acquirer,
            reporter: Arc::clone(&progress) as _,
            workers: program.workers,
            gate,
            upkeep: Some(Maintenance { shelf: Arc::new(StoreInventory(program.store)), quiet }),
            stop: CancellationToken::new(),
        };
        Self { run, progress }
    }

    /// Ends cleanly when it is interrupted.
    async fn watched<T>(&self, work: impl Future<Output = Result<T, RunError>>) -> Result<T, CliError> {
        let interrupt = tokio::spawn(stop_on_interrupt(self.run.stop.clone()));
        let done = work.await;
        interrupt.abort();
        self.progress.finish();
        Ok(done?)
    }

    fn tell(&self, summary: &Summary, console: &Console) -> Result<(), CliError> {
        if console.output.json {
            print(serde_json::json!({ "summary": summary }))?;
        } else if console.for_people() {
            if let Some(lines) = self.progress.lines().filter(|lines| !lines.is_empty()) {
                print(works_table(&lines))?;
            }
            print(summary_text(summary))?;
        }
        Ok(())
    }
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

/// Sorts by time, and two runs of one second still differ.
fn new_run_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{:04x}", now.as_secs(), fastrand::u16(..))
}
