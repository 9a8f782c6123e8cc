//! Works, candidates and findings.

use crate::{
    Basis, Candidate, Digest, DigestAlgorithm, Facts, Finding, Format, IdKind, Match, SourceError, Version,
    Work, WorkId,
};

impl WorkId {
    /// Which kind of identifier this is.
    pub fn kind(&self) -> IdKind {
        match self {
            Self::Doi(_) => IdKind::Doi,
            Self::Arxiv(_) => IdKind::Arxiv,
            Self::Pmid(_) => IdKind::Pmid,
            Self::Pmcid(_) => IdKind::Pmcid,
            Self::Openalex(_) => IdKind::Openalex,
            Self::Url(_) => IdKind::Url,
        }
    }

    /// The identifier without its kind.
    pub fn value(&self) -> &str {
        match self {
            Self::Doi(value)
            | Self::Arxiv(value)
            | Self::Pmid(value)
            | Self::Pmcid(value)
            | Self::Openalex(value)
            | Self::Url(value) => value,
        }
    }
}

impl Work {
    /// A work that is known by these identifiers alone.
    pub fn new(ids: Vec<WorkId>) -> Self {
        Self { ids, title: None, authors: Vec::new(), year: None, pages: None, landing_urls: Vec::new() }
    }

    /// Whether it has no identifier: it is known by its title, and a source that names
    /// [`IdKind::Title`] answers with [`Finding::matches`].
    pub fn is_known_by_title(&self) -> bool {
        self.ids.is_empty()
    }

    /// The first identifier of a kind.
    pub fn id(&self, kind: IdKind) -> Option<&str> {
        self.ids.iter().find(|id| id.kind() == kind).map(WorkId::value)
    }

    /// The DOI: lower case, bare.
    pub fn doi(&self) -> Option<&str> {
        self.id(IdKind::Doi)
    }

    /// The arXiv id, with its version if the user gave one.
    pub fn arxiv(&self) -> Option<&str> {
        self.id(IdKind::Arxiv)
    }

    /// The PMID: digits.
    pub fn pmid(&self) -> Option<&str> {
        self.id(IdKind::Pmid)
    }

    /// The PMCID, with its `PMC`.
    pub fn pmcid(&self) -> Option<&str> {
        self.id(IdKind::Pmcid)
    }

    /// Whether a record with these identifiers may be about this work: of no kind that both have are
    /// they all different. How they are written does not count, nor does the version of an arXiv id.
    pub fn may_be(&self, ids: &[WorkId]) -> bool {
        ids.iter().all(|stated| {
            let kind = stated.kind();
            let of_kind = |id: &&WorkId| id.kind() == kind;
            !self.ids.iter().any(|id| of_kind(&id))
                || ids.iter().filter(of_kind).any(|one| {
                    self.ids.iter().filter(of_kind).any(|own| own.comparable() == one.comparable())
                })
        })
    }

    /// The OpenAlex id, with its `W`.
    pub fn openalex(&self) -> Option<&str> {
        self.id(IdKind::Openalex)
    }
}

impl Candidate {
    /// A URL with the reason to believe in it; version and licence unknown.
    pub fn new(url: impl Into<String>, basis: Basis, evidence: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            version: Version::Unknown,
            format: Format::Unknown,
            digest: None,
            license: None,
            landing_page: None,
            basis,
            evidence: evidence.into(),
        }
    }

    /// With its version.
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// With its licence, as the source writes it.
    pub fn license(mut self, license: Option<String>) -> Self {
        self.license = license;
        self
    }

    /// With what the source says that the file is.
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// With a digest that its source published, in hexadecimal: the host holds the file to it. What is no digest
    /// of this kind is left out.
    pub fn digest(mut self, algorithm: DigestAlgorithm, hex: Option<&str>) -> Self {
        let digits = match algorithm {
            DigestAlgorithm::Md5 => 32,
            DigestAlgorithm::Sha1 => 40,
            DigestAlgorithm::Sha256 => 64,
        };
        let hex = hex.filter(|hex| hex.len() == digits && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        self.digest = hex.map(|hex| Digest { algorithm, value: hex.to_ascii_lowercase() });
        self
    }

    /// With the page that it belongs to.
    pub fn landing_page(mut self, url: Option<String>) -> Self {
        self.landing_page = url;
        self
    }
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}

