//! What a source answers: candidates for a copy, facts learned on the way, and records that may be the work.

use serde::{Deserialize, Serialize};
use tierfall_ids::WorkId;

use super::digest::Digest;
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

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// PDF.
    Pdf,
    /// XML of the Journal Article Tag Suite.
    Jats,
    /// A page.
    Html,
    /// The source does not say.
    #[default]
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
    /// What the source says that the file is.
    pub format: Format,
    /// A digest of the file that the source published: the file is held to it.
    pub digest: Option<Digest>,
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
    /// For a work that is known by its title: the records that come nearest, best first as the source sees it.
    pub matches: Vec<Match>,
}

/// What a record of a registry describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// An article of a journal.
    Article,
    /// A paper of a conference.
    ConferencePaper,
    /// A preprint.
    Preprint,
    /// A chapter of a book.
    Chapter,
    /// A book.
    Book,
    /// A thesis.
    Thesis,
    /// A report.
    Report,
    /// Data.
    Dataset,
    /// A correction, a retraction, an expression of concern.
    Notice,
    /// A referee's report, or a decision letter.
    Review,
    /// A journal, an issue, a volume of proceedings, a series.
    Container,
    /// A figure, a table, a supplement: a part of a work.
    Part,
    /// Anything else.
    Other,
}

/// A record of a registry that may be a work that is known by its title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// All that the record says, the one that it is best known by first.
    pub ids: Vec<WorkId>,
    /// With its subtitle.
    pub title: String,
    /// Others that it has: in another language, without the subtitle.
    pub other_titles: Vec<String>,
    /// In their order; family names where they are known apart, full names otherwise.
    pub authors: Vec<String>,
    /// The year of its first publication.
    pub year: Option<u16>,
    /// What it describes, where the source says so.
    pub kind: Option<RecordKind>,
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

impl Format {
    /// The word used in trails and messages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jats => "jats",
            Self::Html => "html",
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
