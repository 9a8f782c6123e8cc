//! Whether a document is the work, by its text alone; most cases were misjudged once.

use tierfall_work::{Basis, Facts, PdfReport, Work};

use super::*;

/// A first page as the examiner reports it: the first line of `headings` is set largest.
fn report(headings: &[&str], text: &str) -> PdfReport {
    PdfReport {
        pages: 8,
        text: vec![format!("{text}\n{}", running_text()), running_text()],
        headings: vec![headings.iter().map(|heading| (*heading).to_owned()).collect(), Vec::new()],
        ..PdfReport::default()
    }
}

/// Enough of a page that it counts as one, about nothing.
fn running_text() -> String {
    "The results of the measurement are in agreement with the model and with those of the others.\n"
        .repeat(40)
}

const TITLE: &str = "The mechanism of lighthouse drift in the northern sea";

struct Known {
    title: &'static str,
    authors: &'static [&'static str],
    id: &'static str,
}

const WORK: Known =
    Known { title: TITLE, authors: &["Invented, Ada", "Grace B. Fabricated"], id: "10.5555/drift.1" };

fn judge(known: &Known, report: &PdfReport, basis: Basis) -> Verdict {
    let mut work = Work::new(known.id.parse().expect("an identifier"));
    let facts = Facts {
        title: Some(known.title.into()).filter(|title: &String| !title.is_empty()),
        authors: known.authors.iter().map(|&author| author.into()).collect(),
        pages: Some(8),
        ..Facts::default()
    };
    work.learn(&facts, "crossref");
    prove(Ok(report), &work, basis, IdentityPolicy::Normal).verdict
}

const DOI: &str = "10.5555/tides.4";

