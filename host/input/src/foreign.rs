//! What is given in place of a bibliography, by name and with what to do about it.

use crate::beginning::Beginning;

/// Something that holds no list of works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub what: &'static str,
    pub advice: &'static str,
}

/// What a file is by its first bytes, if it is no text. Archives are looked into elsewhere.
pub(crate) fn binary(magic: &[u8]) -> Option<Foreign> {
    const UNPACK: &str = "unpack it, and give the files in it";
    const EXPORT: &str = "export its columns as CSV or JSON lines";
    const KINDS: [(&[u8], &str, &str); 14] = [
        (b"%PDF", "a PDF", "give the DOI of the work, or the reference list as text with --format prose"),
        (b"PAR1", "a Parquet file", EXPORT),
        (b"ARROW1", "an Arrow file", EXPORT),
        (b"SQLite f", "an SQLite database", EXPORT),
        (b"\x89HDF", "an HDF5 file", EXPORT),
        (
            b"\xd0\xcf\x11\xe0",
            "an old Office file (.xls or .doc)",
            "save it as .xlsx, as CSV, or as plain text",
        ),
        (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it first (zstd -d)"),
        (b"\xfd7zXZ", "packed with xz", "unpack it first (xz -d)"),
        (b"BZh", "packed with bzip2", "unpack it first (bzip2 -d)"),
        (b"7z\xbc\xaf", "a 7-Zip archive", UNPACK),
        (b"Rar!", "a RAR archive", UNPACK),
        (b"\x1f\x8b", "packed twice with gzip", "unpack it once (gzip -d)"),
        (b"\x7fELF", "a program", "give a list of works"),
        (b"bplist00", "a binary property list", "export it as BibTeX, RIS or CSV"),
    ];
    KINDS
        .iter()
        .find(|(begins, ..)| magic.starts_with(begins))
        .map(|(_, what, advice)| Foreign { what, advice })
}

/// What a text is that is written for something else.
pub(crate) fn text(beginning: &Beginning<'_>) -> Option<Foreign> {
    const SAVE: &str = "save the references as BibTeX, RIS or CSV, or read what it says with --format prose";
    const LIBRARY: &str = "export the library as BibTeX, RIS or CSL JSON";
    let first = beginning.first();
    if !first.starts_with('<') {
        return None;
    }
    let head: String = beginning.lines().collect::<Vec<_>>().join("\n").to_ascii_lowercase();
    let kinds = [
        ("<!doctype html", "a page in HTML", SAVE),
        ("<html", "a page in HTML", SAVE),
        ("<rdf:rdf", "RDF", LIBRARY),
        ("<collection", "MARC or BioC in XML", LIBRARY),
        ("<rss", "an RSS feed", LIBRARY),
        ("<svg", "an image", "give a list of works"),
        ("<tei", "TEI, as GROBID makes it", SAVE),
        ("<dblp", "XML of DBLP", LIBRARY),
        ("<article", "a work's full text in JATS", SAVE),
    ];
    // The whole of a name: `<collectiontitle` is none.
    let begins = |tag: &str| {
        head.match_indices(tag).any(|(at, _)| {
            head.get(at + tag.len()..)
                .is_some_and(|rest| rest.starts_with([' ', '>', '\n', '\t', '/']) || rest.is_empty())
        })
    };
    kinds.into_iter().find(|(tag, ..)| begins(tag)).map(|(_, what, advice)| Foreign { what, advice })
}

/// What an input looks like of which nothing could be read.
pub(crate) fn guess(beginning: &Beginning<'_>) -> Foreign {
    let lines: Vec<&str> = beginning.lines().collect();
    let of = |what, advice| Foreign { what, advice };
    let most =
        |holds: &dyn Fn(&str) -> bool| lines.iter().filter(|line| holds(line)).count() * 2 > lines.len();
    if lines.iter().any(|line| line.contains(['\u{0}', '\u{fffd}'])) {
        return of("no text", "give a bibliography, or a list of identifiers");
    }
    if most(&|line| line.starts_with('<')) {
        return of("XML or HTML", "export BibTeX, RIS or CSV, or read what it says with --format prose");
    }
    if most(&|line| tagged(line)) {
        return of("an export with tags", "say which one with --format ris, medline, wos or refer");
    }
    if most(&|line| line.matches(['\t', ';', '|']).count() > 1) {
        return of("a table", "say so with --format csv, and which column has the identifiers with --column");
    }
    if most(&|line| line.split_whitespace().count() > 3) {
        return of(
            "running text or a list of titles",
            "--format prose finds the identifiers in a text; titles alone are not looked up",
        );
    }
    of("something else than a list of works", "say what it is with --format")
}

/// `AB  - `, `AB- `, `AB `.
fn tagged(line: &str) -> bool {
    let tag = line.bytes().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count();
    let rest = line.get(tag..).unwrap_or_default();
    (2..=4).contains(&tag) && rest.trim_start().starts_with('-')
}
