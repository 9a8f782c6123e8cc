//! What the examiner promises about good, odd, broken and hostile files.

#[path = "../../../tests/support/pdf.rs"]
#[expect(dead_code, reason = "the support of all tests; no one uses all of it")]
mod pdf;

use std::time::{Duration, Instant};

use pdf::{Flaw, Paper, Style};
use proptest::prelude::*;
use tierfall_plugin_pdf::{Problem, Report, examine};

const DOI: &str = "10.5555/tides.4";

fn paper() -> Paper {
    Paper::new(
        "Efficient Reflection of Fluffy Tides: a Fjord in Focus",
        &["Ada Invented", "Grace Fabricated", "Émile Controuvé"],
        Some(DOI),
    )
}

fn read(style: Style) -> Report {
    examine(paper().pdf(style), 3).unwrap_or_else(|problem| panic!("{style:?}: {problem:?}"))
}

/// Letters alone, so that spaces and line ends do not matter.
fn only_letters(text: &str) -> String {
    let spelled = text.replace('ﬁ', "fi").replace('ﬂ', "fl").replace('ﬀ', "ff").replace('ﬃ', "ffi");
    spelled.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[test]
fn text_is_read_however_it_is_written() {
    for style in [
        Style::Plain,
        Style::BrokenTitle,
        Style::Ligatures,
        Style::NamedGlyphs,
        Style::CoverPage,
        Style::ObjectStreams,
        Style::Linearised,
        Style::JunkBefore,
        Style::PrintingForbidden,
    ] {
        let report = read(style);
        let first = only_letters(&report.text[0]);
        assert!(first.contains(&only_letters(&paper().title)), "{style:?}: {}", report.text[0]);
        assert!(first.contains("controuvé"), "{style:?}: {}", report.text[0]);
        assert_eq!(report.pages, paper().pages + u32::from(style == Style::CoverPage), "{style:?}");
        assert!(!report.repaired && !report.images, "{style:?}");
    }
}

#[test]
fn words_and_lines_come_apart_where_they_lie_apart() {
    let report = read(Style::Plain);
    let lines: Vec<&str> = report.text[0].lines().collect();
    assert_eq!(lines[0], "Journal of Invented Results (2019)");
    assert!(lines.contains(&"Abstract"), "{lines:?}");
}

#[test]
fn the_title_is_the_largest_heading() {
    for style in [Style::Plain, Style::BrokenTitle, Style::ObjectStreams] {
        let report = read(style);
        assert_eq!(
            only_letters(&report.headings[0][0]),
            only_letters(&paper().title),
            "{style:?}: {:?}",
            report.headings
        );
    }
}

#[test]
fn a_document_says_what_it_is_in_its_information_and_its_xmp() {
    for style in [Style::DoiInMetadata, Style::Xmp] {
        let report = read(style);
        assert!(report.metadata.contains(DOI), "{style:?}: {}", report.metadata);
        assert_eq!(report.title.as_deref(), Some(paper().title.as_str()), "{style:?}: {}", report.metadata);
    }
}

#[test]
fn a_scan_has_images_and_no_text() {
    let report = read(Style::Scan);
    assert!(report.images);
    assert!(report.text.iter().all(String::is_empty));
    assert_eq!(report.pages, paper().pages);
}

#[test]
fn no_more_pages_are_read_than_are_asked_for() {
    let file = paper().pdf(Style::Scan);
    assert_eq!(examine(file.clone(), 0).map(|report| (report.pages, report.text.len())), Ok((8, 0)));
    assert_eq!(examine(file, 100).map(|report| report.text.len()), Ok(8));
}

#[test]
fn reading_ends_with_the_first_page_of_prose() {
    let pages_read = |file| examine(file, 100).map(|report| (report.pages, report.text.len()));
    assert_eq!(pages_read(paper().pdf(Style::Plain)), Ok((8, 1)));
    assert_eq!(pages_read(paper().pdf(Style::CoverPage)), Ok((9, 2)), "a cover has little text");
    assert_eq!(
        pages_read(paper().with_pages(3).pdf(Style::Plain)),
        Ok((3, 3)),
        "a preview may say so behind"
    );
}

#[test]
fn each_problem_has_its_own_name() {
    assert_eq!(examine(paper().flawed(Flaw::Encrypted), 3), Err(Problem::Encrypted));
    assert_eq!(examine(b"<!DOCTYPE html>".to_vec(), 3), Err(Problem::NotPdf));
    assert_eq!(examine(Vec::new(), 3), Err(Problem::NotPdf));
    for flaw in [Flaw::Truncated, Flaw::NoEnd] {
        assert!(matches!(examine(paper().flawed(flaw), 3), Err(Problem::Truncated(_))), "{flaw:?}");
    }
    let empty = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\nstartxref\n9\n%%EOF\n".to_vec();
    assert!(matches!(examine(empty, 3), Err(Problem::Damaged(_))));
}

#[test]
fn a_table_that_is_wrong_is_repaired_and_said_so() {
    let file = paper().pdf(Style::Plain);
    let text = String::from_utf8_lossy(&file);
    let at = text.rfind("startxref").expect("an end");
    let moved = [&file[..at], b"startxref\n7\n%%EOF\n"].concat();
    let report = examine(moved, 3).expect("readable");
    assert!(report.repaired);
    assert!(only_letters(&report.text[0]).contains(&only_letters(&paper().title)));
}

#[test]
fn a_file_that_ends_early_is_truncated_wherever_it_ends() {
    for style in [Style::Plain, Style::ObjectStreams, Style::Linearised] {
        let file = paper().pdf(style);
        let end = file.len() - b"startxref\n12345\n%%EOF\n".len();
        for cut in (16..end).step_by(211) {
            let examined = examine(file[..cut].to_vec(), 1);
            assert!(
                matches!(examined, Err(Problem::Truncated(_))),
                "{style:?} cut at {cut} of {}",
                file.len()
            );
        }
    }
}

/// A document of these objects, the first of which is the catalog.
fn of_objects(objects: &[&str]) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", number + 1).into_bytes());
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).into_bytes());
    for offset in offsets {
        file.extend(format!("{offset:010} 00000 n \n").into_bytes());
    }
    let trailer = format!("trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1);
    file.extend(trailer.into_bytes());
    file
}

