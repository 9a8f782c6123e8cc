//! HAL (<https://api.archives-ouvertes.fr/docs/search>), the open archive of French research.

use tierfall_sdk::many::{Lookup, Records, find_many as ask_many};
use tierfall_sdk::{
    Basis, BatchContext, Candidate, Context, Facts, Finding, Host, IdKind, Lenient, Question, Source,
    SourceError, Value, Version, Work, WorkId, get_json, ids, pages, url,
};

use crate::record::{self, About};
use crate::{files, wording};

/// The fields that are read below.
const FIELDS: &str = "fileMain_s,files_s,label_s,uri_s,halId_s,doiId_s,arxivId_s,pubmedId_s,pubmedcentralId_s,title_s,\
    authLastName_s,authFullName_s,producedDateY_i,page_s,licence_s,docType_s,linkExtUrl_s,linkExtId_s,openAccess_bool";

pub fn source(name: &str) -> Source {
    let ids = [IdKind::Doi, IdKind::Arxiv, IdKind::Pmid, IdKind::Pmcid];
    Source::new(name, "HAL, the open archive of French research", &ids)
        .api("https://api.archives-ouvertes.fr")
        .batch(MOST)
}

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let terms = terms(work);
    if terms.is_empty() {
        return Err(SourceError::NotApplicable);
    }
    let terms: Vec<_> = terms.iter().map(String::as_str).collect();
    let answer = search(host, ctx, &terms, None)?;
    found(answer.items("response.docs"), work)
}

/// As many as one URL takes, with two terms for a DOI: of forty the last few needed a request of their own.
const MOST: u32 = 35;

/// By one query that names all of them.
pub fn find_many(
    host: &dyn Host,
    questions: &[Question],
    ctx: &BatchContext,
) -> Vec<Result<Finding, SourceError>> {
    let context = ctx.settings_only();
    let lookup = Lookup {
        terms: &terms,
        most: 4 * MOST as usize,
        length: 3000,
        ask: &|terms| {
            let answer = search(host, &context, terms, Some("1000"))?;
            Records::of(answer, "response.docs", "response.numFound")
        },
        keys: &|doc| stated(doc).into_iter().flat_map(|id| self::terms(&Work::new(vec![id]))).collect(),
    };
    ask_many(
        questions,
        &[lookup],
        &|records, question| found(records.iter().copied(), &question.work),
        &|question| find(host, &question.work, &ctx.of(question)),
    )
}

fn search(host: &dyn Host, ctx: &Context, terms: &[&str], rows: Option<&str>) -> Result<Value, SourceError> {
    let query = terms.join(" OR ");
    let search = format!("{}/search/", ctx.api_base()?);
    let pairs = [("q", Some(query.as_str())), ("fl", Some(FIELDS)), ("wt", Some("json")), ("rows", rows)];
    let answer = get_json(host, &url::with_query(&search, &pairs))?;
    // Solr reports errors in a body of its own, with status 200 too.
    if !answer.at("response.docs").is_array() {
        let said = answer.text("error.msg").or_else(|| answer.text("error")).unwrap_or_default();
        return Err(SourceError::BadAnswer(format!("HAL answered no list of documents: {said}")));
    }
    Ok(answer)
}

fn found<'a>(docs: impl IntoIterator<Item = &'a Value>, work: &Work) -> Result<Finding, SourceError> {
    let mut finding = Finding::none();
    for (at, doc) in docs.into_iter().enumerate() {
        let about = record::about(work, &stated(doc));
        if about == About::AnotherWork {
            continue;
        }
        if about == About::ThisWork {
            finding.facts.absorb(facts(doc));
        }
        add_files(&mut finding, doc, at);
    }
    finding.or_not_found()
}

/// Terms for each of the work's identifiers: a deposit often has only one of them.
/// `_s` fields hold DOIs as they were typed, `_id` fields without case.
fn terms(work: &Work) -> Vec<String> {
    let term = |field: &str, id: &str| format!("{field}:\"{}\"", id.replace(['"', '\\'], ""));
    let mut terms = Vec::new();
    if let Some(doi) = work.doi() {
        terms.push(term("doiId_s", doi));
        terms.push(term("doiId_id", doi));
    }
    if let Some(id) = work.arxiv() {
        terms.push(term("arxivId_s", ids::without_version(id, "v")));
    }
    if let Some(pmid) = work.pmid() {
        terms.push(term("pubmedId_s", pmid));
    }
    if let Some(pmcid) = work.pmcid() {
        terms.push(term("pubmedcentralId_s", pmcid));
    }
    terms
}

