//! Articles in XML: their front matter says what they are, so that little has to be guessed.

use crate::document::{Document, capped};
use crate::evidence::{Against, Evidence, Pages};
use crate::identity::{IdentityPolicy, Judgement, judge};
use crate::patterns;
use crate::proof::Proof;
use crate::variants;
use crate::verdict::{Identity, Reason, Verdict};
use tierfall_ids::text::folded;
use tierfall_work::{Basis, JatsProblem, JatsReport, PdfReport, Work};

/// A body with fewer letters holds no article: it points to a PDF, or says that there is no text.
const SHORTEST: u32 = 200;
/// A page of a paper has two thousand letters and more; a work of several pages with fewer than this to a page is
/// not all there, whatever its figures.
const LETTERS_OF_A_PAGE: u32 = 120;
/// Ranges of pages are misprinted, and volumes of abstracts have one for all.
const MOST_PAGES: u32 = 20;
/// A body that is no longer than this may say that the text is elsewhere; an article that says so is longer.
const PLACEHOLDER: u32 = 1000;
/// The examiner says in a sentence what is wrong.
const DETAIL_BYTES: usize = 500;

/// Values of `article-type` of notices about a work, which bear its title and authors.
const NOTICES: [&str; 9] = [
    "correction",
    "erratum",
    "corrigendum",
    "retraction",
    "partial-retraction",
    "withdrawal",
    "removal",
    "expression-of-concern",
    "addendum",
];

/// Judges what the examiner reported of an article in XML, as [`prove`](crate::prove) does for a PDF: it is whole, it
/// has a text and not only a front matter, and its front matter is the work's.
pub fn prove_jats(
    examined: Result<&JatsReport, &JatsProblem>,
    work: &Work,
    basis: Basis,
    policy: IdentityPolicy,
) -> Proof {
    let (verdict, detail, evidence) = match examined {
        Err(problem) => of_problem(problem),
        Ok(_) if policy == IdentityPolicy::Off => {
            (Verdict::Accepted(Identity::Unchecked), String::new(), None)
        }
        Ok(report) => of_report(report, work, basis, policy),
    };
    Proof { verdict, detail, pages: 0, evidence }
}

fn of_problem(problem: &JatsProblem) -> (Verdict, String, Option<Evidence>) {
    let (reason, detail) = match problem {
        JatsProblem::NotJats(detail) => (Reason::NotJats, detail),
        JatsProblem::Truncated(detail) => (Reason::Truncated, detail),
        JatsProblem::Damaged(detail) => (Reason::Damaged, detail),
        JatsProblem::Unexamined(detail) => (Reason::Unexamined, detail),
    };
    (Verdict::Rejected(reason), capped(detail, DETAIL_BYTES).to_owned(), None)
}

fn of_report(
    report: &JatsReport,
    work: &Work,
    basis: Basis,
    policy: IdentityPolicy,
) -> (Verdict, String, Option<Evidence>) {
    if let Some((reason, detail)) = notice(report, work).or_else(|| without_text(report, work)) {
        return (Verdict::Rejected(reason), detail, None);
    }
    let described = described(report);
    let document = Document::of(&described);
    let known_title = work.known.title.as_ref().map(|said| said.value.as_str());
    let (title, found) = known_title.and_then(|known| variants::best(known, &document)).unzip();
    let (judgement, mut evidence) = judge(&document, title.as_ref().zip(found.as_ref()), work, basis, policy);
    // XML has no pages, and is the shorter for it by nothing.
    evidence.pages = Pages::default();
    evidence.against.retain(|against| !matches!(against, Against::FewerPages | Against::MorePages));
    let (verdict, why) = match judgement {
        Judgement::Is(identity, why) => (Verdict::Accepted(identity), why),
        Judgement::IsNot(why) => (Verdict::Rejected(Reason::WrongWork), why),
        Judgement::CannotTell(why) => (Verdict::Rejected(Reason::Unproven), why),
    };
    (verdict, why, Some(evidence))
}

