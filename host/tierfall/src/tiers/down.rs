//! Which sources are down, as it is told: an event each when one goes and when it comes back, and one in all where most
//! of them do.

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Gauge;

/// From so many on, further ones are not told of: it is one cause, and the sources are named on the screen.
const MANY: usize = 3;

/// The sources of a run that are down.
#[derive(Debug, Default)]
pub(super) struct Down(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    names: BTreeSet<String>,
    /// That many are was told, and is told of them all when the last is back.
    many: bool,
}

impl Down {
    /// A source answers nobody any more; works wait for it for so long.
    pub(super) fn is_down(&self, name: &str, why: &str, patience: Duration) {
        metric(name, true);
        let mut state = self.state();
        if !state.names.insert(name.to_owned()) || state.many {
            return;
        }
        let minutes = patience.as_secs().div_ceil(60);
        if state.names.len() >= MANY {
            state.many = true;
            let names: Vec<_> = state.names.iter().map(String::as_str).collect();
            tracing::warn!(
                "several sources answer nobody any more ({}; the last: {why}), and further ones are not told of: works \
                 that have found nothing wait for them, for {minutes} min at most (run.outage_wait_s)",
                names.join(", ")
            );
            return;
        }
        tracing::warn!(
            "{name} answers nobody any more ({why}): works that have found nothing wait for it, for {minutes} min at most \
             (run.outage_wait_s)"
        );
    }

    /// A source answers again, after so long.
    pub(super) fn answers_again(&self, name: &str, after: Duration) {
        metric(name, false);
        let mut state = self.state();
        if !state.names.remove(name) {
            return;
        }
        let seconds = after.as_secs();
        match (state.many, state.names.is_empty()) {
            (true, true) => {
                state.many = false;
                tracing::warn!(
                    "all sources answer again, the last after {seconds} s: the works that wait go on"
                );
            }
            (true, false) => {}
            (false, _) => {
                tracing::warn!("{name} answers again, after {seconds} s: the works that wait for it go on");
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sources are those of the plan: there are few.
fn metric(name: &str, down: bool) {
    static GAUGE: OnceLock<Gauge<u64>> = OnceLock::new();
    let gauge = GAUGE.get_or_init(|| {
        opentelemetry::global::meter("tierfall")
            .u64_gauge("tierfall.source.outage")
            .with_description("1 while a source answers nobody and works wait for it")
            .build()
    });
    gauge.record(u64::from(down), &[KeyValue::new("source", name.to_owned())]);
}
