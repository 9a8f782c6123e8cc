//! What the race asks: the sources of plugins in the program, in-process ones in tests and benchmarks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use url::Url;

use super::outage::SourceOutage;
use super::reason::EndReason;
use crate::acquire::FileKey;
use tierfall_http::{AttemptClock, Role};
use tierfall_ids::{IdKind, WorkId};
use tierfall_sandbox::{AnsweredPages, CallError, CallReport, SourceError, Tried};
use tierfall_work::{Finding, Work};

/// Which source, for people and for the trail.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceName {
    /// The plugin that offers it.
    pub plugin: String,
    /// Its name within the plugin.
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
    /// The work, with all that is known of it so far.
    pub work: Arc<Work>,
    /// The URLs that were tried before, and how that ended.
    pub tried: Vec<Tried>,
    /// What is left of the time of this attempt.
    pub clock: Arc<AttemptClock>,
    /// The pages that have answered for this work, for the next source that may ask their hosts.
    pub pages: AnsweredPages,
}

/// A source's answer, and what the host has to say about the call (denials, limits).
#[derive(Debug)]
pub struct Answer {
    /// What it found, or why it could not answer.
    pub result: Result<Finding, CallError>,
    /// Requests, denials, limits.
    pub report: CallReport,
}

impl Answer {
    /// Of a question whose time was over.
    pub(super) fn none() -> Self {
        Self { result: Err(CallError::Timeout), report: CallReport::default() }
    }

    /// Whether asking again would not end differently.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.result, Ok(_) | Err(CallError::Source(SourceError::NotFound)))
            && self.report.obstacles.is_empty()
    }
}

/// Why a source cannot be asked now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The code.
    pub reason: EndReason,
    /// For people.
    pub detail: String,
}

/// What asking a source once costs others.
#[derive(Clone, Debug, Default)]
pub struct Asks {
    /// The hosts that are asked whatever the work, with their roles.
    pub hosts: Vec<(String, Role)>,
    /// Works in one question at most.
    pub works: u32,
    /// Whether a key goes with it.
    pub secret: bool,
}

/// One way to look for copies of a work.
pub trait Source: Send + Sync {
    /// Its name, unique within a plan.
    fn name(&self) -> &SourceName;
    /// The kinds of identifier it can look for.
    fn ids(&self) -> &[IdKind];
    /// Whether it can look for works that are known by their title alone.
    fn takes_titles(&self) -> bool {
        false
    }
    /// Works that it is known to have.
    fn known_works(&self) -> &[WorkId] {
        &[]
    }
    /// A work that may come to it later, as it is known now: where its questions are about several works, it may ask
    /// ahead.
    fn expect(&self, _work: &Arc<Work>) {}
    /// Whether it is asked about several works in one question: then one work more costs others next to nothing.
    fn asks_many(&self) -> bool {
        false
    }
    /// Whether it is asked for several titles in one question.
    fn asks_many_titles(&self) -> bool {
        false
    }
    /// The work of this key comes no more.
    fn forget(&self, _key: &str) {}
    /// What asking it once costs others, as far as that is known before.
    fn asks(&self) -> Asks {
        Asks::default()
    }
    /// The time of one attempt.
    fn timeout(&self) -> Duration;
    /// As whom it is remembered for the facts that it brings. Registries are believed over the rest by
    /// their names, so nobody else may have one.
    fn speaks_as(&self) -> &str {
        &self.name().source
    }
    /// Why it cannot answer about this work now: its hosts failed too often, or asked to be left
    /// alone for longer than `timeout`.
    fn closed(&self, _work: &Work, _timeout: Duration) -> Option<Closed> {
        None
    }
    /// What its answers to all works say about it, if it is waited for while it answers nobody.
    fn outage(&self) -> Option<&SourceOutage> {
        None
    }
    /// The key with which a file that it proposes is fetched, if it is one that needs one. Such a file may cost
    /// money: it is the last that is fetched of a work.
    fn file_key(&self, _url: &Url) -> Option<FileKey> {
        None
    }
    /// Asks; the answer comes before `ask.clock` expires, or the race ends the attempt.
    fn find(&self, ask: Ask) -> BoxFuture<'_, Answer>;
}
