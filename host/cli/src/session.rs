//! A run as the commands `run`, `worker` and `demo` share it: opened, shown while it goes on, ended by signals.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tierfall::config::Config;
use tierfall::run::{Program, Run, RunError, Summary, new_run_id, open_client};
use tierfall_http::Mode;
use tierfall_ledger::LedgerClient;

use crate::args::SettingArgs;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::monitor::Monitor;
use crate::output::{complain, print, summary_text, tell, works_table};
use crate::progress::{Mode as ProgressMode, Progress};
use crate::shutdown::{self, Ending};
use crate::signal::Signal;

/// A run, and the progress that shows it.
pub struct RunSession {
    pub run: Run,
    /// How long works in hand may take to end once the run is told to.
    pub grace: Duration,
    progress: Arc<Progress>,
    monitor: Option<Monitor>,
    /// What told the run to end.
    signal: Arc<OnceLock<Signal>>,
}

impl RunSession {
    /// Opens what must be there before the first work: configuration, plan, output folder, ledger. `run_id` is
    /// the one that the user chose.
    pub async fn open(
        settings: &SettingArgs,
        mode: Mode,
        run_id: Option<String>,
        console: &Console,
    ) -> Result<(Config, Self), CliError> {
        tokio::select! {
            opened = Self::opened(settings, mode, run_id, console) => opened,
            // Also as the first process of a container, for which the system ends nothing.
            signal = shutdown::ended() => Err(CliError::Ended(signal)),
        }
    }

    async fn opened(
        settings: &SettingArgs,
        mode: Mode,
        run_id: Option<String>,
        console: &Console,
    ) -> Result<(Config, Self), CliError> {
        let config = console.load(settings)?;
        let run_id = run_id.unwrap_or_else(new_run_id);
        let monitor = Monitor::start(&config, &run_id, console.output.quiet).await?;
        let out = &config.run.out;
        let program = Program::assemble(&config, mode, out).await?;
        if !console.output.quiet {
            for skipped in program.plan.tiers.iter().flat_map(|tier| &tier.skipped) {
                complain(format_args!("tierfall: {} is not asked: {}", skipped.name.source, skipped.reason));
            }
        }
        let ledger = open_client(&config, out, console.probe.clone()).await.map_err(RunError::from)?;
        let mut session = Self::new(&config, &program, ledger, run_id, console);
        monitor.ready(&session.run);
        session.monitor = Some(monitor);
        Ok((config, session))
    }

    pub fn new(
        config: &Config,
        program: &Program,
        ledger: LedgerClient,
        run_id: String,
        console: &Console,
    ) -> Self {
        let mode = ProgressMode::choose(console.output.json, console.output.quiet);
        let progress = Progress::new(mode, console.bars.clone());
        progress.watch(program.queues.clone(), program.outages.clone());
        let run = program.run(config, run_id, ledger, Arc::clone(&progress) as _);
        Self { run, grace: Duration::ZERO, progress, monitor: None, signal: Arc::default() }
    }

    /// Awaits `work`, which ends cleanly when a signal says so.
    pub async fn until_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T, RunError>>,
    ) -> Result<T, CliError> {
        let signal = Arc::clone(&self.signal);
        let told = move |first| {
            let _ = signal.set(first);
        };
        let following = tokio::spawn(Ending::of(&self.run, self.grace).follow(told));
        let done = work.await;
        following.abort();
        self.progress.finish();
        if let Some(monitor) = &self.monitor {
            monitor.finish().await;
        }
        Ok(done?)
    }

    /// How the program ends after what the run came to.
    pub fn exit(&self, came_to: impl Into<Exit>) -> Exit {
        match (came_to.into(), self.signal.get()) {
            (Exit::Interrupted, Some(signal)) => (*signal).into(),
            (exit, _) => exit,
        }
    }

    /// Prints what the run came to. For people that is news; for a program it is what it has asked for.
    pub fn show(&self, summary: &Summary, console: &Console) -> Result<(), CliError> {
        if console.output.json {
            self.progress.written()?;
            print(serde_json::json!({ "summary": summary }))?;
            // Whoever reads JSON reads this too, where it may stand in a log.
            if let Some(why) = summary.unreachable.as_ref().filter(|_| !console.output.quiet) {
                complain(format_args!("tierfall: nothing can be reached: {why}"));
            }
        } else if console.for_people() {
            if let Some(lines) = self.progress.lines().filter(|lines| !lines.is_empty()) {
                tell(works_table(&lines));
            }
            tell(summary_text(summary));
        }
        Ok(())
    }
}