fn stream(dictionary: &str, content: &str) -> String {
    format!("<<{dictionary}/Length {}>>\nstream\n{content}\nendstream", content.len())
}

#[test]
fn files_that_are_made_to_hurt_end_soon() {
    let page =
        "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>/Font<</F1 6 0 R>>>>>>";
    let tree = "<</Type/Pages/Kids[3 0 R]/Count 1>>";
    let catalog = "<</Type/Catalog/Pages 2 0 R>>";
    let form =
        stream("/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Resources<</XObject<</F 5 0 R>>>>", "/F Do /F Do");
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested_states = "q ".repeat(200_000);
    let endless_text = format!("BT /F1 1 Tf ({}) Tj ET", "x".repeat(2_000_000));
    for (name, objects) in [
        ("a form that draws itself twice", vec![catalog, tree, page, &stream("", "/F Do"), &form, font]),
        ("a page tree that is its own child", vec![catalog, "<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9>>"]),
        ("a million pages by count", vec![catalog, "<</Type/Pages/Kids[]/Count 1000000>>"]),
        ("arrays in arrays", vec![catalog, tree, page, &stream("", &deep), &form, font]),
        ("saved states without end", vec![catalog, tree, page, &stream("", &nested_states), &form, font]),
        ("one string of megabytes", vec![catalog, tree, page, &stream("", &endless_text), &form, font]),
        ("a catalog that is a loop", vec!["1 0 R", tree]),
        (
            "a length that points at itself",
            vec![catalog, tree, page, "<</Length 4 0 R>>\nstream\nx\nendstream"],
        ),
    ] {
        let file = of_objects(&objects);
        let began = Instant::now();
        // On a stack as small as the sandbox gives; what overflows it would abort this test.
        let examined = std::thread::Builder::new().stack_size(1 << 20).spawn(move || examine(file, 3));
        let examined = examined.expect("a thread").join().unwrap_or_else(|_| panic!("{name}: panicked"));
        assert!(began.elapsed() < Duration::from_secs(20), "{name}: {:?}", began.elapsed());
        if let Ok(report) = examined {
            assert!(report.text.iter().all(|page| page.len() < 80 * 1024), "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_damage_makes_it_panic(
        style in 0usize..4,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let styles = [Style::Plain, Style::ObjectStreams, Style::Ligatures, Style::PrintingForbidden];
        let mut file = paper().with_pages(2).pdf(styles[style]);
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(cut) = cut {
            let cut = cut.index(file.len());
            file.truncate(cut);
        }
        let _ = examine(file, 2);
    }

    #[test]
    fn no_content_makes_it_panic(content in "[ -~]{0,200}") {
        let page = "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>";
        let objects = [
            "<</Type/Catalog/Pages 2 0 R>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            page,
            &stream("", &format!("BT /F1 12 Tf {content}")),
            "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ];
        let _ = examine(of_objects(&objects), 1);
    }
}
