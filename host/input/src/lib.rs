//! Reading works from arguments, standard input and files: one at a time, however many there are.

mod bibtex;
mod dedupe;
mod detect;
mod fields;
mod json;
mod lines;
mod record;
mod ris;
mod table;
mod text;

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::str::FromStr;

use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::MultiGzDecoder;

pub use dedupe::Dedupe;

use self::lines::Lines;
use tierfall_work::Work;

/// A work as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where it begins, from 1.
    pub line: u64,
    /// The identifier as it was written: the line of a text file, the DOI field of a record.
    pub raw: String,
    /// What the record says of it is known `by` [`BY`].
    pub work: Work,
}

/// A line or a record that cannot be read. The next one can, unless `last`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}, line {line}: {message}")]
pub struct BadEntry {
    /// The file's name as it was given, `standard input`, or `arguments`.
    pub origin: String,
    /// From 1; of arguments, which one.
    pub line: u64,
    pub message: String,
    /// Reading itself failed, so that nothing follows.
    pub last: bool,
}

/// Who says what comes with the work.
pub const BY: &str = "input";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// One identifier a line; `#` begins a comment.
    Text,
    /// With a header; commas, semicolons or bars.
    Csv,
    /// With a header; tabs.
    Tsv,
    /// One object a line, an array of them, or one after the other.
    Json,
    Bibtex,
    Ris,
}

/// Why an input cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("failed to open {origin}: {error}")]
    Unreadable { origin: String, error: io::Error },
    #[error("{origin} has no column `{column}`; its columns are {columns}")]
    NoSuchColumn { origin: String, column: String, columns: String },
    #[error(
        "{origin} has no column that is known to hold identifiers (its columns are {columns}); \
         say which one with --column"
    )]
    NoIdColumn { origin: String, columns: String },
}

/// `text` names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a format; formats are text, csv, tsv, json, bibtex and ris")]
pub struct UnknownFormat(String);

/// Works from one input, in its order.
pub struct Reader {
    origin: String,
    lines: Lines,
    parser: Box<dyn Parse>,
    ended: bool,
}

/// Opens a file, or standard input when `path` is `-`. What is gzipped is unpacked, and UTF-16 with a
/// byte-order mark is read as such.
///
/// Without a `format` it is that of the file's extension, or what its beginning looks like. `column`
/// names the column with the identifier and is for tables only; without it the columns with well-known
/// names are used.
pub fn open(path: &Path, format: Option<Format>, column: Option<&str>) -> Result<Reader, OpenError> {
    if path == Path::new("-") {
        return Reader::new("standard input", io::stdin(), format, column);
    }
    let origin = path.display().to_string();
    let by_extension = || detect::by_extension(path);
    match File::open(path) {
        Ok(file) => Reader::new(&origin, file, format.or_else(by_extension), column),
        Err(error) => Err(OpenError::Unreadable { origin, error }),
    }
}

/// Works given one by one, as on the command line.
pub fn arguments(
    arguments: impl IntoIterator<Item = String>,
) -> impl Iterator<Item = Result<Entry, BadEntry>> {
    arguments.into_iter().zip(1..).map(|(raw, line)| match raw.parse() {
        Ok(id) => Ok(Entry { line, raw, work: Work::new(id) }),
        Err(error) => {
            Err(BadEntry { origin: "arguments".into(), line, message: error.to_string(), last: false })
        }
    })
}

impl Reader {
    /// Reads from anything; `origin` names it in messages.
    pub fn new(
        origin: &str,
        source: impl Read + Send + 'static,
        format: Option<Format>,
        column: Option<&str>,
    ) -> Result<Self, OpenError> {
        let unreadable = |error| OpenError::Unreadable { origin: origin.to_owned(), error };
        let mut source = decoded(source).map_err(unreadable)?;
        let beginning = beginning(&mut source).map_err(unreadable)?;
        let format = format.unwrap_or_else(|| {
            let looked_at = beginning.get(..ENOUGH).unwrap_or(&beginning);
            detect::by_content(&String::from_utf8_lossy(looked_at), column)
        });
        let mut lines = Lines::new(BufReader::new(Box::new(Cursor::new(beginning).chain(source))));
        let parser: Box<dyn Parse> = match format {
            Format::Text => Box::new(text::Text),
            Format::Csv | Format::Tsv => {
                Box::new(table::Table::new(origin, &mut lines, format == Format::Tsv, column)?)
            }
            Format::Json => Box::new(json::Json::default()),
            Format::Bibtex => Box::new(bibtex::Bibtex::default()),
            Format::Ris => Box::new(ris::Ris),
        };
        Ok(Self { origin: origin.to_owned(), lines, parser, ended: false })
    }
}

