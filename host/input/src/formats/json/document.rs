//! Objects and strings that go over several lines, or stand many on one.

use crate::entry::EntryError;
use crate::lines::{LONGEST, Line, Lines};

/// The values of a document, each as a line of its own.
#[derive(Default)]
pub(super) struct Document {
    /// A line of which this many bytes were taken.
    rest: Option<(Line, usize)>,
}

impl Document {
    /// The next object or string. A broken one is given up at the first line that ends within a string; reading
    /// resumes at the next object that is not indented more than it.
    pub(super) fn value(&mut self, lines: &mut Lines) -> Option<Result<Line, EntryError>> {
        let mut open: Option<Open> = None;
        loop {
            let (line, begin) = match lines.resume(&mut self.rest) {
                Some(Ok(line)) => line,
                Some(Err(bad)) => return Some(Err(bad)),
                None => return open.map(|open| Err(EntryError::new(open.line, "the object has no end"))),
            };
            let mut text = line.text.get(begin..).unwrap_or_default();
            if open.is_none() {
                let value = text.trim_start_matches([' ', '\t', '\r', ',', '[', ']', '\u{feff}']);
                if value.is_empty() {
                    continue;
                }
                if !value.starts_with(['{', '"']) {
                    // A number or a word between values; the line goes on behind it.
                    let end = value.find([',', ']', '{', '"']).unwrap_or(value.len());
                    let at = line.text.len() - value.len() + end.max(1);
                    let number = line.number;
                    if line.text.get(at..).is_some_and(|rest| !rest.is_empty()) {
                        self.rest = Some((line, at));
                    }
                    return Some(Err(EntryError::new(
                        number,
                        "it is JSON, but neither an object nor a string",
                    )));
                }
                let indent = text.len() - value.len();
                open = Some(Open { line: line.number, indent, text: String::new(), depth: 0 });
                text = value;
            }
            let current = open.as_mut()?;
            match current.take(text) {
                Part::Whole(length) => {
                    let at = line.text.len() - text.len() + length;
                    self.rest = Some((line, at));
                    return open.map(|open| Ok(Line { number: open.line, text: open.text }));
                }
                Part::Open if current.text.len() <= LONGEST => {}
                Part::Open | Part::Broken => {
                    let bad = EntryError::new(
                        current.line,
                        "the object is broken: a string or a bracket is not closed",
                    );
                    resume(lines, current.indent);
                    return Some(Err(bad));
                }
            }
        }
    }
}

/// A value that has begun.
struct Open {
    line: u64,
    indent: usize,
    text: String,
    depth: usize,
}

enum Part {
    /// It ends after this many bytes.
    Whole(usize),
    Open,
    Broken,
}

impl Open {
    fn take(&mut self, line: &str) -> Part {
        let mut quoted = false;
        let mut escaped = false;
        for (at, byte) in line.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => continue,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => continue,
            }
            if self.depth == 0 && !quoted && !escaped {
                self.text.push_str(line.get(..=at).unwrap_or_default());
                return Part::Whole(at + 1);
            }
        }
        self.text.push_str(line);
        self.text.push('\n');
        // JSON has no line breaks within strings.
        if quoted { Part::Broken } else { Part::Open }
    }
}

fn resume(lines: &mut Lines, indent: usize) {
    while let Some(Ok(line)) = lines.next() {
        let begin = line.text.trim_start_matches([' ', '\t', ',', '[']);
        if begin.starts_with('{') && line.text.len() - begin.len() <= indent {
            lines.put_back([line]);
            return;
        }
    }
}
