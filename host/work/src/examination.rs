//! What the examiner reports about a PDF, as plain data: who uses it does not depend on the sandbox.

/// What a readable PDF contains. The fields are those of `report` in `wit/proof-0.2.0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PdfReport {
    /// The number of pages of the whole document.
    pub pages: u32,
    /// `Title` of the document information dictionary, else `dc:title` of the XMP metadata.
    pub title: Option<String>,
    /// Document information and XMP metadata as lines of `name: value`, capped in length.
    pub metadata: String,
    /// The text of the first pages, one string a page, capped in length; empty for a scanned page.
    pub text: Vec<String>,
    /// The blocks of the first pages that are set larger than the running text, one list a page, largest
    /// first: a page's title is nearly always among them.
    pub headings: Vec<Vec<String>>,
    /// Whether images cover most of one of the first pages, as they do where it was scanned.
    pub images: bool,
    /// The document is readable, but its end mark or its cross-reference table is broken.
    pub repaired: bool,
    /// Characters drawn on the first pages, spaces not counted.
    pub drawn: u32,
    /// How many of those could be read.
    pub read: u32,
    /// What is broken between the file's beginning and its end, for people; empty for a whole document.
    pub damage: Vec<String>,
    /// Streams in which damage does not show, such as images without a checksum.
    pub unchecked: u32,
}

/// Why a PDF cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PdfProblem {
    /// It is something else.
    NotPdf,
    /// It opens only with a password. Documents that open with the empty one are read.
    Encrypted,
    /// The end of the file is missing; the text says how that shows.
    Truncated(String),
    /// Broken beyond reading, or built to exhaust its reader: the examiner failed or reached a limit. The text
    /// says which.
    Damaged(String),
    /// This machine could not examine it, which says nothing about the file; the text says why.
    Unexamined(String),
}
