//! What an object says of a work, whoever wrote it: OpenAlex, Crossref, CSL, Semantic Scholar, Europe PMC, Lens,
//! DataCite, DOAJ, INSPIRE, PubMed and Zotero use other names for the same things.

use serde_json::{Map, Value};
use tierfall_ids::{IdKind, WorkId};

use crate::fields::{self, Field};
use crate::record::Record;

/// Objects in which services keep a record beside what they say about it.
const INNER: [&str; 8] =
    ["attributes", "bibjson", "citedPaper", "citingPaper", "data", "info", "metadata", "paper"];

/// Objects within objects that are looked through for works.
const DEEPEST: usize = 6;

/// The works in an object: itself, or those that it carries.
pub(super) fn works(object: Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut works = Vec::new();
    collect(object, 0, &mut works);
    works
}

/// What libraries keep beside works: files, notes, and marks in files.
fn is_attached(object: &Map<String, Value>) -> bool {
    let item = object.get("data").and_then(Value::as_object).unwrap_or(object);
    item.get("itemType")
        .and_then(Value::as_str)
        .is_some_and(|kind| ["attachment", "note", "annotation"].contains(&kind))
}

/// Takes an object for a work if it says anything that works are known by, and looks for works in it otherwise.
fn collect(mut object: Map<String, Value>, depth: usize, works: &mut Vec<Map<String, Value>>) {
    if is_attached(&object) {
        return;
    }
    // A page of results has an id and a title of its own sometimes, but results as well.
    let lists = ["message", "items", "results", "resultList", "hits", "response", "records"];
    let page = lists.iter().filter_map(|name| object.get(*name)).any(|value| match value {
        Value::Array(list) => list.is_empty() || holds_objects(value),
        value => value.is_object(),
    });
    if !page && (depth == DEEPEST || is_work(&object)) {
        works.push(object);
        return;
    }
    let inner: Vec<Value> = object
        .iter_mut()
        .filter(|(_, value)| matches!(value, Value::Object(_)) || holds_objects(value))
        .map(|(name, value)| match value.take() {
            // Works under their DOIs.
            Value::Object(mut work) if name.starts_with("10.") => {
                work.entry("doi").or_insert_with(|| name.clone().into());
                Value::Object(work)
            }
            value => value,
        })
        .collect();
    if inner.is_empty() && !page {
        works.push(object);
        return;
    }
    let before = works.len();
    // Items of a list of works that say nothing of one: they are told of, and not lost.
    let mut empty = Vec::new();
    for value in inner {
        let list = match value {
            Value::Array(list) => list,
            value => vec![value],
        };
        let objects = || list.iter().filter_map(Value::as_object).filter(|item| !is_attached(item));
        let listed = objects().filter(|item| says_more(item)).count() * 2 >= objects().count();
        for item in list {
            let Value::Object(item) = item else { continue };
            if depth + 1 < DEEPEST || is_work(&item) {
                let alone = (listed && !is_attached(&item) && !says_more(&item)).then(|| item.clone());
                let found = works.len();
                collect(item, depth + 1, works);
                if let Some(alone) = alone.filter(|_| !works.iter().skip(found).any(says_more)) {
                    works.truncate(found);
                    empty.push(alone);
                }
            }
        }
    }
    // Of what a page says besides, nothing is a work.
    let mut kept: Vec<_> = works.drain(before..).filter(is_work).collect();
    if kept.iter().any(says_more) {
        kept.retain(says_more);
    }
    if kept.is_empty() && depth == 0 && !page {
        works.push(Map::new())
    } else {
        works.extend(kept)
    }
    works.extend(empty);
}

fn holds_objects(value: &Value) -> bool {
    matches!(value, Value::Array(list) if list.iter().any(Value::is_object))
}

/// Whether an object has a title or what may be an identifier.
fn is_work(object: &Map<String, Value>) -> bool {
    !record(object).is_empty()
}

/// Whether it has more than a name of its own.
fn says_more(object: &Map<String, Value>) -> bool {
    let record = record(object);
    record.facts.title.is_some() || record.into_entry(0, "").is_ok()
}

/// What an object says of one work.
pub(super) fn record(work: &Map<String, Value>) -> Record {
    let mut record = Record::default();
    // What a citation processor or a library calls it; of most APIs the `id` is an identifier.
    let called =
        ["citation-key", "citekey", "citationKey", "key", "id"].iter().find_map(|name| work.get(*name));
    match called {
        Some(Value::String(name)) => record.called(name),
        Some(Value::Number(number)) => record.called(&number.to_string()),
        _ => {}
    }
    read(work, &mut record);
    for inner in INNER.iter().filter_map(|name| work.get(*name)?.as_object()) {
        read(inner, &mut record);
        if let Some(Value::Object(attributes)) = inner.get("attributes") {
            read(attributes, &mut record);
        }
    }
    record
}

/// How a message names an object: by its own name in the list.
pub(super) fn name(work: &Map<String, Value>) -> String {
    let name = ["id", "citation-key", "citekey", "citationKey", "key", "corpusid", "paperId", "lens_id"]
        .iter()
        .find_map(|name| work.get(*name));
    match name.map(text).filter(|name| !name.is_empty()) {
        Some(name) => format!("the object `{}`", crate::record::shortened(&name)),
        None => "the object".into(),
    }
}

