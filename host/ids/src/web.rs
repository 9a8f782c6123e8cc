//! URLs that are identifiers in disguise.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::IdKind;
use crate::chars::{is_digits, strip_prefix};

/// What an http or https URL names, not yet normalised. `None`: the URL is just a URL, or none. That
/// includes shortened DOIs (`https://doi.org/abc`), which only doi.org can resolve.
///
/// It reads the URL as the WHATWG standard does, but without tables of international domain names, so
/// that the same code is small enough for plugins: a host that is not written in plain ASCII is not known.
pub(crate) fn recognise(url: &str) -> Option<(IdKind, String)> {
    let Parts { host, path, hash } = Parts::of(url)?;
    let host = host.strip_prefix("www.").unwrap_or(&host);
    // The path may hold encoded slashes: decoding it is what makes `10.1371%2Fjournal…` readable.
    let path = percent_decode_str(&path).decode_utf8().ok()?;
    let path = path.trim_start_matches('/');
    match host {
        "doi.org" | "dx.doi.org" | "hdl.handle.net" => doi(path, hash),
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
            is_digits(digits).then(|| (IdKind::Openalex, id.to_owned()))
        }
        _ => host.ends_with(".arxiv.org").then(|| arxiv(path))?,
    }
}

/// How the hosts end that [`recognise`] knows.
const HOSTS_END: [&str; 6] =
    ["doi.org", "handle.net", "arxiv.org", "ncbi.nlm.nih.gov", "europepmc.org", "openalex.org"];

/// The parts of a web URL that tell whether it is an identifier in disguise.
struct Parts {
    /// In lower case; plain ASCII.
    host: String,
    /// From its first slash on, without `.` and `..`, still encoded.
    path: String,
    /// Whether nothing but a `#` follows the path.
    hash: bool,
}

impl Parts {
    /// `None` for URLs of other schemes, with user names or ports that there are not, for hosts that only a full
    /// parser can read, and for those whose URLs are just URLs.
    fn of(url: &str) -> Option<Self> {
        let mut url = Cow::from(url.trim_matches(|c| c <= ' '));
        if url.contains(['\t', '\n', '\r']) {
            url = url.replace(['\t', '\n', '\r'], "").into();
        }
        let rest = strip_prefix(&url, "https:").or_else(|| strip_prefix(&url, "http:"))?;
        let rest = rest.trim_start_matches(['/', '\\']);
        let (authority, rest) = rest.split_at(rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len()));
        // An empty user name is none.
        let authority = authority.strip_prefix('@').unwrap_or(authority);
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if host.is_empty() || !host.bytes().all(plain) || !(port.is_empty() || port.parse::<u16>().is_ok()) {
            return None;
        }
        let host = host.to_ascii_lowercase();
        // Most URLs are of other hosts; their paths are not looked at.
        if !HOSTS_END.iter().any(|end| host.ends_with(end)) {
            return None;
        }
        let (path, behind) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
        let mut segments: Vec<&str> = Vec::new();
        let mut given = path.split(['/', '\\']).skip(1).peekable();
        while let Some(segment) = given.next() {
            match dots(segment) {
                Some(1) => {}
                Some(2) => drop(segments.pop()),
                _ => {
                    segments.push(segment);
                    continue;
                }
            }
            // What ends in dots ends in a slash.
            if given.peek().is_none() {
                segments.push("");
            }
        }
        Some(Self { host, path: format!("/{}", segments.join("/")), hash: behind == "#" })
    }
}

/// How many dots a segment is, however they are written; `None` where it is something else.
fn dots(segment: &str) -> Option<usize> {
    let (mut rest, mut count) = (segment, 0);
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').or_else(|| strip_prefix(rest, "%2e"))?;
        count += 1;
    }
    Some(count)
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

fn doi(path: &str, hash: bool) -> Option<(IdKind, String)> {
    let mut path = path.to_owned();
    // The check character of an old SICI may be a `#` that nobody encoded: `…3.0.CO;2-#`.
    if hash {
        path.push('#');
    }
    let head = path.get(..4)?;
    let bare = if head.eq_ignore_ascii_case("doi:") { &path[4..] } else { &path };
    bare.starts_with("10.").then(|| (IdKind::Doi, bare.to_owned()))
}