impl Iterator for Reader {
    type Item = Result<Entry, BadEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.parser.entry(&mut self.lines) {
            Some(Ok(entry)) => Some(Ok(entry)),
            Some(Err(Bad { line, message, last })) => {
                self.ended = last;
                Some(Err(BadEntry { origin: self.origin.clone(), line, message, last }))
            }
            None => {
                self.ended = true;
                None
            }
        }
    }
}

impl Format {
    pub const ALL: [Self; 6] = [Self::Text, Self::Csv, Self::Tsv, Self::Json, Self::Bibtex, Self::Ris];

    pub fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Bibtex => "bibtex",
            Self::Ris => "ris",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text.to_ascii_lowercase().as_str() {
            "text" | "txt" => Ok(Self::Text),
            "csv" => Ok(Self::Csv),
            "tsv" | "tab" => Ok(Self::Tsv),
            "json" | "jsonl" | "ndjson" | "csl" => Ok(Self::Json),
            "bibtex" | "biblatex" | "bib" => Ok(Self::Bibtex),
            "ris" => Ok(Self::Ris),
            _ => Err(UnknownFormat(text.to_owned())),
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// One format: takes the lines of one entry and reads them.
trait Parse: Send {
    /// `None` at the end. Having answered with an error, it goes on behind what it could not read.
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<Entry, Bad>>;
}

/// A [`BadEntry`] that does not know its origin.
#[derive(Debug)]
struct Bad {
    line: u64,
    message: String,
    last: bool,
}

impl Bad {
    fn new(line: u64, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), last: false }
    }
}

/// Unpacks gzip and turns UTF-16 into UTF-8, both known by their first bytes.
fn decoded(source: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut source = BufReader::new(source);
    // A pipe may bring them one at a time.
    let mut first = Vec::new();
    source.by_ref().take(2).read_to_end(&mut first)?;
    let gzipped = first == [0x1f, 0x8b];
    let source = Cursor::new(first).chain(source);
    let plain: Box<dyn Read + Send> =
        if gzipped { Box::new(MultiGzDecoder::new(source)) } else { Box::new(source) };
    Ok(Box::new(DecodeReaderBytesBuilder::new().strip_bom(true).build(plain)))
}

/// How far into an input its format is looked for: longer than any header of a table.
const ENOUGH: usize = 8 << 10;

/// Enough of the input to recognise it, however it arrives: somebody may be typing it.
fn beginning(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < ENOUGH && !detect::is_decided(&bytes) {
        let mut piece = [0; 1024];
        match source.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(piece.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    /// Every entry and every refusal on a line, as they come.
    pub(super) fn read(source: &str, format: Option<Format>, column: Option<&str>) -> String {
        let reader = Reader::new("the input", Cursor::new(source.to_owned()), format, column);
        reader.expect("it can be opened").map(shown).collect::<Vec<_>>().join("\n")
    }

    fn shown(entry: Result<Entry, BadEntry>) -> String {
        let Entry { line, raw, work } = match entry {
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
        let source = "# my list\n\n10.1371/journal.pone.0000308  # the first\r\n  PMC1817752\nnot an id\n10.1002/a;2-#\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        3: 10.1371/journal.pone.0000308 => doi:10.1371/journal.pone.0000308
        4: PMC1817752 => pmcid:PMC1817752
        5! `not an id` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids (W…), and http(s) URLs
        6: 10.1002/a;2-# => doi:10.1002/a;2-#
        "#);
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
}
