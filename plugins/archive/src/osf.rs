//! Preprints of the Open Science Framework and its communities (<https://developer.osf.io/#tag/Preprints>).

use tierfall_sdk::{
    Basis, Candidate, Context, Facts, Finding, Host, IdKind, Lenient, Source, SourceError, Value, Version,
    Work, WorkId, get_json, url,
};

use crate::record::{self, About};
use crate::{files, wording};

/// What is wanted along with a preprint, to save a request for each.
const EMBEDS: [(&str, Option<&str>); 3] =
    [("embed", Some("primary_file")), ("embed", Some("contributors")), ("embed", Some("license"))];

pub fn source(name: &str) -> Source {
    Source::new(name, "preprints of OSF and its communities", &[IdKind::Doi]).api("https://api.osf.io/v2")
}

/// By the guid in its DOI. Works with other DOIs are not looked for: the API filters preprints by what its list of
/// filters names, and DOIs, of the preprint or of the article that it became, are not among them.
pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let doi = work.doi().ok_or(SourceError::NotApplicable)?;
    let guid = guid(doi).ok_or(SourceError::NotApplicable)?;
    let preprints = format!("{}/preprints/", ctx.api_base()?);
    let mut finding = Finding::none();
    match get_json(host, &url::with_query(&format!("{preprints}{guid}/"), &EMBEDS)) {
        Ok(answer) if answer.at("data").is_object() => add(host, &mut finding, work, answer.at("data"))?,
        Ok(_) => return Err(SourceError::BadAnswer("OSF answered no preprint".into())),
        // Not every DOI of OSF is a preprint's, and not every preprint is found by its guid.
        Err(SourceError::NotFound) => {
            for preprint in filtered(host, &preprints, doi)?.items("data") {
                add(host, &mut finding, work, preprint)?;
            }
        }
        Err(error) => return Err(error),
    }
    finding.or_not_found()
}

/// The preprints with a DOI, on installations that filter by it.
fn filtered(host: &dyn Host, preprints: &str, doi: &str) -> Result<Value, SourceError> {
    let mut pairs = vec![("filter[doi]", Some(doi))];
    pairs.extend(EMBEDS);
    match get_json(host, &url::with_query(preprints, &pairs)) {
        // It does not filter by it; the guid was the answer.
        Err(SourceError::BadAnswer(_)) => Err(SourceError::NotFound),
        answer => answer,
    }
}

/// The five characters by which OSF knows what it registered: `10.31219/osf.io/abcde`, with the
/// version that newer ones have, `abcde_v2`.
fn guid(doi: &str) -> Option<&str> {
    let (_, guid) = doi.split_once("/osf.io/")?;
    guid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_').then_some(guid)
}

/// Adds the file of a preprint, unless it is about another work or no longer public.
fn add(host: &dyn Host, finding: &mut Finding, work: &Work, preprint: &Value) -> Result<(), SourceError> {
    let about = record::about(work, &stated(preprint));
    if about == About::AnotherWork || preprint.text("id").is_none() || !is_public(preprint) {
        return Ok(());
    }
    if about == About::ThisWork {
        finding.facts.absorb(facts(preprint));
    }
    let mut propose = |link: String, basis, evidence: &str| {
        let candidate = Candidate::new(link, basis, evidence)
            .version(Version::Submitted)
            .license(preprint.text("embeds.license.data.attributes.name"))
            .landing_page(preprint.text("links.html"));
        finding.add(candidate);
    };
    let file = primary_file(host, preprint)?;
    let name = file.text("attributes.name").unwrap_or_else(|| "unnamed.pdf".into());
    if !files::is_pdf(&name) {
        return Ok(());
    }
    if let Some(link) = file.text("links.download") {
        propose(link, Basis::Registry, "primary_file.links.download");
    }
    if let Some(id) = preprint.text("id") {
        propose(format!("https://osf.io/{id}/download"), Basis::Rule, "the preprint's id");
    }
    Ok(())
}

/// The file of a preprint: embedded in the answer, or behind a link. Null if there is none.
fn primary_file(host: &dyn Host, preprint: &Value) -> Result<Value, SourceError> {
    let embedded = preprint.at("embeds.primary_file.data");
    if embedded.is_object() {
        return Ok(embedded.clone());
    }
    let Some(link) = preprint.text("relationships.primary_file.links.related.href") else {
        return Ok(Value::Null);
    };
    match get_json(host, &link) {
        Ok(answer) => Ok(answer.at("data").clone()),
        Err(SourceError::NotFound) => Ok(Value::Null),
        Err(error) => Err(error),
    }
}

