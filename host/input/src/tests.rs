//! Reading through the public interface, whatever the format.

use std::io::{self, Cursor, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

/// Every entry and every refusal on a line, as they come.
pub(crate) fn read(source: &str, format: Option<Format>, column: Option<&str>) -> String {
    let reader = Reader::new("the input", Cursor::new(source.to_owned()), format, column);
    reader.expect("it can be opened").map(shown).collect::<Vec<_>>().join("\n")
}

/// The same of bytes; or why they cannot be opened.
pub(crate) fn read_bytes(source: Vec<u8>) -> String {
    match Reader::new("the input", Cursor::new(source), None, None) {
        Ok(reader) => reader.map(shown).collect::<Vec<_>>().join("\n"),
        Err(error) => error.to_string(),
    }
}

fn shown(entry: Result<InputEntry, BadEntry>) -> String {
    let InputEntry { line, raw, work, .. } = match entry {
        Ok(entry) => entry,
        Err(bad) => return format!("{}! {}", bad.line, bad.message),
    };
    let ids: Vec<String> = work.ids.iter().map(ToString::to_string).collect();
    let mut text = format!("{line}: {raw} => {}", ids.join(" "));
    if let Some(title) = &work.known.title {
        assert_eq!(title.by, BY);
        text += &format!(" | {}", title.value);
    }
    if let Some(authors) = &work.known.authors {
        text += &format!(" | {}", authors.value.join("; "));
    }
    if let Some(year) = &work.known.year {
        text += &format!(" | {}", year.value);
    }
    if let Some(pages) = &work.known.pages {
        text += &format!(" | {} pages", pages.value);
    }
    if !work.landing_urls.is_empty() {
        text += &format!(" | {}", work.landing_urls.join(" "));
    }
    text
}

fn keys(source: impl Read + Send + 'static) -> Vec<String> {
    let reader = Reader::new("the input", source, None, None).expect("it can be opened");
    reader.map(|entry| entry.map_or_else(|bad| bad.to_string(), |entry| entry.work.key())).collect()
}

#[test]
fn text_has_one_identifier_a_line_with_comments_and_a_line_that_cannot_be_read_costs_only_itself() {
    let source =
        "# my list\n\n10.1371/journal.pone.0000308  # the first\r\n  PMC1817752\nnot an id\n10.1002/a;2-#\n";
    insta::assert_snapshot!(read(source, None, None), @r#"
    3: 10.1371/journal.pone.0000308 => doi:10.1371/journal.pone.0000308
    4: PMC1817752 => pmcid:PMC1817752
    5! `not an id` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids (W…), and http(s) URLs
    6: 10.1002/a;2-# => doi:10.1002/a;2-#
    "#);
}

#[test]
fn a_work_without_an_identifier_is_known_by_its_title_with_authors_or_a_year() {
    let bibtex = "@article{a, title = {On {M}ars}, author = {Roe, Ada and Doe, Bo}, year = 2001}\n@book{b, title = {On Mars}}\n";
    insta::assert_snapshot!(read(bibtex, None, None), @r#"
    1: On Mars =>  | On Mars | Roe; Doe | 2001
    2! the entry `b`, “On Mars”, has no identifier, and neither authors nor a year to find its title by
    "#);
    let table = "doi,title,authors,year\n,ON MARS.,\"Roe, A.; Doe, B.\",2001\n";
    let both: Vec<String> = [keys(Cursor::new(bibtex)), keys(Cursor::new(table))].concat();
    assert!(both[0].starts_with("title:") && both[0] == both[2], "{both:?}");
}

#[test]
fn a_format_does_not_depend_on_how_the_bytes_arrive() {
    struct Drops(Cursor<&'static [u8]>);
    impl Read for Drops {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }
    let source = b"# by hand\n\n@article{a,\n doi = {10.5555/a}}\n";
    assert_eq!(keys(Drops(Cursor::new(source))), ["doi:10.5555/a"]);
    assert_eq!(keys(Cursor::new(source)), ["doi:10.5555/a"]);
}

#[test]
fn arguments_are_numbered() {
    let read: Vec<_> = arguments(["PMC123".to_owned(), "x".to_owned()]).collect();
    assert_eq!(read[0].as_ref().map(|entry| entry.work.key()), Ok("pmcid:PMC123".to_owned()));
    let bad = read[1].as_ref().expect_err("not an id");
    assert!(bad.to_string().starts_with("arguments, line 2: `x` is not"), "{bad}");
}

#[test]
fn packed_and_wide_inputs_are_read_like_plain_ones() {
    let plain = "doi,title\n10.1371/x,Ä\n10.1371/y,Ö\n";
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(plain.as_bytes()).expect("memory can be written");
    let wide: Vec<u8> =
        "\u{feff}".encode_utf16().chain(plain.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let marked = format!("\u{feff}{plain}").into_bytes();
    let latin: Vec<u8> = plain.chars().map(|c| c as u8).collect();
    for source in [plain.as_bytes().to_vec(), packed.finish().expect("memory"), wide, marked, latin] {
        assert_eq!(keys(Cursor::new(source)), ["doi:10.1371/x", "doi:10.1371/y"]);
    }
}

#[test]
fn what_arrives_in_drops_is_recognised_all_the_same() {
    struct Drops(Cursor<Vec<u8>>);
    impl Read for Drops {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut buffer[..1])
        }
    }
    let source = b"\n\n{\"doi\": \"10.1371/x\"}\n".to_vec();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&source).expect("memory can be written");
    for source in [source, packed.finish().expect("memory")] {
        assert_eq!(keys(Drops(Cursor::new(source))), ["doi:10.1371/x"]);
    }
}

#[test]
fn a_failure_to_read_is_reported_once_and_ends_the_input() {
    struct Broken(bool);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("the disk is gone"));
            }
            buffer[..9].copy_from_slice(b"PMC1\nPMC2");
            Ok(9)
        }
    }
    let mut reader = Reader::new("list", Broken(false), None, None).expect("it can be opened");
    assert!(reader.next().is_some_and(|entry| entry.is_ok()));
    let bad = reader.next().expect("an error").expect_err("an error");
    assert_eq!(bad.to_string(), "list, line 2: failed to read on: the disk is gone");
    assert!(bad.last);
    assert!(reader.next().is_none());
}

