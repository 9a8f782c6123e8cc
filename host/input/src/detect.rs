//! Which format an input has.

use std::path::Path;

use crate::formats::Format;

/// `None` where the extension does not tell.
pub(crate) fn by_extension(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let (_, extension) = name.rsplit_once('.')?;
    Format::ALL.iter().find(|format| format.spec().extensions.contains(&extension)).copied()
}

/// By the first line that is neither blank nor a comment; text where no other format recognises it. `column` is
/// the one that the user named.
pub(crate) fn by_content(beginning: &str, column: Option<&str>) -> Format {
    let first = beginning.lines().map(str::trim).find(|line| has_content(line));
    let begins = |format: &&Format| first.is_some_and(|first| (format.spec().begins)(first, column));
    Format::ALL.iter().rev().find(begins).copied().unwrap_or(Format::Text)
}

/// Whether the line that decides has been read to its end: what follows it changes nothing.
pub(crate) fn is_decided(beginning: &[u8]) -> bool {
    let whole = beginning.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = String::from_utf8_lossy(beginning.get(..whole).unwrap_or_default());
    lines.lines().any(|line| has_content(line.trim()))
}

/// Neither blank nor a comment, of text or of BibTeX.
fn has_content(line: &str) -> bool {
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
