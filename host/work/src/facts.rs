//! What sources say about a work, and whom to believe.

use serde::{Deserialize, Serialize};
use tierfall_ids::WorkId;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said<T> {
    pub value: T,
    pub by: String,
}

/// What is known of a work, each fact with the one who said it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub title: Option<Said<String>>,
    pub authors: Option<Said<Vec<String>>>,
    pub year: Option<Said<u16>>,
    /// Pages of the published version.
    pub pages: Option<Said<u32>>,
}

/// Who is believed over everybody else: the registries that publishers deposit their metadata with.
const REGISTRIES: [&str; 3] = ["crossref", "datacite", "openalex"];

/// How much someone is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A source of a plugin from elsewhere, written `plugin/source`: nobody vouches for it.
    Stranger,
    Known,
    Registry,
}

impl Rank {
    fn of(by: &str) -> Self {
        match by {
            by if REGISTRIES.contains(&by) => Self::Registry,
            by if by.contains('/') => Self::Stranger,
            _ => Self::Known,
        }
    }
}

impl<T> Said<T> {
    /// Nobody but a stranger says so.
    pub fn is_untrusted(&self) -> bool {
        Rank::of(&self.by) == Rank::Stranger
    }
}

impl Facts {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Known {
    /// Takes over what is new or said by someone who is believed more; whether anything changed.
    pub(super) fn learn(&mut self, facts: &Facts, by: &str) -> bool {
        let title = facts.title.as_deref().map(one_line).filter(|title| !title.is_empty());
        let authors: Vec<String> =
            facts.authors.iter().map(|name| one_line(name)).filter(|name| !name.is_empty()).collect();
        let mut new = believe(&mut self.title, title, by);
        new |= believe(&mut self.authors, Some(authors).filter(|authors| !authors.is_empty()), by);
        new |= believe(&mut self.year, facts.year.filter(|&year| year > 0), by);
        // A wrong number of pages makes a good file of somebody else look like a preview.
        let pages = facts.pages.filter(|&pages| pages > 0 && Rank::of(by) > Rank::Stranger);
        new |= believe(&mut self.pages, pages, by);
        new
    }
}

/// First said, unless someone who is believed more corrects it.
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
