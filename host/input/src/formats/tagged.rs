//! Records of tagged lines, whatever the tags look like: RIS, MEDLINE, Web of Science and refer differ in little
//! else.

use crate::entry::{EntryError, InputEntry};
use crate::lines::{Line, Lines};
use crate::parse::Parse;
use crate::record::Record;

/// In bytes, of the values of one record; those with abstracts and hundreds of authors take a tenth of it.
const LONGEST_RECORD: usize = 1 << 20;

/// The tags of a record and their values, in its order.
pub(super) type Tags = [(String, String)];

/// How one format writes records.
pub(super) struct Dialect {
    /// The tag and the value of a line; `None` for a line that continues the value before it.
    pub tag: fn(&str) -> Option<(&str, &str)>,
    /// What the first line of a record has.
    pub first: &'static [&'static str],
    /// What the last line of a record has.
    pub last: &'static [&'static str],
    /// Whether a blank line ends a record.
    pub blank_ends: bool,
    /// What the file itself has, outside of records.
    pub outside: &'static [&'static str],
    /// Tags whose lines are values of their own: one author each.
    pub line_by_line: &'static [&'static str],
    /// What a record says.
    pub record: fn(&Tags) -> Record,
    /// For people, where there is no tag at all.
    pub none: &'static str,
}

pub(super) struct Tagged {
    dialect: &'static Dialect,
    /// A line that is no tag, if there was nothing else yet.
    junk: Option<u64>,
    any: bool,
}

impl Tagged {
    pub(super) fn new(dialect: &'static Dialect) -> Self {
        Self { dialect, junk: None, any: false }
    }
}

/// A record that is being read.
#[derive(Default)]
struct Open {
    line: u64,
    tags: Vec<(String, String)>,
    held: usize,
}

impl Open {
    fn hold(&mut self, tag: &str, value: &str, anew: bool) {
        self.held += tag.len() + value.len() + 48;
        if self.held > LONGEST_RECORD {
            return;
        }
        match self.tags.last_mut() {
            Some((_, text)) if !anew => {
                text.push(' ');
                text.push_str(value);
            }
            _ => self.tags.push((tag.to_owned(), value.to_owned())),
        }
    }
}

impl Parse for Tagged {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        let dialect = self.dialect;
        let mut open: Option<Open> = None;
        loop {
            let line = match lines.next() {
                Some(Ok(line)) => line,
                Some(Err(bad)) => return Some(Err(bad)),
                None => break,
            };
            let text = line.text.trim_start_matches('\u{feff}');
            match (dialect.tag)(text) {
                Some((tag, _)) if dialect.last.contains(&tag) && open.is_some() => break,
                Some((tag, _)) if dialect.last.contains(&tag) || dialect.outside.contains(&tag) => {}
                Some((tag, _)) if dialect.first.contains(&tag) && open.is_some() => {
                    // The record before it has no end; this line begins the next one.
                    lines.put_back([line]);
                    break;
                }
                Some((tag, value)) => {
                    self.any = true;
                    open.get_or_insert_with(|| Open { line: line.number, ..Open::default() })
                        .hold(tag, value, true);
                }
                None if text.trim().is_empty() => {
                    if dialect.blank_ends && open.is_some() {
                        break;
                    }
                }
                None => match open.as_mut() {
                    // Long values continue on the next line.
                    Some(open) => {
                        let tag = open.tags.last().map(|(tag, _)| tag.clone()).unwrap_or_default();
                        let anew = dialect.line_by_line.contains(&tag.as_str());
                        open.hold(&tag, text.trim(), anew);
                    }
                    None => self.outside(&line),
                },
            }
        }
        let Some(open) = open else {
            let line = self.junk.take().filter(|_| !self.any)?;
            return Some(Err(EntryError::new(line, dialect.none)));
        };
        if open.held > LONGEST_RECORD {
            let message = "the record is longer than 1 MiB, and is left out";
            return Some(Err(EntryError::new(open.line, message)));
        }
        Some((dialect.record)(&open.tags).into_entry(open.line, "the record"))
    }
}

impl Tagged {
    /// Exports begin with lines about themselves, and number their records.
    fn outside(&mut self, line: &Line) {
        if !self.any {
            self.junk.get_or_insert(line.number);
        }
    }
}

/// The tag and the value of `TI A title`: two characters and a space, as Web of Science and RefWorks have them.
pub(super) fn two_letters(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = (line.get(..2)?, line.get(2..)?);
    let mut bytes = tag.bytes();
    let named = bytes.next().is_some_and(|byte| byte.is_ascii_uppercase())
        && bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (named && (rest.is_empty() || rest.starts_with([' ', '\t']))).then(|| (tag, rest.trim()))
}

/// The first value of a tag.
pub(super) fn value<'a>(tags: &'a Tags, wanted: &str) -> Option<&'a str> {
    tags.iter().find(|(tag, _)| tag == wanted).map(|(_, value)| value.as_str())
}

/// Whether one of these tags says that the record comes from PubMed, so that its accession number is a PMID.
pub(super) fn is_from_pubmed(tags: &Tags, databases: &[&str]) -> bool {
    databases.iter().filter_map(|tag| value(tags, tag)).any(|database| {
        let database = database.to_ascii_lowercase();
        ["pubmed", "medline", "nlm"].iter().any(|name| database.contains(name))
    })
}

/// Whether a value says itself what it is: programs put identifiers into whatever tag is free.
pub(super) fn says_its_kind(text: &str) -> bool {
    let head = |prefix: &str| text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    ["doi", "10.", "pmid", "pmc", "arxiv:"].iter().any(|prefix| head(prefix))
}
