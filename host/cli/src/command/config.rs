//! `tierfall config`: start a configuration, show it, check it.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Subcommand;
use tierfall::run::{Program, SetupError};
use tierfall::{config, doctor};

use crate::args::SettingArgs;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{complain, print};
use crate::{settings, wash};

/// Start, show and check the configuration.
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
    /// Trust a configuration file that is only found in its folder, until it changes.
    ///
    /// A `tierfall.toml` in the folder where the program runs may choose tiers, budgets, output and policy. Whatever
    /// else it says (keys, plugins, proxies, folders elsewhere) holds only if you name it with --config, or trust it.
    Trust {
        /// The file.
        #[arg(default_value = "tierfall.toml")]
        file: PathBuf,
    },
}

impl ConfigCommand {
    pub async fn run(self, console: &Console) -> Result<Exit, CliError> {
        match self {
            Self::Init { path } => {
                let write = |source| CliError::Write { path: path.clone(), source };
                let mut file = std::fs::File::create_new(&path).map_err(write)?;
                file.write_all(config::init_text().as_bytes()).map_err(write)?;
                print(format_args!("wrote {}", path.display()))?;
            }
            Self::Show(settings) => {
                let config = console.load(&settings)?;
                settings::show(&config, console.output.json)?;
            }
            Self::Check(settings) => {
                let config = console.load(&settings)?;
                let survey = Program::survey(&config).await?;
                let (problems, findings) = doctor::configuration(&config, &survey).await;
                let notes: Vec<String> = findings.into_iter().map(|finding| finding.detail).collect();
                if !console.output.json && !console.output.quiet {
                    for note in &notes {
                        complain(format_args!("tierfall: note: {}", wash::line(note)));
                    }
                }
                if !problems.is_empty() {
                    return Err(SetupError::Configuration(problems).into());
                }
                let tiers = &survey.plan.tiers;
                let (tiers, sources) =
                    (tiers.len(), tiers.iter().map(|tier| tier.sources.len()).sum::<usize>());
                match console.output.json {
                    true => print(serde_json::json!({"tiers": tiers, "sources": sources, "notes": notes}))?,
                    false => {
                        print(format_args!("the configuration is sound: {tiers} tiers, {sources} sources"))?
                    }
                }
            }
            Self::Trust { file } => {
                let sha256 = config::trust(&file, settings::environment()?)?;
                match console.output.json {
                    true => print(serde_json::json!({"file": file, "sha256": sha256}))?,
                    false => print(format_args!("trusted as it is now: {} ({sha256})", file.display()))?,
                }
            }
        }
        Ok(Exit::Done)
    }
}
