//! Titles as people type them and as registries write them, compared word by word.

use tierfall_ids::text::{fold, without_markup, without_tags};

/// Longer titles are compared by their beginning.
const MOST_CHARS: usize = 1000;

/// A title, reduced to what can be compared.
#[derive(Debug)]
pub(super) struct Title {
    words: Vec<String>,
    /// After how many words the main title, or a part of it, may end.
    breaks: Vec<usize>,
}

/// How the title of a record agrees with the one that is sought, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    Same,
    /// Save for the spelling of some words.
    Misspelt,
    /// What is sought lacks the record's subtitle.
    Shorter,
    /// The record lacks the subtitle of what is sought.
    Longer,
    Other,
}

impl Title {
    pub(super) fn new(text: &str) -> Self {
        let text: String = text.chars().take(MOST_CHARS).collect();
        // Registries escape some titles twice.
        let text = plain_tex(&without_tags(&without_tags(&text)));
        let text = without_markup(&text);
        let mut title = Self { words: Vec::new(), breaks: Vec::new() };
        let mut word = String::new();
        let mut rest = text.chars().filter(|c| !matches!(c, '{' | '}' | '$')).peekable();
        let mut before = ' ';
        while let Some(c) = rest.next() {
            // What stands within a word.
            if matches!(
                c,
                '\'' | '’' | '‘' | 'ʼ' | '`' | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'
            ) {
                continue;
            }
            let letters = word.len();
            fold(c, |letter| word.push(letter));
            if word.len() > letters || is_combining(c) {
                before = c;
                continue;
            }
            if !word.is_empty() {
                title.words.push(std::mem::take(&mut word));
            }
            let next = rest.peek().copied().unwrap_or(' ');
            let ends = match c {
                ':' => !(before.is_ascii_digit() && next.is_ascii_digit()),
                '—' => true,
                '.' | '?' | '!' => next.is_whitespace(),
                '-' | '–' | '/' | '‐' | '−' => before.is_whitespace() && next.is_whitespace(),
                _ => false,
            };
            if ends && title.breaks.last() != Some(&title.words.len()) {
                title.breaks.push(title.words.len());
            }
            before = c;
        }
        if !word.is_empty() {
            title.words.push(word);
        }
        let all = title.words.len();
        title.breaks.retain(|words| (1..all).contains(words));
        title
    }

    pub(super) fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether it says enough to be told from the titles of others who work on the same.
    pub(super) fn is_specific(&self) -> bool {
        self.words.len() >= 3 && self.length() >= 15
    }

    fn length(&self) -> usize {
        self.words.iter().map(|word| word.chars().count()).sum()
    }

    /// Whether it names what it is, and not what it is about: `Editorial`, `Letter to the editor`.
    pub(super) fn is_generic(&self) -> bool {
        self.words.iter().all(|word| GENERIC.contains(&word.as_str()) || is_number(word))
    }

    /// Whether it says that it is about another work: a correction, a reply.
    pub(super) fn is_notice(&self) -> bool {
        self.words.iter().any(|word| NOTICE.contains(&word.as_str()))
    }

    /// How the title of a record agrees with this one, which is sought.
    pub(super) fn compare(&self, record: &Self) -> Likeness {
        match misspelt_words(&self.words, &record.words) {
            Some(0) => return Likeness::Same,
            Some(_) => return Likeness::Misspelt,
            None => {}
        }
        if begins(record, &self.words) {
            return Likeness::Shorter;
        }
        if begins(self, &record.words) {
            return Likeness::Longer;
        }
        Likeness::Other
    }

    /// The share of their words that two titles have in common, from 0 to 1.
    pub(super) fn common(&self, other: &Self) -> f64 {
        let all = self.words.len() + other.words.len();
        if all == 0 {
            return 0.0;
        }
        let mut theirs: Vec<&String> = other.words.iter().collect();
        let mut common = 0;
        for word in &self.words {
            if let Some(at) = theirs.iter().position(|their| *their == word) {
                theirs.swap_remove(at);
                common += 1;
            }
        }
        f64::from(2 * common) / all as f64
    }
}

/// Whether `words` are the longer title up to one of its breaks, and what follows is a subtitle of the same work.
fn begins(longer: &Title, words: &[String]) -> bool {
    let ends = longer.breaks.iter().any(|end| {
        let main = longer.words.get(..*end).unwrap_or_default();
        // Spaces may be set otherwise, words are not added.
        main.len().abs_diff(words.len()) <= 2 && misspelt_words(words, main).is_some()
    });
    let sub = longer.words.get(words.len().saturating_sub(2)..).unwrap_or_default();
    ends && !sub.iter().any(|word| NOTICE.contains(&word.as_str()) || GENRE.contains(&word.as_str()))
}

