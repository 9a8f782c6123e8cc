//! What the examiner reports about an article in XML, as plain data.

/// What an article in the Journal Article Tag Suite says of itself. The fields are those of `jats-report` in
/// `wit/proof-0.2.0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JatsReport {
    /// `article-type`: `research-article`, `correction` …
    pub kind: Option<String>,
    /// With its subtitle.
    pub title: Option<String>,
    /// In other languages.
    pub other_titles: Vec<String>,
    /// Family names of authors, and names of groups.
    pub authors: Vec<String>,
    /// Each with its kind: `doi`, `pmid`, `pmcid`, `pmc` …
    pub ids: Vec<(String, String)>,
    /// The text of its abstract, capped in length.
    pub summary: String,
    /// The beginning of its body's text, without notes, references and what is only attached; capped in length.
    pub body: String,
    /// Letters and digits of the whole body.
    pub letters: u32,
}

/// Why an article in XML cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JatsProblem {
    /// It is something else; the text says what shows that.
    NotJats(String),
    /// The end of the file is missing; the text says how that shows.
    Truncated(String),
    /// It cannot be read to its end, or the examiner failed or reached a limit. The text says which.
    Damaged(String),
    /// This machine could not examine it, which says nothing about the file; the text says why.
    Unexamined(String),
}