#[test]
fn a_packed_file_that_is_damaged_ends_whatever_it_holds() {
    for text in ["10.5555/a;b\n", "x\n10.5555/a\n", "Title,DOI\nT,10.5555/a\n", "a b c\n", ""] {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.repeat(50).as_bytes()).expect("memory can be written");
        let packed = packed.finish().expect("memory");
        for format in Format::ALL {
            for cut in [packed.len() - 1, packed.len() - 9, packed.len() / 2, 12] {
                let damaged = Cursor::new(packed.get(..cut).unwrap_or_default().to_vec());
                if let Ok(reader) = Reader::new("the input", damaged, Some(*format), None) {
                    assert!(reader.take(1000).count() < 1000, "{format}: {text:?} cut to {cut}");
                }
            }
        }
    }
}

#[test]
fn an_endless_line_is_left_out_and_the_next_is_read() {
    let source = io::repeat(b'x').take(40 << 20).chain(Cursor::new("\nPMC1\n"));
    assert_eq!(keys(source), ["the input, line 1: the line is longer than 16 MiB", "pmcid:PMC1"]);
}

#[test]
fn what_cannot_be_opened_says_so() {
    let missing = open(Path::new("/no/such/list.txt"), None, None).expect_err("it is not there");
    assert!(missing.to_string().starts_with("failed to open /no/such/list.txt: "), "{missing}");
    let opened = |column| Reader::new("list.csv", Cursor::new("a,b\n1,2\n"), Some(Format::Csv), column);
    insta::assert_snapshot!(opened(None).expect_err("no column"), @r#"list.csv has no column that is known to hold identifiers (its columns are `a`, `b`); say which one with --column"#);
    insta::assert_snapshot!(opened(Some("doi")).expect_err("no column"), @r#"list.csv has no column `doi`; its columns are `a`, `b`"#);
}

#[test]
fn what_is_no_list_is_left_after_fifty_lines_and_named() {
    let prose = "This is a sentence of a text, and it goes on for a while.\n".repeat(1000);
    let read = read(&prose, None, None);
    assert_eq!(read.lines().count(), 50);
    insta::assert_snapshot!(read.lines().last().unwrap_or_default(), @r#"50! none of the first 50 entries can be read, and the rest is left: this looks like running text or a list of titles; --format prose finds the identifiers in a text; titles alone are not looked up"#);
    // Records that lack nothing but an identifier are records.
    let titles: String = (0..60).map(|n| format!("@misc{{k{n}, title = {{T}}}}\n")).collect();
    let bare: String = (0..60).map(|n| format!("@misc{{k{n}, year = 2001}}\n")).collect();
    for records in [titles, bare] {
        assert_eq!(
            keys(Cursor::new(format!("{records}@misc{{z, doi = {{10.5555/z}}}}\n")))
                .last()
                .map(String::as_str),
            Some("doi:10.5555/z")
        );
    }
    let rows = format!("doi,pmid\n{}10.5555/z,\n", "n/a,\n".repeat(60));
    assert_eq!(keys(Cursor::new(rows)).last().map(String::as_str), Some("doi:10.5555/z"));
}

#[test]
fn what_is_no_bibliography_is_named_with_what_to_do() {
    let refused = |source: &[u8]| match Reader::new("given", Cursor::new(source.to_vec()), None, None) {
        Ok(_) => String::from("it was opened"),
        Err(error) => error.to_string(),
    };
    let given: [&[u8]; 7] = [
        b"%PDF-1.7\n",
        b"PAR1\x15\x04",
        b"<!DOCTYPE html>\n<html><body>10.5555/a</body></html>",
        b"<?xml version=\"1.0\"?>\n<rdf:RDF xmlns:rdf=\"x\">\n</rdf:RDF>",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"SQLite format 3\0",
        b"BZh91AY&SY",
    ];
    insta::assert_snapshot!(given.map(refused).join("\n"), @r#"
    given is no bibliography but a PDF: give the DOI of the work, or the reference list as text with --format prose
    given is no bibliography but a Parquet file: export its columns as CSV or JSON lines
    given is no bibliography but a page in HTML: save the references as BibTeX, RIS or CSV, or read what it says with --format prose
    given is no bibliography but RDF: export the library as BibTeX, RIS or CSL JSON
    given is no bibliography but an old Office file (.xls or .doc): save it as .xlsx, as CSV, or as plain text
    given is no bibliography but an SQLite database: export its columns as CSV or JSON lines
    given is no bibliography but packed with bzip2: unpack it first (bzip2 -d)
    "#);
}

proptest! {
    #[test]
    fn no_input_makes_a_reader_panic_or_go_on_for_ever(
        source in prop::collection::vec(
            prop_oneof![
                any::<u8>().prop_map(|byte| vec![byte]),
                prop::sample::select(vec![
                    "\n", "{", "}", "[", "]", "\"", ",", "\\", "@article{a,", "@string{", "title = ", "author=", "doi = {10.1/x}",
                    "pages={1--2}", "date={2007", "TY  - JOUR", "DO  - 10.1371/x", "ER  - ", "doi", "\t", ":", "10.1371/a", "PMC1", "é", "#", "%", "\\'{e}", "$",
                ]).prop_map(|text| text.as_bytes().to_vec()),
            ],
            0..60,
        ),
        format in prop::sample::select(Format::ALL.to_vec()),
    ) {
        let source = source.concat();
        let most = source.len() + 1;
        if let Ok(reader) = Reader::new("the input", Cursor::new(source), Some(format), None) {
            prop_assert!(reader.take(most + 1).count() <= most);
        }
    }
}
