//! RIS: a tag of two characters, two spaces, a hyphen, a value; from `TY` to `ER`.

use crate::entry::{EntryError, InputEntry};
use crate::fields::{self, Field};
use crate::lines::{Line, Lines};
use crate::parse::{FormatSpec, Parse};
use crate::record::Record;
use tierfall_ids::IdKind;

pub(crate) const RIS: FormatSpec = FormatSpec {
    names: &["ris"],
    extensions: &["ris"],
    begins: |first, _| first.starts_with("TY  -"),
    open: |_| Ok(Box::new(Ris)),
};

/// More lines than any record has: one without its `ER` must not grow without end.
const MOST_LINES: usize = 20_000;

struct Ris;

impl Parse for Ris {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        let mut begin = None;
        let mut tags: Vec<(String, String)> = Vec::new();
        while tags.len() < MOST_LINES {
            let line = match lines.next() {
                Some(Ok(line)) => line,
                Some(Err(bad)) => return Some(Err(bad)),
                None => break,
            };
            match tag(&line) {
                Some(("ER", _)) if begin.is_some() => break,
                Some(("ER", _)) => {}
                Some(("TY", _)) if begin.is_some() => {
                    // The record before it has no `ER`; this line begins the next one.
                    lines.put_back([line]);
                    break;
                }
                Some((tag, value)) => {
                    begin.get_or_insert(line.number);
                    tags.push((tag.to_owned(), value.to_owned()));
                }
                None if line.text.trim().is_empty() => {}
                None => match tags.last_mut() {
                    // Long values continue on the next line.
                    Some((_, value)) => {
                        value.push(' ');
                        value.push_str(line.text.trim());
                    }
                    None => {
                        return Some(Err(EntryError::new(
                            line.number,
                            "it is not RIS: no tag like `TY  - `",
                        )));
                    }
                },
            }
        }
        Some(record(&tags).into_entry(begin?, "the record"))
    }
}

/// The tag and the value of a line. Some programs write one space or none before the hyphen, or no value.
fn tag(line: &Line) -> Option<(&str, &str)> {
    let text = line.text.trim_start_matches('\u{feff}');
    let (tag, rest) = (text.get(..2)?, text.get(2..)?);
    let mut characters = tag.chars();
    let named = characters.next().is_some_and(|c| c.is_ascii_uppercase())
        && characters.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let value = rest.strip_prefix("  -").or_else(|| rest.strip_prefix(" - "))?;
    named.then(|| (tag, value.trim()))
}

fn record(tags: &[(String, String)]) -> Record {
    let mut record = Record::default();
    let value = |wanted: &str| tags.iter().find(|(tag, _)| tag == wanted).map(|(_, value)| value.as_str());
    let from_pubmed = ["DB", "DP"].iter().filter_map(|tag| value(tag)).any(|database| {
        let database = database.to_ascii_lowercase();
        database.contains("pubmed") || database.contains("medline")
    });
    for (tag, text) in tags {
        match tag.as_str() {
            "DO" => record.add(Field::Id(IdKind::Doi), text),
            "AN" if from_pubmed => record.add(Field::Id(IdKind::Pmid), text),
            // Programs put identifiers that RIS has no tag for into these.
            "AN" | "C2" | "M3" | "N1" | "U1" | "U2" | "ID" if says_its_kind(text) => {
                record.add(Field::Any, text);
            }
            "UR" | "LK" | "L2" => {
                for url in text.split(';').filter(|url| url.contains("://")) {
                    record.add(Field::Id(IdKind::Url), url);
                }
            }
            "TI" | "T1" | "CT" => record.add(Field::Title, text),
            "AU" | "A1" => record.facts.authors.push(fields::family_name(text)),
            "PY" | "Y1" | "DA" => record.add(Field::Year, text),
            _ => {}
        }
    }
    if let (Some(from), Some(to)) = (value("SP"), value("EP")) {
        record.add(Field::Pages, &format!("{from}-{to}"));
    } else if let Some(range) = value("SP") {
        record.add(Field::Pages, range);
    }
    record
}

fn says_its_kind(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["doi", "10.", "pmid", "pmc", "arxiv:"].iter().any(|prefix| text.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use crate::tests::read;

    #[test]
    fn a_record_gives_its_identifiers_and_facts() {
        let source = "TY  - JOUR\r\nAU  - Piwowar, Heather A.\r\nAU  - Day, Roger S.\r\nPY  - 2007/03/21/\r\n\
            TI  - Sharing Detailed Research Data\r\n      Is Associated\r\nSP  - e308\r\nUR  - https://example.org/a; https://doi.org/10.1371/journal.pone.0000308\r\n\
            DO  - 10.1371/journal.pone.0000308\r\nC2  - PMC1817752\r\nER  - \r\n\r\n\
            TY  - JOUR\nDB  - PubMed\nAN  - 17375194\nSP  - 12\nEP  - 19\nER  -\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        1: 10.1371/journal.pone.0000308 => doi:10.1371/journal.pone.0000308 pmcid:PMC1817752 | Sharing Detailed Research Data Is Associated | Piwowar; Day | 2007 | https://example.org/a
        13: 17375194 => pmid:17375194 | 8 pages
        "#);
    }

    #[test]
    fn a_record_without_an_end_or_an_identifier_costs_only_itself() {
        let source = "junk\nTY  - JOUR\nTI  - No id\nTY  - JOUR\nDO  - 10.1371/a\nER  - \nTY  - BOOK\nTI  - No id either\nER  - \nTY  - JOUR\nDO  - 10.1371/b\n";
        insta::assert_snapshot!(read(source, Some(crate::Format::Ris), None), @r#"
        1! it is not RIS: no tag like `TY  - `
        2! the record has no identifier
        4: 10.1371/a => doi:10.1371/a
        7! the record has no identifier
        10: 10.1371/b => doi:10.1371/b
        "#);
    }
}
