//! Ovid's exports: `<12. >` above each record, and below it either tags, as in `TI  - A title`, or names on lines of
//! their own with their values indented below them.

use tierfall_ids::IdKind;

use super::tagged::{Dialect, Tagged, Tags, is_from_pubmed, says_its_kind, value};
use crate::beginning::Beginning;
use crate::fields::Field;
use crate::parse::FormatSpec;
use crate::record::Record;
use crate::values;

pub(crate) const OVID: FormatSpec = FormatSpec {
    names: &["ovid"],
    extensions: &["ovd"],
    sure: true,
    looks,
    open: |_| Ok(Box::new(Tagged::new(&DIALECT))),
};

const DIALECT: Dialect = Dialect {
    tag,
    first: &[HEADER],
    last: &[],
    blank_ends: false,
    outside: &[],
    line_by_line: &[],
    record,
    none: "it is no export of Ovid: no line has the number of a record, like `<1. >`",
};

/// What the line with a record's number counts as.
const HEADER: &str = "<";

/// In bytes; a longer line is no name of a field.
const LONGEST_NAME: usize = 60;

/// A number, and behind it a tag, or a name with something indented below it.
fn looks(beginning: &Beginning<'_>) -> bool {
    let lines: Vec<&str> = beginning.all_lines().filter(|line| !line.trim().is_empty()).take(40).collect();
    lines.windows(3).any(|three| match three {
        [first, second, third] => {
            let plain = |c: char| c.is_ascii_alphabetic() || matches!(c, ' ' | '(' | ')' | '/');
            let indented = !second.starts_with(' ') && second.chars().all(plain) && third.starts_with(' ');
            is_header(first) && (tagged(second).is_some() || indented)
        }
        _ => false,
    })
}

