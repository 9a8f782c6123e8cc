//! Identifiers in their normal form, read from what APIs and pages say.
//!
//! A source gets normalised identifiers with the work; these are for the ones it learns. They are read by
//! the code that the host reads its own with (`tierfall-ids`), so that both write a work in one way: a
//! source that compares `math.GT/0309136` with the work's `math/0309136` must not take the record for
//! another work.

pub use tierfall_ids::text::without_version;

use crate::{IdKind, WorkId};

impl WorkId {
    /// A DOI in any usual spelling: bare, `doi:…`, a doi.org URL. Lower case, because DOIs are
    /// compared without case (DOI Handbook, 3.4). A DOI of arXiv's is read as the arXiv id.
    pub fn read_doi(text: &str) -> Option<Self> {
        Self::read(IdKind::Doi, text).filter(|id| matches!(id, Self::Doi(_) | Self::Arxiv(_)))
    }

    /// A PMID: digits, or a URL of PubMed's.
    pub fn read_pmid(text: &str) -> Option<Self> {
        Self::read(IdKind::Pmid, text).filter(|id| matches!(id, Self::Pmid(_)))
    }

    /// A PMCID: `PMC123`, `pmc123`, `123`, or a URL of PubMed Central's or Europe PMC's.
    pub fn read_pmcid(text: &str) -> Option<Self> {
        Self::read(IdKind::Pmcid, text).filter(|id| matches!(id, Self::Pmcid(_)))
    }

    /// An arXiv id of either form (<https://info.arxiv.org/help/arxiv_identifier.html>): bare,
    /// `arXiv:…`, or an arxiv.org URL.
    pub fn read_arxiv(text: &str) -> Option<Self> {
        Self::read(IdKind::Arxiv, text).filter(|id| matches!(id, Self::Arxiv(_)))
    }

    /// An OpenAlex work id: `W123` or its URL.
    pub fn read_openalex(text: &str) -> Option<Self> {
        Self::read(IdKind::Openalex, text).filter(|id| matches!(id, Self::Openalex(_)))
    }

    /// The identifier that a URL of a well-known place stands for: a DOI of the resolver's, an
    /// arXiv id, a PMCID, a PMID, an OpenAlex id.
    pub fn of_url(url: &str) -> Option<Self> {
        tierfall_ids::WorkId::named_by_url(url).filter(|_| crate::url::is_web(url)).map(Self::from)
    }

    fn read(kind: IdKind, text: &str) -> Option<Self> {
        parse(kind, text).map(Self::from)
    }

    /// What two identifiers of one work and one kind have in common: their normal form, without the
    /// version of an arXiv id.
    pub(crate) fn comparable(&self) -> String {
        match parse(self.kind(), self.value()) {
            Some(id) => id.unversioned().to_owned(),
            None => self.value().to_owned(),
        }
    }
}

/// A DOI in lower case without a prefix; also from URLs that carry one behind the resolver's name. One
/// of arXiv's stays a DOI, of no version.
pub fn bare_doi(text: &str) -> Option<String> {
    let id = parse(IdKind::Doi, text)?;
    let doi = if id.kind() == tierfall_ids::IdKind::Doi { Some(id) } else { id.arxiv_doi() };
    doi.map(|doi| doi.value().to_owned())
}

fn parse(kind: IdKind, text: &str) -> Option<tierfall_ids::WorkId> {
    let kind = match kind {
        IdKind::Doi => tierfall_ids::IdKind::Doi,
        IdKind::Arxiv => tierfall_ids::IdKind::Arxiv,
        IdKind::Pmid => tierfall_ids::IdKind::Pmid,
        IdKind::Pmcid => tierfall_ids::IdKind::Pmcid,
        IdKind::Openalex => tierfall_ids::IdKind::Openalex,
        IdKind::Url => tierfall_ids::IdKind::Url,
        // A title is no identifier.
        IdKind::Title => return None,
    };
    tierfall_ids::WorkId::parse_as(kind, text).ok()
}

