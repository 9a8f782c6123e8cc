//! What the race asks and what it acquires with, as seams: plugins and the acquirer in the program,
//! in-process stand-ins in tests and benchmarks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use url::Url;

use crate::acquire::{Acquirer, Acquisition, Artifact, StoreError, VerifiedFile};
use tierfall_http::{AttemptClock, HttpClient};
use tierfall_ids::IdKind;
use tierfall_ledger::LeaseHandle;
use tierfall_sandbox::{Call, CallError, Plugin, SourceAccess, Tried};
use tierfall_work::{Candidate, Finding, Work};

/// Which source, for people and for the trail.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceName {
    pub plugin: String,
    pub source: String,
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.plugin == self.source {
            f.write_str(&self.source)
        } else {
            write!(f, "{}/{}", self.plugin, self.source)
        }
    }
}

/// One question to a source.
pub struct Ask {
    pub work: Arc<Work>,
    pub tried: Vec<Tried>,
    pub clock: Arc<AttemptClock>,
}

/// A source's answer, and what the host has to say about the call (denials, limits).
#[derive(Debug)]
pub struct Answer {
    pub result: Result<Finding, CallError>,
    pub notes: Vec<String>,
}

/// One way to look for copies of a work.
pub trait Source: Send + Sync {
    fn name(&self) -> &SourceName;
    /// The kinds of identifier it can look for.
    fn ids(&self) -> &[IdKind];
    /// The time of one attempt.
    fn timeout(&self) -> Duration;
    /// As whom it is remembered for the facts that it brings. Registries are believed over the rest by
    /// their names, so nobody else may have one.
    fn speaks_as(&self) -> String {
        self.name().source.clone()
    }
    /// Why asking it about this work now would be in vain: its hosts failed too often, or asked to be left
    /// alone for longer than `patience`.
    fn closed(&self, _work: &Work, _patience: Duration) -> Option<String> {
        None
    }
    /// Asks; the answer comes before `ask.clock` expires, or the race ends the attempt.
    fn find(&self, ask: Ask) -> BoxFuture<'_, Answer>;
}

/// Fetching candidates, and keeping the one that won.
pub trait Acquire: Send + Sync {
    /// Fetches a candidate and proves it. `work` is read when the file is judged, so that facts learned
    /// meanwhile count; `grip` is told of each side effect. Dropping the future drops the request.
    fn acquire<'a>(
        &'a self,
        candidate: &'a Candidate,
        work: &'a (dyn Fn() -> Arc<Work> + Send + Sync),
        hard: Instant,
        grip: &'a LeaseHandle,
    ) -> BoxFuture<'a, Acquisition>;

    /// Stores a proven file under the work's name. `rivals` are the URLs of the work's other candidates, of
    /// which nothing is needed any more.
    fn keep(
        &self,
        file: VerifiedFile,
        work_key: String,
        rivals: Vec<String>,
    ) -> BoxFuture<'_, Result<Artifact, StoreError>>;
}

/// A source of a plugin, with what it may do.
pub struct PluginSource {
    pub name: SourceName,
    pub plugin: Plugin,
    /// One of the program's own, whose sources are what their names say.
    pub built_in: bool,
    pub access: Arc<SourceAccess>,
    pub ids: Vec<IdKind>,
    pub timeout: Duration,
    pub retries: u32,
    pub door: HttpClient,
}

impl Source for PluginSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn ids(&self) -> &[IdKind] {
        &self.ids
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn speaks_as(&self) -> String {
        let SourceName { plugin, source } = &self.name;
        if self.built_in { source.clone() } else { format!("{plugin}/{source}") }
    }

    fn closed(&self, work: &Work, patience: Duration) -> Option<String> {
        let mut reason = None;
        for (host, role) in self.access.hosts_for(work) {
            let url = Url::parse(&format!("https://{host}/")).ok()?;
            // One host that can be asked is enough to try.
            reason = Some(self.door.closed_to(&url, role, patience)?);
        }
        reason
    }

    fn find(&self, ask: Ask) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let call = Call {
                work: ask.work,
                tried: ask.tried,
                access: Arc::clone(&self.access),
                client: self.door.clone(),
                clock: ask.clock,
                retries: self.retries,
            };
            let (result, notes) = self.plugin.find(call).await;
            Answer { result, notes }
        })
    }
}

impl Acquire for Acquirer {
    fn acquire<'a>(
        &'a self,
        candidate: &'a Candidate,
        work: &'a (dyn Fn() -> Arc<Work> + Send + Sync),
        hard: Instant,
        grip: &'a LeaseHandle,
    ) -> BoxFuture<'a, Acquisition> {
        Box::pin(Self::acquire(self, candidate, work, hard, grip))
    }

    fn keep(
        &self,
        file: VerifiedFile,
        work_key: String,
        rivals: Vec<String>,
    ) -> BoxFuture<'_, Result<Artifact, StoreError>> {
        Box::pin(Self::keep(self, file, work_key, rivals))
    }
}
