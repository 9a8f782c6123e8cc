//! Works that are known by their title: what to search for, and what to answer.

use std::collections::HashSet;

use crate::{Facts, Finding, IdKind, Match, Question, RecordKind, SourceError, Value, Work};

/// Searches take no more, and more tells nothing.
const MOST_WORDS: usize = 40;

/// Words of a title that is searched for beside others: of shorter ones there are too many records.
const LEAST_WORDS: usize = 4;

/// Words that long are in every title: `of`, `the`, `und`.
const SHORT: usize = 3;

/// The titles that one request searches for together. A record belongs to every title of whose words it has half: the
/// host decides whether it is the work, and looks at nothing that is further off.
pub struct SoughtTitles(Vec<Sought>);

struct Sought {
    term: String,
    /// Those that tell it from others.
    words: HashSet<String>,
    /// Words that may be written otherwise in a record.
    accented: usize,
}

impl SoughtTitles {
    /// The most records of one request, as its parameter says it: they may all be one title's. Where there are more, the
    /// titles are asked for in halves ([`Records::if_whole`](crate::many::Records::if_whole)).
    pub const RECORDS: &str = "50";

    /// The most bytes of titles in one request, for [`Lookup::length`](crate::many::Lookup): percent-encoded they are at
    /// most three times as long, well below the 8 190 bytes of a request line that servers take.
    pub const LENGTH: usize = 1500;

    /// The title of a work as such a request searches for it, for [`Lookup::terms`](crate::many::Lookup); none for a work
    /// with identifiers, and for a title that is better searched for alone.
    pub fn terms(work: &Work) -> Vec<String> {
        let is_long = |title: &String| title.split(' ').count() >= LEAST_WORDS;
        work.sought_title().filter(is_long).into_iter().collect()
    }

    /// Those of some questions.
    pub fn of(questions: &[Question]) -> Self {
        let terms = questions.iter().flat_map(|question| Self::terms(&question.work));
        Self(terms.map(Sought::of).collect())
    }

    /// The terms that a record with these titles may have been found by, for [`Lookup::keys`](crate::many::Lookup).
    /// What is nobody's has one that nobody asked for: it makes no answer unsure.
    pub fn keys(&self, titles: impl IntoIterator<Item = String>) -> Vec<String> {
        let words: Vec<String> =
            titles.into_iter().filter_map(|title| Some(plain(&title)?.to_lowercase())).collect();
        let words: HashSet<&str> = words.iter().flat_map(|title| title.split(' ')).collect();
        let accented = words.iter().filter(|word| !word.is_ascii()).count();
        let fits = |sought: &&Sought| sought.has_half(&words, accented);
        let terms: Vec<_> = self.0.iter().filter(fits).map(|sought| sought.term.clone()).collect();
        if terms.is_empty() { vec![String::new()] } else { terms }
    }
}

impl Sought {
    fn of(term: String) -> Self {
        let mut words: HashSet<String> = term.split(' ').map(str::to_owned).collect();
        if words.iter().filter(|word| word.len() > SHORT).count() > 1 {
            words.retain(|word| word.len() > SHORT);
        }
        let (words, accented): (HashSet<_>, HashSet<_>) = words.into_iter().partition(|word| word.is_ascii());
        Self { accented: accented.len(), words, term }
    }

    /// Letters with accents and those of other scripts may be written without them, and each word that has one stands
    /// for any: the tables that tell more would be the largest part of a plugin.
    fn has_half(&self, words: &HashSet<&str>, accented: usize) -> bool {
        let common = self.words.iter().filter(|word| words.contains(word.as_str())).count();
        (common + self.accented + accented) * 2 >= self.words.len() + self.accented
    }
}

/// The words of a title, without mark-up, TeX and punctuation. None if there are none.
fn plain(title: &str) -> Option<String> {
    let title = tierfall_ids::text::without_markup(title);
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

impl Finding {
    /// The answer to a title: the records that may be the work.
    ///
    /// # Errors
    /// `not-found` where there is none.
    pub fn of_title<'a>(
        records: impl IntoIterator<Item = &'a Value>,
        read: impl Fn(&Value) -> Option<Match>,
    ) -> Result<Self, SourceError> {
        Self::matches(records.into_iter().filter_map(read)).or_not_found()
    }
}

impl Work {
    /// The words of its title as searches take them: without mark-up, TeX and punctuation. None if there are none.
    pub fn title_words(&self) -> Option<String> {
        plain(self.title.as_deref()?)
    }

    /// The words of its title in lower case, if it is known by nothing else: in many searches `OR` and `NOT` are more
    /// than words.
    pub fn sought_title(&self) -> Option<String> {
        self.is_known_by_title().then(|| self.title_words())?.map(|words| words.to_lowercase())
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
    use super::*;
    use crate::WorkId;

    fn titled(title: &str) -> Work {
        Work { title: Some(title.into()), ..Work::new(Vec::new()) }
    }

    #[test]
    fn a_record_is_of_every_title_that_it_has_half_the_words_of_and_of_no_other() {
        let titles =
            ["Drift of LIGHTHOUSES at night", "The drift of lighthouses", "A wide salt marsh", "Fog"];
        let mut questions: Vec<_> =
            titles.iter().map(|title| Question { work: titled(title), trail: Vec::new() }).collect();
        let id = WorkId::Doi("10.1000/1".into());
        let other = Work { title: Some("Drift of lighthouses".into()), ..Work::new(vec![id]) };
        questions.push(Question { work: other, trail: Vec::new() });
        let sought = SoughtTitles::of(&questions);
        let keys = |title: &str| sought.keys([title.to_owned()]);
        let both = ["drift of lighthouses at night", "the drift of lighthouses"];
        assert_eq!(keys("The drift of <i>lighthouses</i>: a study"), both, "of an author's other works too");
        assert_eq!(keys("Salt of wide mines"), ["a wide salt marsh"], "it is for the host to decide");
        assert_eq!(keys("Fog"), [""], "a title of one word is no company");
        assert_eq!(keys(""), [""]);
        assert_eq!(sought.keys(["Nebel".to_owned(), "Drift of líghthouses".to_owned()]), both);
    }

    #[test]
    fn only_a_work_without_identifiers_is_sought_by_its_title() {
        assert_eq!(titled("NOT (this) OR that").sought_title().as_deref(), Some("not this or that"));
        assert_eq!(titled(" – ").sought_title(), None);
        let known = Work { ids: vec![WorkId::Pmid("1".into())], ..titled("Salt") };
        assert_eq!(known.sought_title(), None);
    }

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
