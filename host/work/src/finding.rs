//! What a source answers: candidates for a copy, and facts learned on the way.

use serde::{Deserialize, Serialize};

use super::facts::Facts;

/// Which version of the work a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// As the publisher published it.
    Published,
    /// The author's manuscript after peer review.
    Accepted,
    /// The author's manuscript before peer review, as on a preprint server.
    Submitted,
    /// The source does not say.
    Unknown,
}

/// Why a source believes that a URL leads to the work; strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A registry or repository says that this file belongs to this identifier.
    Registry,
    /// The work's own page declares it in its metadata.
    Metadata,
    /// Derived from an identifier or a URL by a rule.
    Rule,
    /// A link on a page that looks right.
    Link,
}

/// A URL that a source proposes, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// As the source gave it; parsed, and refused, when it is acquired.
    pub url: String,
    /// Which version the source says it is.
    pub version: Version,
    /// As the source words it: `cc-by`, or the URL of a licence.
    pub license: Option<String>,
    /// The URL of the page that the file was found on, or that describes it.
    pub landing_page: Option<String>,
    /// Why the source believes that it is this work.
    pub basis: Basis,
    /// Where exactly it was found, for people: `best_oa_location.url_for_pdf`.
    pub evidence: String,
}

/// A source's answer. No candidates but some facts is a good answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// In the source's order; acquisition goes by [`Candidate::basis`] first.
    pub candidates: Vec<Candidate>,
    /// What the source says about the work, whether or not it has a copy.
    pub facts: Facts,
}

impl Version {
    /// The word used in manifests, logs and messages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Accepted => "accepted",
            Self::Submitted => "submitted",
            Self::Unknown => "unknown",
        }
    }
}

impl Basis {
    /// The word used in trails and messages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Metadata => "metadata",
            Self::Rule => "rule",
            Self::Link => "link",
        }
    }
}