/// The article as a page that bears its title, its authors and the beginning of its text, with its identifiers as
/// metadata: so it is compared as every other document is.
fn described(report: &JatsReport) -> PdfReport {
    let titles = || report.title.iter().chain(&report.other_titles);
    let mut page = String::new();
    for line in titles().chain(&report.authors).chain([&report.summary, &report.body]) {
        page.push_str(line);
        page.push('\n');
    }
    let mut metadata = String::new();
    for (kind, value) in &report.ids {
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        match kind.as_str() {
            "doi" => metadata.push_str(&format!("doi: {value}\n")),
            "arxiv" => metadata.push_str(&format!("arxiv:{}\n", value.trim_start_matches("arXiv:"))),
            "pmc" if digits => metadata.push_str(&format!("pmcid: PMC{value}\n")),
            "pmc" | "pmcid" => metadata.push_str(&format!("pmcid: {value}\n")),
            _ => {}
        }
    }
    for author in &report.authors {
        metadata.push_str(&format!("author: {author}\n"));
    }
    PdfReport {
        title: report.title.clone(),
        metadata,
        text: vec![page],
        headings: vec![titles().cloned().collect()],
        ..PdfReport::default()
    }
}

/// Whether it is a notice about the work, and the work is none itself.
fn notice(report: &JatsReport, work: &Work) -> Option<(Reason, String)> {
    let is_one = |title: &str| {
        let title: String = folded(capped(title, DETAIL_BYTES)).into_iter().collect();
        patterns::NOTICE_TITLE.iter().any(|pattern| title.starts_with(pattern))
    };
    if work.known.title.as_ref().is_some_and(|said| is_one(&said.value)) {
        return None;
    }
    let kind = report.kind.as_deref().map(str::to_ascii_lowercase).unwrap_or_default();
    if NOTICES.contains(&kind.as_str()) {
        return Some((Reason::Notice, format!("its article-type is \"{kind}\"")));
    }
    let title = report.title.as_deref().filter(|title| is_one(title))?;
    // The article itself, taken back since it was registered.
    let marked = variants::before_retraction(title).is_some();
    (!marked).then(|| (Reason::Notice, format!("it is headed \"{}\"", capped(title, 120))))
}

