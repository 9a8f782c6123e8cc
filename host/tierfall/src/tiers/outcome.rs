//! How a work ended, and with what.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::nearest::Nearest;
use super::source::SourceName;
use super::trail::Trail;
use crate::acquire::{Reason, UsageRights, VerifiedFile};
use tierfall_proof::{Evidence, Identity};
use tierfall_work::{Candidate, Work};

/// How a work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has its artifact.
    Stored,
    /// Everything was asked, and there is no copy.
    NoCopy,
    /// There may be a copy: something failed in a way that may pass.
    Failed,
    /// Its total time was over.
    Timeout,
    /// It is known by its title alone, and no record is known to be it.
    Unresolved,
}

impl Status {
    /// Every status there is.
    pub const ALL: [Self; 5] = [Self::Stored, Self::NoCopy, Self::Failed, Self::Timeout, Self::Unresolved];

    /// The word in the manifest.
    pub fn label(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::NoCopy => "no_copy",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Unresolved => "unresolved",
        }
    }

    /// Whether another run may end differently.
    pub fn retryable(self) -> bool {
        matches!(self, Self::Failed | Self::Timeout)
    }
}

/// For people: without underscores.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.label().replace('_', " "))
    }
}

/// Why a work is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Its best candidate was rejected.
    Rejected(Reason),
    /// No source proposed a candidate.
    NoCandidates,
    /// `fallback-max-attempts` were used up.
    MaxAttempts,
    /// `fallback-total-timeout-ms` was over.
    TotalTimeout,
    /// No record is the work that is known by its title.
    NoMatch,
    /// Several records may be the work that is known by its title.
    AmbiguousTitle,
    /// Works are not looked for by their titles.
    TitleSearchOff,
    /// A bug in Tierfall.
    InternalError,
    /// Whoever worked on it before was lost.
    WorkerLost,
    /// The ledger's row of it cannot be read, or is not what its key says: somebody has to look at it.
    SetAside,
    /// It failed before, and what was kept about why is not known to this program.
    Unknown,
}

/// A text that is no [`EndReason`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reason that a work can end with")]
pub struct UnknownReason(String);

impl EndReason {
    const OWN: [Self; 10] = [
        Self::NoCandidates,
        Self::MaxAttempts,
        Self::TotalTimeout,
        Self::NoMatch,
        Self::AmbiguousTitle,
        Self::TitleSearchOff,
        Self::InternalError,
        Self::WorkerLost,
        Self::SetAside,
        Self::Unknown,
    ];

    /// The code in the manifest.
    pub fn code(self) -> &'static str {
        match self {
            Self::Rejected(reason) => reason.code(),
            Self::NoCandidates => "no_candidates",
            Self::MaxAttempts => "max_attempts",
            Self::TotalTimeout => "total_timeout",
            Self::NoMatch => "no_match",
            Self::AmbiguousTitle => "ambiguous_title",
            Self::TitleSearchOff => "title_search_off",
            Self::InternalError => "internal_error",
            Self::WorkerLost => "worker_lost",
            Self::SetAside => "set_aside",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for EndReason {
    type Err = UnknownReason;

    fn from_str(code: &str) -> Result<Self, UnknownReason> {
        let own = Self::OWN.into_iter().find(|reason| reason.code() == code);
        own.or_else(|| Reason::of_code(code).map(Self::Rejected))
            .ok_or_else(|| UnknownReason(code.to_owned()))
    }
}

impl Serialize for EndReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for EndReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The accepted file, and where it came from.
#[derive(Debug)]
pub struct Won {
    /// Accepted, and not stored yet.
    pub file: VerifiedFile,
    /// What its proof says about it being the work.
    pub identity: Identity,
    /// What the proof stands on.
    pub evidence: Option<Evidence>,
    /// What was proposed.
    pub candidate: Candidate,
    /// The URL that answered, after redirects.
    pub final_url: Option<Url>,
    /// What was said about the use of the file.
    pub usage_rights: UsageRights,
    /// The tier of the source that proposed it.
    pub tier: String,
    /// The source that proposed it.
    pub source: SourceName,
}

/// What is known of a work after its race.
#[derive(Debug)]
pub struct Outcome {
    /// With everything learned on the way.
    pub work: Arc<Work>,
    /// How it ended.
    pub status: Status,
    /// Why it is not stored.
    pub reason: Option<EndReason>,
    /// The accepted file; whenever the status is `Stored`.
    pub won: Option<Won>,
    /// Of a work that stays known by its title alone, the record that comes nearest.
    pub nearest: Option<Nearest>,
    /// Everything that happened, in order.
    pub trail: Trail,
    /// Since the first attempt.
    pub elapsed: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_what_the_manifest_says_and_is_read_back() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.label());
        }
        for reason in EndReason::OWN.into_iter().chain(Reason::all().map(EndReason::Rejected)) {
            let json = serde_json::to_value(reason).unwrap();
            assert_eq!(json, reason.code());
            assert_eq!(serde_json::from_value::<EndReason>(json).unwrap(), reason);
        }
        assert_eq!("".parse::<EndReason>(), Err(UnknownReason(String::new())));
    }
}
