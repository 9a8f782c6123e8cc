use super::*;
use crate::Wayback;
use crate::targets::MOST_URLS;
use tierfall_sdk::serde_json::json;
use tierfall_sdk::testing::{Recorded, context_of, work};
use tierfall_sdk::{FetchError, Plugin, Value, WorkId, url};

const PDF: &str = "http://one.example/papers/1.pdf";
const PAGE: &str = "http://one.example/article/1";
const DOI: &str = "10.1000/a";

fn available(link: &str) -> String {
    format!("https://archive.org/wayback/available?url={}", url::encode(link))
}

fn index(link: &str) -> String {
    format!(
        "https://web.archive.org/cdx/search/cdx?url={}&output=json&fl=timestamp%2Coriginal%2Cmimetype%2Cstatuscode%2C\
         digest%2Clength&filter=%21statuscode%3A%5B45%5D..&collapse=digest&limit=-60",
        url::encode(link)
    )
}

fn closest(moment: &str, link: &str) -> String {
    json!({"archived_snapshots": {"closest": {"available": true, "status": "200", "timestamp": moment,
        "url": format!("http://web.archive.org/web/{moment}/{link}")}}})
    .to_string()
}

const NOTHING: &str = r#"{"archived_snapshots": {}}"#;

fn rows(rows: &[(&str, &str, &str)]) -> String {
    let mut all = vec![json!(["timestamp", "original", "mimetype", "statuscode", "digest", "length"])];
    all.extend(rows.iter().enumerate().map(|(n, (moment, original, mimetype))| {
        // Of one host, captures of one place in their lists have one content.
        json!([
            moment,
            original,
            mimetype,
            "200",
            format!("{}{n}", url::host(original).unwrap_or_default()),
            "99"
        ])
    }));
    Value::Array(all).to_string()
}

fn ctx() -> Context {
    context_of(&Wayback::describe().sources[0])
}

fn find(host: &Recorded, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    Wayback::find(host, "wayback", work, ctx)
}

fn a_work() -> Work {
    work(WorkId::Doi(DOI.into()))
}

/// The work with one page of its own.
fn with_page() -> Work {
    Work { landing_urls: vec![PAGE.into()], ..a_work() }
}

fn unresolved(host: Recorded) -> Recorded {
    host.status("https://web.archive.org/web/2999id_/https://doi.org/10.1000/a", 404)
        .status("https://web.archive.org/web/2999id_/http://dx.doi.org/10.1000/a", 404)
}

fn urls(finding: &Finding) -> Vec<&str> {
    finding.candidates.iter().map(|candidate| candidate.url.as_str()).collect()
}

const HTML: &str = r#"<html><head><meta name="citation_title" content="Dunes"><meta name="citation_doi" content="10.1000/a">
    <meta name="citation_pdf_url" content="/article/1.pdf"></head><body></body></html>"#;

#[test]
fn a_pdf_that_failed_is_proposed_in_each_of_its_captured_forms() {
    let host = Recorded::new().json(
        &index(PDF),
        &rows(&[
            ("20170428151545", PDF, "application/pdf"),
            ("20210101000000", PDF, "text/html"),
            ("20220101000000", "https://www.one.example/papers/1.pdf", "application/pdf"),
        ]),
    );
    let found = find(&host, &with_page(), &ctx().tried(PDF, "html_instead")).expect("a finding");
    assert_eq!(
        urls(&found),
        [
            "https://web.archive.org/web/20220101000000id_/https://www.one.example/papers/1.pdf",
            "https://web.archive.org/web/20170428151545id_/http://one.example/papers/1.pdf"
        ]
    );
    let second = &found.candidates[1];
    assert_eq!(second.basis, Basis::Rule);
    assert_eq!(second.evidence, "captured 2017-04-28 from http://one.example/papers/1.pdf");
    assert_eq!(host.urls().len(), 1, "the index tells it all");
}

