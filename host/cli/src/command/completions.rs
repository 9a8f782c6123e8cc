//! `tierfall completions`.

use clap::Args;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print_bytes;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub struct CompletionsCommand {
    shell: clap_complete::Shell,
}

impl CompletionsCommand {
    pub fn run(self, mut command_line: clap::Command) -> Result<Exit, CliError> {
        // In memory first: what is written there cannot fail.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command_line, "tierfall", &mut script);
        print_bytes(&script)?;
        Ok(Exit::Done)
    }
}
