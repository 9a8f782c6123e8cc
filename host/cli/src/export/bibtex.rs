//! BibTeX, as it stands: only a `file` field is added.

use std::fmt::Write as _;
use std::ops::Range;

use super::piece::Piece;
use super::reference::{Kind, Reference};

/// Entries and what is between them. An entry without an end is none.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut from, mut at, mut line, mut counted) = (0, 0, 1, 0);
    while let Some(sign) = text.get(at..).and_then(|rest| rest.find('@')) {
        let start = at + sign;
        let Some((kind, open)) = head(text, start) else {
            at = start + 1;
            continue;
        };
        let Some(end) = end(text, open) else {
            at = start + 1;
            continue;
        };
        if ["comment", "string", "preamble"].iter().any(|other| kind.eq_ignore_ascii_case(other)) {
            at = end;
            continue;
        }
        if start > from {
            pieces.push(Piece::Other(from..start));
        }
        line += newlines(text, counted..start);
        counted = start;
        pieces.push(Piece::Entry { at: start..end, line });
        (from, at) = (end, end);
    }
    if from < text.len() {
        pieces.push(Piece::Other(from..text.len()));
    }
    pieces
}

fn newlines(text: &str, part: Range<usize>) -> u64 {
    text.get(part).map_or(0, |part| part.bytes().filter(|byte| *byte == b'\n').count() as u64)
}

/// The kind of an entry that begins at an `@`, and where its bracket is.
fn head(text: &str, start: usize) -> Option<(&str, usize)> {
    let rest = text.get(start + 1..)?;
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic())?;
    let blanks = rest.get(letters..)?.find(|c: char| !c.is_whitespace())?;
    let open = letters + blanks;
    (letters > 0 && rest.get(open..)?.starts_with(['{', '(']))
        .then_some((rest.get(..letters)?, start + 1 + open))
}

/// Behind the bracket that closes the one at `open`. Where an entry begins on a line of its own before that, there is
/// none.
fn end(text: &str, open: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let closing = if bytes.get(open) == Some(&b'(') { b')' } else { b'}' };
    let mut depth = 0_i64;
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(open + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'}' if depth == 0 && closing == b'}' => return Some(at + 1),
            b')' if depth == 0 && closing == b')' => return Some(at + 1),
            b'{' => depth += 1,
            // One without its other, as quotes may hold it, closes nothing.
            b'}' => depth = (depth - 1).max(0),
            b'@' if matches!(at.checked_sub(1).and_then(|at| bytes.get(at)), Some(b'\n' | b'\r'))
                && head(text, at).is_some() =>
            {
                return None;
            }
            _ => {}
        }
    }
    None
}

/// A field of an entry: its name, the place of its value with its brackets, and the value.
struct Field<'a> {
    name: &'a str,
    at: Range<usize>,
    value: &'a str,
}

/// The key, and the fields that stand whole.
fn fields(entry: &str) -> (&str, Vec<Field<'_>>) {
    let Some((_, open)) = head(entry, 0) else { return ("", Vec::new()) };
    let inside = entry.len().saturating_sub(1);
    let comma = entry.get(open..inside).and_then(|rest| rest.find(',')).map_or(inside, |at| open + at);
    let key = entry.get(open + 1..comma).unwrap_or_default().trim();
    let mut fields = Vec::new();
    let mut at = comma + 1;
    while let Some(equals) = entry.get(at..inside).and_then(|rest| rest.find('=')).map(|found| at + found) {
        let name = entry.get(at..equals).unwrap_or_default().trim().trim_start_matches(',').trim();
        let from =
            equals + 1 + entry.get(equals + 1..inside).map_or(0, |rest| rest.len() - rest.trim_start().len());
        let to = value_end(entry, from, inside);
        let value = entry.get(from..to).unwrap_or_default().trim();
        let bare = value.strip_prefix('{').and_then(|value| value.strip_suffix('}'));
        let bare = bare.or_else(|| value.strip_prefix('"').and_then(|value| value.strip_suffix('"')));
        fields.push(Field { name, at: from..from + value.len(), value: bare.unwrap_or(value) });
        at = to + 1;
    }
    (key, fields)
}

/// The comma behind a value, or the end of the entry.
fn value_end(entry: &str, from: usize, inside: usize) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_i64, false, false);
    for (at, byte) in entry.bytes().enumerate().take(inside).skip(from) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            // One without its other, as quotes may hold it, closes nothing.
            b'}' => depth = (depth - 1).max(0),
            b'"' if depth == 0 => quoted = !quoted,
            b',' if depth == 0 && !quoted => return at,
            _ => {}
        }
    }
    inside
}

/// The entry with one more file. What its `file` field held before stays.
pub fn with_file(entry: &str, value: &str) -> String {
    let (_, fields) = fields(entry);
    if let Some(field) = fields.iter().find(|field| field.name.eq_ignore_ascii_case("file")) {
        if field.value.split(';').any(|known| known == value) {
            return entry.to_owned();
        }
        let joined = match field.value.trim() {
            "" => value.to_owned(),
            known => format!("{known};{value}"),
        };
        let (before, after) =
            (entry.get(..field.at.start).unwrap_or_default(), entry.get(field.at.end..).unwrap_or_default());
        return format!("{before}{{{joined}}}{after}");
    }
    let inside = entry.get(..entry.len().saturating_sub(1)).unwrap_or_default();
    let close = entry.get(inside.len()..).unwrap_or("}");
    let body = inside.trim_end();
    let comma = if body.ends_with(',') { "" } else { "," };
    let newline = if entry.contains("\r\n") { "\r\n" } else { "\n" };
    format!("{body}{comma}{newline}  file = {{{value}}}{newline}{close}")
}

