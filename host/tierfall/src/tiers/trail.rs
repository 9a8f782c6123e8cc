//! Everything that happened to one work, in order.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reason::EndReason;
use super::source::{Closed, SourceName};
use crate::acquire::Reason;
use tierfall_sandbox::{CallError, RequestReport, SourceError, Tried};
use tierfall_work::{Basis, Candidate, Format, Version};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// It proposed candidates.
    Success,
    /// It answered, and has no copy.
    NoPdf,
    /// It will answer the same next time: a missing key, an answer that cannot be read.
    Nonretryable,
    /// It could not answer now.
    Retryable,
    /// The time of the attempt was over.
    Timeout,
    /// It was not asked, and cost nothing.
    Skipped,
    /// The plugin failed: a trap, a limit.
    Error,
}

impl AttemptOutcome {
    /// The word in manifests and messages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::NoPdf => "no_pdf",
            Self::Nonretryable => "nonretryable",
            Self::Retryable => "retryable",
            Self::Timeout => "timeout",
            Self::Skipped => "skipped",
            Self::Error => "error",
        }
    }

    pub(super) fn retryable(self) -> bool {
        matches!(self, Self::Retryable | Self::Timeout | Self::Error)
    }

    pub(super) fn of_error(error: &CallError) -> Self {
        match error {
            CallError::Timeout => Self::Timeout,
            CallError::Failure(_) => Self::Error,
            CallError::Source(SourceError::NotFound) => Self::NoPdf,
            CallError::Source(SourceError::NotApplicable) => Self::Skipped,
            CallError::Source(SourceError::Unavailable { .. }) => Self::Retryable,
            CallError::Source(SourceError::Misconfigured(_) | SourceError::BadAnswer(_)) => {
                Self::Nonretryable
            }
        }
    }
}

/// A candidate as the trail shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// As the source gave it.
    pub url: String,
    /// Which version of the work the source takes it for.
    pub version: Version,
    /// What the source says that the file is.
    #[serde(default, skip_serializing_if = "is_unsaid")]
    pub format: Format,
    /// The licence, as the source words it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Why the source believes that the URL leads to the work.
    pub basis: Basis,
    /// Where exactly it was found, for people.
    pub evidence: String,
}

