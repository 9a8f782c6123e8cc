//! Running text and Markdown: every identifier in it. What has none says nothing.

use std::collections::VecDeque;

use super::{broken, text};
use crate::entry::{EntryError, InputEntry};
use crate::lines::Lines;
use crate::parse::{FormatSpec, Parse};
use crate::scan;

pub(crate) const PROSE: FormatSpec = FormatSpec {
    names: &["prose", "markdown", "md"],
    extensions: &["md", "markdown", "rst", "tex", "bbl"],
    sure: false,
    looks: |_| false,
    open: |_| Ok(Box::new(Prose::default())),
};

/// In bytes, of text that is looked through at once.
const PART: usize = 64 << 10;

#[derive(Default)]
struct Prose {
    found: VecDeque<InputEntry>,
    /// A line of which this many bytes were looked through.
    rest: Option<(u64, String, usize)>,
    any: bool,
    ended: bool,
}

impl Parse for Prose {
    fn entry(&mut self, lines: &mut Lines) -> Option<Result<InputEntry, EntryError>> {
        loop {
            if let Some(entry) = self.found.pop_front() {
                self.any = true;
                return Some(Ok(entry));
            }
            let (number, text, at) = match self.rest.take() {
                Some(rest) => rest,
                None => match broken::next(lines) {
                    Some(Ok(line)) => (line.number, line.text, 0),
                    Some(Err(bad)) => return Some(Err(bad)),
                    None if self.any || std::mem::replace(&mut self.ended, true) => return None,
                    None => return Some(Err(EntryError::new(1, "no identifier stands in the text"))),
                },
            };
            let rest = text.get(at..).unwrap_or_default();
            let end = if rest.len() <= PART {
                rest.len()
            } else {
                let part = rest.floor_char_boundary(PART);
                rest.get(..part)
                    .and_then(|part| part.rfind(char::is_whitespace))
                    .filter(|end| *end > 0)
                    .unwrap_or(part)
            };
            let part = rest.get(..end).unwrap_or_default();
            self.found
                .extend(scan::works(part).into_iter().filter_map(|found| text::entry(number, part, found)));
            if end < rest.len() {
                self.rest = Some((number, text, at + end));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::tests::read;

    #[test]
    fn every_identifier_of_a_text_is_a_work() {
        let source = "# References\n\n- Doe, J. (2001). *A title*. <https://doi.org/10.5555/a>. PMID: 17000001\n- [Roe](https://arxiv.org/abs/2101.00001), and in 2018 also 10.5555/b.\n\n> Nothing here, but https://example.org and 12345678.\n";
        insta::assert_snapshot!(read(source, Some(Format::Prose), None), @r#"
        3: https://doi.org/10.5555/a => doi:10.5555/a pmid:17000001
        4: https://arxiv.org/abs/2101.00001), => arxiv:2101.00001 doi:10.48550/arxiv.2101.00001
        4: 10.5555/b. => doi:10.5555/b
        "#);
        insta::assert_snapshot!(read("Nothing.\n", Some(Format::Prose), None), @r#"1! no identifier stands in the text"#);
        let long: String = (0..20_000).map(|n| format!("10.5555/{n} ")).collect();
        assert_eq!(read(&long, Some(Format::Prose), None).lines().count(), 20_000);
    }
}
