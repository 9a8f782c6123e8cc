//! A stricter policy never accepts more, stronger evidence never less, and without a text nothing is proven.
//!
//! The data is text: lines of `name: value`, then the pages, each begun by a line that is a form feed.

use tierfall_proof::{Identity, IdentityPolicy, Proof, Reason, Verdict, prove};
use tierfall_work::{Basis, Facts, Work};
use tierfall_work::{PdfProblem, PdfReport};

pub fn promise(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split("\u{c}\n");
    let (work, mut report) = described(parts.next().unwrap_or_default());
    for page in parts.take(8) {
        let headings = page.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned);
        report.headings.push(headings.collect());
        report.text.push(page.to_owned());
    }
    let judged = |basis, policy| prove(Ok(&report), &work, basis, policy);
    for basis in [Basis::Registry, Basis::Metadata, Basis::Rule, Basis::Link] {
        let strict = judged(basis, IdentityPolicy::Strict);
        let normal = judged(basis, IdentityPolicy::Normal);
        let off = judged(basis, IdentityPolicy::Off);
        assert_eq!(judged(basis, IdentityPolicy::Normal), normal, "the same file is judged the same");
        assert_eq!(off.verdict, Verdict::Accepted(Identity::Unchecked));
        match (normal.verdict, strict.verdict) {
            (Verdict::Accepted(Identity::Unproven), strict) => {
                assert_eq!(strict, Verdict::Rejected(Reason::Unproven));
            }
            (normal, strict) => assert_eq!(strict, normal),
        }
        let silent = report.text.is_empty() && report.metadata.is_empty() && report.title.is_none();
        assert!(!silent || normal.verdict != Verdict::Accepted(Identity::Proven));
        said(&normal);
    }
    for problem in [
        PdfProblem::NotPdf,
        PdfProblem::Encrypted,
        PdfProblem::Truncated(report.metadata.clone()),
        PdfProblem::Damaged(report.metadata.clone()),
    ] {
        let proof = prove(Err(&problem), &work, Basis::Registry, IdentityPolicy::Off);
        assert!(matches!(proof.verdict, Verdict::Rejected(_)), "{problem:?}");
    }
}

fn said(proof: &Proof) {
    let reason_enough = matches!(proof.verdict, Verdict::Accepted(_)) || !proof.detail.is_empty();
    assert!(reason_enough, "{proof:?}");
}

fn described(lines: &str) -> (Work, PdfReport) {
    let id = |text: &str| text.parse().ok();
    let mut work = Work::new(id("10.5555/tides.4").expect("an identifier"));
    let mut report = PdfReport { pages: 8, ..PdfReport::default() };
    let mut facts = Facts::default();
    for (name, value) in lines.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name {
            "id" => work = id(value).map_or(work, Work::new),
            "title" => facts.title = Some(value.to_owned()),
            "author" => facts.authors.push(value.to_owned()),
            "known pages" => facts.pages = value.parse().ok(),
            "pages" => report.pages = value.parse().unwrap_or(8),
            "metadata title" => report.title = Some(value.to_owned()),
            "images" => report.images = true,
            _ => report.metadata += &format!("{name}: {value}\n"),
        }
    }
    work.learn(&facts, "crossref");
    (work, report)
}
