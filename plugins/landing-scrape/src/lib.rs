//! `landing_page`: the PDFs that the pages about a work link to. How they are recognised is in the
//! SDK, `links/rules.txt`, because other plugins read pages too.

use tierfall_sdk::links::{self, Follow};
use tierfall_sdk::*;

/// Landing pages read of one work. The publisher's, one or two repositories' and an index's.
const MOST_STARTS: usize = 5;

/// A page that is known to link to its PDF.
const KNOWN_PAGE: &str = "https://journals.plos.org/plosone/article?id=10.1371/journal.pone.0000308";

/// The plugin `landing_scrape`.
pub struct LandingScrape;

impl Plugin for LandingScrape {
    fn describe() -> Description {
        let source = Source::new(
            "landing_page",
            "reads the pages about the work for links to its PDF",
            &[IdKind::Url],
        )
        .host(HostPattern::WorkHosts, Role::Page)
        .known_works([WorkId::Url(KNOWN_PAGE.into())]);
        describe("landing_scrape", env!("CARGO_PKG_VERSION"), vec![source])
    }

    fn find(host: &dyn Host, source: &str, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
        match source {
            "landing_page" => landing_page(host, work, ctx),
            _ => Err(SourceError::NotApplicable),
        }
    }
}

export_plugin!(LandingScrape);

fn landing_page(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let starts = starts(work, ctx);
    if starts.is_empty() {
        return Err(SourceError::NotApplicable);
    }
    let follow = Follow { starts, basis: Basis::Metadata, evidence: "the landing URL is the PDF" };
    links::follow(host, work, ctx, &follow)?.or_not_found()
}

/// The work's own pages, and URLs that should have been its PDF and turned out to be pages.
fn starts(work: &Work, ctx: &Context) -> Vec<String> {
    let given = work.ids.iter().filter_map(|id| match id {
        WorkId::Url(url) => Some(url.as_str()),
        _ => None,
    });
    let landing = work.landing_urls.iter().map(String::as_str);
    let mut starts: Vec<String> = Vec::new();
    for url in given.chain(landing).chain(ctx.tried_as("html_instead")) {
        let url = doi_link(url).unwrap_or_else(|| url.to_owned());
        if url::is_web(&url) && !starts.contains(&url) && starts.len() < MOST_STARTS {
            starts.push(url);
        }
    }
    starts
}

/// The link of a DOI in its one spelling, however it was written: the host knows it again where the DOI was followed.
fn doi_link(url: &str) -> Option<String> {
    const RESOLVERS: [&str; 3] = ["doi.org", "dx.doi.org", "www.doi.org"];
    url::host(url).filter(|host| RESOLVERS.contains(&host.as_str()))?;
    let WorkId::Doi(doi) = WorkId::read_doi(url)? else { return None };
    Some(format!("https://doi.org/{}", url::encode_path(&doi)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::testing::{Recorded, context, work};

    const META: &str = "<meta name=citation_pdf_url content=/7.pdf>";

    fn doi_work(landing: &[&str]) -> Work {
        Work {
            landing_urls: landing.iter().map(|s| (*s).to_owned()).collect(),
            ..work(WorkId::Doi("10.1000/abc".into()))
        }
    }

    fn urls(finding: &Finding) -> Vec<&str> {
        finding.candidates.iter().map(|c| c.url.as_str()).collect()
    }

    #[test]
    fn every_landing_page_is_read_and_pages_in_place_of_pdfs_too() {
        let host = Recorded::new()
            .html("https://a.example/1", META)
            .html("https://b.example/1", "<a href=/b.pdf>PDF</a>")
            .html("https://c.example/show/7.pdf", "<embed type=application/pdf src=/raw/7>");
        let ctx = context()
            .tried("https://c.example/show/7.pdf", "html_instead")
            .tried("https://d.example/", "http_status");
        let work = doi_work(&["https://a.example/1", "https://b.example/1"]);
        let finding = LandingScrape::find(&host, "landing_page", &work, &ctx).unwrap();
        assert_eq!(
            urls(&finding),
            ["https://a.example/7.pdf", "https://b.example/b.pdf", "https://c.example/raw/7"]
        );
        assert_eq!(host.urls().len(), 3);
    }

    #[test]
    fn a_given_url_is_read_first_and_may_be_the_pdf_itself() {
        let host = Recorded::new().pdf("https://a.example/1");
        let finding = LandingScrape::find(
            &host,
            "landing_page",
            &work(WorkId::Url("https://a.example/1".into())),
            &context(),
        )
        .unwrap();
        assert_eq!(urls(&finding), ["https://a.example/1"]);
    }

    #[test]
    fn the_links_of_a_doi_are_one_however_they_are_written() {
        let host = Recorded::new().html("https://doi.org/10.1000/s1%2898%2963", META);
        let work = doi_work(&[
            "http://dx.doi.org/10.1000/S1(98)63",
            "https://doi.org/10.1000/s1%2898%2963",
            "https://www.doi.org/10.1000/s1(98)63",
        ]);
        assert!(LandingScrape::find(&host, "landing_page", &work, &context()).is_ok());
        assert_eq!(host.urls(), ["https://doi.org/10.1000/s1%2898%2963"]);
    }

    #[test]
    fn a_page_that_cannot_be_fetched_does_not_keep_the_next_from_being_read() {
        let host = Recorded::new()
            .error("https://a.example/1", FetchError::Timeout)
            .status("https://b.example/1", 503)
            .html("https://c.example/1", META);
        let both = doi_work(&["https://a.example/1", "https://b.example/1", "https://c.example/1"]);
        let finding = LandingScrape::find(&host, "landing_page", &both, &context()).unwrap();
        assert_eq!(urls(&finding), ["https://c.example/7.pdf"]);
        let down = doi_work(&["https://a.example/1", "https://b.example/1"]);
        let error = LandingScrape::find(&host, "landing_page", &down, &context());
        assert_eq!(error, Err(SourceError::Unavailable(None)));
    }

    #[test]
    fn without_a_page_it_is_not_applicable_and_of_many_only_some_are_read() {
        let none = LandingScrape::find(
            &Recorded::new(),
            "landing_page",
            &doi_work(&["ftp://x.example/"]),
            &context(),
        );
        assert_eq!(none, Err(SourceError::NotApplicable));
        let pages: Vec<String> = (0..50).map(|n| format!("https://{n}.example/")).collect();
        let host = pages.iter().fold(Recorded::new(), |host, url| host.html(url, "<p>"));
        let work = doi_work(&pages.iter().map(String::as_str).collect::<Vec<_>>());
        let found = LandingScrape::find(&host, "landing_page", &work, &context()).unwrap();
        assert!(found.candidates.is_empty());
        assert_eq!(host.urls().len(), MOST_STARTS);
    }

    #[test]
    fn the_page_of_another_work_gives_nothing() {
        let html = format!("<meta name=citation_doi content=10.1000/other>{META}");
        let host = Recorded::new().html("https://a.example/1", &html);
        let found =
            LandingScrape::find(&host, "landing_page", &doi_work(&["https://a.example/1"]), &context());
        assert_eq!(found, Err(SourceError::NotFound));
    }
}
