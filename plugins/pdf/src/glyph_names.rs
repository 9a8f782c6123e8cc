//! Names of glyphs that only number them: `/a65` (pdfTeX), `/#0C` and `/3` (dvips), `/C65` (3B2), `/g41`.

use std::collections::{HashMap, HashSet};

use hayro_syntax::object::{Array, Dict, Name, Object, Stream};

/// The glyphs of a simple font by their codes, where their names are numbers of characters.
pub struct Numbered {
    /// `None` for a name that is no number.
    numbers: HashMap<u8, Option<u32>>,
    encoding: Encoding,
    place: usize,
    /// Glyphs that draw nothing: some drivers move on by them.
    blank: HashSet<u8>,
}

/// What the numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// Unicode, Latin-1 or ASCII.
    Unicode,
    /// TeX's text encoding of seven bits.
    Ot1,
    /// TeX's text encoding of eight bits.
    T1,
    /// The glyphs, in the order in which they were used.
    Order,
    /// The glyphs of a TrueType font, which nearly all have in one order.
    Glyphs,
}

/// Where the characters begin that stand for glyphs of which nothing is known but that they are the same or not
/// (Unicode's first private area); each font has 256 of them.
const PRIVATE: u32 = 0xe000;
/// Fonts that have a place there.
const PRIVATE_FONTS: usize = 25;

/// A font with all codes from 0 up to this one has them counted. TeX's fonts have all of the first 32 in no text.
const MANY: u8 = 32;

impl Numbered {
    /// `None` where there are no names, or they say nothing. `place` is the font's number in the document.
    pub fn of(font: &Dict<'_>, bitmap: bool, place: usize) -> Option<Self> {
        let encoding = font.get::<Dict<'_>>("Encoding")?;
        let mut numbers = HashMap::new();
        let mut code = 0i64;
        for entry in encoding.get::<Array<'_>>("Differences")?.iter::<Object<'_>>() {
            match entry {
                Object::Number(number) => code = number.as_i64(),
                Object::Name(name) => {
                    if let Ok(code) = u8::try_from(code) {
                        numbers.insert(code, number(&name));
                    }
                    code += 1;
                }
                _ => {}
            }
        }
        let numbered = Self::from_numbers(numbers, bitmap, has_widths_of_letters(font), place)?;
        let blank = if numbered.encoding == Encoding::Order { blank(font) } else { HashSet::new() };
        Some(Self { blank, ..numbered })
    }

    fn from_numbers(
        numbers: HashMap<u8, Option<u32>>,
        bitmap: bool,
        lettered: bool,
        place: usize,
    ) -> Option<Self> {
        let letter = |number: u32| u8::try_from(number).is_ok_and(|byte| byte.is_ascii_alphabetic());
        // Among names that are words a number means nothing; a font of signs only may have one or two names.
        let known = || numbers.values().flatten().copied();
        let as_codes =
            numbers.iter().all(|(code, number)| number.is_none_or(|number| u32::from(*code) == number));
        // The letters of a font that are used leave gaps; glyphs that are counted leave none.
        let counted = bitmap && as_codes && !lettered && (0..MANY).all(|code| numbers.contains_key(&code));
        if bitmap && !counted && !known().any(letter) {
            return None;
        }
        let has = |mut range: std::ops::RangeInclusive<u32>| range.any(|n| known().any(|m| m == n));
        // Nobody numbers a control character, but the third glyph is the space, and most are letters.
        let letters = known().filter(|number| matches!(number, 36..=61 | 68..=93)).count();
        let glyphs = !bitmap && has(3..=3) && letters * 2 >= numbers.len();
        let encoding = match () {
            () if counted => Encoding::Order,
            () if glyphs => Encoding::Glyphs,
            // TeX's bitmap fonts keep their codes; they are the ones with ligatures among control characters.
            () if !(bitmap && as_codes) => Encoding::Unicode,
            () if has(128..=255) || (has(27..=31) && !has(11..=15)) => Encoding::T1,
            () => Encoding::Ot1,
        };
        Some(Self { numbers, encoding, place, blank: HashSet::new() })
    }

    /// Whether the font's encoding names this code.
    pub fn has(&self, code: u8) -> bool {
        self.numbers.contains_key(&code)
    }

    /// The text of a code.
    pub fn text(&self, code: u8) -> Option<String> {
        let number = (*self.numbers.get(&code)?)?;
        let of_tex = |table: &[(u32, &str)]| {
            table.iter().find(|(of, _)| *of == number).map(|(_, text)| (*text).to_owned())
        };
        let special = match self.encoding {
            Encoding::Unicode => None,
            Encoding::Glyphs => return of_glyph(number).map(String::from),
            Encoding::Ot1 => of_tex(OT1),
            Encoding::T1 => of_tex(T1),
            Encoding::Order if self.blank.contains(&code) => return None,
            Encoding::Order => {
                return char::from_u32(private(self.place)? + u32::from(code)).map(String::from);
            }
        };
        special.or_else(|| char::from_u32(number).filter(|c| !c.is_control()).map(String::from))
    }
}

