//! What sources say about a work, and whom to believe.

use super::WorkId;

/// What one source says about a work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub title: Option<String>,
    pub authors: Vec<String>,
    pub year: Option<u16>,
    pub pages: Option<u32>,
    pub ids: Vec<WorkId>,
    pub landing_urls: Vec<String>,
}

/// A fact and the source that said it (`input` for what came with the work).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T> {
    pub value: T,
    pub by: String,
}

/// What is known of a work, each fact with the one who said it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub title: Option<Said<String>>,
    pub authors: Option<Said<Vec<String>>>,
    pub year: Option<Said<u16>>,
    /// Pages of the published version.
    pub pages: Option<Said<u32>>,
}
