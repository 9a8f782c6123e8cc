//! The worst that an input can do, one megabyte each: it costs little time and memory, and what stands before and
//! after is read. A reader that is new is added to the table.
//!
//! Each case is read by a process of its own, so that its memory is known. The limits are generous: what they are
//! there to find takes gigabytes and minutes.

use std::io::{self, Cursor, Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use tierfall_input::{Format, Reader};

/// How much larger than over an empty input a process may get.
const MORE_MEMORY: u64 = 200 << 20;

/// Of an unoptimised build on a busy machine; an optimised one takes a twentieth.
const LONGEST: Duration = Duration::from_secs(25);

const MEGABYTE: usize = 1 << 20;

/// What names the case to the process that reads it.
const CASE: &str = "TIERFALL_WORST_CASE";

struct Case {
    name: &'static str,
    format: Format,
    /// Made only by the process that reads it.
    make: Box<dyn Fn() -> Vec<u8>>,
    /// Works that are read all the same, at least.
    works: usize,
}

/// As much of this as a megabyte holds.
fn many(piece: &str) -> String {
    piece.repeat(MEGABYTE / piece.len())
}

fn packed(pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    for piece in pieces {
        packed.write_all(&piece).expect("memory can be written");
    }
    packed.finish().expect("memory can be written")
}

fn bomb(piece: &str, megabytes: usize) -> Vec<u8> {
    packed((0..megabytes).map(|_| many(piece).into_bytes()))
}

/// An archive of these files, as far as a reader looks at it.
fn zipped<N: AsRef<str>, T: AsRef<[u8]>>(members: impl IntoIterator<Item = (N, T)>) -> Vec<u8> {
    let (mut archive, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u16);
    for (name, text) in members {
        let name = name.as_ref().as_bytes();
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_ref()).expect("memory can be written");
        let packed = packed.finish().expect("memory can be written");
        let sizes = [packed.len() as u32, text.as_ref().len() as u32].map(u32::to_le_bytes).concat();
        let lengths = [name.len() as u16, 0].map(u16::to_le_bytes).concat();
        let about = [&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &lengths].concat();
        let at = (archive.len() as u32).to_le_bytes();
        directory.extend([&b"PK\x01\x02\x14\0"[..], &about, &[0; 10], &at, name].concat());
        archive.extend([&b"PK\x03\x04"[..], &about, name, &packed].concat());
        count += 1;
    }
    let (at, length) = ((archive.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    let counts = [0, 0, count, count].map(u16::to_le_bytes).concat();
    [&archive[..], &directory, b"PK\x05\x06", &counts, &length, &at, &[0, 0]].concat()
}

/// A spreadsheet with these shared texts and these rows.
fn sheet(shared: &str, rows: &str) -> Vec<u8> {
    let rows = format!("<worksheet><sheetData>{rows}");
    let members = [("xl/sharedStrings.xml", shared), ("xl/worksheets/sheet1.xml", rows.as_str())];
    zipped(members)
}

fn files(count: usize) -> Vec<u8> {
    zipped((0..count).map(|nth| (format!("xl/worksheets/sheet{nth}.xml"), "")))
}

fn doubling() -> String {
    let doubled: String = (1..60).map(|n| format!("@string{{s{n} = s{} # s{}}}\n", n - 1, n - 1)).collect();
    format!(
        "@string{{s0 = {{ha}}}}\n{doubled}@article{{a, doi = {{10.5555/a}}, title = s59, note = s59 # s59}}\n"
    )
}

macro_rules! case {
    ($name:literal, $format:ident, $source:expr, $works:literal) => {
        Case {
            name: $name,
            format: Format::$format,
            make: Box::new(move || Vec::from($source)),
            works: $works,
        }
    };
}

macro_rules! bib {
    ($name:literal, $source:expr, $works:literal) => {
        case!($name, Bibtex, $source, $works)
    };
}

fn cases() -> Vec<Case> {
    let (first, last) = ("@a{a, doi={10.5555/a}}\n", "\n@a{z, doi={10.5555/z}}\n");
    vec![
        case!("nothing", Text, String::new(), 0),
        bib!("strings that double", doubling(), 1),
        bib!("strings of strings", format!("{first}{}{last}", many("@string{a = a # a # \"x\"}\n")), 2),
        bib!(
            "many strings",
            format!(
                "{first}{}",
                (0..40_000).map(|n| format!("@string{{s{n} = {{value}}}}\n")).collect::<String>()
            ),
            1
        ),
        bib!(
            "an entry that refers to itself",
            many("@a{l, crossref={l}, xdata={l}, doi={10.5555/l}}\n"),
            10_000
        ),
        bib!(
            "entries in a circle",
            format!(
                "@a{{x, crossref={{y}}, doi={{10.5555/x}}}}\n@a{{y, xdata={{x}}, doi={{10.5555/y}}}}\n{last}"
            ),
            3
        ),
        bib!("entries on one line", many("@a{b}"), 0),
        bib!("entries with commas between them", many("@a{b},") + "=", 0),
        bib!("braces that open", format!("{first}@a{{b, title={}{last}", many("{")), 2),
        bib!("braces that close", format!("{first}@a{{b, title={}{last}", many("}")), 2),
        bib!(
            "braces in a title",
            format!(
                "{first}@a{{b, doi={{10.5555/b}}, title={{{}{}}}}}{last}",
                "{".repeat(200_000),
                "}".repeat(200_000)
            ),
            3
        ),
        bib!(
            "commands in commands",
            format!(
                "{first}@a{{b, doi={{10.5555/b}}, title={{{}{}}}}}{last}",
                "\\a{".repeat(100_000),
                "}".repeat(100_000)
            ),
            3
        ),
        bib!(
            "short commands in commands",
            many(&format!(
                "@a{{b, doi={{10.5555/b}}, title={{{}{}}}}}\n",
                "\\a{".repeat(100),
                "}".repeat(100)
            )),
            1000
        ),
        bib!(
            "dollars",
            format!("{first}@a{{b, doi={{10.5555/b}}, title={{{}}}}}{last}", "$".repeat(900_000)),
            3
        ),
        bib!(
            "authors",
            format!("{first}@a{{b, doi={{10.5555/b}}, author={{{}}}}}{last}", "A and ".repeat(150_000)),
            3
        ),
        bib!(
            "authors within bounds",
            many(&format!("@a{{b, doi={{10.5555/b}}, author={{{}}}}}\n", "A and ".repeat(2500))),
            50
        ),
        bib!("names without values", format!("{first}@a{{b,{}}}{last}", many("x=")), 2),
        bib!("identifiers in notes", format!("{first}@a{{b, note={{{}}}}}{last}", many("10.5555/ ")), 2),
        bib!("at signs", format!("{first}{}{last}", many("@")), 2),
        bib!("an entry without an end", format!("{first}@a{{b, {}\n{last}", many("x = {y},\n")), 2),
        case!(
            "tags without a record's end",
            Ris,
            format!("TY  - JOUR\nDO  - 10.5555/a\nER  - \n{}", many("AB  - x\n")),
            1
        ),
        case!(
            "continued lines",
            Ris,
            format!("TY  - JOUR\nAB  - x\n{}ER  - \nTY  - JOUR\nDO  - 10.5555/a\nER  - \n", many("x\n")),
            1
        ),
        case!("records without anything", Ris, many("TY  - \n"), 0),
        case!("authors of MEDLINE", Medline, format!("PMID- 1234\n{}\n\nPMID- 1235\n", many("AU  - A\n")), 1),
        case!(
            "authors of Web of Science",
            Wos,
            format!("PT J\nAU A\n{}ER\nPT J\nDI 10.5555/a\nER\n", many("   B\n")),
            1
        ),
        case!("tags of refer", Refer, format!("%0 Book\n{}\n%0 Book\n%R 10.5555/a\n", many("%A A\n")), 1),
        case!("brackets within brackets", Json, format!("[\"10.5555/a\",\n{}", many("[")), 1),
        case!("objects within objects", Json, many("{\"a\":"), 0),
        case!(
            "many small values",
            Json,
            format!("{{\"a\":[{}0]}}\n{{\"doi\":\"10.5555/a\"}}\n", many("0,")),
            1
        ),
        case!(
            "many small objects",
            Json,
            format!("{{\"a\":[{}0]}}\n{{\"doi\":\"10.5555/a\"}}\n", many("{\"\":0},")),
            1
        ),
        case!("many small works", Json, format!("[{}0]", many("{\"doi\":\"10.5555/a\"},")), 10_000),
        case!("values on one line", Json, format!("[{}", many("0,")), 0),
        case!("a string without an end", Json, format!("[\"{}", many("x")), 0),
        case!("quotes", Csv, format!("doi\n10.5555/a\n{}", many("\"")), 1),
        case!("quotes that open", Csv, format!("doi,t\n10.5555/a,x\n{}", many("x,\"\"\"\n")), 1),
        case!("columns", Csv, format!("doi\n10.5555/a\n{}", many(",")), 1),
        case!("columns of the header", Csv, format!("doi{}\n10.5555/a\n", many(",x")), 1),
        case!("rows without anything", Csv, format!("doi\n{}10.5555/a\n", many("\n")), 1),
        case!("a DOI of brackets", Text, format!("10.5555/{}\n10.5555/a\n", many(")")), 1),
        case!(
            "a DOI that is encoded over and over",
            Text,
            format!("10.5555/{}\n10.5555/a\n", many("%25")),
            1
        ),
        case!(
            "DOIs of brackets",
            Text,
            format!("{}10.5555/a\n", many(&format!("10.5555/x{}\n", "(".repeat(2000)))),
            1
        ),
        case!(
            "DOIs that are encoded over and over",
            Text,
            format!("{}10.5555/a\n", many(&format!("10.5555/{}\n", "%25".repeat(1000)))),
            1
        ),
        case!("DOIs on one line", Text, many("10.5555/a,"), 1),
        case!("beginnings of URLs", Text, format!("{}\n10.5555/a\n", many("http://")), 1),
        case!("beginnings of numbers", Text, format!("10.5555/a\n{}\n", many("pmid:1 arxiv:")), 1),
        case!("elements within elements", Xml, format!("<records>{}", many("<record>")), 0),
        case!("a record of many elements", Xml, format!("<records><record>{}", many("<a/>")), 0),
        case!(
            "an element of many attributes",
            Xml,
            format!("<records><record {}></record>", many("a='b' ")),
            0
        ),
        case!(
            "entities of entities",
            Xml,
            format!(
                "<!DOCTYPE x [<!ENTITY a 'aa'>{}]><records><record><electronic-resource-num>10.5555/a&b;</electronic-resource-num></record>",
                many("<!ENTITY b '&a;&a;'>")
            ),
            1
        ),
        case!(
            "references to characters",
            Xml,
            format!("<records><record><title>{}</title></record>", many("&#97;")),
            0
        ),
        case!("tags that open", Xml, many("<"), 0),
        case!("tags that close", Xml, many(">"), 0),
        case!("a bomb of XML", Xml, bomb("<record><a>", 48), 0),
        case!("numbers of Ovid", Ovid, many("<1. >\n"), 0),
        case!("names of Ovid", Ovid, format!("<1. >\nDOI\n  10.5555/a\n{}", many("Title\n")), 0),
        case!(
            "authors of Ovid",
            Ovid,
            format!("<1. >\nDI  - 10.5555/a\nAU  - {}\n<2. >\nDI  - 10.5555/b\n", many("a;")),
            1
        ),
        case!("records of RefWorks", Refworks, many("RT A\nDO 10.5555/a\n"), 1000),
        case!("halves of DOIs in a text", Text, many("10.5555/a-\n"), 0),
        case!("halves of DOIs in prose", Prose, many("10.5555/a-\n1b-\n"), 1),
        case!("words behind half a DOI", Prose, format!("10.5555/a-\n{}", many("b1 ")), 1),
        case!("addresses with brackets", Prose, many("http://a/10.5555/<1"), 0),
        case!("words without identifiers", Prose, many("10.5555 "), 0),
        case!("identifiers in prose", Prose, many("10.5555/a PMID:1 "), 1),
        case!("quotes of a citation file", Cff, many("title: \"a\n  b\n"), 0),
        case!("quotes in quotes of a citation file", Cff, format!("title: '{}", many("\n ''")), 0),
        case!("a block of a citation file", Cff, format!("title: >\n{}", many("  a\n")), 0),
        case!("keys of a citation file", Cff, many("references:\n- doi: 10.5555/a\n"), 1000),
        case!(
            "keys within keys",
            Cff,
            (0..1400).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>(),
            0
        ),
        case!(
            "a sheet of one cell",
            Sheet,
            sheet(
                "",
                &format!(
                    "<row r='1'><c t='str'><v>DOI</v></c></row><row><c t='str'><v>10.5555/a</v></c></row><row><c><v>{}",
                    "1".repeat(48 << 20)
                )
            ),
            1
        ),
        case!(
            "parts of MODS",
            Xml,
            format!("<mods><titleInfo>{}</titleInfo></mods>", "<title>a</title>".repeat(60_000)),
            0
        ),
        case!(
            "a list of objects that say nothing",
            Json,
            format!(
                "{{\"items\":[{{\"title\":\"T\",\"year\":2001}},{{\"title\":\"U\",\"year\":2001}}{}]}}",
                ",{\"a\":1}".repeat(30_000)
            ),
            0
        ),
        case!(
            "a sheet of rows",
            Sheet,
            sheet("", &"<row><c t='str'><v>DOI</v></c></row>".repeat(1 << 20)),
            0
        ),
        case!(
            "a sheet of shared texts",
            Sheet,
            sheet(&"<si><t/></si>".repeat(1 << 20), "<row><c t='str'><v>DOI</v></c></row>"),
            0
        ),
        case!(
            "a sheet of cells",
            Sheet,
            sheet("", &format!("<row><c t='str'><v>DOI</v></c></row><row>{}</row>", "<c/>".repeat(1 << 20))),
            0
        ),
        case!("an archive of many files", Sheet, files(15_000), 0),
        case!("a bomb of one line", Text, bomb("x", 64), 0),
        case!("a bomb of lines", Text, bomb(&format!("10.5555/{}\n", "a".repeat(200)), 32), 1),
        case!("a bomb of RIS", Ris, bomb("AB  - x\n", 64), 0),
        case!("a bomb of a table", Csv, bomb("\"doi\n", 48), 0),
        case!("a bomb of BibTeX", Bibtex, bomb("@a{b, x = {", 48), 0),
        case!("a bomb of JSON", Json, bomb("[{\"a\":", 48), 0),
        case!("a bomb in a bomb", Text, packed([bomb("x", 32)]), 0),
    ]
}

/// The most memory that this process ever had, in bytes; where the system does not tell, none.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// Reads one case, when another process asks for it; nothing otherwise.
#[test]
fn one_case() {
    let Ok(name) = std::env::var(CASE) else { return };
    let case = cases().into_iter().find(|case| case.name == name).expect("a case of this name");
    let source = (case.make)();
    let (before, begun) = (peak(), Instant::now());
    let mut works = 0;
    let mut message = String::new();
    match Reader::new("the input", Cursor::new(source), Some(case.format), None) {
        Ok(reader) => {
            for entry in reader {
                match entry {
                    Ok(_) => works += 1,
                    Err(bad) => message = bad.to_string(),
                }
            }
        }
        Err(error) => message = error.to_string(),
    }
    assert!(message.len() < 2000, "{message}");
    println!("\nresult {works} {} {}\n{message}", begun.elapsed().as_millis(), peak().saturating_sub(before));
}

#[test]
fn a_megabyte_that_means_harm_takes_little_time_and_memory() {
    let mut failed = Vec::new();
    for case in cases() {
        let program = std::env::current_exe().expect("this program");
        let ended = Command::new(program)
            .args(["--exact", "one_case", "--nocapture"])
            .env(CASE, case.name)
            .output()
            .expect("it can be started");
        let said = String::from_utf8_lossy(&ended.stdout);
        let result = said.lines().find_map(|line| line.strip_prefix("result "));
        let numbers: Vec<u64> =
            result.unwrap_or_default().split(' ').filter_map(|number| number.parse().ok()).collect();
        let [works, took, memory] = numbers[..] else {
            failed.push(format!("{}: it died: {said} {}", case.name, String::from_utf8_lossy(&ended.stderr)));
            continue;
        };
        eprintln!("{}: {works} works, {took} ms, {} MiB", case.name, memory >> 20);
        if works < case.works as u64 || Duration::from_millis(took) > LONGEST || memory > MORE_MEMORY {
            failed.push(format!("{}: {works} works, {took} ms, {} MiB\n{said}", case.name, memory >> 20));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_is_given_up_is_named_with_its_line() {
    let said = |source: Vec<u8>, format| {
        let reader = Reader::new("list", Cursor::new(source), Some(format), None).expect("it can be opened");
        reader.filter_map(|entry| entry.err().map(|bad| bad.to_string())).last().unwrap_or_default()
    };
    let long = format!("TY  - JOUR\nER  - \nTY  - JOUR\n{}", many("AB  - x\n"));
    assert_eq!(
        said(long.into_bytes(), Format::Ris),
        "list, line 3: the record is longer than 1 MiB, and is left out"
    );
    let long = format!("\n@a{{b, x = {{{}}}}}", many("y") + "y");
    assert_eq!(
        said(long.into_bytes(), Format::Bibtex),
        "list, line 2: the entry is longer than 1 MiB, and is left out"
    );
    let bomb = said(bomb("AB  - x\n", 32), Format::Ris);
    assert!(bomb.contains("it unpacks to more than 100 times its size"), "{bomb}");
}

#[test]
fn an_input_without_end_is_read_without_growing() {
    struct Endless;
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = b"@a{b, doi={10.5555/a}}\n";
            let whole = buffer.len() / piece.len() * piece.len();
            for (to, from) in buffer.iter_mut().take(whole).zip(piece.iter().cycle()) {
                *to = *from;
            }
            Ok(whole)
        }
    }
    let before = peak();
    let reader = Reader::new("the input", Endless, Some(Format::Bibtex), None).expect("it can be opened");
    assert_eq!(reader.take(100_000).filter(Result::is_ok).count(), 100_000);
    assert!(peak().saturating_sub(before) < MORE_MEMORY);
}
