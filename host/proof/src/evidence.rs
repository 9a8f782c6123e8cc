//! What was found in a file that speaks for or against its being the work: what a verdict stands on.

use serde::{Deserialize, Serialize};

use crate::document::{Document, capped};
use crate::ids::{OwnId, OwnIdentifier};
use crate::title::{Agreement, Found};

/// What a verdict stands on. Programs read the fields; [`Evidence::sentences`] are for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Evidence {
    /// The identifier that the file gives itself: the work's, another version's, or another work's.
    pub identifier: Option<IdentifierFound>,
    /// Where the work's title stands, and how it agrees.
    pub title: Option<TitleFound>,
    /// The work's authors that the file names, of those that were looked for: the first five.
    pub authors: Option<Counted>,
    /// The file's pages, of those that the work has.
    pub pages: Pages,
    /// The language of its text (ISO 639-3), where that is beyond doubt.
    pub language: Option<String>,
    /// Characters of the first pages that could be read, of those drawn.
    pub glyphs: Option<Glyphs>,
    /// Streams in which damage does not show, such as images without a checksum.
    pub unchecked_streams: u32,
    /// What speaks against the file.
    pub against: Vec<Against>,
    /// What nobody could say of the work, so that it was not compared.
    pub unknown: Vec<Unknown>,
}

/// Where something stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Place {
    /// In the metadata, which is left over from templates and filled in by whoever handles the file.
    Metadata,
    /// In a line that is set larger than the running text.
    Heading,
    /// In the text of a page.
    Text,
}

/// The identifier that a file gives itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentifierFound {
    /// As it stands there, in lower case.
    pub value: String,
    /// Whose it is.
    pub of: IdentifierOf,
    /// Where.
    pub place: Place,
    /// The page, from 1.
    pub page: Option<u32>,
}

/// Whose an identifier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum IdentifierOf {
    /// The work's own.
    Work,
    /// Another version of the work, or a part of it.
    Version,
    /// Another work's.
    Other,
}

/// Where a title stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TitleFound {
    /// How it agrees with the work's.
    pub agreement: Agreement,
    /// Where.
    pub place: Place,
    /// The page, from 1.
    pub page: Option<u32>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Those that are there.
    pub found: u32,
    /// Those that were looked for.
    pub known: u32,
}

/// The pages of a file and of the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pages {
    /// Of the file.
    pub file: u32,
    /// Of the published work, where they are known.
    pub expected: Option<u32>,
}

/// The characters of the first pages, spaces not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glyphs {
    /// Those that are drawn.
    pub drawn: u32,
    /// Those whose text is known.
    pub read: u32,
}

/// What speaks against a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Against {
    /// It bears the identifier of another work.
    OtherIdentifier,
    /// It names fewer than half of the work's authors.
    AuthorsMissing,
    /// It has fewer pages than the work.
    FewerPages,
    /// It has more pages than the work, and not only a cover.
    MorePages,
    /// The work's title does not stand where a title stands.
    TitleNotPrinted,
    /// Its text cannot be read.
    Unreadable,
    /// Its letters are not named; the title was recognised by the letters that it repeats.
    Enciphered,
}

/// What nobody could say of a work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Unknown {
    /// Its title.
    Title,
    /// Its authors.
    Authors,
    /// How many pages it has.
    Pages,
}

/// What is known of the work.
pub(crate) struct Known {
    pub title: bool,
    pub pages: Option<u32>,
}

impl Against {
    /// What it means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::OtherIdentifier => "it bears the identifier of another work",
            Self::AuthorsMissing => "it names fewer than half of the work's authors",
            Self::FewerPages => "it has fewer pages than the work",
            Self::MorePages => "it has more pages than the work",
            Self::TitleNotPrinted => "the work's title does not head it",
            Self::Unreadable => "its text cannot be read",
            Self::Enciphered => {
                "its letters are not named; the title was recognised by those that it repeats"
            }
        }
    }
}

