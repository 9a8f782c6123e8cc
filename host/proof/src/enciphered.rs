//! Titles in documents whose characters are counted and not named.
//!
//! Some printer drivers and converters give a document's glyphs numbers in the order in which they occur and forget
//! what they stand for. A person reads such a page; its text is a cipher. Where the same letter stands, the same
//! number stands; that is enough to recognise a title that is known, because a title of some length repeats letters
//! in a way that no other has.

use std::collections::HashMap;

use crate::document::Document;

/// What a cipher says about a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enciphered {
    /// The document has text that can be read, or no text.
    No,
    /// It, or its beginning, may stand at the head of the document, but repeats too few letters for that to be no
    /// chance, or goes on otherwise.
    TooShort,
    /// It stands at the head of the document.
    Here,
    /// Nothing at the head of the document has its pattern.
    NotHere,
}

/// Fewer glyphs are a stamp or a formula.
const FEWEST: usize = 200;
/// Glyphs at the head of a page among which the title is looked for: covers have an address and a date before it.
const HEAD: usize = 600;
/// Letters of the title that must stand for the same glyph as an earlier one. Each agrees by chance in one of some
/// fifteen places; seven do in one of a hundred million.
const REPEATED: usize = 7;

/// Whether a title heads a document whose characters are counted.
pub fn find(title: &str, document: &Document<'_>) -> Enciphered {
    let heads: Vec<Vec<char>> = document
        .pages
        .iter()
        .take(2)
        .map(|page| page.text.chars().filter(|c| is_counted(*c)).take(HEAD).collect())
        .collect();
    let counted: usize =
        document.pages.iter().map(|page| page.text.chars().filter(|c| is_counted(*c)).count()).sum();
    if counted < FEWEST || document.is_readable() {
        return Enciphered::No;
    }
    let writings = Writing::all(title);
    if writings.iter().any(|writing| writing.letters.is_empty()) {
        return Enciphered::No;
    }
    let places = heads.iter().flat_map(|glyphs| (0..glyphs.len()).filter_map(|from| glyphs.get(from..)));
    let best =
        places.flat_map(|place| writings.iter().filter_map(move |writing| writing.stands_at(place))).max();
    match best {
        None => Enciphered::NotHere,
        Some(Stands::Whole { repeated }) if repeated >= REPEATED => Enciphered::Here,
        Some(_) => Enciphered::TooShort,
    }
}

/// How much of a title may stand at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stands {
    /// Some of its words, which repeat enough letters; behind them the document has other signs than the registry.
    Begins,
    /// All of it.
    Whole { repeated: usize },
}

/// A private character of Unicode, by which an examiner tells glyphs apart that it cannot read.
fn is_counted(c: char) -> bool {
    ('\u{e000}'..='\u{f8ff}').contains(&c)
}

/// A way in which a title may have been set.
struct Writing {
    letters: Vec<Letter>,
}

struct Letter {
    of: char,
    /// It may be a capital or not.
    either: bool,
    /// It is the first of a word.
    begins: bool,
}

impl Writing {
    /// With and without ligatures and punctuation, in capitals or as it is typed.
    fn all(title: &str) -> Vec<Self> {
        const LIGATURES: [(&str, &str); 5] = [
            ("ffi", "\u{fb03}"),
            ("ffl", "\u{fb04}"),
            ("ff", "\u{fb00}"),
            ("fi", "\u{fb01}"),
            ("fl", "\u{fb02}"),
        ];
        let title = tierfall_ids::text::without_markup(crate::document::capped(title, LONGEST));
        let ligated =
            LIGATURES.iter().fold(title.clone(), |title, (letters, one)| title.replace(letters, one));
        let mut all = Vec::new();
        for (text, capitals) in [(&title, true), (&title, false), (&ligated, false)] {
            for punctuated in [true, false] {
                let mut begins = true;
                let mut letters = Vec::new();
                for c in text.chars() {
                    if c.is_alphanumeric() {
                        let either = !capitals && c.is_alphabetic() && (begins || c.is_uppercase());
                        letters.extend(c.to_lowercase().map(|of| Letter { of, either, begins }));
                        begins = false;
                    } else {
                        begins = true;
                        if punctuated && !c.is_whitespace() {
                            letters.push(Letter { of: c, either: false, begins: false });
                        }
                    }
                }
                all.push(Self { letters });
            }
        }
        all
    }

