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
        if let Some(event) = self.went(name, why, patience) {
            tracing::warn!("{event}");
        }
    }

    /// A source answers again, after so long.
    pub(super) fn answers_again(&self, name: &str, after: Duration) {
        metric(name, false);
        if let Some(event) = self.came(name, after) {
            tracing::warn!("{event}");
        }
    }

    fn went(&self, name: &str, why: &str, patience: Duration) -> Option<String> {
        let mut state = self.state();
        if !state.names.insert(name.to_owned()) || state.many {
            return None;
        }
        let minutes = patience.as_secs().div_ceil(60);
        let wait = format!("for {minutes} min at most (run.outage_wait_s)");
        if state.names.len() < MANY {
            return Some(format!(
                "{name} answers nobody any more ({why}): works that have found nothing wait for it, {wait}"
            ));
        }
        state.many = true;
        let names: Vec<_> = state.names.iter().map(String::as_str).collect();
        let names = names.join(", ");
        Some(format!(
            "several sources answer nobody any more ({names}; the last: {why}), and further ones are not told of: works \
             that have found nothing wait for them, {wait}"
        ))
    }

    fn came(&self, name: &str, after: Duration) -> Option<String> {
        let mut state = self.state();
        if !state.names.remove(name) {
            return None;
        }
        let seconds = after.as_secs();
        match (state.many, state.names.is_empty()) {
            (true, false) => None,
            (true, true) => {
                state.many = false;
                Some(format!(
                    "all sources answer again, the last after {seconds} s: the works that wait go on"
                ))
            }
            (false, _) => {
                Some(format!("{name} answers again, after {seconds} s: the works that wait for it go on"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_most_sources_are_down_is_two_events_and_not_one_for_each() {
        let (down, time) = (Down::default(), Duration::from_secs(60));
        let names: Vec<String> = (0..14).map(|number| format!("source{number}")).collect();
        let went: Vec<_> = names.iter().filter_map(|name| down.went(name, "503", time)).collect();
        assert_eq!(went.len(), MANY, "{went:?}");
        assert!(went[MANY - 1].contains("source0, source1, source2"), "{went:?}");
        assert_eq!(down.went(&names[0], "503", time), None, "it was");
        let came: Vec<_> = names.iter().filter_map(|name| down.came(name, time)).collect();
        assert_eq!(came.len(), 1, "{came:?}");
        assert!(
            down.went(&names[5], "503", time).is_some_and(|event| event.contains("source5 answers nobody"))
        );
        assert!(down.came(&names[5], time).is_some_and(|event| event.contains("source5 answers again")));
    }
}
