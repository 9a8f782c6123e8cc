//! The kinds of identifier, their labels, and how messages speak of them.

/// What an identifier identifies a work by. The order is that in which ids are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum IdKind {
    /// A Digital Object Identifier.
    Doi,
    /// An e-print on arXiv.
    Arxiv,
    /// A record in PubMed.
    Pmid,
    /// A full text in PubMed Central.
    Pmcid,
    /// A work in OpenAlex.
    Openalex,
    /// A page on the web: the last resort, for works that nobody gave an identifier.
    Url,
}

impl IdKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Doi, Self::Arxiv, Self::Pmid, Self::Pmcid, Self::Openalex, Self::Url];

    /// The prefix in keys, and the word in manifests, logs and messages: `doi`, `pmcid` …
    pub fn label(self) -> &'static str {
        self.into()
    }

    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Doi => "a DOI",
            Self::Arxiv => "an arXiv id",
            Self::Pmid => "a PMID",
            Self::Pmcid => "a PMCID",
            Self::Openalex => "an OpenAlex work",
            Self::Url => "a URL that can be fetched",
        }
    }

    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Doi => "10.1371/journal.pone.0000308",
            Self::Arxiv => "2101.00001, 2101.00001v2 or hep-th/9901001",
            Self::Pmid => "PMID:17375194",
            Self::Pmcid => "PMC1817752",
            Self::Openalex => "W2741809807",
            Self::Url => "https://example.org/article/1",
        }
    }
}
