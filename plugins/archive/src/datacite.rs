//! DataCite (<https://support.datacite.org/docs/api-get-doi>), which registers the DOIs of
//! repositories. It is a registry: its record of a work is a fact even without a file.

use tierfall_sdk::many::{Lookup, Records, find_many as ask_many};
use tierfall_sdk::{
    Basis, BatchContext, Candidate, Context, Facts, Finding, Host, IdKind, Lenient, Match, Question,
    RecordKind, SoughtTitles, Source, SourceError, Value, Version, Work, WorkId, get_json, ids, pages, url,
};

use crate::record::{self, About};
use crate::{files, wording};

pub fn source(name: &str) -> Source {
    Source::new(name, "DataCite, the registry of repositories", &[IdKind::Doi, IdKind::Title])
        .api("https://api.datacite.org")
        .batch(MOST)
}

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    if work.is_known_by_title() {
        return search(host, work, ctx);
    }
    let doi = work.doi().ok_or(SourceError::NotApplicable)?;
    let answer = get_json(host, &format!("{}/dois/{}", ctx.api_base()?, url::encode_path(doi)))?;
    let data = answer.at("data");
    if !data.at("attributes").is_object() {
        return Err(SourceError::BadAnswer("DataCite answered no attributes".into()));
    }
    found(data, work)
}

/// As many as a URL takes.
const MOST: u32 = 80;

/// The most titles of one query: what is like one of them is to leave room for what is like the others.
const MOST_TITLES: usize = 6;

/// By one query that names all of them.
pub fn find_many(
    host: &dyn Host,
    questions: &[Question],
    ctx: &BatchContext,
) -> Vec<Result<Finding, SourceError>> {
    let context = ctx.settings_only();
    let ask = |dois: &[&str]| {
        let each: Vec<_> = dois.iter().map(|doi| format!("\"{doi}\"")).collect();
        let query = format!("doi:({})", each.join(" OR "));
        let parameters = [("query", Some(query.as_str())), ("page[size]", Some("1000"))];
        let answer = get_json(host, &url::with_query(&format!("{}/dois", context.api_base()?), &parameters))?;
        Records::of(answer, "data", "meta.total")
    };
    let titles = SoughtTitles::of(questions);
    let by_title = Lookup {
        terms: &SoughtTitles::terms,
        most: MOST_TITLES,
        length: SoughtTitles::LENGTH,
        ask: &|titles| {
            let answer = ask_for_titles(host, &context, titles, SoughtTitles::RECORDS)?;
            Records::of(answer, "data", "meta.total")?.if_whole()
        },
        keys: &|data| titles.keys(data.items("attributes.titles").iter().filter_map(|t| t.text("title"))),
    };
    let by_doi = Lookup {
        terms: &|work| {
            work.doi().filter(|doi| !doi.contains(['"', '\\'])).map(str::to_owned).into_iter().collect()
        },
        most: MOST as usize,
        length: 3500,
        ask: &ask,
        keys: &|data| doi(data).and_then(|doi| ids::bare_doi(&doi)).into_iter().collect(),
    };
    ask_many(
        questions,
        &[by_title, by_doi],
        &|records, question| match records {
            records if question.work.is_known_by_title() => {
                Finding::of_title(records.iter().copied(), record_of)
            }
            [first, ..] => found(first, &question.work),
            [] => Err(SourceError::NotFound),
        },
        &|question| find(host, &question.work, &ctx.of(question)),
    )
}

fn doi(data: &Value) -> Option<String> {
    data.text("attributes.doi").or_else(|| data.text("id"))
}

