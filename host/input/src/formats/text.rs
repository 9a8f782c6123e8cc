//! Plain text: one identifier a line. `#` begins a comment at the beginning of a line or after a space; elsewhere it
//! may be part of a DOI.

use crate::entry::{EntryError, InputEntry};
use crate::lines::Lines;
use crate::parse::{FormatSpec, Parse};
use tierfall_work::Work;

pub(crate) const TEXT: FormatSpec = FormatSpec {
    names: &["text", "txt"],
    extensions: &[],
    // Whatever no other format recognises.
    begins: |_, _| false,
    open: |_| Ok(Box::new(Text)),
};

struct Text;

impl Parse for Text {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        loop {
            let line = match lines.next()? {
                Ok(line) => line,
                Err(bad) => return Some(Err(bad)),
            };
            let text = without_comment(&line.text).trim();
            if text.is_empty() {
                continue;
            }
            return Some(match text.parse() {
                Ok(id) => Ok(InputEntry { line: line.number, raw: text.to_owned(), work: Work::new(id) }),
                Err(error) => Err(EntryError::new(line.number, error.to_string())),
            });
        }
    }
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.split_once(" #").or_else(|| line.split_once("\t#")).map_or(line, |(text, _)| text)
}
