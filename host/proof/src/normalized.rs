//! Text reduced to what typesetting and extraction leave alone: lower-case letters and digits.
//!
//! A title reaches us spelled in many ways: broken over lines with a hyphen, set in small capitals, with
//! ligatures, without accents, with Greek letters written out, with mark-up from a registry. Reduced to
//! its letters it is one string again.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

/// The letters and digits of a text, and where in the text each stands.
#[derive(Clone, Debug)]
pub struct NormalizedText<'t> {
    text: &'t str,
    letters: Vec<char>,
    /// The byte of the text at which each letter stands; a character may stand for several letters.
    at: Vec<usize>,
}

impl<'t> NormalizedText<'t> {
    pub fn of(text: &'t str) -> Self {
        let mut letters = Vec::with_capacity(text.len());
        let mut at = Vec::with_capacity(text.len());
        for (byte, c) in text.char_indices() {
            if c.is_ascii() {
                if c.is_ascii_alphanumeric() {
                    letters.push(c.to_ascii_lowercase());
                    at.push(byte);
                }
                continue;
            }
            for c in std::iter::once(c).nfkd().flat_map(char::to_lowercase) {
                reduce(c, &mut |letter| {
                    letters.push(letter);
                    at.push(byte);
                });
            }
        }
        Self { text, letters, at }
    }

    pub fn as_slice(&self) -> &[char] {
        &self.letters
    }

    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// Every place where these letters stand as whole words.
    pub fn places<'s>(&'s self, needle: &'s [char]) -> impl Iterator<Item = Range<usize>> + 's {
        let last = (self.len() + 1).saturating_sub(needle.len().max(1));
        let first = needle.first().copied();
        (0..last)
            .filter(move |&from| self.letters.get(from).copied() == first)
            .map(move |from| from..from + needle.len())
            .filter(move |range| self.letters.get(range.clone()) == Some(needle) && self.is_bounded(range))
    }

    /// Whether these letters occur as whole words.
    pub fn has(&self, needle: &[char]) -> bool {
        !needle.is_empty() && self.places(needle).next().is_some()
    }

    /// The place that is most like `needle`, with the number of letters to insert, remove or exchange;
    /// `None` where that is more than `most`. (Sellers' algorithm: the edit distance to any substring.)
    pub fn nearest(&self, needle: &[char], most: usize) -> Option<(Range<usize>, usize)> {
        // For each prefix of the needle: the distance, and where the match began.
        let mut column: Vec<(usize, usize)> = (0..=needle.len()).map(|row| (row, 0)).collect();
        let mut best: Option<(Range<usize>, usize)> = None;
        for (end, letter) in self.letters.iter().enumerate() {
            let mut diagonal = column[0];
            column[0] = (0, end + 1);
            for row in 1..column.len() {
                let (exchange, from) = diagonal;
                diagonal = column[row];
                let exchanged = (exchange + usize::from(needle[row - 1] != *letter), from);
                let removed = (diagonal.0 + 1, diagonal.1);
                let inserted = (column[row - 1].0 + 1, column[row - 1].1);
                column[row] = exchanged.min(removed).min(inserted);
            }
            let (distance, from) = column[needle.len()];
            if distance <= most && best.as_ref().is_none_or(|(_, least)| distance < *least) {
                best = Some((from..end + 1, distance));
            }
        }
        best
    }

    /// The letters between the beginning of the line and the range.
    pub fn line_before(&self, range: &Range<usize>) -> &[char] {
        let line = self.text[..self.byte(range.start)].rfind('\n').map_or(0, |at| at + 1);
        &self.letters[self.until_byte(line)..range.start]
    }

    /// The letters between the range and the end of the line.
    pub fn line_after(&self, range: &Range<usize>) -> &[char] {
        let from = self.end_byte(range.end);
        let line = self.text[from..].find('\n').map_or(self.text.len(), |at| from + at);
        &self.letters[range.end..self.until_byte(line).max(range.end)]
    }

