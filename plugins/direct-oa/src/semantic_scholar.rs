//! Semantic Scholar: <https://api.semanticscholar.org/api-docs/graph>.

use tierfall_sdk::many::{Lookup, Records};
use tierfall_sdk::*;

pub fn source() -> Source {
    let ids = [IdKind::Doi, IdKind::Arxiv, IdKind::Pmid, IdKind::Pmcid, IdKind::Title];
    Source::new("semantic_scholar", "open copies that Semantic Scholar found", &ids)
        .api("https://api.semanticscholar.org/graph/v1")
        .batch(MOST)
        .setting(Setting::new("api_key", "a key; without one it answers 429 more often").secret(
            setting_host("api_base"),
            "x-api-key",
            "",
        ))
}

/// The most of one request.
const MOST: u32 = 500;

/// What is read of a paper.
const FIELDS: &str = "openAccessPdf,title,externalIds,year,authors,journal";

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    if work.is_known_by_title() {
        return search(host, work, ctx);
    }
    let (kind, id) = id(work).ok_or(SourceError::NotApplicable)?;
    let base = format!("{}/paper/{kind}:{}", ctx.api_base()?, url::encode_path(id));
    let record = get_json(host, &url::with_query(&base, &[("fields", Some(FIELDS))]))?;
    read(&record, work).or_not_found()
}

/// What is read of the records of a search.
const SEARCHED: &str = "title,externalIds,year,authors,publicationTypes";

/// The most titles of one search: how long a query may be is told nowhere.
const MOST_TITLES: usize = 4;

/// By a list, whose answer has one place for each; titles by phrases of which a record has one
/// (<https://api.semanticscholar.org/api-docs/graph#tag/Paper-Data/operation/get_graph_paper_bulk_search>).
pub fn find_many(
    host: &dyn Host,
    questions: &[Question],
    ctx: &BatchContext,
) -> Vec<Result<Finding, SourceError>> {
    let context = ctx.settings_only();
    let ask = |ids: &[&str]| {
        let base = format!("{}/paper/batch", context.api_base()?);
        let url = url::with_query(&base, &[("fields", Some(FIELDS))]);
        let request = Request::post_json(url, &serde_json::json!({ "ids": ids })).accept_json();
        let response = host.fetch(&request)?;
        // How it says that it knows none of them.
        if response.status == 400 && response.text().contains("No valid paper ids") {
            return Ok(Records { records: Vec::new(), whole: true });
        }
        let answer: Vec<Value> = response.success()?.json()?;
        if answer.len() != ids.len() {
            let wrong = format!("{} answers to {} identifiers", answer.len(), ids.len());
            return Err(SourceError::BadAnswer(wrong));
        }
        let known = ids.iter().zip(answer).filter(|(_, record)| record.is_object());
        let records = known.map(|(id, record)| serde_json::json!({ "asked": id, "record": record }));
        Ok(Records { records: records.collect(), whole: true })
    };
    let titles = SoughtTitles::of(questions);
    let by_title = Lookup {
        terms: &SoughtTitles::terms,
        most: MOST_TITLES,
        length: SoughtTitles::LENGTH,
        ask: &|titles| {
            let each: Vec<_> = titles.iter().map(|title| format!("\"{title}\"")).collect();
            let query = each.join(" | ");
            let base = format!("{}/paper/search/bulk", context.api_base()?);
            let parameters = [("query", Some(query.as_str())), ("fields", Some(SEARCHED))];
            Records::of(get_json(host, &url::with_query(&base, &parameters))?, "data", "total")?.if_whole()
        },
        keys: &|record| titles.keys(record.text("title")),
    };
    let by_id = Lookup {
        terms: &|work| id(work).map(|(kind, id)| format!("{kind}:{id}")).into_iter().collect(),
        most: MOST as usize,
        length: usize::MAX,
        ask: &ask,
        keys: &|record| record.text("asked").into_iter().collect(),
    };
    many::find_many(
        questions,
        &[by_title, by_id],
        &|records, question| match records {
            records if question.work.is_known_by_title() => {
                Finding::of_title(records.iter().copied(), record_of)
            }
            [first, ..] => read(first.at("record"), &question.work).or_not_found(),
            [] => Err(SourceError::NotFound),
        },
        &|question| find(host, &question.work, &ctx.of(question)),
    )
}