fn stated(doc: &Value) -> Vec<WorkId> {
    let mut ids = record::dois(doc.texts("doiId_s"));
    ids.extend(doc.texts("arxivId_s").iter().filter_map(|id| WorkId::read_arxiv(id)));
    ids.extend(doc.texts("pubmedId_s").iter().filter_map(|id| WorkId::read_pmid(id)));
    ids.extend(doc.texts("pubmedcentralId_s").iter().filter_map(|id| WorkId::read_pmcid(id)));
    ids
}

/// The main file, the other files, and the open copy elsewhere that HAL knows of.
fn add_files(finding: &mut Finding, doc: &Value, at: usize) {
    let landing = doc.text("uri_s");
    let version = version(doc);
    let mut add = |link: String, from: &str, version| {
        let candidate = Candidate::new(link, Basis::Registry, format!("docs[{at}].{from}"))
            .version(version)
            .license(doc.texts("licence_s").into_iter().next())
            .landing_page(landing.clone());
        finding.add(candidate);
    };
    // The main file is HAL's own choice, whatever its name.
    for link in doc.texts("fileMain_s") {
        add(link, "fileMain_s", version);
    }
    let named = doc.texts("files_s").into_iter().map(|link| {
        let name = url::path(&link).rsplit('/').next().map(url::decode).unwrap_or_default();
        (name, link)
    });
    for link in files::of_the_work(named) {
        add(link, "files_s", version);
    }
    // ISTEX is for subscribers.
    if doc.text("linkExtId_s").is_none_or(|id| !id.eq_ignore_ascii_case("istex")) {
        for link in doc.texts("linkExtUrl_s") {
            match files::arxiv_pdf(&link) {
                Some(pdf) => add(pdf, "linkExtUrl_s", Version::Unknown),
                None if files::looks_like_file(&link) => add(link, "linkExtUrl_s", Version::Unknown),
                None => {}
            }
        }
    }
}

/// HAL does not say which version an article's file is; of other types there is but one.
fn version(doc: &Value) -> Version {
    match doc.text("docType_s").as_deref() {
        Some("UNDEFINED" | "PREPRINT") => Version::Submitted,
        Some("THESE" | "HDR" | "MEM" | "REPORT" | "LECTURE") => Version::Published,
        _ => Version::Unknown,
    }
}

