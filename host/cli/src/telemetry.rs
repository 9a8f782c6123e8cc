//! What the program says about itself while it works.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// Sends log lines to `writer`. `filter` is a level for Tierfall's own lines (what its libraries say is
/// then a level quieter), or directives by module as `RUST_LOG` has them.
pub fn init<W>(filter: &str, format: Format, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false);
    // A second call, as in tests that run the program twice in one process, changes nothing.
    let _ = match format {
        Format::Text => subscriber.with_env_filter(directives(filter)).with_target(false).try_init(),
        Format::Json => subscriber.with_env_filter(directives(filter)).json().try_init(),
    };
}

fn directives(filter: &str) -> EnvFilter {
    let by_level = |level: LevelFilter| {
        let libraries = match level {
            LevelFilter::TRACE => LevelFilter::DEBUG,
            LevelFilter::OFF | LevelFilter::ERROR => level,
            _ => LevelFilter::WARN,
        };
        EnvFilter::new(format!("{libraries},tierfall={level}"))
    };
    match filter.parse::<LevelFilter>() {
        Ok(level) => by_level(level),
        Err(_) => EnvFilter::try_new(filter).unwrap_or_else(|_| by_level(LevelFilter::WARN)),
    }
}