/// It answers with the one record that it takes for the best.
fn search(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let title = work.title_words().ok_or(SourceError::NotApplicable)?;
    let base = format!("{}/paper/search/match", ctx.api_base()?);
    let parameters = [("query", Some(title.as_str())), ("fields", Some(SEARCHED))];
    let answer = get_json(host, &url::with_query(&base, &parameters))?;
    Finding::of_title(answer.items("data"), record_of)
}

/// A record of a search, as one that may be the work.
fn record_of(record: &Value) -> Option<Match> {
    let kinds = record.texts("publicationTypes");
    let kind = kinds.iter().find_map(|kind| match kind.as_str() {
        "JournalArticle" => Some(RecordKind::Article),
        "Conference" => Some(RecordKind::ConferencePaper),
        "Book" => Some(RecordKind::Book),
        "BookSection" => Some(RecordKind::Chapter),
        "Dataset" => Some(RecordKind::Dataset),
        _ => None,
    });
    Match::of(read(record, &Work::new(Vec::new())).facts, kind)
}

/// arXiv's id before its DOI, which is not always known.
fn id(work: &Work) -> Option<(&'static str, &str)> {
    let arxiv = work.arxiv().map(|id| ("ARXIV", ids::without_version(id, "v")));
    let doi = work.doi().map(|doi| ("DOI", doi));
    let pmid = work.pmid().map(|pmid| ("PMID", pmid));
    let pmcid = work.pmcid().map(|pmcid| ("PMCID", pmcid.trim_start_matches("PMC")));
    arxiv.or(doi).or(pmid).or(pmcid)
}

