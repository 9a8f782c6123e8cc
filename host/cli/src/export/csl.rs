//! CSL items: JSON. A `file` is added; citation processors pass over what they do not know.

use serde_json::{Map, Value, json};

use super::piece::Piece;
use super::reference::{Kind, Reference};

/// The items of a list, each by its place in the text; `None` if it is no list of objects.
pub fn pieces(text: &str) -> Option<Vec<Piece>> {
    let begin = text.find(['[', '{'])?;
    let mut pieces = Vec::new();
    let (mut from, mut depth, mut quoted, mut escaped) = (0, 0_i64, false, false);
    let top = i64::from(text.as_bytes().get(begin) == Some(&b'['));
    let (mut start, mut line, mut opened) = (None, 1, 1);
    for (at, byte) in text.bytes().enumerate() {
        if byte == b'\n' {
            line += 1;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => {
                if depth == top && byte == b'{' {
                    (start, opened) = (Some(at), line);
                }
                depth += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                if depth == top
                    && let Some(start) = start.take()
                {
                    pieces.push(Piece::Other(from..start));
                    pieces.push(Piece::Entry { at: start..at + 1, line: opened });
                    from = at + 1;
                }
            }
            _ => {}
        }
    }
    pieces.push(Piece::Other(from..text.len()));
    (depth == 0 && !quoted).then_some(pieces)
}

/// The item with its files.
pub fn with_files(entry: &str, files: &[String]) -> String {
    let Ok(Value::Object(mut item)) = serde_json::from_str(entry) else { return entry.to_owned() };
    if files.is_empty() {
        return entry.to_owned();
    }
    add(&mut item, files);
    let pretty = entry.trim().contains('\n');
    let value = Value::Object(item);
    if pretty { serde_json::to_string_pretty(&value).unwrap_or_default() } else { value.to_string() }
}

/// The file that was wanted most; and all of them, where there are several.
fn add(item: &mut Map<String, Value>, files: &[String]) {
    if let Some(first) = files.first() {
        item.insert("file".to_owned(), first.as_str().into());
    }
    if files.len() > 1 {
        item.insert("files".to_owned(), files.into());
    }
}

/// Names of CSL and of BibTeX.
const FIELDS: [(&str, &str); 13] = [
    ("title", "title"),
    ("container-title", "journal"),
    ("volume", "volume"),
    ("issue", "number"),
    ("page", "pages"),
    ("publisher", "publisher"),
    ("DOI", "doi"),
    ("URL", "url"),
    ("ISSN", "issn"),
    ("ISBN", "isbn"),
    ("abstract", "abstract"),
    ("PMID", "pmid"),
    ("note", "note"),
];

/// What an item says.
pub fn reference(entry: &str) -> Reference {
    let item: Map<String, Value> = serde_json::from_str(entry).unwrap_or_default();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(several) => several.first().and_then(Value::as_str).unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    let named = |name: &str| item.get(name).map(text).unwrap_or_default();
    let mut reference =
        Reference { key: named("id"), kind: Kind::of_csl(&named("type")), ..Reference::default() };
    for author in item.get("author").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| author.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = match (part("family"), part("given"), part("literal")) {
            ("", _, literal) => literal.to_owned(),
            (family, "", _) => family.to_owned(),
            (family, given, _) => format!("{family}, {given}"),
        };
        if !name.is_empty() {
            reference.authors.push(name);
        }
    }
    for (theirs, ours) in FIELDS {
        reference.add(ours, &named(theirs).replace(" - ", "-"));
    }
    let year = item.get("issued").and_then(|issued| issued.pointer("/date-parts/0/0"));
    reference.add("year", &year.map(text).unwrap_or_default());
    reference
}

/// An item.
pub fn written(reference: &Reference, files: &[String]) -> String {
    let mut item = Map::new();
    item.insert("id".to_owned(), reference.citation_key().into());
    item.insert("type".to_owned(), reference.kind.csl().into());
    if !reference.authors.is_empty() {
        let names = reference.authors.iter().map(|name| match name.split_once(',') {
            Some((family, given)) => json!({"family": family.trim(), "given": given.trim()}),
            None => json!({"literal": name}),
        });
        item.insert("author".to_owned(), names.collect());
    }
    for (name, value) in &reference.fields {
        if name == "year" {
            let year = value.parse::<u16>().map_or_else(|_| json!(value), |year| json!(year));
            item.insert("issued".to_owned(), json!({"date-parts": [[year]]}));
        } else if name == "booktitle" {
            item.insert("container-title".to_owned(), value.as_str().into());
        } else if let Some((theirs, _)) = FIELDS.iter().find(|(_, ours)| ours == name) {
            let value = if name == "pages" { value.replace("--", "-") } else { value.clone() };
            item.insert((*theirs).to_owned(), value.into());
        }
    }
    add(&mut item, files);
    serde_json::to_string_pretty(&Value::Object(item)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_order_and_what_they_say() {
        let text = "[\n  {\"id\": \"b\", \"type\": \"book\", \"title\": \"A [b] {c} \\\" d\"},\n  {\"DOI\": \"10.5555/a\", \"id\": 7}\n]\n";
        let pieces = pieces(text).expect("a list");
        let entries: Vec<(u64, &str)> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Entry { at, line } => Some((*line, &text[at.clone()])),
                Piece::Other(_) => None,
            })
            .collect();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].0, 3);
        let pdf = || "a.pdf".to_owned();
        assert_eq!(with_files(entries[1].1, &[pdf()]), r#"{"DOI":"10.5555/a","id":7,"file":"a.pdf"}"#);
        assert_eq!(
            with_files(entries[1].1, &[pdf(), "a.xml".to_owned()]),
            r#"{"DOI":"10.5555/a","id":7,"file":"a.pdf","files":["a.pdf","a.xml"]}"#
        );
        assert_eq!(with_files(entries[1].1, &[]), entries[1].1);
        let reference = reference(entries[0].1);
        assert_eq!((reference.key.as_str(), reference.kind), ("b", Kind::Book));
        assert!(super::pieces("[{").is_none());
    }
}
