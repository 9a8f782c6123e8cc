//! The real program, killed at a point of one's choice: what tests of crashes run in place of it.
//!
//! A point is a write to the ledger, before or after it, as in `complete FINALIZE before`. `KILL_AT` names one, with
//! the number of the time that it is come to (`complete FINALIZE before:1`), and the process kills itself there, as
//! hard as `kill -9` would; at `PANIC_AT` it panics instead, and at `STOP_AT` it stops until somebody has it go on. `LIST_POINTS_TO` names a file that every point is added to as it
//! is passed.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};

use tierfall_ledger::Probe;

fn main() -> ExitCode {
    let kill_at = std::env::var("KILL_AT").ok();
    let stop_at = std::env::var("STOP_AT").ok();
    let panic_at = std::env::var("PANIC_AT").ok();
    let list = std::env::var_os("LIST_POINTS_TO");
    // The program takes none of them for a setting of its own.
    let passed: Mutex<HashMap<String, u32>> = Mutex::default();
    let probe = Probe(Arc::new(move |point: &str| {
        let mut passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
        let times = passed.entry(point.to_owned()).or_insert(0);
        *times += 1;
        let here = format!("{point}:{times}");
        if let Some(list) = &list {
            let mut file = OpenOptions::new().create(true).append(true).open(list).expect("a writable list");
            writeln!(file, "{here}").expect("a writable list");
        }
        if kill_at.as_deref() == Some(here.as_str()) {
            kill_self();
        }
        if stop_at.as_deref() == Some(here.as_str()) {
            signal_self("-STOP").expect("a program that sends signals");
            // The stop comes to each thread in its own time; until then nothing is to go on.
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        assert_ne!(panic_at.as_deref(), Some(here.as_str()), "a panic that was asked for");
    }));
    tierfall_cli::main_with(Some(probe))
}

/// SIGKILL cannot be caught, and leaves nobody time to tidy up.
fn kill_self() -> ! {
    let killed = signal_self("-KILL");
    // Not reached where there is a `kill`.
    panic!("this process could not kill itself: {killed:?}");
}

fn signal_self(signal: &str) -> std::io::Result<ExitStatus> {
    Command::new("kill").args([signal, &std::process::id().to_string()]).status()
}
