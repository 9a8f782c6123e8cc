//! `doi_redirect`: what a DOI resolves to. That is the PDF, or a page that links to one.

use tierfall_sdk::links::{self, Follow};
use tierfall_sdk::*;

/// The plugin `doi_follow`.
pub struct DoiFollow;

impl Plugin for DoiFollow {
    fn describe() -> Description {
        let source = Source::new(
            "doi_redirect",
            "follows the DOI and reads the page that it leads to",
            &[IdKind::Doi],
        )
        .setting(Setting::new("resolver", "where DOIs are resolved").default("https://doi.org"))
        .host(setting_host("resolver"), Role::Api)
        .host(HostPattern::WorkHosts, Role::Page)
        .known_works([WorkId::Doi("10.1371/journal.pone.0000308".into())]);
        describe("doi_follow", env!("CARGO_PKG_VERSION"), vec![source])
    }

    fn find(host: &dyn Host, source: &str, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
        match source {
            "doi_redirect" => doi_redirect(host, work, ctx),
            _ => Err(SourceError::NotApplicable),
        }
    }
}

export_plugin!(DoiFollow);

fn doi_redirect(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let doi = work.doi().ok_or(SourceError::NotApplicable)?;
    let resolver = ctx.required("resolver")?.trim_end_matches('/');
    let start = format!("{resolver}/{}", url::encode_path(doi));
    let follow = Follow { starts: vec![start], basis: Basis::Registry, evidence: "the DOI leads to it" };
    let known = links::file_of_doi(doi)
        .map(|file| Candidate::new(file, Basis::Rule, "where this registrant keeps its files"));
    let mut finding = match (links::follow(host, work, ctx, &follow), &known) {
        // A page that refuses us does not hide a file of which we know where it is.
        (Err(_), Some(_)) => Finding::none(),
        (followed, _) => followed?,
    };
    known.into_iter().for_each(|file| finding.add(file));
    // The resolver's own page is what it says when there is no such DOI.
    let own = url::host(resolver);
    finding.facts.landing_urls.retain(|landing| url::host(landing) != own);
    finding.or_not_found()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::testing::{Recorded, context_of, work};

    const LANDING: &str = "https://journal.example/article/7";

    fn find(doi: &str, host: &Recorded) -> Result<Finding, SourceError> {
        let ctx = context_of(&DoiFollow::describe().sources[0]);
        DoiFollow::find(host, "doi_redirect", &work(WorkId::Doi(doi.into())), &ctx)
    }

    #[test]
    fn a_doi_that_leads_to_a_pdf_is_a_candidate_of_the_registrys() {
        let pdf = Response {
            url: "https://journal.example/7.pdf".into(),
            pdf: true,
            ..Recorded::new().pdf("x").fetch(&Request::get("x")).unwrap()
        };
        let host = Recorded::new().response("https://doi.org/10.1000/abc", pdf);
        let finding = find("10.1000/abc", &host).unwrap();
        assert_eq!(finding.candidates.len(), 1);
        assert_eq!(finding.candidates[0].url, "https://journal.example/7.pdf");
        assert_eq!(finding.candidates[0].basis, Basis::Registry);
        let accept = &host.requests()[0].headers[0];
        assert!(accept.1.starts_with("application/pdf, text/html"));
    }

    #[test]
    fn a_doi_that_leads_to_a_page_gives_its_links_its_facts_and_where_it_is() {
        let page = "<meta name=citation_doi content=10.1000/abc><meta name=citation_title content=T>\
                    <meta name=citation_volume content=3><meta name=citation_pdf_url content=/7.pdf>";
        let host = Recorded::new().redirect("https://doi.org/10.1000/abc", LANDING, page);
        let finding = find("10.1000/abc", &host).unwrap();
        assert_eq!(finding.candidates[0].url, "https://journal.example/7.pdf");
        assert_eq!(finding.candidates[0].version, Version::Published);
        assert_eq!(finding.facts.title.as_deref(), Some("T"));
        assert_eq!(finding.facts.landing_urls, [LANDING]);
    }

    #[test]
    fn dois_with_every_kind_of_character_are_asked_for_in_full() {
        let url = "https://doi.org/10.1002/%28sici%291096%3C1%3A%3Aaid-x%3E3.0.co%3B2-%23";
        let host = Recorded::new().redirect(url, LANDING, "<p>");
        assert!(find("10.1002/(sici)1096<1::aid-x>3.0.co;2-#", &host).is_ok());
    }

    #[test]
    fn an_unknown_doi_is_not_found_and_a_closed_page_is_a_landing_page() {
        let unknown =
            Recorded::new().answer("https://doi.org/10.1000/abc", 404, "text/html", "<h1>DOI Not Found</h1>");
        assert_eq!(find("10.1000/abc", &unknown), Err(SourceError::NotFound));
        let odd = Recorded::new().html("https://doi.org/10.1000/abc", "<h1>DOI Not Found</h1>");
        assert_eq!(find("10.1000/abc", &odd), Err(SourceError::NotFound));
        let mut closed = Recorded::new().status("x", 403).fetch(&Request::get("x")).unwrap();
        closed.url = LANDING.into();
        let host = Recorded::new().response("https://doi.org/10.1000/abc", closed);
        assert_eq!(find("10.1000/abc", &host).unwrap().facts.landing_urls, [LANDING]);
    }

    #[test]
    fn a_file_that_the_doi_alone_names_is_proposed_whatever_the_page_says() {
        let url = "https://doi.org/10.3390/genes14040885";
        for host in [Recorded::new().status(url, 403), Recorded::new().html(url, "<p>")] {
            let finding = find("10.3390/genes14040885", &host).unwrap();
            assert!(finding.candidates[0].url.ends_with("/genes-14-00885.pdf"));
            assert_eq!(finding.candidates[0].basis, Basis::Rule);
        }
    }

    #[test]
    fn a_resolver_that_is_down_may_be_asked_again() {
        let host = Recorded::new().status("https://doi.org/10.1000/abc", 503);
        assert_eq!(find("10.1000/abc", &host), Err(SourceError::Unavailable(None)));
    }

    #[test]
    fn a_work_without_a_doi_is_not_for_this_source() {
        let ctx = context_of(&DoiFollow::describe().sources[0]);
        let found = DoiFollow::find(&Recorded::new(), "doi_redirect", &work(WorkId::Pmid("1".into())), &ctx);
        assert_eq!(found, Err(SourceError::NotApplicable));
    }
}
