//! Log lines: which are written, and in which form.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::wash;

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// A writer of log lines, each of which is washed first: the program's own have no colours.
struct Washed<W> {
    writer: W,
    format: Format,
}

impl<W: io::Write> io::Write for Washed<W> {
    /// Always a whole line.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        let washed = match self.format {
            Format::Text => wash::text(&line),
            Format::Json => wash::json(&line),
        };
        self.writer.write_all(washed.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Sends log lines to `writer`. `filter` is a level for Tierfall's own lines (what its libraries say is
/// then a level quieter), or directives by module as `RUST_LOG` has them.
pub fn init<W: io::Write>(filter: &str, format: Format, writer: impl Fn() -> W + Send + Sync + 'static) {
    let writer = move || Washed { writer: writer(), format };
    // Where a line cannot be written, nothing can be said about it either: the library would try, and panic.
    let subscriber =
        tracing_subscriber::fmt().with_writer(writer).with_ansi(false).log_internal_errors(false);
    // A second call, as in tests that run the program twice in one process, changes nothing.
    let _ = match format {
        Format::Text => subscriber.with_env_filter(directives(filter)).with_target(false).try_init(),
        Format::Json => subscriber.with_env_filter(directives(filter)).json().try_init(),
    };
}

/// Every crate of ours has this prefix, and directives match prefixes: one directive reaches all of them.
const OURS: &str = "tierfall";

fn directives(filter: &str) -> EnvFilter {
    let by_level = |level: LevelFilter| {
        let libraries = match level {
            LevelFilter::TRACE => LevelFilter::DEBUG,
            LevelFilter::OFF | LevelFilter::ERROR => level,
            _ => LevelFilter::WARN,
        };
        EnvFilter::new(format!("{libraries},{OURS}={level}"))
    };
    match filter.parse::<LevelFilter>() {
        Ok(level) => by_level(level),
        Err(_) => EnvFilter::try_new(filter).unwrap_or_else(|_| by_level(LevelFilter::WARN)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no test panics here").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_level_reaches_every_crate_of_ours_and_is_quieter_for_libraries() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_env_filter(directives("info"))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "tierfall::run", "one");
            tracing::info!(target: "tierfall_cli", "two");
            tracing::info!(target: "tierfall_http::client", "three");
            tracing::info!(target: "tierfall_input", "four");
            tracing::info!(target: "tierfall_ledger::client", "five");
            tracing::info!(target: "tierfall_sandbox", "six");
            tracing::debug!(target: "tierfall_http", "not this");
            tracing::info!(target: "hyper", "nor this");
            tracing::warn!(target: "hyper", "seven");
        });
        let text = String::from_utf8(lines.0.lock().expect("no test panics here").clone()).expect("UTF-8");
        let said: Vec<&str> = text.lines().filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(said, ["one", "two", "three", "four", "five", "six", "seven"], "{text}");
    }
}
