//! MEDLINE, as PubMed saves it (`.nbib`): a tag padded to four characters, a hyphen, a space, a value.

use tierfall_ids::IdKind;

use super::tagged::{Dialect, Tagged, Tags, value};
use crate::fields::Field;
use crate::parse::FormatSpec;
use crate::record::Record;

pub(crate) const MEDLINE: FormatSpec = FormatSpec {
    names: &["medline", "nbib", "pubmed"],
    extensions: &["nbib", "medline"],
    sure: true,
    looks: |beginning| {
        let number = |value: &str| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let tags = || beginning.all_lines().take(60).filter_map(tag);
        // ERIC writes the same without PMIDs.
        tags().any(|(tag, value)| tag == "PMID" && number(value))
            || (["OWN", "TI"].iter().all(|name| tags().any(|(tag, _)| tag == *name))
                && !tags().any(|(tag, _)| tag == "TY"))
    },
    open: |_| Ok(Box::new(Tagged::new(&DIALECT))),
};

const DIALECT: Dialect = Dialect {
    tag,
    first: &["PMID"],
    last: &[],
    blank_ends: true,
    outside: &[],
    line_by_line: &[],
    record,
    none: "it is not MEDLINE: no line has a tag like `PMID- `",
};

fn tag(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = (line.get(..4)?, line.get(4..)?);
    let name = tag.trim_end();
    let named =
        name.len() >= 2 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let value = rest.strip_prefix('-')?;
    (named && (value.is_empty() || value.starts_with(' '))).then(|| (name, value.trim()))
}

fn record(tags: &Tags) -> Record {
    let mut record = Record::default();
    // Full names where there are some.
    let authors = if value(tags, "FAU").is_some() { "FAU" } else { "AU" };
    for (tag, text) in tags {
        match tag.as_str() {
            "PMID" => record.add(Field::Id(IdKind::Pmid), text),
            "PMC" => record.add(Field::Id(IdKind::Pmcid), text),
            // `10.5555/a [doi]` beside `S0140-6736(05)1 [pii]`. What stands in SO, CON or RF is of other works, or broken
            // over lines.
            "LID" | "AID" => {
                if let Some(doi) = text.strip_suffix("[doi]") {
                    record.add(Field::Id(IdKind::Doi), doi);
                } else if text.contains("://") && !text.contains("eric.ed.gov/?id=EJ") {
                    // ERIC's, a DOI among them. Of articles its own page knows no file; their titles do better.
                    record.add(Field::Id(IdKind::Url), text);
                }
            }
            // `[Not Available].` stands for a title that nobody translated.
            "TI" if !text.starts_with("[Not Available]") => record.add(Field::Title, text),
            "TT" if value(tags, "TI").is_none_or(|title| title.starts_with("[Not Available]")) => {
                record.add(Field::Title, text)
            }
            "BTI" if value(tags, "TI").is_none() => record.add(Field::Title, text),
            "DP" => record.add(Field::Year, text),
            "PG" => record.add(Field::Pages, text),
            tag if tag == authors => record.author(text),
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
    fn eric_writes_it_without_pmids() {
        let source = "\n\nOWN - ERIC\nTI  - A title\nAU  - Doe, Jane\nSO  - v10 n1 p1-10 2000\nAID - http://dx.doi.org/10.5555/a\nLID - http://eric.ed.gov/?id=EJ000001\nDP  - 2000\nPG  - 1-10\n\n\n\
            OWN - ERIC\nTI  - Second\nLID - http://eric.ed.gov/?id=ED000002\n\nOWN - ERIC\nTI  - Third\nAU  - Roe, R\nLID - http://eric.ed.gov/?id=EJ000003\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        3: http://dx.doi.org/10.5555/a => doi:10.5555/a | A title | Doe | 2000 | 10 pages
        13: http://eric.ed.gov/?id=ED000002 => url:http://eric.ed.gov/?id=ED000002 | Second | http://eric.ed.gov/?id=ED000002
        17: Third =>  | Third | Roe
        "#);
    }

    #[test]
    fn a_title_that_was_not_translated_is_that_of_the_original() {
        let source = "PMID- 17000001\nTI  - [Not Available].\nTT  - Ein Titel.\n\nPMID- 17000002\nTI  - [A title].\nTT  - Ein Titel.\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        1: 17000001 => pmid:17000001 | Ein Titel.
        5: 17000002 => pmid:17000002 | [A title].
        "#);
    }

    #[test]
    fn a_record_is_one_work_however_often_it_names_others() {
        let source = "\nPMID- 17000001\nOWN - NLM\nTI  - A title that goes\n      over lines\nFAU - Doe, Jane\nAU  - Doe J\nDP  - 2019 Jan\nPG  - 11-8\n\
            SO  - J. 2019;1:1-2. doi:\n      10.5555/j.2018.12.042. Epub\n      2018.\nCIN - J. 2020 Jan;1(1):1. PMID: 17000009\n\
            LID - 10.5555/a [doi]\nAID - S1(2)3 [pii]\nPMC - PMC12\n\nPMID- 17000002\nTI  - Second\n\nPMID- 17000003\nPMID- 17000004\n";
        insta::assert_snapshot!(read(source, None, None), @r#"
        2: 10.5555/a => doi:10.5555/a pmid:17000001 pmcid:PMC12 | A title that goes over lines | Doe | 2019 | 8 pages
        18: 17000002 => pmid:17000002 | Second
        21: 17000003 => pmid:17000003
        22: 17000004 => pmid:17000004
        "#);
        insta::assert_snapshot!(read("10.5555/a\n", Some(Format::Medline), None), @r#"1! it is not MEDLINE: no line has a tag like `PMID- `"#);
    }
}
