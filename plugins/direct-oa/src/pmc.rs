//! PubMed Central: the ID converter (<https://pmc.ncbi.nlm.nih.gov/tools/id-converter-api/>) for works
//! whose PMCID is not known, then the OA service (<https://pmc.ncbi.nlm.nih.gov/tools/oa-service/>).

use roxmltree::Document;
use tierfall_sdk::*;

use crate::shared::{crossref_doi, mailto};

pub fn source() -> Source {
    Source::new("pmc", "the copy in PubMed Central", &[IdKind::Pmcid, IdKind::Doi, IdKind::Pmid])
        .api("https://pmc.ncbi.nlm.nih.gov")
        .setting(Setting::new("oa_base", "where the OA service is").default(OA_SERVICE))
        .host(setting_host("oa_base"), Role::Api)
        .setting(mailto())
}

const OA_SERVICE: &str = "https://www.ncbi.nlm.nih.gov/pmc/utils/oa";

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let site = ctx.api_base()?;
    let mut finding = Finding::none();
    let pmcid = match work.pmcid() {
        Some(pmcid) => pmcid.to_owned(),
        None => convert(host, work, ctx, &mut finding.facts)?,
    };
    let landing = format!("{site}/articles/{pmcid}/");
    match open_files(host, &pmcid, ctx) {
        Ok(files) => {
            for url in files.urls {
                finding.add(
                    Candidate::new(url, Basis::Registry, "the OA service's link")
                        .version(Version::Published)
                        .license(files.license.clone())
                        .landing_page(Some(landing.clone())),
                );
            }
        }
        Err(error) => host.log(Level::Info, &format!("no answer from the OA service: {error:?}")),
    }
    finding.add(
        Candidate::new(format!("{landing}pdf/"), Basis::Rule, "the PMCID")
            .landing_page(Some(landing.clone())),
    );
    finding.facts.add_landing_url(Some(landing));
    Ok(finding)
}