fn is_header(line: &str) -> bool {
    let number = line.trim().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let number = number.map(|number| number.trim().trim_end_matches('.'));
    number.is_some_and(|number| {
        (1..=7).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn tag(line: &str) -> Option<(&str, &str)> {
    if is_header(line) {
        return Some((HEADER, ""));
    }
    let named = line.len() <= LONGEST_NAME && line.starts_with(|c: char| c.is_ascii_alphabetic());
    tagged(line).or_else(|| named.then(|| (line.trim_end(), "")))
}

/// `TI  - A title`.
fn tagged(line: &str) -> Option<(&str, &str)> {
    // Copied from a page, every line may begin with a space.
    let line = line.strip_prefix(' ').unwrap_or(line);
    let length = line.bytes().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count();
    let (tag, rest) = (line.get(..length)?, line.get(length..)?);
    let value = rest.trim_start_matches(' ').strip_prefix('-')?;
    ((2..=5).contains(&length) && (value.is_empty() || value.starts_with(' '))).then(|| (tag, value.trim()))
}

fn record(tags: &Tags) -> Record {
    let mut record = Record::default();
    let from_medline = is_from_pubmed(tags, &["DB", "Database"]);
    let unnamed = value(tags, "DB").or_else(|| value(tags, "Database")).is_none();
    let mut source = None;
    for (tag, text) in tags {
        match tag.as_str() {
            "DI"
            | "DO"
            | "DOI"
            | "DOI Number"
            | "Digital Object Identifier"
            | "Digital Object Identifier (DOI)" => record.add(Field::Id(IdKind::Doi), text),
            "PM" | "PMID" | "PubMed ID" | "PMID Identifier" => {
                record.add(Field::Id(IdKind::Pmid), text.split_whitespace().next().unwrap_or_default())
            }
            "UI" | "Unique Identifier" if from_medline => record.add(Field::Id(IdKind::Pmid), text),
            // Numbers of Embase have nine digits.
            "Unique Identifier" if unnamed && text.trim().len() <= 8 => {
                record.add(Field::Id(IdKind::Pmid), text)
            }
            "AN" | "Accession Number" if says_its_kind(text.trim()) => record.add(Field::Any, text),
            "TI" | "Title" => record.add(Field::Title, without_kind(text.trim())),
            // What stands in brackets is an address.
            "AU" => record.author(text.split(" [").next().unwrap_or_default()),
            "Author" | "Authors" => text.split(';').for_each(|name| {
                record.author(name.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' '))
            }),
            "YR" | "DP" | "Year of Publication" | "Publication Year" | "Date of Publication" => {
                record.add(Field::Year, text)
            }
            "PG" | "Page" | "Pages" => record.add(Field::Pages, text),
            "SO" | "Source" => source = Some(text),
            _ => {}
        }
    }
    if let Some(year) = source.filter(|_| record.facts.year.is_none()).and_then(|source| year_of(source)) {
        record.add(Field::Year, year);
    }
    record
}

/// Databases write the kind of a publication behind its title: `A title.  [Review]`.
fn without_kind(title: &str) -> &str {
    let cut = title
        .trim_end_matches('.')
        .strip_suffix(']')
        .and_then(|title| title.rsplit_once('['))
        .map(|(title, _)| title.trim_end());
    cut.filter(|title| title.ends_with('.')).unwrap_or(title)
}

/// `… 28(2):103-106, April 2015.`, `… February 2010;14(1):56`: other numbers of a source may be pages.
fn year_of(source: &str) -> Option<&str> {
    let source = source.trim().trim_end_matches('.');
    let before = source.split_once(';').map_or(source, |(before, _)| before);
    [source, before].into_iter().find_map(|text| {
        let word = text.rsplit(char::is_whitespace).next()?;
        (word.len() == 4).then_some(word).filter(|word| values::year(word).is_some())
    })
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::tests::read;

    #[test]
    fn tags_are_read_below_the_number_of_a_record() {
        let source = "<1. >\nVN  - Ovid Technologies\nDB  - Embase\nUI  - 621000001\nTI  - A title.  [Review]\nAU  - Doe J.\nAU  - Roe, R. MD\n\
            SO  - J. of Things. 12 (3), 2018. Date of Publication: 2018.\nAB  - Background: of it.\nMethod(s): 10.5555/z\n\nResults: more\nDO  - https://dx.doi.org/10.5555/a\n\n\
            <2. >\nVN  - Ovid Technologies\nDB  - Ovid MEDLINE(R) ALL\nUI  - 17000001\nTI  - Second\n  over lines\nYR  - 2004\nPG  - 11-18\n\n\
            <13. >\n VN - Ovid Technologies\nTI - Third [of all]\nAU - Moe, M. [Reprint Author; E-mail: m@example.org]\nSO - J Things January 2010;14(1):1999\nAU - Poe, P.\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        1: https://dx.doi.org/10.5555/a => doi:10.5555/a | A title. | Doe J.; Roe | 2018
        15: 17000001 => pmid:17000001 | Second over lines | 2004 | 8 pages
        24: Third [of all] =>  | Third [of all] | Moe; Poe | 2010
        "#);
        insta::assert_snapshot!(read("10.5555/a\n", Some(Format::Ovid), None), @r#"1! it is no export of Ovid: no line has the number of a record, like `<1. >`"#);
    }

    #[test]
    fn names_are_read_with_what_is_indented_below_them() {
        let source = "<1337>\nUnique Identifier\n  17000001\nAuthors\n  Doe, Jane 1;  Roe, R 2\nTitle\n  A title that goes\n  over lines.[Review]\n\
            Source\n  Things.   28(2):103-106, April 2015.\nAbstract\n  Long.\nDOI Number\n  10.5555/a\n\n<1338>\nAccession Number\n  00001-2\nTitle\n  Alone\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        1: 10.5555/a => doi:10.5555/a pmid:17000001 | A title that goes over lines. | Doe; Roe | 2015
        16! the record, “Alone”, has no identifier, and neither authors nor a year to find its title by
        "#);
    }

    #[test]
    fn a_list_of_numbers_in_brackets_is_none() {
        let numbered = "<1>\nDoe J. A title.\n  doi:10.5555/a\n<2>\nRoe R. Another.\n  doi:10.5555/b\n";
        assert!(read(numbered, None, None).contains("=> doi:10.5555/b"), "{}", read(numbered, None, None));
        insta::assert_snapshot!(read("<17000001>\n<17000002>\n<17000003>\n", None, None), @r#"
        1: <17000001> => pmid:17000001
        2: <17000002> => pmid:17000002
        3: <17000003> => pmid:17000003
        "#);
    }
}
