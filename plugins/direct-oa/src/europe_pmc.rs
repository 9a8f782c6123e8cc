//! Europe PMC: <https://europepmc.org/RestfulWebService>.

use tierfall_sdk::many::{Lookup, Records};
use tierfall_sdk::*;

use crate::shared::crossref_doi;

pub fn source() -> Source {
    let ids = [IdKind::Doi, IdKind::Pmid, IdKind::Pmcid, IdKind::Title];
    Source::new("europe_pmc", "copies in Europe PMC, and those it links to", &ids)
        .api("https://www.ebi.ac.uk/europepmc/webservices/rest")
        .batch(MOST)
        .setting(Setting::new("pdf_base", "where the articles are").default("https://europepmc.org"))
}

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    if work.is_known_by_title() {
        return search(host, work, ctx);
    }
    let query = query(work).ok_or(SourceError::NotApplicable)?;
    // A work and its preprints.
    let answer = ask(host, ctx, &query, "3")?;
    found(answer.items("resultList.result"), work, ctx)
}

/// As many as a URL takes.
const MOST: u32 = 50;

/// The most titles of one query.
const MOST_TITLES: usize = 15;

/// By one query that names all of them.
pub fn find_many(
    host: &dyn Host,
    questions: &[Question],
    ctx: &BatchContext,
) -> Vec<Result<Finding, SourceError>> {
    let context = ctx.settings_only();
    let titles = SoughtTitles::of(questions);
    let by_title = Lookup {
        terms: &SoughtTitles::terms,
        most: MOST_TITLES,
        length: SoughtTitles::LENGTH,
        ask: &|titles| {
            let each: Vec<_> = titles.iter().map(|title| format!("(TITLE:({title}))")).collect();
            let answer = ask(host, &context, &each.join(" OR "), SoughtTitles::RECORDS)?;
            Records::of(answer, "resultList.result", "hitCount")?.if_whole()
        },
        keys: &|result| titles.keys(result.text("title")),
    };
    let by_id = Lookup {
        terms: &|work| query(work).into_iter().collect(),
        most: MOST as usize,
        length: 2500,
        ask: &|queries| {
            let each: Vec<_> = queries.iter().map(|query| format!("({query})")).collect();
            let answer = ask(host, &context, &each.join(" OR "), "1000")?;
            Records::of(answer, "resultList.result", "hitCount")
        },
        keys: &|result| ids_of(result).into_iter().filter_map(|id| query(&Work::new(vec![id]))).collect(),
    };
    many::find_many(
        questions,
        &[by_title, by_id],
        &|records, question| match question.work.is_known_by_title() {
            true => Finding::of_title(records.iter().copied(), record_of),
            false => found(records.iter().copied(), &question.work, &context),
        },
        &|question| find(host, &question.work, &ctx.of(question)),
    )
}

fn ask(host: &dyn Host, ctx: &Context, query: &str, most: &str) -> Result<Value, SourceError> {
    let parameters = [
        ("query", Some(query)),
        // Only this form has the list of URLs.
        ("resultType", Some("core")),
        ("format", Some("json")),
        ("pageSize", Some(most)),
    ];
    get_json(host, &url::with_query(&format!("{}/search", ctx.api_base()?), &parameters))
}

fn found<'a>(
    results: impl IntoIterator<Item = &'a Value>,
    work: &Work,
    ctx: &Context,
) -> Result<Finding, SourceError> {
    let articles = format!("{}/articles", ctx.required("pdf_base")?.trim_end_matches('/'));
    let xml = ctx.api_base()?;
    let mut finding = Finding::none();
    for result in results {
        let ids = ids_of(result);
        if work.may_be(&ids) {
            read(result, ids, work, &articles, xml, &mut finding);
        }
    }
    finding.or_not_found()
}

fn search(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let title = work.sought_title().ok_or(SourceError::NotApplicable)?;
    let answer = ask(host, ctx, &format!("TITLE:({title})"), "10")?;
    Finding::of_title(answer.items("resultList.result"), record_of)
}

