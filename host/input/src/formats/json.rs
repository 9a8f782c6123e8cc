//! JSON: one object a line, an array, or one object after the other; works as OpenAlex, Crossref, CSL and
//! Semantic Scholar write them, or any object that has a `doi` or an `id`.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use crate::entry::{EntryError, InputEntry};
use crate::fields::{self, Field};
use crate::lines::{LONGEST, Line, Lines};
use crate::parse::{FormatSpec, Parse};
use crate::record::Record;
use tierfall_ids::{IdKind, WorkId};

pub(crate) const JSON: FormatSpec = FormatSpec {
    names: &["json", "jsonl", "ndjson", "csl"],
    extensions: &["json", "jsonl", "ndjson"],
    begins: |first, _| first.starts_with(['{', '[']),
    open: |_| Ok(Box::new(Json::default())),
};

#[derive(Default)]
struct Json {
    layout: Option<Layout>,
    /// Works that were read and not yet returned: an API's answer holds a page of them.
    found: VecDeque<(u64, Map<String, Value>)>,
}

enum Layout {
    Lines,
    Document(Document),
}

impl Parse for Json {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        loop {
            if let Some((line, work)) = self.found.pop_front() {
                return Some(record(&work).into_entry(line, "the object"));
            }
            let object = match self.layout.get_or_insert_with(|| layout(lines)) {
                Layout::Lines => match lines.next()? {
                    Ok(line) if line.text.trim().is_empty() => continue,
                    other => other,
                },
                Layout::Document(document) => document.object(lines)?,
            };
            let line = match object {
                Ok(line) => line,
                Err(bad) => return Some(Err(bad)),
            };
            match serde_json::from_str(line.text.trim().trim_end_matches(',')) {
                Ok(Value::Object(object)) => self.found.extend(works(object).map(|work| (line.number, work))),
                // `["10.1371/a"]` is not a work, but a string on its line is.
                Ok(Value::String(id)) => {
                    let mut record = Record::default();
                    record.add(Field::Work, &id);
                    return Some(record.into_entry(line.number, "the string"));
                }
                Ok(_) => return Some(Err(EntryError::new(line.number, "it is JSON, but not an object"))),
                Err(error) => {
                    let at = line.number + error.line().saturating_sub(1) as u64;
                    let error = error.to_string();
                    // serde_json's own position counts from the beginning of the object.
                    let problem = error.split(" at line ").next().unwrap_or(&error);
                    return Some(Err(EntryError::new(at, format!("it is not JSON: {problem}"))));
                }
            }
        }
    }
}

/// One object a line if the first line is a whole value, or if the second begins another object.
fn layout(lines: &mut Lines) -> Layout {
    let mut ahead = Vec::new();
    while ahead.len() < 2 {
        match lines.next() {
            Some(Ok(line)) if line.text.trim().is_empty() => {}
            Some(Ok(line)) => ahead.push(line),
            _ => break,
        }
    }
    let whole = |line: &Line| serde_json::from_str::<serde::de::IgnoredAny>(&line.text).is_ok();
    let array = ahead.first().is_some_and(|line| line.text.trim_start().starts_with('['));
    let by_line = !array
        && (ahead.first().is_some_and(whole) || ahead.get(1).is_some_and(|line| line.text.starts_with('{')));
    lines.put_back(ahead);
    if by_line { Layout::Lines } else { Layout::Document(Document::default()) }
}

/// Objects that go over several lines.
#[derive(Default)]
struct Document {
    /// The rest of a line that held the end of an object.
    rest: Option<Line>,
}

