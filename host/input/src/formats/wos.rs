//! Web of Science's own export (`.txt`, `.ciw`): a tag of two characters, a space, a value; from `PT` to `ER`.

use tierfall_ids::IdKind;

use super::tagged::{Dialect, Tagged, Tags, two_letters};
use crate::beginning::Beginning;
use crate::fields::Field;
use crate::parse::FormatSpec;
use crate::record::Record;

pub(crate) const WOS: FormatSpec = FormatSpec {
    names: &["wos", "ciw", "isi"],
    extensions: &["ciw", "isi"],
    sure: true,
    looks,
    open: |_| Ok(Box::new(Tagged::new(&DIALECT))),
};

const DIALECT: Dialect = Dialect {
    tag: two_letters,
    first: &["PT"],
    last: &["ER"],
    blank_ends: false,
    outside: &["FN", "VR", "EF"],
    line_by_line: &["AU", "AF"],
    record,
    none: "it is no export of Web of Science: no line has a tag like `PT J`",
};

/// The publication type, one letter, and another tag on the next line.
fn looks(beginning: &Beginning<'_>) -> bool {
    let lines: Vec<&str> = beginning.all_lines().filter(|line| !line.trim().is_empty()).take(10).collect();
    let begins = |line: &str| matches!(two_letters(line), Some(("PT", kind)) if kind.len() == 1);
    lines
        .windows(2)
        .any(|pair| matches!(pair, [first, second] if begins(first) && two_letters(second).is_some()))
        || lines.first().is_some_and(|first| {
            first.starts_with("FN ")
                && (first.contains("Web of")
                    || first.contains("ISI")
                    || first.contains("Clarivate")
                    || first.contains("Thomson"))
        })
}

fn record(tags: &Tags) -> Record {
    let mut record = Record::default();
    for (tag, text) in tags {
        match tag.as_str() {
            // `CR` is what the work cites, `D2` the book that it is in.
            "DI" => record.add(Field::Id(IdKind::Doi), text),
            "PM" => record.add(Field::Id(IdKind::Pmid), text),
            "TI" => record.add(Field::Title, text),
            "AU" => record.author(text),
            "PY" => record.add(Field::Year, text),
            "BP" => record.add(Field::FirstPage, text),
            "EP" => record.add(Field::LastPage, text),
            "PG" => record.add(Field::PageCount, text),
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
    fn what_a_work_cites_is_not_what_it_is() {
        let source = "FN Clarivate Analytics Web of Science\nVR 1.0\nPT J\nAU Doe, J\n   Roe, R\nAF Doe, Jane\nTI A title\n   over lines\n\
            CR Doe J, 2000, J, V1,\n   2112003\n   Roe R, 2001, J, DOI 10.5555/cited\nDI 10.5555/a\nPM 17000001\nPY 2020\nBP 3\nEP 7\nPG 5\nER\n\n\
            PT B\nTI Without\nER\n\nEF\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        3: 10.5555/a => doi:10.5555/a pmid:17000001 | A title over lines | Doe; Roe | 2020 | 5 pages
        20! the record, “Without”, has no identifier, and neither authors nor a year to find its title by
        "#);
        insta::assert_snapshot!(read("10.5555/a\n", Some(Format::Wos), None), @r#"1! it is no export of Web of Science: no line has a tag like `PT J`"#);
    }
}
