//! CSV and TSV (RFC 4180), row by row.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::rows::{Row, Source};
use crate::entry::EntryError;
use crate::lines::{Line, Lines};

/// A quoted cell may contain line breaks; one with more lines than these has a quote that is never closed.
const MOST_LINES: usize = 1000;

/// In bytes, of the lines of one row; another sign of such a quote.
const LONGEST_ROW: usize = 1 << 20;

/// Rows of text.
pub(super) struct Csv {
    cells: Cells,
}

impl Csv {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { cells: Cells::new(delimiter) }
    }
}

impl Source for Csv {
    /// A quote that is never closed would swallow the rest of the file: its line is reported, and the lines after it
    /// are read as rows of their own.
    fn row(&mut self, lines: &mut Lines) -> Option<Result<Row, EntryError>> {
        let first = match lines.next()? {
            Ok(line) => line,
            Err(bad) => return Some(Err(bad)),
        };
        let line = first.number;
        if first.text.is_empty() {
            return Some(Ok(Row { line, cells: Vec::new() }));
        }
        let cells = &mut self.cells;
        cells.restart();
        if let Some(cells) = cells.take(&first.text) {
            return Some(Ok(Row { line, cells }));
        }
        let mut ahead: Vec<Line> = Vec::new();
        let mut held = first.text.len();
        let mut failed = None;
        while ahead.len() < MOST_LINES && held < LONGEST_ROW {
            match lines.next() {
                Some(Ok(next)) => {
                    held += next.text.len();
                    let row = cells.take(&next.text);
                    ahead.push(next);
                    if let Some(cells) = row {
                        return Some(Ok(Row { line, cells }));
                    }
                }
                // A read error ends the input; it is returned again after the lines that were put back.
                Some(Err(bad)) if bad.last => {
                    failed = Some(bad);
                    break;
                }
                Some(Err(_)) => {}
                None => break,
            }
        }
        lines.put_back(ahead);
        Some(Err(failed.unwrap_or_else(|| EntryError::new(line, "a quote is opened and never closed"))))
    }
}

/// Reads a row line by line. It is reused for the next row, because building the CSV reader takes longer than
/// reading a row.
struct Cells {
    reader: Reader,
    text: Vec<u8>,
    length: usize,
    ends: Vec<usize>,
    ended: usize,
}

impl Cells {
    fn new(delimiter: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self { reader, text: vec![0; 1024], length: 0, ends: vec![0; 32], ended: 0 }
    }

    fn restart(&mut self) {
        self.reader.reset();
        self.length = 0;
        self.ended = 0;
    }

    /// Adds a line; returns the cells if the row ends with it.
    fn take(&mut self, line: &str) -> Option<Vec<String>> {
        let line = format!("{line}\n");
        let mut input = line.as_bytes();
        loop {
            let (result, read, written, ended) =
                self.reader.read_record(input, &mut self.text[self.length..], &mut self.ends[self.ended..]);
            input = &input[read..];
            self.length += written;
            self.ended += ended;
            match result {
                ReadRecordResult::InputEmpty => return None,
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                // The row has more columns than a table has; those beyond are left out.
                ReadRecordResult::OutputEndsFull if self.ends.len() >= MOST_COLUMNS => {
                    return Some(self.cells());
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => return Some(self.cells()),
            }
        }
    }

    fn cells(&self) -> Vec<String> {
        let mut begin = 0;
        self.ends[..self.ended]
            .iter()
            .map(|&end| {
                let cell = String::from_utf8_lossy(&self.text[begin..end]).into_owned();
                begin = end;
                cell
            })
            .collect()
    }
}

/// Columns of one row.
const MOST_COLUMNS: usize = 1 << 12;

/// The delimiter of a line: the one that occurs most often.
pub(super) fn delimiter(line: &str) -> u8 {
    let count = |delimiter: u8| line.bytes().filter(|&byte| byte == delimiter).count();
    // `max_by_key` returns the last of equals: a comma where there is no delimiter at all.
    *b"|;\t,".iter().max_by_key(|&&delimiter| count(delimiter)).unwrap_or(&b',')
}

/// The delimiter that a first line `sep=;` says, as Excel reads and writes it.
pub(super) fn declared(line: &str) -> Option<u8> {
    let line = line.trim_start_matches('\u{feff}').trim_start_matches('"').trim_end_matches(['\r', '\n']);
    let rest = line.get(..4).filter(|head| head.eq_ignore_ascii_case("sep=")).and_then(|_| line.get(4..))?;
    match rest.trim_end_matches('"').as_bytes() {
        [delimiter @ (b',' | b';' | b'|' | b'\t')] => Some(*delimiter),
        _ => None,
    }
}
