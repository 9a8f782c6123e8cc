//! Unpaywall: <https://unpaywall.org/products/api>, the fields in
//! <https://unpaywall.org/data-format>.

use tierfall_sdk::*;

use crate::shared::{crossref_doi, mailto};

pub fn source() -> Source {
    Source::new("unpaywall", "open copies of works with a Crossref DOI", &[IdKind::Doi])
        .api("https://api.unpaywall.org")
        .setting(mailto().required())
}

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let doi = crossref_doi(work).ok_or(SourceError::NotApplicable)?;
    let base = format!("{}/v2/{}", ctx.api_base()?, url::encode_path(doi));
    let url = url::with_query(&base, &[("email", Some(ctx.required("mailto")?))]);
    let response = host.fetch(&Request::get(url).accept_json())?;
    // 422 is how it refuses an address, and the only way it refuses anything.
    if response.status == 422 {
        let said = response.json::<Value>().unwrap_or_default();
        let said = said.text("message").unwrap_or_else(|| "it refuses the e-mail address".into());
        return Err(SourceError::Misconfigured(format!("unpaywall: {said}")));
    }
    let record: Value = response.success()?.json()?;
    read(&record, work).or_not_found()
}

fn read(record: &Value, work: &Work) -> Finding {
    let mut finding = Finding::none();
    finding.facts.title = record.text("title").and_then(|title| wording::title(&title));
    finding.facts.year =
        record.text("year").or_else(|| record.text("published_date")).and_then(|y| wording::year(&y));
    finding.facts.authors = record
        .items("z_authors")
        .iter()
        .filter_map(|a| a.text("family").or_else(|| a.text("raw_author_name")).or_else(|| a.text("name")))
        .collect();

    let best = [("best_oa_location", record.at("best_oa_location"))];
    let first = [("first_oa_location", record.at("first_oa_location"))];
    let all = record.items("oa_locations").iter().map(|location| ("oa_locations", location));
    for (place, location) in best.into_iter().chain(all).chain(first) {
        add(&mut finding, place, location, work);
    }
    finding
}

