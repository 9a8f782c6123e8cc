//! Works that are known by their title: what to search for, and what to answer.

use crate::{Facts, IdKind, Match, RecordKind, Work};

/// Searches take no more, and more tells nothing.
const MOST_WORDS: usize = 40;

impl Work {
    /// The words of its title as searches take them: without mark-up, TeX and punctuation. None if there are none.
    pub fn title_words(&self) -> Option<String> {
        let title = tierfall_ids::text::without_markup(self.title.as_deref()?);
        let mut words = String::with_capacity(title.len());
        for c in title.chars() {
            match c {
                // Within a word: apostrophes, what TeX writes before a letter, and braces around one.
                '\'' | '’' | '‘' | '"' | '`' | '^' | '~' | '{' | '}' | '$' | '\u{ad}' => {}
                c if c.is_alphanumeric() || matches!(c, '\u{300}'..='\u{36f}') => words.push(c),
                _ => words.push(' '),
            }
        }
        let words: Vec<&str> = words.split_whitespace().take(MOST_WORDS).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// The family name of its first author, as far as it can be told: the longest word of the name.
    pub fn first_author(&self) -> Option<&str> {
        let words = self.authors.first()?.split(|c: char| !c.is_alphanumeric());
        words
            .filter(|word| !word.is_empty())
            .reduce(|longest, word| if word.len() > longest.len() { word } else { longest })
    }
}

impl Match {
    /// The record that says these facts; none without a title or an identifier.
    pub fn of(facts: Facts, kind: Option<RecordKind>) -> Option<Self> {
        let mut ids = facts.ids;
        ids.retain(|id| id.kind() != IdKind::Url);
        let title = facts.title.filter(|_| !ids.is_empty())?;
        Some(Self { ids, title, other_titles: Vec::new(), authors: facts.authors, year: facts.year, kind })
    }

    /// With another title that the record has, unless it is the same.
    pub fn also_titled(mut self, title: Option<String>) -> Self {
        self.other_titles.extend(title.filter(|title| *title != self.title));
        self
    }
}

#[cfg(test)]
mod tests {
    use crate::Work;

    #[test]
    fn a_title_is_searched_for_by_its_words() {
        let words = |title: &str| {
            let work = Work { title: Some(title.into()), ..Work::new(Vec::new()) };
            work.title_words()
        };
        for (title, expected) in [
            (
                "Pseudo–n-{T}ransitivity of <i>E. coli</i>: a \"study\"",
                "Pseudo n Transitivity of E coli a study",
            ),
            (
                "Diagn{\\'o}stico $\\beta$ &amp; Parkinson’s",
                "Diagnóstico beta Parkinsons".replace('ó', "o").as_str(),
            ),
            ("AND (OR) [x]*?: y~2", "AND OR x y2"),
        ] {
            assert_eq!(words(title).as_deref(), Some(expected));
        }
        assert_eq!(words(" – "), None);
        let work = Work { authors: vec!["Y. R. Smith".into()], ..Work::new(Vec::new()) };
        assert_eq!(work.first_author(), Some("Smith"));
    }
}
