//! From the text of an entry to its fields, as people write them: names with spaces, values without quotes, commas
//! that are missing.

use super::strings::Strings;

/// In bytes; a longer value is cut.
const LONGEST_VALUE: usize = 256 << 10;

/// Fields of an entry that are read.
const MOST_FIELDS: usize = 500;

/// One field, its name in lower case and without blanks.
pub(super) struct Field {
    pub name: String,
    /// As it was written, without the outer brackets; abbreviations are replaced.
    pub value: String,
}

/// The key of an entry and its fields, in their order.
pub(super) fn read(body: &str, strings: &Strings) -> (String, Vec<Field>) {
    let (key, rest) = key(body);
    let mut fields = Vec::new();
    let mut cursor = Cursor { rest };
    while fields.len() < MOST_FIELDS {
        let Some(name) = cursor.name() else { break };
        let value = cursor.value(strings);
        if !name.is_empty() {
            fields.push(Field { name, value });
        }
    }
    (key, fields)
}

/// The fields of an entry whose brackets cannot be trusted: those that stand on a line of their own.
pub(super) fn salvaged(body: &str, strings: &Strings) -> (String, Vec<Field>) {
    let (key, _) = key(body);
    let fields = body.lines().take(MOST_FIELDS).filter_map(|line| {
        let mut cursor = Cursor { rest: line };
        let name = cursor.name()?;
        let rest = cursor.rest.trim();
        let whole = rest.trim_end_matches(',').trim_end();
        // A value that goes on over the line is not known to its end.
        let opened = rest.starts_with(['{', '"']);
        let closed = whole.len() > 1 && whole.ends_with(['}', '"']);
        (!name.is_empty() && (!opened || closed)).then(|| Field { name, value: cursor.value(strings) })
    });
    (key, fields.collect())
}

/// What stands before the first comma, unless that is a field already; with the rest.
fn key(body: &str) -> (String, &str) {
    let line = body.find('\n').unwrap_or(body.len());
    let equals = body.find('=').unwrap_or(body.len());
    let end = match body.find(',') {
        Some(comma) if comma < equals => comma,
        // `@article{key` without its comma, or `@article{title = …` without a key.
        _ if line < equals => line,
        _ if equals < body.len() => 0,
        _ => body.len(),
    };
    let (key, rest) = body.split_at_checked(end).unwrap_or((body, ""));
    (key.split_whitespace().collect::<Vec<_>>().join(" "), rest)
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// What stands before the next `=`. Where that is more than a name, something before it was broken, and the name
    /// is what follows the last comma or line break.
    fn name(&mut self) -> Option<String> {
        let (before, rest) = self.rest.split_once('=')?;
        self.rest = rest;
        let name = before.rsplit([',', '\n', '}', '"', '{']).next().unwrap_or_default();
        let name: String = name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
        Some(if name.len() <= 64 { name } else { String::new() })
    }

    /// Pieces in braces, in quotes or in neither, joined by `#`.
    fn value(&mut self, strings: &Strings) -> String {
        let mut value = String::new();
        loop {
            self.rest = self.rest.trim_start();
            let piece = match self.rest.bytes().next() {
                Some(b'{') => self.braced(),
                Some(b'"') => self.quoted(),
                _ => strings.meaning(self.bare()),
            };
            let room = LONGEST_VALUE.saturating_sub(value.len());
            value.push_str(piece.get(..piece.floor_char_boundary(room)).unwrap_or_default());
            match self.rest.trim_start().strip_prefix('#') {
                Some(rest) => self.rest = rest,
                None => return value,
            }
        }
    }

    fn braced(&mut self) -> &'a str {
        self.enclosed(|byte, depth| byte == b'}' && depth == 0)
    }

    fn quoted(&mut self) -> &'a str {
        self.enclosed(|byte, depth| byte == b'"' && depth == 0)
    }

    /// From behind an opening bracket to the one that closes it, or to the end of the entry.
    fn enclosed(&mut self, closes: impl Fn(u8, usize) -> bool) -> &'a str {
        let text = self.rest.get(1..).unwrap_or_default();
        let (mut depth, mut escaped) = (0_usize, false);
        for (at, byte) in text.bytes().enumerate() {
            if escaped {
                escaped = false;
            } else if closes(byte, depth) {
                self.rest = text.get(at + 1..).unwrap_or_default();
                return text.get(..at).unwrap_or_default();
            } else {
                match byte {
                    b'\\' => escaped = true,
                    b'{' => depth += 1,
                    b'}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
        }
        self.rest = "";
        text
    }

    /// A number, an abbreviation, or a value that somebody forgot to quote.
    fn bare(&mut self) -> &'a str {
        let end = self.rest.find([',', '\n', '#', '}']).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        value.trim()
    }
}
