//! OpenAIRE: the Graph API (<https://graph.openaire.eu/docs/apis/graph-api/>), and the search API
//! before it (<https://graph.openaire.eu/docs/apis/search-api/>), which nests the same facts deeper.

use tierfall_sdk::many::{Lookup, Records, find_many as ask_many};
use tierfall_sdk::{
    Basis, BatchContext, Candidate, Context, Facts, Finding, Host, IdKind, Lenient, Question, Setting,
    Source, SourceError, Value, Version, Work, WorkId, get_json, setting_host, url,
};

use crate::record::{self, About};
use crate::{files, wording};

pub fn source(name: &str) -> Source {
    let ids = [IdKind::Doi, IdKind::Pmid, IdKind::Pmcid, IdKind::Arxiv];
    Source::new(name, "OpenAIRE, the graph of European research", &ids)
        .api("https://api.openaire.eu")
        .setting(Setting::new("token", "a token: without one it answers 60 questions an hour").secret(
            setting_host("api_base"),
            "authorization",
            "Bearer ",
        ))
        .batch(MOST)
}

/// As many as a URL takes.
const MOST: u32 = 50;
/// The most products of one answer.
const PAGE: &str = "100";

/// By one request that names all of them: a filter that is given several times takes any of its values.
pub fn find_many(
    host: &dyn Host,
    questions: &[Question],
    ctx: &BatchContext,
) -> Vec<Result<Finding, SourceError>> {
    let context = ctx.settings_only();
    let lookup = Lookup {
        terms: &|work| pid(work).map(str::to_owned).into_iter().collect(),
        most: MOST as usize,
        length: 3000,
        ask: &|pids| {
            let mut pairs: Vec<_> = pids.iter().map(|pid| ("pid", Some(*pid))).collect();
            pairs.push(("pageSize", Some(PAGE)));
            let answer = get_json(host, &url::with_query(&products(&context)?, &pairs))?;
            Records::of(answer, "results", "header.numFound")
        },
        keys: &|result| {
            let works = graph_product(result).pids.into_iter().map(|id| Work::new(vec![id]));
            works.filter_map(|work| pid(&work).map(str::to_owned)).collect()
        },
    };
    ask_many(
        questions,
        &[lookup],
        &|records, question| {
            let results: Vec<_> = records.iter().map(|result| graph_product(result)).collect();
            found(&results, &question.work)
        },
        &|question| find(host, &question.work, &ctx.of(question)),
    )
}

/// The identifier that a work is asked for by.
fn pid(work: &Work) -> Option<&str> {
    work.doi().or_else(|| work.pmid()).or_else(|| work.pmcid()).or_else(|| work.arxiv())
}

fn products(ctx: &Context) -> Result<String, SourceError> {
    Ok(format!("{}/graph/v1/researchProducts", ctx.api_base()?))
}

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let pid = pid(work).ok_or(SourceError::NotApplicable)?;
    let base = ctx.api_base()?;
    let products = url::with_query(&products(ctx)?, &[("pid", Some(pid))]);
    let results = get_json(host, &products).and_then(|answer| results(&answer));
    let results = match (results, work.doi()) {
        // A mirror or a test server may have only the older API.
        (Err(SourceError::NotFound | SourceError::BadAnswer(_)), Some(doi)) => {
            let pairs = [("doi", Some(doi)), ("format", Some("json"))];
            let answer = get_json(host, &url::with_query(&format!("{base}/search/publications"), &pairs))?;
            self::results(&answer)?
        }
        (results, _) => results?,
    };
    found(&results, work)
}

fn found(results: &[Product], work: &Work) -> Result<Finding, SourceError> {
    let mut finding = Finding::none();
    for (at, result) in results.iter().enumerate() {
        let about = record::about(work, &result.pids);
        if about == About::AnotherWork {
            continue;
        }
        if about == About::ThisWork {
            finding.facts.absorb(result.facts.clone());
        }
        for instance in result.instances.iter().filter(|instance| instance.open) {
            add_urls(&mut finding, instance, at);
        }
    }
    finding.or_not_found()
}

/// One publication, as both APIs describe it.
struct Product {
    pids: Vec<WorkId>,
    facts: Facts,
    instances: Vec<Instance>,
}

/// One copy of it in one place.
struct Instance {
    urls: Vec<String>,
    license: Option<String>,
    version: Version,
    open: bool,
}

/// Reads an answer in either form.
fn results(answer: &Value) -> Result<Vec<Product>, SourceError> {
    if answer.at("results").is_array() {
        return Ok(answer.items("results").iter().map(graph_product).collect());
    }
    if answer.at("response").is_object() {
        let results = answer.items("response.results.result").iter();
        return Ok(results.map(|r| search_product(r.at("metadata.oaf:entity.oaf:result"))).collect());
    }
    Err(SourceError::BadAnswer("OpenAIRE answered no list of results".into()))
}