#[test]
fn a_captured_page_is_read_and_its_links_lead_to_captures_beside_it() {
    let at = "https://web.archive.org/web/20160214132555id_/http://one.example/article/1";
    let host = Recorded::new().json(&available(PAGE), &closest("20160214132555", PAGE)).html(at, HTML);
    let found = find(&host, &with_page(), &ctx()).expect("a finding");
    assert_eq!(
        urls(&found),
        ["https://web.archive.org/web/20160214132555id_/http://one.example/article/1.pdf"]
    );
    assert_eq!(found.candidates[0].basis, Basis::Metadata);
    assert!(found.candidates[0].evidence.ends_with("on the page captured 2016-02-14"));
    assert_eq!(found.candidates[0].landing_page.as_deref(), Some(PAGE));
    assert_eq!(found.facts.title.as_deref(), Some("Dunes"));
    assert_eq!(host.urls().len(), 2, "the index is not needed");
}

#[test]
fn a_nearest_capture_that_leads_nowhere_is_followed_by_others_from_the_index() {
    let host = Recorded::new()
        .json(&available(PAGE), &closest("20220101000000", PAGE))
        .html(
            "https://web.archive.org/web/20220101000000id_/http://one.example/article/1",
            "<html>Gone</html>",
        )
        .json(
            &index(PAGE),
            &rows(&[("20160101000000", PAGE, "text/html"), ("20220101000000", PAGE, "text/html")]),
        )
        .html("https://web.archive.org/web/20160101000000id_/http://one.example/article/1", HTML);
    let found = find(&host, &with_page(), &ctx()).expect("a finding");
    assert_eq!(
        urls(&found),
        ["https://web.archive.org/web/20160101000000id_/http://one.example/article/1.pdf"]
    );
}

#[test]
fn the_page_of_a_dead_host_is_found_through_the_captured_redirect_of_the_resolver() {
    let to = "https://web.archive.org/web/20160214132555id_/http://dead.example/art/7";
    let host =
        Recorded::new().redirect("https://web.archive.org/web/2018id_/https://doi.org/10.1000/a", to, HTML);
    let work = Work { year: Some(2016), ..a_work() };
    let found = find(&host, &work, &ctx()).expect("a finding");
    assert_eq!(
        urls(&found),
        ["https://web.archive.org/web/20160214132555id_/http://dead.example/article/1.pdf"]
    );
    assert_eq!(host.urls().len(), 1);
}

#[test]
fn the_resolver_may_lead_to_the_pdf_itself_and_is_tried_by_its_older_name() {
    let to = "https://web.archive.org/web/20160214132555id_/http://dead.example/7.pdf";
    let mut pdf = Recorded::new().pdf(to);
    pdf = pdf.status("https://web.archive.org/web/2999id_/https://doi.org/10.1000/a", 404).response(
        "https://web.archive.org/web/2999id_/http://dx.doi.org/10.1000/a",
        {
            let answer = Recorded::new().pdf(to);
            tierfall_sdk::Host::fetch(&answer, &Request::get(to)).expect("an answer")
        },
    );
    let found = find(&pdf, &a_work(), &ctx()).expect("a finding");
    assert_eq!(urls(&found), [to]);
}

#[test]
fn the_index_is_asked_about_the_best_file_alone_where_availability_knows_none() {
    let tried = ["http://one.example/1.pdf", "http://one.example/2.pdf", "http://one.example/3.pdf"];
    let ctx = tried.iter().fold(ctx(), |ctx, link| ctx.tried(link, "unreachable"));
    let others = tried[1..].iter();
    let host = others.fold(Recorded::new(), |host, link| host.json(&available(link), NOTHING));
    let host = host.json(&index(tried[0]), "[]");
    assert_eq!(find(&unresolved(host), &a_work(), &ctx), Err(SourceError::NotFound));
}

#[test]
fn a_page_that_availability_does_not_know_is_not_worth_a_question_to_the_index() {
    let host = unresolved(Recorded::new().json(&available(PAGE), NOTHING));
    assert_eq!(find(&host, &with_page(), &ctx()), Err(SourceError::NotFound));
}

#[test]
fn how_many_questions_the_archive_is_asked_is_a_setting() {
    let ctx = ctx().tried(PDF, "unreachable").with(MOST_URLS, "1").with(MOST_UNKNOWN, "0");
    let host = unresolved(Recorded::new().json(&available(PDF), NOTHING));
    assert_eq!(find(&host, &with_page(), &ctx), Err(SourceError::NotFound));
    let odd = find(&Recorded::new(), &a_work(), &ctx.with(MOST_INDEXED, "many"));
    assert!(matches!(odd, Err(SourceError::Misconfigured(text)) if text.contains(MOST_INDEXED)));
}