impl From<tierfall_ids::WorkId> for WorkId {
    fn from(id: tierfall_ids::WorkId) -> Self {
        let kind = match id.kind() {
            tierfall_ids::IdKind::Doi => Self::Doi,
            tierfall_ids::IdKind::Arxiv => Self::Arxiv,
            tierfall_ids::IdKind::Pmid => Self::Pmid,
            tierfall_ids::IdKind::Pmcid => Self::Pmcid,
            tierfall_ids::IdKind::Openalex => Self::Openalex,
            tierfall_ids::IdKind::Url => Self::Url,
        };
        kind(id.value().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dois_are_read_in_every_spelling() {
        for text in [
            "10.1000/ABC(1)",
            "doi:10.1000/abc(1)",
            "DOI: 10.1000/abc(1)",
            "https://doi.org/10.1000/ABC(1)",
            "http://dx.doi.org/10.1000%2Fabc%281%29",
            " 10.1000/abc(1) ",
        ] {
            assert_eq!(WorkId::read_doi(text), Some(WorkId::Doi("10.1000/abc(1)".into())), "{text}");
        }
        for text in
            ["", "10.1000", "11.1000/x", "10.1000/", "10.abc/x", "https://a.invalid/10.1", "10.1000/a b"]
        {
            assert_eq!(WorkId::read_doi(text), None, "{text}");
        }
    }

    #[test]
    fn arxiv_ids_of_both_forms_are_read_and_its_dois_are_ids() {
        for (text, id) in [
            ("2101.00001", "2101.00001"),
            ("arXiv:2101.00001v2", "2101.00001v2"),
            ("http://arxiv.org/abs/hep-th/9901001v1", "hep-th/9901001v1"),
            ("https://arxiv.org/pdf/2101.00001.pdf", "2101.00001"),
            ("math.GT/0309136", "math/0309136"),
            ("cond-mat/0001001", "cond-mat/0001001"),
            ("solv-int/9901001", "solv-int/9901001"),
        ] {
            assert_eq!(WorkId::read_arxiv(text), Some(WorkId::Arxiv(id.into())), "{text}");
        }
        assert_eq!(WorkId::read_doi("10.48550/arXiv.2101.00001"), Some(WorkId::Arxiv("2101.00001".into())));
        for text in ["", "v", "2101", "2101.1", "10.1000/1234567", "https://arxiv.org/list/x"] {
            assert_eq!(WorkId::read_arxiv(text), None, "{text}");
        }
    }

    #[test]
    fn urls_of_well_known_places_are_identifiers_and_others_are_not() {
        for (url, id) in [
            ("https://doi.org/10.1000/ABC", WorkId::Doi("10.1000/abc".into())),
            ("http://arxiv.org/abs/2101.00001v2", WorkId::Arxiv("2101.00001v2".into())),
            ("https://www.ncbi.nlm.nih.gov/pmc/articles/PMC12/", WorkId::Pmcid("PMC12".into())),
            ("https://pmc.ncbi.nlm.nih.gov/articles/PMC12/pdf/x.pdf", WorkId::Pmcid("PMC12".into())),
            ("https://europepmc.org/article/PMC/PMC12", WorkId::Pmcid("PMC12".into())),
            ("https://pubmed.ncbi.nlm.nih.gov/12/", WorkId::Pmid("12".into())),
            ("https://europepmc.org/article/MED/12", WorkId::Pmid("12".into())),
        ] {
            assert_eq!(WorkId::of_url(url), Some(id), "{url}");
        }
        for url in
            ["https://europepmc.org/article/AGR/12", "https://a.invalid/10.1000/abc", "x", "https://doi.org/"]
        {
            assert_eq!(WorkId::of_url(url), None, "{url}");
        }
    }

    #[test]
    fn ids_of_the_medical_literature_are_one_id_in_every_spelling() {
        for text in [
            "PMC123",
            "pmc123",
            "123",
            "PMC123.1",
            "https://pmc.ncbi.nlm.nih.gov/articles/PMC123/",
            "https://www.ncbi.nlm.nih.gov/pmc/articles/123",
        ] {
            assert_eq!(WorkId::read_pmcid(text), Some(WorkId::Pmcid("PMC123".into())), "{text}");
        }
        for text in ["17299597", "https://pubmed.ncbi.nlm.nih.gov/17299597/", "pmid:17299597"] {
            assert_eq!(WorkId::read_pmid(text), Some(WorkId::Pmid("17299597".into())), "{text}");
        }
        assert_eq!(WorkId::read_pmid("007"), Some(WorkId::Pmid("7".into())));
        assert_eq!(WorkId::read_pmid("PMC1"), None);
        assert_eq!(WorkId::read_pmcid("PMCPMC1"), None);
        assert_eq!(
            WorkId::read_openalex("https://openalex.org/W2741809807"),
            Some(WorkId::Openalex("W2741809807".into()))
        );
        assert_eq!(WorkId::read_openalex("A5023888391"), None);
    }
}
