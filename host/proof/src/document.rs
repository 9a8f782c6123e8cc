//! An examiner's report as a document: its front matter, its headings, its running text.

use crate::normalized::NormalizedText;
use crate::patterns::ARTICLE;
use crate::script::ScriptCounts;
use tierfall_ids::text::folded;
use tierfall_work::PdfReport;

/// A page of a paper has 2000 letters and more. A cover page or a scanned page with a stamp has fewer, and then
/// the title may be on the next page.
const SPARSE_PAGE: usize = 1500;

/// How much of a report is looked at, whatever its examiner sent: bytes of a page's text, of the metadata and of a
/// heading, headings of a page, pages. The built-in examiner sends no more.
const PAGE_BYTES: usize = 64 * 1024;
const METADATA_BYTES: usize = 32 * 1024;
const HEADING_BYTES: usize = 1024;
const HEADINGS: usize = 8;
const PAGES: usize = 100;

/// A document's pages, ready to be searched.
pub struct Document<'r> {
    pub report: &'r PdfReport,
    /// The metadata, as lines of `name: value`.
    pub metadata: &'r str,
    pub pages: Vec<Page<'r>>,
    is_readable: bool,
}

/// The text of one of the first pages.
pub struct Page<'r> {
    pub text: &'r str,
    pub normalized: NormalizedText<'r>,
    /// How many normalized characters stand before the list of references, where one begins on this page.
    pub body: usize,
    /// Blocks set larger than the running text, largest first.
    pub headings: Vec<&'r str>,
}

impl Page<'_> {
    /// Whether a line of it begins an abstract or an introduction.
    pub fn opens_as_an_article(&self) -> bool {
        self.text.lines().any(|line| {
            // A number may stand before it, and the abstract's first sentence behind it.
            let line = line.trim_start_matches(|c: char| !c.is_alphabetic());
            let line = line.strip_prefix("I. ").or_else(|| line.strip_prefix("I ")).unwrap_or(line);
            let begins = |c: char| ARTICLE.iter().any(|word| word.starts_with(c.to_ascii_lowercase()));
            line.starts_with(|c: char| !c.is_ascii() || begins(c)) && {
                let name: String = folded(capped(line, 60)).into_iter().collect();
                ARTICLE.iter().any(|word| name.starts_with(word))
            }
        })
    }
}

impl<'r> Document<'r> {
    pub fn of(report: &'r PdfReport) -> Self {
        let metadata = capped(&report.metadata, METADATA_BYTES);
        let headings = report.headings.iter().map(Vec::as_slice).chain(std::iter::repeat(&[] as &[String]));
        let pages: Vec<Page<'_>> = report
            .text
            .iter()
            .take(PAGES)
            .zip(headings)
            .map(|(text, headings)| {
                let text = capped(text, PAGE_BYTES);
                let headings = headings.iter().take(HEADINGS).map(|heading| capped(heading, HEADING_BYTES));
                let headings = headings.collect();
                let normalized = NormalizedText::of(text);
                let body = references(text).map_or(normalized.len(), |byte| normalized.until_byte(byte));
                Page { text, normalized, body, headings }
            })
            .collect();
        let is_readable = is_readable(report, &pages);
        Self { report, metadata, pages, is_readable }
    }

    /// The pages with the front matter: the first, and while pages are sparse, such as a cover, the next one.
    pub fn front(&self) -> &[Page<'r>] {
        front(&self.pages)
    }

    /// The letters of the front matter, without references: these are in Latin letters in any language.
    pub fn script_counts(&self) -> ScriptCounts {
        ScriptCounts::of(self.front().iter().map(|page| &page.text[..page.normalized.byte(page.body)]))
    }

    /// Normalized characters on all the pages that were read.
    pub fn char_count(&self) -> usize {
        self.pages.iter().map(|page| page.normalized.len()).sum()
    }

    /// Probably the document's title, for messages: its largest heading of some length.
    pub fn heading(&self) -> Option<String> {
        let named = self.pages.first()?.headings.iter().find(|heading| folded(heading).len() >= 12)?;
        Some(named.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect())
    }

    /// Whether there is text that a person could read. A scan has none, or only a stamp on each page; a font
    /// without a mapping to Unicode gives nonsense.
    pub fn is_readable(&self) -> bool {
        self.is_readable
    }
}