#[test]
fn the_same_bytes_under_two_urls_are_proposed_once() {
    let other = "http://one.example/2.pdf";
    let host = Recorded::new()
        .json(&available(PDF), &closest("2016", PDF))
        .json(&available(other), &closest("2017", other))
        .json(&index(PDF), &rows(&[("2016", PDF, "application/pdf")]))
        .json(&index(other), &rows(&[("2017", other, "application/pdf")]));
    let ctx = ctx().tried(PDF, "unreachable").tried(other, "unreachable");
    assert_eq!(find(&host, &a_work(), &ctx).expect("a finding").candidates.len(), 1);
}

#[test]
fn beside_the_best_file_only_what_availability_knows_is_looked_up() {
    let (best, other) = ("http://two.example/2.pdf", "http://three.example/3.pdf");
    let host = Recorded::new()
        .json(&index(best), "[]")
        .json(&available(other), NOTHING)
        .json(&available(PDF), &closest("2017", PDF))
        .json(&index(PDF), &rows(&[("20170101000000", PDF, "application/pdf")]));
    let ctx = ctx().tried(best, "unreachable").tried(other, "unreachable").tried(PDF, "unreachable");
    assert_eq!(find(&host, &a_work(), &ctx).expect("a finding").candidates.len(), 1);
    assert_eq!(host.urls().len(), 4);
}

#[test]
fn the_year_of_the_work_is_handed_to_availability() {
    let host = Recorded::new()
        .json(&format!("{}&timestamp=2003", available(PDF)), &closest("2004", PDF))
        .json(&index(PDF), &rows(&[("2023", PDF, "application/pdf"), ("2004", PDF, "application/pdf")]));
    let work = Work { year: Some(2003), ..a_work() };
    let found = find(&host, &work, &ctx().tried(PDF, "unreachable")).expect("a finding");
    assert_eq!(
        found.candidates[0].url,
        "https://web.archive.org/web/2004id_/http://one.example/papers/1.pdf"
    );
}

#[test]
fn a_busy_index_leaves_what_availability_knows() {
    let host =
        Recorded::new().json(&available(PDF), &closest("20170428151545", PDF)).status(&index(PDF), 429);
    let found = find(&host, &a_work(), &ctx().tried(PDF, "unreachable")).expect("a finding");
    assert_eq!(
        urls(&found),
        ["https://web.archive.org/web/20170428151545id_/http://one.example/papers/1.pdf"]
    );
    assert!(found.candidates[0].evidence.starts_with("said to be captured 2017-04-28"));
}

#[test]
fn an_archive_that_is_busy_everywhere_is_unavailable_and_not_asked_again() {
    let ctx = ctx().tried(PDF, "unreachable").tried("http://one.example/papers/2.pdf", "unreachable");
    let host = Recorded::new().status(&available(PDF), 503).status(&index(PDF), 503);
    assert_eq!(find(&host, &a_work(), &ctx), Err(SourceError::Unavailable(None)));
    assert_eq!(host.urls().len(), 2);
}

#[test]
fn an_availability_api_that_fails_does_not_stop_the_search() {
    let host = Recorded::new()
        .error(&available(PDF), FetchError::Timeout)
        .json(&index(PDF), &rows(&[("2017", PDF, "application/pdf")]));
    let found = find(&host, &a_work(), &ctx().tried(PDF, "unreachable")).expect("a finding");
    assert_eq!(found.candidates.len(), 1);
}

#[test]
fn an_unreadable_answer_of_the_index_does_not_hide_what_else_there_is() {
    let to = "https://web.archive.org/web/20160214132555id_/http://dead.example/art/7";
    let host = Recorded::new().json(&available(PDF), NOTHING).html(&index(PDF), "<html>").redirect(
        "https://web.archive.org/web/2999id_/https://doi.org/10.1000/a",
        to,
        HTML,
    );
    assert!(
        find(&host, &a_work(), &ctx().tried(PDF, "unreachable"))
            .is_ok_and(|found| found.candidates.len() == 1)
    );
}

#[test]
fn a_captured_page_of_another_work_proposes_nothing() {
    let page = HTML.replace("10.1000/a", "10.1000/other");
    let host = Recorded::new()
        .json(&available(PAGE), &closest("2016", PAGE))
        .html("https://web.archive.org/web/2016id_/http://one.example/article/1", &page)
        .json(&index(PAGE), &rows(&[("2016", PAGE, "text/html")]));
    assert_eq!(find(&unresolved(host), &with_page(), &ctx()), Err(SourceError::NotFound));
}

