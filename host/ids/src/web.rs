//! URLs that are identifiers in disguise.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::chars::{is_digits, strip_prefix};

/// What a URL names, not yet normalised.
pub(crate) enum Recognised {
    Doi(String),
    Arxiv(String),
    Pmid(String),
    Pmcid(String),
    Openalex(String),
}

/// `None`: the URL is just a URL. That includes shortened DOIs (`https://doi.org/abc`), which only
/// doi.org can resolve.
pub(crate) fn recognise(url: &Url) -> Option<Recognised> {
    let host = url.host_str()?;
    let host = host.strip_prefix("www.").unwrap_or(host);
    // The path may hold encoded slashes: decoding it is what makes `10.1371%2Fjournal…` readable.
    let path = percent_decode_str(url.path()).decode_utf8().ok()?;
    let path = path.trim_start_matches('/');
    match host {
        "doi.org" | "dx.doi.org" | "hdl.handle.net" => doi(path, url),
        "arxiv.org" => arxiv(path),
        "pubmed.ncbi.nlm.nih.gov" => pmid(path),
        "pmc.ncbi.nlm.nih.gov" => pmcid(path.strip_prefix("articles/")?),
        "ncbi.nlm.nih.gov" | "m.ncbi.nlm.nih.gov" => match path.strip_prefix("pmc/articles/") {
            Some(rest) => pmcid(rest),
            None => pmid(path.strip_prefix("m/").unwrap_or(path).strip_prefix("pubmed/")?),
        },
        "europepmc.org" => europe_pmc(path),
        "openalex.org" | "api.openalex.org" => {
            let id = path.strip_prefix("works/").unwrap_or(path);
            let id = id.trim_end_matches('/');
            let digits = id.strip_prefix(['W', 'w'])?;
            is_digits(digits).then(|| Recognised::Openalex(id.to_owned()))
        }
        _ => host.ends_with(".arxiv.org").then(|| arxiv(path))?,
    }
}

/// Hosts whose URLs are often written without a scheme; `text` in lower case.
pub(crate) fn is_known_host(text: &str) -> bool {
    const HOSTS: [&str; 9] = [
        "doi.org/",
        "dx.doi.org/",
        "arxiv.org/",
        "pubmed.ncbi.nlm.nih.gov/",
        "pmc.ncbi.nlm.nih.gov/",
        "ncbi.nlm.nih.gov/",
        "europepmc.org/",
        "openalex.org/",
        "hdl.handle.net/",
    ];
    let text = text.strip_prefix("www.").unwrap_or(text);
    HOSTS.iter().any(|host| text.starts_with(host))
}

fn doi(path: &str, url: &Url) -> Option<Recognised> {
    let mut path = path.to_owned();
    // The check character of an old SICI may be a `#` that nobody encoded: `…3.0.CO;2-#`.
    if url.fragment() == Some("") && url.query().is_none() {
        path.push('#');
    }
    let head = path.get(..4)?;
    let bare = if head.eq_ignore_ascii_case("doi:") { &path[4..] } else { &path };
    bare.starts_with("10.").then(|| Recognised::Doi(bare.to_owned()))
}

/// `/abs/ID`, `/pdf/IDv2.pdf` and the other forms of the same paper.
fn arxiv(path: &str) -> Option<Recognised> {
    let (form, id) = path.split_once('/')?;
    if !matches!(form, "abs" | "pdf" | "html" | "format" | "ps" | "src" | "e-print") {
        return None;
    }
    crate::arxiv::parse(id.trim_end_matches('/')).map(Recognised::Arxiv)
}

fn pmid(path: &str) -> Option<Recognised> {
    let id = path.split('/').next()?;
    is_number(id).then(|| Recognised::Pmid(id.to_owned()))
}

fn pmcid(path: &str) -> Option<Recognised> {
    let id = path.split('/').next()?;
    let digits = strip_prefix(id, "pmc").unwrap_or(id);
    let digits = digits.split_once('.').map_or(digits, |(digits, _version)| digits);
    is_number(digits).then(|| Recognised::Pmcid(digits.to_owned()))
}

/// `/article/MED/123`, `/abstract/PMC/PMC123`, `/articles/PMC123`.
fn europe_pmc(path: &str) -> Option<Recognised> {
    let (_, rest) =
        path.split_once('/').filter(|(form, _)| matches!(*form, "article" | "articles" | "abstract"))?;
    match rest.split_once('/') {
        Some((source, id)) if source.eq_ignore_ascii_case("med") => pmid(id),
        Some((source, id)) if source.eq_ignore_ascii_case("pmc") => pmcid(id),
        _ => strip_prefix(rest, "pmc").and_then(|_| pmcid(rest)),
    }
}

/// A number that [`super::numbered`] accepts: otherwise the URL stays a URL.
fn is_number(text: &str) -> bool {
    is_digits(text) && text.len() <= 9 && text.bytes().any(|digit| digit != b'0')
}