fn found(data: &Value, work: &Work) -> Result<Finding, SourceError> {
    let record = data.at("attributes");
    let own: Vec<WorkId> = record::dois(doi(data));
    if record::about(work, &own) == About::AnotherWork {
        return Err(SourceError::NotFound);
    }
    let landing = record.text("url");
    let mut finding = Finding { facts: facts(record), ..Finding::none() };
    let mut add = |link: String, from: &str| {
        let candidate = Candidate::new(link, Basis::Registry, format!("attributes.{from}"))
            .version(version(record))
            .license(license(record))
            .landing_page(landing.clone());
        finding.add(candidate);
    };
    for link in record.texts("contentUrl").into_iter().filter(|link| !is_other_content(link)) {
        add(link, "contentUrl");
    }
    if let Some(link) = landing.clone() {
        match files::arxiv_pdf(&link) {
            Some(pdf) => add(pdf, "url"),
            None if files::is_pdf(url::path(&link)) => add(link, "url"),
            None => {}
        }
    }
    finding.or_not_found()
}

fn search(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let title = work.sought_title().ok_or(SourceError::NotApplicable)?;
    let answer = ask_for_titles(host, ctx, &[&title], "10")?;
    Finding::of_title(answer.items("data"), record_of)
}

/// Asks by one query for records with these words in their titles, in this order.
fn ask_for_titles(host: &dyn Host, ctx: &Context, titles: &[&str], most: &str) -> Result<Value, SourceError> {
    let each: Vec<_> = titles.iter().map(|title| format!("\"{title}\"")).collect();
    let query = format!("titles.title:({})", each.join(" OR "));
    let parameters = [("query", Some(query.as_str())), ("page[size]", Some(most))];
    get_json(host, &url::with_query(&format!("{}/dois", ctx.api_base()?), &parameters))
}

/// A record of a search, as one that may be the work.
fn record_of(data: &Value) -> Option<Match> {
    let record = data.at("attributes");
    let kind = record.text("types.resourceTypeGeneral").and_then(|kind| match kind.as_str() {
        "JournalArticle" | "DataPaper" => Some(RecordKind::Article),
        "ConferencePaper" | "ConferenceProceeding" => Some(RecordKind::ConferencePaper),
        "Preprint" => Some(RecordKind::Preprint),
        "BookChapter" => Some(RecordKind::Chapter),
        "Book" => Some(RecordKind::Book),
        "Dissertation" => Some(RecordKind::Thesis),
        "Report" => Some(RecordKind::Report),
        "Dataset" | "Software" | "Image" | "Sound" | "Audiovisual" | "Model" | "Collection" => {
            Some(RecordKind::Dataset)
        }
        "PeerReview" => Some(RecordKind::Review),
        "Journal" => Some(RecordKind::Container),
        _ => None,
    });
    Match::of(facts(record), kind)
}

/// Whether a URL's name says that it is data and no text.
fn is_other_content(link: &str) -> bool {
    const OTHER: &[&str] = &[
        "csv", "gz", "htm", "html", "jpg", "json", "mp4", "png", "tar", "tif", "tiff", "txt", "xlsx", "xml",
        "zip",
    ];
    let name = url::path(link).rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').is_some_and(|(_, ending)| OTHER.contains(&ending.to_ascii_lowercase().as_str()))
}

/// What is registered is that object itself, so only preprints are not the published version.
fn version(record: &Value) -> Version {
    let kinds = ["types.resourceTypeGeneral", "types.resourceType"];
    let is_preprint = kinds
        .iter()
        .filter_map(|path| record.text(path))
        .any(|kind| kind.to_ascii_lowercase().contains("preprint"));
    if is_preprint { Version::Submitted } else { Version::Published }
}

fn license(record: &Value) -> Option<String> {
    let fields = ["rightsIdentifier", "rightsUri", "rights"];
    record.items("rightsList").iter().find_map(|rights| fields.iter().find_map(|field| rights.text(field)))
}

