//! Files whose report is the attack: what the examiner reads out of them, true to the letter, is made to keep the
//! host busy that compares it.

use std::time::Duration;

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::pdf::{Paper, Style};
use crate::support::program::Home;
use crate::support::web::{Answer, Web};

/// What a program may take longer, and be larger, than with a file that means well. In an unoptimised build the
/// longest of these takes a second; what grew with the square took minutes and half a gigabyte.
const LONGER: Duration = Duration::from_secs(20);
const LARGER: u64 = 100 << 20;

/// A good paper with an appended revision that gives it this subject.
fn with_subject(subject: &str) -> Vec<u8> {
    let paper = Paper::new("The Invented Matter of subjects Considered Anew", &["Ada Invented"], None);
    let mut file = paper.pdf(Style::Plain);
    let text = String::from_utf8_lossy(&file).into_owned();
    let behind = |mark: &str| text.rsplit_once(mark).expect(mark).1;
    let root = behind("/Root ").split(" R").next().expect("a reference").to_owned();
    let table = behind("startxref").split_whitespace().next().expect("a number").to_owned();
    let hex: String = subject.bytes().map(|byte| format!("{byte:02x}")).collect();
    let object = file.len();
    file.extend(format!("9000 0 obj\n<</Subject <{hex}>>>\nendobj\n").bytes());
    let xref = file.len();
    file.extend(
        format!(
            "xref\n9000 1\n{object:010} 00000 n \ntrailer\n<</Size 9001/Root {root} R/Info 9000 0 R/Prev {table}>>\n\
             startxref\n{xref}\n%%EOF\n"
        )
        .bytes(),
    );
    file
}

#[test]
fn no_metadata_keeps_the_host_busy_that_compares_it() {
    let mut good = None;
    for (name, subject) in [
        ("nothing unusual", "An invented matter".to_owned()),
        ("a DOI within a DOI within a DOI, and brackets", "10.1000/".repeat(2000) + &")".repeat(16_000)),
        ("brackets alone", "10.1000/a".to_owned() + &")".repeat(31_000)),
        ("many DOIs", "10.1000/a ".repeat(3_200)),
        ("the beginnings of DOIs", "10.".repeat(10_000)),
        ("stamps", "arxiv:".repeat(5_000)),
    ] {
        let (home, web) = (Home::new(), Web::start());
        let article = Article::without_file(&web, "subjects", 8);
        web.get(&article.file, [Answer::pdf(with_subject(&subject))]);
        let ended = pages_only(&home, &web, &[&article.page]).run();
        assert!(matches!(ended.code, Some(0 | 3)), "{name}: {ended:#?}");
        let (took, peak) = (ended.took, ended.peak.unwrap_or(0));
        let (usual, size) = *good.get_or_insert((took, peak));
        assert!(took <= usual + LONGER, "{name}: {took:?} where a good file takes {usual:?}");
        assert!(peak <= size + LARGER, "{name}: {} MiB, {} MiB with a good file", peak >> 20, size >> 20);
    }
}