/// `/abs/ID`, `/pdf/IDv2.pdf` and the other forms of the same paper.
fn arxiv(path: &str) -> Option<(IdKind, String)> {
    let (form, id) = path.split_once('/')?;
    if !matches!(form, "abs" | "pdf" | "html" | "format" | "ps" | "src" | "e-print") {
        return None;
    }
    crate::arxiv::parse(id.trim_end_matches('/')).map(|id| (IdKind::Arxiv, id))
}

fn pmid(path: &str) -> Option<(IdKind, String)> {
    let id = path.split('/').next()?;
    is_number(id).then(|| (IdKind::Pmid, id.to_owned()))
}

fn pmcid(path: &str) -> Option<(IdKind, String)> {
    let id = path.split('/').next()?;
    let digits = strip_prefix(id, "pmc").unwrap_or(id);
    let digits = digits.split_once('.').map_or(digits, |(digits, _version)| digits);
    is_number(digits).then(|| (IdKind::Pmcid, digits.to_owned()))
}

/// `/article/MED/123`, `/abstract/PMC/PMC123`, `/articles/PMC123`.
fn europe_pmc(path: &str) -> Option<(IdKind, String)> {
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

#[cfg(all(test, feature = "url"))]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    /// What the full parser makes of a URL, recognised.
    fn fully(url: &str) -> Option<(IdKind, String)> {
        let url = Url::parse(url).ok()?;
        let web = matches!(url.scheme(), "http" | "https");
        let anonymous = url.username().is_empty() && url.password().is_none();
        recognise(url.as_str()).filter(|_| web && anonymous)
    }

    #[test]
    fn urls_are_taken_apart_as_a_browser_does() {
        for (url, named) in [
            ("https://doi.org/10.1000/a/../b", Some((IdKind::Doi, "10.1000/b"))),
            ("https://doi.org/10.1000/a/%2E%2e", Some((IdKind::Doi, "10.1000/"))),
            ("https://doi.org/./10.1000/./a/.", Some((IdKind::Doi, "10.1000/a/"))),
            ("HTTP:\\\\DX.doi.ORG\\10.1000\\A", Some((IdKind::Doi, "10.1000/A"))),
            ("https:doi.org:443/10.1000/a\n", Some((IdKind::Doi, "10.1000/a"))),
            ("https://do\ti.org/10.1000/a;2-#", Some((IdKind::Doi, "10.1000/a;2-#"))),
            ("https://doi.org/10.1000/a?b#", Some((IdKind::Doi, "10.1000/a"))),
            ("https://doi.org:99999/10.1000/a", None),
            ("https://u:p@doi.org/10.1000/a", None),
            ("ftp://doi.org/10.1000/a", None),
        ] {
            let named = named.map(|(kind, id)| (kind, id.to_owned()));
            assert_eq!(recognise(url), named, "{url}");
            assert_eq!(fully(url), named, "{url}");
        }
    }

    proptest! {
        #[test]
        fn a_url_of_plain_ascii_is_read_as_the_full_parser_reads_it(
            scheme in "(https?|HTTPS|ftp):[/\\\\]{0,3}",
            host in prop::sample::select(vec![
                "doi.org", "WWW.doi.org", "dx.doi.org", "arxiv.org", "export.arxiv.org", "a_b.arxiv.org", "europepmc.org",
                "pmc.ncbi.nlm.nih.gov", "openalex.org", "hdl.handle.net", "doi.org.", "u@doi.org", "@doi.org",
            ]),
            port in "(:[0-9]{0,5})?",
            path in prop::collection::vec(
                prop::sample::select(vec![
                    "/", "\\", ".", "..", "%2e", "%2E.", "10.1000", "10.48550", "/abs/", "/article/", "MED/", "PMC", "W12",
                    "2101.00001", "arxiv.", "%2F", "%", "%zz", "%ff", "é", " ", "\t", "a", "7", "/articles/", "<b>", "?", "#",
                ]),
                0..12,
            ),
        ) {
            let url = format!("{scheme}{host}{port}/{}", path.concat());
            prop_assert_eq!(recognise(&url), fully(&url), "{}", url);
        }

        #[test]
        fn what_is_recognised_is_what_the_full_parser_recognises(
            url in "https?://(www\\.)?(doi|arxiv)\\.org\\PC{0,5}/(10\\.1000|abs|\\PC{0,8})/\\PC{0,10}",
        ) {
            if let Some(named) = recognise(&url) {
                prop_assert_eq!(Some(named), fully(&url), "{}", url);
            }
        }
    }
}
