//! Which format an input has.

use std::path::Path;

use crate::beginning::{Beginning, MOST_LINES, has_content, trimmed};
use crate::formats::Format;
use crate::written;

/// How many bytes are searched for what decides the format: more than the header of any table has.
pub(crate) const ENOUGH: usize = 8 << 10;

/// `None` where the extension does not tell.
pub(crate) fn by_extension(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let (_, extension) = name.rsplit_once('.')?;
    Format::ALL.iter().find(|format| format.spec().extensions.contains(&extension)).copied()
}

/// By what no other format has; then by the name of the file; then by the header of a table. Text where nothing
/// tells.
pub(crate) fn of(beginning: &Beginning<'_>, by_extension: Option<Format>) -> Format {
    // XML of another kind says that it holds no record that is known; its lines say nothing.
    let xml = || is_xml(beginning.first()).then_some(Format::Xml);
    surely(beginning).or(by_extension).or_else(xml).or_else(|| like(beginning, false)).unwrap_or(Format::Text)
}

/// `<?xml …`, `<records>`, `<a:b c="d">`. Identifiers stand between such brackets too, and pieces of pages are looked
/// through line by line.
fn is_xml(line: &str) -> bool {
    const OF_PAGES: [&str; 18] = [
        "a", "b", "body", "br", "center", "div", "em", "head", "i", "img", "li", "ol", "p", "span", "strong",
        "table", "tr", "ul",
    ];
    if line.starts_with("<?xml") {
        return true;
    }
    let Some(rest) = line.strip_prefix('<') else { return false };
    let length = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | '-')))
        .unwrap_or(rest.len());
    let Some((name, end)) = rest.split_at_checked(length) else { return false };
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !OF_PAGES.contains(&name.to_ascii_lowercase().as_str())
        && end.starts_with(['>', ' ', '/'])
        && (!line.contains("://") || line.contains("xmlns"))
        && written::one(line).is_err()
}

/// By what no other format has.
pub(crate) fn surely(beginning: &Beginning<'_>) -> Option<Format> {
    like(beginning, true)
}

fn like(beginning: &Beginning<'_>, sure: bool) -> Option<Format> {
    let looks = |format: &&Format| format.spec().sure == sure && (format.spec().looks)(beginning);
    Format::ALL.iter().rev().find(looks).copied()
}

/// How much of an input decides its format, once that much has been read: to the end of its first line, if that is
/// an entry or a header; else of some more, because notes may stand before them. What follows changes nothing,
/// however the bytes arrive.
pub(crate) fn deciding(beginning: &[u8], column: Option<&str>) -> Option<usize> {
    let mut end = 0;
    let mut seen = 0;
    for line in beginning.split_inclusive(|byte| *byte == b'\n') {
        if !line.ends_with(b"\n") {
            return None;
        }
        end += line.len();
        let text = String::from_utf8_lossy(line);
        if !has_content(trimmed(&text)) {
            continue;
        }
        seen += 1;
        if seen == MOST_LINES || (seen == 1 && decides(&text, column)) {
            return Some(end);
        }
    }
    None
}

fn decides(line: &str, column: Option<&str>) -> bool {
    let beginning = Beginning::new(line, column);
    let entry = line.split(" #").next().unwrap_or(line).trim();
    // The number of a record in exports of Ovid looks like a PMID in brackets.
    let number = entry.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let numbers = number.is_some_and(|number| {
        number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b' '))
    });
    (!numbers && written::one(entry).is_ok())
        || Format::ALL.iter().any(|format| (format.spec().looks)(&beginning))
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

    fn by_content(text: &str, column: Option<&str>) -> Format {
        of(&Beginning::new(text, column), None)
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

    #[test]
    fn what_an_input_is_goes_before_what_it_is_called() {
        let ris = Beginning::new("TY  - JOUR\n", None);
        assert_eq!(of(&ris, Some(Format::Bibtex)), Format::Ris);
        let table = Beginning::new("Title,DOI\n", None);
        assert_eq!(of(&table, Some(Format::Tsv)), Format::Tsv);
    }

    #[test]
    fn no_more_is_read_than_decides() {
        let decided = |text: &str| deciding(text.as_bytes(), None);
        assert_eq!(decided("# mine\n10.1371/x\nmore\n"), Some(17));
        assert_eq!(decided("10.1371/x"), None);
        assert_eq!(decided("doi,title\n"), Some(10));
        assert_eq!(decided("Exported today\ndoi,title\n"), None);
        assert_eq!(decided(&"a note\n".repeat(40)), Some(7 * MOST_LINES));
    }
}