fn facts(record: &Value) -> Facts {
    let mut facts = Facts::none();
    let titles = record.items("titles");
    // Those with a type are subtitles, translations and alternatives.
    let main = titles.iter().find(|title| title.text("titleType").is_none()).or(titles.first());
    facts.title = main.and_then(|title| wording::title(&title.text("title")?));
    facts.authors = record
        .items("creators")
        .iter()
        .filter_map(|creator| {
            let name = creator.text("name");
            creator.text("familyName").or_else(|| match creator.text("nameType").as_deref() {
                Some("Organizational") => name,
                _ => wording::author(&name?),
            })
        })
        .collect();
    facts.year = record.text("publicationYear").and_then(|year| wording::year(&year));
    let range = record.text("container.firstPage").zip(record.text("container.lastPage"));
    facts.pages = range
        .and_then(|(first, last)| pages::span(&first, &last))
        .or_else(|| record.texts("sizes").iter().find_map(|size| page_count(size)));
    facts.add_id(record.text("doi").and_then(|doi| WorkId::read_doi(&doi)));
    for id in record.items("identifiers").iter().chain(record.items("alternateIdentifiers")) {
        let kind = id.text("identifierType").or_else(|| id.text("alternateIdentifierType"));
        let value = id.text("identifier").or_else(|| id.text("alternateIdentifier"));
        facts.add_id(read_id(kind, value));
    }
    for related in record.items("relatedIdentifiers") {
        if related.text("relationType").as_deref() == Some("IsIdenticalTo") {
            facts.add_id(read_id(related.text("relatedIdentifierType"), related.text("relatedIdentifier")));
        }
    }
    facts.add_landing_url(record.text("url"));
    facts
}

fn read_id(kind: Option<String>, value: Option<String>) -> Option<WorkId> {
    let value = value?;
    match kind?.to_ascii_lowercase().as_str() {
        "arxiv" => WorkId::read_arxiv(&value),
        "pmid" => WorkId::read_pmid(&value),
        "pmcid" => WorkId::read_pmcid(&value),
        _ => None,
    }
}

