//! What a verdict stands on, and kinds of documents that were judged wrongly once.

use tierfall_proof::{
    Against, Agreement, Counted, Evidence, IdentifierOf, Identity, IdentityPolicy, Place, Proof, Reason,
    Unknown, Verdict, prove,
};
use tierfall_work::{Basis, Facts, PdfReport, Work};

const TITLE: &str = "Reflection of Imaginary Tides at a Fictional Boundary";
const DOI: &str = "10.5555/tides.4";
const PROVEN: Verdict = Verdict::Accepted(Identity::Proven);

fn work(title: &str, authors: &[&str], pages: Option<u32>) -> Work {
    let mut work = Work::new(DOI.parse().expect("an identifier"));
    let authors = authors.iter().map(|&name| name.to_owned()).collect();
    work.learn(&Facts { title: Some(title.into()), authors, pages, ..Facts::default() }, "crossref");
    work
}

/// A file of eight pages; the first heading is set largest.
fn file(headings: &[&str], text: &str) -> PdfReport {
    let running =
        "The results of the measurement are in agreement with the model and with those of the others.\n";
    PdfReport {
        pages: 8,
        text: vec![format!("{text}\n{}", running.repeat(40))],
        headings: vec![headings.iter().map(|&heading| heading.to_owned()).collect()],
        drawn: 4000,
        read: 3990,
        unchecked: 2,
        ..PdfReport::default()
    }
}

fn judged(report: &PdfReport, work: &Work) -> Proof {
    prove(Ok(report), work, Basis::Registry, IdentityPolicy::Normal)
}

#[test]
fn a_proof_says_what_it_found_where() {
    let text = format!("Journal of Drift 3 (2001)\n{TITLE}\nAda Invented, Grace Fabricated\ndoi:{DOI}");
    let proof =
        judged(&file(&[TITLE], &text), &work(TITLE, &["Invented, Ada", "Grace Fabricated", "No One"], None));
    assert_eq!(proof.verdict, PROVEN);
    let evidence = proof.evidence.expect("evidence");
    let title = evidence.title.as_ref().expect("a title");
    assert_eq!((title.agreement, title.place, title.page), (Agreement::Exact, Place::Heading, Some(1)));
    let identifier = evidence.identifier.as_ref().expect("an identifier");
    assert_eq!(
        (identifier.value.as_str(), identifier.of, identifier.page),
        (DOI, IdentifierOf::Work, Some(1))
    );
    assert_eq!(evidence.authors, Some(Counted { found: 2, known: 3 }));
    assert_eq!((evidence.pages.file, evidence.pages.expected), (8, None));
    assert_eq!(evidence.language.as_deref(), Some("eng"));
    assert_eq!(evidence.unknown, [Unknown::Pages]);
    assert_eq!(evidence.against, []);
    assert_eq!(
        evidence.sentences(),
        [
            "the work's title stands in large type on page 1",
            "the work's identifier (10.5555/tides.4) stands in the text of page 1",
            "it names 2 of 3 authors that were looked for",
            "it has 8 pages",
            "its language is English",
            "3990 of 4000 characters of its first pages can be read",
            "2 images or other streams have no checksum",
            "nobody could say of the work: pages",
        ]
    );
}

#[test]
fn a_proof_says_what_speaks_against_the_file() {
    let text = format!("{TITLE}\nSomebody Else\ndoi:10.5555/other.9");
    let proof = judged(&file(&[TITLE], &text), &work(TITLE, &["Ada Invented"], Some(12)));
    let evidence = proof.evidence.expect("evidence");
    assert_eq!(evidence.against, [Against::OtherIdentifier, Against::AuthorsMissing, Against::FewerPages]);
    assert_eq!(evidence.identifier.map(|identifier| identifier.value).as_deref(), Some("10.5555/other.9"));
}

#[test]
fn evidence_is_read_as_it_was_written_and_where_fields_are_missing() {
    let proof = judged(&file(&[TITLE], TITLE), &work(TITLE, &["Ada Invented"], Some(8)));
    let evidence = proof.evidence.expect("evidence");
    let text = serde_json::to_string(&evidence).expect("JSON");
    assert_eq!(serde_json::from_str::<Evidence>(&text).expect("evidence"), evidence);
    assert_eq!(serde_json::from_str::<Evidence>("{}").expect("evidence"), Evidence::default());
}