impl Document {
    /// The next object. A broken one is given up at the first line that ends within a string; reading resumes at
    /// the next object that is not indented more than it.
    fn object(&mut self, lines: &mut Lines) -> Option<Result<Line, EntryError>> {
        let mut object: Option<Object> = None;
        loop {
            let line = match self.rest.take().map(Ok).or_else(|| lines.next()) {
                Some(Ok(line)) => line,
                Some(Err(bad)) => return Some(Err(bad)),
                None => {
                    return object.map(|object| Err(EntryError::new(object.line, "the object has no end")));
                }
            };
            let mut text = line.text.as_str();
            if object.is_none() {
                let begin = text.trim_start_matches([' ', '\t', ',', '[', ']', '\u{feff}']);
                if begin.is_empty() {
                    continue;
                }
                if !begin.starts_with('{') {
                    return Some(Err(EntryError::new(line.number, "it is not JSON: expected an object")));
                }
                let indent = text.len() - begin.len();
                object = Some(Object { line: line.number, indent, text: String::new(), depth: 0 });
                text = begin;
            }
            let current = object.as_mut()?;
            match current.take(text) {
                Member::Whole(rest) => {
                    if !rest.is_empty() {
                        self.rest = Some(Line { number: line.number, text: rest.to_owned() });
                    }
                    return object.map(|object| Ok(Line { number: object.line, text: object.text }));
                }
                Member::Part if current.text.len() <= LONGEST => {}
                Member::Part | Member::Broken => {
                    let bad = EntryError::new(
                        current.line,
                        "the object is broken: a string or a bracket is not closed",
                    );
                    resume(lines, current.indent);
                    return Some(Err(bad));
                }
            }
        }
    }
}

struct Object {
    line: u64,
    indent: usize,
    text: String,
    depth: usize,
}

enum Member<'a> {
    /// With what is left of the line.
    Whole(&'a str),
    Part,
    Broken,
}

impl Object {
    fn take<'a>(&mut self, line: &'a str) -> Member<'a> {
        let mut quoted = false;
        let mut escaped = false;
        for (at, byte) in line.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        let (head, rest) = line.split_at(at + 1);
                        self.text.push_str(head);
                        return Member::Whole(rest);
                    }
                }
                _ => {}
            }
        }
        self.text.push_str(line);
        self.text.push('\n');
        // JSON has no line breaks within strings.
        if quoted { Member::Broken } else { Member::Part }
    }
}

fn resume(lines: &mut Lines, indent: usize) {
    while let Some(Ok(line)) = lines.next() {
        let begin = line.text.trim_start_matches([' ', '\t', ',', '[']);
        if begin.starts_with('{') && line.text.len() - begin.len() <= indent {
            lines.put_back([line]);
            return;
        }
    }
}

/// The works in an object: itself, or those that an answer of an API carries.
fn works(mut object: Map<String, Value>) -> impl Iterator<Item = Map<String, Value>> {
    if let Some(Value::Object(message)) = object.get_mut("message") {
        object = std::mem::take(message);
    }
    let list = ["items", "results", "data"].into_iter().find_map(|name| match object.get_mut(name) {
        Some(Value::Array(list)) => Some(std::mem::take(list)),
        _ => None,
    });
    let works: Vec<_> = match list {
        Some(list) => list
            .into_iter()
            .filter_map(|item| match item {
                Value::Object(work) => Some(work),
                _ => None,
            })
            .collect(),
        None => vec![object],
    };
    works.into_iter()
}

