//! The program `tierfall`: arguments in, progress and tables out, an exit code at the end.
//!
//! Everything that a person or a script sees is here: the command line, what is printed, how signals end a run,
//! and what the exit code says. How works are found, fetched and proven is not known here; that is the library
//! `tierfall`. Use that one to embed Tierfall in another program: this crate exists for `src/main.rs`, for
//! tests that kill the program on purpose, and for tests of the documents.
//!
//! ```
//! // Every command, with its flags and help texts, as `tierfall --help` shows them.
//! let program = tierfall_cli::command_line();
//! let run = program.find_subcommand("run").expect("`tierfall run` is a command");
//! let flags: Vec<&str> = run.get_arguments().filter_map(|argument| argument.get_long()).collect();
//! assert!(flags.contains(&"input"));
//!
//! // A short call of the real program; `main` does the same with this process's arguments.
//! assert!(program.try_get_matches_from(["tierfall", "plan", "--json"]).is_ok());
//! ```
#![warn(missing_docs)]

mod args;
mod command;
mod confine;
mod console;
mod descriptors;
mod error;
mod exit;
mod export;
mod input;
mod json_log;
mod monitor;
mod output;
mod progress;
mod report;
mod session;
mod settings;
mod shutdown;
mod signal;
mod stderr;
mod table;
mod telemetry;
mod terminal;
mod wash;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tierfall_ledger::Probe;
use tierfall_sandbox::{COMPILE_ARGUMENT, compile_for_parent};

use self::command::Cli;
use self::console::Console;
use self::exit::Exit;

/// The whole program, with the arguments of this process.
///
/// # Exit codes
///
/// 0 every work has its file; 1 the program failed; 2 usage or configuration; 3 some works have no copy; 4 some
/// works failed in a way that may pass; 5 the ledger failed and nothing was to be done without it; 130,
/// 143 and 129 ended by Ctrl-C, SIGTERM and SIGHUP.
pub fn main() -> ExitCode {
    main_with(None)
}

/// As [`main`], with a probe that is called around every write to the ledger. Tests of crashes end the process
/// from it.
pub fn main_with(probe: Option<Probe>) -> ExitCode {
    let exit = run(probe);
    stderr::finish();
    exit
}

fn run(probe: Option<Probe>) -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == COMPILE_ARGUMENT) {
        return compile_for_parent();
    }
    output::complain_of_panics();
    if json_log::is_wanted() {
        json_log::switch_on();
    }
    let Cli { output, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && json_log::is_on() => {
            output::complain_of(error);
            return Exit::Usage.into();
        }
        Err(error) => error.exit(),
    };
    // Before there is a second thread: what is given up is given up by this one and those that it starts.
    let (held, made) = command.confine().map(|confined| (confined.held, confined.made)).unzip();
    descriptors::ask_for_enough();
    let console = Console::new(output, probe, held);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain_of(format_args!("failed to start: {error}"));
            return Exit::Failed.into();
        }
    };
    let exit = match runtime.block_on(command.run(&console)) {
        Ok(exit) => exit,
        Err(error) => {
            output::complain_of(&error);
            Exit::from(&error)
        }
    };
    if let Some(made) = made {
        made.remove_empty();
    }
    // A blocking thread may still wait for a terminal's input; the program must not wait for it.
    runtime.shutdown_background();
    exit.into()
}

/// The description of the command line: commands, arguments, help texts. Completion scripts and the tests of
/// the documents are made from it.
pub fn command_line() -> clap::Command {
    Cli::command()
}
