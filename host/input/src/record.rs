//! The identifiers and facts of one row or record, whatever its format, and the work that they describe.

use tierfall_ids::{IdKind, InvalidId, WorkId};
use tierfall_work::{Facts, Work};

use crate::entry::{BY, EntryError, InputEntry};
use crate::fields::Field;
use crate::{scan, several, values, written};

/// Collects the identifiers and facts of one record.
#[derive(Debug, Default)]
pub(crate) struct Record {
    ids: Vec<(Field, String)>,
    notes: Vec<String>,
    from: Option<String>,
    to: Option<String>,
    /// What the list itself calls the work.
    key: Option<String>,
    pub facts: Facts,
}

/// In bytes; a longer title is none.
const LONGEST_TITLE: usize = 16 << 10;

/// In bytes; a longer name is none.
const LONGEST_KEY: usize = 512;

/// Authors who are kept; papers of large collaborations have more.
const MOST_AUTHORS: usize = 1000;

/// Identifiers and notes of one record that are looked at.
const MOST: usize = 64;

impl Record {
    /// Adds a value. The first title, year and page range stay; a page count replaces a range.
    pub(crate) fn add(&mut self, field: Field, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        match field {
            Field::Title if text.len() <= LONGEST_TITLE => {
                self.facts.title.get_or_insert_with(|| text.to_owned());
            }
            Field::Title => {}
            Field::Authors if self.facts.authors.is_empty() => self.facts.authors = values::authors(text),
            Field::Authors => {}
            Field::Year => self.facts.year = self.facts.year.or_else(|| values::year(text)),
            Field::Pages => self.facts.pages = self.facts.pages.or_else(|| values::page_range(text)),
            Field::FirstPage => {
                self.from.get_or_insert_with(|| text.to_owned());
            }
            Field::LastPage => {
                self.to.get_or_insert_with(|| text.to_owned());
            }
            Field::PageCount => self.facts.pages = values::page_count(text).or(self.facts.pages),
            Field::Key => self.called(text),
            Field::Note if self.notes.len() < MOST => self.notes.push(text.to_owned()),
            Field::Work | Field::Id(_) | Field::Any if self.ids.len() < MOST && !is_nothing(text) => {
                self.ids.push((field, text.to_owned()));
            }
            Field::Work | Field::Id(_) | Field::Any | Field::Note => {}
        }
    }

    /// Notes what the list itself calls the work; the first name stays.
    pub(crate) fn called(&mut self, key: &str) {
        let key = key.trim();
        if self.key.is_none() && !key.is_empty() && key.len() <= LONGEST_KEY {
            self.key = Some(key.to_owned());
        }
    }

    /// Adds one author.
    pub(crate) fn author(&mut self, name: &str) {
        let name = values::family_name(name);
        if self.facts.authors.len() < MOST_AUTHORS && !name.is_empty() {
            self.facts.authors.push(name);
        }
    }

    /// Adds a group, in whose name a comma means nothing.
    pub(crate) fn group(&mut self, name: &str) {
        let name = name.trim();
        if self.facts.authors.len() < MOST_AUTHORS && !name.is_empty() {
            self.facts.authors.push(name.to_owned());
        }
    }

    /// Whether anything was said that may be an identifier.
    pub(crate) fn has_identifiers(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Whether anything was said that a work is known by.
    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.notes.is_empty() && self.facts.title.is_none()
    }

    /// The work of the best identifier that can be read, with the other identifiers and the facts merged into it.
    /// `what` names the record in the error where it has none: "the entry `smith2007`".
    pub(crate) fn into_entry(mut self, line: u64, what: &str) -> Result<InputEntry, EntryError> {
        if self.facts.pages.is_none()
            && let (Some(from), Some(to)) = (&self.from, &self.to)
        {
            self.facts.pages = values::page_range(&format!("{from}-{to}"));
        }
        self.facts.authors.truncate(MOST_AUTHORS);
        self.ids.sort_by_key(|(field, _)| field.rank());
        let mut read = Vec::new();
        let mut numbers = Vec::new();
        let mut pages = Vec::new();
        let mut refused = None;
        for (field, raw) in std::mem::take(&mut self.ids) {
            match ids(field, &raw) {
                // In a column of any kind, a bare number is more often a row number than a PMID.
                Ok(ids) if bare_number(field, &raw) => {
                    numbers.extend(ids.into_iter().map(|id| (id, raw.clone())))
                }
                Ok(ids) => {
                    for id in ids {
                        match id.kind() {
                            IdKind::Url if is_index(&id) => {}
                            IdKind::Url => pages.push((id, raw.clone())),
                            _ => {
                                // The page that names the work is a page about it.
                                if let Some(page) = page_of(&raw) {
                                    pages.push((page, raw.clone()));
                                }
                                read.push((id, raw.clone()));
                            }
                        }
                    }
                }
                // What is only called an identifier may be anything.
                Err(_) if field == Field::Any => {}
                Err(error) => {
                    refused.get_or_insert(error);
                }
            }
        }
        if read.is_empty() {
            read = self.noted();
        }
        if read.is_empty() {
            read = numbers;
        }
        read.extend(pages);
        let mut read = read.into_iter();
        let Some((own, raw)) = read.next() else {
            return self.without_identifier(line, what, refused);
        };
        self.facts.ids = read.map(|(id, _)| id).collect();
        let mut work = Work::new(own);
        work.learn(&self.facts, BY);
        Ok(InputEntry { line, key: self.key, raw, work })
    }