impl Version {
    /// Reads the names that registries use: `publishedVersion`, `vor`, `acceptedVersion`, `am`,
    /// `submittedVersion`, `preprint` …
    pub fn read(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        // NISO RP-8-2008 has the short forms; info:eu-repo and the registries the long ones.
        match text.rsplit(['/', ':']).next().unwrap_or_default().trim() {
            "publishedversion" | "published" | "vor" | "version of record" | "updatedversion" => {
                Self::Published
            }
            "acceptedversion" | "accepted" | "am" | "postprint" => Self::Accepted,
            "submittedversion" | "submitted" | "draft" | "preprint" | "sm" | "ao" => Self::Submitted,
            _ => Self::Unknown,
        }
    }
}

impl Facts {
    /// Nothing learned yet.
    pub fn none() -> Self {
        Self {
            title: None,
            authors: Vec::new(),
            year: None,
            pages: None,
            ids: Vec::new(),
            landing_urls: Vec::new(),
            retracted: None,
        }
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        *self == Self::none()
    }

    /// Adds an identifier, once.
    pub fn add_id(&mut self, id: Option<WorkId>) {
        if let Some(id) = id
            && !self.ids.contains(&id)
        {
            self.ids.push(id);
        }
    }

    /// Adds a page about the work, once; anything but http and https is left out.
    pub fn add_landing_url(&mut self, url: Option<impl Into<String>>) {
        if let Some(url) = url.and_then(|url| crate::url::absolute(&url.into()))
            && !self.landing_urls.contains(&url)
        {
            self.landing_urls.push(url);
        }
    }

    /// Adds a place where a registry says that this work is: as an identifier if it is one of
    /// arXiv's or PMC's, and as a landing page unless it is the work's own DOI or in PubMed, which
    /// holds no full texts.
    pub fn add_location(&mut self, url: Option<impl Into<String>>, work: &Work) {
        let Some(url) = url.map(Into::into) else {
            return;
        };
        match WorkId::of_url(&url) {
            Some(WorkId::Doi(doi)) if work.doi() == Some(&doi) => return,
            // Europe PMC's page of a PMID may lead to a full text.
            Some(WorkId::Pmid(_))
                if crate::url::host(&url).is_some_and(|host| host.ends_with("europepmc.org")) => {}
            Some(WorkId::Pmid(_) | WorkId::Openalex(_)) => return,
            Some(id @ (WorkId::Arxiv(_) | WorkId::Pmcid(_))) => self.add_id(Some(id)),
            _ => {}
        }
        self.add_landing_url(Some(url));
    }

    /// Adds the identifier that a file's address names, if it is one of arXiv's or PMC's: registries write
    /// `…/pmc/articles/123/pdf/` where they do not write the PMCID.
    pub fn add_id_of_file(&mut self, url: &str) {
        self.add_id(WorkId::of_url(url).filter(|id| matches!(id, WorkId::Arxiv(_) | WorkId::Pmcid(_))));
    }

    /// Fills in from another answer what this one lacks.
    pub fn absorb(&mut self, other: Self) {
        self.title = self.title.take().or(other.title);
        self.year = self.year.or(other.year);
        self.pages = self.pages.or(other.pages);
        self.retracted = self.retracted.or(other.retracted);
        if self.authors.is_empty() {
            self.authors = other.authors;
        }
        for id in other.ids {
            self.add_id(Some(id));
        }
        for url in other.landing_urls {
            self.add_landing_url(Some(url));
        }
    }
}

impl Finding {
    /// No candidates, no facts and no matches yet.
    pub fn none() -> Self {
        Self { candidates: Vec::new(), facts: Facts::none(), matches: Vec::new() }
    }

    /// The records that may be a work that is known by its title, best first.
    pub fn matches(matches: impl IntoIterator<Item = Match>) -> Self {
        Self { matches: matches.into_iter().collect(), ..Self::none() }
    }

