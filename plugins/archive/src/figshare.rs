//! Figshare and the institutions that use it (<https://docs.figshare.com>).

use tierfall_sdk::serde_json::json;
use tierfall_sdk::{
    Basis, Candidate, Context, Facts, Finding, Host, IdKind, Lenient, Request, Source, SourceError, Value,
    Version, Work, WorkId, get_json,
};

use crate::record::{self, About};
use crate::{files, wording};

/// Articles of a search that are read, each with a request of its own.
const LOOKED_INTO: usize = 3;

pub fn source(name: &str) -> Source {
    Source::new(name, "Figshare", &[IdKind::Doi]).api("https://api.figshare.com/v2")
}

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let doi = work.doi().ok_or(SourceError::NotApplicable)?;
    let articles = format!("{}/articles", ctx.api_base()?);
    let mut finding = Finding::none();
    for path in own_paths(doi) {
        match get_json(host, &format!("{articles}/{path}")) {
            Ok(article) => {
                add(&mut finding, work, &article);
                return finding.or_not_found();
            }
            Err(SourceError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    let found = search(host, &articles, doi)?;
    let fitting = found.iter().filter(|brief| is_wanted(work, brief)).take(LOOKED_INTO);
    let mut failure = None;
    for number in fitting.filter_map(|brief| brief.number("id")) {
        match get_json(host, &format!("{articles}/{number}")) {
            Ok(article) => add(&mut finding, work, &article),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if finding.candidates.is_empty() && error != SourceError::NotFound => Err(error),
        _ => finding.or_not_found(),
    }
}

/// Where the article of a DOI that Figshare registered is: `….figshare.123` or `….figshare.123.v2`,
/// which is asked for as that version first.
fn own_paths(doi: &str) -> Vec<String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let Some((_, rest)) = doi.rsplit_once("figshare.") else { return Vec::new() };
    match rest.split_once(".v") {
        Some((number, version)) if digits(number) && digits(version) => {
            vec![format!("{number}/versions/{version}"), number.to_owned()]
        }
        None if digits(rest) => vec![rest.to_owned()],
        _ => Vec::new(),
    }
}

/// Searches for a DOI; the answers carry no files.
fn search(host: &dyn Host, articles: &str, doi: &str) -> Result<Vec<Value>, SourceError> {
    let wanted = format!(":doi: \"{}\"", doi.replace(['"', '\\'], ""));
    let body = json!({"search_for": wanted, "page_size": 3});
    let request = Request::post_json(format!("{articles}/search"), &body).accept_json();
    match host.fetch(&request)?.success()?.json()? {
        Value::Array(found) => Ok(found),
        _ => Err(SourceError::BadAnswer("Figshare answered no list of articles".into())),
    }
}

fn add(finding: &mut Finding, work: &Work, article: &Value) {
    if !is_wanted(work, article) {
        return;
    }
    let about = record::about(work, &stated(article));
    if about == About::ThisWork {
        finding.facts.absorb(facts(article));
    }
    let named = article.items("files").iter().filter(|file| !file.yes("is_link_only")).filter_map(|file| {
        let name = file.text("name").unwrap_or_default();
        let is_pdf = file.text("mimetype").as_deref() == Some("application/pdf");
        let name = if is_pdf && !files::is_pdf(&name) { format!("{name}.pdf") } else { name };
        Some((name, file.text("download_url")?))
    });
    for link in files::of_the_work(named) {
        let candidate = Candidate::new(link, Basis::Registry, "files.download_url")
            .version(version(work, article))
            .license(article.text("license.name").or_else(|| article.text("license.url")))
            .landing_page(article.text("url_public_html"));
        finding.add(candidate);
    }
}

/// Whether an article is the work. `resource_doi` is the article that a deposit belongs to: often the
/// deposit is that article, but as often its data or its supplement.
fn is_wanted(work: &Work, article: &Value) -> bool {
    if record::about(work, &own_doi(article)) == About::ThisWork {
        return true;
    }
    if record::about(work, &stated(article)) == About::AnotherWork {
        return false;
    }
    let kind = article.text("defined_type_name").unwrap_or_default().to_lowercase();
    let title = article.text("title").and_then(|title| wording::title(&title)).unwrap_or_default();
    let same_title = work.title.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(&title));
    !OTHER_KINDS.contains(&kind.as_str()) && (same_title || !files::accompanies(&title))
}

/// The types of deposits that are no text of a work (`defined_type_name`).
const OTHER_KINDS: &[&str] = &[
    "dataset",
    "figure",
    "fileset",
    "media",
    "metadata",
    "model",
    "poster",
    "presentation",
    "software",
    "workflow",
];

fn own_doi(article: &Value) -> Vec<WorkId> {
    record::dois(article.text("doi"))
}

fn stated(article: &Value) -> Vec<WorkId> {
    record::dois(["doi", "resource_doi"].iter().filter_map(|path| article.text(path)))
}

fn version(work: &Work, article: &Value) -> Version {
    let kind = article.text("defined_type_name").unwrap_or_default().to_lowercase();
    if kind == "preprint" {
        return Version::Submitted;
    }
    // What Figshare registered is what it published; of an article elsewhere it may hold any version.
    match record::about(work, &own_doi(article)) {
        About::ThisWork => Version::Published,
        _ => Version::Unknown,
    }
}

fn facts(article: &Value) -> Facts {
    let mut facts = Facts::none();
    facts.title = article.text("title").and_then(|title| wording::title(&title));
    facts.authors = article
        .items("authors")
        .iter()
        .filter_map(|a| a.text("last_name").or_else(|| wording::author(&a.text("full_name")?)))
        .collect();
    // When it was deposited says little about when an article elsewhere appeared.
    if article.text("resource_doi").is_none() {
        facts.year = article.text("published_date").and_then(|date| wording::year(&date));
    }
    facts.add_landing_url(article.text("url_public_html"));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::testing::{Recorded, context_of, work};
    use tierfall_sdk::{FetchError, Method};

    const SEARCH: &str = "https://api.figshare.com/v2/articles/search";

    fn ask(host: &Recorded, doi: &str) -> Result<Finding, SourceError> {
        find(host, &work(WorkId::Doi(doi.into())), &context_of(&source("figshare")))
    }

    fn article(number: u32, resource_doi: &str, kind: &str) -> Value {
        json!({
            "id": number, "title": "Bees in town", "doi": format!("10.6084/m9.figshare.{number}.v1"), "resource_doi": resource_doi,
            "defined_type_name": kind, "published_date": "2020-02-03T00:00:00Z",
            "url_public_html": format!("https://figshare.example/articles/{number}"),
            "license": {"value": 1, "name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"},
            "authors": [{"id": 1, "full_name": "Ida Holm", "last_name": "Holm"}, {"full_name": "Jo Park"}],
            "files": [
                {"id": 5, "name": "data.xlsx", "download_url": "https://ndl.example/files/5"},
                {"id": 6, "name": "manuscript", "mimetype": "application/pdf", "download_url": "https://ndl.example/files/6"},
                {"id": 7, "name": "elsewhere.pdf", "is_link_only": true, "download_url": "https://other.example/7.pdf"}]
        })
    }

    fn at(number: u32) -> String {
        format!("https://api.figshare.com/v2/articles/{number}")
    }

    fn brief(article: &Value) -> Value {
        let mut brief = article.clone();
        brief
            .as_object_mut()
            .expect("an object")
            .retain(|key, _| !["files", "license", "authors"].contains(&key.as_str()));
        brief
    }

    #[test]
    fn a_search_leads_to_the_files_of_the_article() {
        let full = article(31, "10.1000/A", "journal contribution");
        let host =
            Recorded::new().json(SEARCH, &json!([brief(&full)]).to_string()).json(&at(31), &full.to_string());
        let found = ask(&host, "10.1000/a").expect("a finding");
        let [one] = found.candidates.as_slice() else { panic!("{found:?}") };
        assert_eq!(one.url, "https://ndl.example/files/6");
        assert_eq!(one.license.as_deref(), Some("CC BY 4.0"));
        assert_eq!(one.version, Version::Unknown);
        assert_eq!(found.facts.authors, ["Holm", "Jo Park"]);
        assert_eq!(found.facts.title.as_deref(), Some("Bees in town"));
        let request = &host.requests()[0];
        assert_eq!(request.method, Method::Post);
        let body: Value =
            tierfall_sdk::serde_json::from_slice(request.body.as_deref().unwrap_or_default()).expect("JSON");
        assert_eq!(body, json!({"search_for": ":doi: \"10.1000/a\"", "page_size": 3}));
    }

    #[test]
    fn a_doi_of_figshare_is_asked_for_directly_in_its_version() {
        let full = article(31, "", "preprint");
        let host =
            Recorded::new().json("https://api.figshare.com/v2/articles/31/versions/1", &full.to_string());
        let found = ask(&host, "10.6084/m9.figshare.31.v1").expect("a finding");
        assert_eq!(found.candidates[0].version, Version::Submitted);
        assert_eq!(found.facts.year, Some(2020));

        let host = Recorded::new().json(&at(31), &article(31, "", "thesis").to_string());
        let found = ask(&host, "10.6084/m9.figshare.31").expect("a finding");
        assert_eq!(found.candidates[0].version, Version::Published);
    }

    #[test]
    fn a_version_that_is_not_kept_apart_is_taken_from_the_article() {
        let host = Recorded::new()
            .status("https://api.figshare.com/v2/articles/31/versions/1", 404)
            .json(&at(31), &article(31, "", "thesis").to_string());
        assert!(ask(&host, "10.6084/m9.figshare.31.v1").is_ok_and(|found| found.candidates.len() == 1));
    }

    #[test]
    fn deposits_of_other_works_their_data_and_supplements_are_not_looked_into() {
        let mut supplement = article(3, "10.1000/a", "journal contribution");
        supplement["title"] = json!("Supplementary material for Bees in town");
        let found = json!([
            brief(&article(1, "10.1000/b", "journal contribution")),
            brief(&article(2, "10.1000/a", "dataset")),
            brief(&supplement)
        ]);
        let host = Recorded::new().json(SEARCH, &found.to_string());
        assert_eq!(ask(&host, "10.1000/a"), Err(SourceError::NotFound));
        assert_eq!(host.urls().len(), 1);
    }

    #[test]
    fn one_article_that_fails_does_not_lose_another() {
        let full = article(32, "10.1000/a", "journal contribution");
        let first = brief(&article(31, "10.1000/a", "journal contribution"));
        let host = Recorded::new()
            .json(SEARCH, &json!([first, brief(&full)]).to_string())
            .error(&at(31), FetchError::Timeout)
            .json(&at(32), &full.to_string());
        assert!(ask(&host, "10.1000/a").is_ok_and(|found| found.candidates.len() == 1));
        let host =
            Recorded::new().json(SEARCH, &json!([first]).to_string()).error(&at(31), FetchError::Timeout);
        assert_eq!(ask(&host, "10.1000/a"), Err(SourceError::Unavailable(None)));
    }

    #[test]
    fn nothing_there_and_odd_types_are_not_found() {
        for answer in ["[]", r#"[null, 3, {"id": "x", "doi": 3}, {"resource_doi": "10.1000/a"}]"#] {
            let host = Recorded::new().json(SEARCH, answer);
            assert_eq!(ask(&host, "10.1000/a"), Err(SourceError::NotFound), "{answer}");
        }
        let odd = json!({"id": 31, "doi": null, "resource_doi": "10.1000/a", "files": {"name": "a.pdf"}, "authors": "x"});
        let host = Recorded::new().json(SEARCH, &json!([odd]).to_string()).json(&at(31), &odd.to_string());
        assert_eq!(ask(&host, "10.1000/a"), Err(SourceError::NotFound));
        assert_eq!(host.urls().len(), 2);
    }

    #[test]
    fn an_answer_of_another_shape_is_a_bad_answer() {
        let host = Recorded::new().json(SEARCH, r#"{"message": "Bad request", "code": "BadRequest"}"#);
        assert!(matches!(ask(&host, "10.1000/a"), Err(SourceError::BadAnswer(_))));
        let host = Recorded::new().status(SEARCH, 503);
        assert_eq!(ask(&host, "10.1000/a"), Err(SourceError::Unavailable(None)));
    }
}
