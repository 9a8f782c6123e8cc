//! Conversions between the types generated from the contract and the program's own. Everything that comes from
//! a plugin is bounded and cleaned here.

use tierfall_ids::{IdKind, WorkId};
use tierfall_work::{
    Basis, Candidate, Digest, DigestAlgorithm, Facts, Finding, Format, Match, RecordKind, Version, Work,
};

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
/// Records that may be a work: what is not among the first is not what a source takes for the best.
const MOST_MATCHES: usize = 50;
/// Other titles of one of them.
const MOST_TITLES: usize = 8;

/// A finding as the rest of the program may use it: bounded, and without control characters.
pub(crate) fn finding(raw: wit::Finding, max_candidates: usize) -> Finding {
    Finding {
        candidates: raw.candidates.into_iter().take(max_candidates).map(candidate).collect(),
        facts: facts(raw.facts),
        matches: raw.matches.into_iter().take(MOST_MATCHES).filter_map(record).collect(),
    }
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
        format: match raw.format {
            wit::Format::Pdf => Format::Pdf,
            wit::Format::Jats => Format::Jats,
            wit::Format::Html => Format::Html,
            wit::Format::Unknown => Format::Unknown,
        },
        // One that cannot be a digest cannot be compared with.
        digest: raw.digest.and_then(|digest| Digest::read(algorithm(digest.algorithm), &digest.value)),
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

fn algorithm(raw: wit::DigestAlgorithm) -> DigestAlgorithm {
    match raw {
        wit::DigestAlgorithm::Md5 => DigestAlgorithm::Md5,
        wit::DigestAlgorithm::Sha1 => DigestAlgorithm::Sha1,
        wit::DigestAlgorithm::Sha256 => DigestAlgorithm::Sha256,
    }
}

/// Identifiers from a plugin, parsed again: they are remote input like any other.
pub(crate) fn ids(raw: Vec<wit::WorkId>) -> Vec<WorkId> {
    let ids = raw.into_iter().take(MOST_FACTS).filter_map(|id| {
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
    ids.collect()
}

/// `None` for a record without an identifier or a title: nothing can be made of it.
fn record(raw: wit::Match) -> Option<Match> {
    let said = |title: &str| Some(clean(title, LONGEST_TEXT)).filter(|title| !title.trim().is_empty());
    let ids = ids(raw.ids);
    let title = said(&raw.title).filter(|_| !ids.is_empty())?;
    Some(Match {
        ids,
        title,
        other_titles: raw.other_titles.iter().take(MOST_TITLES).filter_map(|title| said(title)).collect(),
        authors: raw.authors.iter().take(MOST_FACTS).map(|author| clean(author, 200)).collect(),
        year: raw.year,
        kind: raw.kind.map(|kind| match kind {
            wit::RecordKind::Article => RecordKind::Article,
            wit::RecordKind::ConferencePaper => RecordKind::ConferencePaper,
            wit::RecordKind::Preprint => RecordKind::Preprint,
            wit::RecordKind::Chapter => RecordKind::Chapter,
            wit::RecordKind::Book => RecordKind::Book,
            wit::RecordKind::Thesis => RecordKind::Thesis,
            wit::RecordKind::Report => RecordKind::Report,
            wit::RecordKind::Dataset => RecordKind::Dataset,
            wit::RecordKind::Notice => RecordKind::Notice,
            wit::RecordKind::Review => RecordKind::Review,
            wit::RecordKind::Container => RecordKind::Container,
            wit::RecordKind::Part => RecordKind::Part,
            wit::RecordKind::Other => RecordKind::Other,
        }),
    })
}

fn facts(raw: wit::Facts) -> Facts {
    Facts {
        title: raw.title.map(|title| clean(&title, LONGEST_TEXT)).filter(|title| !title.trim().is_empty()),
        authors: raw.authors.iter().take(MOST_FACTS).map(|author| clean(author, 200)).collect(),
        year: raw.year,
        pages: raw.pages,
        ids: ids(raw.ids),
        landing_urls: raw.landing_urls.iter().take(MOST_FACTS).map(|url| clean(url, LONGEST_URL)).collect(),
        retracted: raw.retracted,
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
