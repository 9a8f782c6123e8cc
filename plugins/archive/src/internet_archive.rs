//! The catalogue of the Internet Archive's scholarly holdings (fatcat,
//! <https://api.fatcat.wiki/redoc>).
//!
//! It has lived in two places: an API that answers JSON, and the site of scholar.archive.org, whose
//! lookup redirects to a page about the release. Either may be what `api_base` leads to, so the
//! answer is read as what it is.

use tierfall_sdk::{
    Basis, Candidate, Context, Facts, FetchError, Finding, Host, IdKind, Lenient, Request, Response, Role,
    Setting, Source, SourceError, Value, Version, Work, WorkId, links, pages, setting_host, url,
};

use crate::record::{self, About};
use crate::wording;

/// The API that answered JSON before.
const OLDER: &str = "older_api_base";

pub fn source(name: &str) -> Source {
    let ids = [IdKind::Doi, IdKind::Pmid, IdKind::Pmcid, IdKind::Arxiv];
    Source::new(name, "the Internet Archive's catalogue of scholarly works", &ids)
        .api("https://scholar.archive.org/fatcat")
        .setting(
            Setting::new(OLDER, "where the older API is, asked when the newer gives no usable answer")
                .default("https://api.fatcat.wiki/v0"),
        )
        .host(setting_host(OLDER), Role::Api)
}

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let (kind, id) = lookup(work).ok_or(SourceError::NotApplicable)?;
    let first = ask(host, ctx.api_base()?, kind, &id, work);
    let older = ctx.setting(OLDER).map(|base| base.trim_end_matches('/'));
    match (first, older) {
        // A session check, a page without links, a host that is down. Not knowing a work is an answer.
        (Err(error), Some(older)) if error != SourceError::NotFound && Ok(older) != ctx.api_base() => {
            match ask(host, older, kind, &id, work) {
                // Of two failures, the first place's is reported.
                Err(SourceError::NotFound) => Err(SourceError::NotFound),
                second => second.map_err(|_| error),
            }
        }
        (first, _) => first,
    }
}

