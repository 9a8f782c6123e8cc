//! What people read: tables, sizes, times, and colour that is never the only sign.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use tierfall::run::{Line, PlanSummary, Summary};
use tierfall::tiers::{EndReason, Status};

use crate::table::{self, Cell, CellAlignment, Color, Table};
use crate::{json_log, stderr, wash};

/// What may go to a terminal: made of text, which is washed, and of tables, whose cells are.
pub struct Page(String);

impl Page {
    /// Nothing yet.
    pub fn new() -> Self {
        Self(String::new())
    }

    pub fn text(mut self, text: impl fmt::Display) -> Self {
        self.0.push_str(&wash::text(&text.to_string()));
        self
    }

    pub fn table(mut self, table: &Table) -> Self {
        self.0.push_str(&table.to_string());
        self
    }

    /// One JSON value in one line.
    pub fn json(value: &impl serde::Serialize) -> Self {
        Self(wash::json(&serde_json::to_string(value).unwrap_or_default()).into_owned())
    }
}

impl From<Table> for Page {
    fn from(table: Table) -> Self {
        Self::new().table(&table)
    }
}

impl From<serde_json::Value> for Page {
    fn from(value: serde_json::Value) -> Self {
        Self::json(&value)
    }
}

impl From<fmt::Arguments<'_>> for Page {
    fn from(text: fmt::Arguments<'_>) -> Self {
        Self::new().text(text)
    }
}

impl From<String> for Page {
    fn from(text: String) -> Self {
        Self::new().text(text)
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prints to standard output; a reader that went away (`| head`) is no error.
pub fn print(page: impl Into<Page>) -> io::Result<()> {
    print_bytes(format!("{}\n", page.into()).as_bytes())
}

/// The same for what the program itself has made and no terminal needs to be protected from.
pub fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    stderr::settle();
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints what only tells of a run: that it cannot be written changes nothing about the run.
pub fn tell(page: impl Into<Page>) {
    if let Err(error) = print(page) {
        complain(format_args!("tierfall: standard output takes nothing ({error}); the manifest has it all"));
    }
}

/// Tells a person something on standard error. Nobody may be there to read it: that ends nothing. Where log lines are
/// JSON, so is this.
pub fn complain(text: impl fmt::Display) {
    match json_log::is_on() {
        true => json_log::write("INFO", &text.to_string(), serde_json::Map::new()),
        false => stderr::write(format!("{}\n", wash::text(&text.to_string())).into_bytes()),
    }
}

/// The same of what ends the program.
pub fn complain_of(error: impl fmt::Display) {
    match json_log::is_on() {
        true => json_log::write("ERROR", &error.to_string(), serde_json::Map::new()),
        false => complain(format_args!("tierfall: {error}")),
    }
}

/// From here on what a panic says goes the same way: it is to end a work, and not to wait for a reader.
pub fn complain_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        complain(format_args!("thread `{}` {panic}", thread.name().unwrap_or_default()));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            complain(trace);
        }
        stderr::settle();
    }));
}

/// The status of a work with a sign of its own.
pub fn status_cell(status: Status) -> Cell {
    let (sign, colour) = match status {
        Status::Stored => ("✔", Color::Green),
        Status::NoCopy => ("–", Color::Yellow),
        Status::Unresolved => ("?", Color::Yellow),
        Status::Failed | Status::Timeout => ("✘", Color::Red),
    };
    Cell::new(format!("{sign} {status}")).fg(colour)
}

/// The table of works at the end of a run. In a narrow terminal it says less, each work in one line.
pub fn works_table(lines: &[Line]) -> Table {
    match table::width() {
        Some(width) if width < WIDE => narrow_table(lines, width),
        _ => wide_table(lines),
    }
}

/// Columns that the whole table needs.
const WIDE: usize = 120;

fn wide_table(lines: &[Line]) -> Table {
    let mut table = Table::new(&["work", "status", "source", "version", "licence", "size", "time", "reason"]);
    for line in lines {
        let file = line.file.as_ref();
        let license = file.and_then(|file| file.license.as_deref());
        table.add_row(vec![
            Cell::new(shorten(&line.work_id, 48)),
            status_cell(line.status),
            Cell::new(file.map_or("", |file| &file.source)),
            Cell::new(file.map_or("", |file| file.version.label())),
            Cell::new(shorten(license.unwrap_or(""), 28)),
            Cell::new(file.map(|file| size(file.bytes)).unwrap_or_default())
                .set_alignment(CellAlignment::Right),
            Cell::new(time(Duration::from_millis(line.ms))).set_alignment(CellAlignment::Right),
            Cell::new(line.reason.map_or("", EndReason::code)),
        ]);
    }
    table
}

fn narrow_table(lines: &[Line], width: usize) -> Table {
    // What the borders, the status and the last column take.
    const OTHERS: usize = 46;
    let mut table = Table::new(&["work", "status", "from, or why not"]);
    for line in lines {
        let what = match &line.file {
            Some(file) => format!("{}, {}", file.source, file.version.label()),
            None => line.reason.map_or("", EndReason::code).to_owned(),
        };
        table.add_row(vec![
            Cell::new(shorten(&line.work_id, width.saturating_sub(OTHERS).max(16))),
            status_cell(line.status),
            Cell::new(shorten(&what, 24)),
        ]);
    }
    table
}

