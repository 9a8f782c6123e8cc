//! The ledger's rows for people.

use std::io;

use serde_json::Value;

use crate::output::{Page, counted, instant, print, shorten, time};
use crate::table::{Cell, CellAlignment, Table};
use tierfall::run::LedgerPlace;
use tierfall_ledger::{Counts, Due, EventRecord, JobRecord, Reconciliation, State, UnreadableRow};

/// Digits of a key that are shown: with a million jobs, two share them once in millions of ledgers.
const KEY: usize = 12;

/// Of a list that only matters if it is short, so many are named.
const NAMED: usize = 20;

pub fn status(place: &LedgerPlace, counts: &Counts, next_at: Option<Due>) -> Page {
    let mut table = Table::new(&["state", "jobs"]);
    let mut jobs = 0;
    for (state, count) in counts.states.iter().filter(|(_, count)| *count > 0) {
        jobs += count;
        table.add_row([Cell::new(state), Cell::new(count).set_alignment(CellAlignment::Right)]);
    }
    let next = match next_at {
        None => "never: nothing is left to do".to_owned(),
        Some(next) if next.wait.is_zero() => "now".to_owned(),
        Some(next) => format!("{}, in {}", instant(next.at), time(next.wait)),
    };
    let set_aside = match counts.set_aside {
        0 => String::new(),
        jobs => format!(
            "\nset aside, because their rows cannot be read: {jobs} (`tierfall ledger list` names them)"
        ),
    };
    Page::new()
        .text(format_args!("the {} ledger {place}: {}\n", place.engine(), counted(jobs, "job", "jobs")))
        .table(&table)
        .text(format_args!(
            "\nin hand now: {}, left by workers that are gone: {}, failed and to be tried again later: {}{set_aside}\n\
             the next job is ready: {next}",
            counts.held, counts.expired, counts.scheduled,
        ))
}

pub fn jobs(jobs: &[Result<JobRecord, UnreadableRow>]) -> Table {
    let mut table = Table::new(&["id", "job", "work", "state", "tries", "since", "who or when", "reason"]);
    for job in jobs {
        let job = match job {
            Ok(job) => job,
            Err(row) => {
                let none = || Cell::new("");
                table.add_row([
                    Cell::new(row.id).set_alignment(CellAlignment::Right),
                    Cell::new(short(&row.name)),
                    none(),
                    Cell::new("unreadable"),
                    none(),
                    none(),
                    none(),
                    Cell::new(shorten(&row.why, 96)),
                ]);
                continue;
            }
        };
        let next = match (&job.owner, job.ready_at) {
            (Some(owner), _) => owner.clone(),
            (None, Some(at)) if job.state != State::Planned => format!("again {}", instant(at)),
            (None, _) => String::new(),
        };
        table.add_row([
            Cell::new(job.id).set_alignment(CellAlignment::Right),
            Cell::new(short(&job.key)),
            Cell::new(shorten(&job.work_id, 48)),
            Cell::new(job.state),
            Cell::new(job.attempts).set_alignment(CellAlignment::Right),
            Cell::new(instant(job.changed_at)),
            Cell::new(next),
            Cell::new(shorten(job.reason.as_deref().unwrap_or_default(), 48)),
        ]);
    }
    table
}

pub fn events(events: &[Result<EventRecord, UnreadableRow>]) -> Table {
    let mut table = Table::new(&["id", "when", "event", "job", "owner", "fence", "what"]);
    for event in events {
        let event = match event {
            Ok(event) => event,
            Err(row) => {
                let none = || Cell::new("");
                table.add_row([
                    Cell::new(row.id).set_alignment(CellAlignment::Right),
                    none(),
                    Cell::new("unreadable"),
                    Cell::new(short(&row.name)),
                    none(),
                    none(),
                    Cell::new(shorten(&row.why, 96)),
                ]);
                continue;
            }
        };
        table.add_row([
            Cell::new(event.id).set_alignment(CellAlignment::Right),
            Cell::new(exact(event.at)),
            Cell::new(event.kind),
            Cell::new(short(&event.job)),
            Cell::new(event.owner.as_deref().unwrap_or_default()),
            Cell::new(event.fence).set_alignment(CellAlignment::Right),
            Cell::new(shorten(&what(event), 72)),
        ]);
    }
    table
}