/// A record of a search, as one that may be the work.
fn record_of(result: &Value) -> Option<Match> {
    let kinds = result.texts("pubTypeList.pubType");
    let is = |what: &str| kinds.iter().any(|kind| kind.to_lowercase().contains(what));
    let kind = if is("erratum") || is("retraction of") || is("expression of concern") {
        Some(RecordKind::Notice)
    } else if result.text("source").as_deref() == Some("PPR") {
        Some(RecordKind::Preprint)
    } else {
        None
    };
    Match::of(facts(result, ids_of(result)), kind)
}

/// The most certain way to ask for a work.
fn query(work: &Work) -> Option<String> {
    let by_pmcid = work.pmcid().map(|pmcid| format!("PMCID:{pmcid}"));
    let by_pmid = work.pmid().map(|pmid| format!("EXT_ID:{pmid} AND SRC:MED"));
    // Inside quotes only these two need a backslash.
    let by_doi =
        crossref_doi(work).map(|doi| format!("DOI:\"{}\"", doi.replace('\\', "\\\\").replace('"', "\\\"")));
    by_doi.or(by_pmid).or(by_pmcid)
}

fn ids_of(result: &Value) -> Vec<WorkId> {
    [
        result.text("doi").and_then(|id| WorkId::read_doi(&id)),
        result.text("pmid").and_then(|id| WorkId::read_pmid(&id)),
        result.text("pmcid").and_then(|id| WorkId::read_pmcid(&id)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `articles` and `xml`: where the pages of articles are, and their XML.
fn read(result: &Value, ids: Vec<WorkId>, work: &Work, articles: &str, xml: &str, finding: &mut Finding) {
    let version = version(result);
    let license = result.text("license");
    let pmcid = ids.iter().find(|id| id.kind() == IdKind::Pmcid).map(|id| id.value().to_owned());
    let mut facts = facts(result, ids);

    for link in result.items("fullTextUrlList.fullTextUrl") {
        let free = matches!(link.text("availabilityCode").as_deref(), Some("OA" | "F"));
        let (Some(url), true) = (link.text("url"), free) else {
            continue;
        };
        match link.text("documentStyle").as_deref() {
            Some("pdf") => {
                let place = format!("fullTextUrlList, {}", link.text("site").unwrap_or_default());
                finding.add(
                    Candidate::new(url, Basis::Registry, place).version(version).license(license.clone()),
                );
            }
            _ => facts.add_location(Some(url), work),
        }
    }
    if let Some(pmcid) = &pmcid
        && result.yes("isOpenAccess")
    {
        finding.add(
            Candidate::new(format!("{xml}/{pmcid}/fullTextXML"), Basis::Registry, "isOpenAccess")
                .version(version)
                .license(license.clone())
                .landing_page(Some(format!("{articles}/{pmcid}")))
                .format(Format::Jats),
        );
    }
    if let Some(pmcid) = pmcid
        && result.yes("hasPDF")
        && (result.yes("inEPMC") || result.yes("inPMC"))
    {
        let landing = format!("{articles}/{pmcid}");
        finding.add(
            Candidate::new(format!("{landing}?pdf=render"), Basis::Registry, "hasPDF")
                .version(version)
                .license(license)
                .landing_page(Some(landing)),
        );
    }
    finding.facts.absorb(facts);
}

fn facts(result: &Value, ids: Vec<WorkId>) -> Facts {
    let mut facts = Facts::none();
    // Titles end in a full stop, as MEDLINE writes them.
    facts.title = result.text("title").and_then(|title| wording::title(title.trim_end_matches('.')));
    facts.year = result.text("pubYear").and_then(|year| wording::year(&year));
    facts.pages = result.text("pageInfo").and_then(|range| pages::count(&range));
    facts.authors = authors(result);
    ids.into_iter().for_each(|id| facts.add_id(Some(id)));
    facts
}

fn version(result: &Value) -> Version {
    if result.text("source").as_deref() == Some("PPR") {
        Version::Submitted
    } else if result.yes("authMan") || result.yes("epmcAuthMan") || result.yes("nihAuthMan") {
        Version::Accepted
    } else {
        Version::Published
    }
}

/// Family names, or what is left of `Roe A, Doe CD.` without the initials.
fn authors(result: &Value) -> Vec<String> {
    let listed: Vec<String> = result
        .items("authorList.author")
        .iter()
        .filter_map(|a| {
            a.text("lastName").or_else(|| a.text("collectiveName")).or_else(|| a.text("fullName"))
        })
        .collect();
    if !listed.is_empty() {
        return listed;
    }
    let all = result.text("authorString").unwrap_or_default();
    all.trim_end_matches('.')
        .split(',')
        .map(str::trim)
        .map(|author| match author.rsplit_once(' ') {
            Some((family, initials)) if initials.chars().all(char::is_uppercase) => family,
            _ => author,
        })
        .filter(|author| !author.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tierfall_sdk::testing::{Recorded, context_of, questions, titles, work};

    fn url(query: &str) -> String {
        format!(
            "https://www.ebi.ac.uk/europepmc/webservices/rest/search?query={query}&resultType=core&format=json&pageSize=3"
        )
    }

    fn answered(results: Value) -> Result<Finding, SourceError> {
        let body = json!({"hitCount": 1, "resultList": {"result": results}}).to_string();
        let host = Recorded::new().json(&url("DOI%3A%2210.1000%2Fa%22"), &body);
        find(&host, &work(WorkId::Doi("10.1000/a".into())), &context_of(&source()))
    }

    fn link(code: &str, style: &str, url: &str) -> Value {
        json!({"availabilityCode": code, "documentStyle": style, "site": "Europe_PMC", "url": url})
    }

    #[test]
    fn free_pdfs_are_candidates_free_pages_landing_pages_and_the_rest_neither() {
        let finding = answered(json!([{
            "source": "MED", "pmid": "12", "pmcid": "PMC34", "doi": "10.1000/a", "title": "On Mars.", "pubYear": "2019",
            "pageInfo": "21-28", "authorString": "Roe A, van Doe CD, The Group.", "license": "cc by",
            "inEPMC": "Y", "hasPDF": "Y",
            "fullTextUrlList": {"fullTextUrl": [
                link("OA", "html", "https://europepmc.org/articles/PMC34"),
                link("OA", "pdf", "https://europepmc.org/articles/PMC34?pdf=render"),
                link("F", "pdf", "https://j.example/1.pdf"),
                link("S", "pdf", "https://j.example/paid.pdf"),
                link("S", "doi", "https://doi.org/10.1000/a")]}
        }]))
        .unwrap();
        let urls: Vec<_> = finding.candidates.iter().map(|c| c.url.as_str()).collect();
        assert_eq!(urls, ["https://europepmc.org/articles/PMC34?pdf=render", "https://j.example/1.pdf"]);
        assert_eq!(finding.candidates[0].version, Version::Published);
        assert_eq!(finding.candidates[0].license.as_deref(), Some("cc by"));
        let facts = finding.facts;
        assert_eq!(facts.title.as_deref(), Some("On Mars"));
        assert_eq!(facts.authors, ["Roe", "van Doe", "The Group"]);
        assert_eq!((facts.year, facts.pages), (Some(2019), Some(8)));
        assert_eq!(facts.ids.len(), 3);
        assert_eq!(facts.landing_urls, ["https://europepmc.org/articles/PMC34"]);
    }

    #[test]
    fn a_pdf_without_a_list_of_urls_is_rendered_by_europe_pmc() {
        let finding = answered(
            json!([{"pmcid": "PMC34", "doi": "10.1000/a", "inEPMC": "Y", "hasPDF": "Y", "nihAuthMan": "Y"}]),
        );
        let candidate = &finding.unwrap().candidates[0];
        assert_eq!(candidate.url, "https://europepmc.org/articles/PMC34?pdf=render");
        assert_eq!(candidate.version, Version::Accepted);
        let without = answered(json!([{"pmcid": "PMC34", "doi": "10.1000/a", "inEPMC": "Y", "hasPDF": "N"}]));
        assert!(without.unwrap().candidates.is_empty());
    }

    #[test]
    fn an_open_article_has_its_xml_at_the_api() {
        let finding =
            answered(json!([{"pmcid": "PMC34", "doi": "10.1000/a", "isOpenAccess": "Y", "inEPMC": "Y"}]));
        let candidate = &finding.unwrap().candidates[0];
        assert_eq!(
            (candidate.url.as_str(), candidate.format),
            ("https://www.ebi.ac.uk/europepmc/webservices/rest/PMC34/fullTextXML", Format::Jats)
        );
        let closed =
            answered(json!([{"pmcid": "PMC34", "doi": "10.1000/a", "isOpenAccess": "N", "inEPMC": "Y"}]));
        assert!(closed.unwrap().candidates.is_empty());
    }

    #[test]
    fn works_are_asked_for_by_every_kind_of_identifier() {
        let body = r#"{"resultList":{"result":[{"title":"T"}]}}"#;
        for (id, query) in [
            (WorkId::Pmid("12".into()), "EXT_ID%3A12%20AND%20SRC%3AMED"),
            (WorkId::Pmcid("PMC34".into()), "PMCID%3APMC34"),
            (WorkId::Doi("10.1000/a\"b".into()), "DOI%3A%2210.1000%2Fa%5C%22b%22"),
        ] {
            let host = Recorded::new().json(&url(query), body);
            assert!(find(&host, &work(id), &context_of(&source())).is_ok(), "{query}");
        }
        let found = find(&Recorded::new(), &work(WorkId::Openalex("W1".into())), &context_of(&source()));
        assert_eq!(found, Err(SourceError::NotApplicable));
    }

    #[test]
    fn results_about_other_works_nothing_and_other_shapes_are_not_found() {
        for results in [
            json!([{"doi": "10.1000/other", "pmcid": "PMC1", "inEPMC": "Y", "hasPDF": "Y"}]),
            json!([]),
            json!(null),
            json!([null, 7, {"fullTextUrlList": {"fullTextUrl": "x"}, "authorList": [], "authorString": ""}]),
            json!({"fullTextUrlList": null}),
        ] {
            assert_eq!(answered(results.clone()), Err(SourceError::NotFound), "{results}");
        }
    }

    #[test]
    fn a_title_is_searched_for_and_every_record_is_a_match_with_its_kind() {
        let mut titled = Work::new(Vec::new());
        titled.title = Some("On {M}ars: a study".into());
        titled.authors = vec!["Roe, Ada".into()];
        titled.year = Some(2019);
        let url = "https://www.ebi.ac.uk/europepmc/webservices/rest/search?query=TITLE%3A%28on%20mars%20a%20study%29&resultType=core&format=json&pageSize=10";
        let results = json!([
            {"title": "On Mars.", "doi": "10.1000/A", "pmid": "12", "pubYear": "2019", "authorString": "Roe A."},
            {"title": "Erratum", "pmid": "13", "pubTypeList": {"pubType": ["Published Erratum"]}},
            {"title": "On Mars", "doi": "10.1000/p", "source": "PPR"}]);
        let host = Recorded::new().json(url, &json!({"resultList": {"result": results}}).to_string());
        let found = find(&host, &titled, &context_of(&source())).unwrap().matches;
        let kinds: Vec<_> = found.iter().map(|record| record.kind).collect();
        assert_eq!(kinds, [None, Some(RecordKind::Notice), Some(RecordKind::Preprint)]);
        assert_eq!((found[0].title.as_str(), found[0].ids.len()), ("On Mars", 2));
    }

    #[test]
    fn titles_are_searched_for_by_one_query_beside_works_with_identifiers_and_a_cut_answer_in_halves() {
        let search = |query: &str, most: &str| {
            let parameters = [
                ("query", Some(query)),
                ("resultType", Some("core")),
                ("format", Some("json")),
                ("pageSize", Some(most)),
            ];
            url::with_query("https://www.ebi.ac.uk/europepmc/webservices/rest/search", &parameters)
        };
        let mut asked = titles(&["Salt marshes of the Wadden Sea", "The drift of lighthouses"]);
        asked.push(Question { work: work(WorkId::Pmid("7".into())), trail: Vec::new() });
        let (salt, drift) =
            ("(TITLE:(salt marshes of the wadden sea))", "(TITLE:(the drift of lighthouses))");
        let answer = |count: u64, results: &Value| {
            json!({"hitCount": count, "resultList": {"result": results}}).to_string()
        };
        let own = json!([{"title": "Salt marshes of the Wadden Sea.", "doi": "10.1000/S", "pubYear": "2019"},
            {"title": "Lighthouses and their drift: the case", "pmid": "12"}, {"title": "Other", "pmid": "13"}]);
        let by_id = search("EXT_ID:7 AND SRC:MED", "1000");
        let by_id = by_id.replace("EXT_ID", "%28EXT_ID").replace("MED", "MED%29");
        let of_pmid = answer(1, &json!([{"pmid": "7", "title": "Of PubMed"}]));
        let host = Recorded::new()
            .json(&search(&format!("{salt} OR {drift}"), "50"), &answer(3, &own))
            .json(&by_id, &of_pmid);
        let ctx = context_of(&source()).of_many();
        let answers = find_many(&host, &asked, &ctx);
        let matches = |at: usize| answers[at].as_ref().unwrap().matches.clone();
        assert_eq!(matches(0).len(), 1, "{answers:?}");
        assert_eq!(matches(0)[0].ids, [WorkId::Doi("10.1000/s".into())]);
        assert_eq!(matches(1)[0].ids, [WorkId::Pmid("12".into())]);
        assert_eq!(answers[2].as_ref().unwrap().facts.title.as_deref(), Some("Of PubMed"));

        let host = Recorded::new()
            .json(&search(&format!("{salt} OR {drift}"), "50"), &answer(4000, &own))
            .json(&search(salt, "50"), &answer(3, &own))
            .json(&search(drift, "50"), &answer(0, &json!([])))
            .json(&by_id, &of_pmid);
        let answers = find_many(&host, &asked, &ctx);
        assert_eq!(answers[0].as_ref().unwrap().matches.len(), 1);
        assert_eq!(answers[1], Err(SourceError::NotFound));
    }

    #[test]
    fn several_works_are_asked_for_by_one_query_by_whatever_they_are_known() {
        let query = "(DOI:\"10.1000/a\") OR (EXT_ID:7 AND SRC:MED) OR (PMCID:PMC3)";
        let url = url::with_query(
            "https://www.ebi.ac.uk/europepmc/webservices/rest/search",
            &[
                ("query", Some(query)),
                ("resultType", Some("core")),
                ("format", Some("json")),
                ("pageSize", Some("1000")),
            ],
        );
        let answer = json!({"hitCount": 2, "resultList": {"result": [
            {"pmid": "7", "title": "Of PubMed"}, {"doi": "10.1000/A", "title": "On Mars"}]}});
        let host = Recorded::new().json(&url, &answer.to_string());
        let ids = [WorkId::Doi("10.1000/a".into()), WorkId::Pmid("7".into()), WorkId::Pmcid("PMC3".into())];
        let answers = find_many(&host, &questions(ids), &context_of(&source()).of_many());
        let title = |at: usize| answers[at].as_ref().unwrap().facts.title.clone();
        assert_eq!((title(0).as_deref(), title(1).as_deref()), (Some("On Mars"), Some("Of PubMed")));
        assert_eq!(answers[2], Err(SourceError::NotFound));
    }
}
