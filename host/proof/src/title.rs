//! Whether a document is called what the work is called.

use std::ops::Range;

use super::document::{Document, Page};
use super::normalized::{NormalizedText, is_word_sign, words};
use tierfall_ids::text::{folded, without_markup};

/// How well a document's own title agrees with the work's, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// Letter by letter.
    Exact,
    /// But for what extraction and typesetting do to letters.
    Close,
    /// The main title alone, or a title within a longer heading.
    Part,
    /// Most of its words stand together at the top of a page.
    Words,
    /// Within a sentence: this document speaks of the work.
    Mentioned,
    /// Not at all.
    None,
}

/// Where a title was found, for people and for what stands before it.
#[derive(Clone, Debug)]
pub struct Found {
    pub agreement: Agreement,
    /// The text before it on its page or in its heading, at most some lines; `None` if it is in the
    /// metadata alone.
    pub before: Option<String>,
    /// What is set in the same type behind it.
    pub after: String,
    /// The share of its words that was found.
    pub share: f64,
}

/// A work's title, ready to be looked for.
#[derive(Debug)]
pub struct Title {
    letters: Vec<char>,
    /// Before its subtitle.
    main: Option<Vec<char>>,
    words: Vec<Vec<char>>,
}

/// NormalizedText that may stand beside a title on its lines: a number, the marks of footnotes.
const BESIDE: usize = 4;
/// A title shorter than this is not looked for with errors: another one is too near.
const SHORTEST_CLOSE: usize = 20;
/// One letter in this many may be wrong; scanned titles and formulas have up to so many errors.
const LETTERS_PER_ERROR: usize = 9;
/// NormalizedText at the top of a page among which a title in pieces counts, and one that shares its line with
/// the authors.
const TOP: usize = 1000;
const VERY_TOP: usize = 300;
/// What is kept of the text before a title.
const BEFORE: usize = 200;

impl Title {
    pub fn of(title: &str) -> Self {
        let plain = without_markup(title);
        let main = main_title(&plain).map(folded);
        Self { letters: folded(&plain), main, words: words(&plain) }
    }

    /// Whether it is written in a script that the document does not have: then it cannot be looked for
    /// there, and its absence says nothing.
    pub fn is_foreign_to(&self, document: &Document<'_>) -> bool {
        let foreign = self.letters.iter().filter(|c| is_foreign(**c)).count();
        let there = document.front().iter().flat_map(|page| page.letters.as_slice());
        foreign * 2 > self.letters.len() && there.filter(|c| is_foreign(**c)).take(foreign).count() < foreign
    }

    /// What its letters say, in letters of an alphabet: a sign of Chinese is about a word.
    fn weight(&self) -> usize {
        self.letters.iter().map(|c| if is_word_sign(*c) { 3 } else { 1 }).sum()
    }

    pub fn folded(&self) -> &[char] {
        &self.letters
    }

    /// Whether so few works are called this that the title alone tells them apart.
    pub fn is_telling(&self) -> bool {
        let signs = self.letters.iter().filter(|c| is_word_sign(**c)).count();
        self.weight() >= 20
            && self.words.len() + signs / 2 >= 3
            && !self.words.iter().all(|word| COMMON.contains(&word.iter().collect::<String>().as_str()))
    }

    /// Whether it is so long that no second work is called this.
    pub fn is_long(&self) -> bool {
        self.weight() >= 40 && self.is_telling()
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
        let mut best = Found { agreement: Agreement::None, before: None, after: String::new(), share: 0.0 };
        for mut found in in_text.chain(in_metadata) {
            if found.agreement < best.agreement {
                // Lines do not tell types apart: what a heading went on with is not forgotten for them.
                if found.after.is_empty() {
                    found.after = best.after;
                }
                best = found;
            }
            if best.agreement == Agreement::Exact {
                break;
            }
        }
        best
    }

    fn in_heading(&self, heading: &str, larger: &[String], page: &Page<'_>) -> Option<Found> {
        let in_heading = NormalizedText::of(heading);
        let (range, mut agreement) = self.on_own_lines(&in_heading).or_else(|| {
            let range = in_heading.places(&self.letters).find(|range| !leads_to_part(&in_heading, range))?;
            Some((range, Agreement::Part))
        })?;
        // What is set in the same type goes on with the title, unless it is marked as its subtitle.
        let rest = heading[in_heading.byte(range.end)..].chars().filter(|c| c.is_alphanumeric()).count();
        if rest > BESIDE && !in_heading.after(&range).starts_with([':', '–', '—']) {
            agreement = agreement.max(Agreement::Part);
        }
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
        let after = in_heading.after(&range).to_owned();
        Some(Found { agreement, before: Some(before), after, share: 1.0 })
    }

    fn in_lines(&self, page: &Page<'_>) -> Option<Found> {
        let text = &page.letters;
        let found = |range: &Range<usize>, agreement, share| {
            (range.start <= page.body).then(|| Found {
                agreement,
                before: Some(tail(&page.text[..text.byte(range.start)])),
                after: String::new(),
                share,
            })
        };
        if let Some((range, agreement)) = self.on_own_lines(text) {
            return found(&range, agreement, 1.0);
        }
        let mut named = text.places(&self.letters).peekable();
        let opens = |range: &Range<usize>| {
            range.end <= VERY_TOP + self.letters.len() && is_mark(text.line_before(range))
        };
        if let Some(range) = named.peek() {
            let agreement = if opens(range) { Agreement::Part } else { Agreement::Mentioned };
            return found(range, agreement, 1.0);
        }
        let (range, share) = self.scattered(page)?;
        found(&range, Agreement::Words, share)
    }

