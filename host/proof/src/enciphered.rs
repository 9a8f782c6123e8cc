//! Titles in documents whose characters are counted and not named.
//!
//! Some printer drivers and converters give a document's glyphs numbers in the order in which they occur and forget
//! what they stand for. A person reads such a page; its text is a cipher. Where the same letter stands, the same
//! number stands; that is enough to recognise a title that is known, because a title of some length repeats letters
//! in a way that no other has.

use std::collections::HashMap;

use crate::document::{Document, Page};

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
    // A driver that gives a font's glyphs other characters' codes mixes both.
    let head = |page: &Page<'_>, all: bool| -> Vec<char> {
        let glyphs = page.text.chars().filter(|c| !c.is_whitespace());
        glyphs.filter(|c| all || is_counted(*c)).take(HEAD).collect()
    };
    let pages = || document.pages.iter().take(2);
    let heads: Vec<Vec<char>> = pages().flat_map(|page| [head(page, false), head(page, true)]).collect();
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

/// Whether a title heads a document that can be read but for the glyphs of its title, as small capitals are that a
/// font's map leaves out: lines of its first page hold it, letter for letter where they can be read.
pub fn in_readable(title: &str, document: &Document<'_>) -> bool {
    /// Lines that a title takes at most, and lines at the head in which it begins.
    const LINES: usize = 5;
    const FIRST: usize = 8;
    let Some(page) = document.pages.first() else { return false };
    let lines: Vec<Vec<char>> = page
        .text
        .lines()
        .take(FIRST + LINES)
        .map(|line| line.chars().filter(|c| !c.is_whitespace()).take(HEAD).collect())
        .collect();
    if !lines.iter().flatten().any(|c| is_counted(*c)) {
        return false;
    }
    let writings = Writing::all(title);
    (0..FIRST.min(lines.len())).any(|first| {
        (1..=LINES).any(|count| {
            let Some(lines) = lines.get(first..first + count) else { return false };
            let glyphs: Vec<char> = lines.iter().flatten().copied().collect();
            writings.iter().any(|writing| writing.fills(&glyphs))
        })
    })
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
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
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
    /// With and without ligatures and punctuation, in capitals or as it is typed, and with spaces that have a code of
    /// their own.
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
        let forms = [(&title, true), (&title, false), (&ligated, false)];
        for (spaced, (text, capitals)) in
            [false, true].into_iter().flat_map(|spaced| forms.map(|form| (spaced, form)))
        {
            for punctuated in [true, false] {
                let mut begins = true;
                let mut letters = Vec::new();
                let spaced = spaced && punctuated;
                for c in text.chars() {
                    if c.is_alphanumeric() {
                        let either = !capitals && c.is_alphabetic() && (begins || c.is_uppercase());
                        letters.extend(c.to_lowercase().map(|of| Letter { of, either, begins }));
                        begins = false;
                    } else {
                        begins = true;
                        if c.is_whitespace() && !spaced {
                            continue;
                        }
                        if punctuated {
                            letters.push(Letter { of: c, either: false, begins: false });
                        }
                    }
                }
                all.push(Self { letters });
            }
        }
        all
    }

    /// Whether these glyphs are the title, but for the mark of a footnote: those that can be read are its letters, and of
    /// the others, which are most, enough repeat.
    fn fills(&self, glyphs: &[char]) -> bool {
        /// Signs behind it.
        const MARKS: usize = 2;
        let (mut hidden, mut repeated) = (0, 0);
        let mut meanings: HashMap<char, char> = HashMap::new();
        let mut glyph_of: HashMap<char, char> = HashMap::new();
        let rest = glyphs.len().checked_sub(self.letters.len());
        if rest.is_none_or(|rest| rest > MARKS) || self.letters.is_empty() {
            return false;
        }
        for (letter, glyph) in self.letters.iter().zip(glyphs) {
            if !is_counted(*glyph) {
                if !glyph.to_lowercase().eq(std::iter::once(letter.of)) {
                    return false;
                }
                continue;
            }
            hidden += 1;
            let meaning = *meanings.entry(*glyph).or_insert(letter.of);
            let known = glyph_of.insert(letter.of, *glyph);
            if meaning != letter.of || known.is_some_and(|known| known != *glyph) {
                return false;
            }
            repeated += usize::from(known.is_some());
        }
        repeated >= REPEATED && hidden * 2 >= self.letters.len()
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
    fn codes_that_a_driver_gave_away_anew_are_a_cipher_with_spaces() {
        let mut order: Vec<char> = Vec::new();
        let code = |c: char| {
            let at = order.iter().position(|known| *known == c).unwrap_or_else(|| {
                order.push(c);
                order.len() - 1
            });
            char::from_u32(0x21 + at as u32)
        };
        let sentence = "Sentences about tides and their reflection follow here. ".repeat(30);
        let text: String = format!("{TITLE} {sentence}").chars().filter_map(code).collect();
        let unread: String = (0..300).filter_map(|number| char::from_u32(0xf_0000 + number)).collect();
        let report =
            PdfReport { text: vec![format!("{text}\n{unread}")], drawn: 9000, ..PdfReport::default() };
        let document = Document::of(&report);
        assert_eq!(find(TITLE, &document), Enciphered::Here);
        let other = "Refraction of Invented Waves at a Fictional Boundary";
        assert_eq!(find(other, &document), Enciphered::NotHere);
    }

    #[test]
    fn a_title_in_small_capitals_that_a_fonts_map_leaves_out_is_known_by_what_they_repeat() {
        let hide = |text: &str| -> String {
            let hidden =
                |c: char| if c.is_lowercase() { char::from_u32(0xf_0000 + c as u32) } else { Some(c) };
            text.chars().filter_map(hidden).collect()
        };
        let page = |head: &str| PdfReport {
            text: vec![format!(
                "Journal of Tides\n{head}\nAda Invented\n{}",
                "The tides of this sea are low.\n".repeat(60)
            )],
            ..PdfReport::default()
        };
        let (one, two) = TITLE.split_at(19);
        for (head, expected) in [
            (hide(TITLE), true),
            (format!("{}\n{}1", hide(one), hide(two)), true),
            (hide("Reflection of Imaginary Tides at a Factional Boundary"), false),
            (hide("Refraction of Imaginary Tides at a Fictional Boundary"), false),
            (format!("{} and Elsewhere", hide(TITLE)), false),
            (TITLE.to_owned(), false),
        ] {
            let report = page(&head);
            let document = Document::of(&report);
            assert!(document.is_readable());
            assert_eq!(in_readable(TITLE, &document), expected, "{head}");
        }
    }

    #[test]
    fn text_that_can_be_read_is_no_cipher() {
        let report = PdfReport { text: vec![TITLE.into()], ..PdfReport::default() };
        assert_eq!(find(TITLE, &Document::of(&report)), Enciphered::No);
    }
}
