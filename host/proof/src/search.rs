//! Looks for a title in the places where documents have theirs: in large type, on lines of its own, at the top of a
//! page, in the metadata.

use std::ops::Range;

use crate::document::{Document, Page, capped};
use crate::normalized::{NormalizedText, words};
use crate::series::leads_to_part;
use crate::title::{Agreement, Found, LONGEST, Title};
use tierfall_ids::text::folded;

/// Characters that may stand beside a title on its line: a number, footnote marks.
const BESIDE: usize = 4;
/// Shorter titles are not searched for with errors, because another title may differ as little.
const SHORTEST_CLOSE: usize = 20;
/// The time that takes grows with the title; longer ones are misread in a place or two all the same, and then most
/// of their words still stand together.
const LONGEST_CLOSE: usize = 500;
/// One character in this many may be wrong; scanned titles and formulas have up to that many errors.
const LETTERS_PER_ERROR: usize = 9;
/// Characters at the top of a page within which a title in pieces counts, and one that shares its line with the
/// authors.
const TOP: usize = 1000;
const VERY_TOP: usize = 300;
/// Bytes kept of the text before a title, and after it.
const BEFORE: usize = 200;
const AFTER: usize = 3000;

impl Title {
    /// The best agreement anywhere in the document where a title may stand.
    pub fn find(&self, document: &Document<'_>) -> Found {
        let in_text = document.front().iter().enumerate().flat_map(|(number, page)| {
            let headings = page.headings.iter().enumerate();
            let in_headings =
                headings.filter_map(|(rank, heading)| self.in_heading(heading, &page.headings[..rank], page));
            in_headings.chain(self.in_lines(page)).map(move |found| Found { page: Some(number), ..found })
        });
        let own = document.report.title.as_deref().map(|own| capped(own, LONGEST));
        let mut best = Found {
            agreement: Agreement::None,
            page: None,
            large: false,
            before: None,
            after: String::new(),
            following: String::new(),
            share: 0.0,
        };
        for mut found in in_text {
            if found.agreement < best.agreement {
                // Plain lines have no type sizes, so the text that followed a heading is kept.
                if found.after.is_empty() {
                    found.after = best.after;
                }
                best = found;
            }
            if best.agreement == Agreement::Exact {
                break;
            }
        }
        // What is printed counts for more than what is said about the file.
        if best.agreement > Agreement::Part
            && let Some(in_metadata) = own.and_then(|own| self.in_metadata(own))
        {
            // Set in pieces, or within a line, it is the title that the file says it has.
            let printed = document.pages.first().filter(|page| self.is_strewn_over(page));
            return match printed
                .filter(|_| in_metadata.agreement == Agreement::Exact && self.is_distinctive())
            {
                Some(page) => Found {
                    agreement: Agreement::Close,
                    page: Some(0),
                    before: Some(best.before.unwrap_or_default()),
                    following: head(page.text),
                    ..in_metadata
                },
                None => in_metadata,
            };
        }
        best
    }

    fn in_heading(&self, heading: &str, larger: &[&str], page: &Page<'_>) -> Option<Found> {
        let in_heading = NormalizedText::of(heading);
        let (range, mut agreement) = self.on_own_lines(&in_heading).or_else(|| {
            let range = in_heading.places(&self.normalized).find(|range| !leads_to_part(&in_heading, range));
            let range = range.or_else(|| self.begins(&in_heading, heading))?;
            Some((range, Agreement::Part))
        })?;
        // Text in the same type size continues the title, unless punctuation marks it as the subtitle.
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
        // Larger text counts as standing above it, wherever it is drawn.
        for larger in larger.iter().copied() {
            if !before.contains(larger) {
                before = format!("{larger}\n{before}");
            }
        }
        let after = in_heading.after(&range).to_owned();
        // Where the title or at least the heading's end stands in the page.
        let title = page.normalized.places(&self.normalized).next();
        let end = title.map(|range| page.normalized.byte(range.end)).or_else(|| {
            let last = heading.lines().last()?;
            page.text.find(last).map(|at| at + last.len())
        });
        let following = head(&page.text[end.unwrap_or(0)..]);
        Some(Found { agreement, page: None, large: true, before: Some(before), after, following, share: 1.0 })
    }

    /// Whether a longer title begins with this one, but for a few letters, or has all of its words and one or two more:
    /// lists are typed by hand.
    fn begins(&self, text: &NormalizedText<'_>, heading: &str) -> Option<Range<usize>> {
        if !self.is_distinctive() || !(SHORTEST_CLOSE..=LONGEST_CLOSE).contains(&self.normalized.len()) {
            return None;
        }
        let near = text.nearest(&self.normalized, self.normalized.len() / LETTERS_PER_ERROR);
        if let Some((range, _)) = near
            && range.start == 0
            && self.has_all_words(&text.as_slice()[range.clone()])
            && !leads_to_part(text, &range)
        {
            return Some(range);
        }
        let words = words(heading);
        let mut rest = words.iter();
        let in_order = self.words.iter().all(|word| rest.any(|other| other == word));
        let more = words.len().saturating_sub(self.words.len());
        (self.is_long() && self.words.len() >= 6 && in_order && more <= 2).then(|| 0..text.len())
    }