/// The first page, and while pages are sparse, the next one.
fn front<'p, 'r>(pages: &'p [Page<'r>]) -> &'p [Page<'r>] {
    let covers = pages.iter().take_while(|page| page.normalized.len() < SPARSE_PAGE).count();
    pages.get(..=covers.min(pages.len().saturating_sub(1))).unwrap_or_default()
}

fn is_readable(report: &PdfReport, pages: &[Page<'_>]) -> bool {
    let characters = |pages: &[Page<'_>]| pages.iter().map(|page| page.normalized.len()).sum::<usize>();
    let scanned = report.images && pages.iter().all(|page| page.normalized.len() < STAMP);
    // What can be compared stands at the front, whatever the fonts behind it.
    let front = front(pages);
    if characters(front) >= SPARSE_PAGE && is_language(front.iter().map(|page| page.text)) {
        return true;
    }
    // A font whose characters are unknown leaves gaps.
    let gaps = report.drawn > 0 && report.read.saturating_mul(2) < report.drawn;
    characters(pages) > 0 && !scanned && !gaps && is_language(pages.iter().map(|page| page.text))
}

/// The beginning of a text, at most this many bytes.
pub fn capped(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Normalized characters of "Downloaded from … by … on …" and the like.
const STAMP: usize = 300;

/// Where the list of references begins: a line that says nothing else.
fn references(text: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let name = line.trim_start_matches(|c: char| !c.is_alphabetic());
        // Comparing the first character first makes this cheap: almost no line begins like such a heading.
        let begins = |c: char| REFERENCES.iter().any(|heading| heading.starts_with(c.to_ascii_lowercase()));
        let may_be = name.starts_with(|c: char| !c.is_ascii() || begins(c));
        if may_be {
            let name = folded(name);
            if REFERENCES.iter().any(|heading| name.iter().copied().eq(heading.chars())) {
                return Some(at);
            }
        }
        at += line.len();
    }
    None
}

const REFERENCES: [&str; 8] = [
    "references",
    "bibliography",
    "literaturecited",
    "literature",
    "literatur",
    "bibliographie",
    "referencias",
    "referencesandnotes",
];

/// Running text in a language with Latin letters has small words; text whose characters are mapped wrongly has
/// none. Other scripts do not result from a wrong mapping by chance.
fn is_language<'t>(pages: impl Iterator<Item = &'t str> + Clone) -> bool {
    const SMALL_WORDS: [&str; 52] = [
        "the", "of", "and", "in", "to", "is", "for", "on", "by", "with", "der", "die", "und", "von", "das",
        "des", "zu", "le", "la", "les", "et", "du", "un", "el", "los", "que", "en", "del", "de", "il", "di",
        "che", "da", "het", "van", "ve", "bir", "bu", "ile", "dan", "yang", "na", "ja", "og", "och", "det",
        "som", "em", "no", "os", "az", "se",
    ];
    let (mut latin, mut other, mut signs) = (0usize, 0usize, 0usize);
    for c in pages.clone().flat_map(str::chars).filter(|c| !c.is_whitespace()) {
        match c {
            // Tables have numbers, and contents have dots.
            // Glyphs that a font's map leaves out were left out of the text once.
            '\u{f0000}'.. => {}
            _ if c.is_numeric() || matches!(c, '.' | '·' | '…' | '-' | '–' | '—' | '_' | ',') => {}
            _ if !c.is_alphabetic() => signs += 1,
            _ if (c as u32) < 0x250 => latin += 1,
            _ => other += 1,
        }
    }
    if other > latin {
        return true;
    }
    // Prose has ten letters to a sign, and a page of formulas more letters than signs.
    if signs > 200 && latin < signs * 2 {
        return false;
    }
    let (mut words, mut small) = (0usize, 0usize);
    for word in
        pages.flat_map(|text| text.split(|c: char| !c.is_alphanumeric())).filter(|word| !word.is_empty())
    {
        words += 1;
        if word.len() <= 4 && SMALL_WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            small += 1;
        }
    }
    // Fewer words may be a title page without any small word; they count as language.
    words < 60 || small * 50 >= words
}
