//! What an examiner says of a file, as plain data: whoever reads it needs to know no sandbox.

/// What a readable PDF says; `wit/proof-0.1.0` documents the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PdfReport {
    pub pages: u32,
    pub title: Option<String>,
    pub metadata: String,
    pub text: Vec<String>,
    pub headings: Vec<Vec<String>>,
    pub images: bool,
    pub repaired: bool,
}

/// Why a PDF cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PdfProblem {
    NotPdf,
    Encrypted,
    Truncated(String),
    /// Broken beyond reading, or made to hurt its reader: the examiner trapped or met a limit.
    Damaged(String),
}
