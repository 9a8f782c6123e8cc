//! One identifier a line; `#` begins a comment, at the beginning of a line or after a space: DOIs may
//! contain it.

use super::lines::Lines;
use super::{Bad, Entry, Parse};
use tierfall_work::Work;

pub(super) struct Text;

impl Parse for Text {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<Entry, Bad>> {
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
                Ok(id) => Ok(Entry { line: line.number, raw: text.to_owned(), work: Work::new(id) }),
                Err(error) => Err(Bad::new(line.number, error.to_string())),
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
