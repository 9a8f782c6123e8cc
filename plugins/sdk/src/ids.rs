//! Identifiers in their normal form, read from what APIs and pages say.
//!
//! A source gets normalised identifiers with the work; these are for the ones it learns.

use crate::WorkId;

impl WorkId {
    /// A DOI in any usual spelling: bare, `doi:…`, a doi.org URL. Lower case, because DOIs are
    /// compared without case (DOI Handbook, 3.4). A DOI of arXiv's is read as the arXiv id.
    pub fn read_doi(text: &str) -> Option<Self> {
        let doi = bare_doi(text)?;
        match doi.strip_prefix("10.48550/arxiv.") {
            Some(id) => Self::read_arxiv(id).or(Some(Self::Doi(doi))),
            None => Some(Self::Doi(doi)),
        }
    }

    /// A PMID: digits, or a PubMed URL that ends in them.
    pub fn read_pmid(text: &str) -> Option<Self> {
        let text = last_segment(text);
        let digits = strip_prefix_ci(text, "pmid:").unwrap_or(text).trim();
        let fits = (1..=9).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit());
        fits.then(|| Self::Pmid(digits.into()))
    }

    /// A PMCID: `PMC123`, `pmc123`, `123`, or a URL that ends in one.
    pub fn read_pmcid(text: &str) -> Option<Self> {
        let text = last_segment(text);
        let digits = strip_prefix_ci(text, "pmcid:").unwrap_or(text).trim();
        let digits = strip_prefix_ci(digits, "pmc").unwrap_or(digits);
        // A dot begins the version, as in `PMC123.1`.
        let digits = digits.split('.').next().unwrap_or_default();
        let fits = (1..=9).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit());
        fits.then(|| Self::Pmcid(format!("PMC{digits}")))
    }

    /// An arXiv id of either form (<https://info.arxiv.org/help/arxiv_identifier.html>): bare,
    /// `arXiv:…`, or an arxiv.org URL.
    pub fn read_arxiv(text: &str) -> Option<Self> {
        let text = text.trim();
        let id = match text.split_once("arxiv.org/") {
            Some((_, path)) => path
                .split_once('/')
                .filter(|(kind, _)| ["abs", "pdf", "html", "e-print"].contains(kind))
                .map(|(_, id)| id)?,
            None => strip_prefix_ci(text, "arxiv:").unwrap_or(text),
        };
        let id = id.split(['?', '#']).next()?.trim_end_matches('/');
        let id = id.strip_suffix(".pdf").unwrap_or(id).trim();
        let bare = without_version(id);
        let version = id.get(bare.len()..)?.to_ascii_lowercase();
        let bare = bare.to_ascii_lowercase();
        let digits = |s: &str, n: std::ops::RangeInclusive<usize>| {
            n.contains(&s.len()) && s.chars().all(|c| c.is_ascii_digit())
        };
        let new = bare.split_once('.').is_some_and(|(month, n)| digits(month, 4..=4) && digits(n, 4..=5));
        let old = bare.split_once('/').is_some_and(|(archive, n)| {
            digits(n, 7..=7)
                && !archive.is_empty()
                && archive.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '.')
        });
        (new || old).then(|| Self::Arxiv(format!("{bare}{version}")))
    }

    /// An OpenAlex work id: `W123` or a URL that ends in it.
    pub fn read_openalex(text: &str) -> Option<Self> {
        let id = last_segment(text).to_ascii_uppercase();
        let digits = id.strip_prefix('W')?;
        let fits = (1..=15).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit());
        fits.then_some(Self::Openalex(id))
    }
}

impl WorkId {
    /// The identifier that a URL of a well-known place stands for: a DOI of the resolver's, an
    /// arXiv id, a PMCID, a PMID, an OpenAlex id.
    pub fn of_url(url: &str) -> Option<Self> {
        let host = crate::url::host(url)?;
        let path = crate::url::path(url);
        match host.strip_prefix("www.").unwrap_or(&host) {
            "doi.org" | "dx.doi.org" => Self::read_doi(url),
            "arxiv.org" | "export.arxiv.org" => Self::read_arxiv(url),
            "pubmed.ncbi.nlm.nih.gov" => Self::read_pmid(url),
            "openalex.org" => Self::read_openalex(url),
            "pmc.ncbi.nlm.nih.gov" | "ncbi.nlm.nih.gov" | "europepmc.org" => path
                .split('/')
                .find(|part| strip_prefix_ci(part, "pmc").is_some_and(|n| !n.is_empty()))
                .and_then(Self::read_pmcid),
            _ => None,
        }
    }
}

/// A DOI in lower case without a prefix; also from URLs that carry one behind the resolver's name.
pub fn bare_doi(text: &str) -> Option<String> {
    let text = text.trim();
    let text = match text.find("doi.org/") {
        Some(at) if crate::url::is_web(text) => crate::url::decode(text.get(at + "doi.org/".len()..)?),
        _ => text.to_owned(),
    };
    let text = strip_prefix_ci(&text, "info:doi/").unwrap_or(&text);
    let text = strip_prefix_ci(text, "doi:").unwrap_or(text).trim();
    let (prefix, suffix) = text.split_once('/')?;
    let registrant = prefix.strip_prefix("10.")?;
    let fits = registrant.len() >= 4
        && registrant.chars().all(|c| c.is_ascii_digit() || c == '.')
        && !suffix.is_empty()
        && !suffix.contains(char::is_whitespace);
    fits.then(|| text.to_lowercase())
}

/// An arXiv id without the `v2` at its end.
pub fn without_version(arxiv: &str) -> &str {
    match arxiv.rsplit_once(['v', 'V']) {
        Some((bare, n)) if !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()) => bare,
        _ => arxiv,
    }
}

/// The last path segment of a URL, or the text itself.
fn last_segment(text: &str) -> &str {
    let text = text.trim();
    if !crate::url::is_web(text) {
        return text;
    }
    let path = crate::url::path(text).trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}

fn strip_prefix_ci<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
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
            ("math.GT/0309136", "math.gt/0309136"),
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
        ] {
            assert_eq!(WorkId::of_url(url), Some(id), "{url}");
        }
        for url in
            ["https://europepmc.org/article/MED/12", "https://a.invalid/10.1000/abc", "x", "https://doi.org/"]
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
        assert_eq!(WorkId::read_pmid("PMC1"), None);
        assert_eq!(WorkId::read_pmcid("PMCPMC1"), None);
        assert_eq!(
            WorkId::read_openalex("https://openalex.org/W2741809807"),
            Some(WorkId::Openalex("W2741809807".into()))
        );
        assert_eq!(WorkId::read_openalex("A5023888391"), None);
    }
}
