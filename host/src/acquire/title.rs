//! Whether a document is called what the work is called.

use std::ops::Range;

use super::document::{Document, Page};
use super::letters::{Letters, letters, without_markup, words};

/// How well a document's own title agrees with the work's, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// Letter by letter.
    Exact,
    /// But for what extraction and typesetting do to letters.
    Close,
    /// The main title alone, or a title within a longer heading.
    Part,
    /// Most of its words stand where a title stands.
    Words,
    /// Not at all.
    None,
}

/// Where a title was found, for people and for what stands before it.
#[derive(Clone, Debug)]
pub struct Found {
    pub agreement: Agreement,
    /// The text before it on its page or in its heading, at most some lines.
    pub before: String,
}

/// A work's title, ready to be looked for.
#[derive(Debug)]
pub struct Title {
    letters: Vec<char>,
    main: Option<Vec<char>>,
    words: Vec<Vec<char>>,
}

/// Letters that may stand beside a title on its lines: a number, a footnote's mark.
const BESIDE: usize = 4;
/// A title shorter than this is not looked for with errors: another one is too near.
const SHORTEST_CLOSE: usize = 20;
/// One letter in this many may be wrong; scanned titles and formulas have up to so many errors.
const LETTERS_PER_ERROR: usize = 9;
/// Letters at the top of a page that may be a title page, and in which scattered words of it count.
const TOP: usize = 1000;
/// What is kept of the text before a title.
const BEFORE: usize = 200;

impl Title {
    pub fn of(title: &str) -> Self {
        let plain = without_markup(title);
        let main = main_title(&plain).map(letters);
        Self { letters: letters(&plain), main, words: words(&plain) }
    }

    pub fn letters(&self) -> &[char] {
        &self.letters
    }

    /// Whether so few works are called this that the title alone tells them apart.
    pub fn is_telling(&self) -> bool {
        self.letters.len() >= 20
            && self.words.len() >= 3
            && !self.words.iter().all(|word| COMMON.contains(&word.iter().collect::<String>().as_str()))
    }

    /// Whether it is so long that no second work is called this.
    pub fn is_long(&self) -> bool {
        self.letters.len() >= 40 && self.is_telling()
    }

    /// The best agreement anywhere in the document where a title may stand.
    pub fn find(&self, document: &Document<'_>) -> Found {
        let front = document.front().len();
        let pages = document.pages.iter().enumerate();
        let in_text = pages.flat_map(|(number, page)| {
            let headings = page.headings.iter().enumerate();
            let in_headings =
                headings.filter_map(|(rank, heading)| self.in_heading(heading, &page.headings[..rank], page));
            in_headings.chain((number < front).then(|| self.in_lines(page)).flatten())
        });
        let own = document.report.title.as_ref();
        let in_metadata = std::iter::once_with(|| self.in_metadata(own?)).flatten();
        let mut best = Found { agreement: Agreement::None, before: String::new() };
        for found in in_text.chain(in_metadata) {
            if found.agreement < best.agreement {
                best = found;
            }
            if best.agreement == Agreement::Exact {
                break;
            }
        }
        best
    }

    fn in_heading(&self, heading: &str, larger: &[String], page: &Page<'_>) -> Option<Found> {
        let in_heading = Letters::of(heading);
        let (range, agreement) = self.standing(&in_heading).or_else(|| {
            let range = in_heading.places(&self.letters).next()?;
            Some((range, Agreement::Part))
        })?;
        let mut before = tail(&heading[..in_heading.byte(range.start)]);
        if let Some(line) = heading.lines().next()
            && let Some(at) = page.text.find(line)
        {
            before = tail(&page.text[..at]) + "\n" + &before;
        }
        // What is set even larger stands above it, wherever it is drawn.
        for larger in larger {
            if !before.contains(larger.as_str()) {
                before = format!("{larger}\n{before}");
            }
        }
        Some(Found { agreement, before })
    }

    fn in_lines(&self, page: &Page<'_>) -> Option<Found> {
        let (range, agreement) = self
            .standing(&page.letters)
            .or_else(|| self.scattered(page).then_some((0..0, Agreement::Words)))?;
        if range.start > page.body {
            return None;
        }
        Some(Found { agreement, before: tail(&page.text[..page.letters.byte(range.start)]) })
    }

