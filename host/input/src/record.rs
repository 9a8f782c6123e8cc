//! The identifiers and facts of one row or record, whatever its format, and the work that they describe.

use crate::entry::{BY, EntryError, InputEntry};
use crate::fields::{self, Field};
use tierfall_ids::{IdKind, InvalidId, WorkId};
use tierfall_work::{Facts, Work};

/// Collects the identifiers and facts of one record.
#[derive(Debug, Default)]
pub(crate) struct Record {
    ids: Vec<(Field, String)>,
    pub facts: Facts,
}

impl Record {
    /// Adds a value. The first title, year and page range stay; a page count replaces a range.
    pub(crate) fn add(&mut self, field: Field, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        match field {
            Field::Title => {
                self.facts.title.get_or_insert_with(|| text.to_owned());
            }
            Field::Authors if self.facts.authors.is_empty() => self.facts.authors = fields::authors(text),
            Field::Authors => {}
            Field::Year => self.facts.year = self.facts.year.or_else(|| fields::year(text)),
            Field::Pages => self.facts.pages = self.facts.pages.or_else(|| fields::page_range(text)),
            Field::PageCount => self.facts.pages = fields::page_count(text).or(self.facts.pages),
            Field::Work | Field::Id(_) | Field::Any => self.ids.push((field, text.to_owned())),
        }
    }

    /// The work of the best identifier that can be read, with the other identifiers and the facts merged into it.
    /// `what` names the record in the error where it has none: "the entry `smith2007`".
    pub(crate) fn into_entry(mut self, line: u64, what: &str) -> Result<InputEntry, EntryError> {
        self.ids.sort_by_key(|(field, _)| field.rank());
        let mut read = Vec::new();
        let mut numbers = Vec::new();
        let mut refused = None;
        for (field, raw) in self.ids {
            match parse(field, &raw) {
                // In a column of any kind, a bare number is more often a row number than a PMID.
                Ok(id) if id.kind() == IdKind::Pmid && bare_number(field, &raw) => numbers.push((id, raw)),
                Ok(id) => read.push((id, raw)),
                Err(error) => {
                    refused.get_or_insert(error);
                }
            }
        }
        if read.is_empty() {
            read = numbers;
        }
        let mut read = read.into_iter();
        let Some((own, raw)) = read.next() else {
            let reason =
                refused.map_or_else(|| format!("{what} has no identifier"), |error| error.to_string());
            return Err(EntryError::new(line, reason));
        };
        self.facts.ids = read.map(|(id, _)| id).collect();
        let mut work = Work::new(own);
        work.learn(&self.facts, BY);
        Ok(InputEntry { line, raw, work })
    }
}

fn parse(field: Field, raw: &str) -> Result<WorkId, InvalidId> {
    match field {
        Field::Id(kind) => WorkId::parse_as(kind, raw),
        _ => raw.parse(),
    }
}

fn bare_number(field: Field, raw: &str) -> bool {
    !matches!(field, Field::Id(IdKind::Pmid)) && raw.bytes().all(|byte| byte.is_ascii_digit())
}
