//! Documents that only accompany a work and name it: supplementary material, corrections, comments.

use crate::authors::{self, Authors};
use crate::document::{Document, Page, capped};
use crate::patterns;
use crate::title::{Agreement, Found, Title};
use crate::verdict::Reason;
use tierfall_ids::text::folded;
use tierfall_work::Work;

/// Whether the document only accompanies the work and names it: supplementary material, a correction, a comment.
pub fn companion(
    document: &Document<'_>,
    title: Option<&Title>,
    found: Option<&Found>,
    known_pages: Option<u32>,
) -> Option<(Reason, String)> {
    /// A correction is a page or two; a corrected article that says so is a paper.
    const NOTICE_PAGES: u32 = 6;
    /// Where no title was found, this many characters at the top count as text before it.
    const TOP: usize = 160;
    let first = document.pages.first()?;
    let found = found.filter(|found| found.agreement < Agreement::Words);
    // Without a title on the first page, what comes first or is largest there is its heading.
    let top = || {
        let top = first.text.get(..first.normalized.byte(TOP)).unwrap_or_default();
        format!("{top}\n{}", first.headings.first().copied().unwrap_or_default())
    };
    let before = match found.and_then(|found| found.before.as_deref().zip(found.page)) {
        Some((before, 0)) => before.to_owned(),
        Some((before, _)) => format!("{}\n{before}", top()),
        None => top(),
    };
    let lines_of = |text: &str| text.lines().map(folded).collect::<Vec<_>>();
    let (before, after) = (lines_of(&before), lines_of(found.map_or("", |found| found.after.as_str())));
    // A work may itself be a correction, a comment or an appendix.
    let is_one_itself = |patterns: &[&str]| {
        let title: String = title.map(Title::folded).unwrap_or_default().iter().collect();
        patterns.iter().any(|pattern| title.contains(pattern))
    };
    let is_a_notice_itself =
        title.is_some_and(|title| begins(title.folded(), patterns::NOTICE_TITLE).is_some());
    let heads = |lines: &[Vec<char>], patterns: &[&'static str]| {
        let headed = lines.iter().find_map(|line| Some((line.clone(), begins(line, patterns)?)));
        headed.filter(|_| !is_one_itself(patterns))
    };
    if let Some((line, pattern)) =
        heads(&before, patterns::SUPPLEMENT).or_else(|| heads(&after, patterns::SUPPLEMENT))
    {
        let text: String = line.iter().collect();
        let points_elsewhere =
            patterns::POINTER.iter().any(|pointer| text[pattern.len()..].contains(pointer));
        if !points_elsewhere {
            return Some((Reason::Supplement, format!("it is headed \"{pattern}\"")));
        }
    }
    if document.report.pages <= NOTICE_PAGES
        && !is_a_notice_itself
        && let Some((_, pattern)) = heads(&before, patterns::NOTICE)
    {
        return Some((Reason::Notice, format!("it is headed \"{pattern}\"")));
    }
    let directly_before = before.iter().rfind(|line| !line.is_empty());
    if !is_one_itself(patterns::SUPPLEMENT) && !is_one_itself(patterns::APPENDIX) {
        let why = labelled(first, directly_before)
            .or_else(|| shaped_like_a_supplement(first, found, document.report.pages, known_pages));
        if let Some(why) = why {
            return Some((Reason::Supplement, why));
        }
    }
    // A text about the work names it directly before or after such a heading.
    let behind = after.iter().find(|line| !line.is_empty()).cloned();
    let behind = behind.or_else(|| {
        let found = found.filter(|found| found.page.is_some())?;
        found.following.lines().map(folded).find(|line| !line.is_empty())
    });
    if let Some(line) = behind.filter(|line| line.len() <= HEADING)
        && let Some((_, pattern)) = heads(&[line], patterns::ABOUT_BEHIND)
    {
        return Some((Reason::WrongWork, format!("its title is followed by \"{pattern}\"")));
    }
    let last = directly_before?;
    if let Some((_, pattern)) = heads(std::slice::from_ref(last), patterns::ABOUT) {
        return Some((Reason::WrongWork, format!("it is headed \"{pattern}\"")));
    }
    None
}

/// Whether one of its first lines or largest ones says, in letters other than Latin ones, that it only accompanies a
/// work.
pub fn says_so_in_its_script(document: &Document<'_>) -> bool {
    /// Lines of the first page: the name of a journal and an identifier come before.
    const FIRST: usize = 8;
    let Some(first) = document.pages.first() else { return false };
    let all = |printed: &[&str]| printed.iter().map(|line| folded(line)).collect::<Vec<_>>();
    let (labels, beginnings) = (all(patterns::LABEL_IN_SCRIPT), all(patterns::BEGINNING_IN_SCRIPT));
    let lines = first.text.lines().filter(|line| !line.trim().is_empty()).take(FIRST);
    let headings = first.headings.iter().flat_map(|heading| heading.lines());
    lines.chain(headings).any(|line| {
        let line = capped(line.trim(), LINE_BYTES);
        // `Приложение 1`, `Παράρτημα Α`
        let numbered = line.rsplit_once(char::is_whitespace);
        let label =
            numbered.filter(|(_, number)| number.chars().count() <= 2).map_or(line, |(label, _)| label);
        let (line, label) = (folded(line), folded(label));
        labels.contains(&label) || beginnings.iter().any(|beginning| line.starts_with(beginning))
    })
}

/// Bytes of a line that are read where only its beginning counts.
const LINE_BYTES: usize = 400;

