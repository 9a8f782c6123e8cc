//! The outages of the sources of a run.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::down::Down;
use super::outage::{SourceOutage, WaitedFor};
use super::source::SourceName;
use tierfall_http::HttpClient;

/// Which sources of a run are waited for. Clones share everything.
#[derive(Clone, Default)]
pub struct SourceOutages(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// For how long a source is waited for.
    patience: Duration,
    sources: Mutex<Vec<(SourceName, Arc<SourceOutage>)>>,
    down: Arc<Down>,
}

impl SourceOutages {
    /// Sources are waited for so long; not at all if that is no time.
    pub fn new(patience: Duration) -> Self {
        Self(Arc::new(Inner { patience, ..Inner::default() }))
    }

    /// That of a source, if it is to be waited for. `client`: by whose answers it is known whether others answer.
    pub fn of(&self, name: &SourceName, client: Option<&HttpClient>) -> Option<Arc<SourceOutage>> {
        if self.0.patience.is_zero() {
            return None;
        }
        let mut sources = self.0.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = sources.iter().find(|(known, _)| known == name) {
            return Some(Arc::clone(known));
        }
        let down = Arc::clone(&self.0.down);
        let outage = Arc::new(SourceOutage::new(name.to_string(), self.0.patience, client.cloned(), down));
        sources.push((name.clone(), Arc::clone(&outage)));
        Some(outage)
    }

    /// The sources that works wait for, the longest wait first.
    pub fn now(&self) -> Vec<WaitedFor> {
        let sources = self.0.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let mut down: Vec<_> = sources.iter().filter_map(|(_, outage)| outage.now()).collect();
        down.sort_by_key(|waited| std::cmp::Reverse(waited.since));
        down
    }
}

impl fmt::Debug for SourceOutages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceOutages").field("patience", &self.0.patience).finish_non_exhaustive()
    }
}
