//! How this call talks: what it prints, and where its log lines go.

use indicatif::MultiProgress;
use tierfall::config::{Config, LogFormat, Telemetry};
use tierfall_ledger::Probe;

use crate::args::{OutputArgs, SettingArgs};
use crate::error::CliError;
use crate::json_log;
use crate::output::complain;
use crate::{settings, stderr, telemetry, terminal, wash};

/// What every command is given beside its own arguments.
pub struct Console {
    pub output: OutputArgs,
    /// The progress bars on this terminal; lines are written above them.
    pub bars: MultiProgress,
    /// Called around every write to the ledger; only in tests.
    pub probe: Option<Probe>,
    /// What the process has given up.
    confined: Option<String>,
}

impl Console {
    pub fn new(output: OutputArgs, probe: Option<Probe>, confined: Option<String>) -> Self {
        let bars = terminal::bars();
        stderr::stay_above(bars.clone());
        Self { output, bars, probe, confined }
    }

    /// The configuration of this call. From here on log lines follow it.
    pub fn load(&self, args: &SettingArgs) -> Result<Config, CliError> {
        // Said first: what follows from it is often a mistake of its own.
        if !self.output.quiet {
            for note in settings::taken_as_text(args) {
                complain(format_args!("tierfall: {}", wash::line(&note)));
            }
        }
        let config = settings::load(args)?;
        self.start_logging(&config.telemetry);
        if let Some(confined) = &self.confined {
            tracing::info!("confined: {confined}");
        }
        if let Some(file) = config.file.as_ref().filter(|file| file.found && !self.output.quiet) {
            complain(format_args!("tierfall: configured by {}, which was found here", file.path.display()));
        }
        Ok(config)
    }

    pub fn start_logging(&self, config: &Telemetry) {
        let filter = match (self.output.quiet, self.output.verbose) {
            (true, _) => "error",
            (_, 0) => config.log.as_str(),
            (_, 1) => "info",
            (_, 2) => "debug",
            _ => "trace",
        };
        let format = match config.log_format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => {
                json_log::switch_on();
                telemetry::Format::Json
            }
        };
        telemetry::init(filter, format, || stderr::LogLines);
    }

    /// Whether a person reads what is printed.
    pub fn for_people(&self) -> bool {
        !self.output.json && !self.output.quiet
    }
}
