//! What a page about a work says: where its PDF is, and facts from its metadata.

use crate::{Candidate, Facts, Work};

/// What one page says about a work.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Where the PDF may be, best first, without repeats.
    pub candidates: Vec<Candidate>,
    /// What the page's metadata says of the work.
    pub facts: Facts,
    /// Where a `<meta http-equiv="refresh">` leads, unless to the page itself.
    pub refresh: Option<String>,
    /// The page's own metadata names another DOI than the work's, so it proposes nothing.
    pub other_work: bool,
}

/// Reads the page that answered at `url`.
pub fn read(_url: &str, _html: &str, _work: &Work) -> Page {
    Page { candidates: Vec::new(), facts: Facts::none(), refresh: None, other_work: false }
}
