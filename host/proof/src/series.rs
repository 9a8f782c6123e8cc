//! Parts of a title, and parts of a series: all parts of a series share the main title.

use std::ops::Range;

use crate::normalized::{NormalizedText, words};
use tierfall_ids::text::folded;

/// Whether a title continues as another part of a series: `II. Kinetics`, `Part 2`.
pub fn leads_to_part(text: &NormalizedText<'_>, range: &Range<usize>) -> bool {
    let after: String = text.after(range).chars().take(24).collect();
    let mut words = words(&after).into_iter().map(|word| word.into_iter().collect::<String>());
    let is_roman = |word: &str| word.len() > 1 && word.chars().all(|c| matches!(c, 'i' | 'v' | 'x'));
    match (words.next().as_deref(), words.next().as_deref()) {
        (Some("part"), Some(number)) => {
            number.len() == 1 || is_roman(number) || number.chars().all(char::is_numeric) || number == "two"
        }
        (Some(word), _) => is_roman(word),
        _ => false,
    }
}

/// The title before its subtitle, where it can stand for the whole.
pub fn main_title(title: &str) -> Option<&str> {
    let end =
        [": ", " – ", " — ", " - ", "? ", ". "].iter().filter_map(|separator| title.find(separator)).min()?;
    let (main, rest) = title.split_at(end);
    // All parts of a series share the main title.
    (folded(main).len() >= 20 && words(main).len() >= 3 && !counts_parts(rest)).then_some(main)
}

/// A title before and after its colon, where both are long enough to be told from other lines.
pub fn halves(title: &str) -> Option<[Vec<char>; 2]> {
    /// Letters of a main title, and of a subtitle.
    const LEAST: [usize; 2] = [12, 24];
    let (main, rest) = title.split_once(": ")?;
    let halves = [folded(main), folded(rest)];
    (halves[0].len() >= LEAST[0] && halves[1].len() >= LEAST[1]).then_some(halves)
}

/// Whether a subtitle begins with a part's number: `I. Kinetics`, `2) Methods`, `Part three`.
fn counts_parts(subtitle: &str) -> bool {
    let mut words = subtitle.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return false };
    let behind = subtitle.split_once(first).map_or("", |(_, behind)| behind).trim_start();
    let numbered = behind.is_empty() || behind.starts_with(['.', ':', ')', '-', '\u{2013}', '\u{2014}', ',']);
    let first = first.to_lowercase();
    let roman = first.chars().all(|c| matches!(c, 'i' | 'v' | 'x'));
    let digits = first.len() <= 2 && first.chars().all(|c| c.is_ascii_digit());
    let letter = first.len() == 1 && first != "a";
    (numbered && (roman || digits || letter)) || (first.len() > 1 && roman) || PARTS.contains(&first.as_str())
}

/// Words for the parts of a series.
const PARTS: [&str; 8] = ["part", "teil", "partie", "parte", "deel", "chapter", "volume", "section"];
