//! `CITATION.cff`: the software, how it wants to be cited, and what it refers to. Of YAML it needs only names and
//! values, and how far they are indented.

use std::collections::VecDeque;

use tierfall_ids::IdKind;

use crate::entry::{EntryError, InputEntry};
use crate::fields::Field;
use crate::lines::Lines;
use crate::parse::{FormatSpec, Parse};
use crate::record::Record;

pub(crate) const CFF: FormatSpec = FormatSpec {
    names: &["cff"],
    extensions: &["cff"],
    sure: true,
    looks: |beginning| beginning.all_lines().any(|line| line.starts_with("cff-version:")),
    open: |_| Ok(Box::new(Cff::default())),
};

/// In bytes; files of this kind have a few thousand.
const LONGEST: usize = 1 << 20;

/// Works of one file.
const MOST: usize = 10_000;

#[derive(Default)]
struct Cff {
    works: Option<VecDeque<Work>>,
}

/// One work that the file describes.
struct Work {
    line: u64,
    what: &'static str,
    record: Record,
}

impl Parse for Cff {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        if self.works.is_none() {
            match works(lines) {
                Ok(works) => self.works = Some(works),
                Err(bad) => return Some(Err(bad)),
            }
        }
        let Work { line, what, record } = self.works.as_mut()?.pop_front()?;
        Some(record.into_entry(line, what))
    }
}

fn works(lines: &mut Lines) -> Result<VecDeque<Work>, EntryError> {
    let mut works = VecDeque::from([Work { line: 1, what: "the software", record: Record::default() }]);
    // The names that what follows is indented under.
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut held = 0;
    while let Some(line) = lines.next() {
        let line = line?;
        held += line.text.len();
        if held > LONGEST {
            return Err(EntryError::ending(line.number, "the file is longer than 1 MiB, and is left"));
        }
        let text = line.text.trim_start();
        let mut indent = line.text.len() - text.len();
        let item = text.strip_prefix("- ");
        let (text, begins) = item.map_or((text, false), |item| (item.trim_start(), true));
        if begins {
            // An item may stand under its list without being indented.
            path.retain(|(at, _)| *at <= indent);
            indent += 2;
        }
        let Some((name, value)) = text.split_once(':').filter(|(name, _)| is_name(name)) else { continue };
        path.retain(|(at, _)| *at < indent);
        let section = path.first().map_or(name, |(_, name)| name.as_str());
        let list = path.last().map_or("", |(_, name)| name.as_str());
        let new = match section {
            "preferred-citation" if path.is_empty() => Some("the preferred citation"),
            "references" if begins && path.len() == 1 => Some("the reference"),
            _ => None,
        };
        if let Some(what) = new.filter(|_| works.len() < MOST) {
            works.push_back(Work { line: line.number, what, record: Record::default() });
        }
        let own =
            path.is_empty() || (path.len() == 1 && matches!(section, "preferred-citation" | "references"));
        let value = unquoted(value);
        if let Some(Work { record, .. }) = works.back_mut().filter(|_| !value.is_empty()) {
            add(record, name, list, own, value);
        }
        path.push((indent, name.to_owned()));
    }
    // Software without a DOI is no work to look for where it says what to cite in its place.
    if works.len() > 1 && works.front().is_some_and(|software| !software.record.has_identifiers()) {
        works.pop_front();
    }
    Ok(works)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.split_once(*quote));
    match quoted {
        Some((value, _)) => value,
        None => value.split(" #").next().unwrap_or_default().trim().trim_matches(['>', '|']),
    }
}

/// `list` is the name that the value stands under; `own` says that it is the work itself that has it.
fn add(record: &mut Record, name: &str, list: &str, own: bool, value: &str) {
    match name {
        "value" if list == "identifiers" => record.add(Field::Any, value),
        "family-names" | "name" if list == "authors" => record.author(value),
        "doi" if own => record.add(Field::Id(IdKind::Doi), value),
        "pmcid" if own => record.add(Field::Id(IdKind::Pmcid), value),
        "title" if own => record.add(Field::Title, value),
        "year" if own => record.add(Field::Year, value),
        "start" if own => record.add(Field::FirstPage, value),
        "end" if own => record.add(Field::LastPage, value),
        "pages" if own => record.add(Field::PageCount, value),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::read;

    #[test]
    fn the_software_what_to_cite_and_what_it_refers_to_are_works() {
        let source = "# YAML 1.2\ncff-version: 1.2.0\nmessage: \"Cite it: like this\"\ntitle: A program\nauthors:\n  - family-names: Doe\n    given-names: Jane\n\
            doi: 10.5555/zenodo.1\nidentifiers:\n  - type: doi\n    value: 10.5555/zenodo.2\n  - type: swh\n    value: swh:1:rel:0\n\
            preferred-citation:\n  type: article\n  title: \"The paper: a title\"\n  doi: 10.5555/paper\n  year: 2020\n  start: 1\n  end: 8\n  journal: J\n  authors:\n    - family-names: Roe\n\
            references:\n  - type: article\n    title: First\n    doi: https://doi.org/10.5555/r1\n    authors:\n      - name: A group\n  - title: Second\n    type: book\n  - type: article\n    identifiers:\n      - type: doi\n        value: 10.5555/r3\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        1: 10.5555/zenodo.1 => doi:10.5555/zenodo.1 | A program | Doe
        14: 10.5555/paper => doi:10.5555/paper | The paper: a title | Roe | 2020 | 8 pages
        25: https://doi.org/10.5555/r1 => doi:10.5555/r1 | First | A group
        30! the reference, “Second”, has no identifier, and neither authors nor a year to find its title by
        32: 10.5555/r3 => doi:10.5555/r3
        "#);
        insta::assert_snapshot!(read("cff-version: 1.2.0\ntitle: A program\nreferences:\n- doi: 10.5555/a\n  title: T\n- doi: 10.5555/b\n", None, None), @r#"
        4: 10.5555/a => doi:10.5555/a | T
        6: 10.5555/b => doi:10.5555/b
        "#);
        insta::assert_snapshot!(read("cff-version: 1.2.0\ntitle: A program\n", None, None), @r#"1! the software, “A program”, has no identifier, and neither authors nor a year to find its title by"#);
    }
}
