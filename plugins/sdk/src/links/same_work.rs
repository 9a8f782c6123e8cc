//! Whether two DOIs are of one work.

use crate::ids;

/// The same, or versions of one: `10.1000/x.v2` and `10.1000/x/v1`, `10.1000/x_v1`, `10.1000/x.77.1` and
/// `10.1000/x.77.2`.
pub fn is_same_work(one: &str, other: &str) -> bool {
    one == other || without_version(one) == without_version(other)
}

/// A DOI without the version at its end, if it has one.
fn without_version(doi: &str) -> &str {
    for mark in ["v", "_v"] {
        let bare = ids::without_version(doi, mark);
        if bare != doi {
            let bare = bare.strip_suffix(['.', '/', '-', '_']);
            return bare.filter(|bare| has_suffix(bare)).unwrap_or(doi);
        }
    }
    numbered(doi).unwrap_or(doi)
}

/// A small number behind another number is that of a version (`f1000research.4767.1`), unless the other is
/// a year: then it is one of the year's papers.
fn numbered(doi: &str) -> Option<&str> {
    let (bare, version) = doi.rsplit_once('.')?;
    let (before, number) = bare.rsplit_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let year = number.len() == 4 && (number.starts_with("19") || number.starts_with("20"));
    let fits = digits(version) && version.len() <= 2 && digits(number) && number.len() >= 2 && !year;
    (fits && has_suffix(before)).then_some(bare)
}

/// Whether something is left behind the registrant's prefix.
fn has_suffix(doi: &str) -> bool {
    doi.split_once('/').is_some_and(|(_, suffix)| !suffix.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_one_work_are_the_same_work_and_papers_of_one_year_are_not() {
        for (one, other) in [
            ("10.1000/abc", "10.1000/abc.v2"),
            ("10.1000/abc.v1", "10.1000/abc.v2"),
            ("10.1000/rs-1/v1", "10.1000/rs-1"),
            ("10.1000/osf.io/ab3de_v1", "10.1000/osf.io/ab3de"),
            ("10.1000/f.4767.1", "10.1000/f.4767.2"),
            ("10.1000/elife.85780.1", "10.1000/elife.85780"),
        ] {
            assert!(is_same_work(one, other), "{one} {other}");
            assert!(is_same_work(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("10.1000/abc", "10.1000/abcd"),
            ("10.1000/abc.1", "10.1000/abc.2"),
            ("10.1000/lip.2016.1", "10.1000/lip.2016.2"),
            ("10.1000/j.4.2001", "10.1000/j.4.2002"),
            ("10.1000/v1", "10.1000/v2"),
            ("10.1000/12.1", "10.1000/12.2"),
        ] {
            assert!(!is_same_work(one, other), "{one} {other}");
        }
    }
}