fn add(finding: &mut Finding, place: &str, location: &Value, work: &Work) {
    let landing = location.text("url_for_landing_page");
    finding.facts.add_location(landing.as_ref(), work);
    // `oai:arXiv.org:2101.00001`
    let harvested = location.text("pmh_id").unwrap_or_default();
    if let Some(id) = harvested.strip_prefix("oai:arXiv.org:") {
        finding.facts.add_id(WorkId::read_arxiv(id));
    }
    // `oai:pubmedcentral.nih.gov:123`
    if let Some(digits) = harvested.strip_prefix("oai:pubmedcentral.nih.gov:") {
        finding.facts.add_id(WorkId::read_pmcid(digits));
    }
    if let Some(url) = location.text("url_for_pdf") {
        finding.facts.add_id_of_file(&url);
        finding.add(
            Candidate::new(url, Basis::Registry, format!("{place}.url_for_pdf"))
                .version(Version::read(&location.text("version").unwrap_or_default()))
                .license(location.text("license"))
                .landing_page(landing),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tierfall_sdk::testing::{Recorded, context_of, work};

    const URL: &str = "https://api.unpaywall.org/v2/10.1000/a%281%29?email=me%40lib.example";

    fn find_with(host: &Recorded) -> Result<Finding, SourceError> {
        let ctx = context_of(&source()).with("mailto", "me@lib.example");
        find(host, &work(WorkId::Doi("10.1000/a(1)".into())), &ctx)
    }

    fn answered(body: Value) -> Result<Finding, SourceError> {
        find_with(&Recorded::new().json(URL, &body.to_string()))
    }

    #[test]
    fn every_location_is_read_the_best_first_with_its_version_and_licence() {
        let best = json!({"url_for_pdf": "https://j.example/1.pdf", "url_for_landing_page": "https://doi.org/10.1000/a(1)",
            "version": "publishedVersion", "license": "cc-by", "host_type": "publisher"});
        let finding = answered(json!({
            "doi": "10.1000/a(1)", "title": "On <i>Mars</i>", "year": 2019,
            "z_authors": [{"family": "Roe", "given": "Ada"}, {"raw_author_name": "Cy Doe"}, null, {}],
            "best_oa_location": best,
            "oa_locations": [best,
                {"url_for_pdf": "https://r.example/2.pdf", "url_for_landing_page": "https://r.example/2",
                 "version": "acceptedVersion", "license": null, "pmh_id": "oai:r.example:2"},
                {"url_for_pdf": null, "url_for_landing_page": "https://arxiv.org/abs/2101.00001v1",
                 "pmh_id": "oai:arXiv.org:2101.00001"}],
            "first_oa_location": {"url_for_pdf": "https://f.example/3.pdf"},
        }))
        .unwrap();
        let found: Vec<_> = finding.candidates.iter().map(|c| (c.url.as_str(), c.version)).collect();
        assert_eq!(
            found,
            [
                ("https://j.example/1.pdf", Version::Published),
                ("https://r.example/2.pdf", Version::Accepted),
                ("https://f.example/3.pdf", Version::Unknown)
            ]
        );
        assert_eq!(finding.candidates[0].license.as_deref(), Some("cc-by"));
        assert_eq!(finding.candidates[0].evidence, "best_oa_location.url_for_pdf");
        assert_eq!(finding.candidates[1].landing_page.as_deref(), Some("https://r.example/2"));
        assert_eq!(finding.facts.title.as_deref(), Some("On Mars"));
        assert_eq!(finding.facts.authors, ["Roe", "Cy Doe"]);
        assert_eq!(finding.facts.year, Some(2019));
        assert_eq!(finding.facts.landing_urls, ["https://r.example/2", "https://arxiv.org/abs/2101.00001v1"]);
        assert_eq!(finding.facts.ids.len(), 2);
    }

    #[test]
    fn a_pmcid_is_learned_from_every_form_of_its_digits() {
        for location in [
            json!({"pmh_id": "oai:pubmedcentral.nih.gov:1200"}),
            json!({"url_for_landing_page": "https://www.ncbi.nlm.nih.gov/pmc/articles/1200"}),
            json!({"url_for_pdf": "https://www.ncbi.nlm.nih.gov/pmc/articles/1200/pdf"}),
        ] {
            let found = answered(json!({"best_oa_location": location})).unwrap();
            assert_eq!(found.facts.ids, [WorkId::Pmcid("PMC1200".into())], "{location}");
        }
    }

    #[test]
    fn a_closed_work_gives_its_facts_and_an_empty_answer_is_not_found() {
        let closed = answered(json!({"title": "T", "best_oa_location": null, "oa_locations": []})).unwrap();
        assert!(closed.candidates.is_empty());
        assert_eq!(closed.facts.title.as_deref(), Some("T"));
        assert_eq!(answered(json!({})), Err(SourceError::NotFound));
    }

    #[test]
    fn answers_of_another_shape_are_put_up_with() {
        for body in [
            json!([]),
            json!("x"),
            json!({"title": 7, "year": "n.d.", "best_oa_location": "x", "oa_locations": {"url_for_pdf": ["x"]}, "z_authors": 3}),
            json!({"oa_locations": [null, 7, {"url_for_pdf": "", "version": 3}, {"url_for_pdf": "javascript:x()"}]}),
        ] {
            let found = answered(body.clone());
            assert!(found.is_err() || found.is_ok_and(|f| f.candidates.is_empty()), "{body}");
        }
        let error = find_with(&Recorded::new().html(URL, "<html>"));
        assert!(matches!(error, Err(SourceError::BadAnswer(_))));
    }

    #[test]
    fn refusals_say_what_to_do_and_failures_that_they_may_pass() {
        let refused = Recorded::new().answer(
            URL,
            422,
            "application/json",
            r#"{"message": "Please use your own email"}"#,
        );
        assert_eq!(
            find_with(&refused),
            Err(SourceError::Misconfigured("unpaywall: Please use your own email".into()))
        );
        assert_eq!(find_with(&Recorded::new().status(URL, 404)), Err(SourceError::NotFound));
        assert_eq!(find_with(&Recorded::new().status(URL, 503)), Err(SourceError::Unavailable(None)));
        let unset = find(&Recorded::new(), &work(WorkId::Doi("10.1000/a".into())), &context_of(&source()));
        assert!(matches!(unset, Err(SourceError::Misconfigured(text)) if text.contains("mailto")));
    }
}
