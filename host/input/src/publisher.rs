//! URLs of publishers, proxies and services that hold a work's identifier.

use percent_encoding::percent_decode_str;
use tierfall_ids::{IdKind, WorkId};
use url::Url;

/// In bytes; longer URLs are only URLs.
const LONGEST: usize = 4096;

/// A proxy's URL may hold that of another one.
const MOST_PROXIES: usize = 3;

/// The identifier that a web URL holds, unless it is one by itself or holds none.
pub(crate) fn named_by(text: &str) -> Option<WorkId> {
    let text = text.trim_start_matches(['<', '(', '[', '"', '\'']);
    if text.len() > LONGEST || !is_web(text) {
        return None;
    }
    let mut url = parsed(text)?;
    for _ in 0..MOST_PROXIES {
        if let Some(id) = named(&url) {
            return Some(id);
        }
        url = behind_proxy(&url)?;
    }
    None
}

fn is_web(text: &str) -> bool {
    ["http://", "https://", "www."]
        .iter()
        .any(|head| text.get(..head.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(head)))
}

fn parsed(text: &str) -> Option<Url> {
    // `https://https://doi.org/…`, and a blank behind the scheme, come from copying.
    let text = text.trim();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest.trim_start());
    let twice = rest.strip_prefix("https://").or_else(|| rest.strip_prefix("http://")).unwrap_or(rest);
    let url = Url::parse(&format!("https://{twice}")).ok()?;
    (url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// A URL of the registries' own, as [`WorkId`] knows them.
fn registered(url: &str) -> Option<WorkId> {
    url.parse::<WorkId>().ok().filter(|id| id.kind() != IdKind::Url)
}

fn named(url: &Url) -> Option<WorkId> {
    if let Some(id) = registered(url.as_str()) {
        return Some(id);
    }
    let host = url.host_str()?.trim_start_matches("www.").to_ascii_lowercase();
    let path = percent_decode_str(url.path()).decode_utf8().ok()?;
    let parameter = |names: &[&str]| {
        url.query_pairs()
            .find(|(name, _)| names.contains(&name.to_ascii_lowercase().as_str()))
            .map(|(_, value)| value)
    };
    if host.ends_with("ncbi.nlm.nih.gov") {
        let number = parameter(&["term", "list_uids", "uid"])?;
        let number = number.split(['[', ' ']).next()?;
        let digits = number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
        return digits.then(|| WorkId::parse_as(IdKind::Pmid, number).ok()).flatten();
    }
    let doi = |text: &str| WorkId::parse_as(IdKind::Doi, text).ok();
    if let Some(value) = parameter(&["doi", "id", "article_doi", "articledoi"])
        && value.trim_start_matches("info:doi/").starts_with("10.")
        && let Some(id) = doi(&value)
    {
        return Some(id);
    }
    if let Some(at) = doi_in(&path)
        && let Some(id) = doi(path.get(at..)?)
    {
        return Some(id);
    }
    by_rule(&host, &path)
}

/// Where in a path a DOI begins: `/doi/full/10.1000/x`.
fn doi_in(path: &str) -> Option<usize> {
    path.match_indices("/10.").map(|(at, _)| at + 1).find(|at| {
        let rest = path.get(at + 3..).unwrap_or_default();
        rest.split_once('/').is_some_and(|(registrant, suffix)| {
            let digits = registrant.bytes().take_while(u8::is_ascii_digit).count();
            (4..=9).contains(&digits) && !suffix.is_empty()
        })
    })
}

/// Hosts whose paths end in the suffix of a DOI, by the rules of their publishers.
fn by_rule(host: &str, path: &str) -> Option<WorkId> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let last = segments.last().copied().unwrap_or_default();
    let text = match (host, segments.as_slice()) {
        ("nature.com", ["articles", id, ..]) => {
            let id = id.trim_end_matches(".pdf").trim_end_matches(".epdf");
            is_suffix(id).then(|| format!("10.1038/{id}"))
        }
        // Of before 2017.
        ("nature.com", [_, "journal", .., form, _]) if matches!(*form, "full" | "pdf" | "abs") => {
            let id = last.trim_end_matches(".html").trim_end_matches(".pdf");
            is_suffix(id).then(|| format!("10.1038/{id}"))
        }
        ("biorxiv.org" | "medrxiv.org", ["content", .., "early", _, _, _, id]) => {
            let id = id.split_once(".full").map_or(*id, |(id, _)| id).trim_end_matches(".abstract");
            is_suffix(id).then(|| format!("10.1101/{id}"))
        }
        ("elifesciences.org", ["articles", id, ..]) => {
            let number = id.trim_end_matches(".pdf").split('v').next()?;
            let digits = number.len() <= 6 && number.parse::<u32>().is_ok();
            digits.then(|| format!("10.7554/elife.{number:0>5}"))
        }
        ("peerj.com", ["articles", id, ..]) => {
            let id = id.trim_end_matches(".pdf");
            match id.strip_prefix("cs-") {
                Some(number) => number.parse::<u32>().ok().map(|number| format!("10.7717/peerj-cs.{number}")),
                None => id.parse::<u32>().ok().map(|number| format!("10.7717/peerj.{number}")),
            }
        }
        ("hindawi.com", ["journals", _, year, id, ..]) => {
            let year = year.parse::<u16>().ok().filter(|year| (1990..2100).contains(year))?;
            id.parse::<u32>().ok().map(|_| format!("10.1155/{year}/{id}"))
        }
        ("huggingface.co", ["papers", id, ..]) | ("alphaxiv.org" | "ar5iv.org", [_, id, ..]) => {
            return WorkId::parse_as(IdKind::Arxiv, id).ok();
        }
        ("api.semanticscholar.org" | "semanticscholar.org", _) => {
            return last.parse().ok().filter(|id: &WorkId| id.kind() == IdKind::Arxiv);
        }
        _ => None,
    }?;
    WorkId::parse_as(IdKind::Doi, &text).ok()
}

