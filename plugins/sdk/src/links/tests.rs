use super::*;
use crate::testing::{Recorded, context, work};
use crate::{FetchError, SourceError, WorkId};

const PAGE: &str = "https://j.invalid/article/7";

fn abc() -> Work {
    work(WorkId::Doi("10.1000/abc".into()))
}

fn urls(html: &str) -> Vec<(Basis, String)> {
    read(PAGE, html, &abc())
        .candidates
        .into_iter()
        .map(|c| (c.basis, c.url.replace("https://j.invalid", "")))
        .collect()
}

#[test]
fn what_a_page_declares_comes_before_what_it_links() {
    let found = urls(
        "<a href=/3.pdf>PDF</a><iframe src='/pdfjs/web/viewer.html?file=%2Ffiles%2F2.pdf'></iframe>\
         <link rel=alternate type=application/pdf href=1b.pdf><meta name=citation_pdf_url content=1a.pdf>",
    );
    assert_eq!(
        found,
        [
            (Basis::Metadata, "/article/1a.pdf".into()),
            (Basis::Metadata, "/article/1b.pdf".into()),
            (Basis::Rule, "/files/2.pdf".into()),
            (Basis::Link, "/3.pdf".into()),
        ]
    );
}

#[test]
fn files_of_others_that_a_text_cites_are_not_its_own() {
    for html in [
        "<p>See <a href=https://agency.invalid/report.pdf>https://agency.invalid/report.pdf</a></p>",
        "<p>As in <a href=https://store.other.invalid/raw/White%20Paper.pdf>Crowds in research</a></p>",
    ] {
        assert!(urls(html).is_empty(), "{html}");
    }
    for (html, url) in [
        ("<a href=https://cdn.other.invalid/7.pdf>PDF</a>", "https://cdn.other.invalid/7.pdf"),
        (
            "<a href=https://cdn.other.invalid/7.pdf><i class='icon pdf'></i></a>",
            "https://cdn.other.invalid/7.pdf",
        ),
        (
            "<h1>On the drift of lighthouses</h1><a href=https://cdn.other.invalid/7.pdf>On the drift of lighthouses</a>",
            "https://cdn.other.invalid/7.pdf",
        ),
    ] {
        let mut work = abc();
        work.title = Some("On the drift of lighthouses".into());
        let found = read(PAGE, html, &work).candidates;
        assert_eq!(found.first().map(|c| c.url.as_str()), Some(url), "{html}");
    }
}

#[test]
fn references_are_relative_to_the_pages_base() {
    assert_eq!(
        read(PAGE, "<base href='//cdn.invalid/x/'><a href='store/7.pdf'>PDF</a>", &abc()).candidates[0].url,
        "https://cdn.invalid/x/store/7.pdf"
    );
}

#[test]
fn viewers_lead_to_the_files_that_they_show() {
    for (html, url) in [
        ("<embed type=application/pdf src=/raw/7>", "/raw/7"),
        ("<object data='/raw/7.pdf'></object>", "/raw/7.pdf"),
        ("<iframe src='/v?file=https%3A%2F%2Fj.invalid%2Fa%2Fb%3Fx%3D1'></iframe>", "/a/b?x=1"),
        ("<iframe src='/js/web/viewer.html?file=..%2F7.pdf'></iframe>", "/js/7.pdf"),
        ("<a href=/index.php/j/article/view/7/9>PDF</a>", "/index.php/j/article/download/7/9"),
        ("<script>var x={\"pdfUrl\":\"\\/stamp\\/7.pdf\"}</script>", "/stamp/7.pdf"),
        ("<div data-pdf-url=/7.pdf></div>", "/7.pdf"),
    ] {
        assert_eq!(urls(html), [(Basis::Rule, url.to_owned())], "{html}");
    }
    assert!(urls("<iframe src=/ads/1></iframe>").is_empty());
    let viewer = read("https://j.invalid/show/7.pdf", "<iframe src=/raw/7></iframe>", &abc());
    assert_eq!(viewer.candidates[0].url, "https://j.invalid/raw/7");
}

#[test]
fn metadata_that_may_be_anything_counts_only_if_it_looks_like_a_pdf() {
    assert_eq!(urls("<meta name=DC.identifier content='https://j.invalid/7.pdf'>").len(), 1);
    assert!(urls("<meta name=DC.identifier content='https://j.invalid/handle/7'>").is_empty());
}

