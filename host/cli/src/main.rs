//! The `tierfall` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tierfall_cli::main()
}