    /// Whether the title may stand there, each glyph being one letter, and how many of its letters stand for a glyph that
    /// an earlier one stood for.
    fn stands_at(&self, glyphs: &[char]) -> Option<Stands> {
        // What each glyph stands for, the glyph of each small letter, and how many each letter has.
        let (mut letters, mut small) = (HashMap::new(), HashMap::new());
        let mut forms: HashMap<char, usize> = HashMap::new();
        let mut repeated = 0;
        // Up to the last word that fits.
        let mut fitting = 0;
        let mut glyphs = glyphs.iter();
        for letter in &self.letters {
            if letter.begins {
                fitting = repeated;
            }
            let fits = glyphs.next().is_some_and(|glyph| {
                let is_other_form = !letter.either && *small.entry(letter.of).or_insert(*glyph) != *glyph;
                match letters.insert(*glyph, letter.of) {
                    _ if is_other_form => false,
                    Some(of) => {
                        repeated += usize::from(of == letter.of);
                        of == letter.of
                    }
                    None => {
                        let forms = forms.entry(letter.of).or_default();
                        *forms += 1;
                        *forms <= 2
                    }
                }
            });
            if !fits {
                return (fitting >= REPEATED).then_some(Stands::Begins);
            }
        }
        Some(Stands::Whole { repeated })
    }
}

/// Bytes of a title that are compared: so many repeat more letters than are asked for.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use tierfall_work::PdfReport;

    use super::*;

    /// A page whose glyphs are counted as they occur.
    fn counted(text: &str) -> PdfReport {
        let mut order: Vec<char> = Vec::new();
        let mut page = String::new();
        for c in text.chars() {
            if c.is_whitespace() {
                page.push(c);
                continue;
            }
            let at = order.iter().position(|known| *known == c).unwrap_or_else(|| {
                order.push(c);
                order.len() - 1
            });
            page.extend(char::from_u32(0xe000 + at as u32));
        }
        let drawn = page.chars().filter(|c| is_counted(*c)).count() as u32;
        PdfReport { pages: 9, text: vec![page], drawn, ..PdfReport::default() }
    }

    fn found(title: &str, text: &str) -> Enciphered {
        let text =
            format!("{text}\n{}", "Sentences about tides and their reflection follow here. ".repeat(9));
        find(title, &Document::of(&counted(&text)))
    }

    const TITLE: &str = "Reflection of Imaginary Tides at a Fictional Boundary";

    #[test]
    fn a_title_is_known_by_the_letters_that_it_repeats() {
        for text in [
            "Reflection of Imaginary Tides at a Fictional Boundary\nAda Invented",
            "Journal of Tides\n12 May 1999\nReflection of imaginary tides\nat a fictional boundary\nAda Invented",
            "REFLECTION OF IMAGINARY TIDES AT A FICTIONAL BOUNDARY",
            "Re\u{fb02}ection of Imaginary Tides at a Fictional Boundary",
        ] {
            assert_eq!(found(TITLE, text), Enciphered::Here, "{text}");
        }
        let other = "Refraction of Invented Waves at a Fictional Boundary";
        assert_eq!(found(TITLE, other), Enciphered::NotHere);
        assert_eq!(found("Imaginary Tides", TITLE), Enciphered::TooShort);
        let dashed = "Reflection of Imaginary Tides at the Island \u{2013} A Fictional Boundary";
        assert_eq!(found(&dashed.replace(" \u{2013}", ""), dashed), Enciphered::TooShort, "begins so");
    }

    #[test]
    fn text_that_can_be_read_is_no_cipher() {
        let report = PdfReport { text: vec![TITLE.into()], ..PdfReport::default() };
        assert_eq!(find(TITLE, &Document::of(&report)), Enciphered::No);
    }
}