fn read(work: &Map<String, Value>, record: &mut Record) {
    // In a record the bare `id` may be a citation key, a number of a database or the URL of a library's item.
    let described = ["type", "title", "itemType", "container-title", "authors"]
        .iter()
        .any(|name| work.contains_key(*name));
    for (name, value) in work {
        match (name.to_ascii_lowercase().as_str(), value) {
            (
                "ids" | "externalids" | "external_ids" | "articleids" | "openexternalids",
                Value::Object(ids),
            ) => {
                for (name, id) in ids {
                    if let Some(field @ Field::Id(_)) = fields::named(name) {
                        add(record, field, id);
                    }
                }
            }
            (
                "external_ids" | "externalids" | "articleids" | "identifier" | "identifiers" | "dois"
                | "arxiv_eprints" | "ids",
                Value::Array(ids),
            ) => ids.iter().for_each(|id| labelled(record, name, id)),
            ("id" | "_id", id) => {
                let id = text(id);
                let read: Result<WorkId, _> = id.parse();
                let library =
                    read.as_ref().is_ok_and(|id| id.kind() == IdKind::Url || id.kind() == IdKind::Pmid);
                if !(described && library && !id.contains("openalex.org")) {
                    record.add(Field::Any, &id);
                }
            }
            ("authorships" | "author" | "authors" | "creators", Value::Array(authors)) => {
                authors.iter().for_each(|value| author(record, value));
            }
            ("author", one @ Value::Object(_)) => author(record, one),
            ("authorstring", authors) => add(record, Field::Authors, authors),
            ("titles", Value::Array(titles)) => {
                if let Some(title) = titles.iter().find_map(|title| title.get("title").or(title.get("value")))
                {
                    add(record, Field::Title, title);
                }
            }
            ("issued" | "published" | "published-print" | "published-online", date) => {
                record.add(Field::Year, &year(date));
            }
            // Preprints, as Zotero and its CSL have them.
            ("number" | "archiveid" | "archive_location" | "archivelocation" | "eprint", id) => {
                let id = text(id);
                let by_arxiv = ["archive", "repository", "eprinttype", "archivePrefix"]
                    .iter()
                    .filter_map(|name| work.get(*name)?.as_str())
                    .any(|name| name.eq_ignore_ascii_case("arxiv"));
                let named = id.get(..6).is_some_and(|head| head.eq_ignore_ascii_case("arxiv:"));
                if named || (by_arxiv && !name.eq_ignore_ascii_case("number")) {
                    record.add(Field::Id(IdKind::Arxiv), &id);
                }
            }
            ("biblio", Value::Object(biblio)) => {
                for (name, field) in [("first_page", Field::FirstPage), ("last_page", Field::LastPage)] {
                    if let Some(page) = biblio.get(name) {
                        add(record, field, page);
                    }
                }
            }
            ("resource", resource) => {
                if let Some(url) = resource.pointer("/primary/URL") {
                    add(record, Field::Id(IdKind::Url), url);
                }
            }
            ("locations", Value::Array(locations)) => {
                for url in locations.iter().filter_map(|location| location.get("landing_page_url")) {
                    add(record, Field::Id(IdKind::Url), url);
                }
            }
            ("elocationid", text) => add(record, Field::Note, text),
            ("note" | "extra" | "annote", text) => add(record, Field::Note, text),
            (_, value) => {
                if let Some(field) = fields::named(name) {
                    add(record, field, value);
                }
            }
        }
    }
}

/// `{"type": "doi", "value": "10.…"}`, `{"idtype": "pubmed", "id": "…"}`, `{"value": "10.…"}`, `"10.…"`.
fn labelled(record: &mut Record, list: &str, id: &Value) {
    let Value::Object(id) = id else { return add(record, Field::Any, id) };
    let of = |names: &[&str]| names.iter().find_map(|name| id.get(*name)).map(text).unwrap_or_default();
    let kind = of(&["type", "idtype", "scheme", "identifierType"]);
    let value = of(&["value", "id", "identifier"]);
    let field = fields::named(&kind).or(match list {
        "dois" => Some(Field::Id(IdKind::Doi)),
        "arxiv_eprints" => Some(Field::Id(IdKind::Arxiv)),
        _ => None,
    });
    if let Some(field @ Field::Id(_)) = field {
        record.add(field, &value);
    }
}

/// Strings and numbers, alone or in a list; the rest says nothing.
fn add(record: &mut Record, field: Field, value: &Value) {
    match value {
        Value::Array(list) => list.iter().take(64).for_each(|value| record.add(field, &text(value))),
        value => record.add(field, &text(value)),
    }
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Crossref and CSL know family names apart; others have whole names.
fn author(record: &mut Record, value: &Value) {
    if let Value::String(name) = value {
        return record.author(name);
    }
    // Zotero names editors and translators among them.
    const OTHERS: [&str; 9] = [
        "bookAuthor",
        "commenter",
        "contributor",
        "editor",
        "recipient",
        "reviewedAuthor",
        "seriesEditor",
        "translator",
        "wordsBy",
    ];
    let text = |path: &str| value.pointer(path).and_then(Value::as_str);
    let zotero = text("/creatorType");
    if zotero.is_some_and(|kind| OTHERS.contains(&kind)) {
        return;
    }
    // It has whole names of people nowhere but in two parts.
    if let Some(group) = zotero.and(text("/name")) {
        return record.group(group);
    }
    let name = [
        "/family",
        "/lastName",
        "/last_name",
        "/familyName",
        "/literal",
        "/name",
        "/author/display_name",
        "/raw_author_name",
        "/full_name",
        "/display_name",
    ]
    .iter()
    .find_map(|path| text(path));
    record.author(name.unwrap_or_default());
}

/// `{"date-parts": [[2007, 3]]}`, `[{"year": 2007}]`, or a date as text.
fn year(date: &Value) -> String {
    let parts = ["/date-parts/0/0", "/0/year", "/year", "/raw", "/literal"];
    let said = parts.iter().filter_map(|path| date.pointer(path)).map(text).find(|part| !part.is_empty());
    said.unwrap_or_else(|| text(date))
}