#[test]
fn a_page_with_another_doi_of_its_own_proposes_nothing_and_says_nothing() {
    let html = |doi: &str, more: &str| {
        format!(
            "<meta name=citation_doi content='{doi}'>{more}<meta name=citation_title content=T>\
                 <meta name=citation_pdf_url content=7.pdf>"
        )
    };
    let page = read(PAGE, &html("10.1000/other", ""), &abc());
    assert!(page.other_work && page.candidates.is_empty() && page.facts.is_empty());
    for own in ["10.1000/ABC", "doi:10.1000/abc", "10.1000/abc.v2", "10.1000/abc/v1"] {
        assert!(!read(PAGE, &html(own, ""), &abc()).other_work, "{own}");
    }
    // A repository's own DOI, beside that of the published form.
    let also = "<meta name=DC.relation content='https://doi.org/10.1000/abc'>";
    assert!(!read(PAGE, &html("10.1000/other", also), &abc()).other_work);
    assert!(read(PAGE, &html("10.1000/abcd", ""), &abc()).other_work);
    let arxiv =
        Work::new(vec![WorkId::Arxiv("2101.00001".into()), WorkId::Doi("10.48550/arxiv.2101.00001".into())]);
    assert!(!read(PAGE, &html("10.1000/other", ""), &arxiv).other_work);
}

#[test]
fn a_refresh_is_followed_in_every_spelling_unless_it_leads_nowhere() {
    for (content, url) in [
        ("0;url=/next", Some("https://j.invalid/next")),
        ("2; URL='/next'", Some("https://j.invalid/next")),
        ("0, url = \"/next\"", Some("https://j.invalid/next")),
        ("0;/next", Some("https://j.invalid/next")),
        ("5", None),
        ("0;url=/article/7", None),
        ("1800;url=/logout", None),
        ("x;url=/next", None),
        ("0;url=javascript:x()", None),
    ] {
        let html = format!("<META HTTP-EQUIV=Refresh CONTENT=\"{}\">", content.replace('"', "&quot;"));
        assert_eq!(read(PAGE, &html, &abc()).refresh.as_deref(), url, "{content}");
    }
    let noscript = "<noscript><meta http-equiv=refresh content='0;url=/turn-on'></noscript>";
    assert_eq!(read(PAGE, noscript, &abc()).refresh, None);
}

#[test]
fn bot_checks_and_empty_pages_give_nothing() {
    for html in [
        "",
        "<html>",
        "<title>Just a moment...</title><noscript>Enable JavaScript and cookies to continue</noscript>",
        "<form action=/login><input name=user><a href=/forgot>Forgot password?</a></form>",
        "%PDF-1.4 not really",
    ] {
        let page = read(PAGE, html, &abc());
        assert!(page.candidates.is_empty() && page.facts.is_empty(), "{html}");
    }
}

fn followed(host: &Recorded, starts: &[&str]) -> Result<Finding, SourceError> {
    let start = Follow {
        starts: starts.iter().map(|s| (*s).to_owned()).collect(),
        basis: Basis::Registry,
        evidence: "the start",
    };
    follow(host, &abc(), &context(), &start)
}

#[test]
fn refreshes_are_followed_and_the_last_page_is_kept() {
    let host = Recorded::new()
        .html("https://a.invalid/1", "<meta http-equiv=refresh content='0;url=/2'>")
        .html("https://a.invalid/2", "<meta http-equiv=refresh content='0;url=/3'>")
        .html("https://a.invalid/3", "<meta name=citation_pdf_url content=/x.pdf>");
    let found = followed(&host, &["https://a.invalid/1"]).unwrap();
    assert_eq!(found.candidates[0].url, "https://a.invalid/x.pdf");
    assert_eq!(found.facts.landing_urls, ["https://a.invalid/3"]);
}

#[test]
fn refreshes_in_a_circle_and_without_end_come_to_one() {
    let circle = Recorded::new()
        .html("https://a.invalid/1", "<meta http-equiv=refresh content='0;url=/2'>")
        .html("https://a.invalid/2", "<meta http-equiv=refresh content='0;url=/1'>");
    assert!(followed(&circle, &["https://a.invalid/1"]).unwrap().candidates.is_empty());
    assert_eq!(circle.urls().len(), 2);
    let mut endless = Recorded::new();
    for n in 0..20 {
        let next = format!("<meta http-equiv=refresh content='0;url=/{}'>", n + 1);
        endless = endless.html(&format!("https://a.invalid/{n}"), &next);
    }
    assert!(followed(&endless, &["https://a.invalid/0"]).unwrap().candidates.is_empty());
    assert_eq!(endless.urls().len(), 4);
}

#[test]
fn a_link_that_calls_itself_pdf_is_looked_at_before_it_is_proposed() {
    let page = "<a href=/pdf-view/7>PDF</a>";
    let file = Recorded::new().html("https://a.invalid/7", page).pdf("https://a.invalid/pdf-view/7");
    let found = followed(&file, &["https://a.invalid/7"]).unwrap();
    assert_eq!(found.candidates[0].url, "https://a.invalid/pdf-view/7");
    assert_eq!(found.candidates[0].basis, Basis::Link);

    let viewer = Recorded::new()
        .html("https://a.invalid/7", page)
        .html("https://a.invalid/pdf-view/7", "<embed type=application/pdf src=/raw/7>");
    let found = followed(&viewer, &["https://a.invalid/7"]).unwrap();
    let urls: Vec<_> = found.candidates.iter().map(|c| c.url.as_str()).collect();
    assert_eq!(urls, ["https://a.invalid/raw/7"]);

    let unreachable = Recorded::new()
        .html("https://a.invalid/7", page)
        .error("https://a.invalid/pdf-view/7", FetchError::Timeout);
    assert_eq!(followed(&unreachable, &["https://a.invalid/7"]).unwrap().candidates.len(), 1);
}

