//! Whatever the examiner reports, however much of it, it is judged in little time, in few words, and the same twice.
//!
//! The data is text: lines of `name: value`; a line that is a form feed begins a page, whose lines that begin with `# `
//! are its headings too.

use std::time::{Duration, Instant};

use tierfall_proof::{IdentityPolicy, Verdict, prove};
use tierfall_work::{Basis, Facts, PdfReport, Work};

pub fn promise(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split("\u{c}\n");
    let mut report = report(parts.next().unwrap_or_default());
    for page in parts {
        let headings = page.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned);
        report.headings.push(headings.collect());
        report.text.push(page.to_owned());
    }
    let begun = Instant::now();
    for basis in [Basis::Registry, Basis::Link] {
        for policy in [IdentityPolicy::Normal, IdentityPolicy::Strict] {
            let proof = prove(Ok(&report), &work(), basis, policy);
            assert!(proof.detail.len() < 2000, "{} bytes: {}", proof.detail.len(), proof.detail);
            let broken = !report.damage.is_empty();
            assert!(!broken || matches!(proof.verdict, Verdict::Rejected(_)), "it is damaged: {proof:?}");
            assert_eq!(prove(Ok(&report), &work(), basis, policy), proof, "the same file is judged the same");
        }
    }
    // A thousand times what it takes, so that a busy machine fails nothing; and all is capped, so that no more
    // comes of more.
    let most = Duration::from_secs(10) + Duration::from_millis(data.len() as u64 / 10);
    assert!(begun.elapsed() < most, "it took {:?}", begun.elapsed());
}

fn work() -> Work {
    let mut work = Work::new("10.5555/tides.4".parse().expect("an identifier"));
    let facts = Facts {
        title: Some("Efficient Reflection of Fluffy Tides".into()),
        authors: vec!["Invented".into(), "Fictional".into()],
        pages: Some(8),
        ..Facts::default()
    };
    work.learn(&facts, "crossref");
    work
}

fn report(lines: &str) -> PdfReport {
    let mut report = PdfReport { pages: 8, ..PdfReport::default() };
    for (name, value) in lines.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        let number = || value.parse().unwrap_or_default();
        match name {
            "pages" => report.pages = number(),
            "title" => report.title = Some(value.to_owned()),
            "images" => report.images = true,
            "repaired" => report.repaired = true,
            "drawn" => report.drawn = number(),
            "read" => report.read = number(),
            "unchecked" => report.unchecked = number(),
            "damage" => report.damage.push(value.to_owned()),
            _ => report.metadata += &format!("{name}: {value}\n"),
        }
    }
    report
}