/// Where the next page begins, if there may be one.
pub fn tell_more(full: bool, last: i64) -> io::Result<()> {
    if full { print(format_args!("there may be more: --after {last}")) } else { Ok(()) }
}

pub fn reconciliation(found: &Reconciliation) -> String {
    let recovered = &found.recovered;
    let mut lines = vec![
        format!(
            "leases that had run out: {} cleared, {} of them given up after too many lost workers",
            recovered.leases.len(),
            recovered.given_up.len()
        ),
        format!("side effects that nobody will end: {} marked as abandoned", recovered.ops),
        format!(
            "partial files: {} removed whose job is unknown or over, {} kept",
            found.removed.len(),
            found.kept.len()
        ),
        format!("stored files that no job came to: {}, left alone", found.unknown_files.len()),
    ];
    named(&mut lines, found.unknown_files.iter().cloned());
    lines.push(match (found.missing.len(), found.opened) {
        (0, _) => "done jobs whose file is gone: none".to_owned(),
        (gone, 0) => format!("done jobs whose file is gone: {gone}; `--missing again` opens them again"),
        (gone, opened) => format!("done jobs whose file is gone: {gone}, {opened} opened again"),
    });
    named(&mut lines, found.missing.iter().map(|file| format!("{} {}", file.job, file.sha256)));
    if !found.unreadable.is_empty() {
        lines.push(format!("rows that do not say which file they have: {}", found.unreadable.len()));
        named(&mut lines, found.unreadable.iter().map(|row| format!("{}: {}", row.name, row.why)));
    }
    lines.join("\n")
}

fn named(lines: &mut Vec<String>, names: impl ExactSizeIterator<Item = String>) {
    let more = names.len().saturating_sub(NAMED);
    lines.extend(names.take(NAMED).map(|name| format!("  {name}")));
    if more > 0 {
        lines.push(format!("  and {more} more: --json has all"));
    }
}

/// What an event says beside its kind.
pub fn what(event: &EventRecord) -> String {
    let moved = match (event.from, event.to) {
        (Some(from), Some(to)) => format!("{from} → {to}"),
        (None, Some(to)) => format!("→ {to}"),
        _ => String::new(),
    };
    let pairs = pairs(&event.detail);
    match (moved.is_empty(), pairs.is_empty()) {
        (false, false) => format!("{moved}, {pairs}"),
        _ => moved + &pairs,
    }
}

/// An object's fields in a row. Times are shown as such; hashes of ops tell people nothing.
pub fn pairs(object: &Value) -> String {
    let Value::Object(fields) = object else { return String::new() };
    let shown = fields.iter().filter(|(name, value)| *name != "op" && !value.is_null());
    let shown = shown.map(|(name, value)| match (name.as_str(), value) {
        ("until" | "next_at", time) if time.is_i64() => {
            format!("{name} {}", instant(time.as_i64().unwrap_or_default()))
        }
        (_, Value::String(text)) => format!("{name} {text}"),
        (_, other) => format!("{name} {other}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// An instant with its milliseconds, for things that follow each other fast.
pub fn exact(at: i64) -> String {
    let whole = instant(at);
    let seconds = whole.strip_suffix(" UTC").unwrap_or(&whole);
    format!("{seconds}.{:03} UTC", at.rem_euclid(1000))
}

fn short(key: &str) -> &str {
    key.get(..KEY).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_events_detail_reads_as_words_and_times() {
        let detail = json!({
            "op": "hash", "kind": "HEAD", "try": 2, "until": 1_700_000_000_000_i64, "next_at": null,
        });
        assert_eq!(pairs(&detail), "kind HEAD, try 2, until 2023-11-14 22:13:20 UTC");
        assert_eq!(exact(1_700_000_000_042), "2023-11-14 22:13:20.042 UTC");
    }
}
