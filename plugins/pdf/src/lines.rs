//! The lines of a page: its running text, and the headings that are set larger.

use std::collections::BTreeMap;

/// A page of dense text has about 8 KiB; this is for posters and tables.
pub const MAX_PAGE_BYTES: usize = 64 * 1024;
const MAX_HEADINGS: usize = 8;
const MAX_HEADING_BYTES: usize = 1024;

/// One line.
pub struct Line {
    pub text: String,
    /// The size of its type, in points.
    pub size: f64,
    /// Without spaces.
    pub characters: u32,
}

/// The lines of a page, in the order in which they are read.
pub struct Lines(Vec<Line>);

impl Lines {
    pub fn new(lines: Vec<Line>) -> Self {
        Self(lines)
    }

    /// The blocks set at least a tenth larger than the running text, largest first.
    pub fn headings(&self) -> Vec<String> {
        let mut characters_by_size = BTreeMap::<i64, u32>::new();
        for line in &self.0 {
            *characters_by_size.entry(step(line.size)).or_default() += line.characters;
        }
        let Some((running, _)) = characters_by_size.into_iter().max_by_key(|(_, characters)| *characters)
        else {
            return Vec::new();
        };
        let mut blocks: Vec<(f64, String)> = Vec::new();
        let mut previous = None;
        for line in self.0.iter().filter(|line| line.characters > 0) {
            let large = step(line.size) - running >= LARGER;
            match blocks.last_mut() {
                Some((of, text))
                    if large
                        && previous.is_some()
                        && (line.size / *of - 1.0).abs() < 0.08
                        && text.len() + line.text.len() < MAX_HEADING_BYTES =>
                {
                    text.push('\n');
                    text.push_str(line.text.trim());
                }
                _ if large => {
                    blocks.push((line.size, line.text.trim().chars().take(MAX_HEADING_BYTES / 4).collect()))
                }
                _ => {}
            }
            previous = large.then_some(());
        }
        blocks.sort_by(|a, b| b.0.total_cmp(&a.0));
        blocks.truncate(MAX_HEADINGS);
        blocks.into_iter().map(|(_, text)| text).collect()
    }

    /// The text, capped.
    pub fn into_text(self) -> String {
        let mut text = String::new();
        for line in self.0 {
            let line = line.text.trim_end();
            // A space may stand behind each letter.
            if text.len() + line.len() >= MAX_PAGE_BYTES {
                break;
            }
            if !line.is_empty() {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }
}

/// Whether a text fills a page with sentences. Covers and stamps are shorter; in lists of authors, contents and
/// references most words have a capital.
pub fn is_page_of_prose(text: &str) -> bool {
    /// An article's page has 2000 letters and more.
    const LETTERS: usize = 2000;
    let (mut letters, mut words, mut small) = (0, 0, 0);
    for word in text.split_ascii_whitespace() {
        letters += word.chars().filter(|c| c.is_alphabetic()).count();
        words += 1;
        // Scripts without capitals have only small words.
        small += usize::from(word.starts_with(|c: char| c.is_alphabetic() && !c.is_uppercase()));
    }
    letters >= LETTERS && small * 2 >= words
}

/// Sizes are compared in steps of two percent, because smaller differences are not intended; pages may be drawn in
/// any unit.
fn step(size: f64) -> i64 {
    (size.max(1e-6).ln() / 0.02).round() as i64
}

/// A tenth, in steps.
const LARGER: i64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_prose_is_told_from_a_cover_and_from_a_list_of_names() {
        let sentence = "The tides of this boundary are those of an invented sea.\n";
        assert!(is_page_of_prose(&sentence.repeat(50)));
        assert!(!is_page_of_prose(sentence), "a cover");
        assert!(!is_page_of_prose(
            &"Ada B. Invented1, Grace Fabricated2, University of Nowhere\n".repeat(50)
        ));
        assert!(!is_page_of_prose(&"12.5 ± 0.3 mm of 100 in 1999\n".repeat(200)), "a table");
        assert!(is_page_of_prose(&"这是虚构海洋的潮汐 在边界上\n".repeat(200)), "without capitals");
    }
}
