//! Conversions between the types generated from the contract and the program's own. Everything that comes from
//! a plugin is bounded and cleaned here.

use tierfall_ids::{IdKind, WorkId};
use tierfall_work::{Basis, Candidate, Facts, Finding, Version, Work};

use crate::bindings::source::tierfall::source::types as wit;
use crate::clean::clean;
use crate::error::SourceError;

/// How a source ended without a finding.
pub(crate) fn source_error(raw: wit::SourceError) -> SourceError {
    match raw {
        wit::SourceError::NotApplicable => SourceError::NotApplicable,
        wit::SourceError::NotFound => SourceError::NotFound,
        wit::SourceError::Unavailable(retry_after_s) => SourceError::Unavailable { retry_after_s },
        wit::SourceError::Misconfigured(detail) => SourceError::Misconfigured(clean(&detail, 300)),
        wit::SourceError::BadAnswer(detail) => SourceError::BadAnswer(clean(&detail, 300)),
    }
}

// No server takes longer URLs, and no page has longer titles.
const LONGEST_URL: usize = 8192;
const LONGEST_TEXT: usize = 1000;
const MOST_FACTS: usize = 100;

/// A finding as the rest of the program may use it: bounded, and without control characters.
pub(crate) fn finding(raw: wit::Finding, max_candidates: usize) -> Finding {
    let candidates = raw.candidates.into_iter().take(max_candidates).map(candidate).collect();
    Finding { candidates, facts: facts(raw.facts) }
}

fn candidate(raw: wit::Candidate) -> Candidate {
    Candidate {
        url: clean(&raw.url, LONGEST_URL),
        version: match raw.version {
            wit::Version::Published => Version::Published,
            wit::Version::Accepted => Version::Accepted,
            wit::Version::Submitted => Version::Submitted,
            wit::Version::Unknown => Version::Unknown,
        },
        license: raw.license.map(|license| clean(&license, 200)),
        landing_page: raw.landing_page.map(|url| clean(&url, LONGEST_URL)),
        basis: match raw.basis {
            wit::Basis::Registry => Basis::Registry,
            wit::Basis::Metadata => Basis::Metadata,
            wit::Basis::Rule => Basis::Rule,
            wit::Basis::Link => Basis::Link,
        },
        evidence: clean(&raw.evidence, 200),
    }
}

fn facts(raw: wit::Facts) -> Facts {
    // Parsed again: an identifier from a plugin is remote input like any other.
    let ids = raw.ids.into_iter().take(MOST_FACTS).filter_map(|id| {
        let text = match id {
            wit::WorkId::Doi(value) => format!("doi:{value}"),
            wit::WorkId::Arxiv(value) => format!("arxiv:{value}"),
            wit::WorkId::Pmid(value) => format!("pmid:{value}"),
            wit::WorkId::Pmcid(value) => format!("pmcid:{value}"),
            wit::WorkId::Openalex(value) => value,
            wit::WorkId::Url(value) => value,
        };
        text.parse::<WorkId>().ok()
    });
    Facts {
        title: raw.title.map(|title| clean(&title, LONGEST_TEXT)).filter(|title| !title.trim().is_empty()),
        authors: raw.authors.iter().take(MOST_FACTS).map(|author| clean(author, 200)).collect(),
        year: raw.year,
        pages: raw.pages,
        ids: ids.collect(),
        landing_urls: raw.landing_urls.iter().take(MOST_FACTS).map(|url| clean(url, LONGEST_URL)).collect(),
    }
}

/// A work as the plugin sees it.
pub(crate) fn work(work: &Work) -> wit::Work {
    let ids = work.ids.iter().map(|id| {
        let variant = match id.kind() {
            IdKind::Doi => wit::WorkId::Doi,
            IdKind::Arxiv => wit::WorkId::Arxiv,
            IdKind::Pmid => wit::WorkId::Pmid,
            IdKind::Pmcid => wit::WorkId::Pmcid,
            IdKind::Openalex => wit::WorkId::Openalex,
            IdKind::Url => wit::WorkId::Url,
        };
        variant(id.value().to_owned())
    });
    let known = &work.known;
    wit::Work {
        ids: ids.collect(),
        title: known.title.as_ref().map(|said| said.value.clone()),
        authors: known.authors.as_ref().map(|said| said.value.clone()).unwrap_or_default(),
        year: known.year.as_ref().map(|said| said.value),
        pages: known.pages.as_ref().map(|said| said.value),
        landing_urls: work.landing_urls.clone(),
    }
}