impl From<&Candidate> for Proposal {
    fn from(candidate: &Candidate) -> Self {
        Self {
            url: candidate.url.clone(),
            version: candidate.version,
            format: candidate.format,
            license: candidate.license.clone(),
            basis: candidate.basis,
            evidence: candidate.evidence.clone(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_unsaid(format: &Format) -> bool {
    *format == Format::Unknown
}

/// One source asked once, or not asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptEntry {
    /// Milliseconds since the work's first attempt, at its end.
    pub at_ms: u64,
    /// The tier, as the configuration names it.
    pub tier: String,
    /// The plugin of the source.
    pub plugin: String,
    /// The name of the source within its plugin.
    pub source: String,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The milliseconds that it took.
    pub ms: u64,
    /// What it proposed, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Proposal>,
    /// Why it ended so, where there is something to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The code of what kept it from an answer.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known_reason")]
    pub reason: Option<EndReason>,
    /// What the host refused or cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Its requests, in the order in which they ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestReport>,
    /// Whether asking again later may end differently.
    #[serde(skip)]
    pub retryable: bool,
}

/// One candidate fetched and judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcquisitionEntry {
    /// Milliseconds since the work's first attempt, at its end.
    pub at_ms: u64,
    /// The tier, as the configuration names it.
    pub tier: String,
    /// The plugin of the source that proposed it.
    pub plugin: String,
    /// The name of that source within its plugin.
    pub source: String,
    /// The URL that was proposed.
    pub url: String,
    /// The URL that answered last, after redirects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_url: Option<String>,
    /// Why it was rejected; `None` if it was accepted. Written as `accepted` or the reason's code.
    #[serde(rename = "verdict", with = "verdict_code")]
    pub rejected: Option<Reason>,
    /// The HTTP status of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The size of the file, as far as it came.
    pub bytes: u64,
    /// Bytes that an earlier try had brought.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resumed_from: u64,
    /// The milliseconds that it took.
    pub ms: u64,
    /// Why it ended so, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Whether the same candidate may be accepted another time.
    #[serde(skip)]
    pub retryable: bool,
    /// Whether somebody vouches for who proposed it: it was no plugin from elsewhere.
    #[serde(skip)]
    pub vouched: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrailEntry {
    /// A source was asked, or left out.
    Attempt(AttemptEntry),
    /// A candidate was fetched and judged.
    Acquisition(AcquisitionEntry),
}

/// The trail of one work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trail(pub Vec<TrailEntry>);

impl Trail {
    /// The URLs that were tried, as later sources are told: not those that the policy refused, of which an archived copy
    /// would be the same.
    pub fn tried(&self) -> Vec<Tried> {
        let refused = |entry: &&AcquisitionEntry| {
            matches!(entry.rejected, Some(Reason::PolicyVersion | Reason::PolicyLicense))
        };
        self.acquisitions()
            .filter(|entry| !refused(entry))
            .map(|entry| Tried {
                url: entry.url.clone(),
                verdict: entry.verdict().to_owned(),
                vouched: entry.vouched,
            })
            .collect()
    }

    /// The attempts, in the order in which they ended.
    pub fn attempts(&self) -> impl Iterator<Item = &AttemptEntry> {
        self.0.iter().filter_map(|entry| match entry {
            TrailEntry::Attempt(attempt) => Some(attempt),
            TrailEntry::Acquisition(_) => None,
        })
    }

    /// The acquisitions, in the order in which they ended.
    pub fn acquisitions(&self) -> impl Iterator<Item = &AcquisitionEntry> {
        self.0.iter().filter_map(|entry| match entry {
            TrailEntry::Acquisition(acquisition) => Some(acquisition),
            TrailEntry::Attempt(_) => None,
        })
    }

    /// Why it came to no artifact, where something says so: what the first candidate was rejected for, else what kept
    /// the first source from its answer. Where the work stays open, what may pass goes before what is final.
    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        let open = self.retryable();
        let acquired = || {
            self.acquisitions()
                .filter_map(|entry| Some((EndReason::Rejected(entry.rejected?), entry.retryable)))
        };
        let asked = || self.attempts().filter_map(|entry| Some((entry.reason?, entry.retryable)));
        let first = acquired().chain(asked()).find(|(_, retryable)| *retryable == open);
        first.or_else(|| acquired().chain(asked()).next()).map(|(reason, _)| reason)
    }

    /// A source is asked again because it could not answer before. `answered`: it has now, and what kept it from that
    /// decides nothing any more; else the new failure stands for the old ones.
    pub(super) fn asked_again(&mut self, name: &SourceName, answered: bool) {
        if !answered {
            let failed = |entry: &TrailEntry| matches!(entry, TrailEntry::Attempt(attempt) if attempt.is_of(name) && attempt.retryable);
            self.0.retain(|entry| !failed(entry));
            return;
        }
        for entry in &mut self.0 {
            if let TrailEntry::Attempt(attempt) = entry
                && attempt.is_of(name)
            {
                attempt.retryable = false;
                attempt.reason = None;
            }
        }
    }

    /// Whether one of these sources could not answer.
    pub(super) fn could_not_ask(&self, sources: &[String]) -> bool {
        let is_one = |entry: &AttemptEntry| sources.contains(&entry.source_name().to_string());
        !sources.is_empty() && self.attempts().any(|entry| entry.retryable && is_one(entry))
    }

    /// Somebody who is vouched for has proposed a URL that another worker tried.
    pub(super) fn vouch_for(&mut self, url: &str) {
        for entry in &mut self.0 {
            if let TrailEntry::Acquisition(acquisition) = entry
                && acquisition.url == url
            {
                acquisition.vouched = true;
            }
        }
    }

    /// What happened in an earlier run, and then this.
    pub(crate) fn and(mut self, later: Self) -> Self {
        self.0.extend(later.0);
        self
    }

    /// Whether something that went wrong may go right another time.
    pub fn retryable(&self) -> bool {
        self.attempts().any(|attempt| attempt.retryable)
            || self.acquisitions().any(|acquisition| acquisition.retryable)
    }
}

impl AttemptEntry {
    fn source_name(&self) -> SourceName {
        SourceName { plugin: self.plugin.clone(), source: self.source.clone() }
    }

    /// Whether it was this source that was asked.
    pub(super) fn is_of(&self, name: &SourceName) -> bool {
        self.plugin == name.plugin && self.source == name.source
    }

    /// Whether the source was asked and did not answer.
    pub fn failed(&self) -> bool {
        match self.outcome {
            AttemptOutcome::Success | AttemptOutcome::Skipped => false,
            AttemptOutcome::NoPdf => self.reason.is_some_and(EndReason::retryable),
            _ => true,
        }
    }
}

const ACCEPTED: &str = "accepted";

impl AcquisitionEntry {
    /// `accepted`, or the code of the reason why it was rejected.
    pub fn verdict(&self) -> &'static str {
        self.rejected.as_ref().map_or(ACCEPTED, Reason::code)
    }
}

/// A code of another version of this program is no reason to refuse the line.
fn known_reason<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<EndReason>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.and_then(|code| code.parse().ok()))
}

mod verdict_code {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{ACCEPTED, Reason};

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(super) fn serialize<S: Serializer>(rejected: &Option<Reason>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(rejected.as_ref().map_or(ACCEPTED, Reason::code))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Reason>, D::Error> {
        match String::deserialize(from)?.as_str() {
            ACCEPTED => Ok(None),
            code => {
                Reason::of_code(code).map(Some).ok_or_else(|| D::Error::custom(format!("no verdict: {code}")))
            }
        }
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A source that is not asked now, and could be another time.
pub(super) fn closed(tier: &str, name: &SourceName, at_ms: u64, closed: &Closed) -> AttemptEntry {
    let entry = skipped(tier, name, at_ms, &closed.detail);
    AttemptEntry { reason: Some(closed.reason), retryable: true, ..entry }
}

/// A source that is not asked, and why.
pub(super) fn skipped(tier: &str, name: &SourceName, at_ms: u64, detail: &str) -> AttemptEntry {
    AttemptEntry {
        at_ms,
        tier: tier.to_owned(),
        plugin: name.plugin.clone(),
        source: name.source.clone(),
        outcome: AttemptOutcome::Skipped,
        ms: 0,
        candidates: Vec::new(),
        detail: detail.to_owned(),
        reason: None,
        notes: Vec::new(),
        requests: Vec::new(),
        retryable: false,
    }
}
