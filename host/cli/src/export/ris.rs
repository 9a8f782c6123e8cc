//! RIS, as it stands: only `L1`, the tag of a file, is added.

use std::fmt::Write as _;

use super::paths::is_xml;
use super::piece::Piece;
use super::reference::{Kind, Reference};

/// Whether it is RIS: a line begins a record.
pub fn looks(text: &str) -> bool {
    text.lines().take(200).any(|line| tag(line).is_some_and(|(tag, _)| tag == "TY"))
}

fn tag(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches('\u{feff}');
    let (tag, rest) = (line.get(..2)?, line.get(2..)?);
    let named = tag.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase())
        && tag.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let value = rest.trim_start_matches([' ', '\t']).strip_prefix('-')?;
    named.then(|| (tag, value.trim()))
}

/// Records and what is between them.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut from, mut at) = (0, 0);
    let mut open: Option<(usize, u64)> = None;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let end = at + line.len();
        match tag(line).map(|(tag, _)| tag) {
            Some("TY") => {
                let begun = open.replace((at, number));
                let piece = match begun {
                    Some((start, line)) => Piece::Entry { at: start..at, line },
                    None => Piece::Other(from..at),
                };
                pieces.push(piece);
                from = at;
            }
            Some("ER") => {
                if let Some((start, line)) = open.take() {
                    pieces.push(Piece::Entry { at: start..end, line });
                    from = end;
                }
            }
            _ => {}
        }
        at = end;
    }
    match open {
        Some((start, line)) => pieces.push(Piece::Entry { at: start..at, line }),
        None => pieces.push(Piece::Other(from..at)),
    }
    pieces
}

/// The record with one more file, before its end.
pub fn with_file(entry: &str, file: &str) -> String {
    let link = link_of(file);
    let is_file = |line: &str| tag(line).is_some_and(|(tag, value)| tag == link && value == file);
    if entry.lines().any(is_file) {
        return entry.to_owned();
    }
    let newline = if entry.contains("\r\n") { "\r\n" } else { "\n" };
    let mut written = String::with_capacity(entry.len() + file.len() + 16);
    let mut done = false;
    for line in entry.split_inclusive('\n') {
        if !done && tag(line).is_some_and(|(tag, _)| tag == "ER") {
            let _ = write!(written, "{link}  - {file}{newline}");
            done = true;
        }
        written.push_str(line);
    }
    if !done {
        let body = written.trim_end().to_owned();
        written = format!("{body}{newline}{link}  - {file}{newline}");
    }
    written
}

/// The tag of a file: `L1` is the link to the PDF, `L2` that to the full text in another form.
fn link_of(file: &str) -> &'static str {
    if is_xml(file) { "L2" } else { "L1" }
}

/// Tags and names.
const FIELDS: [(&str, &str); 18] = [
    ("TI", "title"),
    ("T1", "title"),
    ("JO", "journal"),
    ("JF", "journal"),
    ("T2", "journal"),
    ("BT", "booktitle"),
    ("VL", "volume"),
    ("IS", "number"),
    ("PB", "publisher"),
    ("CY", "address"),
    ("DO", "doi"),
    ("UR", "url"),
    ("SN", "issn"),
    ("AB", "abstract"),
    ("N2", "abstract"),
    ("N1", "note"),
    ("LA", "language"),
    ("ET", "edition"),
];

/// What a record says.
pub fn reference(entry: &str) -> Reference {
    let mut reference = Reference::default();
    let (mut first, mut last) = (String::new(), String::new());
    let mut values: Vec<(String, String)> = Vec::new();
    for line in entry.lines() {
        match (tag(line), values.last_mut()) {
            (Some((tag, value)), _) => values.push((tag.to_owned(), value.to_owned())),
            (None, Some((_, value))) if !line.trim().is_empty() => {
                value.push(' ');
                value.push_str(line.trim());
            }
            _ => {}
        }
    }
    for (tag, value) in values {
        match tag.as_str() {
            "TY" => reference.kind = Kind::of_ris(&value),
            "ID" if reference.key.is_empty() => reference.key = value,
            "AU" | "A1" => reference.authors.push(value),
            "PY" | "Y1" | "DA" => reference.add("year", value.get(..4).unwrap_or(&value)),
            "SP" => first = value,
            "EP" => last = value,
            tag => {
                if let Some((_, name)) = FIELDS.iter().find(|(known, _)| *known == tag) {
                    reference.add(name, &value);
                }
            }
        }
    }
    match (first.is_empty(), last.is_empty()) {
        (false, false) => reference.add("pages", &format!("{first}--{last}")),
        _ => reference.add("pages", &first),
    }
    reference
}

/// A record.
pub fn written(reference: &Reference, files: &[String]) -> String {
    let mut text = format!("TY  - {}\n", reference.kind.ris());
    let mut line = |tag: &str, value: &str| {
        let value: String = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "{tag}  - {value}");
    };
    line("ID", &reference.citation_key());
    for author in &reference.authors {
        line("AU", author);
    }
    for (name, value) in &reference.fields {
        match name.as_str() {
            "year" => line("PY", value),
            "pmid" => line("AN", value),
            "journal" | "booktitle" => line("T2", value),
            "pages" => {
                let mut parts = value.split(['-', '–']).map(str::trim).filter(|part| !part.is_empty());
                line("SP", parts.next().unwrap_or_default());
                if let Some(last) = parts.next() {
                    line("EP", last);
                }
            }
            name => {
                if let Some((tag, _)) = FIELDS.iter().find(|(_, known)| *known == name) {
                    line(tag, value);
                }
            }
        }
    }
    for file in files {
        line(link_of(file), file);
    }
    text + "ER  - \n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Provider: a site\r\n\r\nTY  - JOUR\r\nID  - k1\r\nAU  - Lovelace, Ada\r\nTI  - On\r\n      uses\r\nSP  - 1\r\nEP  - 9\r\nDO  - 10.5555/a\r\nER  - \r\n\r\nTY  - BOOK\r\nTI  - No end\r\n";

    #[test]
    fn the_pieces_are_the_text_and_files_go_before_the_end() {
        let pieces = pieces(TEXT);
        let whole: String = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Entry { at, .. } | Piece::Other(at) => &TEXT[at.clone()],
            })
            .collect();
        assert_eq!(whole, TEXT);
        let entries: Vec<(u64, &str)> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Entry { at, line } => Some((*line, &TEXT[at.clone()])),
                Piece::Other(_) => None,
            })
            .collect();
        assert_eq!(entries.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 13]);
        let with = with_file(entries[0].1, "papers/a.pdf");
        assert!(with.ends_with("DO  - 10.5555/a\r\nL1  - papers/a.pdf\r\nER  - \r\n"), "{with}");
        assert_eq!(with_file(&with, "papers/a.pdf"), with);
        let both = with_file(&with, "papers/a.xml");
        assert!(both.ends_with("L1  - papers/a.pdf\r\nL2  - papers/a.xml\r\nER  - \r\n"), "{both}");
        assert!(with_file(entries[1].1, "b.pdf").ends_with("TI  - No end\r\nL1  - b.pdf\r\n"));
        let reference = reference(entries[0].1);
        assert_eq!((reference.get("title"), reference.get("pages")), (Some("On uses"), Some("1--9")));
        let text = written(&reference, &[]);
        assert!(text.contains("SP  - 1\nEP  - 9\n") && text.ends_with("ER  - \n"), "{text}");
    }
}