impl Evidence {
    pub(crate) fn of(
        document: &Document<'_>,
        found: Option<&Found>,
        own: &OwnIdentifier,
        authors: Counted,
        enciphered: bool,
        known: Known,
    ) -> Self {
        let report = document.report;
        let page = |page: usize| u32::try_from(page).ok()?.checked_add(1);
        let readable = document.is_readable();
        let identifier = (!own.value.is_empty()).then(|| IdentifierFound {
            value: capped(&own.value, IDENTIFIER_BYTES).to_owned(),
            of: match own.id {
                OwnId::Declared | OwnId::Printed => IdentifierOf::Work,
                OwnId::Other => IdentifierOf::Other,
                OwnId::None => IdentifierOf::Version,
            },
            place: if own.page.is_some() { Place::Text } else { Place::Metadata },
            page: own.page.and_then(page),
        });
        let title = found.filter(|found| found.agreement != Agreement::None).map(|found| TitleFound {
            agreement: found.agreement,
            place: match (found.page, found.large) {
                (None, _) => Place::Metadata,
                (Some(_), true) => Place::Heading,
                (Some(_), false) => Place::Text,
            },
            page: found.page.and_then(page),
        });
        let expected = known.pages;
        let unprinted = known.title
            && title.as_ref().is_none_or(|title| {
                title.place == Place::Metadata || title.agreement >= Agreement::Mentioned
            });
        let against = [
            (Against::OtherIdentifier, own.id == OwnId::Other),
            (Against::AuthorsMissing, readable && authors.found * 2 < authors.known),
            (Against::FewerPages, expected.is_some_and(|expected| report.pages < expected)),
            (
                Against::MorePages,
                expected.is_some_and(|expected| report.pages > expected.saturating_add(COVERS)),
            ),
            (Against::TitleNotPrinted, unprinted && readable && !enciphered),
            (Against::Unreadable, !readable && !enciphered),
            (Against::Enciphered, enciphered),
        ];
        let unknown = [
            (Unknown::Title, !known.title),
            (Unknown::Authors, authors.known == 0),
            (Unknown::Pages, expected.is_none()),
        ];
        Self {
            identifier,
            title,
            authors: (authors.known > 0).then_some(authors),
            pages: Pages { file: report.pages, expected },
            language: if readable { language(document) } else { None },
            glyphs: (report.drawn > 0).then_some(Glyphs { drawn: report.drawn, read: report.read }),
            unchecked_streams: report.unchecked,
            against: against.into_iter().filter_map(|(what, holds)| holds.then_some(what)).collect(),
            unknown: unknown.into_iter().filter_map(|(what, holds)| holds.then_some(what)).collect(),
        }
    }

