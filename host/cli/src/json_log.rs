//! Standard error as a log of JSON objects, one a line, and nothing else: also what would be words for people, what ends
//! the program, and what a panic says.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{stderr, wash};

static ON: AtomicBool = AtomicBool::new(false);

/// Whether standard error is such a log.
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Whether it is asked for where that shows before the configuration is read: what is said until then, and of a
/// configuration that cannot be read, is for the same reader.
pub fn is_wanted() -> bool {
    let asks = |argument: std::ffi::OsString| {
        argument.to_str().is_some_and(|argument| argument.ends_with("telemetry.log_format=json"))
    };
    std::env::var("TIERFALL_TELEMETRY_LOG_FORMAT").is_ok_and(|format| format == "json")
        || std::env::args_os().any(asks)
}

/// From here on everything is an object.
pub fn switch_on() {
    static PANICS: Once = Once::new();
    ON.store(true, Ordering::Relaxed);
    stderr::notice_by(|lines| line("WARN", &stderr::left_out(lines), Map::new()));
    PANICS.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let mut fields = Map::new();
            let trace = Backtrace::capture();
            if trace.status() == BacktraceStatus::Captured {
                fields.insert("backtrace".to_owned(), trace.to_string().into());
            }
            write("ERROR", &panic.to_string(), fields);
            stderr::settle();
        }));
    });
}

/// Writes one object, of the form that log lines have. Nobody may be there to read it: that ends nothing.
pub fn write(level: &str, message: &str, fields: Map<String, Value>) {
    stderr::write(line(level, message, fields));
}

fn line(level: &str, message: &str, fields: Map<String, Value>) -> Vec<u8> {
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let message = message.strip_prefix("tierfall: ").unwrap_or(message);
    let mut all = Map::new();
    all.insert("message".to_owned(), message.into());
    all.extend(fields);
    let object = json!({"timestamp": now, "level": level, "fields": all, "target": "tierfall"});
    format!("{}\n", wash::json(&object.to_string())).into_bytes()
}