/// The first of the patterns that a normalized line begins with.
fn begins(line: &[char], patterns: &[&'static str]) -> Option<&'static str> {
    patterns.iter().copied().find(|pattern| {
        let mut line = line.iter();
        pattern.chars().all(|c| line.next() == Some(&c))
    })
}

/// Lines after the title within which a supplement says what it is: authors and their addresses may come before.
const OPENING_LINES: usize = 16;
/// Letters of a line that is a heading rather than a sentence.
const HEADING: usize = 60;

/// Whether what follows the title is an appendix: it says so in a line of its own, in whatever type, or its first
/// section is proofs or bears the letter A. An article begins with an abstract or an introduction instead.
fn shaped_like_a_supplement(
    page: &Page<'_>,
    found: Option<&Found>,
    pages: u32,
    known: Option<u32>,
) -> Option<String> {
    let in_text = found.filter(|found| found.before.is_some());
    let following = in_text.map_or(page.text, |found| found.following.as_str());
    let lines: Vec<(&str, Vec<char>)> = following.lines().map(|line| (line, folded(line))).collect();
    let opening = || lines.iter().take(OPENING_LINES);
    let text: String = lines.iter().flat_map(|(_, line)| line).take(PREAMBLE).collect();
    if let Some(phrase) = patterns::SUPPLEMENT_SAYS.iter().find(|phrase| text.contains(*phrase)) {
        return Some(format!("it says \"{phrase}\""));
    }
    if page.opens_as_an_article() {
        return None;
    }
    let declared = opening().find(|(line, _)| {
        let line = folded(without_number(line));
        let text: String = line.iter().collect();
        let points_elsewhere = patterns::POINTER.iter().any(|pointer| text.contains(pointer));
        line.len() <= HEADING
            && !points_elsewhere
            && (begins(&line, patterns::SUPPLEMENT).is_some()
                || begins(&line, patterns::APPENDIX).is_some()
                || patterns::SUPPLEMENT_ENDS.iter().any(|ending| text.ends_with(ending)))
    });
    if let Some((line, _)) = declared {
        return Some(format!("its title is followed by \"{}\"", line.trim()));
    }
    // A first section that is an appendix; fewer pages than the work, or proofs, tell it from an author whose name
    // begins with A.
    let fewer = known.is_some_and(|known| pages < known);
    let proves = patterns::PROVES.iter().any(|word| text.contains(word));
    let (line, _) = opening().find(|(line, folded)| is_appendix_heading(line, folded))?;
    (fewer || proves).then(|| format!("its first section is \"{}\"", line.trim()))
}

/// Whether the line before the title, or what stands before it on its line, is nothing but the name of an appendix. The
/// articles of a journal's supplement may stand under that word, too, but begin as articles do.
fn labelled(page: &Page<'_>, before: Option<&Vec<char>>) -> Option<String> {
    let label: String = before.filter(|line| line.len() <= HEADING)?.iter().collect();
    (patterns::SUPPLEMENT_LABEL.contains(&label.as_str()) && !page.opens_as_an_article())
        .then(|| format!("its title is headed \"{label}\""))
}

/// Whether a file with less than half of the work's pages names nobody who wrote it, and begins without abstract and
/// introduction: appendices have the title, and then their first section or figure.
pub fn nobodys_part(document: &Document<'_>, found: Option<&Found>, work: &Work) -> Option<(Reason, String)> {
    let (pages, known) = (document.report.pages, work.known.pages.as_ref()?.value);
    let nobodys = found.is_some_and(|found| found.page == Some(0))
        && document.is_readable()
        && pages.saturating_mul(2) < known
        && !document.pages.iter().any(Page::opens_as_an_article)
        && authors::count(document, work).0 == Authors::Missing;
    let why = || {
        format!("it has {pages} of {known} pages, names none of the authors, and begins as no article does")
    };
    nobodys.then(|| (Reason::Supplement, why()))
}

/// Letters after the title that are searched for what a supplement says of itself.
const PREAMBLE: usize = 1200;

/// A line without the number or the letter of a section in front: `6. `, `A. `.
fn without_number(line: &str) -> &str {
    let line = line.trim();
    let name = line.split_once(|c: char| c.is_whitespace()).filter(|(number, _)| {
        let number = number.trim_end_matches(['.', ')', ':']);
        number.len() <= 2 && number.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
    });
    name.map_or(line, |(_, name)| name)
}

/// `A. The proof of Theorem 2`, `A.1 Derivation of the bound`, `Proof of Lemma 7`, but not `A. N. Author`: a heading
/// has a small word that no name has.
fn is_appendix_heading(line: &str, folded: &[char]) -> bool {
    const OF_NAMES: [&str; 14] =
        ["and", "und", "et", "y", "e", "de", "del", "der", "den", "van", "von", "la", "le", "di"];
    // An address follows a name after a comma.
    if folded.len() > HEADING || line.contains([',', '@']) {
        return false;
    }
    let unnumbered = self::folded(without_number(line));
    if begins(&unnumbered, &["proofof", "proofsof", "theproofof", "theproofsof"]).is_some() {
        return true;
    }
    let line = line.trim_start();
    let Some(rest) = line.strip_prefix("A.").or_else(|| line.strip_prefix("A ")) else { return false };
    let numbered = rest.starts_with(|c: char| c.is_ascii_digit());
    let small =
        |word: &str| word.len() > 1 && word.chars().all(char::is_lowercase) && !OF_NAMES.contains(&word);
    let words = rest.split(|c: char| !c.is_alphanumeric());
    numbered || words.into_iter().any(small)
}