    /// The text behind a range, from its first sign on.
    pub fn after(&self, range: &Range<usize>) -> &'t str {
        self.text[self.end_byte(range.end)..].trim_start()
    }

    /// The byte of the text where a letter stands, or the text's end.
    pub fn byte(&self, letter: usize) -> usize {
        self.at.get(letter).copied().unwrap_or(self.text.len())
    }

    /// The number of letters before a byte of the text.
    pub fn until_byte(&self, byte: usize) -> usize {
        self.at.partition_point(|&at| at < byte)
    }

    /// The byte behind the last letter before `end`.
    fn end_byte(&self, end: usize) -> usize {
        let Some(&last) = end.checked_sub(1).and_then(|last| self.at.get(last)) else {
            return self.byte(end);
        };
        last + self.text[last..].chars().next().map_or(0, char::len_utf8)
    }

    /// Neither end lies within a word. A number behind the end may be that of a footnote.
    fn is_bounded(&self, range: &Range<usize>) -> bool {
        let joined = |left: usize| {
            let (Some(before), Some(after)) = (self.letters.get(left), self.letters.get(left + 1)) else {
                return false;
            };
            let alike = before.is_alphabetic() == after.is_alphabetic()
                && !(is_word_sign(*before) || is_word_sign(*after));
            self.byte(left) == self.byte(left + 1)
                || (alike && self.end_byte(left + 1) == self.byte(left + 1))
        };
        range.start.checked_sub(1).is_none_or(|left| !joined(left))
            && range.end.checked_sub(1).is_none_or(|left| !joined(left))
    }
}

