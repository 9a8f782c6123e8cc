//! Which URLs are worth asking the archive about, best first.

use tierfall_sdk::{Context, Work, url};

/// The setting: more than this many URLs are never asked about. Each costs a request, and the best come first.
pub const MOST_URLS: &str = "urls";

/// A URL that the archive may have captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub url: String,
    /// Whether it looks like a file rather than a page about one.
    pub is_file: bool,
}

/// The URLs that failed earlier, files before pages, then the pages that are known of the work.
pub fn of(work: &Work, ctx: &Context, most: usize) -> Vec<Target> {
    let tried = ctx.trail.iter().filter(|tried| !is_settled(&tried.verdict)).map(|tried| tried.url.as_str());
    let settled: Vec<String> =
        ctx.trail.iter().filter(|tried| is_settled(&tried.verdict)).map(|tried| key(&tried.url)).collect();
    let own = work.landing_urls.iter().map(String::as_str);
    let mut targets: Vec<Target> = Vec::new();
    for link in tried.chain(own) {
        let known = |targets: &[Target]| targets.iter().any(|target| key(&target.url) == key(link));
        if is_worth_asking(link) && !settled.contains(&key(link)) && !known(&targets) {
            let link = link.split('#').next().unwrap_or_default();
            targets.push(Target { url: link.to_owned(), is_file: looks_like_file(link) });
        }
    }
    // Stable: within files and within pages the order of the trail stays, which is that of evidence.
    targets.sort_by_key(|target| !target.is_file);
    targets.truncate(most);
    targets
}

/// The resolver's URLs of a work of which no page is known. They redirect to it, and the archive follows its own captures
/// of redirects. Before 2017 links were made to the second name. Where the work's page is known (its DOI's registry tells
/// it), the archive was asked about that: it captured what the resolver led to under its own URL.
pub fn resolver_urls(work: &Work, targets: &[Target]) -> Vec<String> {
    let Some(doi) = work.doi().filter(|_| targets.iter().all(|target| target.is_file)) else {
        return Vec::new();
    };
    let doi = url::encode_path(doi);
    vec![format!("https://doi.org/{doi}"), format!("http://dx.doi.org/{doi}")]
}

/// Verdicts after which an older copy is of no use, or not ours to take: the file is something else
/// by nature, its site asked not to be read, or the fault was here.
fn is_settled(verdict: &str) -> bool {
    const SETTLED: &[&str] = &[
        "accepted",
        "bad_url",
        "encrypted",
        "not_recorded",
        "notice",
        "private_address",
        "refused",
        "robots",
        "storage",
        "supplement",
        "too_large",
        "unproven",
        "wrong_work",
    ];
    SETTLED.contains(&verdict)
}

/// Whether the archive may have captured it: a web page or file of others, and no API, resolver or
/// link that was made for one moment.
fn is_worth_asking(link: &str) -> bool {
    let Some(host) = url::host(link).filter(|_| url::is_web(link)) else { return false };
    let path = url::path(link).to_ascii_lowercase();
    let archive = host == "archive.org" || host.ends_with(".archive.org");
    let resolver = host == "doi.org" || host.ends_with(".doi.org");
    let api = host.starts_with("api.") || path.starts_with("/api/");
    let momentary = ["x-amz-signature", "x-amz-expires", "signature", "expires", "token"]
        .iter()
        .any(|name| url::parameter(link, name).is_some());
    !(archive || resolver || api || momentary)
}

/// Whether a URL looks like that of a file.
fn looks_like_file(link: &str) -> bool {
    let path = url::path(link).to_ascii_lowercase();
    let all = url::after_host(link).to_ascii_lowercase();
    path.ends_with(".pdf")
        || path.ends_with("/pdf")
        || [
            "/pdf/",
            "/pdfs/",
            "/epdf/",
            "/pdfdirect/",
            "/download",
            "/bitstream/",
            "/viewcontent.cgi",
            "/files/",
        ]
        .iter()
        .any(|part| path.contains(part))
        || ["pdf=render", "type=pdf", "format=pdf", "type=printable", ".pdf"]
            .iter()
            .any(|part| all.contains(part))
}