/// Asks for the PMCID of a work that is known by its DOI or PMID, and learns its other identifiers.
fn convert(host: &dyn Host, work: &Work, ctx: &Context, facts: &mut Facts) -> Result<String, SourceError> {
    let id = crossref_doi(work).or(work.pmid()).ok_or(SourceError::NotApplicable)?;
    let base = format!("{}/tools/idconv/api/v1/articles/", ctx.api_base()?);
    let url = url::with_query(
        &base,
        &[
            ("ids", Some(id)),
            ("format", Some("json")),
            ("tool", Some("tierfall")),
            ("email", ctx.setting("mailto")),
        ],
    );
    let answer = get_json(host, &url)?;
    let record = answer
        .items("records")
        .iter()
        .find(|record| record.text("status").as_deref() != Some("error"))
        .ok_or(SourceError::NotFound)?;
    let ids: Vec<WorkId> = [
        record.text("pmid").and_then(|id| WorkId::read_pmid(&id)),
        record.text("doi").and_then(|id| WorkId::read_doi(&id)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !work.may_be(&ids) {
        return Err(SourceError::NotFound);
    }
    let pmcid = record.text("pmcid").and_then(|id| WorkId::read_pmcid(&id)).ok_or(SourceError::NotFound)?;
    facts.add_id(Some(pmcid.clone()));
    ids.into_iter().for_each(|id| facts.add_id(Some(id)));
    Ok(pmcid.value().to_owned())
}

struct OpenFiles {
    urls: Vec<String>,
    license: Option<String>,
}

/// The PDFs that the OA service offers. A work without one there may still have a page.
fn open_files(host: &dyn Host, pmcid: &str, ctx: &Context) -> Result<OpenFiles, SourceError> {
    let base = format!("{}/oa.fcgi", ctx.required("oa_base")?.trim_end_matches('/'));
    let url = url::with_query(&base, &[("id", Some(pmcid))]);
    let response = host.fetch(&Request::get(url))?.success()?;
    let document = Document::parse(response.text())
        .map_err(|error| SourceError::BadAnswer(format!("the OA service answered no XML: {error}")))?;
    let links = document.descendants().filter(|n| n.has_tag_name("link"));
    Ok(OpenFiles {
        urls: links
            .filter(|link| link.attribute("format") == Some("pdf"))
            .filter_map(|link| link.attribute("href"))
            // The same server answers by HTTPS.
            .map(|url| match url.strip_prefix("ftp://") {
                Some(rest) => format!("https://{rest}"),
                None => url.to_owned(),
            })
            .collect(),
        license: document
            .descendants()
            .find(|n| n.has_tag_name("record"))
            .and_then(|record| record.attribute("license"))
            .filter(|license| *license != "none")
            .map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::testing::{Recorded, context_of, work};

    const OA: &str = "https://www.ncbi.nlm.nih.gov/pmc/utils/oa/oa.fcgi?id=PMC34";
    const PDF: &str = "https://pmc.ncbi.nlm.nih.gov/articles/PMC34/pdf/";
    const OPEN: &str = r#"<OA><records><record id="PMC34" citation="x" license="CC BY" retracted="no">
        <link format="tgz" href="ftp://ftp.ncbi.nlm.nih.gov/pub/pmc/oa_package/1.tar.gz"/>
        <link format="pdf" href="ftp://ftp.ncbi.nlm.nih.gov/pub/pmc/oa_pdf/main.PMC34.pdf"/></record></records></OA>"#;
    const CLOSED: &str = r#"<OA><request id="PMC34"/><error code="idIsNotOpenAccess">identifier 'PMC34' is not Open Access</error></OA>"#;

    fn idconv(ids: &str) -> String {
        format!(
            "https://pmc.ncbi.nlm.nih.gov/tools/idconv/api/v1/articles/?ids={ids}&format=json&tool=tierfall"
        )
    }

    fn find_with(host: &Recorded, id: WorkId) -> Result<Finding, SourceError> {
        find(host, &work(id), &context_of(&source()))
    }

    fn doi() -> WorkId {
        WorkId::Doi("10.1000/a".into())
    }

    fn urls(finding: &Finding) -> Vec<&str> {
        finding.candidates.iter().map(|c| c.url.as_str()).collect()
    }

    #[test]
    fn a_doi_or_pmid_is_converted_and_the_links_are_served_by_https() {
        let record =
            r#"{"status":"ok","records":[{"pmcid":"PMC34","pmid":12,"doi":"10.1000/A","requested-id":"x"}]}"#;
        for (id, ids) in [(doi(), "10.1000%2Fa"), (WorkId::Pmid("12".into()), "12")] {
            let host = Recorded::new().json(&idconv(ids), record).answer(OA, 200, "text/xml", OPEN);
            let finding = find_with(&host, id).unwrap();
            assert_eq!(urls(&finding), ["https://ftp.ncbi.nlm.nih.gov/pub/pmc/oa_pdf/main.PMC34.pdf", PDF]);
            assert_eq!(finding.candidates[0].license.as_deref(), Some("CC BY"));
            assert_eq!(finding.candidates[0].basis, Basis::Registry);
            assert_eq!(finding.facts.ids.len(), 3);
            assert_eq!(finding.facts.landing_urls, ["https://pmc.ncbi.nlm.nih.gov/articles/PMC34/"]);
        }
    }

    #[test]
    fn a_known_pmcid_needs_no_conversion_and_always_has_a_page() {
        for host in [
            Recorded::new().answer(OA, 200, "text/xml", CLOSED),
            Recorded::new().status(OA, 503),
            Recorded::new().answer(OA, 200, "text/html", "<p>"),
        ] {
            let finding = find_with(&host, WorkId::Pmcid("PMC34".into())).unwrap();
            assert_eq!(urls(&finding), [PDF]);
            assert_eq!(finding.candidates[0].basis, Basis::Rule);
        }
    }

    #[test]
    fn what_is_not_in_pmc_is_not_found() {
        for answer in [
            r#"{"records":[{"doi":"10.1000/a","status":"error","errmsg":"Identifier not found in PMC"}]}"#,
            r#"{"records":[{"doi":"10.1000/a","pmid":"12","pmcid":null}]}"#,
            r#"{"records":[{"doi":"10.1000/other","pmcid":"PMC34"}]}"#,
            r#"{"records":[]}"#,
            r#"{"records":[null, 7]}"#,
            r#"{"status":"error"}"#,
            "[]",
        ] {
            let host = Recorded::new().json(&idconv("10.1000%2Fa"), answer);
            assert_eq!(find_with(&host, doi()), Err(SourceError::NotFound), "{answer}");
        }
        let down = Recorded::new().status(&idconv("10.1000%2Fa"), 500);
        assert_eq!(find_with(&down, doi()), Err(SourceError::Unavailable(None)));
        assert_eq!(
            find_with(&Recorded::new(), WorkId::Openalex("W1".into())),
            Err(SourceError::NotApplicable)
        );
    }
}
