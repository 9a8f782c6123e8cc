//! What sources say about a work, and whom to believe.

use serde::{Deserialize, Serialize};
use tierfall_ids::WorkId;

/// What one source says about a work, as it says it: nothing is cleaned or checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The title, on any number of lines.
    pub title: Option<String>,
    /// Family names where they are known apart, full names otherwise; empty if unknown.
    pub authors: Vec<String>,
    /// The year of publication.
    pub year: Option<u16>,
    /// The number of pages of the published version.
    pub pages: Option<u32>,
    /// Identifiers of the work, in any order.
    pub ids: Vec<WorkId>,
    /// URLs of pages about the work, best first.
    pub landing_urls: Vec<String>,
    /// Whether it was retracted.
    pub retracted: Option<bool>,
}

/// A fact and the source that said it (`input` for what came with the work).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said<T> {
    /// The fact itself.
    pub value: T,
    /// The name of the source; `plugin/source` for a plugin that is not built in.
    pub by: String,
}

/// What is known of a work, each fact with the source that said it; `None` is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The title, on one line.
    pub title: Option<Said<String>>,
    /// Family names where they are known apart, full names otherwise; never empty.
    pub authors: Option<Said<Vec<String>>>,
    /// The year of publication.
    pub year: Option<Said<u16>>,
    /// The number of pages of the published version.
    pub pages: Option<Said<u32>>,
    /// Whether it was retracted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retracted: Option<Said<bool>>,
}

/// Sources that overrule all others: the registries that publishers deposit their metadata with, and the index made
/// of them. An earlier one overrules a later one, so that it does not matter which answers first.
const REGISTRIES: [&str; 3] = ["crossref", "datacite", "openalex"];

/// How far a source is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A source of a plugin that is not built in, written `plugin/source`: nobody vouches for it.
    Untrusted,
    Known,
    /// More for an earlier one of [`REGISTRIES`].
    Registry(usize),
}

impl Rank {
    fn of(by: &str) -> Self {
        match REGISTRIES.iter().rev().position(|name| *name == by) {
            Some(place) => Self::Registry(place),
            None if by.contains('/') => Self::Untrusted,
            None => Self::Known,
        }
    }
}

/// Whether somebody vouches for what `by` says: the user, or a source that is built in. Nobody does for the sources of
/// other plugins, written `plugin/source`.
pub fn is_vouched_for(by: &str) -> bool {
    Rank::of(by) > Rank::Untrusted
}

/// Whether `by` is one of the registries that overrule all others.
pub fn is_registry(by: &str) -> bool {
    matches!(Rank::of(by), Rank::Registry(_))
}

impl<T> Said<T> {
    /// Whether the only source is one that nobody vouches for: that of a plugin that is not built in.
    pub fn is_untrusted(&self) -> bool {
        !is_vouched_for(&self.by)
    }
}

impl Facts {
    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Known {
    /// Whether anything of it is known from sources alone that nobody vouches for.
    pub(super) fn has_untrusted(&self) -> bool {
        fn untrusted<T>(said: &Option<Said<T>>) -> bool {
            said.as_ref().is_some_and(Said::is_untrusted)
        }
        untrusted(&self.title)
            || untrusted(&self.authors)
            || untrusted(&self.year)
            || untrusted(&self.pages)
            || untrusted(&self.retracted)
    }

    /// Without what only sources say that nobody vouches for.
    pub(super) fn vouched(&self) -> Self {
        fn vouched<T: Clone>(said: &Option<Said<T>>) -> Option<Said<T>> {
            said.clone().filter(|said| !said.is_untrusted())
        }
        Self {
            title: vouched(&self.title),
            authors: vouched(&self.authors),
            year: vouched(&self.year),
            pages: vouched(&self.pages),
            retracted: vouched(&self.retracted),
        }
    }

    /// Takes over what is new, or said by a source that is trusted more; whether a value changed.
    pub(super) fn learn(&mut self, facts: &Facts, by: &str) -> bool {
        let title = facts.title.as_deref().map(one_line).filter(|title| !title.is_empty());
        let authors: Vec<String> =
            facts.authors.iter().map(|name| one_line(name)).filter(|name| !name.is_empty()).collect();
        let mut new = believe(&mut self.title, title, by);
        new |= believe(&mut self.authors, Some(authors).filter(|authors| !authors.is_empty()), by);
        new |= believe(&mut self.year, facts.year.filter(|&year| year > 0), by);
        // A wrong number of pages makes another source's complete file look like a preview.
        let pages = facts.pages.filter(|&pages| pages > 0 && Rank::of(by) > Rank::Untrusted);
        new |= believe(&mut self.pages, pages, by);
        new |= believe(&mut self.retracted, facts.retracted, by);
        new
    }
}

/// The first value stays, unless a source that is trusted more gives another; whether the value changed.
fn believe<T: PartialEq>(known: &mut Option<Said<T>>, value: Option<T>, by: &str) -> bool {
    let Some(value) = value else { return false };
    if let Some(said) = known
        && Rank::of(&said.by) >= Rank::of(by)
    {
        return false;
    }
    let new = known.as_ref().is_none_or(|said| said.value != value);
    *known = Some(Said { value, by: by.to_owned() });
    new
}

/// Records break titles over lines and indent them.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