fn facts(doc: &Value) -> Facts {
    let mut facts = Facts::none();
    facts.title = doc.texts("title_s").first().and_then(|title| wording::title(title));
    let family = doc.texts("authLastName_s");
    facts.authors = if family.is_empty() { doc.texts("authFullName_s") } else { family };
    facts.year = doc.text("producedDateY_i").and_then(|year| wording::year(&year));
    facts.pages = doc.text("page_s").and_then(|range| pages::count(range.trim_start_matches("pp.").trim()));
    for id in stated(doc) {
        facts.add_id(Some(id));
    }
    facts.add_landing_url(doc.text("uri_s"));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::serde_json::json;
    use tierfall_sdk::testing::{Recorded, context_of, questions, work};

    fn find_in(answer: &Value) -> Result<Finding, SourceError> {
        let query = url::encode("doiId_s:\"10.1000/a\" OR doiId_id:\"10.1000/a\"");
        let asked =
            format!("https://api.archives-ouvertes.fr/search/?q={query}&fl={}&wt=json", url::encode(FIELDS));
        let host = Recorded::new().json(&asked, &answer.to_string());
        find(&host, &work(WorkId::Doi("10.1000/a".into())), &context_of(&source("hal")))
    }

    fn doc() -> Value {
        json!({
            "docid": 9, "label_s": "Ana Petit. Sur le sel", "uri_s": "https://hal.example/hal-9", "halId_s": "hal-9",
            "doiId_s": "10.1000/A", "title_s": ["Sur le sel", "On salt"], "docType_s": "ART", "producedDateY_i": 2004,
            "fileMain_s": "https://hal.example/hal-9/file/ms.pdf",
            "files_s": ["https://hal.example/hal-9/file/ms.pdf", "https://hal.example/hal-9/file/supplement.pdf",
                "https://hal.example/hal-9/file/source.tex", "https://hal.example/hal-9v2/file/ms.pdf"],
            "authLastName_s": ["Petit"], "authFullName_s": ["Ana Petit"], "page_s": "pp.10-19",
            "licence_s": "http://creativecommons.org/licenses/by/", "arxivId_s": "math/0401001"
        })
    }

    #[test]
    fn the_main_file_comes_first_and_the_other_files_of_the_work_follow() {
        let found = find_in(&json!({"response": {"numFound": 1, "docs": [doc()]}})).expect("a finding");
        let urls: Vec<_> = found.candidates.iter().map(|c| c.url.as_str()).collect();
        assert_eq!(
            urls,
            ["https://hal.example/hal-9/file/ms.pdf", "https://hal.example/hal-9v2/file/ms.pdf"]
        );
        let main = &found.candidates[0];
        assert_eq!(main.evidence, "docs[0].fileMain_s");
        assert_eq!(main.license.as_deref(), Some("http://creativecommons.org/licenses/by/"));
        assert_eq!(main.landing_page.as_deref(), Some("https://hal.example/hal-9"));
        assert_eq!(found.facts.title.as_deref(), Some("Sur le sel"));
        assert_eq!(found.facts.authors, ["Petit"]);
        assert_eq!((found.facts.year, found.facts.pages), (Some(2004), Some(10)));
        assert!(found.facts.ids.contains(&WorkId::Arxiv("math/0401001".into())));
        assert_eq!(found.facts.landing_urls, ["https://hal.example/hal-9"]);
    }

    #[test]
    fn a_record_without_a_file_still_points_to_the_open_copy_elsewhere() {
        let mut doc = doc();
        doc["fileMain_s"] = Value::Null;
        doc["files_s"] = Value::Null;
        doc["linkExtId_s"] = json!("arxiv");
        doc["linkExtUrl_s"] = json!("http://arxiv.org/abs/math/0401001");
        let found = find_in(&json!({"response": {"docs": [doc]}})).expect("a finding");
        assert_eq!(found.candidates.len(), 1);
        assert_eq!(found.candidates[0].url, "https://arxiv.org/pdf/math/0401001");
        doc["linkExtId_s"] = json!("istex");
        doc["linkExtUrl_s"] = json!("https://api.istex.example/fulltext/pdf/x.pdf");
        assert!(find_in(&json!({"response": {"docs": [doc]}})).expect("facts").candidates.is_empty());
    }

    #[test]
    fn preprints_are_submitted_versions() {
        let mut doc = doc();
        doc["docType_s"] = json!("UNDEFINED");
        let found = find_in(&json!({"response": {"docs": [doc]}})).expect("a finding");
        assert_eq!(found.candidates[0].version, Version::Submitted);
    }

    #[test]
    fn the_record_of_another_doi_nothing_and_odd_types_are_not_found() {
        let mut other = doc();
        other["doiId_s"] = json!("10.1000/b");
        assert_eq!(find_in(&json!({"response": {"docs": [other]}})), Err(SourceError::NotFound));
        assert_eq!(find_in(&json!({"response": {"numFound": 0, "docs": []}})), Err(SourceError::NotFound));
        let odd = json!({"response": {"docs": [null, {"doiId_s": 3, "files_s": {}, "title_s": null, "uri_s": []}]}});
        assert_eq!(find_in(&odd), Err(SourceError::NotFound));
    }

    #[test]
    fn an_error_in_the_body_is_a_bad_answer_with_its_words() {
        let answer = find_in(&json!({"error": {"msg": "undefined field", "code": 400}}));
        assert!(matches!(answer, Err(SourceError::BadAnswer(text)) if text.contains("undefined field")));
    }

    #[test]
    fn every_identifier_of_the_work_is_searched_for() {
        let work = Work::new(vec![
            WorkId::Arxiv("2101.00001v2".into()),
            WorkId::Pmid("7".into()),
            WorkId::Pmcid("PMC8".into()),
        ]);
        let query = terms(&work).join(" OR ");
        let old = Work::new(vec![WorkId::Arxiv("solv-int/9901001".into())]);
        assert_eq!(terms(&old), ["arxivId_s:\"solv-int/9901001\""]);
        assert_eq!(query, "arxivId_s:\"2101.00001\" OR pubmedId_s:\"7\" OR pubmedcentralId_s:\"PMC8\"");
    }

    #[test]
    fn several_works_are_asked_for_by_one_query_and_each_gets_its_own_deposits() {
        let query = "doiId_s:\"10.1000/a\" OR doiId_id:\"10.1000/a\" OR pubmedId_s:\"7\"";
        let url = url::with_query(
            "https://api.archives-ouvertes.fr/search/",
            &[("q", Some(query)), ("fl", Some(FIELDS)), ("wt", Some("json")), ("rows", Some("1000"))],
        );
        let answer = json!({"response": {"numFound": 1, "docs": [
            {"doiId_s": "10.1000/A", "title_s": ["On Mars"], "fileMain_s": "https://hal.example/1/document"}]}});
        let host = Recorded::new().json(&url, &answer.to_string());
        let ids = [WorkId::Doi("10.1000/a".into()), WorkId::Pmid("7".into())];
        let answers = find_many(&host, &questions(ids), &context_of(&source("hal")).of_many());
        assert_eq!(answers[0].as_ref().unwrap().candidates[0].url, "https://hal.example/1/document");
        assert_eq!(answers[1], Err(SourceError::NotFound));
    }
}
