//! Whether a document has the work's title.

use crate::common::COMMON;
use crate::document::{Document, capped};
use crate::normalized::{is_word_sign, words};
use crate::script::{ScriptCounts, Written};
use crate::series::{halves, main_title};
use tierfall_ids::text::{folded, without_markup};

/// How well a document's own title agrees with the work's, best first.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Agreement {
    /// Every character.
    Exact,
    /// Except for errors of text extraction and typesetting.
    Close,
    /// The main title alone, or a title within a longer heading.
    Part,
    /// Most of its words stand together at the top of a page.
    Words,
    /// Within a sentence: this document writes about the work.
    Mentioned,
    /// Not at all.
    None,
}

/// Where a title was found, and the text around it.
#[derive(Clone, Debug)]
pub struct Found {
    pub agreement: Agreement,
    /// The page, from 0; `None` if it is in the metadata alone.
    pub page: Option<usize>,
    /// It is set larger than the running text.
    pub large: bool,
    /// The text before it on its page or in its heading, at most some lines; `None` if it is in the
    /// metadata alone.
    pub before: Option<String>,
    /// The text after it in the same type size.
    pub after: String,
    /// The text of the page after it, at most some lines.
    pub following: String,
    /// The share of its words that was found, from 0 to 1.
    pub share: f64,
}

impl Found {
    /// Whether it says more; what is printed says more than metadata.
    pub fn is_better_than(&self, other: &Self) -> bool {
        match (self.page, other.page) {
            (Some(_), None) => {
                self.agreement <= Agreement::Part
                    || (other.agreement == Agreement::None && self.agreement < Agreement::None)
            }
            (None, Some(_)) if other.agreement <= Agreement::Part => false,
            _ => self.agreement < other.agreement,
        }
    }
}

/// A work's title, normalized for searching.
#[derive(Debug)]
pub struct Title {
    pub normalized: Vec<char>,
    /// The part before its subtitle, where that can stand for the whole.
    pub main: Option<Vec<char>>,
    /// The parts before and after the first colon, where both say something.
    pub halves: Option<[Vec<char>; 2]>,
    pub words: Vec<Vec<char>>,
    /// The script of most of it.
    written: Option<Written>,
}

/// Bytes of a title that are compared. The longest titles of papers have a thousand.
pub const LONGEST: usize = 1500;

impl Title {
    pub fn of(title: &str) -> Self {
        let plain = without_markup(capped(title, LONGEST));
        let main = main_title(&plain).map(folded);
        let written = ScriptCounts::of([plain.as_str()]).written();
        Self { normalized: folded(&plain), main, halves: halves(&plain), words: words(&plain), written }
    }

    /// Whether it is written in a script that the document does not have: then it cannot be found there, and its
    /// absence proves nothing.
    pub fn is_foreign_to(&self, document: &Document<'_>) -> bool {
        let foreign = self.normalized.iter().filter(|c| is_foreign(**c)).count();
        let there = document.front().iter().flat_map(|page| page.normalized.as_slice());
        foreign * 2 > self.normalized.len()
            && there.filter(|c| is_foreign(**c)).take(foreign).count() < foreign
    }

    /// Whether the document is in another script and does not have it in its own either, as many print a translation:
    /// then nothing is compared with it.
    pub fn is_apart_from(&self, document: &Document<'_>, found: &Found) -> bool {
        let is_printed =
            found.page.is_some() && !matches!(found.agreement, Agreement::Words | Agreement::None);
        // What cannot be read may be in any script.
        !is_printed
            && document.is_readable()
            && self.written.is_some_and(|written| document.script_counts().lack(written))
    }

    /// Its length in letters of an alphabet: a Chinese character counts as three, being nearly a word.
    fn weight(&self) -> usize {
        self.normalized.iter().map(|c| if is_word_sign(*c) { 3 } else { 1 }).sum()
    }

    /// Its normalized characters.
    pub fn folded(&self) -> &[char] {
        &self.normalized
    }

    /// Whether so few works have this title that it identifies the work: three words of twenty letters, or of fourteen
    /// where none of them is on many titles.
    pub fn is_distinctive(&self) -> bool {
        let signs = self.normalized.iter().filter(|c| is_word_sign(**c)).count();
        let is_rare =
            |word: &&Vec<char>| word.len() > 1 && !COMMON.contains(&word.iter().collect::<String>().as_str());
        let rare = self.words.iter().filter(is_rare).count();
        (self.weight() >= 20 && self.words.len() + signs / 2 >= 3 && (rare > 0 || signs > 0))
            || (self.weight() >= 14 && rare >= 3)
    }

    /// Whether it is so long that no second work has it.
    pub fn is_long(&self) -> bool {
        self.weight() >= 40 && self.is_distinctive()
    }
}

/// A letter that normalization does not reduce to Latin ones.
fn is_foreign(c: char) -> bool {
    c.is_alphabetic() && !c.is_ascii()
}