fn record(work: &Map<String, Value>) -> Record {
    let mut record = Record::default();
    // In a record the bare `id` may be a citation key or the URL of a library's item.
    let described = work.contains_key("type") || work.contains_key("title");
    for (name, value) in work {
        match (name.as_str(), value) {
            ("ids" | "externalIds", Value::Object(ids)) => {
                for (name, id) in ids {
                    if let Some(field @ Field::Id(_)) = fields::named(name) {
                        add(&mut record, field, id);
                    }
                }
            }
            ("id", id) => {
                let id = text(id);
                let web = id.parse().is_ok_and(|id: WorkId| id.kind() == IdKind::Url);
                if !(described && web) {
                    record.add(Field::Any, &id);
                }
            }
            ("authorships" | "author" | "authors", Value::Array(authors)) => {
                record.facts.authors = authors.iter().filter_map(author).collect();
            }
            ("issued" | "published" | "published-print" | "published-online", Value::Object(date)) => {
                record.add(Field::Year, &year(date));
            }
            ("biblio", Value::Object(biblio)) => {
                let page = |name| biblio.get(name).map(text).unwrap_or_default();
                record.add(Field::Pages, &format!("{}-{}", page("first_page"), page("last_page")));
            }
            ("resource", resource) => {
                if let Some(url) = resource.pointer("/primary/URL") {
                    add(&mut record, Field::Id(IdKind::Url), url);
                }
            }
            ("locations", Value::Array(locations)) => {
                for url in locations.iter().filter_map(|location| location.get("landing_page_url")) {
                    add(&mut record, Field::Id(IdKind::Url), url);
                }
            }
            (name, value) => {
                if let Some(field) = fields::named(name) {
                    add(&mut record, field, value);
                }
            }
        }
    }
    record
}

/// Strings and numbers, alone or in a list; the rest says nothing.
fn add(record: &mut Record, field: Field, value: &Value) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| record.add(field, &text(value))),
        value => record.add(field, &text(value)),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Crossref and CSL know family names apart; OpenAlex has display names, Semantic Scholar names.
fn author(value: &Value) -> Option<String> {
    if let Value::String(name) = value {
        return Some(fields::family_name(name));
    }
    let name = ["/family", "/literal", "/name", "/author/display_name", "/raw_author_name"]
        .iter()
        .find_map(|path| value.pointer(path).and_then(Value::as_str))?;
    Some(name.to_owned())
}

