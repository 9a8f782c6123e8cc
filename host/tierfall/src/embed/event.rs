//! What an embedding program is told while works are fetched.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::run::{Line, Reporter, WorkRequest};
use crate::tiers::{Observer, SourceName, TrailEntry};
use tierfall_work::{Candidate, Work};

/// Something that happened to a work. `work_id` is the key of the work, as in its [`Line`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what their types say")]
pub enum Event<'a> {
    /// A worker begins with it.
    #[non_exhaustive]
    Started { work_id: &'a str },
    /// A source of a tier is asked about it.
    #[non_exhaustive]
    Asking { work_id: &'a str, tier: &'a str, source: &'a SourceName },
    /// A candidate of a source is fetched.
    #[non_exhaustive]
    Fetching { work_id: &'a str, source: &'a SourceName, candidate: &'a Candidate },
    /// An attempt or an acquisition ended, or a source was left out.
    #[non_exhaustive]
    Recorded { work_id: &'a str, entry: &'a TrailEntry },
    /// It ended; the same line is in the manifest.
    #[non_exhaustive]
    Ended { line: &'a Line },
}

/// Called for every event, from the tasks of the works: what takes long here delays them.
pub(super) type Handler = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// Passes events to the handler, and lines to the stream of outcomes.
pub(super) struct Events {
    pub(super) handler: Handler,
    pub(super) lines: mpsc::UnboundedSender<Line>,
    /// A place for each work whose line is not taken yet.
    pub(super) untaken: Arc<Semaphore>,
}

impl Reporter for Events {
    fn started(&self, request: &WorkRequest) {
        (self.handler)(Event::Started { work_id: &request.work.key() });
    }

    fn repeated(&self, _: &Work) {
        // No line of it will ever be taken.
        self.untaken.add_permits(1);
    }

    fn ended(&self, line: &Line) {
        (self.handler)(Event::Ended { line });
        // Whoever does not read them any more has dropped the run.
        let _ = self.lines.send(line.clone());
    }

    fn observer(&self, request: &WorkRequest) -> Box<dyn Observer> {
        Box::new(WorkEvents { handler: Arc::clone(&self.handler), work_id: request.work.key() })
    }
}

struct WorkEvents {
    handler: Handler,
    work_id: String,
}

impl Observer for WorkEvents {
    fn attempt_started(&self, tier: &str, source: &SourceName) {
        (self.handler)(Event::Asking { work_id: &self.work_id, tier, source });
    }

    fn acquisition_started(&self, source: &SourceName, candidate: &Candidate) {
        (self.handler)(Event::Fetching { work_id: &self.work_id, source, candidate });
    }

    fn entry(&self, entry: &TrailEntry) {
        (self.handler)(Event::Recorded { work_id: &self.work_id, entry });
    }
}