/// Withdrawn preprints keep their record, and lose their file.
fn is_public(preprint: &Value) -> bool {
    let said_no = |path: &str| preprint.at(path).as_bool() == Some(false);
    !said_no("attributes.is_published")
        && !said_no("attributes.public")
        && preprint.text("attributes.date_withdrawn").is_none()
}

/// A preprint has a DOI of its own and may name that of the article it became.
fn stated(preprint: &Value) -> Vec<WorkId> {
    let texts = ["attributes.doi", "links.preprint_doi"].iter().filter_map(|path| preprint.text(path));
    record::dois(texts)
}

fn facts(preprint: &Value) -> Facts {
    let mut facts = Facts::none();
    facts.title = preprint.text("attributes.title").and_then(|title| wording::title(&title));
    facts.authors = preprint
        .items("embeds.contributors.data")
        .iter()
        .filter(|c| c.at("attributes.bibliographic").as_bool() != Some(false))
        .filter_map(|c| {
            let person = c.at("embeds.users.data.attributes");
            person.text("family_name").or_else(|| person.text("full_name"))
        })
        .collect();
    let date = preprint
        .text("attributes.original_publication_date")
        .or_else(|| preprint.text("attributes.date_published"));
    facts.year = date.and_then(|date| wording::year(&date));
    facts.add_landing_url(preprint.text("links.html"));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::FetchError;
    use tierfall_sdk::serde_json::json;
    use tierfall_sdk::testing::{Recorded, context_of, work};

    const EMBED: &str = "embed=primary_file&embed=contributors&embed=license";
    const FILE: &str = "https://api.osf.io/v2/files/0123456789abcdef01234567/";

    const OWN: &str = "10.31219/osf.io/q2w3e";

    fn by_guid(guid: &str) -> String {
        format!("https://api.osf.io/v2/preprints/{guid}/?{EMBED}")
    }

    fn by_doi(doi: &str) -> String {
        format!("https://api.osf.io/v2/preprints/?filter%5Bdoi%5D={}&{EMBED}", url::encode(doi))
    }

    fn preprint(doi: Value, preprint_doi: &str) -> Value {
        json!({
            "id": "q2w3e", "type": "preprints",
            "attributes": {"title": "Night trains", "doi": doi, "date_published": "2021-04-05T10:00:00", "is_published": true,
                "public": true, "date_withdrawn": null},
            "relationships": {"primary_file": {"links": {"related": {"href": FILE, "meta": {}}}}},
            "links": {"html": "https://osf.io/preprints/osf/q2w3e", "preprint_doi": preprint_doi}
        })
    }

    fn file(name: &str) -> String {
        json!({"data": {"attributes": {"name": name, "kind": "file"},
            "links": {"download": "https://osf.io/download/0123456789abcdef01234567/"}}})
        .to_string()
    }

    fn ask(host: &Recorded, doi: &str) -> Result<Finding, SourceError> {
        find(host, &work(WorkId::Doi(doi.into())), &context_of(&source("osf")))
    }

    #[test]
    fn a_doi_of_osf_is_asked_for_by_its_guid_and_leads_to_the_primary_file() {
        let record = json!({"data": preprint(Value::Null, "https://doi.org/10.31219/OSF.io/q2w3e")});
        let host = Recorded::new().json(&by_guid("q2w3e"), &record.to_string()).json(FILE, &file("ms.pdf"));
        let found = ask(&host, "10.31219/osf.io/q2w3e").expect("a finding");
        let urls: Vec<_> = found.candidates.iter().map(|c| (c.url.as_str(), c.basis)).collect();
        assert_eq!(
            urls,
            [
                ("https://osf.io/download/0123456789abcdef01234567/", Basis::Registry),
                ("https://osf.io/q2w3e/download", Basis::Rule)
            ]
        );
        assert_eq!(found.candidates[0].version, Version::Submitted);
        assert_eq!(found.facts.title.as_deref(), Some("Night trains"));
        assert_eq!(found.facts.year, Some(2021));
        assert_eq!(found.facts.landing_urls, ["https://osf.io/preprints/osf/q2w3e"]);
        assert_eq!(host.urls().len(), 2);
    }

    #[test]
    fn what_is_embedded_is_not_asked_for_again() {
        let mut record = preprint(Value::Null, "https://doi.org/10.31219/osf.io/q2w3e_v2");
        record["embeds"] = json!({
            "primary_file": {"data": {"attributes": {"name": "ms.pdf"}, "links": {"download": "https://osf.io/download/f/"}}},
            "contributors": {"data": [
                {"attributes": {"bibliographic": true}, "embeds": {"users": {"data": {"attributes": {"family_name": "Roux"}}}}},
                {"attributes": {"bibliographic": false}, "embeds": {"users": {"data": {"attributes": {"family_name": "Hand"}}}}}]},
            "license": {"data": {"attributes": {"name": "CC-By Attribution 4.0 International"}}}});
        let host = Recorded::new().json(&by_guid("q2w3e_v2"), &json!({"data": record}).to_string());
        let found = ask(&host, "10.31219/osf.io/q2w3e_v2").expect("a finding");
        assert_eq!(found.candidates[0].url, "https://osf.io/download/f/");
        assert_eq!(found.candidates[0].license.as_deref(), Some("CC-By Attribution 4.0 International"));
        assert_eq!(found.facts.authors, ["Roux"]);
        assert_eq!(host.urls().len(), 1);
    }

    #[test]
    fn a_doi_of_others_and_a_work_without_one_are_not_for_this_source() {
        let host = Recorded::new();
        assert_eq!(ask(&host, "10.1000/a"), Err(SourceError::NotApplicable));
        let found = find(&host, &work(WorkId::Pmid("1".into())), &context_of(&source("osf")));
        assert_eq!(found, Err(SourceError::NotApplicable));
        assert!(host.urls().is_empty(), "the API refuses to look for other DOIs");
    }

    #[test]
    fn a_guid_that_leads_nowhere_is_looked_for_by_its_doi_where_that_can_be_filtered_by() {
        let record = json!({"data": [null, preprint(json!(OWN), "https://doi.org/10.31219/osf.io/other")]});
        let gone = || Recorded::new().status(&by_guid("q2w3e"), 404);
        let host = gone().json(&by_doi(OWN), &record.to_string()).json(FILE, &file("ms.pdf"));
        assert!(ask(&host, OWN).is_ok_and(|found| !found.candidates.is_empty()));
        for host in [gone().json(&by_doi(OWN), r#"{"data": []}"#), gone().status(&by_doi(OWN), 400)] {
            assert_eq!(ask(&host, OWN), Err(SourceError::NotFound));
        }
        let host = gone().status(&by_doi(OWN), 503);
        assert_eq!(ask(&host, OWN), Err(SourceError::Unavailable(None)));
    }

    #[test]
    fn other_works_withdrawn_preprints_and_files_that_are_no_pdf_are_left_out() {
        let answer = |record: Value, name: &str| {
            let host = Recorded::new()
                .json(&by_guid("q2w3e"), &json!({"data": record}).to_string())
                .json(FILE, &file(name));
            ask(&host, OWN)
        };
        let own = "https://doi.org/10.31219/osf.io/q2w3e";
        let other = "https://doi.org/10.31219/osf.io/other";
        assert_eq!(answer(preprint(json!("10.1000/b"), other), "ms.pdf"), Err(SourceError::NotFound));
        let mut withdrawn = preprint(json!("10.1000/a"), own);
        withdrawn["attributes"]["date_withdrawn"] = json!("2022-01-01T00:00:00");
        assert_eq!(answer(withdrawn, "ms.pdf"), Err(SourceError::NotFound));
        let found = answer(preprint(json!("10.1000/a"), own), "ms.docx").expect("facts");
        assert!(found.candidates.is_empty());
    }

    #[test]
    fn a_record_with_missing_parts_does_what_it_can() {
        let host = Recorded::new().json(&by_guid("q2w3e"), r#"{"data": {"id": "q2w3e", "attributes": 3}}"#);
        let found = ask(&host, OWN).expect("a finding");
        assert_eq!(found.candidates.len(), 1);
        assert_eq!(found.candidates[0].basis, Basis::Rule);
    }

    #[test]
    fn errors_say_what_they_are() {
        let at = by_guid("q2w3e");
        let host = Recorded::new().json(&at, r#"{"errors": [{"detail": "x"}]}"#);
        assert!(matches!(ask(&host, OWN), Err(SourceError::BadAnswer(_))));
        let host = Recorded::new().answer(
            &at,
            400,
            "application/json",
            r#"{"errors": [{"detail": "no such embed"}]}"#,
        );
        assert!(
            matches!(ask(&host, OWN), Err(SourceError::BadAnswer(text)) if text.contains("no such embed"))
        );
        let host = Recorded::new().error(&at, FetchError::Transport("reset".into()));
        assert_eq!(ask(&host, OWN), Err(SourceError::Unavailable(None)));
    }
}