/// What an entry says.
pub fn reference(entry: &str) -> Reference {
    let kind = head(entry, 0).map_or(Kind::Other, |(kind, _)| Kind::of_bibtex(kind));
    let (key, fields) = fields(entry);
    let mut reference = Reference { key: key.to_owned(), kind, ..Reference::default() };
    for field in fields {
        let name = field.name.to_ascii_lowercase();
        let text = plain(field.value);
        match name.as_str() {
            "author" => {
                reference.authors = text
                    .split(" and ")
                    .map(|name| name.trim().to_owned())
                    .filter(|name| !name.is_empty())
                    .collect();
            }
            "date" => reference.add("year", text.get(..4).unwrap_or(&text)),
            "journaltitle" => reference.add("journal", &text),
            "file" => {}
            name => reference.add(name, &text),
        }
    }
    reference
}

/// Without TeX, as a run reads titles.
fn plain(value: &str) -> String {
    tierfall_input::text_of_tex(value).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An entry of BibTeX.
pub fn written(reference: &Reference, file: Option<&str>) -> String {
    let mut text = format!("@{}{{{},\n", reference.kind.bibtex(), key(&reference.citation_key()));
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name} = {{{}}},", guarded(name, value));
    };
    if !reference.authors.is_empty() {
        field("author", &reference.authors.join(" and "));
    }
    for (name, value) in &reference.fields {
        field(name, value);
    }
    if let Some(file) = file {
        field("file", file);
    }
    text + "}\n"
}

/// What TeX takes for something else.
fn guarded(name: &str, value: &str) -> String {
    let balanced = value.chars().try_fold(0_i64, |depth, c| match c {
        '{' => Some(depth + 1),
        '}' => (depth > 0).then_some(depth - 1),
        _ => Some(depth),
    }) == Some(0);
    let value = if balanced { value.to_owned() } else { value.replace(['{', '}'], "") };
    if matches!(name, "url" | "doi" | "file") {
        return value;
    }
    value.replace('&', "\\&").replace('%', "\\%").replace('#', "\\#").replace('_', "\\_").replace('$', "\\$")
}

fn key(key: &str) -> String {
    key.chars()
        .filter(|c| {
            !c.is_whitespace() && !matches!(c, '{' | '}' | ',' | '(' | ')' | '"' | '#' | '%' | '\\' | '=')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "% notes of mine @here\n@string{j = {A Journal}}\n\n@Article{smith2004,\n  title = {A {T}itle, @ home},\n  doi = {10.5555/a}\n}\n\
        @book(b, title = \"Braces } and , in quotes\", year = 1999,)\n@article{open, title = {No end\n@misc{last,\n file = {old.pdf}, doi={10.5555/b},\n}\n";

    fn entries(text: &str) -> Vec<(u64, &str)> {
        let entry = |piece: &Piece| match piece {
            Piece::Entry { at, line } => Some((*line, text.get(at.clone())?)),
            Piece::Other(_) => None,
        };
        pieces(text).iter().filter_map(entry).collect()
    }

    #[test]
    fn the_pieces_are_the_text_and_an_entry_without_an_end_is_none() {
        let whole: String = pieces(TEXT)
            .iter()
            .map(|piece| match piece {
                Piece::Entry { at, .. } | Piece::Other(at) => &TEXT[at.clone()],
            })
            .collect();
        assert_eq!(whole, TEXT);
        let found: Vec<(u64, &str)> =
            entries(TEXT).into_iter().map(|(line, entry)| (line, fields(entry).0)).collect();
        assert_eq!(found, [(4, "smith2004"), (8, "b"), (10, "last")]);
    }

    #[test]
    fn a_file_is_added_and_nothing_else_is_touched() {
        let with: Vec<String> =
            entries(TEXT).into_iter().map(|(_, entry)| with_file(entry, ":a.pdf:PDF")).collect();
        assert_eq!(
            with[0],
            "@Article{smith2004,\n  title = {A {T}itle, @ home},\n  doi = {10.5555/a},\n  file = {:a.pdf:PDF}\n}"
        );
        assert_eq!(
            with[1],
            "@book(b, title = \"Braces } and , in quotes\", year = 1999,\n  file = {:a.pdf:PDF}\n)"
        );
        assert_eq!(with[2], "@misc{last,\n file = {old.pdf;:a.pdf:PDF}, doi={10.5555/b},\n}");
        assert_eq!(with_file(&with[2], ":a.pdf:PDF"), with[2], "once is enough");
    }

    #[test]
    fn an_entry_is_written_so_that_it_is_read_again() {
        let reference = reference(
            "@inproceedings{k, author = {Lovelace, Ada and Babbage, C.}, title = {On {\\\"U}ses \\& Ends}, year = 1843}",
        );
        assert_eq!(reference.authors, ["Lovelace, Ada", "Babbage, C."]);
        assert_eq!(reference.get("title"), Some("On Üses & Ends"));
        let text = written(&reference, Some("a.pdf"));
        assert!(
            text.starts_with("@inproceedings{k,\n") && text.contains("title = {On Üses \\& Ends}"),
            "{text}"
        );
        let again = super::reference(&text);
        assert_eq!(
            (again.kind, again.authors, again.fields),
            (reference.kind, reference.authors, reference.fields)
        );
    }
}