fn graph_product(result: &Value) -> Product {
    let instances = first_array(result, &["instances", "instance"]);
    let mut pids = graph_pids(result);
    for instance in instances {
        pids.extend(graph_pids(instance));
        for other in instance.items("alternateIdentifiers") {
            pids.extend(read_pid(other.text("scheme"), other.text("value")));
        }
    }
    let mut facts = Facts::none();
    facts.title =
        result.text("mainTitle").or_else(|| result.text("maintitle")).and_then(|t| wording::title(&t));
    facts.authors = first_array(result, &["authors", "author"])
        .iter()
        .filter_map(|a| {
            let full = a.text("fullName").or_else(|| a.text("fullname"));
            a.text("surname").or_else(|| wording::author(&full?))
        })
        .collect();
    facts.year = result
        .text("publicationDate")
        .or_else(|| result.text("publicationdate"))
        .and_then(|date| wording::year(&date));
    let span = result.text("container.sp").zip(result.text("container.ep"));
    facts.pages = span.and_then(|(first, last)| tierfall_sdk::pages::span(&first, &last));
    let instances = instances.iter().map(|instance| Instance {
        urls: [instance.texts("urls"), instance.texts("url")].concat(),
        license: instance.text("license"),
        version: version(instance.text("type")),
        open: is_open(
            instance
                .text("accessRight.label")
                .or_else(|| instance.text("accessright.label"))
                .or_else(|| instance.text("accessRight")),
        ),
    });
    Product { pids, facts, instances: instances.collect() }
}

fn graph_pids(value: &Value) -> Vec<WorkId> {
    first_array(value, &["pids", "pid"])
        .iter()
        .filter_map(|pid| {
            let scheme = pid.text("scheme").or_else(|| pid.text("id.scheme"));
            read_pid(scheme, pid.text("value").or_else(|| pid.text("id.value")))
        })
        .collect()
}

fn search_product(result: &Value) -> Product {
    let mut pids = Vec::new();
    for pid in result.items("pid").iter().chain(result.items("alternateidentifier")) {
        pids.extend(read_pid(pid.text("@classid"), text(pid)));
    }
    let mut facts = Facts::none();
    let titles = result.items("title");
    let main = titles.iter().find(|t| t.text("@classid").as_deref() == Some("main title")).or(titles.first());
    facts.title = main.and_then(|title| wording::title(&text(title)?));
    facts.authors = result
        .items("creator")
        .iter()
        .filter_map(|c| c.text("@surname").or_else(|| wording::author(&text(c)?)))
        .collect();
    facts.year = text(result.at("dateofacceptance")).and_then(|date| wording::year(&date));
    let instances = result.items("children.instance").iter().map(|instance| Instance {
        urls: instance.items("webresource").iter().filter_map(|web| text(web.at("url"))).collect(),
        license: text(instance.at("license")),
        version: version(instance.text("instancetype.@classname")),
        open: is_open(
            instance.text("accessright.@classname").or_else(|| instance.text("accessright.@classid")),
        ),
    });
    Product { pids, facts, instances: instances.collect() }
}

/// Text of the search API: XML made JSON, so `{"$": "text"}` or the text itself.
fn text(value: &Value) -> Option<String> {
    value.text("$").or_else(|| value.text(""))
}

/// The items under the first of these names that is there: both APIs changed them once.
fn first_array<'a>(value: &'a Value, names: &[&str]) -> &'a [Value] {
    names.iter().map(|name| value.items(name)).find(|items| !items.is_empty()).unwrap_or_default()
}

fn read_pid(scheme: Option<String>, value: Option<String>) -> Option<WorkId> {
    let value = value?;
    match scheme?.to_ascii_lowercase().as_str() {
        "doi" => WorkId::read_doi(&value),
        "pmid" => WorkId::read_pmid(&value),
        "pmc" | "pmcid" => WorkId::read_pmcid(&value),
        "arxiv" => WorkId::read_arxiv(&value),
        _ => None,
    }
}

fn version(kind: Option<String>) -> Version {
    match kind.unwrap_or_default().to_ascii_lowercase() {
        kind if kind.contains("preprint") => Version::Submitted,
        _ => Version::Unknown,
    }
}

/// Unless it says otherwise, a copy may be open.
fn is_open(access: Option<String>) -> bool {
    let access = access.unwrap_or_default().to_ascii_lowercase();
    !["closed", "restricted", "embargo"].iter().any(|word| access.contains(word))
}