/// Where the characters begin that tell the glyphs of a document's font apart.
pub fn private(place: usize) -> Option<u32> {
    let place = u32::try_from(place).ok().filter(|_| place < PRIVATE_FONTS)?;
    Some(PRIVATE + place * 256)
}

/// Whether a font's names count its glyphs, `/1 /2 /3` from code 1 on: then they say nothing of the characters.
pub fn are_counted(font: &Dict<'_>) -> bool {
    /// Fewer may be the names of figures.
    const FEWEST: usize = 10;
    let counted = || {
        let differences = font.get::<Dict<'_>>("Encoding")?.get::<Array<'_>>("Differences")?;
        let mut entries = differences.iter::<Object<'_>>();
        let Some(Object::Number(first)) = entries.next() else { return None };
        let names = entries.take(256).zip(1u32..).map(|(entry, number)| match entry {
            Object::Name(name) => name.as_str().parse() == Ok(number),
            _ => false,
        });
        let names: Vec<bool> = names.collect();
        (first.as_i64() == 1 && names.len() >= FEWEST && names.iter().all(|counted| *counted)).then_some(())
    };
    counted().is_some()
}

/// The character of a glyph of a TrueType font by its number: ASCII from the third on, and then Apple's letters, in the
/// order that fonts of Windows have, too.
fn of_glyph(number: u32) -> Option<char> {
    const FIRST: u32 = 3;
    const LETTERS: &str =
        "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»…ÀÃÕŒœ–—“”‘’";
    match number {
        FIRST..=97 => char::from_u32(number - FIRST + 0x20),
        98.. => LETTERS.chars().nth(number as usize - 98),
        _ => None,
    }
}

/// Whether codes have the widths of the letters that they are in ASCII: `i` is narrow, `m` is wide. (All are the same
/// in a typewriter's font.)
fn has_widths_of_letters(font: &Dict<'_>) -> bool {
    let first = font.get::<u32>("FirstChar").unwrap_or(0);
    let widths: Vec<f32> =
        font.get::<Array<'_>>("Widths").map(|widths| widths.iter().take(256).collect()).unwrap_or_default();
    let width = |letter: char| widths.get(u32::from(letter).checked_sub(first)? as usize).copied();
    let narrower = |(narrow, wide): (char, char)| {
        width(narrow).zip(width(wide)).is_some_and(|(narrow, wide)| 0.0 < narrow && narrow <= wide)
    };
    [('i', 'n'), ('l', 'n'), ('t', 'n'), ('r', 'n'), ('f', 'n'), ('n', 'm'), ('a', 'm')]
        .into_iter()
        .all(narrower)
}

/// The codes of glyphs that draw nothing, of a font whose names are its codes: their programs end where they begin,
/// with the width and an empty box (`d1`).
fn blank(font: &Dict<'_>) -> HashSet<u8> {
    let Some(programs) = font.get::<Dict<'_>>("CharProcs") else { return HashSet::new() };
    let blank = |name: &Name<'_>| {
        let program = programs.get::<Stream<'_>>(name.as_ref())?;
        let data = program.decoded_data().ok()?;
        let words: Vec<&[u8]> =
            data.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(8).collect();
        let empty = words.get(2..6)?.iter().all(|word| *word == b"0") && words.get(6) == Some(&&b"d1"[..]);
        (empty && words.len() == 7).then_some(u8::try_from(number(name)?).ok()?)
    };
    programs.keys().take(256).filter_map(|name| blank(&name)).collect()
}

/// The number that a name is.
fn number(name: &Name<'_>) -> Option<u32> {
    let text = name.as_str();
    let mut chars = text.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        return Some(u32::from(only));
    }
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let digits = &text[letters..];
    let decimal = || digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match (&text[..letters], digits.len()) {
        // Two hexadecimal digits, or four.
        ("G", 2) | ("g", 4) => u32::from_str_radix(digits, 16).ok(),
        (_, 1..=5) if letters <= 4 => decimal(),
        _ => None,
    }
}

/// Where TeX's text encoding of seven bits differs from ASCII; accents are left out.
const OT1: &[(u32, &str)] = &[
    (0, "Γ"),
    (1, "Δ"),
    (2, "Θ"),
    (3, "Λ"),
    (4, "Ξ"),
    (5, "Π"),
    (6, "Σ"),
    (7, "Υ"),
    (8, "Φ"),
    (9, "Ψ"),
    (10, "Ω"),
    (11, "ff"),
    (12, "fi"),
    (13, "fl"),
    (14, "ffi"),
    (15, "ffl"),
    (16, "ı"),
    (17, "j"),
    (18, "`"),
    (19, "´"),
    (20, "ˇ"),
    (21, "˘"),
    (22, "¯"),
    (23, "˚"),
    (24, "¸"),
    (25, "ß"),
    (26, "æ"),
    (27, "œ"),
    (28, "ø"),
    (29, "Æ"),
    (30, "Œ"),
    (31, "Ø"),
    (34, "”"),
    (39, "’"),
    (60, "¡"),
    (62, "¿"),
    (92, "“"),
    (96, "‘"),
    (123, "–"),
    (124, "—"),
    (127, "¨"),
];

