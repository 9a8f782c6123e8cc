//! Whole files are told from those that were damaged on their way, wherever and however that happened.

#[path = "../../../tests/support/pdf.rs"]
#[expect(dead_code, reason = "the support of all tests; no one uses all of it")]
mod pdf;

use pdf::{Paper, Style};
use tierfall_plugin_pdf::examine;

fn paper() -> Paper {
    Paper::new("Reflection of Imaginary Tides", &["Ada Invented", "Émile Controuvé"], Some("10.5555/tides.4"))
}

/// Whether the examiner finds a whole document.
fn is_whole(file: &[u8]) -> bool {
    examine(file.to_vec(), 3).is_ok_and(|report| report.damage.is_empty())
}

/// The eight ways, at five places each where they have one.
fn damaged(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let latin1 = |byte: &u8| char::from(*byte);
    let with_ends = |from: &[u8], to: &[u8]| {
        let mut lines = Vec::new();
        let mut rest = file;
        while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
            lines.extend_from_slice(&rest[..at]);
            lines.extend_from_slice(to);
            rest = &rest[at + from.len()..];
        }
        lines.extend_from_slice(rest);
        lines
    };
    let mut ways = vec![
        ("decoded as UTF-8".to_owned(), String::from_utf8_lossy(file).into_owned().into_bytes()),
        ("decoded as Latin-1".to_owned(), file.iter().map(latin1).collect::<String>().into_bytes()),
        ("without the eighth bit".to_owned(), file.iter().map(|byte| byte & 0x7f).collect()),
        ("with longer line ends".to_owned(), with_ends(b"\n", b"\r\n")),
        ("with shorter line ends".to_owned(), with_ends(b"\r\n", b"\n")),
    ];
    for tenth in [1, 2, 4, 6, 7] {
        let (at, length) = (file.len() * tenth / 10, file.len() / 10);
        let other = at + length;
        let mut zeroed = file.to_vec();
        zeroed[at..at + length].fill(0);
        let mut hole = file.to_vec();
        hole.drain(at..at + length);
        let mut swapped = file.to_vec();
        (0..length).for_each(|n| swapped.swap(at + n, other + n));
        let doubled = [&file[..at + length], &file[at..]].concat();
        for (way, bytes) in
            [("zeroes", zeroed), ("a hole", hole), ("swapped blocks", swapped), ("a doubled block", doubled)]
        {
            ways.push((format!("{way} at {tenth} tenths"), bytes));
        }
    }
    ways.retain(|(_, bytes)| bytes != file);
    ways
}

/// What producers make: text as it is and compressed, in objects and in streams of objects, with fonts of their own,
/// for viewing while loading, encrypted.
const STYLES: [Style; 8] = [
    Style::Plain,
    Style::Ligatures,
    Style::NamedGlyphs,
    Style::Xmp,
    Style::ObjectStreams,
    Style::Linearised,
    Style::JunkBefore,
    Style::PrintingForbidden,
];

#[test]
fn a_file_that_was_damaged_in_the_middle_is_not_whole() {
    let mut taken = Vec::new();
    for style in STYLES {
        let file = paper().pdf(style);
        assert!(is_whole(&file), "{style:?}");
        let text = examine(file.clone(), 8).expect("readable").text;
        for (way, bytes) in damaged(&file) {
            // A file that is text throughout may be recoded, and its lines end otherwise: it is read as before.
            let report = examine(bytes, 8).ok().filter(|report| report.damage.is_empty());
            if report.is_some_and(|report| report.text != text) {
                taken.push(format!("{style:?}: {way}"));
            }
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
}

#[test]
fn damage_that_nobody_can_see_is_in_images_and_those_are_counted() {
    let file = paper().pdf(Style::Scan);
    let report = examine(file.clone(), 3).expect("a scan");
    assert!(report.damage.is_empty());
    for (way, bytes) in damaged(&file) {
        if let Ok(report) = examine(bytes, 3)
            && report.damage.is_empty()
        {
            assert!(report.unchecked > 0, "{way}");
        }
    }
}

/// A table with every offset one too large.
fn shifted(table: &str) -> String {
    let line = |line: &str| match line.split_once(" 00000 n") {
        Some((offset, rest)) => {
            format!("{:010} 00000 n{rest}\n", offset.parse::<usize>().expect("an offset") + 1)
        }
        None => format!("{line}\n"),
    };
    table.lines().map(line).collect()
}

#[test]
fn what_producers_get_wrong_is_no_damage() {
    let file = paper().pdf(Style::Plain);
    let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
    let bytes = |text: &str| text.chars().map(|c| c as u8).collect::<Vec<u8>>();
    let plain = text(&file);
    let at = plain.rfind("startxref").expect("an end");
    let table = plain.rfind("\nxref").expect("a table") + 1;
    for (name, odd) in [
        ("a wrong startxref", bytes(&format!("{}startxref\n7\n%%EOF\n", &plain[..at]))),
        ("startxref 0", bytes(&format!("{}startxref\n0\n%%EOF\n", &plain[..at]))),
        ("no end mark", bytes(plain.trim_end().strip_suffix("%%EOF").expect("an end mark"))),
        ("junk before it", paper().pdf(Style::JunkBefore)),
        ("junk behind it", bytes(&format!("{plain}<!-- seen by a proxy -->\n"))),
        ("lengths that are all wrong", bytes(&plain.replace("/Length ", "/Length 1"))),
        (
            "a table of which every line is off by one",
            bytes(&format!("{}{}", &plain[..table], shifted(&plain[table..]))),
        ),
    ] {
        let report = examine(odd, 3);
        assert!(report.as_ref().is_ok_and(|report| report.damage.is_empty()), "{name}: {report:?}");
    }
}

#[test]
fn a_document_that_lost_pages_says_so() {
    let file = paper().pdf(Style::Plain);
    let text: String = file.iter().map(|byte| char::from(*byte)).collect();
    let less: Vec<u8> = text.replace("/Count 8", "/Count 9").chars().map(|c| c as u8).collect();
    let report = examine(less, 3).expect("readable");
    assert_eq!(report.damage, ["it has 8 of the 9 pages that it says it has"]);
}
