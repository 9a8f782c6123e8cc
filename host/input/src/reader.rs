//! Opening an input and reading it to its end.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use tierfall_work::Work;

use crate::archive::Archive;
use crate::beginning::Beginning;
use crate::decode::{self, Returns};
use crate::detect::{self, ENOUGH};
use crate::entry::{BadEntry, EntryError, InputEntry};
use crate::foreign::{self, Foreign};
use crate::formats::Format;
use crate::formats::table::open_sheets;
use crate::formats::table::sheet::Spreadsheet;
use crate::lines::Lines;
use crate::parse::{OpenError, Opening, Parse};
use crate::written;

/// Works from one input, in the input's order. An entry that cannot be read is an error, and the next one follows.
pub struct Reader {
    origin: String,
    lines: Lines,
    parser: Box<dyn Parse>,
    ended: bool,
    /// Entries that could not be read, until one could.
    refused: Option<u32>,
    guess: Foreign,
}

/// Entries that are refused before the first work, until the input is taken for something else. Records that lack
/// nothing but an identifier do not count.
const MOST_REFUSED: u32 = 50;

/// Opens a file, or standard input when `path` is `-`. Gzip is unpacked, and UTF-16 is decoded.
///
/// Without a `format` it is what the beginning shows it to be, or that of the file's extension. `column`
/// names the column with the identifier and is for tables only; without it the columns with well-known
/// names are used, or those that hold identifiers.
pub fn open(path: &Path, format: Option<Format>, column: Option<&str>) -> Result<Reader, OpenError> {
    if path == Path::new("-") {
        return Reader::new("standard input", io::stdin(), format, column);
    }
    let origin = path.display().to_string();
    match File::open(path) {
        Ok(file) => Reader::named(&origin, file, format, detect::by_extension(path), column),
        Err(error) => Err(OpenError::Unreadable { origin, error }),
    }
}

/// Works given one by one, as on the command line.
pub fn arguments(
    arguments: impl IntoIterator<Item = String>,
) -> impl Iterator<Item = Result<InputEntry, BadEntry>> {
    arguments.into_iter().zip(1..).map(|(raw, line)| match written::one(&raw) {
        Ok(id) => Ok(InputEntry { line, key: None, raw, work: Work::new(id) }),
        Err(error) => Err(BadEntry {
            origin: "arguments".into(),
            line,
            message: error.to_string(),
            key: None,
            described: None,
            last: false,
        }),
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
        Self::named(origin, source, format, None, column)
    }

    fn named(
        origin: &str,
        source: impl Read + Send + 'static,
        format: Option<Format>,
        by_extension: Option<Format>,
        column: Option<&str>,
    ) -> Result<Self, OpenError> {
        let unreadable = |error| OpenError::Unreadable { origin: origin.to_owned(), error };
        let foreign =
            |Foreign { what, advice }| OpenError::NoBibliography { origin: origin.to_owned(), what, advice };
        let unpacked = decode::unpacked(source).map_err(unreadable)?;
        if let Some(other) = foreign::binary(&unpacked.magic) {
            return Err(foreign(other));
        }
        if unpacked.magic.starts_with(b"PK\x03\x04") {
            let archive = Archive::read(unpacked.bytes).map_err(unreadable)?;
            let kind = archive.kind();
            let broken =
                |bad: EntryError| unreadable(io::Error::new(io::ErrorKind::InvalidData, bad.message));
            let book = Spreadsheet::open(archive).map_err(broken)?.ok_or_else(|| foreign(kind))?;
            let parser = open_sheets(origin, &book, column)?;
            let origin = origin.to_owned();
            let lines = Lines::new(io::empty());
            return Ok(Self { origin, lines, parser, ended: false, refused: Some(0), guess: kind });
        }
        let mut source = decode::text(unpacked);
        let (mut read, deciding) = beginning(&mut source, column).map_err(unreadable)?;
        let returns = decode::ends_in_returns(read.get(..ENOUGH).unwrap_or(&read));
        if returns {
            Returns(&*read.clone()).read_exact(&mut read).map_err(unreadable)?;
        }
        let text = String::from_utf8_lossy(read.get(..deciding).unwrap_or(&read)).into_owned();
        let begins = Beginning::new(&text, column);
        let format = match format {
            Some(format) => format,
            None => match foreign::text(&begins).filter(|_| detect::surely(&begins).is_none()) {
                Some(other) => return Err(foreign(other)),
                None => detect::of(&begins, by_extension),
            },
        };
        let guess = foreign::guess(&begins);
        let source: Box<dyn Read + Send> = if returns { Box::new(Returns(source)) } else { source };
        let mut lines = Lines::new(BufReader::new(Cursor::new(read).chain(source)));
        let parser = (format.spec().open)(Opening { origin, lines: &mut lines, column })?;
        Ok(Self { origin: origin.to_owned(), lines, parser, ended: false, refused: Some(0), guess })
    }

    /// Counts refusals until there is a work; too many of them mean that this is something else.
    fn refuse(&mut self, error: &mut EntryError) {
        let Some(refused) = self.refused.as_mut().filter(|_| !error.whole) else { return };
        *refused += 1;
        if *refused == MOST_REFUSED && !error.last {
            let Foreign { what, advice } = self.guess;
            error.message = format!(
                "none of the first {MOST_REFUSED} entries can be read, and the rest is left: this looks like {what}; {advice}"
            );
            error.last = true;
        }
    }
}

impl Iterator for Reader {
    type Item = Result<InputEntry, BadEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.parser.entry(&mut self.lines) {
            Some(Ok(entry)) => {
                self.refused = None;
                Some(Ok(entry))
            }
            Some(Err(mut error)) => {
                self.refuse(&mut error);
                let EntryError { line, message, key, described, last, .. } = error;
                self.ended = last;
                Some(Err(BadEntry { origin: self.origin.clone(), line, message, key, described, last }))
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

/// Enough of the input to recognise its format, and no more, because somebody may be typing it; and how much of
/// that counts.
fn beginning(source: &mut impl Read, column: Option<&str>) -> io::Result<(Vec<u8>, usize)> {
    let mut bytes = Vec::new();
    while bytes.len() < ENOUGH {
        if let Some(deciding) = detect::deciding(&bytes, column) {
            return Ok((bytes, deciding));
        }
        let mut piece = [0; 1024];
        match source.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(piece.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let deciding = detect::deciding(&bytes, column).unwrap_or(bytes.len().min(ENOUGH));
    Ok((bytes, deciding))
}
