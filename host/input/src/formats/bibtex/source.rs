//! From lines to the texts of single entries, however broken the one before is.

use crate::entry::EntryError;
use crate::lines::{Line, Lines};

/// In bytes; entries with abstracts and notes take a hundredth of it.
const LONGEST_ENTRY: usize = 1 << 20;

/// The text of one entry.
pub(super) struct Source {
    pub line: u64,
    /// In lower case: `article`, `string`.
    pub kind: String,
    /// What stands between the bracket that opens the entry and the one that closes it.
    pub body: String,
    pub end: End,
}

/// How an entry ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    /// At the next entry, or with the file.
    Open,
    TooLong,
}

/// Takes entries off the lines; keeps the rest of a line on which one ended.
#[derive(Default)]
pub(super) struct Sources {
    rest: Option<(Line, usize)>,
    /// The first line that is no entry, if there was nothing else yet.
    pub junk: Option<u64>,
    pub any: bool,
}

impl Sources {
    /// From an `@` to the bracket that closes it, or to the next line on which an entry begins. Text between
    /// entries is a comment.
    pub(super) fn next(&mut self, lines: &mut Lines) -> Option<Result<Source, EntryError>> {
        let mut source: Option<(Source, Bracket)> = None;
        loop {
            let (line, begin) = match lines.resume(&mut self.rest) {
                Some(Ok(line)) => line,
                Some(Err(bad)) => return Some(Err(bad)),
                None => return source.map(|(source, _)| Ok(source)),
            };
            let text = line.text.get(begin..).unwrap_or_default();
            let mut at = begin;
            if let Some((kind, opening)) = head(text, begin > 0) {
                if let Some((source, _)) = source {
                    self.rest = Some((line, begin));
                    return Some(Ok(source));
                }
                self.any = true;
                let round = text.get(..opening).is_some_and(|head| head.ends_with('('));
                let entry = Source { line: line.number, kind, body: String::new(), end: End::Open };
                source = Some((entry, Bracket { round, depth: 0, escaped: false, quoted: false }));
                at += opening;
            } else if source.is_none() {
                if !self.any && !text.trim().is_empty() && !text.trim_start().starts_with('%') {
                    self.junk.get_or_insert(line.number);
                }
                continue;
            }
            let (current, bracket) = source.as_mut()?;
            let text = line.text.get(at..).unwrap_or_default();
            let end = bracket.closing(text);
            let taken = end.map_or(text.len(), |end| end - 1);
            if current.body.len() + taken > LONGEST_ENTRY {
                current.end = End::TooLong;
            }
            if current.end != End::TooLong {
                current.body.push_str(text.get(..taken).unwrap_or_default());
                current.body.push('\n');
            }
            if let Some(end) = end {
                if current.end == End::Open {
                    current.end = End::Closed;
                }
                self.rest = Some((line, at + end));
                return source.map(|(source, _)| Ok(source));
            }
        }
    }
}

/// The bracket that an entry was opened with, and the braces within.
struct Bracket {
    round: bool,
    depth: usize,
    escaped: bool,
    quoted: bool,
}

impl Bracket {
    /// The offset after the bracket that closes the entry, if it is on this line. BibTeX counts every brace except
    /// those after a backslash, also within quotes.
    fn closing(&mut self, line: &str) -> Option<usize> {
        self.escaped = false;
        for (at, byte) in line.bytes().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'{' => self.depth += 1,
                b'}' if self.depth > 0 => self.depth -= 1,
                b'}' if !self.round && !goes_on(line.get(at + 1..).unwrap_or_default()) => {
                    return Some(at + 1);
                }
                b'"' if self.round && self.depth == 0 => self.quoted = !self.quoted,
                b')' if self.round && self.depth == 0 && !self.quoted => return Some(at + 1),
                _ => {}
            }
        }
        None
    }
}

/// Whether another field follows a brace that seems to close the entry: then a value before it has one too many.
fn goes_on(rest: &str) -> bool {
    // No further: many entries may end on one line.
    let rest = rest.get(..rest.floor_char_boundary(64)).unwrap_or_default().trim_start();
    let name = rest.strip_prefix(',').and_then(|rest| rest.split_once('=')).map(|(name, _)| name.trim());
    name.is_some_and(|name| {
        name.len() <= 32
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b' '))
    })
}

/// The kind of the entry that begins on this line, and the offset after the bracket that opens it. `behind` another
/// entry, text may precede it.
fn head(line: &str, behind: bool) -> Option<(String, usize)> {
    let before = if behind { line.find('@')? } else { 0 };
    let rest = line.get(before..)?;
    let begin = rest.trim_start_matches(['\u{feff}', ' ', '\t', ',', '}']);
    let name = begin.strip_prefix('@')?.trim_start();
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))?;
    let kind = name.get(..end).filter(|kind| !kind.is_empty())?;
    let opening = name.get(end..)?.trim_start();
    opening.starts_with(['{', '(']).then(|| (kind.to_ascii_lowercase(), line.len() - opening.len() + 1))
}