    /// The same for people, a sentence each; what speaks against the file comes last.
    pub fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        let at = |place: Place, page: Option<u32>| match (place, page) {
            (Place::Metadata, _) | (_, None) => "in its metadata".to_owned(),
            (Place::Heading, Some(page)) => format!("in large type on page {page}"),
            (Place::Text, Some(page)) => format!("in the text of page {page}"),
        };
        if let Some(title) = &self.title {
            let agrees = match title.agreement {
                Agreement::Exact => "the work's title stands",
                Agreement::Close => "the work's title, but for a few letters, stands",
                Agreement::Part => "a part of the work's title, or a longer one, stands",
                Agreement::Words => "most words of the work's title stand",
                Agreement::Mentioned | Agreement::None => "the work's title is mentioned",
            };
            said.push(format!("{agrees} {}", at(title.place, title.page)));
        }
        if let Some(identifier) = &self.identifier {
            let whose = match identifier.of {
                IdentifierOf::Work => "the work's identifier",
                IdentifierOf::Version => "the identifier of another version or part of the work",
                IdentifierOf::Other => "another identifier",
            };
            said.push(format!(
                "{whose} ({}) stands {}",
                identifier.value,
                at(identifier.place, identifier.page)
            ));
        }
        if let Some(authors) = self.authors {
            said.push(format!(
                "it names {} of {} authors that were looked for",
                authors.found, authors.known
            ));
        }
        said.push(match self.pages.expected {
            Some(expected) => format!("it has {} pages, and the work has {expected}", self.pages.file),
            None => format!("it has {} pages", self.pages.file),
        });
        if let Some(language) = &self.language {
            said.push(format!("its language is {}", language_name(language)));
        }
        if let Some(glyphs) = self.glyphs.filter(|glyphs| glyphs.read < glyphs.drawn) {
            said.push(format!(
                "{} of {} characters of its first pages can be read",
                glyphs.read, glyphs.drawn
            ));
        }
        if self.unchecked_streams > 0 {
            said.push(format!("{} images or other streams have no checksum", self.unchecked_streams));
        }
        if !self.unknown.is_empty() {
            let names: Vec<&str> = self.unknown.iter().map(|unknown| unknown.into()).collect();
            said.push(format!("nobody could say of the work: {}", names.join(", ")));
        }
        said.extend(self.against.iter().map(|against| format!("against it: {}", against.meaning())));
        said
    }
}

/// The longest DOIs have a few hundred bytes.
const IDENTIFIER_BYTES: usize = 300;
/// A cover or a blank page more does not make it another work.
const COVERS: u32 = 2;
/// Bytes of text by which a language is told; more do not make it surer.
const SAMPLE: usize = 4000;

/// The language of a document's first pages.
pub(crate) fn language(document: &Document<'_>) -> Option<String> {
    let text: String = document.front().iter().map(|page| capped(page.text, SAMPLE)).collect();
    let text = capped(&text, SAMPLE);
    if is_english(text) {
        return Some(whatlang::Lang::Eng.code().to_owned());
    }
    let found = whatlang::detect(text)?;
    found.is_reliable().then(|| found.lang().code().to_owned())
}

/// Whether a text's small words are those of English. Most files are told so, for a tenth of what it costs to compare
/// them with all languages.
fn is_english(text: &str) -> bool {
    const SMALL_WORDS: [&str; 12] =
        ["the", "of", "and", "to", "in", "that", "with", "for", "are", "by", "this", "from"];
    const FEWEST: usize = 100;
    let words = || text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    let count = words().count();
    let small =
        words().filter(|word| SMALL_WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))).count();
    count >= FEWEST && small * 100 >= count * 15
}

/// The English name of a language, or its code.
fn language_name(code: &str) -> &str {
    whatlang::Lang::from_code(code).map_or(code, |language| language.eng_name())
}

#[cfg(test)]
mod tests {
    use tierfall_work::PdfReport;

    use super::*;

    #[test]
    fn english_is_told_by_its_small_words_and_other_languages_are_compared() {
        let language_of = |sentence: &str| {
            let report = PdfReport { text: vec![sentence.repeat(30)], ..PdfReport::default() };
            language(&Document::of(&report))
        };
        let english = "The tides of this boundary are those of an invented sea and of the moon. ";
        assert!(is_english(&english.repeat(30)));
        assert!(!is_english(english), "too short to be told by its small words");
        assert_eq!(language_of(english).as_deref(), Some("eng"));
        for (sentence, language) in [
            (
                "De getijden van deze grens zijn die van een verzonnen zee, of van de maan, en dat is bekend. ",
                "nld",
            ),
            ("Die Gezeiten an dieser Grenze sind die eines erfundenen Meeres und des Mondes. ", "deu"),
            ("Les marées de cette frontière sont celles d'une mer inventée et de la lune. ", "fra"),
        ] {
            assert!(!is_english(&sentence.repeat(30)), "{language}");
            assert_eq!(language_of(sentence).as_deref(), Some(language));
        }
    }
}