/// How many words are spelled otherwise, if all others are the same in the same order; `None` if they are not, or if
/// there are too many. Spaces within words do not count.
fn misspelt_words(a: &[String], b: &[String]) -> Option<usize> {
    if a.concat() == b.concat() {
        return Some(0);
    }
    let most = 1 + a.len() / 8;
    let (mut i, mut j, mut misspelt) = (0, 0, 0);
    while i < a.len() || j < b.len() {
        let joined =
            |words: &[String], at: usize, count: usize| words.get(at..at + count).map(<[String]>::concat);
        // One word for one, for two or for three.
        const WAYS: [(usize, usize); 5] = [(1, 1), (2, 1), (1, 2), (3, 1), (1, 3)];
        let pairs = || {
            WAYS.into_iter()
                .filter_map(|(left, right)| Some((left, right, joined(a, i, left)?, joined(b, j, right)?)))
        };
        let same =
            pairs().find(|(_, _, left, right)| left == right).map(|(left, right, ..)| (left, right, 0));
        let alike = || {
            pairs()
                .find(|(_, _, left, right)| is_misspelt(left, right))
                .map(|(left, right, ..)| (left, right, 1))
        };
        let (left, right, wrong) = same.or_else(alike)?;
        (i, j, misspelt) = (i + left, j + right, misspelt + wrong);
    }
    (misspelt <= most).then_some(misspelt)
}

/// Whether two words are one, typed wrongly or in another country. Short words and numbers are too easily others.
pub(super) fn is_misspelt(a: &str, b: &str) -> bool {
    const LEAST: usize = 5;
    let letters = |word: &str| word.len() >= LEAST && !word.bytes().any(|byte| byte.is_ascii_digit());
    letters(a)
        && letters(b)
        && a.len().abs_diff(b.len()) <= 4
        && a.chars().count() <= 60
        && b.chars().count() <= 60
        && strsim::osa_distance(a, b) <= 1
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// TeX's accents and letters as they are read: `{\'e}` is an e.
fn plain_tex(text: &str) -> String {
    const LETTERS: [(&str, &str); 12] = [
        ("o", "ø"),
        ("O", "ø"),
        ("l", "ł"),
        ("L", "ł"),
        ("ss", "ß"),
        ("ae", "æ"),
        ("AE", "æ"),
        ("oe", "œ"),
        ("OE", "œ"),
        ("aa", "å"),
        ("AA", "å"),
        ("i", "i"),
    ];
    const ACCENTS: [&str; 8] = ["c", "v", "u", "H", "k", "r", "b", "d"];
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let name: &str = &after[..after.bytes().take_while(u8::is_ascii_alphabetic).count()];
        if let Some((_, letter)) = LETTERS.iter().find(|(known, _)| *known == name) {
            plain.push_str(letter);
            rest = after[name.len()..].trim_start();
        } else if ACCENTS.contains(&name) {
            rest = after[name.len()..].trim_start();
        } else if !name.is_empty() {
            // Everything else with a name is for others to read.
            plain.push('\\');
            plain.push_str(name);
            rest = &after[name.len()..];
        } else {
            rest = after.strip_prefix(['\'', '"', '^', '~', '=', '.', '`']).unwrap_or(after);
        }
    }
    plain.push_str(rest);
    plain
}

/// Words of titles that are about another work.
const NOTICE: [&str; 22] = [
    "erratum",
    "errata",
    "corrigendum",
    "corrigenda",
    "correction",
    "corrections",
    "retraction",
    "retracted",
    "withdrawn",
    "withdrawal",
    "addendum",
    "reply",
    "response",
    "comment",
    "comments",
    "commentary",
    "rebuttal",
    "rejoinder",
    "editorial",
    "reviewer",
    "referee",
    "expression",
];

/// Words of subtitles by which another work of the same people has the same main title.
const GENRE: [&str; 22] = [
    "thesis",
    "dissertation",
    "proceedings",
    "handbook",
    "poster",
    "slides",
    "presentation",
    "abstract",
    "supplement",
    "supplementary",
    "supplemental",
    "supporting",
    "appendix",
    "dataset",
    "protocol",
    "preprint",
    "synopsis",
    "summary",
    "translation",
    "workshop",
    "tutorial",
    "interview",
];