/// The counts at the end of a run, in a few lines.
pub fn summary_text(summary: &Summary) -> String {
    let mut text = format!(
        "{}: {} stored ({}), {} without a copy, {} failed in a way that may pass",
        counted(summary.works, "work", "works"),
        summary.stored,
        size(summary.bytes),
        summary.no_copy,
        summary.failed
    );
    if summary.unresolved > 0 {
        let works = counted(summary.unresolved, "work is", "works are");
        text.push_str(&format!(
            "\n{works} known by title alone, and not resolved: the manifest names the nearest record"
        ));
    }
    let mut list = |title: &str, counts: &std::collections::BTreeMap<String, u64>| {
        if !counts.is_empty() {
            let mut counts: Vec<_> = counts.iter().collect();
            counts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
            let counts: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            text.push_str(&format!("\n{title}: {}", counts.join(", ")));
        }
    };
    list("from", &summary.by_source);
    list("not stored", &summary.by_reason);
    for (source, failures) in &summary.failed_sources {
        let times = counted(failures.count, "time", "times");
        text.push_str(&format!(
            "\n{source} could not answer {times}, first: {}",
            shorten(&failures.first, 200)
        ));
    }
    if summary.done_before > 0 {
        let works = counted(summary.done_before, "work was", "works were");
        text.push_str(&format!("\n{works} done before and skipped: nothing was fetched for them"));
    }
    if summary.elsewhere > 0 {
        let files = counted(summary.elsewhere, "file", "files");
        text.push_str(&format!(
            "\n{files} of theirs are not in this folder: they are another one's, or gone (`tierfall ledger \
             reconcile --missing again` has them fetched again)"
        ));
    }
    if summary.pending > 0 {
        let works = counted(summary.pending, "work", "works");
        text.push_str(&format!(
            "\n{works} failed before and were not tried now: `tierfall ledger list --state FAILED` says when \
             they will be, `tierfall ledger retry WORK` makes it now"
        ));
    }
    if !summary.silent_sources.is_empty() {
        let silent: Vec<_> =
            summary.silent_sources.iter().map(|(source, hours)| format!("{source} ({hours} h)")).collect();
        text.push_str(&format!(
            "\nanswered nobody for a day or more: {} (`tierfall doctor` says why)",
            silent.join(", ")
        ));
    }
    if !summary.ledger_failures.is_empty() {
        let operations: Vec<_> =
            summary.ledger_failures.iter().map(|(operation, count)| format!("{operation} {count}")).collect();
        text.push_str(&format!("\nthe ledger failed and was done without: {}", operations.join(", ")));
    }
    input_text(&mut text, summary.bad_entries, summary.repeats);
    if let Some(why) = &summary.unreachable {
        text.push_str(&format!(
            "\nnothing can be reached: {why}\nno work was touched: run again once that is mended"
        ));
    }
    if summary.interrupted {
        text.push_str("\ninterrupted: what had ended is in the manifest, and the rest can be run again");
    }
    text
}

/// What planning came to, in a line or two.
pub fn plan_summary_text(summary: &PlanSummary) -> String {
    let mut text = format!(
        "{} planned; {} were planned before, {} are done",
        counted(summary.new, "work", "works"),
        summary.known,
        summary.done
    );
    input_text(&mut text, summary.bad_entries, summary.repeats);
    text
}

fn input_text(text: &mut String, bad_entries: u64, repeats: u64) {
    if bad_entries > 0 {
        let entries = counted(bad_entries, "entry", "entries");
        text.push_str(&format!("\n{entries} of the input could not be read"));
    }
    if repeats > 0 {
        let entries = counted(repeats, "entry", "entries");
        text.push_str(&format!("\n{entries} named a work that was already asked for"));
    }
}

pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Bytes with a decimal unit, as file managers show them.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A duration in the unit that reads best.
pub fn time(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else if duration < Duration::from_secs(60) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", duration.as_secs() / 60, duration.as_secs() % 60)
    }
}

/// Milliseconds since the epoch as a date and a time of day, the same wherever it is read.
pub fn instant(ms: i64) -> String {
    match time::UtcDateTime::from_unix_timestamp(ms.div_euclid(1000)) {
        Ok(at) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        ),
        // Beyond the calendar: whatever it is, it is shown.
        Err(_) => format!("{ms} ms"),
    }
}

/// The text with its middle left out, where it is longer than `most` characters.
pub fn shorten(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most / 2).collect();
    let tail: String = text.chars().skip(count - (most - most / 2 - 1)).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_well() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_000), "1.0 kB");
        assert_eq!(size(999_990), "1.0 MB");
        assert_eq!(size(1_234_567), "1.2 MB");
        assert_eq!(time(Duration::from_millis(999)), "999 ms");
        assert_eq!(time(Duration::from_millis(1500)), "1.5 s");
        assert_eq!(time(Duration::from_secs(61)), "1 min 01 s");
    }

    #[test]
    fn instants_are_told_in_utc() {
        assert_eq!(instant(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(instant(1_700_000_000_999), "2023-11-14 22:13:20 UTC");
        assert_eq!(instant(-1), "1969-12-31 23:59:59 UTC");
        assert_eq!(instant(i64::MAX), "9223372036854775807 ms");
    }

    #[test]
    fn long_texts_keep_their_ends() {
        assert_eq!(shorten("abcdefgh", 5), "ab…gh");
        assert_eq!(shorten("abc", 5), "abc");
    }
}
