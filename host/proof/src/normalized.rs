//! Text reduced to what typesetting and extraction do not change: lower-case letters and digits, called its
//! characters here.
//!
//! The same title is spelled in many ways: broken over lines with a hyphen, set in small capitals, with
//! ligatures, without accents, with Greek letters written out, with mark-up from a registry. Normalized, it is
//! one string again.

use std::ops::Range;

use tierfall_ids::text::{fold, folded};

/// The characters of a text, and where in the text each stands.
#[derive(Clone, Debug)]
pub struct NormalizedText<'t> {
    text: &'t str,
    chars: Vec<char>,
    /// For each character, the byte of the text that it comes from; `œ` gives two.
    at: Vec<usize>,
    /// The bytes of the text where its lines begin, but for the first.
    lines: Vec<usize>,
}

/// Characters kept of a text: eight dense pages.
const MOST: usize = 64 * 1024;

/// Characters of a text in which a place with errors is looked for: two dense pages.
const NEAR: usize = 16_000;

impl<'t> NormalizedText<'t> {
    pub fn of(text: &'t str) -> Self {
        let mut chars = Vec::with_capacity(text.len());
        let mut at = Vec::with_capacity(text.len());
        let mut lines = Vec::new();
        for (byte, c) in text.char_indices() {
            if c == '\n' {
                lines.push(byte + 1);
            }
            // A single sign may stand for eighteen letters.
            if chars.len() >= MOST {
                break;
            }
            fold(c, |letter| {
                chars.push(letter);
                at.push(byte);
            });
        }
        Self { text, chars, at, lines }
    }

    pub fn as_slice(&self) -> &[char] {
        &self.chars
    }

    pub fn len(&self) -> usize {
        self.chars.len()
    }

    /// Every place where these characters stand as whole words, in linear time (Knuth, Morris and Pratt): the
    /// text and what is looked for may both be made of one letter.
    pub fn places<'s>(&'s self, needle: &'s [char]) -> impl Iterator<Item = Range<usize>> + 's {
        let borders = borders(needle);
        let mut matched = 0;
        let ends = self.chars.iter().enumerate().filter_map(move |(at, letter)| {
            let last = needle.len().checked_sub(1)?;
            if matched > last {
                matched = borders[last];
            }
            while matched > 0 && needle[matched] != *letter {
                matched = borders[matched - 1];
            }
            matched += usize::from(needle[matched] == *letter);
            (matched > last).then_some(at + 1)
        });
        ends.map(|end| end - needle.len()..end).filter(|range| self.is_bounded(range))
    }

    /// Whether these characters occur as whole words.
    pub fn has(&self, needle: &[char]) -> bool {
        !needle.is_empty() && self.places(needle).next().is_some()
    }

    /// The place that is most like `needle`, with the number of characters to insert, remove or exchange;
    /// `None` where that is more than `most`. (Sellers' algorithm: the edit distance to any substring.) Only the
    /// beginning of a long text is looked at, because the time grows with the product of both lengths.
    pub fn nearest(&self, needle: &[char], most: usize) -> Option<(Range<usize>, usize)> {
        // For each prefix of the needle: the distance, and where the match began.
        let mut column: Vec<(usize, usize)> = (0..=needle.len()).map(|row| (row, 0)).collect();
        let mut best: Option<(Range<usize>, usize)> = None;
        for (end, letter) in self.chars.iter().take(NEAR).enumerate() {
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

    /// The characters between the beginning of the line and the range.
    pub fn line_before(&self, range: &Range<usize>) -> &[char] {
        let line = self.lines.partition_point(|&begins| begins <= self.byte(range.start));
        let line = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or(0);
        &self.chars[self.until_byte(line).min(range.start)..range.start]
    }

    /// The characters between the range and the end of the line.
    pub fn line_after(&self, range: &Range<usize>) -> &[char] {
        let from = self.end_byte(range.end);
        let line = self.lines.partition_point(|&begins| begins <= from);
        let line = self.lines.get(line).copied().unwrap_or(self.text.len());
        &self.chars[range.end..self.until_byte(line).max(range.end)]
    }

    /// The text after a range, without the space between.
    pub fn after(&self, range: &Range<usize>) -> &'t str {
        self.text[self.end_byte(range.end)..].trim_start()
    }

    /// The byte of the text where a character stands, or the text's end.
    pub fn byte(&self, index: usize) -> usize {
        self.at.get(index).copied().unwrap_or(self.text.len())
    }

    /// The number of characters before a byte of the text.
    pub fn until_byte(&self, byte: usize) -> usize {
        self.at.partition_point(|&at| at < byte)
    }

    /// The byte after the last character before `end`.
    fn end_byte(&self, end: usize) -> usize {
        let Some(&last) = end.checked_sub(1).and_then(|last| self.at.get(last)) else {
            return self.byte(end);
        };
        last + self.text[last..].chars().next().map_or(0, char::len_utf8)
    }

    /// Whether neither end lies within a word. A number after the end may be a footnote's.
    fn is_bounded(&self, range: &Range<usize>) -> bool {
        let joined = |left: usize| {
            let (Some(before), Some(after)) = (self.chars.get(left), self.chars.get(left + 1)) else {
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

/// For each beginning of a needle, the length of the longest shorter one that it ends with.
fn borders(needle: &[char]) -> Vec<usize> {
    let mut borders = vec![0; needle.len()];
    let mut length = 0;
    for at in 1..needle.len() {
        while length > 0 && needle[length] != needle[at] {
            length = borders[length - 1];
        }
        length += usize::from(needle[length] == needle[at]);
        borders[at] = length;
    }
    borders
}

/// Chinese characters, kana and syllables of Korean: each is a word or nearly one, and no spaces separate them.
pub fn is_word_sign(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The words of a text, each normalized.
pub fn words(text: &str) -> Vec<Vec<char>> {
    text.split(|c: char| !c.is_alphanumeric()).map(folded).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_found_whole() {
        let text = "Studies on gels. II\nof the second kind1";
        let has = |needle: &str| NormalizedText::of(text).has(&folded(needle));
        assert!(has("Studies on gels. II"));
        assert!(!has("Studies on gels. I"), "another part of the series");
        assert!(!has("tudies on gels"));
        assert!(has("of the second kind"), "a footnote's mark may follow");
        assert!(!NormalizedText::of("10 mg").has(&folded("1")));
        assert!(!has(""));
    }

    #[test]
    fn the_nearest_place_is_found_with_its_errors() {
        let text = NormalizedText::of("Journal of Errors\nThe rnechanism of acti0n in rats\nAbstract");
        let (range, distance) = text.nearest(&folded("The mechanism of action in rats"), 4).expect("near");
        assert_eq!(distance, 3);
        assert!(text.line_before(&range).is_empty() && text.line_after(&range).is_empty());
        assert!(text.nearest(&folded("The mechanism of action in rats"), 2).is_none());
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in any::<String>(), needle in any::<String>()) {
            let reduced = NormalizedText::of(&text);
            let needle = folded(&needle);
            for range in reduced.places(&needle) {
                reduced.line_before(&range);
                reduced.line_after(&range);
                reduced.after(&range);
                prop_assert!(text.is_char_boundary(reduced.byte(range.end)));
            }
            reduced.nearest(&needle, needle.len() / 4);
        }
    }
}