/// Words that say what a text is.
const GENERIC: [&str; 56] = [
    "introduction",
    "introductory",
    "editorial",
    "editorials",
    "preface",
    "foreword",
    "afterword",
    "letter",
    "letters",
    "to",
    "the",
    "from",
    "a",
    "of",
    "and",
    "in",
    "editor",
    "editors",
    "reply",
    "response",
    "comment",
    "comments",
    "commentary",
    "erratum",
    "correction",
    "corrigendum",
    "author",
    "authors",
    "book",
    "review",
    "reviews",
    "abstract",
    "abstracts",
    "news",
    "contents",
    "index",
    "obituary",
    "memoriam",
    "conclusion",
    "conclusions",
    "discussion",
    "notes",
    "note",
    "correspondence",
    "guest",
    "overview",
    "summary",
    "acknowledgments",
    "acknowledgements",
    "announcement",
    "announcements",
    "perspective",
    "perspectives",
    "viewpoint",
    "untitled",
    "title",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(sought: &str, record: &str) -> Likeness {
        Title::new(sought).compare(&Title::new(record))
    }

    #[test]
    fn a_title_is_the_same_however_it_is_set() {
        for (sought, record) in [
            ("A MULTI–PROCESSOR CAMAC–BASED ON–LINE SYSTEM", "A multi-processor CAMAC-based on-line system"),
            ("Matrix-{I}nduced {I}nhibition of {B}inding", "Matrix-Induced Inhibition of Binding"),
            ("Diagn{\\'o}stico de tumores cong{\\'e}nitos", "Diagnóstico de tumores congénitos."),
            ("Die Gr{\\\"o}{\\ss}e der {\\O}resund-Br{\\\"u}cke", "Die Größe der Øresund-Brücke"),
            ("On {\\v S}i{\\v{c}} and $\\beta$-carotene", "On Šič and β-carotene"),
            ("Age and40Ar/39Ar dating of rocks", "Age and <sup>40</sup>Ar/<sup>39</sup>Ar dating of rocks"),
            ("Fish & chips &amp;amp; H$_2$O", "Fish &amp; Chips & H2O"),
            ("Parkinson's disease in the brainstem", "Parkinson’s disease in the brain-stem"),
            ("[Uber die Sache]", "Über die Sache"),
            ("e\u{301}tude", "étude"),
        ] {
            assert_eq!(compare(sought, record), Likeness::Same, "{sought} / {record}");
        }
    }

    #[test]
    fn what_was_typed_wrongly_is_told_from_what_is_another_word() {
        for (sought, record) in [
            ("a new agonist chemoytpe for channels", "A new agonist chemotype for channels"),
            ("Universal Design for Lerning", "Universal Design for Learning"),
            ("The tumor behavior of mice", "The tumour behavior of mice"),
        ] {
            assert_eq!(compare(sought, record), Likeness::Misspelt, "{sought} / {record}");
        }
        for (sought, record) in [
            ("Studies of flow in rats", "Studies of flow in cats"),
            ("Studies of flow in mice", "Studies of flow in men"),
            ("Symmetric spaces II", "Symmetric spaces III"),
            ("Effects of hyperthyroidism on growth", "Effects of hypothyroidism on growth"),
            ("Report of the year 2019", "Report of the year 2018"),
            ("Effects that are not small", "Effects that are small"),
            ("Reply to Smith: effects of growth", "Effects of growth"),
            ("A better grip on calmodulin", "Comment on \"A better grip on calmodulin\""),
        ] {
            assert_eq!(compare(sought, record), Likeness::Other, "{sought} / {record}");
        }
    }

    #[test]
    fn a_subtitle_may_be_missing_on_either_side_unless_it_says_that_it_is_another_work() {
        let main = "Universal Design for Learning";
        for sub in
            [": Guidelines for Online Instruction", " - guidelines", ". Guidelines and more", "—guidelines"]
        {
            assert_eq!(compare(main, &format!("{main}{sub}")), Likeness::Shorter, "{sub}");
            assert_eq!(compare(&format!("{main}{sub}"), main), Likeness::Longer, "{sub}");
        }
        for sub in [
            ": Erratum",
            ": reply to Smith",
            ": a doctoral thesis",
            ": proceedings of a workshop",
            " in Schools",
        ] {
            assert_eq!(compare(main, &format!("{main}{sub}")), Likeness::Other, "{sub}");
            assert_eq!(compare(&format!("{main}{sub}"), main), Likeness::Other, "{sub}");
        }
    }

    #[test]
    fn titles_that_many_works_have_are_known() {
        for title in [
            "Editorial",
            "Letter to the Editor",
            "Introduction.",
            "Book reviews",
            "Authors' reply",
            "2019",
            "",
        ] {
            assert!(Title::new(title).is_generic(), "{title}");
        }
        for title in ["Introduction to Mars", "Deep learning"] {
            assert!(!Title::new(title).is_generic(), "{title}");
        }
    }

    #[test]
    fn hostile_titles_cost_no_time() {
        for part in ["\\", "{", "a ", "a: ", "\\'", "x\u{301}", "<a", "aaaaa "] {
            let long = part.repeat(1_000_000 / part.len());
            let began = std::time::Instant::now();
            let title = Title::new(&long);
            title.compare(&Title::new(&format!("{long}b")));
            assert!(began.elapsed().as_secs() < 5, "{part:?} took {:?}", began.elapsed());
        }
    }
}
