//! CORE (<https://api.core.ac.uk/docs/v3>): full texts gathered from repositories.

use tierfall_sdk::many::{Lookup, Records, find_many as ask_many};
use tierfall_sdk::{
    Basis, BatchContext, Candidate, Context, Facts, Finding, Host, IdKind, Lenient, Question, Setting,
    Source, SourceError, Value, Work, WorkId, get_json, setting_host, url,
};

use crate::record::{self, About};
use crate::{files, wording};

const KEY: &str = "api_key";

pub fn source(name: &str) -> Source {
    Source::new(
        name,
        "CORE, full texts gathered from repositories",
        &[IdKind::Doi, IdKind::Arxiv, IdKind::Pmid],
    )
    .api("https://api.core.ac.uk/v3")
    .batch(MOST)
    .setting(Setting::new(KEY, "key of the CORE API").required().secret(
        setting_host("api_base"),
        "authorization",
        "Bearer ",
    ))
}

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let terms = terms(work);
    if terms.is_empty() {
        return Err(SourceError::NotApplicable);
    }
    let terms: Vec<_> = terms.iter().map(String::as_str).collect();
    let answer = search(host, ctx, &terms, "3")?;
    if !answer.at("results").is_array() {
        return Err(SourceError::BadAnswer("CORE answered no list of results".into()));
    }
    found(answer.items("results"), work)
}

/// As many as a URL takes.
const MOST: u32 = 50;

/// By one query that names all of them.
pub fn find_many(
    host: &dyn Host,
    questions: &[Question],
    ctx: &BatchContext,
) -> Vec<Result<Finding, SourceError>> {
    let context = ctx.settings_only();
    let lookup = Lookup {
        terms: &terms,
        // A work has three terms at most.
        most: 3 * MOST as usize,
        length: 3000,
        ask: &|terms| Records::of(search(host, &context, terms, "100")?, "results", "totalHits"),
        keys: &|result| stated(result).into_iter().flat_map(|id| self::terms(&Work::new(vec![id]))).collect(),
    };
    ask_many(
        questions,
        &[lookup],
        &|records, question| found(records.iter().copied(), &question.work),
        &|question| find(host, &question.work, &ctx.of(question)),
    )
}

fn search(host: &dyn Host, ctx: &Context, terms: &[&str], most: &str) -> Result<Value, SourceError> {
    if !ctx.secret_is_set(KEY) {
        return Err(SourceError::Misconfigured(format!("the secret `{KEY}` is not set")));
    }
    let search = format!("{}/search/works", ctx.api_base()?);
    let query = terms.join(" OR ");
    get_json(host, &url::with_query(&search, &[("q", Some(&query)), ("limit", Some(most))]))
}

fn found<'a>(results: impl IntoIterator<Item = &'a Value>, work: &Work) -> Result<Finding, SourceError> {
    let mut finding = Finding::none();
    for (at, result) in results.into_iter().enumerate() {
        let about = record::about(work, &stated(result));
        if about == About::AnotherWork {
            continue;
        }
        if about == About::ThisWork {
            finding.facts.absorb(facts(result));
        }
        add_links(&mut finding, result, at);
    }
    finding.or_not_found()
}

/// A term for each of the work's identifiers, in CORE's query language.
fn terms(work: &Work) -> Vec<String> {
    let fields = [("doi", work.doi()), ("arxivId", work.arxiv()), ("pubmedId", work.pmid())];
    let terms = fields.iter().filter_map(|(field, id)| {
        let id = id.as_ref()?.replace(['"', '\\'], "");
        Some(format!("{field}:\"{id}\""))
    });
    terms.collect()
}

fn stated(result: &Value) -> Vec<WorkId> {
    let mut ids = record::dois(result.text("doi").into_iter().chain(result.text("identifiers.doi")));
    ids.extend(result.text("arxivId").and_then(|id| WorkId::read_arxiv(&id)));
    ids.extend(result.text("pubmedId").and_then(|id| WorkId::read_pmid(&id)));
    for identifier in result.items("identifiers") {
        let Some(value) = identifier.text("identifier") else { continue };
        let kind = identifier.text("type").unwrap_or_default().to_ascii_lowercase();
        ids.extend(match kind.as_str() {
            "doi" => WorkId::read_doi(&value),
            "arxiv_id" => WorkId::read_arxiv(&value),
            "pubmed_id" => WorkId::read_pmid(&value),
            _ => None,
        });
    }
    ids
}

