//! `tierfall completions`.

use std::io;

use clap::Args;

use crate::exit::Exit;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub struct CompletionsCommand {
    shell: clap_complete::Shell,
}

impl CompletionsCommand {
    pub fn run(self, mut command_line: clap::Command) -> Exit {
        clap_complete::generate(self.shell, &mut command_line, "tierfall", &mut io::stdout());
        Exit::Done
    }
}
