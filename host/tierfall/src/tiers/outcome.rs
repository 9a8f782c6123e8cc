//! How a work ended, and with what.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::nearest::Nearest;
use super::reason::EndReason;
use super::so_far::Parked;
use super::source::SourceName;
use super::trail::Trail;
use crate::acquire::{UsageRights, VerifiedFile};
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
    /// The accepted file; whenever the status is `Stored`. Of several, in the form that is wanted most.
    pub won: Option<Won>,
    /// Accepted files in the other forms.
    pub also: Vec<Won>,
    /// Its time was over before everything was asked.
    pub cut: bool,
    /// It is not at its end, but can only wait for a turn that is far off: it is to be given back. Only a work for which
    /// that was asked for.
    pub parked: Option<Parked>,
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
    fn every_label_is_what_the_manifest_says() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.label());
        }
    }
}