fn read(record: &Value, work: &Work) -> Finding {
    let mut finding = Finding::none();
    let facts = &mut finding.facts;
    facts.title = record.text("title").and_then(|title| wording::title(&title));
    facts.year = record.text("year").and_then(|year| wording::year(&year));
    facts.pages = record.text("journal.pages").and_then(|range| pages::count(&range));
    facts.authors = record.items("authors").iter().filter_map(|a| a.text("name")).collect();
    facts.add_id(record.text("externalIds.DOI").and_then(|id| WorkId::read_doi(&id)));
    facts.add_id(record.text("externalIds.ArXiv").and_then(|id| WorkId::read_arxiv(&id)));
    facts.add_id(record.text("externalIds.PubMed").and_then(|id| WorkId::read_pmid(&id)));
    facts.add_id(record.text("externalIds.PubMedCentral").and_then(|id| WorkId::read_pmcid(&id)));
    if let Some(url) = record.text("openAccessPdf.url") {
        // Now and then it is a landing page.
        match WorkId::of_url(&url) {
            Some(WorkId::Doi(_) | WorkId::Pmid(_)) => facts.add_location(Some(url), work),
            _ => {
                let license = record.text("openAccessPdf.license");
                finding.add(Candidate::new(url, Basis::Registry, "openAccessPdf.url").license(license));
            }
        }
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tierfall_sdk::testing::{Recorded, context_of, questions, titles, work};

    fn url(id: &str) -> String {
        format!(
            "https://api.semanticscholar.org/graph/v1/paper/{id}?fields=openAccessPdf%2Ctitle%2CexternalIds%2Cyear%2Cauthors%2Cjournal"
        )
    }

    fn answered(body: Value) -> Result<Finding, SourceError> {
        let host = Recorded::new().json(&url("DOI:10.1000/a"), &body.to_string());
        find(&host, &work(WorkId::Doi("10.1000/a".into())), &context_of(&source()))
    }

    #[test]
    fn the_copy_and_every_fact_are_read() {
        let finding = answered(json!({
            "paperId": "ab", "title": "On Mars", "year": 2019, "authors": [{"name": "Ada Roe"}, {"name": null}],
            "journal": {"name": "J", "pages": "21-28", "volume": "3"},
            "externalIds": {"DOI": "10.1000/A", "ArXiv": "2101.00001", "PubMed": "12", "PubMedCentral": "34", "CorpusId": 7},
            "openAccessPdf": {"url": "https://j.example/1.pdf", "status": "GREEN", "license": "CCBY"},
        }))
        .unwrap();
        assert_eq!(finding.candidates[0].url, "https://j.example/1.pdf");
        assert_eq!(finding.candidates[0].license.as_deref(), Some("CCBY"));
        assert_eq!(finding.facts.pages, Some(8));
        assert_eq!(finding.facts.authors, ["Ada Roe"]);
        assert_eq!(
            finding.facts.ids[1..],
            [WorkId::Arxiv("2101.00001".into()), WorkId::Pmid("12".into()), WorkId::Pmcid("PMC34".into())]
        );
    }

    #[test]
    fn works_are_asked_for_by_every_kind_of_identifier() {
        for (id, path) in [
            (WorkId::Arxiv("2101.00001v2".into()), "ARXIV:2101.00001"),
            (WorkId::Arxiv("hep-th/9901001".into()), "ARXIV:hep-th/9901001"),
            (WorkId::Pmid("12".into()), "PMID:12"),
            (WorkId::Pmcid("PMC34".into()), "PMCID:34"),
            (WorkId::Doi("10.1000/a(1)".into()), "DOI:10.1000/a%281%29"),
        ] {
            let host = Recorded::new().json(&url(path), r#"{"title": "T"}"#);
            assert!(find(&host, &work(id), &context_of(&source())).is_ok(), "{path}");
        }
        let found = find(&Recorded::new(), &work(WorkId::Openalex("W1".into())), &context_of(&source()));
        assert_eq!(found, Err(SourceError::NotApplicable));
    }

    #[test]
    fn a_doi_in_place_of_a_copy_is_none_and_neither_is_an_empty_address() {
        for url in [json!("https://doi.org/10.1000/a"), json!(""), json!(null), json!(7), json!("not a url")]
        {
            let found = answered(json!({"title": "T", "openAccessPdf": {"url": url}})).unwrap();
            assert!(found.candidates.is_empty(), "{url}");
        }
        for body in
            [json!({"openAccessPdf": null}), json!([]), json!({"externalIds": "x", "authors": {"name": []}})]
        {
            assert_eq!(answered(body.clone()), Err(SourceError::NotFound), "{body}");
        }
    }

    #[test]
    fn too_many_requests_may_pass_and_the_key_is_the_hosts_to_add() {
        let mut busy = Recorded::new().status("x", 429).fetch(&Request::get("x")).unwrap();
        busy.headers.push(("retry-after".into(), "3".into()));
        let host = Recorded::new().response(&url("DOI:10.1000/a"), busy);
        let found = find(&host, &work(WorkId::Doi("10.1000/a".into())), &context_of(&source()));
        assert_eq!(found, Err(SourceError::Unavailable(Some(3))));
        let asked = host.requests();
        assert!(asked[0].headers.iter().all(|(name, _)| name == "accept"));
        let setting = source().settings.into_iter().find(|s| s.name == "api_key").unwrap();
        assert_eq!(setting.secret.unwrap().header, "x-api-key");
        assert!(!setting.required);
    }

    #[test]
    fn a_title_is_searched_for_and_every_record_is_a_match_with_its_kind() {
        let mut titled = Work::new(Vec::new());
        titled.title = Some("On {M}ars: a study".into());
        titled.authors = vec!["Roe, Ada".into()];
        titled.year = Some(2019);
        let url = "https://api.semanticscholar.org/graph/v1/paper/search/match?query=On%20Mars%20a%20study&fields=title%2CexternalIds%2Cyear%2Cauthors%2CpublicationTypes";
        let record = json!({"data": [{"title": "On Mars", "year": 2019, "authors": [{"name": "Ada Roe"}],
            "externalIds": {"DOI": "10.1000/A"}, "publicationTypes": [null, "Conference"]}]});
        let host = Recorded::new().json(url, &record.to_string());
        let found = find(&host, &titled, &context_of(&source())).unwrap().matches;
        assert_eq!((found.len(), found[0].kind), (1, Some(RecordKind::ConferencePaper)));
        assert_eq!(found[0].ids, [WorkId::Doi("10.1000/a".into())]);
        let nothing = Recorded::new().status(url, 404);
        assert_eq!(find(&nothing, &titled, &context_of(&source())), Err(SourceError::NotFound));
    }

    const SALT: &str = "Salt marshes of the Wadden Sea";
    const FOG: &str = "On fog -signals and \"their\" keepers";
    const DRIFT: &str = "The Drift of Lighthouses at Night";

    fn bulk(query: &str) -> String {
        let base = "https://api.semanticscholar.org/graph/v1/paper/search/bulk";
        url::with_query(base, &[("query", Some(query)), ("fields", Some(SEARCHED))])
    }

    fn alone(title: &str) -> String {
        let base = "https://api.semanticscholar.org/graph/v1/paper/search/match";
        url::with_query(base, &[("query", Some(title)), ("fields", Some(SEARCHED))])
    }

    fn paper(title: &str, doi: &str) -> Value {
        json!({"title": title, "year": 2019, "authors": [{"name": "Ada Roe"}], "externalIds": {"DOI": doi}})
    }

    /// The identifiers that each of some titles gets.
    fn found(host: &Recorded, asked: &[Question]) -> Vec<Result<Vec<String>, SourceError>> {
        let ids = |finding: Finding| {
            finding.matches.iter().map(|record| record.ids[0].value().to_owned()).collect()
        };
        let answers = find_many(host, asked, &context_of(&source()).of_many());
        answers.into_iter().map(|answer| answer.map(ids)).collect()
    }

    #[test]
    fn titles_are_searched_for_as_phrases_of_one_query_and_each_gets_the_records_that_are_like_it() {
        let asked = titles(&[SALT, FOG, DRIFT]);
        let query = "\"salt marshes of the wadden sea\" | \"on fog signals and their keepers\" | \"the drift of lighthouses at night\"";
        let papers = [
            paper("The drift of lighthouses at night, and other stories", "10.1000/d"),
            paper("Salt Marshes of the Wadden Sea", "10.1000/s"),
            paper("A comment on: Salt marshes of the Wadden Sea", "10.1000/c"),
            paper("What its abstract says", "10.1000/x"),
        ];
        let host = Recorded::new().json(&bulk(query), &json!({"total": 4, "data": papers}).to_string());
        let ids = |ids: &[&str]| Ok(ids.iter().map(|id| (*id).to_owned()).collect());
        assert_eq!(
            found(&host, &asked),
            [ids(&["10.1000/s", "10.1000/c"]), Err(SourceError::NotFound), ids(&["10.1000/d"])]
        );
        assert_eq!(host.urls().len(), 1);
    }

    #[test]
    fn an_answer_that_is_cut_is_asked_for_in_halves_and_a_short_title_alone() {
        let asked = titles(&[SALT, "Editorial", DRIFT]);
        let (salt, drift) = ("\"salt marshes of the wadden sea\"", "\"the drift of lighthouses at night\"");
        let cut = json!({"total": 3000, "token": "next", "data": [paper(SALT, "10.1000/other")]}).to_string();
        let both = bulk(&format!("{salt} | {drift}"));
        let own = |title: &str, doi: &str| json!({"data": [paper(title, doi)]}).to_string();
        let host = Recorded::new()
            .json(&both, &cut)
            .json(&bulk(salt), &json!({"total": 1, "data": [paper(SALT, "10.1000/s")]}).to_string())
            .json(&bulk(drift), &cut)
            .json(&alone(DRIFT), &own(DRIFT, "10.1000/d"))
            .json(&alone("Editorial"), &own("Editorial", "10.1000/e"));
        let ids: Vec<_> = found(&host, &asked).into_iter().map(|ids| ids.unwrap().join(" ")).collect();
        assert_eq!(ids, ["10.1000/s", "10.1000/e", "10.1000/d"], "nothing is taken of what was cut");
    }

    #[test]
    fn whatever_it_answers_no_title_gets_more_records_than_the_host_takes() {
        let asked = titles(&[SALT, DRIFT]);
        let papers: Vec<_> = (0..60).map(|number| paper(SALT, &format!("10.1000/{number}"))).collect();
        let many = json!({"total": 60, "data": papers}).to_string();
        let (salt, drift) = ("\"salt marshes of the wadden sea\"", "\"the drift of lighthouses at night\"");
        let host = Recorded::new()
            .json(&bulk(&format!("{salt} | {drift}")), &many)
            .json(&bulk(salt), &many)
            .json(&bulk(drift), &json!({"total": 0, "data": []}).to_string())
            .json(&alone(SALT), &json!({"data": [papers[0]]}).to_string());
        assert_eq!(found(&host, &asked), [Ok(vec!["10.1000/0".to_owned()]), Err(SourceError::NotFound)]);
    }

    #[test]
    fn titles_whose_search_is_refused_are_told_so_and_where_there_is_none_each_is_asked_for_alone() {
        let asked = titles(&[SALT, DRIFT]);
        let both = bulk("\"salt marshes of the wadden sea\" | \"the drift of lighthouses at night\"");
        let host = Recorded::new().status(&both, 429);
        let refused = |answer: &Result<_, _>| matches!(answer, Err(SourceError::Unavailable(_)));
        assert!(found(&host, &asked).iter().all(refused));
        let host = Recorded::new()
            .status(&both, 404)
            .json(&alone(SALT), &json!({"data": [paper(SALT, "10.1000/s")]}).to_string())
            .status(&alone(DRIFT), 404);
        assert_eq!(found(&host, &asked), [Ok(vec!["10.1000/s".to_owned()]), Err(SourceError::NotFound)]);
    }

    #[test]
    fn several_works_are_asked_for_by_one_list_and_each_gets_what_it_would_get_alone() {
        let batch = "https://api.semanticscholar.org/graph/v1/paper/batch";
        let batch = url::with_query(batch, &[("fields", Some(FIELDS))]);
        let record = json!({"title": "T", "openAccessPdf": {"url": "https://j.example/1.pdf"}});
        let ids =
            [WorkId::Doi("10.1000/no".into()), WorkId::Doi("10.1000/a".into()), WorkId::Pmcid("PMC3".into())];
        let asked = questions(ids);
        let ask = |host: &Recorded| find_many(host, &asked, &context_of(&source()).of_many());
        let host = Recorded::new().json(&batch, &json!([null, record, null]).to_string());
        let not_found = Err(SourceError::NotFound);
        assert_eq!(ask(&host), [not_found.clone(), answered(record), not_found.clone()]);
        let sent: Value = serde_json::from_slice(host.requests()[0].body.as_deref().unwrap()).unwrap();
        assert_eq!(sent, json!({"ids": ["DOI:10.1000/no", "DOI:10.1000/a", "PMCID:3"]}));
        let nobody = r#"{"error": "No valid paper ids given"}"#;
        let host = Recorded::new().answer(&batch, 400, "application/json", nobody);
        assert_eq!(ask(&host), [not_found.clone(), not_found.clone(), not_found]);
        let busy = ask(&Recorded::new().status(&batch, 429));
        assert!(busy.iter().all(|answer| *answer == Err(SourceError::Unavailable(None))));
    }
}