#[test]
fn a_page_without_a_pdf_is_followed_to_the_full_text() {
    let host = Recorded::new()
        .html("https://a.invalid/7", "<a href=/7/full>Full text</a>")
        .html("https://a.invalid/7/full", "<meta name=citation_pdf_url content=/7.pdf>");
    assert_eq!(
        followed(&host, &["https://a.invalid/7"]).unwrap().candidates[0].url,
        "https://a.invalid/7.pdf"
    );
}

#[test]
fn files_that_the_headers_name_are_candidates() {
    let mut response = crate::Response {
        status: 200,
        url: PAGE.into(),
        headers: vec![
            ("content-type".into(), "text/html".into()),
            ("link".into(), "</7.xml>; rel=\"item\"; type=\"text/xml\", </7.pdf> ; rel=\"item\" ; type=\"application/pdf\"".into()),
        ],
        body: crate::Body::Text("<p>".into()),
        truncated: false,
        pdf: false,
    };
    let found = followed(&Recorded::new().response(PAGE, response.clone()), &[PAGE]).unwrap();
    assert_eq!(found.candidates.len(), 1);
    assert_eq!(found.candidates[0].url, "https://j.invalid/7.pdf");
    response.headers.pop();
    assert!(followed(&Recorded::new().response(PAGE, response), &[PAGE]).unwrap().candidates.is_empty());
}

#[test]
fn one_page_that_fails_does_not_end_the_walk_and_the_error_says_how_all_failed() {
    let host = Recorded::new()
        .error("https://a.invalid/", FetchError::Timeout)
        .html("https://b.invalid/", "<meta name=citation_pdf_url content=/x.pdf>");
    assert!(followed(&host, &["https://a.invalid/", "https://b.invalid/"]).is_ok());

    let failing = Recorded::new()
        .error("https://a.invalid/", FetchError::Transport("reset".into()))
        .status("https://b.invalid/", 503)
        .status("https://c.invalid/", 404)
        .error("https://d.invalid/", FetchError::Denied("robots.txt".into()));
    let end = |starts: &[&str]| followed(&failing, starts).unwrap_err();
    assert_eq!(end(&["https://a.invalid/", "https://b.invalid/"]), SourceError::Unavailable(None));
    assert_eq!(end(&["https://a.invalid/", "https://c.invalid/"]), SourceError::Unavailable(None));
    assert_eq!(end(&["https://c.invalid/", "https://d.invalid/"]), SourceError::NotFound);
    assert_eq!(end(&["https://d.invalid/"]), SourceError::Misconfigured("robots.txt".into()));
}

#[test]
fn a_closed_page_is_still_where_the_work_lives_but_a_login_is_not() {
    let host = Recorded::new().status("https://a.invalid/7", 403);
    assert_eq!(
        followed(&host, &["https://a.invalid/7"]).unwrap().facts.landing_urls,
        ["https://a.invalid/7"]
    );
    let host = Recorded::new().status("https://idp.invalid/authorize?x=1", 403);
    assert!(matches!(
        followed(&host, &["https://idp.invalid/authorize?x=1"]),
        Err(SourceError::Misconfigured(_))
    ));
}

#[test]
fn the_budget_of_fetches_ends_a_walk_with_what_was_found() {
    let host = Recorded::new()
        .html("https://a.invalid/", "<a href=/view-pdf>PDF</a>")
        .error("https://b.invalid/", FetchError::Budget(crate::BudgetKind::Fetches));
    let mut ctx = context();
    ctx.budget.fetches = 1;
    let start = Follow {
        starts: vec!["https://a.invalid/".into(), "https://b.invalid/".into()],
        basis: Basis::Metadata,
        evidence: "",
    };
    let found = follow(&host, &abc(), &ctx, &start).unwrap();
    assert_eq!(host.urls(), ["https://a.invalid/"]);
    assert_eq!(found.candidates.len(), 1);
}

#[test]
fn a_page_that_asks_to_come_back_later_is_asked_again_later() {
    for status in [408, 425, 429, 503] {
        let host = Recorded::new().status("https://a.invalid/7", status);
        let finding = followed(&host, &["https://a.invalid/7"]);
        assert_eq!(finding, Err(SourceError::Unavailable(None)), "{status}");
    }
}

#[test]
fn a_page_that_may_answer_later_is_not_made_up_for_by_one_that_has_nothing() {
    let host = Recorded::new()
        .status("https://a.invalid/7", 503)
        .html("https://b.invalid/7", "<title>Welcome</title>");
    let finding = followed(&host, &["https://a.invalid/7", "https://b.invalid/7"]);
    assert_eq!(finding, Err(SourceError::Unavailable(None)));
}