    /// Adds a candidate unless its URL is there already, or is not http or https.
    /// Of two with the same URL the first stays, completed by what it lacks.
    pub fn add(&mut self, candidate: Candidate) {
        let Some(url) = crate::url::absolute(&candidate.url) else {
            return;
        };
        // Places that are known to answer nothing, by the address that does answer.
        let url = crate::links::detour(&url).unwrap_or(url);
        let candidate = Candidate { url, ..candidate };
        let bare = without_fragment(&candidate.url).to_owned();
        match self.candidates.iter_mut().find(|c| without_fragment(&c.url) == bare) {
            None => self.candidates.push(candidate),
            Some(there) => {
                if there.version == Version::Unknown {
                    there.version = candidate.version;
                }
                if there.format == Format::Unknown {
                    there.format = candidate.format;
                }
                there.digest = there.digest.take().or(candidate.digest);
                there.license = there.license.take().or(candidate.license);
                there.landing_page = there.landing_page.take().or(candidate.landing_page);
            }
        }
    }

    /// This finding, or `not-found` if it holds nothing at all.
    ///
    /// # Errors
    /// [`SourceError::NotFound`].
    pub fn or_not_found(self) -> Result<Self, SourceError> {
        if self.candidates.is_empty() && self.facts.is_empty() && self.matches.is_empty() {
            return Err(SourceError::NotFound);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_every_wording() {
        for (text, version) in [
            ("publishedVersion", Version::Published),
            ("vor", Version::Published),
            ("info:eu-repo/semantics/acceptedVersion", Version::Accepted),
            ("am", Version::Accepted),
            ("submittedVersion", Version::Submitted),
            ("tdm", Version::Unknown),
            ("", Version::Unknown),
        ] {
            assert_eq!(Version::read(text), version, "{text}");
        }
    }

    #[test]
    fn a_url_is_proposed_once_with_all_that_is_known_of_it() {
        let mut finding = Finding::none();
        finding.add(Candidate::new("https://a.invalid/1.pdf", Basis::Registry, "best"));
        finding.add(
            Candidate::new("https://a.invalid/1.pdf", Basis::Registry, "second")
                .version(Version::Accepted)
                .license(Some("cc-by".into())),
        );
        finding.add(Candidate::new("ftp://a.invalid/1.pdf", Basis::Registry, "third"));
        finding.add(Candidate::new("not a url", Basis::Registry, "fourth"));
        let [one] = finding.candidates.as_slice() else {
            panic!("{finding:?}");
        };
        assert_eq!(one.evidence, "best");
        assert_eq!(one.version, Version::Accepted);
        assert_eq!(one.license.as_deref(), Some("cc-by"));
    }

    #[test]
    fn a_record_is_of_another_work_if_all_its_ids_of_a_known_kind_are_others() {
        let work = Work::new(vec![WorkId::Doi("10.1000/a".into()), WorkId::Arxiv("2101.00001v2".into())]);
        let doi = |doi: &str| WorkId::Doi(doi.into());
        assert!(work.may_be(&[]));
        assert!(work.may_be(&[WorkId::Pmid("1".into())]));
        assert!(work.may_be(&[doi("10.1000/A")]));
        assert!(work.may_be(&[doi("10.1000/b"), doi("10.1000/a")]));
        assert!(work.may_be(&[WorkId::Arxiv("2101.00001".into())]));
        assert!(!work.may_be(&[doi("10.1000/b")]));
        assert!(!work.may_be(&[doi("10.1000/a"), WorkId::Arxiv("2101.00002".into())]));
    }

    #[test]
    fn a_location_is_an_identifier_or_a_landing_page_or_both_or_nothing_new() {
        let work = Work::new(vec![WorkId::Doi("10.1000/a".into())]);
        let mut facts = Facts::none();
        for url in [
            "https://doi.org/10.1000/A",
            "https://pubmed.ncbi.nlm.nih.gov/1/",
            "https://arxiv.org/abs/2101.00001",
            "https://doi.org/10.2000/deposit",
            "https://repository.invalid/1",
            "not a url",
        ] {
            facts.add_location(Some(url), &work);
        }
        assert_eq!(facts.ids, [WorkId::Arxiv("2101.00001".into())]);
        assert_eq!(facts.landing_urls.len(), 3);
    }

    #[test]
    fn a_finding_of_nothing_is_not_found_and_facts_alone_are_a_finding() {
        assert_eq!(Finding::none().or_not_found(), Err(SourceError::NotFound));
        let mut finding = Finding::none();
        finding.facts.year = Some(2019);
        assert!(finding.or_not_found().is_ok());
    }
}