#[test]
fn a_page_that_refreshes_is_followed_once_within_the_archive() {
    let refresh = r#"<html><head><meta http-equiv="refresh" content="0; url=/article/1/full"></head></html>"#;
    let host = Recorded::new()
        .json(&available(PAGE), &closest("2016", PAGE))
        .html("https://web.archive.org/web/2016id_/http://one.example/article/1", refresh)
        .html("https://web.archive.org/web/2016id_/http://one.example/article/1/full", HTML);
    let found = find(&host, &with_page(), &ctx()).expect("a finding");
    assert_eq!(urls(&found), ["https://web.archive.org/web/2016id_/http://one.example/article/1.pdf"]);
}

#[test]
fn under_the_name_of_a_file_a_captured_page_is_read_too() {
    let host = Recorded::new()
        .json(&available(PDF), &closest("2016", PDF))
        .json(&index(PDF), &rows(&[("2016", PDF, "text/html")]))
        .html("https://web.archive.org/web/2016id_/http://one.example/papers/1.pdf", HTML);
    let found = find(&host, &a_work(), &ctx().tried(PDF, "html_instead")).expect("a finding");
    assert_eq!(urls(&found), ["https://web.archive.org/web/2016id_/http://one.example/article/1.pdf"]);
}

#[test]
fn a_small_budget_is_kept_and_what_was_found_is_handed_over() {
    let second = "http://one.example/papers/2.pdf";
    let host = Recorded::new()
        .json(&available(second), &closest("2016", second))
        .json(&index(PDF), &rows(&[("2016", PDF, "application/pdf")]));
    let mut ctx = ctx().tried(PDF, "unreachable").tried(second, "unreachable");
    ctx.budget.fetches = 2;
    let found = find(&host, &a_work(), &ctx).expect("a finding");
    assert_eq!(found.candidates.len(), 1);
    assert_eq!(host.urls().len(), 2);
}

#[test]
fn a_work_without_any_url_is_not_applicable() {
    let host = Recorded::new();
    assert_eq!(find(&host, &work(WorkId::Pmid("7".into())), &ctx()), Err(SourceError::NotApplicable));
    assert!(host.urls().is_empty());
}

/// A host on which every answer takes four seconds.
struct Slow(Recorded, std::cell::Cell<u64>);

impl Host for Slow {
    fn fetch(&self, request: &Request) -> Result<tierfall_sdk::Response, FetchError> {
        self.1.set(self.1.get() + 4000);
        self.0.fetch(request)
    }

    fn log(&self, _: Level, _: &str) {}

    fn now_ms(&self) -> u64 {
        self.1.get()
    }
}

#[test]
fn what_availability_knows_is_handed_over_before_the_time_is_up() {
    let second = "http://one.example/papers/2.pdf";
    let third = "http://one.example/papers/3.pdf";
    let host = Recorded::new()
        .json(&available(PDF), &closest("2016", PDF))
        .json(&available(second), NOTHING)
        .json(&available(third), NOTHING);
    let ctx = [PDF, second, third].iter().fold(ctx(), |ctx, link| ctx.tried(link, "unreachable"));
    let ctx = ctx.with(MOST_UNKNOWN, "0");
    let slow = Slow(host, std::cell::Cell::new(0));
    let found = Wayback::find(&slow, "wayback", &a_work(), &ctx).expect("a finding");
    assert_eq!(urls(&found), ["https://web.archive.org/web/2016id_/http://one.example/papers/1.pdf"]);
    assert_eq!(slow.0.urls().len(), 3, "the index would come too late");
}

#[test]
fn two_captured_files_are_enough() {
    let links = ["http://one.example/1.pdf", "http://two.example/2.pdf", "http://three.example/3.pdf"];
    let host =
        links.iter().fold(Recorded::new(), |host, link| host.json(&available(link), &closest("2016", link)));
    let host = links[..2]
        .iter()
        .fold(host, |host, link| host.json(&index(link), &rows(&[("2016", link, "application/pdf")])));
    let ctx = links.iter().fold(ctx(), |ctx, link| ctx.tried(link, "unreachable"));
    assert_eq!(find(&host, &a_work(), &ctx).expect("a finding").candidates.len(), 2);
}
