//! The rules by which a report becomes a verdict.

use crate::companion::{companion, nobodys_part};
use crate::document::{Document, capped};
use crate::evidence::Evidence;
use crate::identity::{IdentityPolicy, Judgement, judge};
use crate::patterns;
use crate::variants;
use crate::verdict::{Identity, Reason, Verdict};
use tierfall_work::{Basis, Work};
use tierfall_work::{PdfProblem, PdfReport};

/// A verdict and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// How it ended.
    pub verdict: Verdict,
    /// Why, for people; empty where the verdict says everything.
    pub detail: String,
    /// Pages of the file; 0 where it cannot be read.
    pub pages: u32,
    /// What the verdict stands on; `None` where nothing was compared.
    pub evidence: Option<Evidence>,
}

/// Judges what the examiner reported of a file, which `basis` led to, against what is known of the work.
///
/// The reasons behind the order of the rules: a file that cannot be read, or has lost something, is rejected before
/// anything is compared, whatever the policy. Placeholders, abstracts, previews, supplements and notices come next,
/// because they carry the work's own title and identifier and would pass the comparison. What is left is compared by
/// title, identifier and authors; where nothing can be compared, `policy` decides whether the file is accepted unproven.
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
    let (verdict, detail, evidence) = match policy {
        _ if !report.damage.is_empty() => (Verdict::Rejected(Reason::Damaged), said_of_damage(report), None),
        IdentityPolicy::Off => (Verdict::Accepted(Identity::Unchecked), String::new(), None),
        _ => of_report(report, work, basis, policy),
    };
    Proof { verdict, detail, pages: report.pages, evidence }
}

fn said_of_damage(report: &PdfReport) -> String {
    let lines: Vec<&str> = report.damage.iter().take(5).map(|line| capped(line, DETAIL_BYTES / 5)).collect();
    lines.join("; ")
}

/// The examiner says in a sentence what is wrong.
const DETAIL_BYTES: usize = 500;

fn of_problem(problem: &PdfProblem) -> Proof {
    let (reason, detail) = match problem {
        PdfProblem::NotPdf => (Reason::NotPdf, String::new()),
        PdfProblem::Encrypted => (Reason::Encrypted, String::new()),
        PdfProblem::Truncated(detail) => (Reason::Truncated, capped(detail, DETAIL_BYTES).to_owned()),
        PdfProblem::Damaged(detail) => (Reason::Damaged, capped(detail, DETAIL_BYTES).to_owned()),
        PdfProblem::Unexamined(detail) => (Reason::Unexamined, capped(detail, DETAIL_BYTES).to_owned()),
    };
    Proof { verdict: Verdict::Rejected(reason), detail, pages: 0, evidence: None }
}

fn of_report(
    report: &PdfReport,
    work: &Work,
    basis: Basis,
    policy: IdentityPolicy,
) -> (Verdict, String, Option<Evidence>) {
    let document = Document::of(report);
    let known_title = work.known.title.as_ref().map(|said| said.value.as_str());
    let (title, found) = known_title.and_then(|known| variants::best(known, &document)).unzip();
    let known_pages = work.known.pages.as_ref().map(|said| said.value);

    if let Some((reason, detail)) = stand_in(&document, known_pages)
        .or_else(|| companion(&document, title.as_ref(), found.as_ref(), known_pages))
        .or_else(|| too_few_pages(&document, known_pages))
        .or_else(|| nobodys_part(&document, found.as_ref(), work))
    {
        return (Verdict::Rejected(reason), detail, None);
    }
    let (judgement, evidence) = judge(&document, title.as_ref().zip(found.as_ref()), work, basis, policy);
    let (verdict, why) = match judgement {
        Judgement::Is(identity, why) => (Verdict::Accepted(identity), why),
        Judgement::IsNot(why) => (Verdict::Rejected(Reason::WrongWork), why),
        Judgement::CannotTell(why) => (Verdict::Rejected(Reason::Unproven), why),
    };
    (verdict, why, Some(evidence))
}

/// Whether a short document says itself that it is not the article: a placeholder, an abstract, a preview.
pub fn stand_in(document: &Document<'_>, known_pages: Option<u32>) -> Option<(Reason, String)> {
    /// In characters. A placeholder is a sentence or two; a paper that contains such a sentence is longer.
    const PLACEHOLDER_LENGTH: usize = 800;
    let pages = document.report.pages;
    let says = |patterns: &[&'static str]| {
        let says = |pattern: &&'static str| {
            let pattern: Vec<char> = pattern.chars().collect();
            document
                .pages
                .iter()
                .any(|page| page.normalized.as_slice().windows(pattern.len()).any(|window| window == pattern))
        };
        patterns.iter().copied().find(says)
    };
    // A file with all pages of a short work is not a preview of it, unless it offers the rest for sale.
    let more = known_pages.is_none_or(|known| pages < known);
    let says_so = |always: &[&'static str], of_more: &[&'static str]| {
        says(always).or_else(|| says(of_more).filter(|_| more))
    };
    if pages <= 2
        && document.char_count() < PLACEHOLDER_LENGTH
        && let Some(pattern) = says(patterns::PLACEHOLDER)
    {
        return Some((Reason::Placeholder, format!("it says \"{pattern}\"")));
    }
    if pages <= 2
        && let Some(pattern) = says_so(patterns::ABSTRACT_ONLY, patterns::ABSTRACT_OF_MORE)
    {
        return Some((Reason::AbstractOnly, format!("it says \"{pattern}\"")));
    }
    if pages <= 3
        && let Some(pattern) = says_so(patterns::PREVIEW, patterns::PREVIEW_OF_MORE)
    {
        return Some((Reason::Preview, format!("it says \"{pattern}\"")));
    }
    None
}

/// Whether the file is a preview by its number of pages. Manuscripts have more pages than the published version, and
/// scans with two pages to an image half as many; a third is a preview, and so is one typeset page of two.
fn too_few_pages(document: &Document<'_>, known: Option<u32>) -> Option<(Reason, String)> {
    let (pages, known) = (document.report.pages, known?);
    let first_of_two = pages == 1 && known == 2 && document.is_readable();
    let preview = first_of_two || (pages <= 2 && pages * 3 <= known) || (known >= 20 && pages * 5 <= known);
    preview.then(|| (Reason::Preview, format!("it has {pages} of {known} pages")))
}
