//! refer, as EndNote writes it (`.enw`): `%` and a letter, a space, a value; a blank line ends a record.

use tierfall_ids::IdKind;

use super::tagged::{Dialect, Tagged, Tags, is_from_pubmed, says_its_kind};
use crate::fields::Field;
use crate::parse::FormatSpec;
use crate::record::Record;

pub(crate) const REFER: FormatSpec = FormatSpec {
    names: &["refer", "enw", "endnote"],
    extensions: &["enw", "refer"],
    sure: true,
    looks: |beginning| {
        let lines = || beginning.all_lines().filter(|line| !line.trim().is_empty()).take(30);
        let is = |wanted: &'static [&str]| {
            lines().any(|line| tag(line).is_some_and(|(tag, _)| wanted.contains(&tag)))
        };
        is(&["%0"]) || (is(&["%T"]) && is(&["%A", "%D", "%J"]))
    },
    open: |_| Ok(Box::new(Tagged::new(&DIALECT))),
};

const DIALECT: Dialect = Dialect {
    tag,
    first: &["%0"],
    last: &[],
    blank_ends: true,
    outside: &[],
    line_by_line: &[],
    record,
    none: "it is not refer: no line has a tag like `%0 `",
};

fn tag(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = (line.get(..2)?, line.get(2..)?);
    let named = tag.starts_with('%')
        && tag.as_bytes().get(1).is_some_and(|byte| byte.is_ascii_graphic() && *byte != b'%');
    (named && (rest.is_empty() || rest.starts_with([' ', '\t']))).then(|| (tag, rest.trim()))
}

fn record(tags: &Tags) -> Record {
    let mut record = Record::default();
    let from_pubmed = is_from_pubmed(tags, &["%W", "%~"]);
    for (tag, text) in tags {
        match tag.as_str() {
            "%R" => record.add(Field::Any, text),
            "%M" if from_pubmed => record.add(Field::Id(IdKind::Pmid), text),
            "%M" | "%1" | "%2" | "%3" | "%4" | "%#" | "%$" if says_its_kind(text) => {
                record.add(Field::Any, text)
            }
            "%Z" | "%O" => record.add(Field::Note, text),
            "%U" | "%>" => {
                for url in text.split_whitespace().filter(|url| url.contains("://") || url.starts_with("10."))
                {
                    record.add(Field::Id(IdKind::Url), url);
                }
            }
            "%T" => record.add(Field::Title, text),
            "%A" => record.author(text),
            "%D" | "%8" => record.add(Field::Year, text),
            "%P" => record.add(Field::Pages, text),
            _ => {}
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::tests::read;

    #[test]
    fn a_record_ends_with_a_blank_line_or_with_the_next() {
        let source = "%0 Journal Article\n%T A title\n  over lines\n%A Doe, Jane\n%A Roe, R\n%D 2020\n%P 1-8\n%R doi:10.5555/a\n\n\
            %0 Book\n%T Without\n%0 Journal Article\n%W PubMed\n%M 17000001\n%U https://example.org/a\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        1: doi:10.5555/a => doi:10.5555/a | A title over lines | Doe; Roe | 2020 | 8 pages
        10! the record, “Without”, has no identifier, and neither authors nor a year to find its title by
        12: 17000001 => pmid:17000001 | https://example.org/a
        "#);
        insta::assert_snapshot!(read("10.5555/a\n", Some(Format::Refer), None), @r#"1! it is not refer: no line has a tag like `%0 `"#);
    }
}
