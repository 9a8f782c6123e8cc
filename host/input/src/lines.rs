//! Numbered lines of bounded length.

use std::collections::VecDeque;
use std::io::{BufRead, Read};

use encoding_rs::WINDOWS_1252;

use crate::entry::EntryError;

/// In bytes. The longest works of OpenAlex, with thousands of authors, take a few MiB.
pub(crate) const LONGEST: usize = 16 << 20;

/// In bytes.
const LONGEST_PIECE: u64 = 1 << 20;

/// A line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub number: u64,
    pub text: String,
}

pub(crate) struct Lines {
    source: Box<dyn BufRead + Send>,
    read: u64,
    /// Lines that a parser put back, next first.
    returned: VecDeque<Line>,
}

impl Lines {
    pub(crate) fn new(source: impl BufRead + Send + 'static) -> Self {
        Self { source: Box::new(source), read: 0, returned: VecDeque::new() }
    }

    /// The next line. One that is too long is an error, and is skipped.
    pub(crate) fn next(&mut self) -> Option<Result<Line, EntryError>> {
        if let Some(line) = self.returned.pop_front() {
            return Some(Ok(line));
        }
        let number = self.read + 1;
        let mut bytes = Vec::new();
        let read = self.source.by_ref().take(LONGEST as u64).read_until(b'\n', &mut bytes);
        match read {
            Ok(0) => return None,
            Ok(_) => self.read = number,
            Err(error) => {
                let message = format!("failed to read on: {error}");
                return Some(Err(EntryError::ending(number, message)));
            }
        }
        if bytes.last() != Some(&b'\n') && bytes.len() == LONGEST {
            let message = format!("the line is longer than {} MiB", LONGEST >> 20);
            return Some(Err(match self.skip_line() {
                Ok(()) => EntryError::new(number, message),
                Err(error) => EntryError::ending(number, format!("{message}, and {error}")),
            }));
        }
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        Some(Ok(Line { number, text: decoded(bytes) }))
    }

    /// What comes next up to this byte, and with it, for formats in which lines mean nothing; its number is that of
    /// the line that it begins on. A longer piece is cut.
    pub(crate) fn piece(&mut self, end: u8) -> Option<Result<Line, EntryError>> {
        let number = self.read + 1;
        let mut bytes = Vec::new();
        match self.source.by_ref().take(LONGEST_PIECE).read_until(end, &mut bytes) {
            Ok(0) => None,
            Ok(_) => {
                self.read += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                Some(Ok(Line { number, text: decoded(bytes) }))
            }
            Err(error) => Some(Err(EntryError::ending(number, format!("failed to read on: {error}")))),
        }
    }

    /// What is left of a line of which some was taken, or else the next line; and where to go on in it.
    pub(crate) fn resume(
        &mut self,
        rest: &mut Option<(Line, usize)>,
    ) -> Option<Result<(Line, usize), EntryError>> {
        match rest.take() {
            Some(rest) => Some(Ok(rest)),
            None => self.next().map(|line| line.map(|line| (line, 0))),
        }
    }

    /// These lines come next again, in this order.
    pub(crate) fn put_back(&mut self, lines: impl IntoIterator<Item = Line, IntoIter: DoubleEndedIterator>) {
        for line in lines.into_iter().rev() {
            self.returned.push_front(line);
        }
    }

    fn skip_line(&mut self) -> std::io::Result<()> {
        loop {
            let buffer = self.source.fill_buf()?;
            let (used, done) = match buffer.iter().position(|&byte| byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            };
            self.source.consume(used);
            if done {
                return Ok(());
            }
        }
    }
}

/// What is not UTF-8 is taken for Windows' Latin-1, which older reference managers write.
fn decoded(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| WINDOWS_1252.decode_without_bom_handling(error.as_bytes()).0.into_owned())
}