fn facts(result: &Value) -> Facts {
    let mut facts = Facts::none();
    facts.title = result.text("title").and_then(|title| wording::title(&title));
    facts.authors =
        result.items("authors").iter().filter_map(|a| wording::author(&a.text("name")?)).collect();
    facts.year = result
        .text("yearPublished")
        .or_else(|| result.text("publishedDate"))
        .and_then(|date| wording::year(&date));
    for id in stated(result) {
        facts.add_id(Some(id));
    }
    facts
}

/// `downloadUrl` is CORE's own copy or the repository's, the others are where it came from.
fn add_links(finding: &mut Finding, result: &Value, at: usize) {
    let display = result
        .items("links")
        .iter()
        .find(|link| link.text("type").as_deref() == Some("display"))
        .and_then(|link| link.text("url"));
    let mut add = |link: String, from: &str| {
        let evidence = format!("results[{at}].{from}");
        let link = files::arxiv_pdf(&link).unwrap_or(link);
        finding.add(Candidate::new(link, Basis::Registry, evidence).landing_page(display.clone()));
    };
    if let Some(link) = result.text("downloadUrl") {
        add(link, "downloadUrl");
    }
    for link in result.items("links") {
        if link.text("type").as_deref() == Some("download")
            && let Some(link) = link.text("url")
        {
            add(link, "links.download");
        }
    }
    let (files, pages): (Vec<_>, Vec<_>) = result
        .texts("sourceFulltextUrls")
        .into_iter()
        .partition(|link| files::looks_like_file(link) || files::arxiv_pdf(link).is_some());
    for link in files {
        add(link, "sourceFulltextUrls");
    }
    for page in pages {
        finding.facts.add_landing_url(Some(page));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::serde_json::json;
    use tierfall_sdk::testing::{Recorded, context_of, questions, work};

    const ASKED: &str = "https://api.core.ac.uk/v3/search/works?q=doi%3A%2210.1000%2Fa%281%29%22&limit=3";

    fn find_in(answer: &Value) -> (Recorded, Result<Finding, SourceError>) {
        let host = Recorded::new().json(ASKED, &answer.to_string());
        let found = find(&host, &work(WorkId::Doi("10.1000/a(1)".into())), &ctx());
        (host, found)
    }

    fn ctx() -> Context {
        Context { secrets: vec![KEY.into()], ..context_of(&source("core")) }
    }

    #[test]
    fn every_location_of_a_hit_is_proposed_with_the_facts_of_its_record() {
        let (_, found) = find_in(&json!({"totalHits": 1, "results": [{
            "doi": "10.1000/A(1)", "title": "Tides of <i>Io</i>", "yearPublished": 2011, "pubmedId": "77", "arxivId": null,
            "authors": [{"name": "Quist, Ada"}, {"name": null}],
            "downloadUrl": "https://core.example/download/5.pdf",
            "links": [
                {"type": "download", "url": "https://core.example/download/5.pdf"},
                {"type": "display", "url": "https://core.example/works/5"}],
            "sourceFulltextUrls": ["https://repo.example/5/full.pdf", "https://repo.example/handle/5",
                "http://arxiv.org/abs/2101.00001"]
        }]}));
        let found = found.expect("a finding");
        let urls: Vec<_> = found.candidates.iter().map(|c| c.url.as_str()).collect();
        assert_eq!(
            urls,
            [
                "https://core.example/download/5.pdf",
                "https://repo.example/5/full.pdf",
                "https://arxiv.org/pdf/2101.00001"
            ]
        );
        assert!(found.candidates.iter().all(|c| c.basis == Basis::Registry));
        assert_eq!(found.candidates[0].evidence, "results[0].downloadUrl");
        assert_eq!(found.candidates[0].landing_page.as_deref(), Some("https://core.example/works/5"));
        assert_eq!(found.facts.title.as_deref(), Some("Tides of Io"));
        assert_eq!(found.facts.authors, ["Quist"]);
        assert_eq!(found.facts.year, Some(2011));
        assert!(found.facts.ids.contains(&WorkId::Pmid("77".into())));
        assert_eq!(found.facts.landing_urls, ["https://repo.example/handle/5"]);
    }

    #[test]
    fn the_record_of_another_doi_is_left_out_and_one_that_states_none_gives_no_facts() {
        let (_, found) = find_in(&json!({"results": [
            {"doi": "10.1000/b", "downloadUrl": "https://core.example/other.pdf", "title": "Other"},
            {"doi": null, "identifiers": [{"type": "DOI", "identifier": "10.1000/c"}], "downloadUrl": "https://core.example/o2.pdf"},
            {"doi": null, "downloadUrl": "https://core.example/silent.pdf", "title": "Silent"}]}));
        let found = found.expect("a finding");
        assert_eq!(found.candidates.len(), 1);
        assert_eq!(found.candidates[0].url, "https://core.example/silent.pdf");
        assert_eq!(found.facts.title, None);
    }

    #[test]
    fn nothing_there_is_not_found() {
        assert_eq!(find_in(&json!({"totalHits": 0, "results": []})).1, Err(SourceError::NotFound));
        let other = json!({"results": [{"doi": "10.1000/b", "downloadUrl": "https://core.example/o.pdf"}]});
        assert_eq!(find_in(&other).1, Err(SourceError::NotFound));
    }

    #[test]
    fn odd_types_are_read_as_absent() {
        let (_, found) = find_in(&json!({"results": [{
            "doi": 7, "title": ["x"], "authors": "none", "yearPublished": {}, "identifiers": {"doi": "10.1000/a(1)"},
            "links": [null, 3, {"type": "download"}], "downloadUrl": {"x": 1},
            "sourceFulltextUrls": "https://repo.example/one.pdf"}]}));
        let found = found.expect("a finding");
        assert_eq!(found.candidates.len(), 1);
        assert_eq!(found.candidates[0].url, "https://repo.example/one.pdf");
    }

    #[test]
    fn an_answer_of_another_shape_is_a_bad_answer_and_a_refused_key_misconfigured() {
        assert!(matches!(find_in(&json!({"message": "x"})).1, Err(SourceError::BadAnswer(_))));
        let host = Recorded::new().status(ASKED, 401);
        let found = find(&host, &work(WorkId::Doi("10.1000/a(1)".into())), &ctx());
        assert!(matches!(found, Err(SourceError::Misconfigured(_))));
    }

    #[test]
    fn without_a_key_nothing_is_asked() {
        let host = Recorded::new();
        let found = find(&host, &work(WorkId::Doi("10.1000/a(1)".into())), &context_of(&source("core")));
        assert!(matches!(found, Err(SourceError::Misconfigured(text)) if text.contains(KEY)));
        assert!(host.urls().is_empty());
    }

    #[test]
    fn every_identifier_of_the_work_is_searched_for() {
        let work = Work::new(vec![WorkId::Arxiv("2101.00001".into()), WorkId::Pmid("77".into())]);
        assert_eq!(terms(&work), ["arxivId:\"2101.00001\"", "pubmedId:\"77\""]);
        assert!(terms(&Work::new(vec![WorkId::Pmcid("PMC1".into())])).is_empty());
    }

    #[test]
    fn several_works_are_asked_for_by_one_query_and_each_gets_its_own_results() {
        let mut ctx = context_of(&source("core"));
        ctx.secrets.push(KEY.into());
        let query = "doi:\"10.1000/a\" OR doi:\"10.1000/no\" OR arxivId:\"2101.00001\"";
        let url = url::with_query(
            "https://api.core.ac.uk/v3/search/works",
            &[("q", Some(query)), ("limit", Some("100"))],
        );
        let answer = json!({"totalHits": 2, "results": [
            {"arxivId": "2101.00001", "downloadUrl": "https://core.example/2.pdf"},
            {"doi": "10.1000/A", "title": "On Mars", "downloadUrl": "https://core.example/1.pdf"}]});
        let host = Recorded::new().json(&url, &answer.to_string());
        let ids = [
            WorkId::Doi("10.1000/a".into()),
            WorkId::Doi("10.1000/no".into()),
            WorkId::Arxiv("2101.00001".into()),
        ];
        let answers = find_many(&host, &questions(ids), &ctx.of_many());
        let first = |at: usize| answers[at].as_ref().unwrap().candidates[0].url.clone();
        assert_eq!(
            (first(0), first(2)),
            ("https://core.example/1.pdf".into(), "https://core.example/2.pdf".into())
        );
        assert_eq!(answers[1], Err(SourceError::NotFound));
    }
}