/// Chinese characters, kana and syllables of Korean: each is a word or nearly one, and no spaces part them.
pub fn is_word_sign(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The letters of a text.
pub fn letters(text: &str) -> Vec<char> {
    NormalizedText::of(text).letters
}

/// The words of a text, each reduced to its letters.
pub fn words(text: &str) -> Vec<Vec<char>> {
    text.split(|c: char| !c.is_alphanumeric()).map(letters).filter(|word| !word.is_empty()).collect()
}

/// A title without the mark-up that registries keep in it: tags of HTML and MathML, entities, commands
/// of TeX.
pub fn without_markup(title: &str) -> String {
    let mut plain = String::with_capacity(title.len());
    let mut rest = title;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '<' => match tag_length(rest) {
                Some(length) => length,
                None => {
                    plain.push(c);
                    1
                }
            },
            '&' => match entity(rest) {
                Some((decoded, length)) => {
                    plain.push_str(decoded);
                    length
                }
                None => {
                    plain.push(c);
                    1
                }
            },
            '\\' => {
                let command: String = rest[1..].chars().take_while(char::is_ascii_alphabetic).collect();
                if GREEK.iter().any(|(_, name)| command.eq_ignore_ascii_case(name)) {
                    plain.push_str(&command);
                }
                1 + command.len()
            }
            _ => {
                plain.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    plain
}

/// The length of the tag at the beginning of a text: `<i>`, `</sub>`, `<mml:math xmlns:mml="…">`.
fn tag_length(text: &str) -> Option<usize> {
    let name = text[1..].strip_prefix('/').unwrap_or(&text[1..]);
    // `p < q` and `<0.05` are no tags.
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    text.find('>').map(|end| end + 1)
}

fn entity(text: &str) -> Option<(&'static str, usize)> {
    const NAMED: [(&str, &str); 8] = [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&#x2013;", "–"),
    ];
    NAMED.iter().find(|(name, _)| text.starts_with(name)).map(|(name, decoded)| (*decoded, name.len()))
}

/// The Greek letters under the names by which registries write them out.
const GREEK: [(char, &str); 25] = [
    ('α', "alpha"),
    ('β', "beta"),
    ('γ', "gamma"),
    ('δ', "delta"),
    ('ε', "epsilon"),
    ('ζ', "zeta"),
    ('η', "eta"),
    ('θ', "theta"),
    ('ι', "iota"),
    ('κ', "kappa"),
    ('λ', "lambda"),
    ('μ', "mu"),
    ('ν', "nu"),
    ('ξ', "xi"),
    ('ο', "omicron"),
    ('π', "pi"),
    ('ρ', "rho"),
    ('σ', "sigma"),
    ('ς', "sigma"),
    ('τ', "tau"),
    ('υ', "upsilon"),
    ('φ', "phi"),
    ('χ', "chi"),
    ('ψ', "psi"),
    ('ω', "omega"),
];

/// Hands on what is left of a decomposed lower-case character: nothing of an accent or a sign.
fn reduce(c: char, push: &mut impl FnMut(char)) {
    let spelled = match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        'ħ' => "h",
        _ => match GREEK.iter().find(|(letter, _)| *letter == c) {
            Some((_, name)) => name,
            None => {
                if c.is_alphanumeric() {
                    push(c);
                }
                return;
            }
        },
    };
    spelled.chars().for_each(push);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(a: &str, b: &str) -> bool {
        letters(&without_markup(a)) == letters(&without_markup(b))
    }

    #[test]
    fn one_title_has_one_spelling() {
        for (a, b) in [
            ("Efficient flow of fluids", "Eﬃcient ﬂow of ﬂuids"),
            ("Relationships between negative emotions", "Relati-\nonships between\nnegative emotions"),
            ("Évaluation de l’âge à Łódź", "Evaluation de l'age a Lodz"),
            ("E\u{301}valuation", "Évaluation"),
            ("Die Größe der Straße", "DIE GRÖSSE DER STRASSE"),
            ("β-Carotene and TNF-α", "beta-Carotene and TNF-alpha"),
            ("5 µm particles", "5 μm particles"),
            ("CO<sub>2</sub> in H<sub>2</sub>O", "CO2 in H₂O"),
            ("Crystal structure of U<sub>2</sub>Ga<sub>5−x</sub>", "Crystal structure of U2Ga5−x"),
            ("Problems &amp; Scenarios", "Problems & Scenarios"),
            ("$\\alpha$-decay of $^{212}$Po", "α-decay of 212Po"),
            ("Measuring $\\mathrm{H}_0$", "Measuring H0"),
            ("The <i>E. coli</i> genome", "The E. coli genome"),
            ("Mass of <mml:math xmlns:mml=\"x\"><mml:mi>Z</mml:mi></mml:math> bosons", "Mass of Z bosons"),
            ("“Everyday” helpers — a study", "\"Everyday\" helpers - a study"),
            ("ＦＵＬＬ width", "full width"),
            ("𝑥-ray", "x-ray"),
        ] {
            assert!(same(a, b), "{a} / {b}");
        }
        assert!(!same("p < q implies q > p", "p implies p"), "a comparison is no tag");
        assert!(!same("Studies on X. I", "Studies on X. II"));
    }

    #[test]
    fn words_are_found_whole() {
        let text = "Studies on gels. II\nof the second kind1";
        let has = |needle: &str| NormalizedText::of(text).has(&letters(needle));
        assert!(has("Studies on gels. II"));
        assert!(!has("Studies on gels. I"), "another part of the series");
        assert!(!has("tudies on gels"));
        assert!(has("of the second kind"), "a footnote's mark may follow");
        assert!(!NormalizedText::of("10 mg").has(&letters("1")));
        assert!(!has(""));
    }

    #[test]
    fn the_nearest_place_is_found_with_its_errors() {
        let text = NormalizedText::of("Journal of Errors\nThe rnechanism of acti0n in rats\nAbstract");
        let (range, distance) = text.nearest(&letters("The mechanism of action in rats"), 4).expect("near");
        assert_eq!(distance, 3);
        assert!(text.line_before(&range).is_empty() && text.line_after(&range).is_empty());
        assert!(text.nearest(&letters("The mechanism of action in rats"), 2).is_none());
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in any::<String>(), needle in any::<String>()) {
            let reduced = NormalizedText::of(&text);
            let needle = letters(&needle);
            for range in reduced.places(&needle) {
                reduced.line_before(&range);
                reduced.line_after(&range);
                reduced.after(&range);
                prop_assert!(text.is_char_boundary(reduced.byte(range.end)));
            }
            reduced.nearest(&needle, needle.len() / 4);
            without_markup(&text);
        }

        #[test]
        fn reducing_twice_changes_nothing(text in any::<String>()) {
            let once: String = letters(&text).into_iter().collect();
            let twice: String = letters(&once).into_iter().collect();
            prop_assert_eq!(once, twice);
        }

        #[test]
        fn spaces_case_and_punctuation_do_not_matter(words in prop::collection::vec("[a-z]{1,9}", 1..9), seed in any::<u64>()) {
            let plain = words.join(" ");
            let mut strange = String::new();
            for (number, c) in plain.chars().enumerate() {
                match (seed >> (number % 60)) & 3 {
                    0 => strange.extend(c.to_uppercase()),
                    1 => strange.extend(['-', '\n', c]),
                    2 => strange.extend([c, '\u{301}']),
                    _ => strange.push(c),
                }
            }
            prop_assert_eq!(letters(&plain), letters(&strange));
        }
    }
}