/// Whether there is a front matter and no article behind it.
fn without_text(report: &JatsReport, work: &Work) -> Option<(Reason, String)> {
    let letters = report.letters;
    if letters < SHORTEST {
        let detail = match letters {
            0 => "it has no body with text".to_owned(),
            _ => format!("its body has {letters} letters"),
        };
        return Some((Reason::AbstractOnly, detail));
    }
    if letters < PLACEHOLDER {
        let text: String = folded(&report.body).into_iter().collect();
        let says =
            |patterns: &[&'static str]| patterns.iter().copied().find(|pattern| text.contains(pattern));
        if let Some(pattern) = says(patterns::PLACEHOLDER) {
            return Some((Reason::Placeholder, format!("its body says \"{pattern}\"")));
        }
        if let Some(pattern) = says(patterns::ABSTRACT_ONLY) {
            return Some((Reason::AbstractOnly, format!("its body says \"{pattern}\"")));
        }
    }
    let signs = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    let summary = signs(&report.summary);
    if summary > 0
        && usize::try_from(letters).is_ok_and(|letters| letters <= summary + summary / 10)
        && folded(&report.body).starts_with(&folded(&report.summary))
    {
        return Some((Reason::AbstractOnly, "its body is its abstract".into()));
    }
    let pages = work.known.pages.as_ref().map(|said| said.value).filter(|pages| *pages >= 4)?;
    (letters < pages.min(MOST_PAGES) * LETTERS_OF_A_PAGE)
        .then(|| (Reason::Preview, format!("its body has {letters} letters, and the work {pages} pages")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_work::Facts;

    const TITLE: &str = "The mechanism of lighthouse drift in the northern sea";
    const DOI: &str = "10.5555/drift.1";

    fn work(title: &str) -> Work {
        let mut work = Work::new(DOI.parse().expect("a DOI"));
        let facts = Facts {
            title: Some(title.into()).filter(|title: &String| !title.is_empty()),
            authors: vec!["Invented, Ada".into(), "Grace B. Fabricated".into()],
            pages: Some(8),
            ..Facts::default()
        };
        work.learn(&facts, "crossref");
        work
    }

    fn article() -> JatsReport {
        JatsReport {
            kind: Some("research-article".into()),
            title: Some(TITLE.into()),
            authors: vec!["Invented".into(), "Fabricated".into()],
            ids: vec![("pmc".into(), "34".into()), ("doi".into(), DOI.into())],
            summary: "It drifts.".into(),
            body: "The results of the measurement are in agreement with the model. ".repeat(40),
            letters: 20_000,
            ..JatsReport::default()
        }
    }

    fn judged(report: &JatsReport, work: &Work) -> Verdict {
        prove_jats(Ok(report), work, Basis::Registry, IdentityPolicy::Normal).verdict
    }

    const PROVEN: Verdict = Verdict::Accepted(Identity::Proven);

    fn rejected(reason: Reason) -> Verdict {
        Verdict::Rejected(reason)
    }

    #[test]
    fn an_article_is_known_by_its_title_or_its_identifier() {
        let by_both = prove_jats(Ok(&article()), &work(TITLE), Basis::Registry, IdentityPolicy::Strict);
        assert_eq!(by_both.verdict, PROVEN, "{by_both:?}");
        let without_ids = JatsReport { ids: Vec::new(), ..article() };
        assert_eq!(judged(&without_ids, &work(TITLE)), PROVEN);
        let untitled = JatsReport { title: None, ..article() };
        assert_eq!(judged(&untitled, &work("")), PROVEN);
        let translated = JatsReport {
            title: Some("Der Mechanismus".into()),
            other_titles: vec![TITLE.into()],
            ..article()
        };
        assert_eq!(judged(&translated, &work(TITLE)), PROVEN);
        let preprint = JatsReport { ids: vec![("doi".into(), "10.5555/preprint.7".into())], ..article() };
        assert_eq!(judged(&preprint, &work(TITLE)), PROVEN, "another version of it");
    }

    #[test]
    fn another_article_is_not_the_work_even_where_it_cites_it() {
        let another = JatsReport {
            title: Some("On the colour of imaginary buoys and what it is good for".into()),
            authors: vec!["Other".into()],
            ids: vec![("doi".into(), "10.5555/buoys".into())],
            body: format!("As was shown (doi:{DOI}), {TITLE} is not known. {}", article().body),
            ..article()
        };
        assert_eq!(judged(&another, &work(TITLE)), rejected(Reason::WrongWork));
        let unnamed = JatsReport { ids: Vec::new(), ..another };
        assert_eq!(judged(&unnamed, &work(TITLE)), rejected(Reason::WrongWork));
    }

    #[test]
    fn a_front_matter_without_an_article_is_none() {
        let cases = [
            (JatsReport { body: String::new(), letters: 0, ..article() }, Reason::AbstractOnly),
            (JatsReport { body: "See the PDF.".into(), letters: 9, ..article() }, Reason::AbstractOnly),
            (JatsReport { letters: 500, ..article() }, Reason::Preview),
            (
                JatsReport {
                    body: "The full text of this article is not available in this form.".repeat(5),
                    letters: 300,
                    ..article()
                },
                Reason::Placeholder,
            ),
            (JatsReport { summary: article().body, letters: 2120, ..article() }, Reason::AbstractOnly),
        ];
        for (report, reason) in cases {
            assert_eq!(judged(&report, &work(TITLE)), rejected(reason), "{report:?}");
        }
    }

    #[test]
    fn a_notice_about_the_work_is_not_the_work_unless_that_was_asked_for() {
        let correction = JatsReport { kind: Some("Correction".into()), ..article() };
        assert_eq!(judged(&correction, &work(TITLE)), rejected(Reason::Notice));
        let title = format!("Correction: {TITLE}");
        let headed = JatsReport { title: Some(title.clone()), ..article() };
        assert_eq!(judged(&headed, &work(TITLE)), rejected(Reason::Notice));
        assert_eq!(judged(&headed, &work(&title)), PROVEN);
        assert_eq!(judged(&correction, &work(&title)), PROVEN);
        let taken_back = JatsReport { title: Some(format!("RETRACTED: {TITLE}")), ..article() };
        assert_eq!(judged(&taken_back, &work(TITLE)), PROVEN);
    }

    #[test]
    fn what_cannot_be_read_is_rejected_under_every_policy() {
        for (problem, reason) in [
            (JatsProblem::NotJats("it is a page".into()), Reason::NotJats),
            (JatsProblem::Truncated(String::new()), Reason::Truncated),
            (JatsProblem::Damaged(String::new()), Reason::Damaged),
        ] {
            for policy in [IdentityPolicy::Strict, IdentityPolicy::Normal, IdentityPolicy::Off] {
                let proof = prove_jats(Err(&problem), &work(TITLE), Basis::Registry, policy);
                assert_eq!(proof.verdict, rejected(reason));
            }
        }
    }
}