/// Letters, digits, dots and hyphens, and not only letters, as pages of a journal are named.
fn is_suffix(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// The URL that a library's proxy stands before: `doi-org.proxy.example.edu/…`, `doi.org.proxy.example.edu/…`,
/// `proxy.example.edu/login?url=https://doi.org/…`.
fn behind_proxy(url: &Url) -> Option<Url> {
    if let Some((_, target)) = url.query_pairs().find(|(name, _)| matches!(name.as_ref(), "url" | "qurl")) {
        return is_web(&target).then(|| parsed(&target)).flatten();
    }
    const HOSTS: [&str; 8] = [
        "doi.org",
        "dx.doi.org",
        "arxiv.org",
        "pubmed.ncbi.nlm.nih.gov",
        "pmc.ncbi.nlm.nih.gov",
        "www.ncbi.nlm.nih.gov",
        "europepmc.org",
        "www.nature.com",
    ];
    let host = url.host_str()?;
    let host = host.strip_prefix("www-").unwrap_or(host);
    let real = HOSTS.iter().find(|real| {
        let label = real.trim_start_matches("www.").replace('.', "-");
        let behind = |prefix: &str| host.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
        behind(real) || behind(&label)
    })?;
    let mut behind = url.clone();
    behind.set_host(Some(real)).ok()?;
    behind.set_port(None).ok()?;
    Some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publishers_url_names_the_work() {
        for (url, id) in [
            ("https://link.springer.com/content/pdf/10.5555/u1.pdf", "doi:10.5555/u1.pdf"),
            (
                "https://link.springer.com/chapter/10.1007%2F978-3-319-00001-6_7",
                "doi:10.1007/978-3-319-00001-6_7",
            ),
            ("https://onlinelibrary.wiley.com/doi/epdf/10.5555/u2", "doi:10.5555/u2"),
            ("https://doi-org.proxy.example.edu/10.5555/u3", "doi:10.5555/u3"),
            ("https://doi.org.proxy.example.edu:2443/10.5555/u3", "doi:10.5555/u3"),
            ("https://proxy.example.edu/login?url=https://doi.org/10.5555/u3", "doi:10.5555/u3"),
            ("https://www-ncbi-nlm-nih-gov.proxy.example.edu/pubmed/17000006", "pmid:17000006"),
            (
                "https://journals.plos.org/plosone/article?id=10.1371/journal.pone.0000001",
                "doi:10.1371/journal.pone.0000001",
            ),
            ("https://www.nature.com/articles/s41586-020-0001-1", "doi:10.1038/s41586-020-0001-1"),
            ("https://www.nature.com/articles/s41586-020-0001-1.pdf", "doi:10.1038/s41586-020-0001-1"),
            ("http://www.nature.com/nature/journal/v1/n2/full/nature00001.html", "doi:10.1038/nature00001"),
            ("https://pubmed.ncbi.nlm.nih.gov/?term=17000006", "pmid:17000006"),
            ("https://www.ncbi.nlm.nih.gov/pubmed/?term=17000006%5Buid%5D", "pmid:17000006"),
            ("https://www.biorxiv.org/content/early/2018/01/02/123456.full.pdf", "doi:10.1101/123456"),
            ("https://elifesciences.org/articles/01234", "doi:10.7554/elife.01234"),
            ("https://peerj.com/articles/cs-12/", "doi:10.7717/peerj-cs.12"),
            ("https://https://doi.org/10.5555/a", "doi:10.5555/a"),
            ("www.frontiersin.org/articles/10.3389/fx.2020.00001/full", "doi:10.3389/fx.2020.00001/full"),
            ("https://huggingface.co/papers/2101.00001", "arxiv:2101.00001"),
            ("https://api.crossref.org/works/10.5555/a", "doi:10.5555/a"),
        ] {
            assert_eq!(named_by(url).map(|id| id.to_string()).as_deref(), Some(id), "{url}");
        }
    }

    #[test]
    fn other_urls_name_nothing() {
        for url in [
            "https://example.org/article/1",
            "https://www.nature.com/articles/",
            "https://www.nature.com/nature",
            "https://github.com/a/b/releases/10.2",
            "https://example.org/v/10.15/x",
            "https://u:p@example.org/10.5555/a",
            "https://pubmed.ncbi.nlm.nih.gov/?term=cancer",
            "not a url",
            "",
        ] {
            assert_eq!(named_by(url), None, "{url}");
        }
    }
}