#[test]
fn a_title_in_pieces_is_found_where_the_metadata_has_it_whole() {
    let strewn = "Fictional\nat a Boundary\nTides\nof Imaginary\nReflection\nAda Invented";
    let mut report = file(&["Tides", "Fictional"], strewn);
    let work = work(TITLE, &["Ada Invented"], None);
    assert_ne!(judged(&report, &work).verdict, PROVEN);
    report.title = Some(TITLE.into());
    assert_eq!(judged(&report, &work).verdict, PROVEN);
    report.text[0] = report.text[0].replace("Imaginary", "Another");
    assert_ne!(judged(&report, &work).verdict, PROVEN, "a word of it is printed nowhere");
}

#[test]
fn a_title_whose_halves_stand_apart_is_found() {
    let known = "Imaginary Tides: A Survey of Their Reflection at Fictional Boundaries";
    let work = work(known, &["Ada Invented"], None);
    let head =
        "A SURVEY OF THEIR REFLECTION AT FICTIONAL BOUNDARIES\nImaginary Tides:\nA Survev oF Thrjr ReUection";
    assert_eq!(judged(&file(&[], &format!("{head}\nAda Invented")), &work).verdict, PROVEN);
    let other =
        "A SURVEY OF THEIR DETECTION AT FICTIONAL BOUNDARIES\nImaginary Tides:\nA Survev oF Thrjr DeUection";
    assert_ne!(judged(&file(&[], &format!("{other}\nAda Invented")), &work).verdict, PROVEN);
}

#[test]
fn what_somebody_typed_is_a_title_with_words_left_out() {
    let known = "1999 jinv reflection imaginary tides fictional boundary";
    let unproven = Verdict::Accepted(Identity::Unproven);
    assert_eq!(
        judged(&file(&[TITLE], &format!("{TITLE}\nAda Invented")), &work(known, &[], None)).verdict,
        unproven
    );
    let other = "Refraction of Light at a Fictional Boundary";
    let rejected = Verdict::Rejected(Reason::WrongWork);
    assert_eq!(
        judged(&file(&[other], &format!("{other}\nB. Else")), &work(known, &[], None)).verdict,
        rejected
    );
}

#[test]
fn a_scanned_page_or_two_are_not_believed_where_nobody_knows_how_many_there_are() {
    let scan = |pages| PdfReport { pages, text: vec![String::new()], images: true, ..PdfReport::default() };
    let believed = |pages, known| {
        matches!(judged(&scan(pages), &work(TITLE, &["Ada Invented"], known)).verdict, Verdict::Accepted(_))
    };
    assert!(!believed(2, None) && !believed(1, None));
    assert!(believed(2, Some(2)) && believed(1, Some(1)) && believed(3, None));
}

#[test]
fn letters_that_are_not_named_tell_a_title_by_their_repetition() {
    let enciphered = |text: &str| -> String {
        let mut known: Vec<char> = Vec::new();
        let mut private = |c: char| {
            let at = known.iter().position(|other| *other == c).unwrap_or_else(|| {
                known.push(c);
                known.len() - 1
            });
            char::from_u32(0xe000 + at as u32).unwrap_or(c)
        };
        text.chars().map(|c| if c.is_whitespace() { c } else { private(c) }).collect()
    };
    let running = "Sentences about tides and their reflection follow here.\n".repeat(20);
    let of = |title: &str| PdfReport {
        pages: 8,
        text: vec![enciphered(&format!("{title}\nAda Invented\n{running}"))],
        drawn: 900,
        ..PdfReport::default()
    };
    let work = work(TITLE, &["Ada Invented"], None);
    let proof = judged(&of(TITLE), &work);
    assert_eq!(proof.verdict, PROVEN);
    assert_eq!(proof.evidence.expect("evidence").against, [Against::Enciphered]);
    let other = judged(&of("Refraction of Invented Waves at a Fictional Boundary"), &work);
    assert_eq!(
        other.verdict,
        Verdict::Rejected(Reason::Unproven),
        "it cannot be read, so it is not called another work"
    );
}
