//! RIS: a tag of two characters, two spaces, a hyphen, a value; from `TY` to `ER`.

use tierfall_ids::IdKind;

use super::tagged::{Dialect, Tagged, Tags, is_from_pubmed, says_its_kind};
use crate::fields::Field;
use crate::parse::FormatSpec;
use crate::record::Record;

pub(crate) const RIS: FormatSpec = FormatSpec {
    names: &["ris"],
    extensions: &["ris"],
    sure: true,
    looks: |beginning| beginning.all_lines().take(60).any(|line| matches!(tag(line), Some(("TY", _)))),
    open: |_| Ok(Box::new(Tagged::new(&DIALECT))),
};

const DIALECT: Dialect = Dialect {
    tag,
    first: &["TY"],
    last: &["ER"],
    blank_ends: false,
    outside: &[],
    line_by_line: &[],
    record,
    none: "it is not RIS: no line has a tag like `TY  - `",
};

/// The tag and the value of a line. Some programs write another number of spaces before the hyphen, or no value.
fn tag(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = (line.get(..2)?, line.get(2..)?);
    let mut characters = tag.chars();
    let named = characters.next().is_some_and(|c| c.is_ascii_uppercase())
        && characters.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let value = rest.trim_start_matches([' ', '\t']).strip_prefix('-')?;
    let apart = value.is_empty() || value.starts_with([' ', '\t']) || rest.starts_with("  -");
    (named && apart).then(|| (tag, value.trim()))
}

fn record(tags: &Tags) -> Record {
    let mut record = Record::default();
    let from_pubmed = is_from_pubmed(tags, &["DB", "DP"]);
    for (tag, text) in tags {
        if tag == "ID" {
            record.called(text);
        }
        match tag.as_str() {
            "DO" | "DI" => record.add(Field::Id(IdKind::Doi), text),
            "AN" if from_pubmed => record.add(Field::Id(IdKind::Pmid), text),
            // Programs put identifiers that RIS has no tag for into these.
            "AN" | "C1" | "C2" | "C3" | "C5" | "C6" | "C7" | "C8" | "M1" | "M2" | "M3" | "U1" | "U2"
            | "U3" | "ID" | "SV"
                if says_its_kind(text) =>
            {
                record.add(Field::Any, text);
            }
            "N1" | "C3" | "XR" | "U4" | "U5" => record.add(Field::Note, text),
            "UR" | "LK" | "L1" | "L2" | "L3" => {
                for url in
                    text.split(';').map(str::trim).filter(|url| url.contains("://") || url.starts_with("10."))
                {
                    record.add(Field::Id(IdKind::Url), url);
                }
            }
            "TI" | "T1" | "CT" => record.add(Field::Title, text),
            "AU" | "A1" => record.author(text),
            "PY" | "Y1" | "DA" => record.add(Field::Year, text),
            "SP" if text.contains(['-', '–']) => record.add(Field::Pages, text),
            "SP" => record.add(Field::FirstPage, text),
            "EP" => record.add(Field::LastPage, text),
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
    fn a_record_gives_its_identifiers_and_facts() {
        let source = "TY  - JOUR\r\nAU  - Piwowar, Heather A.\r\nAU  - Day, Roger S.\r\nPY  - 2007/03/21/\r\n\
            TI  - Sharing Detailed Research Data\r\n      Is Associated\r\nSP  - e308\r\nUR  - https://example.org/a; https://doi.org/10.1371/journal.pone.0000308\r\n\
            DO  - 10.1371/journal.pone.0000308\r\nC2  - PMC1817752\r\nER  - \r\n\r\n\
            TY  - JOUR\nDB  - PubMed\nAN  - 17375194\nSP  - 12\nEP  - 19\nER  -\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        1: 10.1371/journal.pone.0000308 => doi:10.1371/journal.pone.0000308 pmcid:PMC1817752 | Sharing Detailed Research Data Is Associated | Piwowar; Day | 2007 | https://example.org/a
        13: 17375194 => pmid:17375194 | 8 pages
        "#);
    }

    #[test]
    fn a_record_without_an_end_or_an_identifier_costs_only_itself() {
        let source = "junk\nTY  - JOUR\nTI  - No id\nTY  - JOUR\nDO  - 10.1371/a\nER  - \nTY  - BOOK\nTI  - No id either\nER  - \nTY  - JOUR\nDO  - 10.1371/b\n";
        insta::assert_snapshot!(read(source, Some(Format::Ris), None), @r#"
        2! the record, “No id”, has no identifier, and neither authors nor a year to find its title by
        4: 10.1371/a => doi:10.1371/a
        7! the record, “No id either”, has no identifier, and neither authors nor a year to find its title by
        10: 10.1371/b => doi:10.1371/b
        "#);
    }

    #[test]
    fn programs_write_ris_in_their_own_ways() {
        let source = "Provider: A publisher\nContent:text/plain; charset=\"UTF-8\"\n\nTY - JOUR\nDO - 10.5555/a\nER -\n\
            1.\nTY  - JOUR\nN1  - PMID: 17000001\nT1  - T\nSP  - 744\nEP  - \nER  - \n\
            TY  - JOUR\nM3  - doi: 10.5555/b\nSP  - 12-19\nER  - \n\
            TY  - CHAP\nUR  - 10.5555/c\nN1  - Erratum: 10.5555/z\nER  - \n\
            TY  - JOUR\nTI  - T\nN1  - See 10.5555/x and 10.5555/y\nER  - \n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        4: 10.5555/a => doi:10.5555/a
        8: PMID: 17000001 => pmid:17000001 | T
        14: doi: 10.5555/b => doi:10.5555/b | 8 pages
        18: 10.5555/c => doi:10.5555/c
        22! the record, “T”, has no identifier, and neither authors nor a year to find its title by
        "#);
    }

    #[test]
    fn what_has_no_tag_is_no_ris() {
        insta::assert_snapshot!(read("10.5555/a\nother\n", Some(Format::Ris), None), @r#"1! it is not RIS: no line has a tag like `TY  - `"#);
    }
}
