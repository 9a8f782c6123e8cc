//! The proof of a file: a PDF, complete, the whole work and no other.

use super::document::Document;
use super::identity::{IdentityPolicy, Judgement, judge};
use super::patterns;
use super::title::{Agreement, Found, Title};
use super::verdict::{Identity, Reason, Verdict};
use tierfall_ids::text::folded;
use tierfall_work::{Basis, Work};
use tierfall_work::{PdfProblem, PdfReport};

/// A verdict and what it rests on, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub verdict: Verdict,
    pub detail: String,
    /// Pages of the file, where it could be read.
    pub pages: u32,
}

/// Judges what the examiner said of a file.
pub fn prove(
    examined: Result<&PdfReport, &PdfProblem>,
    work: &Work,
    basis: Basis,
    policy: IdentityPolicy,
) -> Proof {
    let report = match examined {
        Ok(report) => report,
        Err(problem) => return of_problem(problem),
    };
    let (verdict, detail) = match policy {
        IdentityPolicy::Off => (Verdict::Accepted(Identity::Unchecked), String::new()),
        _ => of_report(report, work, basis, policy),
    };
    Proof { verdict, detail, pages: report.pages }
}

fn of_problem(problem: &PdfProblem) -> Proof {
    let (reason, detail) = match problem {
        PdfProblem::NotPdf => (Reason::NotPdf, String::new()),
        PdfProblem::Encrypted => (Reason::Encrypted, String::new()),
        PdfProblem::Truncated(detail) => (Reason::Truncated, detail.clone()),
        PdfProblem::Damaged(detail) => (Reason::Damaged, detail.clone()),
    };
    Proof { verdict: Verdict::Rejected(reason), detail, pages: 0 }
}

fn of_report(report: &PdfReport, work: &Work, basis: Basis, policy: IdentityPolicy) -> (Verdict, String) {
    let document = Document::of(report);
    let title = work.known.title.as_ref().map(|said| Title::of(&said.value));
    let title = title.filter(|title| !title.folded().is_empty());
    let found = title.as_ref().map(|title| title.find(&document));
    let known_pages = work.known.pages.as_ref().map(|said| said.value);

    if let Some((reason, detail)) = stand_in(&document, known_pages)
        .or_else(|| companion(&document, title.as_ref(), found.as_ref()))
        .or_else(|| too_few_pages(&document, known_pages))
    {
        return (Verdict::Rejected(reason), detail);
    }
    match judge(&document, title.as_ref().zip(found.as_ref()), work, basis, policy) {
        Judgement::Is(identity, why) => (Verdict::Accepted(identity), why),
        Judgement::IsNot(why) => (Verdict::Rejected(Reason::WrongWork), why),
        Judgement::CannotTell(why) => (Verdict::Rejected(Reason::Unproven), why),
    }
}

/// A short document that says itself that it stands in for the article.
fn stand_in(document: &Document<'_>, known_pages: Option<u32>) -> Option<(Reason, String)> {
    /// A placeholder is a sentence or two; a paper that contains such a sentence is longer.
    const SENTENCES: usize = 800;
    let pages = document.report.pages;
    let says = |marks: &[&'static str]| {
        let says = |mark: &&'static str| {
            let mark: Vec<char> = mark.chars().collect();
            document
                .pages
                .iter()
                .any(|page| page.letters.as_slice().windows(mark.len()).any(|window| window == mark))
        };
        marks.iter().copied().find(says)
    };
    // A work of one page that is all there is no preview of itself, unless it offers the rest for sale.
    let more = known_pages.is_none_or(|known| pages < known);
    let says_so = |always: &[&'static str], of_more: &[&'static str]| {
        says(always).or_else(|| says(of_more).filter(|_| more))
    };
    if pages <= 2
        && document.letter_count() < SENTENCES
        && let Some(mark) = says(patterns::PLACEHOLDER)
    {
        return Some((Reason::Placeholder, format!("it says \"{mark}\"")));
    }
    if pages <= 2
        && let Some(mark) = says_so(patterns::ABSTRACT_ONLY, patterns::ABSTRACT_OF_MORE)
    {
        return Some((Reason::AbstractOnly, format!("it says \"{mark}\"")));
    }
    if pages <= 3
        && let Some(mark) = says_so(patterns::PREVIEW, patterns::PREVIEW_OF_MORE)
    {
        return Some((Reason::Preview, format!("it says \"{mark}\"")));
    }
    None
}