    /// What notes say, if they speak of one work: several are those that it is related to.
    fn noted(&self) -> Vec<(WorkId, String)> {
        for note in &self.notes {
            // Zotero's fields that it has no place for: `PMID: 17000001` and `PMCID: PMC12`, each on its line.
            let lines = note.lines().map(str::trim).filter(|line| scan::is_labelled(line));
            let own: Vec<_> =
                lines.filter_map(|line| Some((written::one(line).ok()?, line.to_owned()))).collect();
            let kinds = |id: &WorkId| own.iter().filter(|(other, _)| other.kind() == id.kind()).count();
            if !own.is_empty() && own.iter().all(|(id, _)| kinds(id) == 1) {
                return own;
            }
            let mut works = scan::works(note).into_iter();
            if let (Some(work), None) = (works.next(), works.next()) {
                return work.into_iter().map(|found| (found.id, note.clone())).collect();
            }
        }
        Vec::new()
    }

    /// A work that is known by its title, where its authors or its year tell it from others of that title.
    fn without_identifier(
        self,
        line: u64,
        what: &str,
        refused: Option<InvalidId>,
    ) -> Result<InputEntry, EntryError> {
        if let Some(work) = Work::titled(&self.facts, BY) {
            let raw = work.known.title.as_ref().map(|said| said.value.clone()).unwrap_or_default();
            return Ok(InputEntry { line, key: self.key, raw, work });
        }
        let title = self.facts.title.as_deref().map(shortened).filter(|title| !title.is_empty());
        let garbled = refused.is_some();
        let message = match (refused, &title) {
            (Some(error), _) => error.to_string(),
            (None, Some(title)) => {
                format!(
                    "{what}, “{title}”, has no identifier, and neither authors nor a year to find its title by"
                )
            }
            (None, None) => format!("{what} has no identifier"),
        };
        let described = title.is_some().then(|| Box::new(self.facts));
        Err(EntryError {
            whole: described.is_some() || !garbled,
            described,
            key: self.key,
            ..EntryError::new(line, message)
        })
    }
}

/// What people and programs write where there is no identifier.
fn is_nothing(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "n/a"
            | "na"
            | "#n/a"
            | "nan"
            | "none"
            | "null"
            | "nil"
            | "-"
            | "--"
            | "–"
            | "—"
            | "?"
            | "0"
            | "no doi"
            | "not available"
            | "unknown"
            | "undefined"
    )
}

fn ids(field: Field, raw: &str) -> Result<Vec<WorkId>, InvalidId> {
    match field {
        Field::Id(kind) => several::all(Some(kind), raw),
        _ => several::all(None, raw),
    }
}

fn bare_number(field: Field, raw: &str) -> bool {
    !matches!(field, Field::Id(_)) && raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Pages of databases about works, which only their subscribers see.
fn is_index(id: &WorkId) -> bool {
    const HOSTS: [&str; 12] = [
        "www.scopus.com",
        "www.webofscience.com",
        "www.webofknowledge.com",
        "gateway.webofknowledge.com",
        "www.embase.com",
        "search.ebscohost.com",
        "search.proquest.com",
        "ovidsp.ovid.com",
        "scholar.google.com",
        "www.zotero.org",
        "zotero.org",
        "www.mendeley.com",
    ];
    let host = id.value().split_once("://").and_then(|(_, rest)| rest.split(['/', ':', '?']).next());
    host.is_some_and(|host| HOSTS.contains(&host))
}

/// The URL that was given, if it is that of a publisher and no registry's or proxy's own.
fn page_of(raw: &str) -> Option<WorkId> {
    let id: WorkId = raw.parse().ok()?;
    let own = id.kind() == IdKind::Url
        && !id.value().contains("proxy")
        && !id.value().contains("doi-org")
        && !id.value().contains("//api.");
    own.then_some(id)
}

/// Enough of a title to recognise it, on one line.
pub(crate) fn shortened(title: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown = String::new();
    let mut characters = title.split_whitespace().flat_map(|word| [" ", word]).flat_map(str::chars).skip(1);
    let is_plain = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    shown.extend(characters.by_ref().take(SHOWN).filter(is_plain));
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}
