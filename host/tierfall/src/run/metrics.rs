//! What is measured of a run, by OpenTelemetry's metrics. It costs next to nothing until the program around it has set a
//! meter provider, which it does before the run begins.

use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, UpDownCounter};

use super::finalize::Resolution;
use super::manifest::Line;
use crate::tiers::EndReason;

struct Instruments {
    works: Counter<u64>,
    in_hand: UpDownCounter<i64>,
    parked: UpDownCounter<i64>,
    attempts: Counter<u64>,
    stored: Counter<u64>,
}

fn instruments() -> &'static Instruments {
    static INSTRUMENTS: OnceLock<Instruments> = OnceLock::new();
    INSTRUMENTS.get_or_init(|| {
        let meter = opentelemetry::global::meter("tierfall");
        Instruments {
            works: meter.u64_counter("tierfall.works").with_description("Works that have ended").build(),
            in_hand: meter
                .i64_up_down_counter("tierfall.works.in_hand")
                .with_description("Works that are worked on")
                .build(),
            parked: meter
                .i64_up_down_counter("tierfall.works.parked")
                .with_description("Works in hand that can only wait for their turns at hosts")
                .build(),
            attempts: meter
                .u64_counter("tierfall.attempts")
                .with_description("Sources that were asked for a work")
                .build(),
            stored: meter
                .u64_counter("tierfall.stored")
                .with_unit("By")
                .with_description("Bytes of the files that were stored")
                .build(),
        }
    })
}

/// Counts a work that has ended, and, if this run has ended it, what was done for it.
pub(super) fn count(line: &Line, resolution: Resolution) {
    let instruments = instruments();
    let reason = match (resolution, line.reason) {
        (Resolution::Here | Resolution::Before { .. }, _) => "done_before",
        (Resolution::Pending, _) => "pending",
        (Resolution::Now, reason) => reason.map_or("", EndReason::code),
    };
    let attributes = [KeyValue::new("status", line.status.label()), KeyValue::new("reason", reason)];
    instruments.works.add(1, &attributes);
    if resolution != Resolution::Now {
        return;
    }
    if let Some(file) = &line.file {
        instruments.stored.add(file.bytes, &[]);
    }
    for attempt in line.trail.attempts() {
        // Sources are those of the plan: there are few.
        let attributes = [
            KeyValue::new("source", attempt.source.clone()),
            KeyValue::new("outcome", attempt.outcome.label()),
        ];
        instruments.attempts.add(1, &attributes);
    }
}

/// So many works more are parked.
pub(super) fn parked(more: i64) {
    instruments().parked.add(more, &[]);
}

/// A work in hand; out of it when dropped.
pub(super) struct InHand(());

impl InHand {
    pub(super) fn one() -> Self {
        instruments().in_hand.add(1, &[]);
        Self(())
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        instruments().in_hand.add(-1, &[]);
    }
}