    fn in_metadata(&self, own: &str) -> Option<Found> {
        let own_letters = folded(own);
        let agreement = if own_letters == self.letters {
            Agreement::Exact
        } else if self.main.as_ref().is_some_and(|main| *main == own_letters) {
            Agreement::Part
        } else {
            return None;
        };
        Some(Found { agreement, before: None, after: String::new(), share: 1.0 })
    }

    /// The title on lines of its own.
    fn on_own_lines(&self, text: &NormalizedText<'_>) -> Option<(Range<usize>, Agreement)> {
        let alone = |range: &Range<usize>| {
            is_mark(text.line_before(range)) && is_mark(text.line_after(range)) && !leads_to_part(text, range)
        };
        if let Some(range) = text.places(&self.letters).find(alone) {
            return Some((range, Agreement::Exact));
        }
        if self.letters.len() >= SHORTEST_CLOSE
            && let Some((range, _)) = text.nearest(&self.letters, self.letters.len() / LETTERS_PER_ERROR)
            && alone(&range)
            && self.has_all_words(&text.as_slice()[range.clone()])
        {
            return Some((range, Agreement::Close));
        }
        let range = text.places(self.main.as_ref()?).find(alone)?;
        Some((range, Agreement::Part))
    }

    /// Errors of extraction hit letters anywhere; another title differs in a word or a number.
    fn has_all_words(&self, window: &[char]) -> bool {
        let text: String = window.iter().collect();
        let blurred: String = blurred(window).iter().collect();
        let (window, blurry) = (NormalizedText::of(&text), NormalizedText::of(&blurred));
        self.words.iter().all(|word| {
            if word.iter().all(|c| c.is_numeric()) {
                return contains(window.as_slice(), word);
            }
            word.len() < 3 || blurry.nearest(&self::blurred(word), word.len() / 6).is_some()
        })
    }

    /// The place at the top of a page where most of the title's words stand together, and their share: at
    /// least three, and three quarters.
    fn scattered(&self, page: &Page<'_>) -> Option<(Range<usize>, f64)> {
        let top = page.letters.as_slice();
        let top = &top[..top.len().min(TOP).min(page.body)];
        let telling: Vec<_> = self.words.iter().filter(|word| word.len() >= 4).collect();
        let first = telling.first()?;
        let reach = self.letters.len() * 3 / 2;
        let mut best: Option<(Range<usize>, usize)> = None;
        for start in 0..top.len() {
            // A title begins with one of its first words; looking there alone keeps this cheap.
            if !top[start..].starts_with(first)
                && !telling.get(1).is_some_and(|word| top[start..].starts_with(word))
            {
                continue;
            }
            let window = start..(start + reach).min(top.len());
            let count = telling.iter().filter(|word| contains(&top[window.clone()], word)).count();
            if best.as_ref().is_none_or(|(_, most)| count > *most) {
                best = Some((window, count));
            }
        }
        let (window, count) = best?;
        (count >= 3 && count * 4 >= telling.len() * 3).then(|| (window, count as f64 / telling.len() as f64))
    }
}

/// Whether what stands beside a title on its line is no part of it: nothing, a number, a footnote's mark.
fn is_mark(beside: &[char]) -> bool {
    let letters = beside.iter().filter(|c| !c.is_numeric()).count();
    // A single `I` or `V` counts the parts of a series.
    beside.len() <= BESIDE && letters <= 1 && !beside.iter().any(|c| matches!(c, 'i' | 'v' | 'x'))
}

/// Whether a title goes on as another part of a series: `II. Kinetics`, `Part 2`.
fn leads_to_part(text: &NormalizedText<'_>, range: &Range<usize>) -> bool {
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

/// NormalizedText that optical recognition takes for each other become one.
fn blurred(letters: &[char]) -> Vec<char> {
    let text: String = letters.iter().collect();
    text.replace("rn", "m")
        .replace("vv", "w")
        .replace(['0'], "o")
        .replace(['1', 'i'], "l")
        .replace('5', "s")
        .chars()
        .collect()
}

fn contains(text: &[char], word: &[char]) -> bool {
    !word.is_empty() && text.windows(word.len()).any(|window| window == word)
}

/// The title before its subtitle, where it can stand for the whole.
fn main_title(title: &str) -> Option<&str> {
    let end = [": ", " – ", " — ", " - ", "? ", ". "].iter().filter_map(|mark| title.find(mark)).min()?;
    let (main, rest) = title.split_at(end);
    // The parts of a series have it in common.
    (folded(main).len() >= 20 && words(main).len() >= 3 && !counts_parts(rest)).then_some(main)
}

/// Whether a subtitle begins by counting: `I. Kinetics`, `2) Methods`, `Part three`.
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

/// How parts of a series are called.
const PARTS: [&str; 8] = ["part", "teil", "partie", "parte", "deel", "chapter", "volume", "section"];

/// Neither one of the Latin letters nor a digit, nor what is reduced to them.
fn is_foreign(c: char) -> bool {
    c.is_alphabetic() && !c.is_ascii()
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
