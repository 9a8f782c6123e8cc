//! The formats. A new one is a file here and its lines in this one.

mod bibtex;
mod broken;
mod cff;
mod json;
mod medline;
mod mods;
mod ovid;
mod prose;
mod refer;
mod refworks;
mod ris;
pub(crate) mod table;
mod tagged;
mod text;
mod wos;
mod xml;

pub use self::bibtex::text_of_tex;
use std::fmt;
use std::str::FromStr;

use crate::parse::FormatSpec;

macro_rules! formats {
    ($(#[$doc:meta] $name:ident = $spec:path,)*) => {
        /// How an input is written.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Format {
            $(#[$doc] $name,)*
        }

        impl Format {
            /// Every format there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub(crate) fn spec(self) -> &'static FormatSpec {
                match self { $(Self::$name => &$spec,)* }
            }
        }
    };
}

// An input is of the last one that recognises its beginning: the others are surer of it than tables are.
formats! {
    /// One identifier a line; `#` begins a comment.
    Text = text::TEXT,
    /// With a header; commas, semicolons or bars.
    Csv = table::CSV,
    /// With a header; tabs.
    Tsv = table::TSV,
    /// One object a line, an array of them, or one after the other.
    Json = json::JSON,
    /// BibTeX and BibLaTeX.
    Bibtex = bibtex::BIBTEX,
    /// The exchange format of reference managers.
    Ris = ris::RIS,
    /// PubMed's own.
    Medline = medline::MEDLINE,
    /// Web of Science's own.
    Wos = wos::WOS,
    /// Of Ovid: MEDLINE, Embase, PsycINFO.
    Ovid = ovid::OVID,
    /// RefWorks' own.
    Refworks = refworks::REFWORKS,
    /// EndNote's older exchange format.
    Refer = refer::REFER,
    /// Of EndNote, PubMed and others.
    Xml = xml::XML,
    /// A spreadsheet of Excel or OpenDocument.
    Sheet = table::sheet::SHEET,
    /// `CITATION.cff`.
    Cff = cff::CFF,
    /// Running text and Markdown: every identifier in it.
    Prose = prose::PROSE,
}

/// The text names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a format; formats are {list}", list = Format::list("and"))]
pub struct UnknownFormat(String);

impl Format {
    /// The name that is shown.
    pub fn label(self) -> &'static str {
        self.spec().names.first().copied().unwrap_or_default()
    }

    /// All of them for a sentence: `text, csv, tsv and json`.
    pub fn list(conjunction: &str) -> String {
        let labels: Vec<_> = Self::ALL.iter().map(|format| format.label()).collect();
        let (last, others) = labels.split_last().unwrap_or((&"", &[]));
        format!("{} {conjunction} {last}", others.join(", "))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    /// By any of its names, without regard to case.
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let name = text.to_ascii_lowercase();
        let named = |format: &&Self| format.spec().names.contains(&name.as_str());
        Self::ALL.iter().find(named).copied().ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}