/// What the archive's index takes for one URL: without scheme, `www.`, case and closing slash.
fn key(link: &str) -> String {
    let host = url::host(link).unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let rest = url::after_host(link).split('#').next().unwrap_or_default();
    format!("{host}{}", url::decode(rest).to_lowercase().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::WorkId;
    use tierfall_sdk::testing::{context, work};

    const MOST: usize = 6;

    fn urls(targets: &[Target]) -> Vec<&str> {
        targets.iter().map(|target| target.url.as_str()).collect()
    }

    #[test]
    fn failed_files_come_before_failed_pages_and_before_the_works_own_pages() {
        let mut work = work(WorkId::Doi("10.1000/a".into()));
        work.landing_urls = vec!["https://own.example/a".into(), "https://own.example/a.pdf".into()];
        let ctx = context()
            .tried("https://one.example/view/1", "html_instead")
            .tried("https://one.example/1.pdf", "http_status")
            .tried("https://two.example/article/download/1/2", "unreachable");
        assert_eq!(
            urls(&of(&work, &ctx, MOST)),
            [
                "https://one.example/1.pdf",
                "https://two.example/article/download/1/2",
                "https://own.example/a.pdf",
                "https://one.example/view/1",
                "https://own.example/a"
            ]
        );
    }

    #[test]
    fn one_url_in_several_spellings_is_one() {
        let mut work = work(WorkId::Doi("10.1000/a".into()));
        work.landing_urls = vec!["http://ONE.example/A%2Fb/".into()];
        let ctx = context()
            .tried("https://www.one.example/a/b#page=2", "unreachable")
            .tried("http://one.example/a/b", "unreachable");
        assert_eq!(urls(&of(&work, &ctx, MOST)), ["https://www.one.example/a/b"]);
    }

    #[test]
    fn what_an_older_copy_cannot_help_is_not_asked_about_by_any_name() {
        let mut work = work(WorkId::Doi("10.1000/a".into()));
        work.landing_urls = vec!["https://www.one.example/3.pdf".into()];
        let ctx = context()
            .tried("https://one.example/1.pdf", "wrong_work")
            .tried("https://one.example/2.pdf", "encrypted")
            .tried("https://one.example/3.pdf", "robots")
            .tried("https://one.example/4.pdf", "placeholder");
        assert_eq!(urls(&of(&work, &ctx, MOST)), ["https://one.example/4.pdf"]);
    }

    #[test]
    fn apis_resolvers_archives_and_momentary_links_are_left_out() {
        let links = [
            "https://api.repo.example/v2/files/1",
            "https://repo.example/api/records/1/files/a.pdf/content",
            "https://doi.org/10.1000/a",
            "https://dx.doi.org/10.1000/a",
            "https://web.archive.org/web/2017id_/http://one.example/1.pdf",
            "https://s3.example/1.pdf?X-Amz-Signature=abc",
            "ftp://one.example/1.pdf",
            "not a url",
        ];
        let ctx = links.iter().fold(context(), |ctx, link| ctx.tried(link, "http_status"));
        assert_eq!(urls(&of(&work(WorkId::Doi("10.1000/a".into())), &ctx, MOST)), [] as [&str; 0]);
    }

    #[test]
    fn only_the_best_few_are_asked_about() {
        let ctx =
            (0..20).fold(context(), |ctx, n| ctx.tried(&format!("https://one.example/{n}"), "unreachable"));
        let ctx = ctx.tried("https://one.example/last.pdf", "unreachable");
        let targets = of(&work(WorkId::Doi("10.1000/a".into())), &ctx, MOST);
        assert_eq!(targets.len(), MOST);
        assert_eq!(targets[0].url, "https://one.example/last.pdf");
    }

    #[test]
    fn the_resolver_is_known_by_both_its_names() {
        let urls = resolver_urls(&work(WorkId::Doi("10.1000/a<b>".into())), &[]);
        assert_eq!(urls, ["https://doi.org/10.1000/a%3Cb%3E", "http://dx.doi.org/10.1000/a%3Cb%3E"]);
        assert!(resolver_urls(&work(WorkId::Pmid("7".into())), &[]).is_empty());
    }

    #[test]
    fn where_a_page_is_known_the_resolver_is_not_asked() {
        let page = Target { url: "https://own.example/a".into(), is_file: false };
        let file = Target { is_file: true, ..page.clone() };
        let work = work(WorkId::Doi("10.1000/a".into()));
        assert!(resolver_urls(&work, &[file.clone(), page]).is_empty());
        assert_eq!(resolver_urls(&work, &[file]).len(), 2);
    }
}