/// Its URLs are of files or of pages, and it does not say of which.
fn add_urls(finding: &mut Finding, instance: &Instance, at: usize) {
    let is_page = |link: &&String| !files::looks_like_file(link) && files::arxiv_pdf(link).is_none();
    let page = instance.urls.iter().find(is_page).cloned();
    for link in &instance.urls {
        // The resolver leads to the page that is known already.
        if url::host(link).is_some_and(|host| host.ends_with("doi.org")) {
            continue;
        }
        if is_page(&link) {
            finding.facts.add_landing_url(Some(link.as_str()));
            continue;
        }
        let link = files::arxiv_pdf(link).unwrap_or_else(|| link.clone());
        let candidate = Candidate::new(link, Basis::Registry, format!("results[{at}].instances.urls"))
            .version(instance.version)
            .license(instance.license.clone())
            .landing_page(page.clone());
        finding.add(candidate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::serde_json::json;
    use tierfall_sdk::testing::{Recorded, context_of, questions, work};

    const GRAPH: &str = "https://api.openaire.eu/graph/v1/researchProducts?pid=10.1000%2Fa";
    const SEARCH: &str = "https://api.openaire.eu/search/publications?doi=10.1000%2Fa&format=json";

    fn ask(host: &Recorded) -> Result<Finding, SourceError> {
        find(host, &work(WorkId::Doi("10.1000/a".into())), &context_of(&source("openaire")))
    }

    fn product(doi: &str) -> Value {
        json!({
            "id": "doi_dedup___::1", "type": "publication", "mainTitle": "Kelp", "publicationDate": "2015-07-01",
            "authors": [{"fullName": "Eva Brandt", "surname": "Brandt"}, {"fullName": "Vu, Lan", "surname": null}],
            "pids": [{"scheme": "doi", "value": doi}], "container": {"sp": "31", "ep": "44"},
            "bestAccessRight": {"label": "OPEN"},
            "instances": [
                {"pids": [{"scheme": "doi", "value": doi}], "accessRight": {"label": "CLOSED"}, "type": "Article",
                    "urls": ["https://publisher.example/a/pdf/1"]},
                {"license": "CC BY", "accessRight": {"label": "OPEN"}, "type": "Preprint",
                    "urls": ["https://doi.org/10.1000/a", "https://repo.example/handle/1", "https://repo.example/1/kelp.pdf"]},
                {"accessRight": null, "type": "Article", "urls": ["http://arxiv.org/abs/1507.00001"]}]
        })
    }

    #[test]
    fn files_of_open_copies_are_candidates_and_their_pages_landing_pages() {
        let host = Recorded::new()
            .json(GRAPH, &json!({"header": {"numFound": 1}, "results": [product("10.1000/A")]}).to_string());
        let found = ask(&host).expect("a finding");
        let urls: Vec<_> = found.candidates.iter().map(|c| c.url.as_str()).collect();
        assert_eq!(urls, ["https://repo.example/1/kelp.pdf", "https://arxiv.org/pdf/1507.00001"]);
        assert_eq!(found.candidates[0].version, Version::Submitted);
        assert_eq!(found.candidates[0].license.as_deref(), Some("CC BY"));
        assert_eq!(found.facts.landing_urls, ["https://repo.example/handle/1"]);
        assert_eq!(found.facts.title.as_deref(), Some("Kelp"));
        assert_eq!(found.facts.authors, ["Brandt", "Vu"]);
        assert_eq!((found.facts.year, found.facts.pages), (Some(2015), Some(14)));
    }

    #[test]
    fn the_older_api_is_asked_where_the_newer_is_not_there() {
        let answer = json!({"response": {"header": {"total": {"$": 1}}, "results": {"result": [{"metadata": {"oaf:entity": {"oaf:result": {
            "title": [{"@classid": "alternative title", "$": "Tang"}, {"@classid": "main title", "$": "Kelp"}],
            "pid": {"@classid": "doi", "$": "10.1000/A"}, "dateofacceptance": {"$": "2015-07-01"},
            "creator": [{"@rank": "1", "@surname": "Brandt", "$": "Brandt, Eva"}, {"$": "Vu, Lan"}],
            "children": {"instance": [
                {"accessright": {"@classid": "OPEN"}, "license": {"$": "CC BY"}, "webresource": {"url": {"$": "https://repo.example/1/kelp.pdf"}}},
                {"accessright": {"@classid": "EMBARGO"}, "webresource": [{"url": {"$": "https://repo.example/2/kelp.pdf"}}]},
                {"webresource": [{"url": "https://repo.example/3/kelp.pdf"}, {"url": null}]}]}
        }}}}]}}});
        let host = Recorded::new().status(GRAPH, 404).json(SEARCH, &answer.to_string());
        let found = ask(&host).expect("a finding");
        let urls: Vec<_> = found.candidates.iter().map(|c| c.url.as_str()).collect();
        assert_eq!(urls, ["https://repo.example/1/kelp.pdf", "https://repo.example/3/kelp.pdf"]);
        assert_eq!(found.candidates[0].license.as_deref(), Some("CC BY"));
        assert_eq!(found.facts.title.as_deref(), Some("Kelp"));
        assert_eq!(found.facts.authors, ["Brandt", "Vu"]);
        assert_eq!(found.facts.year, Some(2015));
    }

    #[test]
    fn another_work_nothing_and_odd_types_are_not_found() {
        for answer in [
            json!({"header": {"numFound": 0}, "results": []}),
            json!({"response": {"header": {"total": {"$": 0}}, "results": null}}),
            json!({"results": [product("10.1000/b")]}),
            json!({"results": [null, 3, {"pids": "x", "instances": [{"urls": {"a": 1}, "accessRight": 4}, null]}]}),
        ] {
            let host = Recorded::new().json(GRAPH, &answer.to_string());
            assert_eq!(ask(&host), Err(SourceError::NotFound), "{answer}");
            assert_eq!(host.urls().len(), 1, "an answer in either form is an answer");
        }
    }

    #[test]
    fn several_works_are_asked_for_by_one_filter_given_several_times() {
        let at = format!("{GRAPH}&pid=10.1000%2Fb&pid=77&pageSize=100");
        let mut of_b = product("10.1000/B");
        of_b["instances"] = json!([{"urls": ["https://repo.example/2/b.pdf"]}]);
        let answer = json!({"header": {"numFound": 2}, "results": [of_b, product("10.1000/a")]});
        let host = Recorded::new().json(&at, &answer.to_string());
        let ids =
            [WorkId::Doi("10.1000/a".into()), WorkId::Doi("10.1000/b".into()), WorkId::Pmid("77".into())];
        let answers = find_many(&host, &questions(ids), &context_of(&source("openaire")).of_many());
        let first = |at: usize| answers[at].as_ref().map(|found| found.candidates[0].url.as_str());
        assert_eq!(first(0), Ok("https://repo.example/1/kelp.pdf"));
        assert_eq!(first(1), Ok("https://repo.example/2/b.pdf"));
        assert_eq!(answers[2], Err(SourceError::NotFound));
        assert_eq!(host.urls().len(), 1);
    }

    #[test]
    fn where_only_the_older_api_is_there_each_work_is_asked_for_alone() {
        let none = json!({"response": {"header": {"total": {"$": 0}}, "results": null}}).to_string();
        let at = |doi: &str| format!("https://api.openaire.eu/search/publications?doi={doi}&format=json");
        let host = Recorded::new()
            .status(&format!("{GRAPH}&pid=10.1000%2Fb&pageSize=100"), 404)
            .status(GRAPH, 404)
            .status(&GRAPH.replace("%2Fa", "%2Fb"), 404)
            .json(&at("10.1000%2Fa"), &none)
            .json(&at("10.1000%2Fb"), &none);
        let asked = questions(["10.1000/a", "10.1000/b"].map(|doi| WorkId::Doi(doi.into())));
        let answers = find_many(&host, &asked, &context_of(&source("openaire")).of_many());
        assert_eq!(answers, [Err(SourceError::NotFound), Err(SourceError::NotFound)]);
        assert_eq!(host.urls().iter().filter(|url| url.contains("/search/")).count(), 2);
    }

    #[test]
    fn errors_say_what_they_are() {
        assert_eq!(ask(&Recorded::new().status(GRAPH, 429)), Err(SourceError::Unavailable(None)));
        let host = Recorded::new().html(GRAPH, "<html>").json(SEARCH, r#"{"message": "x"}"#);
        assert!(matches!(ask(&host), Err(SourceError::BadAnswer(_))));
        let host = Recorded::new().status(GRAPH, 404).status(SEARCH, 404);
        assert_eq!(ask(&host), Err(SourceError::NotFound));
    }

    #[test]
    fn works_without_a_doi_are_asked_by_what_they_have() {
        let at = "https://api.openaire.eu/graph/v1/researchProducts?pid=77";
        let host = Recorded::new().json(at, r#"{"results": []}"#);
        let found = find(&host, &work(WorkId::Pmid("77".into())), &context_of(&source("openaire")));
        assert_eq!(found, Err(SourceError::NotFound));
    }
}
