//! What several of these registries have in common.

use tierfall_sdk::{Setting, Work, WorkId};

/// The setting by which an API knows whom to write to.
pub fn mailto() -> Setting {
    Setting::new("mailto", "your e-mail address, which the API is told with every request")
}

/// The work's DOI, unless it is one of arXiv's: DataCite registers those, and the indexes of
/// Crossref's DOIs do not know them.
pub fn crossref_doi(work: &Work) -> Option<&str> {
    work.doi().filter(|doi| !matches!(WorkId::read_doi(doi), Some(WorkId::Arxiv(_))))
}