/// `12 pages`, `12 p.`; other sizes are bytes and minutes.
fn page_count(size: &str) -> Option<u32> {
    let digits = size.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = size.split_at(digits);
    let unit = unit.trim().trim_end_matches('.').to_lowercase();
    let counts = matches!(unit.as_str(), "p" | "pp" | "page" | "pages" | "seiten");
    number.parse().ok().filter(|pages| counts && *pages > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::serde_json::json;
    use tierfall_sdk::testing::{Recorded, context_of, questions, titles, work};

    const AT: &str = "https://api.datacite.org/dois/10.5072/x%281%29";

    fn find_in(answer: &Value) -> Result<Finding, SourceError> {
        let host = Recorded::new().json(AT, &answer.to_string());
        find(&host, &work(WorkId::Doi("10.5072/x(1)".into())), &context_of(&source("datacite")))
    }

    fn record() -> Value {
        json!({
            "doi": "10.5072/X(1)", "url": "https://repo.example/item/1", "publicationYear": 2017, "publisher": {"name": "R"},
            "titles": [{"title": "Sous-titre", "titleType": "TranslatedTitle"}, {"title": "Salt <b>marsh</b>"}],
            "creators": [{"name": "Berg, Ole", "familyName": "Berg"}, {"name": "Ito, Mei"},
                {"name": "Survey, Geological", "nameType": "Organizational"}, {"name": null}],
            "contentUrl": ["https://repo.example/item/1/content", "https://repo.example/item/1/data.ZIP"],
            "rightsList": [{}, {"rights": "Attribution", "rightsUri": "https://licence.example/by", "rightsIdentifier": "cc-by-4.0"}],
            "types": {"resourceTypeGeneral": "Text", "resourceType": "Preprint"}, "sizes": ["1.2 MB", "12 pages"],
            "identifiers": [{"identifierType": "PMID", "identifier": "77"}, {"identifierType": "URL", "identifier": "x"}],
            "relatedIdentifiers": [
                {"relationType": "IsIdenticalTo", "relatedIdentifierType": "arXiv", "relatedIdentifier": "arXiv:1701.00001"},
                {"relationType": "IsCitedBy", "relatedIdentifierType": "PMID", "relatedIdentifier": "78"}]
        })
    }

    #[test]
    fn content_urls_are_candidates_and_the_record_gives_facts() {
        let found =
            find_in(&json!({"data": {"id": "10.5072/x(1)", "attributes": record()}})).expect("a finding");
        let [one] = found.candidates.as_slice() else { panic!("{found:?}") };
        assert_eq!(one.url, "https://repo.example/item/1/content");
        assert_eq!((one.version, one.basis), (Version::Submitted, Basis::Registry));
        assert_eq!(one.license.as_deref(), Some("cc-by-4.0"));
        assert_eq!(one.landing_page.as_deref(), Some("https://repo.example/item/1"));
        let facts = found.facts;
        assert_eq!(facts.title.as_deref(), Some("Salt marsh"));
        assert_eq!(facts.authors, ["Berg", "Ito", "Survey, Geological"]);
        assert_eq!((facts.year, facts.pages), (Some(2017), Some(12)));
        assert_eq!(
            facts.ids,
            [
                WorkId::Doi("10.5072/x(1)".into()),
                WorkId::Pmid("77".into()),
                WorkId::Arxiv("1701.00001".into())
            ]
        );
        assert_eq!(facts.landing_urls, ["https://repo.example/item/1"]);
    }

    #[test]
    fn titles_are_searched_for_as_phrases_of_one_query_and_each_gets_the_records_that_are_like_it() {
        let search = |query: &str, most: &str| {
            let parameters = [("query", Some(query)), ("page[size]", Some(most))];
            url::with_query("https://api.datacite.org/dois", &parameters)
        };
        let record = |doi: &str, titles: &[&str]| {
            let titles: Vec<_> = titles.iter().map(|title| json!({ "title": title })).collect();
            json!({"id": doi, "attributes": {"doi": doi, "titles": titles, "publicationYear": 2017}})
        };
        let asked = titles(&["Salt marshes of the Wadden Sea", "The drift of (lighthouses) AND fog"]);
        let (salt, drift) = ("\"salt marshes of the wadden sea\"", "\"the drift of lighthouses and fog\"");
        let records = [
            record("10.5072/s", &["Salt marshes of the Wadden Sea: data"]),
            record("10.5072/d", &["Leuchttürme", "The drift of lighthouses and fog"]),
        ];
        let both = search(&format!("titles.title:({salt} OR {drift})"), "50");
        let ctx = context_of(&source("datacite"));
        let found = |host: &Recorded| {
            let answers = find_many(host, &asked, &ctx.of_many());
            let id =
                |answer: Result<Finding, SourceError>| answer.map(|found| found.matches[0].ids[0].clone());
            answers.into_iter().map(id).collect::<Vec<_>>()
        };
        let host = Recorded::new().json(&both, &json!({"data": records, "meta": {"total": 2}}).to_string());
        let doi = |doi: &str| WorkId::Doi(doi.into());
        assert_eq!(found(&host), [Ok(doi("10.5072/s")), Ok(doi("10.5072/d"))]);

        let cut = json!({"data": records, "meta": {"total": 300}}).to_string();
        let one = |salt: &str, most: &str| search(&format!("titles.title:({salt})"), most);
        let host = Recorded::new()
            .json(&both, &cut)
            .json(&one(salt, "50"), &json!({"data": [], "meta": {"total": 0}}).to_string())
            .json(&one(drift, "50"), &cut)
            .json(&one(drift, "10"), &json!({"data": [records[1]], "meta": {"total": 300}}).to_string());
        assert_eq!(found(&host), [Err(SourceError::NotFound), Ok(doi("10.5072/d"))]);
    }

    #[test]
    fn without_a_file_the_facts_are_the_answer() {
        for content in [Value::Null, json!([]), json!({}), json!("")] {
            let mut record = record();
            record["contentUrl"] = content;
            let found = find_in(&json!({"data": {"attributes": record}})).expect("facts");
            assert!(found.candidates.is_empty());
            assert_eq!(found.facts.year, Some(2017));
        }
    }

    #[test]
    fn a_content_url_may_be_one_text_and_the_landing_url_a_file() {
        let mut record = record();
        record["contentUrl"] = json!("https://repo.example/item/1/content");
        record["url"] = json!("https://repo.example/item/1/Paper.PDF");
        let found = find_in(&json!({"data": {"attributes": record}})).expect("a finding");
        let evidence: Vec<_> = found.candidates.iter().map(|c| c.evidence.as_str()).collect();
        assert_eq!(evidence, ["attributes.contentUrl", "attributes.url"]);
    }

    #[test]
    fn an_unknown_doi_and_the_record_of_another_are_not_found() {
        let ctx = context_of(&source("datacite"));
        let host = Recorded::new().answer(AT, 404, "application/json", r#"{"errors": [{"status": "404"}]}"#);
        assert_eq!(find(&host, &work(WorkId::Doi("10.5072/x(1)".into())), &ctx), Err(SourceError::NotFound));
        let mut other = record();
        other["doi"] = json!("10.5072/y");
        assert_eq!(find_in(&json!({"data": {"attributes": other}})), Err(SourceError::NotFound));
    }

    #[test]
    fn odd_types_are_read_as_absent_and_another_shape_is_a_bad_answer() {
        let odd = json!({"doi": "10.5072/x(1)", "titles": "x", "creators": {"name": 3}, "publicationYear": "s.a.", "url": {},
            "contentUrl": [null, 4, "ftp://repo.example/x"], "rightsList": null, "types": [], "sizes": [3]});
        let found = find_in(&json!({"data": {"attributes": odd}})).expect("the DOI itself");
        assert!(found.candidates.is_empty());
        assert_eq!((found.facts.title, found.facts.year), (None, None));
        for answer in [json!({"data": null}), json!([]), json!({"data": {"attributes": "x"}})] {
            assert!(matches!(find_in(&answer), Err(SourceError::BadAnswer(_))), "{answer}");
        }
    }

    #[test]
    fn several_works_are_asked_for_by_one_query_and_each_gets_its_own_record() {
        let query = "doi:(\"10.1000/no\" OR \"10.1000/a\")";
        let url = url::with_query(
            "https://api.datacite.org/dois",
            &[("query", Some(query)), ("page[size]", Some("1000"))],
        );
        let answer = json!({"meta": {"total": 1}, "data": [{"id": "10.1000/a", "attributes": {
            "doi": "10.1000/a", "titles": [{"title": "On Mars"}], "contentUrl": "https://r.example/1.pdf"}}]});
        let host = Recorded::new().json(&url, &answer.to_string());
        let asked = questions(["10.1000/no", "10.1000/a"].map(|doi| WorkId::Doi(doi.into())));
        let answers = find_many(&host, &asked, &context_of(&source("datacite")).of_many());
        assert_eq!(answers[0], Err(SourceError::NotFound));
        assert_eq!(answers[1].as_ref().unwrap().candidates[0].url, "https://r.example/1.pdf");
        let cut = json!({"meta": {"total": 2}, "data": []}).to_string();
        let missing = "https://api.datacite.org/dois/10.1000";
        let one = |doi: &str| {
            let query = format!("doi:(\"{doi}\")");
            url::with_query(
                "https://api.datacite.org/dois",
                &[("query", Some(query.as_str())), ("page[size]", Some("1000"))],
            )
        };
        let none = json!({"meta": {"total": 0}, "data": []}).to_string();
        let host =
            Recorded::new().json(&url, &cut).json(&one("10.1000/no"), &none).json(&one("10.1000/a"), &none);
        let answers = find_many(&host, &asked, &context_of(&source("datacite")).of_many());
        assert!(answers.iter().all(|answer| *answer == Err(SourceError::NotFound)));
        assert!(
            !host.urls().iter().any(|url| url.starts_with(missing)),
            "each is asked for in a list of its own"
        );
    }
}
