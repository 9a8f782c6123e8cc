//! Plain text: one identifier a line, or a reference that has one. `#` begins a comment at the beginning of a line or
//! after a space; elsewhere it may be part of a DOI.

use std::collections::VecDeque;

use tierfall_ids::{IdKind, WorkId};
use tierfall_work::{Facts, Work};

use super::broken;
use crate::entry::{BY, EntryError, InputEntry};
use crate::lines::Lines;
use crate::parse::{FormatSpec, Parse};
use crate::scan::{self, Found};
use crate::written;

pub(crate) const TEXT: FormatSpec = FormatSpec {
    names: &["text", "txt"],
    extensions: &[],
    sure: false,
    // Whatever no other format recognises.
    looks: |_| false,
    open: |_| Ok(Box::new(Text::default())),
};

/// In bytes; of a longer line only the beginning is searched for several identifiers.
const LONGEST: usize = 64 << 10;

#[derive(Default)]
struct Text {
    /// Works of a line that has several, and were not yet returned.
    found: VecDeque<InputEntry>,
    read: u64,
    refused: u64,
}

impl Parse for Text {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        loop {
            if let Some(entry) = self.found.pop_front() {
                return Some(Ok(entry));
            }
            let line = match broken::next(lines)? {
                Ok(line) => line,
                Err(bad) => return Some(Err(bad)),
            };
            let text = without_comment(&line.text).trim();
            if text.is_empty() {
                continue;
            }
            match self.works(line.number, text) {
                Ok(works) => {
                    self.read += 1;
                    self.found.extend(works);
                }
                Err(error) => {
                    self.refused += 1;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Text {
    fn works(&self, line: u64, text: &str) -> Result<Vec<InputEntry>, EntryError> {
        let several = || several(line, text);
        // A list may be numbered: `[7] https://…`, `7. 17000001`.
        let unnumbered = text.split_once(char::is_whitespace).filter(|(word, _)| broken::is_marker(word));
        let (text, read) = match (written::one(text), unnumbered.map(|(_, rest)| rest.trim())) {
            (Err(refused), Some(rest)) => match written::one(rest) {
                Ok(id) => (rest, Ok(id)),
                Err(_) => (text, Err(refused)),
            },
            (read, _) => (text, read),
        };
        let refused = match read {
            // Two DOIs with a comma between them make one odd DOI.
            Ok(id) if id.value().get(3..).is_some_and(|rest| rest.contains("10.")) && several().len() > 1 => {
                return Ok(several());
            }
            Ok(id) if self.is_doubtful(&id, text) => format!(
                "`{text}` stands among lines that are no identifiers; if it is a PMID, write PMID:{text}"
            ),
            Ok(id) => {
                return Ok(vec![InputEntry { line, key: None, raw: text.to_owned(), work: Work::new(id) }]);
            }
            Err(error) => error.to_string(),
        };
        let works = several();
        if works.is_empty() { Err(EntryError::new(line, refused)) } else { Ok(works) }
    }

    /// A bare number is a PMID in a list of identifiers, and anything in another text.
    fn is_doubtful(&self, id: &WorkId, text: &str) -> bool {
        self.refused > self.read
            && id.kind() == IdKind::Pmid
            && text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// The works that a line names among other words.
fn several(line: u64, text: &str) -> Vec<InputEntry> {
    let text = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text);
    let works = scan::works(text).into_iter();
    works.filter_map(|found| entry(line, text, found)).collect()
}

/// The work of identifiers that stand side by side.
pub(super) fn entry(line: u64, text: &str, found: Vec<Found>) -> Option<InputEntry> {
    let mut found = found.into_iter();
    let Found { id, at } = found.next()?;
    let raw = text.get(at)?.to_owned();
    let mut work = Work::new(id);
    work.learn(&Facts { ids: found.map(|found| found.id).collect(), ..Facts::default() }, BY);
    Some(InputEntry { line, key: None, raw, work })
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.split_once(" #").or_else(|| line.split_once("\t#")).map_or(line, |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::tests::read;

    #[test]
    fn references_are_read_by_their_identifiers() {
        let source = "1. Doe J. Title. 2001;1:2-3. doi: 10.5555/a. PMID: 17000001\n10.5555/b, 10.5555/c\nhttps://doi.org/10.5555/d https://doi.org/10.5555/e\n10.5555/f,10.5555/g\n2. Doe J. Nothing.\n";
        insta::assert_snapshot!(read(source, Some(Format::Text), None), @r#"
        1: 10.5555/a. => doi:10.5555/a pmid:17000001
        2: 10.5555/b, => doi:10.5555/b
        2: 10.5555/c => doi:10.5555/c
        3: https://doi.org/10.5555/d => doi:10.5555/d
        3: https://doi.org/10.5555/e => doi:10.5555/e
        4: 10.5555/f => doi:10.5555/f
        4: 10.5555/g => doi:10.5555/g
        5! `2. Doe J. Nothing` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids (W…), and http(s) URLs
        "#);
    }

    #[test]
    fn a_list_may_be_numbered() {
        let source = "[1] https://example.org/a\n(2) 10.5555/b\n3. 17000001\n- arXiv:2101.00001\n• https://example.org/c.\n[6] A title alone.\n";
        insta::assert_snapshot!(read(source, Some(Format::Text), None), @r#"
        1: https://example.org/a => url:https://example.org/a | https://example.org/a
        2: 10.5555/b => doi:10.5555/b
        3: 17000001 => pmid:17000001
        4: arXiv:2101.00001 => arxiv:2101.00001 doi:10.48550/arxiv.2101.00001
        5: https://example.org/c. => url:https://example.org/c | https://example.org/c
        6! `6] A title alone` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids (W…), and http(s) URLs
        "#);
    }

    #[test]
    fn numbers_among_lines_that_are_no_identifiers_are_no_pmids() {
        let source = "Doe, J\n2112003\nRoe, J\n17000001\n17000002\nPMID: 17000003\n";
        insta::assert_snapshot!(read(source, Some(Format::Text), None), @r#"
        1! `Doe, J` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids (W…), and http(s) URLs
        2! `2112003` stands among lines that are no identifiers; if it is a PMID, write PMID:2112003
        3! `Roe, J` is not an identifier of a work; accepted are DOIs, arXiv ids, PMID:…, PMC…, OpenAlex ids (W…), and http(s) URLs
        4! `17000001` stands among lines that are no identifiers; if it is a PMID, write PMID:17000001
        5! `17000002` stands among lines that are no identifiers; if it is a PMID, write PMID:17000002
        6: PMID: 17000003 => pmid:17000003
        "#);
        insta::assert_snapshot!(read("17000001\n17000002\n", Some(Format::Text), None), @r#"
        1: 17000001 => pmid:17000001
        2: 17000002 => pmid:17000002
        "#);
    }
}