/// Manuscripts have more pages than the published version, and a scan of an opened book half as many; a
/// third is a preview, and so is the first of two pages that somebody typeset.
fn too_few_pages(document: &Document<'_>, known: Option<u32>) -> Option<(Reason, String)> {
    let (pages, known) = (document.report.pages, known?);
    let first_of_two = pages == 1 && known == 2 && document.is_readable();
    let preview = first_of_two || (pages <= 2 && pages * 3 <= known) || (known >= 20 && pages * 5 <= known);
    preview.then(|| (Reason::Preview, format!("it has {pages} of {known} pages")))
}

/// A document that goes with the work and names it: supplementary material, a correction, a comment.
fn companion(
    document: &Document<'_>,
    title: Option<&Title>,
    found: Option<&Found>,
) -> Option<(Reason, String)> {
    /// A correction is a page or two; a corrected article that says so is a paper.
    const NOTICE_PAGES: u32 = 6;
    /// Where no title was found, what the first lines say.
    const FIRST_LETTERS: usize = 160;
    let first = document.pages.first()?;
    let found = found.filter(|found| found.agreement < Agreement::Words);
    let before = match found.and_then(|found| found.before.as_deref()) {
        Some(before) => before.to_owned(),
        // Without a title in the text, whatever stands first or largest heads it.
        None => {
            let top = first.text.get(..first.letters.byte(FIRST_LETTERS)).unwrap_or_default();
            format!("{top}\n{}", first.headings.first().map_or("", String::as_str))
        }
    };
    let lines_of = |text: &str| text.lines().map(folded).collect::<Vec<_>>();
    let (before, after) = (lines_of(&before), lines_of(found.map_or("", |found| found.after.as_str())));
    let begins = |line: &[char], marks: &[&'static str]| {
        marks.iter().copied().find(|mark| {
            let mut letters = line.iter();
            mark.chars().all(|c| letters.next() == Some(&c))
        })
    };
    // A work may itself be a correction, a comment or an appendix.
    let is_one_itself = |marks: &[&str]| {
        let title: String = title.map(Title::folded).unwrap_or_default().iter().collect();
        marks.iter().any(|mark| title.contains(mark))
    };
    let heads = |lines: &[Vec<char>], marks: &[&'static str]| {
        let headed = lines.iter().find_map(|line| Some((line.clone(), begins(line, marks)?)));
        headed.filter(|_| !is_one_itself(marks))
    };
    if let Some((line, mark)) =
        heads(&before, patterns::SUPPLEMENT).or_else(|| heads(&after, patterns::SUPPLEMENT))
    {
        let text: String = line.iter().collect();
        let points_elsewhere = patterns::POINTER.iter().any(|pointer| text[mark.len()..].contains(pointer));
        if !points_elsewhere {
            return Some((Reason::Supplement, format!("it is headed \"{mark}\"")));
        }
    }
    if document.report.pages <= NOTICE_PAGES
        && let Some((_, mark)) = heads(&before, patterns::NOTICE)
    {
        return Some((Reason::Notice, format!("it is headed \"{mark}\"")));
    }
    // A text about the work names it right behind its own mark.
    let last = before.iter().rfind(|line| !line.is_empty())?;
    if let Some((_, mark)) = heads(std::slice::from_ref(last), patterns::ABOUT) {
        return Some((Reason::WrongWork, format!("it is headed \"{mark}\"")));
    }
    None
}
