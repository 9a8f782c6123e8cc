//! Opening an input and reading it to its end.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::MultiGzDecoder;
use tierfall_work::Work;

use crate::detect;
use crate::entry::{BadEntry, EntryError, InputEntry};
use crate::formats::Format;
use crate::lines::Lines;
use crate::parse::{OpenError, Opening, Parse};

/// Works from one input, in the input's order. An entry that cannot be read is an error, and the next one follows.
pub struct Reader {
    origin: String,
    lines: Lines,
    parser: Box<dyn Parse>,
    ended: bool,
}

/// Opens a file, or standard input when `path` is `-`. Gzip is unpacked, and UTF-16 with a byte-order mark is
/// decoded.
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
) -> impl Iterator<Item = Result<InputEntry, BadEntry>> {
    arguments.into_iter().zip(1..).map(|(raw, line)| match raw.parse() {
        Ok(id) => Ok(InputEntry { line, raw, work: Work::new(id) }),
        Err(error) => {
            Err(BadEntry { origin: "arguments".into(), line, message: error.to_string(), last: false })
        }
    })
}

impl Reader {
    /// Reads from anything; `origin` names it in messages. `format` and `column` are those of [`open`].
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
        let parser = (format.spec().open)(Opening { origin, lines: &mut lines, column })?;
        Ok(Self { origin: origin.to_owned(), lines, parser, ended: false })
    }
}

impl Iterator for Reader {
    type Item = Result<InputEntry, BadEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.parser.entry(&mut self.lines) {
            Some(Ok(entry)) => Some(Ok(entry)),
            Some(Err(EntryError { line, message, last })) => {
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

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Unpacks gzip and turns UTF-16 into UTF-8, both known by their first bytes.
fn decoded(source: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut source = BufReader::new(source);
    // A pipe may deliver them one at a time.
    let mut first = Vec::new();
    source.by_ref().take(2).read_to_end(&mut first)?;
    let gzipped = first == [0x1f, 0x8b];
    let source = Cursor::new(first).chain(source);
    let plain: Box<dyn Read + Send> =
        if gzipped { Box::new(MultiGzDecoder::new(source)) } else { Box::new(source) };
    Ok(Box::new(DecodeReaderBytesBuilder::new().strip_bom(true).build(plain)))
}

/// How many bytes are searched for the line that decides the format: more than the header of any table has.
const ENOUGH: usize = 8 << 10;

/// Enough of the input to recognise its format, and no more: somebody may be typing it.
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
