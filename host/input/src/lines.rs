//! Lines with their numbers, of bounded length.

use std::collections::VecDeque;
use std::io::{BufRead, Read};

use super::Bad;

/// More than any record has: the longest works of OpenAlex, with thousands of authors, take a few MiB.
pub(super) const LONGEST: usize = 16 << 20;

/// A line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub number: u64,
    pub text: String,
}

pub(super) struct Lines {
    source: Box<dyn BufRead + Send>,
    read: u64,
    /// Lines that were read ahead, and are to be read again.
    returned: VecDeque<Line>,
}

impl Lines {
    pub(super) fn new(source: impl BufRead + Send + 'static) -> Self {
        Self { source: Box::new(source), read: 0, returned: VecDeque::new() }
    }

    /// The next line; a line that is too long is an error, and left out.
    pub(super) fn next(&mut self) -> Option<Result<Line, Bad>> {
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
                return Some(Err(Bad { line: number, message, last: true }));
            }
        }
        if bytes.last() != Some(&b'\n') && bytes.len() == LONGEST {
            let message = format!("the line is longer than {} MiB", LONGEST >> 20);
            return Some(Err(match self.skip_line() {
                Ok(()) => Bad::new(number, message),
                Err(error) => Bad { line: number, message: format!("{message}, and {error}"), last: true },
            }));
        }
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        Some(Ok(Line { number, text: decoded(bytes) }))
    }

    /// Lines to be read again, in their order.
    pub(super) fn put_back(&mut self, lines: impl IntoIterator<Item = Line, IntoIter: DoubleEndedIterator>) {
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

/// What is not UTF-8 is read as Latin-1, in which older reference managers write.
fn decoded(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect())
}
