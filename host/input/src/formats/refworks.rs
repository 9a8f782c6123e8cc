//! RefWorks' own format: a tag of two characters, a space, a value; a record begins with its type.

use tierfall_ids::IdKind;

use super::tagged::{Dialect, Tagged, Tags, is_from_pubmed, says_its_kind, two_letters};
use crate::fields::Field;
use crate::parse::FormatSpec;
use crate::record::Record;

pub(crate) const REFWORKS: FormatSpec = FormatSpec {
    names: &["refworks"],
    extensions: &[],
    sure: true,
    looks: |beginning| {
        let lines: Vec<&str> =
            beginning.all_lines().filter(|line| !line.trim().is_empty()).take(10).collect();
        let begins = |line: &str| matches!(two_letters(line), Some(("RT", kind)) if !kind.is_empty());
        let headed =
            lines.first().is_some_and(|first| first.to_ascii_lowercase().starts_with("refworks export"));
        headed
            || lines
                .windows(2)
                .any(|pair| matches!(pair, [first, second] if begins(first) && two_letters(second).is_some()))
    },
    open: |_| Ok(Box::new(Tagged::new(&DIALECT))),
};

const DIALECT: Dialect = Dialect {
    tag: two_letters,
    first: &["RT"],
    last: &[],
    blank_ends: false,
    outside: &[],
    line_by_line: &[],
    record,
    none: "it is no export of RefWorks: no line has a tag like `RT Journal Article`",
};

fn record(tags: &Tags) -> Record {
    let mut record = Record::default();
    let from_pubmed = is_from_pubmed(tags, &["DB", "DS"]);
    for (tag, text) in tags {
        match tag.as_str() {
            "DO" => record.add(Field::Id(IdKind::Doi), text),
            "AN" if from_pubmed => record.add(Field::Id(IdKind::Pmid), text),
            "AN" | "U1" | "U2" | "U3" | "U4" | "U5" if says_its_kind(text) => record.add(Field::Any, text),
            "UL" | "LK" if text.contains("://") => record.add(Field::Id(IdKind::Url), text),
            "NO" => record.add(Field::Note, text),
            "ID" => record.called(text),
            "T1" => record.add(Field::Title, text),
            "A1" => record.author(text),
            "YR" | "FD" => record.add(Field::Year, text),
            "SP" if text.contains(['-', '–']) => record.add(Field::Pages, text),
            "SP" => record.add(Field::FirstPage, text),
            "OP" => record.add(Field::LastPage, text),
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
    fn a_record_begins_with_its_type() {
        let headed = "Refworks Export Tagged Format\n\nCharacter Set=utf-8\n\nTag legend\nRT=Reference Type\n\nRT Book, Whole\nT1 Alone\nYR 2001\n";
        insta::assert_snapshot!(read(headed, None, None), @r#"8: Alone =>  | Alone | 2001"#);
        let source = "RT Journal Article\nSR Electronic(1)\nID 12\nA1 Doe,Jane\nA1 Roe,Richard A.\nT1 A title that goes\nover lines\nYR 2002\nSP 101\nOP 108\n\
            AB With a blank line\n\nin it.\nDO 10.5555/a\nUL https://example.org/a\n\n\
            RT Book, Section\nT1 Of a library\nDB MEDLINE\nAN 17000001\n\nRT Book, Whole\nT1 Alone\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        1: 10.5555/a => doi:10.5555/a | A title that goes over lines | Doe; Roe | 2002 | 8 pages | https://example.org/a
        17: 17000001 => pmid:17000001 | Of a library
        22! the record, “Alone”, has no identifier, and neither authors nor a year to find its title by
        "#);
        insta::assert_snapshot!(read("10.5555/a\n", Some(Format::Refworks), None), @r#"1! it is no export of RefWorks: no line has a tag like `RT Journal Article`"#);
    }
}
