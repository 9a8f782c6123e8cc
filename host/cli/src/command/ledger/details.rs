//! One job for people: its state, what was done for it, and what happened to it in order.

use std::fmt::Write as _;
use std::time::Duration;

use super::tables;
use crate::output::{Page, counted, instant, shorten, time};
use crate::table::{Cell, Table};
use crate::wash;
use tierfall_ledger::{CandidateRecord, EventKind, EventRecord, JobDetails, JobRecord, OpRecord, State};

/// How wide a column may get that holds what servers and sources said.
const WIDE: usize = 72;

pub fn page(details: &JobDetails, events: &[EventRecord]) -> Page {
    let mut page = Page::new().text(head(&details.job));
    if !details.candidates.is_empty() {
        page = page.text("\n\ncandidates\n").table(&candidates(&details.candidates));
    }
    if !details.ops.is_empty() {
        page = page.text("\n\nside effects\n").table(&ops(&details.ops));
    }
    for problem in &details.unreadable {
        page = page.text(format_args!("\n\ncannot be read: {}", wash::line(problem)));
    }
    if !events.is_empty() {
        page = page.text(format_args!("\n\nhistory: {}\n", path(events))).table(&history(events));
    }
    page
}

fn head(job: &JobRecord) -> String {
    let mut text = format!("{}\n", wash::line(&job.work_id));
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<9}{}", wash::line(&value));
    };
    line("job", job.key.clone());
    line("role", format!("{} ({})", job.role, job.artifact_id));
    line("state", format!("{} since {}", job.state, instant(job.changed_at)));
    line("planned", format!("{} by the run {}", instant(job.planned_at), job.run_id));
    let is_over = job.state == State::Failed && job.owner.is_none() && job.ready_at.is_none();
    let no_more =
        if is_over { "; no other will follow, unless `tierfall ledger retry` asks for it" } else { "" };
    line("attempts", format!("{}, fence {}{no_more}", job.attempts, job.fence));
    match (&job.owner, job.ready_at) {
        (Some(owner), Some(until)) => line("held", format!("by {owner} until {}", instant(until))),
        (_, Some(at)) => line("ready", instant(at)),
        (_, None) => {}
    }
    if let Some(reason) = &job.reason {
        line("reason", reason.clone());
    }
    if let Some(sha256) = &job.artifact {
        line("file", format!("sha256 {sha256}"));
    }
    text.truncate(text.trim_end().len());
    text
}

fn candidates(candidates: &[CandidateRecord]) -> Table {
    let mut table = Table::new(&["source", "verdict", "url", "what is known"]);
    for candidate in candidates {
        table.add_row([
            candidate.source.clone(),
            candidate.verdict.clone().unwrap_or_else(|| "not fetched".to_owned()),
            candidate.url.clone(),
            shorten(&tables::pairs(&candidate.detail), WIDE),
        ]);
    }
    table
}

fn ops(ops: &[OpRecord]) -> Table {
    let mut table = Table::new(&["op", "status", "tries", "began", "took", "what"]);
    for op in ops {
        let took = op.ended_at.and_then(|ended| u64::try_from(ended - op.started_at).ok());
        let what = match &op.error {
            Some(error) => error.clone(),
            None => tables::pairs(&op.context),
        };
        table.add_row([
            Cell::new(op.kind),
            Cell::new(op.status),
            Cell::new(op.tries),
            Cell::new(instant(op.started_at)),
            Cell::new(took.map(|ms| time(Duration::from_millis(ms))).unwrap_or_default()),
            Cell::new(shorten(&what, WIDE)),
        ]);
    }
    table
}

/// The states that the job went through: `PLANNED → LEASED → … → INDEXED`.
fn path(events: &[EventRecord]) -> String {
    let states = events.iter().filter_map(|event| match event.kind {
        EventKind::JobPlanned => Some(State::Planned),
        EventKind::JobStateChanged => event.to,
        _ => None,
    });
    states.map(State::label).collect::<Vec<_>>().join(" → ")
}

/// Event after event; renewals that follow each other are one row.
fn history(events: &[EventRecord]) -> Table {
    let mut table = Table::new(&["when", "event", "owner", "fence", "what"]);
    let renewals = |a: &EventRecord, b: &EventRecord| {
        a.kind == EventKind::LeaseRenewed && b.kind == EventKind::LeaseRenewed && a.fence == b.fence
    };
    for together in events.chunk_by(renewals) {
        let Some(last) = together.last() else { continue };
        let mut what = tables::what(last);
        if together.len() > 1 {
            what = format!("{}, the last {what}", counted(together.len() as u64, "time", "times"));
        }
        table.add_row([
            Cell::new(tables::exact(last.at)),
            Cell::new(last.kind),
            Cell::new(last.owner.as_deref().unwrap_or_default()),
            Cell::new(last.fence),
            Cell::new(shorten(&what, WIDE)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(
        id: i64,
        kind: EventKind,
        moved: Option<(State, State)>,
        detail: serde_json::Value,
    ) -> EventRecord {
        EventRecord {
            id,
            at: 1_700_000_000_000 + id,
            kind,
            job: "ab".repeat(32),
            owner: (id > 1).then(|| "host-1".to_owned()),
            fence: i64::from(id > 1),
            from: moved.map(|(from, _)| from),
            to: moved.map(|(_, to)| to),
            detail,
        }
    }

    #[test]
    fn a_history_reads_from_planned_to_indexed_and_renewals_do_not_flood_it() {
        let moved = |id, from, to| event(id, EventKind::JobStateChanged, Some((from, to)), json!({}));
        let mut events = vec![
            event(1, EventKind::JobPlanned, None, json!({"run_id": "the-run"})),
            moved(2, State::Planned, State::Leased),
            moved(3, State::Leased, State::Streaming),
        ];
        events.extend(
            (4..10)
                .map(|id| event(id, EventKind::LeaseRenewed, None, json!({"until": 1_700_000_120_000_i64}))),
        );
        events.push(moved(10, State::Streaming, State::Finalized));
        events.push(moved(11, State::Finalized, State::Indexed));
        assert_eq!(path(&events), "PLANNED → LEASED → STREAMING → FINALIZED → INDEXED");
        let table = history(&events).to_string();
        assert_eq!(table.matches("lease_renewed").count(), 1, "{table}");
        assert!(table.contains("6 times, the last until 2023-11-14 22:15:20 UTC"), "{table}");
        assert!(table.contains("run_id the-run"), "{table}");
    }
}