/// `{"date-parts": [[2007, 3]]}`, or a date as text.
fn year(date: &Map<String, Value>) -> String {
    let parts = date.get("date-parts").and_then(|parts| parts.pointer("/0/0")).map(text);
    parts.or_else(|| date.get("raw").or_else(|| date.get("literal")).map(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::tests::read;

    fn json(source: &str) -> String {
        read(source, Some(Format::Json), None)
    }

    #[test]
    fn lines_of_openalex_crossref_csl_and_others_are_works() {
        let source = r#"{"id":"https://openalex.org/W2","doi":"https://doi.org/10.1371/A","display_name":"T","title":"T","publication_year":2007,"ids":{"openalex":"https://openalex.org/W2","mag":"2","pmid":"https://pubmed.ncbi.nlm.nih.gov/17375194","pmcid":"https://www.ncbi.nlm.nih.gov/pmc/articles/1817752"},"authorships":[{"author":{"display_name":"Heather Piwowar"}}],"biblio":{"volume":"2","first_page":"11","last_page":"18"},"locations":[{"landing_page_url":"https://doi.org/10.1371/a"},{"landing_page_url":null},{"landing_page_url":"https://example.org/a"},{"landing_page_url":"http://arxiv.org/abs/2101.00001"}]}
{"id":"https://openalex.org/W3","doi":null,"title":null,"type":"article","ids":{"openalex":"https://openalex.org/W3"},"authorships":[],"biblio":{"first_page":null,"last_page":null},"locations":[]}
{"DOI":"10.1371/B","URL":"https://doi.org/10.1371/b","title":["T","U"],"author":[{"given":"Heather","family":"Piwowar"},{"name":"A Group"}],"issued":{"date-parts":[[2007,3]]},"page":"1-8","resource":{"primary":{"URL":"https://example.org/b"}}}
{"id":"http://zotero.org/users/1/items/X","type":"article-journal","title":"CSL","DOI":"10.1371/c","PMID":"17375194","author":[{"family":"Day","given":"R."},{"literal":"WHO"}],"issued":{"raw":"March 2007"},"number-of-pages":"12"}
{"id":"http://zotero.org/users/1/items/Y","type":"book","title":"CSL without an identifier"}
{"paperId":"x","externalIds":{"DOI":"10.1371/D","ArXiv":"2101.00001","CorpusId":5},"title":"S2","authors":[{"authorId":"1","name":"A B"}],"year":2021}
{"doi":"10.1371/e"}

{"id":"PMC12"}
{"id":12345678}
{"id":"https://example.org/x"}
"10.1371/f"
17
{"doi":"10.1371/g"},
{"doi":"10.1371/h"
{"nothing":1}
"#;
        insta::assert_snapshot!(json(source), @r#"
        1: https://doi.org/10.1371/A => doi:10.1371/a pmid:17375194 pmcid:PMC1817752 openalex:W2 arxiv:2101.00001 | T | Heather Piwowar | 2007 | 8 pages | https://example.org/a
        2: https://openalex.org/W3 => openalex:W3
        3: 10.1371/B => doi:10.1371/b | T | Piwowar; A Group | 2007 | 8 pages | https://example.org/b
        4: 10.1371/c => doi:10.1371/c pmid:17375194 | CSL | Day; WHO | 2007 | 12 pages
        5! the object has no identifier
        6: 10.1371/D => doi:10.1371/d arxiv:2101.00001 | S2 | A B | 2021
        7: 10.1371/e => doi:10.1371/e
        9: PMC12 => pmcid:PMC12
        10: 12345678 => pmid:12345678
        11: https://example.org/x => url:https://example.org/x | https://example.org/x
        12: 10.1371/f => doi:10.1371/f
        13! it is JSON, but not an object
        14: 10.1371/g => doi:10.1371/g
        15! it is not JSON: EOF while parsing an object
        16! the object has no identifier
        "#);
    }

    #[test]
    fn arrays_and_indented_objects_are_read_one_by_one() {
        let source = "[\n  {\n    \"DOI\": \"10.1371/a\",\n    \"title\": \"a ] } \\\" b\"\n  },\n  {\"DOI\": \"10.1371/b\"}, {\"DOI\": \"10.1371/c\"}\n]\n";
        insta::assert_snapshot!(json(source), @r#"
        2: 10.1371/a => doi:10.1371/a | a ] } " b
        6: 10.1371/b => doi:10.1371/b
        6: 10.1371/c => doi:10.1371/c
        "#);
    }

    #[test]
    fn a_broken_object_costs_only_itself() {
        let source = "[\n  {\n    \"DOI\": \"10.1371/a,\n    \"author\": [\n      {\"family\": \"X\"}\n    ]\n  },\n  {\n    \"DOI\": 10.1371\n  },\n  {\"DOI\": \"10.1371/b\"}\n]\n";
        insta::assert_snapshot!(json(source), @r#"
        2! the object is broken: a string or a bracket is not closed
        8! `10.1371` is not a DOI: there is no slash between its prefix and its suffix; expected something like 10.1371/journal.pone.0000308
        11: 10.1371/b => doi:10.1371/b
        "#);
        insta::assert_snapshot!(json("{\"doi\": \"10.1371/a\"\n{\"doi\": \"10.1371/b\"}\n"), @r#"
        1! it is not JSON: EOF while parsing an object
        2: 10.1371/b => doi:10.1371/b
        "#);
        insta::assert_snapshot!(json("{\n \"doi\": \"10.1371/a\"\n"), @r#"1! the object has no end"#);
    }

    #[test]
    fn the_answer_of_an_api_holds_works() {
        insta::assert_snapshot!(json(r#"{"status":"ok","message":{"items":[{"DOI":"10.1371/a"},{"DOI":"10.1371/b"}]}}"#), @r#"
        1: 10.1371/a => doi:10.1371/a
        1: 10.1371/b => doi:10.1371/b
        "#);
        insta::assert_snapshot!(json("{\n\"meta\": {},\n\"results\": [\n{\"id\": \"https://openalex.org/W1\"}\n]}\n"), @r#"1: https://openalex.org/W1 => openalex:W1"#);
    }
}