/// Where TeX's text encoding of eight bits differs from Latin-1, for the letters of European languages.
const T1: &[(u32, &str)] = &[
    (16, "“"),
    (17, "”"),
    (18, "„"),
    (19, "«"),
    (20, "»"),
    (21, "–"),
    (22, "—"),
    (25, "ı"),
    (26, "j"),
    (27, "ff"),
    (28, "fi"),
    (29, "fl"),
    (30, "ffi"),
    (31, "ffl"),
    (39, "’"),
    (96, "‘"),
    (127, "-"),
    (128, "Ă"),
    (129, "Ą"),
    (130, "Ć"),
    (131, "Č"),
    (132, "Ď"),
    (133, "Ě"),
    (134, "Ę"),
    (135, "Ğ"),
    (138, "Ł"),
    (139, "Ń"),
    (140, "Ň"),
    (142, "Ő"),
    (143, "Ŕ"),
    (144, "Ř"),
    (145, "Ś"),
    (146, "Š"),
    (147, "Ş"),
    (148, "Ť"),
    (150, "Ű"),
    (151, "Ů"),
    (153, "Ź"),
    (154, "Ž"),
    (155, "Ż"),
    (157, "İ"),
    (158, "đ"),
    (160, "ă"),
    (161, "ą"),
    (162, "ć"),
    (163, "č"),
    (164, "ď"),
    (165, "ě"),
    (166, "ę"),
    (167, "ğ"),
    (170, "ł"),
    (171, "ń"),
    (172, "ň"),
    (174, "ő"),
    (175, "ŕ"),
    (176, "ř"),
    (177, "ś"),
    (178, "š"),
    (179, "ş"),
    (180, "ť"),
    (182, "ű"),
    (183, "ů"),
    (185, "ź"),
    (186, "ž"),
    (187, "ż"),
    (255, "ß"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn number_of(name: &str) -> Option<u32> {
        number(&Name::new_unescaped(name.as_bytes()))
    }

    fn numbered(of: impl IntoIterator<Item = u8>, bitmap: bool) -> Option<Numbered> {
        Numbered::from_numbers(
            of.into_iter().map(|code| (code, Some(u32::from(code)))).collect(),
            bitmap,
            false,
            2,
        )
    }

    #[test]
    fn names_that_number_characters_are_numbers() {
        assert_eq!(number_of("a65"), Some(65));
        assert_eq!(number_of("C65"), Some(65));
        assert_eq!(number_of("65"), Some(65));
        assert_eq!(number_of("3"), Some(u32::from('3')));
        assert_eq!(number_of("\u{c}"), Some(12));
        assert_eq!(number_of("G41"), Some(0x41));
        assert_eq!(number_of("char65"), Some(65));
        for name in ["Euro", "space", "uniFB01", "a65b", ""] {
            assert_eq!(number_of(name), None, "{name}");
        }
    }

    #[test]
    fn ligatures_are_where_texs_encodings_have_them() {
        let ot1 = numbered((11..=15).chain(65..=122), true).expect("letters");
        assert_eq!(ot1.text(12).as_deref(), Some("fi"));
        assert_eq!(ot1.text(b'A').as_deref(), Some("A"));
        let t1 = numbered((27..=31).chain(65..=122), true).expect("letters");
        assert_eq!(t1.text(28).as_deref(), Some("fi"));
        let other = numbered(65..=122, false).expect("letters");
        assert_eq!(other.text(b'\\').as_deref(), Some("\\"));
        assert_eq!(other.text(12), None);
    }

    #[test]
    fn numbers_of_glyphs_are_told_from_those_of_characters_by_the_space() {
        let of = |numbers: &[u32]| {
            let numbers = numbers.iter().zip(1u8..).map(|(number, code)| (code, Some(*number))).collect();
            Numbered::from_numbers(numbers, false, false, 2).expect("numbers")
        };
        let glyphs = of(&[55, 72, 91, 87, 3, 112, 177, 182]);
        let text: String = (1..=8).filter_map(|code| glyphs.text(code)).collect();
        assert_eq!(text, "Text é–’");
        assert_eq!(of(&[84, 101, 32]).text(1).as_deref(), Some("T"));
    }

    #[test]
    fn glyphs_that_are_counted_in_the_order_of_their_use_say_nothing() {
        assert!(numbered(1..=40, true).is_none());
        let counted = numbered(0..=80, true).expect("counted");
        assert_eq!(counted.text(b'A').as_deref(), Some("\u{e241}"), "told apart, not read");
    }
}
