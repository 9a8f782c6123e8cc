//! The forms of a full text that are looked for and kept.

use serde::{Deserialize, Serialize};

/// A form in which the full text of a work is kept: an artifact of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactFormat {
    /// A PDF.
    Pdf,
    /// XML of the Journal Article Tag Suite.
    Jats,
}

impl ArtifactFormat {
    /// Every form there is.
    pub const ALL: [Self; 2] = [Self::Pdf, Self::Jats];

    /// The word in the configuration, the manifest and the ledger.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jats => "jats",
        }
    }

    /// What the file is to its work, in the manifest and the ledger.
    pub fn role(self) -> &'static str {
        match self {
            Self::Pdf => "fulltext",
            Self::Jats => "fulltext_xml",
        }
    }

    /// The ending of its file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jats => "xml",
        }
    }

    /// What a request for it accepts.
    pub fn accept(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf,*/*;q=0.5",
            Self::Jats => "application/xml,text/xml;q=0.9,*/*;q=0.5",
        }
    }
}

/// The word in the configuration.
impl std::str::FromStr for ArtifactFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|format| format.label() == text.trim());
        known.ok_or_else(|| format!("`{text}` is no format; it is one of pdf and jats"))
    }
}