    fn in_lines(&self, page: &Page<'_>) -> Option<Found> {
        let text = &page.normalized;
        let found = |range: &Range<usize>, agreement, share| {
            (range.start <= page.body).then(|| Found {
                agreement,
                page: None,
                large: false,
                before: Some(tail(&page.text[..text.byte(range.start)])),
                after: String::new(),
                following: head(&page.text[text.byte(range.end)..]),
                share,
            })
        };
        if let Some((range, agreement)) = self.on_own_lines(text) {
            return found(&range, agreement, 1.0);
        }
        let mut named = text.places(&self.normalized).peekable();
        let opens = |range: &Range<usize>| {
            range.end <= VERY_TOP + self.normalized.len() && is_insignificant(text.line_before(range))
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
        let agreement = if own_letters == self.normalized {
            Agreement::Exact
        } else if self.main.as_ref().is_some_and(|main| *main == own_letters) {
            Agreement::Part
        } else {
            return None;
        };
        Some(Found {
            agreement,
            page: None,
            large: false,
            before: None,
            after: String::new(),
            following: String::new(),
            share: 1.0,
        })
    }

    /// Whether all its words stand at the very top of a page, in whatever order they were drawn.
    fn is_strewn_over(&self, page: &Page<'_>) -> bool {
        let end = page.normalized.byte((VERY_TOP + self.normalized.len()).min(page.body));
        let top = words(page.text.get(..end).unwrap_or_default());
        self.words.iter().all(|word| top.contains(word))
    }

    /// The title on lines of its own.
    fn on_own_lines(&self, text: &NormalizedText<'_>) -> Option<(Range<usize>, Agreement)> {
        let alone = |range: &Range<usize>| {
            is_insignificant(text.line_before(range))
                && is_insignificant(text.line_after(range))
                && !leads_to_part(text, range)
        };
        if let Some(range) = text.places(&self.normalized).find(alone) {
            return Some((range, Agreement::Exact));
        }
        if (SHORTEST_CLOSE..=LONGEST_CLOSE).contains(&self.normalized.len())
            && let Some((range, _)) =
                text.nearest(&self.normalized, self.normalized.len() / LETTERS_PER_ERROR)
            && alone(&range)
            && self.has_all_words(&text.as_slice()[range.clone()])
        {
            return Some((range, Agreement::Close));
        }
        // A title page in pieces: the main title here, the subtitle there.
        if let Some([main, rest]) = &self.halves
            && let Some(range) = text.places(main).find(alone)
            && text.places(rest).any(|range| alone(&range) && range.end <= TOP)
        {
            return Some((range, Agreement::Close));
        }
        let range = text.places(self.main.as_ref()?).find(alone)?;
        Some((range, Agreement::Part))
    }

    /// Whether the window has all the title's words. Extraction errors hit characters anywhere, whereas another
    /// title differs in a whole word or a number.
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
        let top = page.normalized.as_slice();
        let top = &top[..top.len().min(TOP).min(page.body)];
        let distinctive: Vec<_> = self.words.iter().filter(|word| word.len() >= 4).collect();
        let first = distinctive.first()?;
        let reach = self.normalized.len() * 3 / 2;
        // Where each word ends, so that a window is counted without being searched.
        let ends: Vec<Vec<usize>> = distinctive
            .iter()
            .map(|word| (word.len()..=top.len()).filter(|end| top[..*end].ends_with(word)).collect())
            .collect();
        let within = |window: &Range<usize>, ends: &[usize], length: usize| {
            let next = ends.partition_point(|end| *end < window.start + length);
            ends.get(next).is_some_and(|end| *end <= window.end)
        };
        let mut best: Option<(Range<usize>, usize)> = None;
        for start in 0..top.len() {
            // A title begins with one of its first words; starting only there keeps this cheap.
            if !top[start..].starts_with(first)
                && !distinctive.get(1).is_some_and(|word| top[start..].starts_with(word))
            {
                continue;
            }
            let window = start..(start + reach).min(top.len());
            let words = distinctive.iter().zip(&ends);
            let count = words.filter(|(word, ends)| within(&window, ends, word.len())).count();
            if best.as_ref().is_none_or(|(_, most)| count > *most) {
                best = Some((window, count));
            }
        }
        let (window, count) = best?;
        (count >= 3 && count * 4 >= distinctive.len() * 3)
            .then(|| (window, count as f64 / distinctive.len() as f64))
    }
}

/// Whether the text beside a title on its line is not part of it: nothing, a number, a footnote mark.
fn is_insignificant(beside: &[char]) -> bool {
    if beside.len() > BESIDE {
        return false;
    }
    let letters = beside.iter().filter(|c| !c.is_numeric()).count();
    // A single `I` or `V` numbers a part of a series.
    letters <= 1 && !beside.iter().any(|c| matches!(c, 'i' | 'v' | 'x'))
}

/// Characters that optical recognition confuses become the same.
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

/// The last lines of a text.
fn tail(text: &str) -> String {
    let mut from = text.len().saturating_sub(BEFORE);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

/// The first lines of a text, without the rest of the line that it begins in.
fn head(text: &str) -> String {
    capped(text, AFTER).to_owned()
}
