//! Which format an input has.

use std::path::Path;

use super::Format;
use super::fields;
use super::table;

/// `None` where the extension leaves it open: exports of every kind are called `.txt`.
pub(super) fn by_extension(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.')?.1 {
        "csv" => Some(Format::Csv),
        "tsv" | "tab" => Some(Format::Tsv),
        "json" | "jsonl" | "ndjson" => Some(Format::Json),
        "bib" | "bibtex" => Some(Format::Bibtex),
        "ris" => Some(Format::Ris),
        _ => None,
    }
}

/// By the first line that tells; text when it looks like nothing else. `column` is the one to find in a table.
pub(super) fn by_content(beginning: &str, column: Option<&str>) -> Format {
    let Some(first) = beginning.lines().map(str::trim).find(|line| tells(line)) else { return Format::Text };
    if first.starts_with("TY  -") {
        return Format::Ris;
    }
    if first.starts_with(['{', '[']) {
        return Format::Json;
    }
    if first.strip_prefix('@').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic())) {
        return Format::Bibtex;
    }
    let delimiter = table::delimiter(first);
    let header = first.split(char::from(delimiter)).map(|name| name.trim_matches(['"', ' ']));
    let known = header.into_iter().any(|name| match column {
        Some(column) => table::is_named(name, column),
        None => fields::named(name).is_some_and(|field| field.rank().is_some()),
    });
    match (known, delimiter) {
        (true, b'\t') => Format::Tsv,
        (true, _) => Format::Csv,
        (false, _) => Format::Text,
    }
}

/// Whether the line that tells is whole: what follows it changes nothing.
pub(super) fn is_decided(beginning: &[u8]) -> bool {
    let whole = beginning.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = String::from_utf8_lossy(beginning.get(..whole).unwrap_or_default());
    lines.lines().any(|line| tells(line.trim()))
}

/// Neither blank nor a comment, of text or of BibTeX.
fn tells(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', '%'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_even_when_it_is_packed() {
        assert_eq!(by_extension(Path::new("a/refs.BIB")), Some(Format::Bibtex));
        assert_eq!(by_extension(Path::new("works.jsonl.gz")), Some(Format::Json));
        assert_eq!(by_extension(Path::new("works.txt")), None);
    }

    #[test]
    fn the_beginning_decides_otherwise() {
        for (beginning, format) in [
            ("", Format::Text),
            ("# mine\n10.1371/x\n", Format::Text),
            ("10.1002/(SICI)1,2;3\n", Format::Text),
            ("doi\n10.1371/x\n", Format::Csv),
            ("\"Title\",\"DOI\"\n", Format::Csv),
            ("title;doi\n", Format::Csv),
            ("title\tdoi\n", Format::Tsv),
            ("\n{\"doi\": 1}", Format::Json),
            ("[\n", Format::Json),
            ("% by hand\n@article{a,\n", Format::Bibtex),
            ("TY  - JOUR\n", Format::Ris),
        ] {
            assert_eq!(by_content(beginning, None), format, "{beginning}");
        }
        assert_eq!(by_content("nr,paper\n1,10.1371/x\n", None), Format::Text);
        assert_eq!(by_content("nr,paper\n1,10.1371/x\n", Some("Paper")), Format::Csv);
    }
}