    fn in_metadata(&self, own: &str) -> Option<Found> {
        let own_letters = letters(own);
        let agreement = if own_letters == self.letters {
            Agreement::Exact
        } else if self.main.as_ref().is_some_and(|main| *main == own_letters) {
            Agreement::Part
        } else {
            return None;
        };
        Some(Found { agreement, before: String::new() })
    }

    /// The title on lines of its own.
    fn standing(&self, text: &Letters<'_>) -> Option<(Range<usize>, Agreement)> {
        if let Some(range) = text.places(&self.letters).find(|range| stands_alone(text, range)) {
            return Some((range, Agreement::Exact));
        }
        if self.letters.len() >= SHORTEST_CLOSE
            && let Some((range, _)) = text.nearest(&self.letters, self.letters.len() / LETTERS_PER_ERROR)
            && stands_alone(text, &range)
            && self.has_all_words(&text.as_slice()[range.clone()])
        {
            return Some((range, Agreement::Close));
        }
        let main = self.main.as_ref()?;
        let range = text.places(main).find(|range| stands_alone(text, range))?;
        Some((range, Agreement::Part))
    }

    /// Errors of extraction hit letters anywhere; another title differs in a word.
    fn has_all_words(&self, window: &[char]) -> bool {
        let text: String = window.iter().collect();
        let window = Letters::of(&text);
        self.words.iter().all(|word| {
            if word.iter().all(|c| c.is_numeric()) {
                return contains(window.as_slice(), word);
            }
            word.len() < 3 || window.nearest(word, word.len() / 5).is_some()
        })
    }

    /// Whether three quarters of the title's words stand at the top of a page.
    fn scattered(&self, page: &Page<'_>) -> bool {
        let top = page.letters.as_slice();
        let top = &top[..top.len().min(TOP).min(page.body)];
        let telling: Vec<_> = self.words.iter().filter(|word| word.len() >= 4).collect();
        let found = telling.iter().filter(|word| contains(top, word)).count();
        found >= 3 && found * 4 >= telling.len() * 3
    }
}

/// Nothing but a mark or a number stands beside it on its first and last line.
fn stands_alone(text: &Letters<'_>, range: &Range<usize>) -> bool {
    text.before_in_line(range) <= BESIDE && text.after_in_line(range) <= BESIDE
}

fn contains(text: &[char], word: &[char]) -> bool {
    !word.is_empty() && text.windows(word.len()).any(|window| window == word)
}

/// The title before its subtitle, where it can stand for the whole.
fn main_title(title: &str) -> Option<&str> {
    let end = [": ", " – ", " — ", " - ", "? ", ". "].iter().filter_map(|mark| title.find(mark)).min()?;
    let main = &title[..end];
    (letters(main).len() >= 20 && words(main).len() >= 3).then_some(main)
}

/// The last lines of a text.
fn tail(text: &str) -> String {
    let mut from = text.len().saturating_sub(BEFORE);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

/// A title of nothing but these says nothing of its work.
const COMMON: [&str; 64] = [
    "a",
    "abstract",
    "abstracts",
    "acknowledgement",
    "acknowledgements",
    "addendum",
    "an",
    "and",
    "annual",
    "article",
    "author",
    "authors",
    "board",
    "book",
    "books",
    "calendar",
    "chapter",
    "comment",
    "comments",
    "commentary",
    "conclusion",
    "contents",
    "correction",
    "correspondence",
    "corrigendum",
    "discussion",
    "editor",
    "editorial",
    "editors",
    "erratum",
    "foreword",
    "from",
    "front",
    "general",
    "in",
    "index",
    "introduction",
    "introductory",
    "issue",
    "journal",
    "letter",
    "letters",
    "matter",
    "meeting",
    "news",
    "notes",
    "obituary",
    "of",
    "on",
    "preface",
    "reply",
    "report",
    "response",
    "review",
    "reviews",
    "s",
    "special",
    "summary",
    "table",
    "the",
    "this",
    "to",
    "volume",
    "welcome",
];