/// The identifier to look a release up by, and its name there. Releases of arXiv have no DOI of
/// arXiv's, which are younger than the catalogue, but an id for each version.
fn lookup(work: &Work) -> Option<(&'static str, String)> {
    if let Some(doi) = work.doi().filter(|doi| !doi.starts_with("10.48550/arxiv.")) {
        return Some(("doi", doi.to_owned()));
    }
    if let Some(pmid) = work.pmid() {
        return Some(("pmid", pmid.to_owned()));
    }
    if let Some(pmcid) = work.pmcid() {
        return Some(("pmcid", pmcid.to_owned()));
    }
    let doi_of_arxiv = work.doi().and_then(WorkId::read_doi);
    let id = work.arxiv().or_else(|| doi_of_arxiv.as_ref().map(WorkId::value))?;
    let has_version = id.rsplit_once('v').is_some_and(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
    Some(("arxiv", if has_version { id.to_owned() } else { format!("{id}v1") }))
}

fn ask(host: &dyn Host, base: &str, kind: &str, id: &str, work: &Work) -> Result<Finding, SourceError> {
    let lookup = format!("{base}/release/lookup");
    let pairs = [(kind, Some(id)), ("expand", Some("files")), ("hide", Some("abstracts,refs"))];
    let request =
        Request::get(url::with_query(&lookup, &pairs)).header("accept", "application/json, text/html;q=0.5");
    let response = match host.fetch(&request) {
        Ok(response) => response,
        Err(FetchError::Denied(reason)) => return Err(SourceError::Misconfigured(reason)),
        Err(error) => return Err(error.into()),
    };
    // There are no keys here: a refusal is a bot check, and retryable.
    if matches!(response.status, 401..=403) {
        return Err(SourceError::Unavailable(None));
    }
    let response = response.success()?;
    match response.text().trim_start().starts_with('{') {
        true => of_release(&response.json()?, work),
        false => of_page(&response, work),
    }
}

/// Reads the JSON of a release.
fn of_release(release: &Value, work: &Work) -> Result<Finding, SourceError> {
    if release.text("ident").is_none() && !release.at("ext_ids").is_object() {
        return Err(SourceError::BadAnswer("the Internet Archive answered no release".into()));
    }
    let about = record::about(work, &stated(release));
    if about == About::AnotherWork {
        return Err(SourceError::NotFound);
    }
    let mut finding = Finding::none();
    if about == About::ThisWork {
        finding.facts = facts(release);
    }
    let version = Version::read(&release.text("release_stage").unwrap_or_default());
    let mut copies: Vec<(String, String)> = Vec::new();
    for file in release.items("files") {
        // Files of unknown type are mostly PDFs: the catalogue began with them.
        if file.text("mimetype").is_some_and(|kind| !kind.eq_ignore_ascii_case("application/pdf")) {
            continue;
        }
        for copy in file.items("urls") {
            let rel = copy.text("rel").unwrap_or_default();
            copies.extend(copy.text("url").map(|link| (rel, link)));
        }
    }
    // The archive's copies do not move; the others are where it found them.
    copies.sort_by_key(|(rel, _)| match rel.as_str() {
        "webarchive" => 0,
        "archive" => 1,
        "repository" => 2,
        _ => 3,
    });
    for (rel, link) in copies {
        let candidate = Candidate::new(as_captured(&link), Basis::Registry, format!("files.urls, rel {rel}"))
            .version(version)
            .license(release.text("license_slug"));
        finding.add(candidate);
    }
    finding.or_not_found()
}

/// Reads the page about a release: what it declares, then what it links to in the archive.
fn of_page(response: &Response, work: &Work) -> Result<Finding, SourceError> {
    let page = links::read(&response.url, response.text(), work);
    if page.other_work {
        return Err(SourceError::NotFound);
    }
    let mut finding = Finding::none();
    let (archived, elsewhere): (Vec<_>, Vec<_>) =
        page.candidates.into_iter().partition(|candidate| is_capture(&candidate.url));
    for candidate in archived.into_iter().chain(elsewhere) {
        let link = as_captured(&candidate.url);
        finding.add(Candidate { url: link, landing_page: None, ..candidate });
    }
    for link in capture_links(response.text()) {
        finding.add(Candidate::new(as_captured(&link), Basis::Link, "a link on the release's page"));
    }
    if finding.candidates.is_empty() {
        return Err(SourceError::BadAnswer(format!("{} answered a page without a PDF", response.url)));
    }
    // The page is the archive's, so of what it says only the work's title and names are of use.
    finding.facts = Facts { landing_urls: Vec::new(), ids: Vec::new(), ..page.facts };
    Ok(finding)
}

/// The URLs of captures in a page, in whatever attribute.
fn capture_links(html: &str) -> Vec<String> {
    const CAPTURE: &str = "https://web.archive.org/web/";
    let links = html.match_indices(CAPTURE).map(|(at, _)| {
        let link = html[at..].split(['"', '\'', '<', '>', ' ', '\n']).next().unwrap_or_default();
        link.replace("&amp;", "&")
    });
    links.filter(|link| is_capture(link)).collect()
}

/// Whether a URL is of one capture in the Wayback Machine.
fn is_capture(link: &str) -> bool {
    capture(link).is_some()
}

/// The moment and the original URL of a capture.
fn capture(link: &str) -> Option<(&str, &str)> {
    if url::host(link).as_deref() != Some("web.archive.org") {
        return None;
    }
    let (moment, original) = link.split_once("/web/")?.1.split_once('/')?;
    let digits = moment.bytes().take_while(u8::is_ascii_digit).count();
    (digits >= 4).then(|| (&moment[..digits], original))
}

/// A capture in the form that answers the original bytes, without the archive's frame; any other URL
/// as it is.
fn as_captured(link: &str) -> String {
    match capture(link) {
        Some((moment, original)) => format!("https://web.archive.org/web/{moment}id_/{original}"),
        None => link.to_owned(),
    }
}

fn stated(release: &Value) -> Vec<WorkId> {
    let id = |name: &str| release.text(&format!("ext_ids.{name}"));
    let mut ids: Vec<WorkId> = record::dois(id("doi"));
    ids.extend(id("pmid").and_then(|id| WorkId::read_pmid(&id)));
    ids.extend(id("pmcid").and_then(|id| WorkId::read_pmcid(&id)));
    ids.extend(id("arxiv").and_then(|id| WorkId::read_arxiv(&id)));
    ids
}

fn facts(release: &Value) -> Facts {
    let mut facts = Facts::none();
    facts.title = release.text("title").and_then(|title| wording::title(&title));
    facts.authors = release
        .items("contribs")
        .iter()
        .filter(|c| c.text("role").is_none_or(|role| role == "author"))
        .filter_map(|c| c.text("surname").or_else(|| wording::author(&c.text("raw_name")?)))
        .collect();
    facts.year = release
        .text("release_year")
        .or_else(|| release.text("release_date"))
        .and_then(|date| wording::year(&date));
    facts.pages = release.text("pages").and_then(|range| pages::count(&range));
    for id in stated(release) {
        facts.add_id(Some(id));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::serde_json::json;
    use tierfall_sdk::testing::{Recorded, context_of, work};

    const QUERY: &str = "release/lookup?doi=10.1000%2Fa&expand=files&hide=abstracts%2Crefs";

    fn newer() -> String {
        format!("https://scholar.archive.org/fatcat/{QUERY}")
    }

    fn older() -> String {
        format!("https://api.fatcat.wiki/v0/{QUERY}")
    }

    fn ask(host: &Recorded) -> Result<Finding, SourceError> {
        find(host, &work(WorkId::Doi("10.1000/a".into())), &context_of(&source("internet_archive")))
    }

    fn release(doi: &str) -> Value {
        json!({
            "ident": "aaaaaaaaaaaaaaaaaaaaaaaaaa", "title": "Peat", "release_stage": "accepted", "release_year": 1999, "pages": "5-9",
            "ext_ids": {"doi": doi, "pmid": "77"}, "license_slug": "CC-BY",
            "contribs": [{"raw_name": "Ann Moor", "surname": "Moor", "role": "author"}, {"raw_name": "Fen, Bo", "role": null},
                {"raw_name": "Ed Itor", "role": "editor"}],
            "files": [
                {"mimetype": "text/html", "urls": [{"url": "https://site.example/peat.html", "rel": "web"}]},
                {"mimetype": "application/pdf", "urls": [
                    {"url": "http://site.example/peat.pdf", "rel": "web"},
                    {"url": "https://repo.example/peat.pdf", "rel": "repository"},
                    {"url": "https://web.archive.org/web/20050102030405/http://site.example/peat.pdf?a=1", "rel": "webarchive"}]}]
        })
    }

    #[test]
    fn archived_copies_come_first_and_as_their_original_bytes() {
        let host = Recorded::new().json(&newer(), &release("10.1000/A").to_string());
        let found = ask(&host).expect("a finding");
        let urls: Vec<_> = found.candidates.iter().map(|c| c.url.as_str()).collect();
        assert_eq!(
            urls,
            [
                "https://web.archive.org/web/20050102030405id_/http://site.example/peat.pdf?a=1",
                "https://repo.example/peat.pdf",
                "http://site.example/peat.pdf"
            ]
        );
        assert_eq!(found.candidates[0].version, Version::Accepted);
        assert_eq!(found.candidates[0].evidence, "files.urls, rel webarchive");
        assert_eq!(found.candidates[0].license.as_deref(), Some("CC-BY"));
        assert_eq!(found.facts.title.as_deref(), Some("Peat"));
        assert_eq!(found.facts.authors, ["Moor", "Fen"]);
        assert_eq!((found.facts.year, found.facts.pages), (Some(1999), Some(5)));
        assert!(found.facts.ids.contains(&WorkId::Pmid("77".into())));
        assert_eq!(host.urls().len(), 1);
    }

    #[test]
    fn a_page_instead_of_json_is_read_for_its_links() {
        let page = r#"<html><head><title>Peat</title>
            <meta name="citation_pdf_url" content="https://web.archive.org/web/20050102030405/http://site.example/peat.pdf?a=1&amp;b=2">
            </head><body><a href="https://web.archive.org/web/20060102030405/http://site.example/other.pdf">webarchive</a>
            <a href="https://web.archive.org/">Wayback Machine</a></body></html>"#;
        let host =
            Recorded::new().redirect(&newer(), "https://scholar.archive.org/fatcat/release/aaaa", page);
        let found = ask(&host).expect("a finding");
        let urls: Vec<_> = found.candidates.iter().map(|c| c.url.as_str()).collect();
        assert_eq!(
            urls,
            [
                "https://web.archive.org/web/20050102030405id_/http://site.example/peat.pdf?a=1&b=2",
                "https://web.archive.org/web/20060102030405id_/http://site.example/other.pdf"
            ]
        );
        assert_eq!(found.facts.landing_urls, [] as [&str; 0]);
        assert_eq!(host.urls().len(), 1);
    }

    #[test]
    fn the_older_api_is_asked_where_the_newer_gives_no_usable_answer() {
        let json = release("10.1000/a").to_string();
        for host in [
            Recorded::new().html(&newer(), "<html><title>Checking your session</title></html>"),
            Recorded::new().status(&newer(), 403),
            Recorded::new().status(&newer(), 503),
            Recorded::new().error(&newer(), FetchError::Timeout),
        ] {
            let host = host.json(&older(), &json);
            assert!(ask(&host).is_ok_and(|found| found.candidates.len() == 3));
        }
    }

    #[test]
    fn when_both_fail_the_first_failure_is_told() {
        let host = Recorded::new().status(&newer(), 429).error(&older(), FetchError::Timeout);
        assert_eq!(ask(&host), Err(SourceError::Unavailable(None)));
        let host = Recorded::new().html(&newer(), "<html></html>").error(&older(), FetchError::Timeout);
        assert!(matches!(ask(&host), Err(SourceError::BadAnswer(_))));
    }

    #[test]
    fn a_work_that_the_catalogue_does_not_know_is_asked_for_once() {
        let host = Recorded::new().answer(&newer(), 404, "text/html", "<html>404</html>");
        assert_eq!(ask(&host), Err(SourceError::NotFound));
        assert_eq!(host.urls().len(), 1);
        let host = Recorded::new().html(&newer(), "<html></html>").status(&older(), 404);
        assert_eq!(ask(&host), Err(SourceError::NotFound));
    }

    #[test]
    fn the_release_of_another_doi_is_left_out_and_one_without_files_gives_facts() {
        let mut other = release("10.1000/b");
        other["ext_ids"]["pmid"] = Value::Null;
        let host = Recorded::new().json(&newer(), &other.to_string());
        assert_eq!(ask(&host), Err(SourceError::NotFound));
        let mut bare = release("10.1000/a");
        bare["files"] = Value::Null;
        let host = Recorded::new().json(&newer(), &bare.to_string());
        assert!(ask(&host).is_ok_and(|found| found.candidates.is_empty() && found.facts.year == Some(1999)));
    }

    #[test]
    fn odd_types_are_read_as_absent_and_another_shape_is_a_bad_answer() {
        let odd = json!({"ident": "a", "ext_ids": 3, "contribs": {"raw_name": 4}, "files": [null, {"urls": "x"},
            {"urls": [{"url": "https://web.archive.org/web/2005/http://site.example/p.pdf"}, {"rel": "web"}, 5]}]});
        let host = Recorded::new().json(&newer(), &odd.to_string());
        let found = ask(&host).expect("a finding");
        assert_eq!(found.candidates.len(), 1);
        assert_eq!(found.candidates[0].url, "https://web.archive.org/web/2005id_/http://site.example/p.pdf");
        let host = Recorded::new().json(&newer(), "{}").json(&older(), "{}");
        assert!(matches!(ask(&host), Err(SourceError::BadAnswer(_))));
    }

    #[test]
    fn works_without_a_doi_are_looked_up_by_what_they_have() {
        let at = "https://scholar.archive.org/fatcat/release/lookup?arxiv=2101.00001v1&expand=files&hide=abstracts%2Crefs";
        let host = Recorded::new().status(at, 404);
        for id in ["2101.00001v1", "2101.00001"] {
            let ids = vec![WorkId::Arxiv(id.into()), WorkId::Doi("10.48550/arxiv.2101.00001".into())];
            let found = find(&host, &Work::new(ids), &context_of(&source("internet_archive")));
            assert_eq!(found, Err(SourceError::NotFound), "{id}");
        }
        let pmid = Work::new(vec![WorkId::Pmid("7".into()), WorkId::Arxiv("2101.00001".into())]);
        assert_eq!(lookup(&pmid), Some(("pmid", "7".into())));
    }

    #[test]
    fn the_api_itself_may_be_the_base() {
        let ctx = context_of(&source("internet_archive")).with("api_base", "https://api.fatcat.wiki/v0/");
        let host = Recorded::new().status(&older(), 503);
        let found = find(&host, &work(WorkId::Doi("10.1000/a".into())), &ctx);
        assert_eq!(found, Err(SourceError::Unavailable(None)));
        assert_eq!(host.urls().len(), 1, "not twice of the same place");
    }
}
