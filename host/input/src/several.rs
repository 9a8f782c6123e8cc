//! Cells and fields that may hold several identifiers, or one among other words.

use tierfall_ids::{IdKind, InvalidId, WorkId};

use crate::scan;
use crate::written::{self, LONGEST};

/// Several identifiers of one work in one cell or field; the first is the one that was meant most. `kind` is what
/// the column says.
pub(crate) fn all(kind: Option<IdKind>, text: &str) -> Result<Vec<WorkId>, InvalidId> {
    let several = || scan::identifiers(text).into_iter().map(|found| found.id).collect::<Vec<_>>();
    if text.len() <= LONGEST && holds_several(text) {
        let found = several();
        if found.len() > 1 {
            return Ok(found);
        }
    }
    match written::read(kind, text) {
        Ok(id) => Ok(vec![id]),
        Err(refused) if text.len() <= LONGEST => {
            let found = several();
            if found.is_empty() || is_cut_short(text) { Err(refused) } else { Ok(found) }
        }
        Err(refused) => Err(refused),
    }
}

/// Whether a text begins more than one identifier.
fn holds_several(text: &str) -> bool {
    text.contains([';', ',', '|', ' ', '\n', '\t'])
        && (text.matches("10.").nth(1).is_some()
            || text.matches("://").nth(1).is_some()
            || ["pmid", "PMID", "pmc", "PMC", "arXiv", "arxiv"].iter().any(|label| text.contains(label)))
}

/// Whether what follows the first blank looks like the rest of a DOI: `10.1016/j.cell. 2018.01.001`.
fn is_cut_short(text: &str) -> bool {
    let Some(begin) = text.find("10.") else { return false };
    let text = text.get(begin..).unwrap_or_default();
    let Some((first, rest)) = text.split_once(char::is_whitespace) else { return false };
    let rest = rest.trim_start();
    let joined = first.ends_with(['.', '-', '/', '_', '(', ':']);
    let word = rest.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let sentence = rest.starts_with(|c: char| c.is_uppercase()) || FOLLOWING.contains(&word);
    let separate = rest.starts_with(|c: char| !c.is_alphanumeric()) || first.ends_with([',', ';']);
    !(sentence || (separate && !joined) || rest.is_empty())
}

/// Words that follow a DOI in references.
const FOLLOWING: [&str; 16] = [
    "accessed",
    "and",
    "arxiv",
    "available",
    "doi",
    "epub",
    "for",
    "from",
    "http",
    "https",
    "in",
    "last",
    "or",
    "pmc",
    "pmid",
    "retrieved",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> String {
        match all(None, text) {
            Ok(ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn what_clings_to_a_doi_is_taken_off() {
        for (text, doi) in [
            ("10.5555/v1/full", "10.5555/v1"),
            ("10.5555/v1/full/html", "10.5555/v1"),
            ("10.5555/v2.pdf", "10.5555/v2"),
            ("10.5555/v2.full.pdf+html", "10.5555/v2"),
            ("10.5555/v3?utm_source=x&y=z", "10.5555/v3"),
            ("10.5555/v3#abstract", "10.5555/v3"),
            ("https://doi.org/10.5555/v3/", "10.5555/v3"),
            ("10.1101/2020.01.01.123456v2", "10.1101/2020.01.01.123456"),
            ("10.1101/123456v1.full.pdf", "10.1101/123456"),
            ("10.7287/peerj.preprints.1v1", "10.7287/peerj.preprints.1v1"),
            ("10.1007/978–3–319–00001–6_7", "10.1007/978-3-319-00001-6_7"),
            ("10.5555/a&#60;b&#62;c", "10.5555/a<b>c"),
            ("10.5555/a&amp;b", "10.5555/a&b"),
            ("10.1007/978-3-319-00001-6{\\_}7", "10.1007/978-3-319-00001-6_7"),
            ("10.5555\\/a", "10.5555/a"),
            ("10.5555/a [doi]", "10.5555/a"),
            ("10.5555/a (accessed 2020-01-01)", "10.5555/a"),
            ("10.5555/a. Epub 2018 Jan 1.", "10.5555/a"),
            ("10.5555/ a.b", "10.5555/a.b"),
            ("doi : 10.5555/a", "10.5555/a"),
            ("http//dx.doi.org/10.5555/a", "10.5555/a"),
            ("10.5555/a\">link</a>", "10.5555/a"),
            ("10.5555/a</p>", "10.5555/a"),
            ("**10.5555/a**", "10.5555/a"),
            (
                "10.1002/(SICI)1097-4571(1999)50:1<1::AID-ASI1>3.0.CO;2-#",
                "10.1002/(sici)1097-4571(1999)50:1<1::aid-asi1>3.0.co;2-#",
            ),
            ("10.5555/full", "10.5555/full"),
            ("10.5555/a/b.c-d", "10.5555/a/b.c-d"),
        ] {
            assert_eq!(ids(text), format!("doi:{doi}"), "{text}");
        }
    }

    #[test]
    fn several_identifiers_of_one_cell_are_told_apart() {
        for (text, found) in [
            ("10.5555/a; 10.5555/b", "doi:10.5555/a doi:10.5555/b"),
            ("10.5555/a,10.5555/b", "doi:10.5555/a doi:10.5555/b"),
            ("10.5555/a|PMC12", "doi:10.5555/a pmcid:PMC12"),
            ("PMID: 12; PMCID: PMC13", "pmid:12 pmcid:PMC13"),
            ("17000003.0", "pmid:17000003"),
        ] {
            assert_eq!(ids(text), found, "{text}");
        }
    }

    #[test]
    fn what_may_be_half_a_doi_is_refused() {
        for text in [
            "10.1016/j.cell. 2018.01.001",
            "10.1371/a b",
            "10.5555/x- y2",
            "The title of 10 papers",
            "1.5",
            "",
        ] {
            assert!(ids(text).starts_with('!'), "{text}: {}", ids(text));
        }
    }
}
