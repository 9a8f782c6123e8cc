//! Answers of plugins out of a text, as the host takes them in: for the fuzz targets and the tests that replay their
//! corpora. A line is `name: value`; what is no line of an answer is no part of it.

use tierfall_work::Finding;

use crate::bindings::source::tierfall::source::types as wit;
use crate::description::Description;
use crate::error::SourceError;
use crate::wire;

fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim_start()))
}

/// What the host makes of an answer, with at most this many candidates: `candidate` begins one.
pub fn finding(text: &str, candidates: usize) -> Finding {
    let (title, year, pages) = (None, None, None);
    let (authors, ids, landing_urls) = (Vec::new(), Vec::new(), Vec::new());
    let facts = wit::Facts { title, authors, year, pages, ids, landing_urls, retracted: None };
    let mut raw = wit::Finding { candidates: Vec::new(), facts, matches: Vec::new() };
    for (name, value) in fields(text) {
        let given = || value.to_owned();
        match (name, raw.candidates.last_mut()) {
            ("candidate", _) => raw.candidates.push(wit::Candidate {
                url: given(),
                version: wit::Version::Unknown,
                format: wit::Format::Unknown,
                digest: None,
                license: None,
                landing_page: None,
                basis: wit::Basis::Registry,
                evidence: String::new(),
            }),
            ("title", _) => raw.facts.title = Some(given()),
            ("author", _) => raw.facts.authors.push(given()),
            ("year", _) => raw.facts.year = value.parse().ok(),
            ("pages", _) => raw.facts.pages = value.parse().ok(),
            ("page", _) => raw.facts.landing_urls.push(given()),
            ("doi", _) => raw.facts.ids.push(wit::WorkId::Doi(given())),
            ("arxiv", _) => raw.facts.ids.push(wit::WorkId::Arxiv(given())),
            ("pmid", _) => raw.facts.ids.push(wit::WorkId::Pmid(given())),
            ("pmcid", _) => raw.facts.ids.push(wit::WorkId::Pmcid(given())),
            ("openalex", _) => raw.facts.ids.push(wit::WorkId::Openalex(given())),
            ("url", _) => raw.facts.ids.push(wit::WorkId::Url(given())),
            ("match", _) => raw.matches.push(wit::Match {
                ids: vec![wit::WorkId::Doi("10.5555/tides.4".to_owned())],
                title: given(),
                other_titles: Vec::new(),
                authors: vec![given()],
                year: None,
                kind: None,
            }),
            ("md5", Some(candidate)) => {
                candidate.digest = Some(wit::Digest { algorithm: wit::DigestAlgorithm::Md5, value: given() });
            }
            ("license", Some(candidate)) => candidate.license = Some(given()),
            ("landing page", Some(candidate)) => candidate.landing_page = Some(given()),
            ("evidence", Some(candidate)) => candidate.evidence = given(),
            ("basis", Some(candidate)) if value == "link" => candidate.basis = wit::Basis::Link,
            _ => {}
        }
    }
    wire::finding(raw, candidates)
}

/// What the host makes of an error.
pub fn error(text: &str) -> SourceError {
    match text.split_once(':') {
        Some(("misconfigured", detail)) => {
            wire::source_error(wit::SourceError::Misconfigured(detail.to_owned()))
        }
        _ => wire::source_error(wit::SourceError::BadAnswer(text.to_owned())),
    }
}

/// What the host makes of a description: `source` begins a source, and `setting` one of its settings.
pub fn description(text: &str) -> Result<Description, String> {
    let mut raw = wit::Description { name: String::new(), version: String::new(), sources: Vec::new() };
    let pattern = |kind: &str, value: &str| match kind {
        "subdomains" => wit::HostPattern::Subdomains(value.to_owned()),
        "setting" => wit::HostPattern::Setting(value.to_owned()),
        "work" => wit::HostPattern::WorkHosts,
        _ => wit::HostPattern::Exact(value.to_owned()),
    };
    for (name, value) in fields(text) {
        let source = match (name, raw.sources.last_mut()) {
            ("name", _) => {
                value.clone_into(&mut raw.name);
                continue;
            }
            ("version", _) => {
                value.clone_into(&mut raw.version);
                continue;
            }
            ("source", _) => {
                raw.sources.push(wit::Source {
                    name: value.to_owned(),
                    summary: String::new(),
                    ids: vec![wit::IdKind::Doi],
                    hosts: Vec::new(),
                    settings: Vec::new(),
                    batch: value.strip_prefix("many").map(|_| 50),
                    known_works: Vec::new(),
                });
                continue;
            }
            (_, None) => continue,
            (_, Some(source)) => source,
        };
        let (kind, rest) = name.split_once(' ').unwrap_or((name, ""));
        match (kind, source.settings.last_mut()) {
            ("summary", _) => value.clone_into(&mut source.summary),
            ("host", _) => {
                source.hosts.push(wit::HostNeed { pattern: pattern(rest, value), role: wit::Role::Api });
            }
            ("page", _) => {
                source.hosts.push(wit::HostNeed { pattern: pattern(rest, value), role: wit::Role::Page });
            }
            ("setting", _) => source.settings.push(wit::Setting {
                name: value.to_owned(),
                summary: String::new(),
                default: None,
                required: false,
                secret: None,
            }),
            ("about", Some(setting)) => value.clone_into(&mut setting.summary),
            ("default", Some(setting)) => setting.default = Some(value.to_owned()),
            ("secret", Some(setting)) => {
                let (header, prefix) = value.split_once(' ').unwrap_or((value, ""));
                let (of, host) = rest.split_once(' ').unwrap_or(("exact", rest));
                setting.secret = Some(wit::SecretUse {
                    host: pattern(of, host),
                    header: header.to_owned(),
                    prefix: prefix.to_owned(),
                });
            }
            _ => {}
        }
    }
    Description::checked(raw)
}