/// The paper of the tests of lengths.
struct Paper {
    title: &'static str,
    authors: [&'static str; 3],
    pages: u32,
}

fn paper() -> Paper {
    Paper {
        title: "Reflection of Imaginary Tides at a Fictional Boundary",
        authors: ["Ada Invented", "Grace Fabricated", "Émile Controuvé"],
        pages: 8,
    }
}

/// A work of which is known what registries know of `paper`.
fn work_of(paper: &Paper, key: &str) -> Work {
    let mut work = Work::new(key.parse().expect("an identifier"));
    let facts = Facts {
        title: Some(paper.title.into()),
        authors: paper.authors.map(Into::into).into(),
        pages: Some(paper.pages),
        ..Facts::default()
    };
    work.learn(&facts, "crossref");
    work
}

const PROVEN: Verdict = Verdict::Accepted(Identity::Proven);
const UNPROVEN: Verdict = Verdict::Accepted(Identity::Unproven);
const WRONG: Verdict = Verdict::Rejected(Reason::WrongWork);

#[test]
fn a_paper_is_known_by_its_title_however_its_page_is_made() {
    let journal = "Journal of Drift 3 (2001) 1-8\n";
    let authors = "Ada Invented1, Grace B. Fabricated2";
    for (name, report) in [
        ("plain", report(&[TITLE], &format!("{journal}{TITLE}\n{authors}"))),
        ("small type", report(&[], &format!("{journal}{TITLE}\n{authors}"))),
        ("capitals", report(&[], &format!("{journal}{}\n{authors}", TITLE.to_uppercase()))),
        ("a footnote's mark", report(&[], &format!("{journal}{TITLE}1,*\n{authors}"))),
        (
            "broken lines",
            report(&[], "The mechanism of light-\nhouse drift\nin the northern sea\nby A. Invented"),
        ),
        (
            "scanned badly",
            report(
                &[],
                &format!("{journal}The rnechanism of lighthouse drift in the northem sea\n{authors}"),
            ),
        ),
        ("a label before it", report(&["ARTICLE", TITLE], &format!("ARTICLE\n{TITLE}\n{authors}"))),
        (
            "a subtitle that the registry lacks",
            report(
                &[&format!("{TITLE}:\nEvidence from imaginary charts")],
                &format!("{TITLE}:\nEvidence from imaginary charts\n{authors}"),
            ),
        ),
        (
            "drawn after the text",
            report(&[TITLE], &format!("Abstract\n{}{TITLE}\n{authors}", running_text())),
        ),
        (
            "a note that the article was corrected",
            report(
                &["Corrected: Author Correction", TITLE],
                &format!("Corrected: Author Correction\n{TITLE}\n{authors}"),
            ),
        ),
        (
            "a pointer to its supplement",
            report(
                &[TITLE],
                &format!(
                    "Electronic supplementary material is available at http://x.example\n{TITLE}\n{authors}"
                ),
            ),
        ),
        (
            "a section on corrections",
            report(
                &[TITLE, "Correction for multiple drift"],
                &format!("{TITLE}\n{authors}\nCorrection for multiple drift"),
            ),
        ),
        (
            "a section on its supplement",
            report(
                &[TITLE, "Supplementary materials and methods"],
                &format!("{TITLE}\n{authors}\nSupplementary materials and methods"),
            ),
        ),
        (
            "a review of a book, under its section's name",
            report(&[TITLE], &format!("Book Reviews\n{TITLE}\n{authors}")),
        ),
        (
            "a button before the abstract",
            report(
                &[TITLE],
                &format!("{TITLE}\n{authors}\n*S Supporting Information\nABSTRACT: The drift of"),
            ),
        ),
        (
            "a short paper behind the end of another",
            report(&[], &format!("and so we conclude.\nReferences to drift\n{TITLE}\n{authors}")),
        ),
    ] {
        assert_eq!(judge(&WORK, &report, Basis::Link), PROVEN, "{name}");
    }
}

#[test]
fn a_paper_behind_a_cover_is_found_there() {
    let mut behind = report(&[], "");
    behind.text = vec![
        "This is a repository copy.\nDownloaded from the archive.".into(),
        format!("{TITLE}\nAda Invented\n{}", running_text()),
    ];
    assert_eq!(judge(&WORK, &behind, Basis::Link), PROVEN);
    let mut cited = report(&["Other matters entirely"], "Other matters entirely\nX. Stranger");
    cited.text[1] = format!("{TITLE}\n{}", running_text());
    assert_eq!(judge(&WORK, &cited, Basis::Registry), WRONG, "a line on the second page of another paper");
}

#[test]
fn what_names_the_work_is_not_the_work() {
    let doi = "https://doi.org/10.5555/drift.1";
    for (name, report) in [
        (
            "cited on the first page",
            report(
                &["Other matters entirely"],
                &format!("Other matters entirely\nX. Stranger\nas shown by Invented ({TITLE}, {doi})"),
            ),
        ),
        (
            "cited at its head, with another identifier first",
            report(
                &[],
                &format!(
                    "doi:10.5555/other.2\nOther matters entirely\nThis refers to {doi} by Invented and Fabricated"
                ),
            ),
        ),
        (
            "in its references",
            report(&[], &format!("Other matters entirely\n{}References\n{TITLE}\n{doi}", running_text())),
        ),
        (
            "a comment on it",
            report(&[&format!("Comment on\n{TITLE}")], &format!("Comment on\n{TITLE}\nX. Stranger")),
        ),
        ("a reply about it", report(&[], &format!("Reply to \"{TITLE}\"\nX. Stranger"))),
        ("another part", report(&[&format!("{TITLE} II")], &format!("{TITLE} II\nX. Stranger"))),
        (
            "a sibling that differs in a word",
            report(
                &[],
                "The mechanism of lighthouse drift in the southern sea\nAda Invented, Grace Fabricated",
            ),
        ),
        (
            "by the same authors",
            report(&["Other matters entirely"], "Other matters entirely\nAda Invented, Grace B. Fabricated"),
        ),
        (
            "called the same, by others, under another identifier",
            report(&[TITLE], &format!("doi:10.5555/other.2\n{TITLE}\nX. Stranger, Y. Nobody")),
        ),
    ] {
        for basis in [Basis::Link, Basis::Registry] {
            assert_eq!(judge(&WORK, &report, basis), WRONG, "{name}");
        }
    }
}

#[test]
fn companions_of_the_work_have_their_own_codes() {
    let authors = "Ada Invented, Grace B. Fabricated\ndoi:10.5555/drift.1";
    for (expected, heading) in [
        (Reason::Supplement, format!("Supporting Information for:\n{TITLE}")),
        (Reason::Supplement, format!("Supplementary Material\n{TITLE}")),
        (Reason::Supplement, format!("{TITLE}\nSupplementary Information")),
        (Reason::Supplement, format!("Electronic Supplementary Material (ESI) for Drift\n{TITLE}")),
        (Reason::Notice, format!("Erratum: {TITLE}")),
        (Reason::Notice, format!("Correction to:\n{TITLE}")),
        (Reason::Notice, format!("Retraction Note to: {TITLE}")),
    ] {
        let mut report = report(&[&heading], &format!("Journal of Drift\n{heading}\n{authors}"));
        report.pages = 4;
        assert_eq!(judge(&WORK, &report, Basis::Registry), Verdict::Rejected(expected), "{heading}");
    }
    let correction = Known { title: "Correction to: The mechanism of lighthouse drift", ..WORK };
    let heading = "Correction to: The mechanism of lighthouse drift";
    let own = report(&[heading], &format!("{heading}\n{authors}"));
    assert_eq!(judge(&correction, &own, Basis::Registry), PROVEN, "the work may be a correction itself");
}

#[test]
fn a_title_that_many_works_have_needs_more_than_itself() {
    let editorial = Known { title: "Editorial", ..WORK };
    for (text, basis, verdict) in [
        ("Editorial\nAda Invented", Basis::Link, PROVEN),
        ("Editorial\ndoi:10.5555/drift.1", Basis::Link, PROVEN),
        ("Editorial\ndoi:10.5555/other.2\nAda Invented", Basis::Registry, WRONG),
        ("Editorial\nX. Stranger", Basis::Registry, WRONG),
        ("Contents\nX. Stranger", Basis::Registry, WRONG),
    ] {
        assert_eq!(judge(&editorial, &report(&[], text), basis), verdict, "{text}");
    }
    let anonymous = Known { title: "Editorial", authors: &[], ..WORK };
    assert_eq!(judge(&anonymous, &report(&[], "Editorial"), Basis::Registry), UNPROVEN);
    assert_eq!(
        judge(&anonymous, &report(&[], "Editorial"), Basis::Link),
        Verdict::Rejected(Reason::Unproven)
    );
}

#[test]
fn an_identifier_of_its_own_supports_what_a_title_cannot() {
    let translated =
        "doi:10.5555/drift.1\nDer Mechanismus der Leuchtturmdrift\nAda Invented, Grace B. Fabricated";
    assert_eq!(judge(&WORK, &report(&[], translated), Basis::Registry), PROVEN);
    let arxiv = Known { id: "arXiv:2101.00001", title: "", authors: &[] };
    let stamped = "arXiv:2101.00001v2 [physics.drift] 4 Jan 2021\nSomething\nA. Body";
    assert_eq!(judge(&arxiv, &report(&[], stamped), Basis::Link), PROVEN);
    let other = "arXiv:2101.99999v1 [physics.drift] 4 Jan 2021\nSomething\nA. Body";
    assert_eq!(judge(&arxiv, &report(&[], other), Basis::Registry), WRONG);
    let mut in_metadata = report(&[], "");
    in_metadata.text = vec![String::new()];
    in_metadata.metadata = "Subject: Drift, doi:10.5555/drift.1\n".into();
    assert_eq!(judge(&Known { title: "", ..WORK }, &in_metadata, Basis::Link), PROVEN);
}

#[test]
fn text_that_cannot_be_read_speaks_of_nothing() {
    let garbled = "7KH PHFKDQLVP RI OLJKWKRXVH GULIW LQ WKH QRUWKHUQ VHD EB $GD ,QYHQWHG ZKR PHDVXUHG LW DJDLQ DQG DJDLQ\n";
    let mut report = report(&[], "");
    report.text = vec![garbled.repeat(30)];
    assert_eq!(judge(&WORK, &report, Basis::Registry), UNPROVEN);
    assert_eq!(judge(&WORK, &report, Basis::Link), Verdict::Rejected(Reason::Unproven));
    report.metadata = "doi: 10.5555/other.2\n".into();
    assert_eq!(judge(&WORK, &report, Basis::Registry), WRONG, "it says itself that it is another");
}

#[test]
fn the_parts_of_a_series_are_not_each_other() {
    let authors = "Ada Invented, Grace B. Fabricated";
    for (ours, theirs) in [
        ("Studies on imaginary lighthouses: I. Foundations", "Studies on imaginary lighthouses\nII. Lenses"),
        ("Studies on imaginary lighthouses: 1. Foundations", "Studies on imaginary lighthouses\n2. Lenses"),
        (
            "Studies on imaginary lighthouses. Part 1: Walls",
            "Studies on imaginary lighthouses\nPart 2: Lenses",
        ),
        (
            "Studies on imaginary lighthouses. Teil A: Walls",
            "Studies on imaginary lighthouses\nTeil B: Lenses",
        ),
        ("Studies on imaginary lighthouses – III – Walls", "Studies on imaginary lighthouses\nIV – Lenses"),
    ] {
        let known = Known { title: ours, ..WORK };
        let other = report(&[theirs], &format!("{theirs}\n{authors}"));
        assert_eq!(judge(&known, &other, Basis::Registry), WRONG, "{theirs} for {ours}");
        let own = ours.replacen([':', '.', '–'], "\n", 1);
        let own = report(&[&own], &format!("{own}\n{authors}"));
        assert_eq!(judge(&known, &own, Basis::Link), PROVEN, "{ours}");
    }
    let subtitle = Known { title: "Studies on imaginary lighthouses: a review of walls", ..WORK };
    let short = report(&[], &format!("Studies on imaginary lighthouses\n{authors}"));
    assert_eq!(judge(&subtitle, &short, Basis::Registry), PROVEN, "a subtitle may be left out");
}

#[test]
fn a_title_in_another_script_is_not_missed_in_a_text_that_cannot_have_it() {
    let known = Known {
        title: "Механизм дрейфа маяков в северном море",
        authors: &["Выдуманная, Ада", "Invented, Ada"],
        ..WORK
    };
    let translated = "The mechanism of lighthouse drift\nA. Invented";
    let printed = report(&[], &format!("doi:10.5555/drift.1\n{translated}"));
    assert_eq!(judge(&known, &printed, Basis::Registry), PROVEN);
    assert_eq!(judge(&known, &report(&[], translated), Basis::Registry), UNPROVEN);
    let bare = Verdict::Rejected(Reason::Unproven);
    assert_eq!(judge(&known, &report(&[], translated), Basis::Link), bare);
    let stranger = "The mechanism of lighthouse drift\nX. Stranger";
    assert_eq!(judge(&known, &report(&[], stranger), Basis::Registry), WRONG);
    let other = format!("doi:10.5555/other.2\n{translated}");
    assert_eq!(judge(&known, &report(&[], &other), Basis::Registry), WRONG);
    let original = report(&[known.title], &format!("{}\nА. Выдуманная", known.title));
    assert_eq!(judge(&known, &original, Basis::Link), PROVEN);
    let another = report(&[], "Совсем другая работа о приливах\nА. Посторонняя");
    assert_eq!(judge(&known, &another, Basis::Registry), WRONG, "it has the script, and says something else");
}

#[test]
fn a_few_signs_of_chinese_are_a_title() {
    let known = Known { title: "北方海域燈塔漂移的機制", authors: &["虛構"], ..WORK };
    let text = |title: &str| format!("{title}\n虛構者\n{}", "測量結果與模型一致。\n".repeat(200));
    assert_eq!(judge(&known, &report(&[], &text(known.title)), Basis::Link), PROVEN);
    assert_eq!(judge(&known, &report(&[], &text("南方海域燈塔漂移的機制")), Basis::Registry), WRONG);
}

#[test]
fn a_scan_of_another_length_is_not_taken_on_trust() {
    for (pages, known, taken) in [
        (8, 8, true),
        (9, 8, true),
        (20, 8, true),
        (4, 8, true),
        (5, 9, true),
        (3, 8, false),
        (1, 2, false),
        (7, 8, false),
        (300, 8, false),
    ] {
        let mut work = work_of(&paper(), DOI);
        work.known.pages = None;
        work.learn(&Facts { title: None, pages: Some(known), ..Facts::default() }, "crossref");
        let scan = PdfReport {
            pages,
            images: true,
            text: vec![String::new()],
            headings: vec![],
            ..Default::default()
        };
        let verdict = prove(Ok(&scan), &work, Basis::Registry, IdentityPolicy::Normal).verdict;
        assert_eq!(verdict == UNPROVEN, taken, "{pages} of {known}: {verdict:?}");
    }
}

#[test]
fn a_scan_that_is_believed_says_why_and_its_date_counts_for_nothing() {
    let mut work = work_of(&paper(), DOI);
    work.learn(&Facts { year: Some(2015), ..Facts::default() }, "crossref");
    // Dates of documents are those of clocks, templates and tools: real scans of the right work bear any.
    for made in ["1999", "2013", "2016", "1970"] {
        let scan = PdfReport {
            pages: 8,
            images: true,
            text: vec![String::new()],
            metadata: format!("CreationDate: D:{made}0304\n"),
            ..Default::default()
        };
        let proof = prove(Ok(&scan), &work, Basis::Registry, IdentityPolicy::Normal);
        assert_eq!(proof.verdict, UNPROVEN, "{made}");
        assert_eq!(
            proof.detail,
            "it has no text that can be read; it is believed because a registry led to it, and its length is possible"
        );
    }
}

#[test]
fn what_offers_the_rest_is_not_the_whole_even_of_one_page() {
    for (expected, says) in [
        (Reason::Preview, "Preview of the first page. Buy this article to continue reading."),
        (Reason::Preview, "End of preview. Purchase the full article at the publisher's site."),
        (Reason::AbstractOnly, "The full text of this article is not available."),
        (Reason::AbstractOnly, "Only the abstract can be shown."),
    ] {
        for known in [None, Some(1), Some(2)] {
            let mut work = work_of(&paper(), DOI);
            work.known.pages = None;
            work.learn(&Facts { title: None, pages: known, ..Facts::default() }, "crossref");
            let title = paper().title;
            let text = format!("{title}\nAda Invented\n{}{says}", running_text());
            let report =
                PdfReport { pages: 1, text: vec![text], headings: vec![vec![]], ..Default::default() };
            let verdict = prove(Ok(&report), &work, Basis::Registry, IdentityPolicy::Normal).verdict;
            assert_eq!(verdict, Verdict::Rejected(expected), "{says} of {known:?}");
        }
    }
}

#[test]
fn far_fewer_pages_than_the_work_has_are_a_preview() {
    for (pages, known, preview) in [
        (1, 4, true),
        (1, 3, true),
        (1, 2, true),
        (2, 6, true),
        (2, 5, false),
        (4, 8, false),
        (30, 200, true),
        (1, 1, false),
    ] {
        let mut work = work_of(&paper(), "10.5555/drift.1");
        work.known.pages = None;
        work.learn(&Facts { title: None, pages: Some(known), ..Facts::default() }, "crossref");
        let mut report = report(&[paper().title], &format!("{}\nAda Invented", paper().title));
        report.pages = pages;
        let verdict = prove(Ok(&report), &work, Basis::Registry, IdentityPolicy::Normal).verdict;
        assert_eq!(verdict == Verdict::Rejected(Reason::Preview), preview, "{pages} of {known}: {verdict:?}");
    }
}

#[test]
fn an_appendix_under_the_works_title_is_its_supplement_in_whatever_type() {
    const SUPPLEMENT: Verdict = Verdict::Rejected(Reason::Supplement);
    let proof = "Lemma 4 restated. The drift is bounded.";
    for (after, pages, expected) in [
        ("Appendix", 3, SUPPLEMENT),
        ("Appendix", 12, SUPPLEMENT),
        ("Supplementary Material", 3, SUPPLEMENT),
        ("Supplementary to the paper of the same title", 5, SUPPLEMENT),
        ("Additional material", 10, SUPPLEMENT),
        ("6. Supplementary Material\nWe now give the details.", 6, SUPPLEMENT),
        ("Conference on Drift 2013 - SUPPLEMENTARY MATERIAL\nAda Invented", 11, SUPPLEMENT),
        ("A. The Proof of Theorem 2", 3, SUPPLEMENT),
        ("A. Proof of Lemma 1", 16, SUPPLEMENT),
        ("A.1 Derivation of the bound", 4, SUPPLEMENT),
        ("Ada Invented\nUniversity of Nowhere\nAppendices\nA. Charts", 4, SUPPLEMENT),
        ("Ada Invented\nAbstract\nIn this supplementary material, we present details.", 9, SUPPLEMENT),
        ("A PROOF OF PROPOSITION 4", 3, SUPPLEMENT),
        ("7. Proof of Theorem 3.2", 11, SUPPLEMENT),
        ("A\nOther Models\nIt is instructive to compare our model.", 3, SUPPLEMENT),
        ("h1\nh2\nFigure 6. Reduction of a tower.\nA. Charts", 3, SUPPLEMENT),
        ("A\nOther Models\nIt is instructive to compare our model.", 4, PROVEN),
        ("Ada Invented\nGrace Fabricated\nDear colleagues, it drifts.", 3, PROVEN),
        ("A. Invented and B. Fabricated", 8, PROVEN),
        ("A. Invented, University of Nowhere", 8, PROVEN),
        ("A. van der Invented", 4, PROVEN),
        ("Ada Invented\nSupplementary material is available online", 8, PROVEN),
        ("Ada Invented\nAbstract\nWe drift.\n1. Introduction\nAppendix A has the charts", 8, PROVEN),
        ("Ada Invented\n*S Supporting Information\nABSTRACT: The drift of", 8, PROVEN),
    ] {
        let mut report = report(&[TITLE], &format!("{TITLE}\n{after}\n{proof}"));
        report.pages = pages;
        assert_eq!(judge(&WORK, &report, Basis::Registry), expected, "{after}");
    }
    let known = Known { title: "Appendix to the mechanism of lighthouse drift", ..WORK };
    let itself = report(&[known.title], &format!("{}\nAppendix\n{proof}", known.title));
    assert_eq!(judge(&known, &itself, Basis::Registry), PROVEN, "the work is an appendix itself");
}

#[test]
fn a_text_about_the_work_is_not_the_work_though_it_bears_its_title() {
    for behind in
        ["A reply to Fabricated", "Comment on a paper by A. Invented", "Erratum", "Reply", "Book Review"]
    {
        let in_heading =
            report(&[&format!("{TITLE}:\n{behind}")], &format!("{TITLE}:\n{behind}\nX. Stranger"));
        assert_eq!(judge(&WORK, &in_heading, Basis::Registry), WRONG, "{behind}");
        let below = report(&[TITLE], &format!("{TITLE}\n{behind}\nX. Stranger"));
        assert_eq!(judge(&WORK, &below, Basis::Registry), WRONG, "{behind}, in smaller type");
    }
    let itself = Known { title: "Lighthouse drift in the northern sea: a reply to Fabricated", ..WORK };
    let reply = report(&[itself.title], &format!("{}\nAda Invented", itself.title));
    assert_eq!(judge(&itself, &reply, Basis::Registry), PROVEN, "the work is a reply itself");
}

#[test]
fn a_title_or_an_identifier_in_the_metadata_alone_proves_nothing() {
    let other = "Other matters entirely and at some length";
    let mut left_over = report(&[other], &format!("{other}\nX. Stranger\nAbstract"));
    left_over.title = Some(TITLE.into());
    left_over.metadata = format!("Title: {TITLE}\nSubject: doi:10.5555/drift.1\n");
    assert_ne!(judge(&WORK, &left_over, Basis::Registry), PROVEN);
    left_over.metadata = format!("Title: {TITLE}\n");
    assert_eq!(judge(&WORK, &left_over, Basis::Registry), WRONG, "none of its authors is there");
}

#[test]
fn fonts_that_cannot_be_read_behind_the_front_do_not_make_it_unreadable() {
    let mut report = report(&["Other matters"], "Other matters\nX. Stranger");
    (report.drawn, report.read) = (20_000, 3_000);
    assert_eq!(judge(&WORK, &report, Basis::Registry), WRONG);
}

#[test]
fn what_examiner_and_registry_say_in_other_words_is_the_same_title() {
    for (known, printed) in [
        (
            "Retracted: Reflection of imaginary tides at a boundary",
            "Reflection of imaginary tides at a boundary",
        ),
        (
            "Retracted: Reflection of imaginary tides at a boundary",
            "Retracted: Reflection of imaginary tides at a boundary",
        ),
        ("Drift of β-lactam rafts by Aδ currents", "Drift of b-lactam rafts by Ad currents"),
    ] {
        let known = Known { title: known, ..WORK };
        let report = report(&[printed], &format!("{printed}\nAda Invented"));
        assert_eq!(judge(&known, &report, Basis::Registry), PROVEN, "{printed}");
    }
}

#[test]
fn authors_may_be_written_as_pubmed_does() {
    let known = Known { authors: &["Invented AB", "Fabricated G", "Li X"], ..WORK };
    let right = report(&[TITLE], &format!("{TITLE}\nAda B. Invented, Grace Fabricated"));
    assert_eq!(judge(&known, &right, Basis::Link), PROVEN);
    let wrong = report(&[], &format!("doi:10.5555/other.2\n{TITLE}\nX. Stranger, AB Somebody"));
    assert_eq!(judge(&known, &wrong, Basis::Link), WRONG);
}

#[test]
fn a_damaged_file_is_refused_whatever_the_policy() {
    let mut report = report(&[TITLE], &format!("{TITLE}\nAda Invented"));
    report.damage = vec!["3 of its streams do not decode".into()];
    for policy in [IdentityPolicy::Strict, IdentityPolicy::Normal, IdentityPolicy::Off] {
        let proof = prove(Ok(&report), &work_of(&paper(), DOI), Basis::Registry, policy);
        assert_eq!(
            (proof.verdict, proof.detail.as_str()),
            (Verdict::Rejected(Reason::Damaged), "3 of its streams do not decode")
        );
    }
}

#[test]
fn a_supplement_is_told_by_the_word_before_its_title() {
    let authors = "Ada Invented\nGrace B. Fabricated";
    for (head, behind, expected) in [
        (format!("Supplement: {TITLE}"), "1 The charts that were used", Reason::Supplement),
        (format!("Supplement:\n{TITLE}"), "1 The charts that were used", Reason::Supplement),
        (format!("Appendix\n{TITLE}"), "1 The charts that were used", Reason::Supplement),
        (format!("Appendix for {TITLE} and Its Charts"), "We list charts.", Reason::Supplement),
        (format!("Appendix to: {TITLE}"), "We list charts.", Reason::Supplement),
    ] {
        let report = report(&[&head], &format!("{head}\n{authors}\n{behind}"));
        assert_eq!(judge(&WORK, &report, Basis::Registry), Verdict::Rejected(expected), "{head}");
    }
    // An article of a journal's supplement.
    let head = format!("SUPPLEMENT\n{TITLE}");
    let article = report(&[TITLE], &format!("{head}\n{authors}\nAbstract\nIt drifts."));
    assert_eq!(judge(&WORK, &article, Basis::Registry), PROVEN);
}

#[test]
fn a_running_head_behind_a_supplements_own_heading_does_not_hide_it() {
    let mut report = report(&[], "Supplementary material\nAda Invented\nA. The proofs of statements");
    report.text[0].truncate(900);
    report.text[1] = format!("{TITLE}\n{}", running_text());
    assert_eq!(judge(&WORK, &report, Basis::Registry), Verdict::Rejected(Reason::Supplement));
}

/// What repeats itself costs most where a search begins anew at every place.
const REPEATED: [&str; 13] = [
    "10.1000/",
    ")",
    "10.",
    "arxiv:",
    "a ",
    "a\n",
    "<a‹a",
    "the mechanism of lighthouse drift ",
    "\u{fdfa}",
    "references\n",
    "1 0 . 1 0 0 0 / ",
    "supporting information see\n",
    "\u{e001}",
];

#[test]
fn a_report_made_to_keep_the_host_busy_is_judged_at_once() {
    let long = |part: &str, bytes: usize| part.repeat(bytes / part.len() + 1);
    for part in REPEATED {
        for title in [part, "the mechanism of lighthouse drift "] {
            let mut work = Work::new(DOI.parse().expect("an identifier"));
            let authors = (0..2000).map(|n| format!("{n}{part}").repeat(100)).collect();
            let facts = Facts { title: Some(long(title, 100_000)), authors, ..Facts::default() };
            work.learn(&facts, "crossref");
            let text = long(part, 1_000_000);
            let report = PdfReport {
                pages: 2,
                title: Some(text.clone()),
                metadata: text.clone(),
                headings: vec![vec![text.clone(); 20]; 3],
                text: vec![text.clone(), text.clone(), text],
                ..PdfReport::default()
            };
            let began = std::time::Instant::now();
            prove(Ok(&report), &work, Basis::Registry, IdentityPolicy::Normal);
            // A second at most in an unoptimised build; what grows with the square takes minutes.
            assert!(began.elapsed().as_secs() < 20, "{title:?} in {part:?}: {:?}", began.elapsed());
        }
    }
}
