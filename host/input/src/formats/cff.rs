//! `CITATION.cff`: the software, how it wants to be cited, and what it refers to. Of YAML it needs only names and
//! values, and how far they are indented.

use std::collections::VecDeque;

use tierfall_ids::IdKind;

use crate::entry::{EntryError, InputEntry};
use crate::fields::Field;
use crate::lines::{Line, Lines};
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

/// That a value between quotes goes over.
const MOST_LINES: usize = 50;

/// In bytes; titles are shorter.
const LONGEST_VALUE: usize = 4 << 10;

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
    /// Of its publication, where it has no year.
    date: Option<String>,
}

impl Work {
    fn new(line: u64, what: &'static str) -> Self {
        Self { line, what, record: Record::default(), date: None }
    }
}

impl Parse for Cff {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        if self.works.is_none() {
            match works(lines) {
                Ok(works) => self.works = Some(works),
                Err(bad) => return Some(Err(bad)),
            }
        }
        let Work { line, what, mut record, date } = self.works.as_mut()?.pop_front()?;
        record.add(Field::Year, &date.unwrap_or_default());
        Some(record.into_entry(line, what))
    }
}

fn works(lines: &mut Lines) -> Result<VecDeque<Work>, EntryError> {
    let mut lines = Bounded { lines, held: 0 };
    let mut works = VecDeque::from([Work::new(1, "the software")]);
    // The names that what follows is indented under.
    let mut path: Vec<(usize, String)> = Vec::new();
    // Whether a dash stood alone on the line before.
    let mut dash = false;
    while let Some(line) = lines.next()? {
        let text = line.text.trim_start();
        let mut indent = line.text.len() - text.len();
        if text.trim_end() == "-" {
            path.retain(|(at, _)| *at <= indent);
            dash = true;
            continue;
        }
        let item = text.strip_prefix("- ");
        let begins = item.is_some() || std::mem::take(&mut dash);
        let text = item.map_or(text, str::trim_start);
        if item.is_some() {
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
            works.push_back(Work::new(line.number, what));
        }
        let own =
            path.is_empty() || (path.len() == 1 && matches!(section, "preferred-citation" | "references"));
        let value = lines.whole(value.trim(), indent)?;
        if let Some(work) = works.back_mut().filter(|_| !value.is_empty()) {
            match name {
                "date-released" | "date-published" if own => {
                    work.date.get_or_insert(value);
                }
                _ => add(&mut work.record, name, list, own, &value),
            }
        }
        path.push((indent, name.to_owned()));
    }
    // Software without a DOI is no work to look for where it says what to cite in its place.
    if works.len() > 1 && works.front().is_some_and(|software| !software.record.has_identifiers()) {
        works.pop_front();
    }
    Ok(works)
}

/// The lines of a file of bounded length.
struct Bounded<'a> {
    lines: &'a mut Lines,
    held: usize,
}

impl Bounded<'_> {
    fn next(&mut self) -> Result<Option<Line>, EntryError> {
        let Some(line) = self.lines.next().transpose()? else { return Ok(None) };
        self.held += line.text.len();
        if self.held > LONGEST {
            return Err(EntryError::ending(line.number, "the file is longer than 1 MiB, and is left"));
        }
        Ok(Some(line))
    }

    /// A value with the lines that it goes on over: those that are indented more than its name. Between quotes it
    /// goes to the other one, behind `>` and `|` over everything, and plain up to what has a name of its own.
    fn whole(&mut self, begin: &str, indent: usize) -> Result<String, EntryError> {
        let block = begin.starts_with(['>', '|']);
        let quote = begin.chars().next().filter(|c| matches!(c, '"' | '\''));
        let mut whole = if block { String::new() } else { begin.to_owned() };
        let mut over = 0;
        loop {
            if let Some(quote) = quote
                && let Some(value) = unquoted(&whole, quote)
            {
                return Ok(value);
            }
            let Some(line) = self.next()? else { break };
            over += 1;
            let text = line.text.trim();
            let deeper = line.text.len() - line.text.trim_start().len() > indent;
            let named = text.starts_with("- ")
                || text == "-"
                || text.split_once(':').is_some_and(|(name, _)| is_name(name));
            let goes_on = match quote {
                Some(_) => deeper && over < MOST_LINES,
                None if block => deeper || text.is_empty(),
                None => deeper && !named && !text.starts_with('#'),
            };
            if !goes_on {
                self.held -= line.text.len();
                self.lines.put_back([line]);
                break;
            }
            // Abstracts are longer than anything that is read here.
            if whole.len() < LONGEST_VALUE {
                if !whole.is_empty() {
                    whole.push(' ');
                }
                whole.push_str(text);
            }
        }
        let plain = if block { &whole } else { whole.split(" #").next().unwrap_or_default() };
        Ok(plain.trim_matches([' ', '"', '\'']).to_owned())
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What stands between quotes, once both are there. A quote within is doubled, or escaped.
fn unquoted(value: &str, quote: char) -> Option<String> {
    let mut characters = value.strip_prefix(quote)?.chars().peekable();
    let mut plain = String::new();
    while let Some(c) = characters.next() {
        match c {
            '\\' if quote == '"' => plain.extend(characters.next()),
            c if c != quote => plain.push(c),
            _ if quote == '\'' && characters.peek() == Some(&quote) => plain.extend(characters.next()),
            _ => return Some(plain.trim().to_owned()),
        }
    }
    None
}

/// `list` is the name that the value stands under; `own` says that it is the work itself that has it.
fn add(record: &mut Record, name: &str, list: &str, own: bool, value: &str) {
    match name {
        "value" if list == "identifiers" => record.add(Field::Any, value),
        "family-names" if list == "authors" => record.author(value),
        "name" if list == "authors" => record.group(value),
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

    #[test]
    fn values_go_on_over_lines_and_an_item_may_begin_on_the_next() {
        let source = "cff-version: 1.2.0\ntitle: A program\n  with a long name # really\nmessage: >-\n  title: no title\n\n  doi: 10.5555/no\ndate-released: 2019-01-02T00:00:00.000Z\ndoi: 10.5555/a\n\
            authors:\n- name: \"Things, Inc.\"\nreferences:\n  -\n    title: >-\n      Folded: the title\n      goes on\n    year: 2014\n    date-published: 2015-01-01\n    doi: 10.5555/b\n  -\n    title: \"Quoted \\\"title\\\":\n      over lines\"\n    doi: 10.5555/c\n\
            \n  - title: 'It''s a title'\n    doi: 10.5555/d\n    abstract: |\n      Long.\n\n      doi: 10.5555/no\n  - title:\n      On the next line\n    doi: 10.5555/e\n  - title: \"Not closed\n    doi: 10.5555/f\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        1: 10.5555/a => doi:10.5555/a | A program with a long name | Things, Inc. | 2019
        14: 10.5555/b => doi:10.5555/b | Folded: the title goes on | 2014
        21: 10.5555/c => doi:10.5555/c | Quoted "title": over lines
        25: 10.5555/d => doi:10.5555/d | It's a title
        31: 10.5555/e => doi:10.5555/e | On the next line
        34: 10.5555/f => doi:10.5555/f | Not closed
        "#);
    }
}
