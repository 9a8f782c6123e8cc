//! Whether the record that a search returned is about the work that was asked for.

use tierfall_sdk::ids::without_version;
use tierfall_sdk::{Work, WorkId};

/// What the identifiers in a record say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// One of them is the work's.
    ThisWork,
    /// It states none of a kind that is known of the work.
    Unstated,
    /// It states others of the same kind, and none of the work's.
    AnotherWork,
}

/// Compares the identifiers that a record states with the work's.
/// DOIs are compared without case, and for those of Figshare and OSF without the version at their
/// end; arXiv ids without their version.
pub fn about(work: &Work, stated: &[WorkId]) -> About {
    let known: Vec<WorkId> = work.ids.iter().map(comparable).collect();
    let stated: Vec<WorkId> = stated.iter().map(comparable).collect();
    if stated.iter().any(|id| known.contains(id)) {
        return About::ThisWork;
    }
    if stated.iter().any(|id| known.iter().any(|k| k.kind() == id.kind())) {
        return About::AnotherWork;
    }
    About::Unstated
}

/// The DOIs among some texts, whatever their spelling.
pub fn dois(texts: impl IntoIterator<Item = String>) -> Vec<WorkId> {
    texts.into_iter().filter_map(|text| WorkId::read_doi(&text)).collect()
}

fn comparable(id: &WorkId) -> WorkId {
    // Read again: a work may hold an arXiv DOI beside its arXiv id, a record either.
    let read = match id {
        WorkId::Doi(doi) => WorkId::read_doi(doi),
        other => Some(other.clone()),
    };
    match read.unwrap_or_else(|| id.clone()) {
        WorkId::Arxiv(id) => WorkId::Arxiv(without_version(&id, "v").to_owned()),
        WorkId::Doi(doi) if doi.contains("osf.io/") => WorkId::Doi(without_version(&doi, "_v").to_owned()),
        // `10.6084/m9.figshare.1.v2`: no other registrant ends its DOIs so.
        WorkId::Doi(doi) => WorkId::Doi(without_version(&doi, ".v").to_owned()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doi(text: &str) -> WorkId {
        WorkId::Doi(text.into())
    }

    #[test]
    fn one_shared_identifier_is_enough_and_another_of_the_same_kind_is_not() {
        let work = Work::new(vec![doi("10.1000/a"), WorkId::Pmid("7".into())]);
        assert_eq!(about(&work, &dois(["https://doi.org/10.1000/A".into()])), About::ThisWork);
        assert_eq!(about(&work, &[doi("10.1000/b"), WorkId::Pmid("7".into())]), About::ThisWork);
        assert_eq!(about(&work, &[doi("10.1000/b")]), About::AnotherWork);
        assert_eq!(about(&work, &[WorkId::Arxiv("2101.00001".into())]), About::Unstated);
        assert_eq!(about(&work, &[]), About::Unstated);
    }

    #[test]
    fn versions_of_preprints_and_deposits_are_one_work() {
        let arxiv = Work::new(vec![WorkId::Arxiv("2101.00001v2".into())]);
        assert_eq!(about(&arxiv, &dois(["10.48550/arXiv.2101.00001".into()])), About::ThisWork);
        let figshare = Work::new(vec![doi("10.6084/m9.figshare.12.v1")]);
        assert_eq!(about(&figshare, &[doi("10.6084/m9.figshare.12")]), About::ThisWork);
        assert_eq!(about(&figshare, &[doi("10.6084/m9.figshare.1")]), About::AnotherWork);
        let osf = Work::new(vec![doi("10.31219/osf.io/ab3de")]);
        assert_eq!(about(&osf, &[doi("10.31219/osf.io/ab3de_v3")]), About::ThisWork);
    }
}
