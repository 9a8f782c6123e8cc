//! The types of `tierfall:source@0.1.0` as those of 0.2.0, and back: what the first version cannot say is not said.

use crate::bindings::source::tierfall::source::types as wit;
use crate::bindings::source_0_1::tierfall::source::types as first;

pub(crate) fn description(raw: first::Description) -> wit::Description {
    let first::Description { name, version, sources } = raw;
    wit::Description { name, version, sources: sources.into_iter().map(source).collect() }
}

fn source(raw: first::Source) -> wit::Source {
    let first::Source { name, summary, ids, hosts, settings } = raw;
    wit::Source {
        name,
        summary,
        ids: ids.into_iter().map(id_kind).collect(),
        hosts: hosts.into_iter().map(host_need).collect(),
        settings: settings.into_iter().map(setting).collect(),
        batch: None,
        known_works: Vec::new(),
    }
}

fn id_kind(raw: first::IdKind) -> wit::IdKind {
    match raw {
        first::IdKind::Doi => wit::IdKind::Doi,
        first::IdKind::Arxiv => wit::IdKind::Arxiv,
        first::IdKind::Pmid => wit::IdKind::Pmid,
        first::IdKind::Pmcid => wit::IdKind::Pmcid,
        first::IdKind::Openalex => wit::IdKind::Openalex,
        first::IdKind::Url => wit::IdKind::Url,
    }
}

fn host_need(raw: first::HostNeed) -> wit::HostNeed {
    let role = match raw.role {
        first::Role::Api => wit::Role::Api,
        first::Role::Page => wit::Role::Page,
    };
    wit::HostNeed { pattern: pattern(raw.pattern), role }
}

fn pattern(raw: first::HostPattern) -> wit::HostPattern {
    match raw {
        first::HostPattern::Exact(host) => wit::HostPattern::Exact(host),
        first::HostPattern::Subdomains(host) => wit::HostPattern::Subdomains(host),
        first::HostPattern::Setting(name) => wit::HostPattern::Setting(name),
        first::HostPattern::WorkHosts => wit::HostPattern::WorkHosts,
    }
}

fn setting(raw: first::Setting) -> wit::Setting {
    let first::Setting { name, summary, default, required, secret } = raw;
    let secret = secret.map(|secret| {
        let first::SecretUse { host, header, prefix } = secret;
        wit::SecretUse { host: pattern(host), header, prefix }
    });
    wit::Setting { name, summary, default, required, secret }
}

pub(crate) fn work(work: wit::Work) -> first::Work {
    let wit::Work { ids, title, authors, year, pages, landing_urls } = work;
    let ids = ids.into_iter().map(|id| match id {
        wit::WorkId::Doi(value) => first::WorkId::Doi(value),
        wit::WorkId::Arxiv(value) => first::WorkId::Arxiv(value),
        wit::WorkId::Pmid(value) => first::WorkId::Pmid(value),
        wit::WorkId::Pmcid(value) => first::WorkId::Pmcid(value),
        wit::WorkId::Openalex(value) => first::WorkId::Openalex(value),
        wit::WorkId::Url(value) => first::WorkId::Url(value),
    });
    first::Work { ids: ids.collect(), title, authors, year, pages, landing_urls }
}

pub(crate) fn context(context: wit::Context) -> first::Context {
    let wit::Context { trail, budget: wit::Budget { time_ms, fetches }, settings, secrets } = context;
    let trail = trail.into_iter().map(|wit::Tried { url, verdict }| first::Tried { url, verdict });
    first::Context { trail: trail.collect(), budget: first::Budget { time_ms, fetches }, settings, secrets }
}

pub(crate) fn error(raw: first::SourceError) -> wit::SourceError {
    match raw {
        first::SourceError::NotApplicable => wit::SourceError::NotApplicable,
        first::SourceError::NotFound => wit::SourceError::NotFound,
        first::SourceError::Unavailable(seconds) => wit::SourceError::Unavailable(seconds),
        first::SourceError::Misconfigured(detail) => wit::SourceError::Misconfigured(detail),
        first::SourceError::BadAnswer(detail) => wit::SourceError::BadAnswer(detail),
    }
}

pub(crate) fn finding(raw: first::Finding) -> wit::Finding {
    let first::Finding { candidates, facts } = raw;
    wit::Finding {
        candidates: candidates.into_iter().map(candidate).collect(),
        facts: self::facts(facts),
        matches: Vec::new(),
    }
}

fn candidate(raw: first::Candidate) -> wit::Candidate {
    let first::Candidate { url, version, license, landing_page, basis, evidence } = raw;
    wit::Candidate {
        url,
        version: match version {
            first::Version::Published => wit::Version::Published,
            first::Version::Accepted => wit::Version::Accepted,
            first::Version::Submitted => wit::Version::Submitted,
            first::Version::Unknown => wit::Version::Unknown,
        },
        format: wit::Format::Unknown,
        digest: None,
        license,
        landing_page,
        basis: match basis {
            first::Basis::Registry => wit::Basis::Registry,
            first::Basis::Metadata => wit::Basis::Metadata,
            first::Basis::Rule => wit::Basis::Rule,
            first::Basis::Link => wit::Basis::Link,
        },
        evidence,
    }
}

fn facts(raw: first::Facts) -> wit::Facts {
    let first::Facts { title, authors, year, pages, ids, landing_urls } = raw;
    let ids = ids.into_iter().map(|id| match id {
        first::WorkId::Doi(value) => wit::WorkId::Doi(value),
        first::WorkId::Arxiv(value) => wit::WorkId::Arxiv(value),
        first::WorkId::Pmid(value) => wit::WorkId::Pmid(value),
        first::WorkId::Pmcid(value) => wit::WorkId::Pmcid(value),
        first::WorkId::Openalex(value) => wit::WorkId::Openalex(value),
        first::WorkId::Url(value) => wit::WorkId::Url(value),
    });
    wit::Facts { title, authors, year, pages, ids: ids.collect(), landing_urls, retracted: None }
}
