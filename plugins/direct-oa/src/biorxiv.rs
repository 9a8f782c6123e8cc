//! bioRxiv and medRxiv: <https://api.biorxiv.org/>. The API lists the versions of a preprint with the address of the
//! XML of each; where the PDF is follows from that of the page.

use tierfall_sdk::*;

pub fn source() -> Source {
    Source::new("biorxiv", "preprints of bioRxiv and medRxiv, as XML and as PDF", &[IdKind::Doi])
        .api("https://api.biorxiv.org")
        .setting(Setting::new("site_base", "where bioRxiv's pages are").default("https://www.biorxiv.org"))
        .setting(Setting::new("medrxiv_base", "where medRxiv's pages are").default("https://www.medrxiv.org"))
}

/// The registrants of both: Cold Spring Harbor, and since the end of 2025 openRxiv.
const REGISTRANTS: [&str; 2] = ["10.1101/", "10.64898/"];

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let doi = work.doi().filter(|doi| is_a_preprints(doi)).ok_or(SourceError::NotApplicable)?;
    let base = ctx.api_base()?;
    let mut finding = Finding::none();
    for server in ["biorxiv", "medrxiv"] {
        let answer = get_json(host, &format!("{base}/details/{server}/{}", url::encode_path(doi)))?;
        let versions = answer.items("collection");
        let Some(newest) = versions.iter().max_by_key(|version| number(version)) else { continue };
        let of = newest.text("doi").and_then(|doi| WorkId::read_doi(&doi));
        if !of.is_some_and(|id| work.may_be(&[id])) {
            continue;
        }
        let site = ctx.required(if server == "biorxiv" { "site_base" } else { "medrxiv_base" })?;
        read(newest, doi, site.trim_end_matches('/'), &mut finding);
        break;
    }
    finding.or_not_found()
}

/// Preprints are numbered: the laboratory's journals, which have the same registrant, are not.
fn is_a_preprints(doi: &str) -> bool {
    let Some(number) = REGISTRANTS.iter().find_map(|registrant| doi.strip_prefix(registrant)) else {
        return false;
    };
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn number(version: &Value) -> u32 {
    version.text("version").and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn read(record: &Value, doi: &str, site: &str, finding: &mut Finding) {
    let mut facts = Facts::none();
    facts.title = record.text("title").and_then(|title| wording::title(&title));
    facts.year = record.text("date").and_then(|date| wording::year(&date));
    let authors = record.text("authors").unwrap_or_default();
    facts.authors = authors
        .split(';')
        .map(|author| author.split(',').next().unwrap_or_default().trim().to_owned())
        .filter(|author| !author.is_empty())
        .collect();
    let page = format!("{site}/content/{doi}v{}", number(record).max(1));
    facts.add_landing_url(Some(page.clone()));
    let license = record.text("license").filter(|license| license != "cc_no").map(|l| l.replace('_', "-"));
    let propose = |url: String, format: Format, evidence: &str| {
        let basis = if format == Format::Jats { Basis::Registry } else { Basis::Rule };
        Candidate::new(url, basis, evidence)
            .version(Version::Submitted)
            .license(license.clone())
            .landing_page(Some(page.clone()))
            .format(format)
    };
    if let Some(xml) = record.text("jatsxml") {
        finding.add(propose(xml, Format::Jats, "jatsxml"));
    }
    finding.add(propose(format!("{page}.full.pdf"), Format::Pdf, "the preprint's newest version"));
    finding.facts.absorb(facts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tierfall_sdk::testing::{Recorded, context_of, work};

    const DOI: &str = "10.1101/2099.01.02.123456";

    fn details(server: &str) -> String {
        format!("https://api.biorxiv.org/details/{server}/{DOI}")
    }

    fn ask(host: &Recorded, doi: &str) -> Result<Finding, SourceError> {
        find(host, &work(WorkId::Doi(doi.into())), &context_of(&source()))
    }

    fn version(number: u32) -> Value {
        json!({"doi": DOI, "title": "On <i>Mars</i>", "authors": "Roe, A.; van Doe, C. D.", "date": "2099-01-05",
            "version": number.to_string(), "license": "cc_by", "server": "medRxiv", "published": "NA",
            "jatsxml": format!("https://www.medrxiv.org/content/early/2099/01/05/2099.01.02.123456.source.{number}.xml")})
    }

    const NONE: &str = r#"{"messages": [{"status": "no posts found"}], "collection": []}"#;

    #[test]
    fn the_newest_version_is_proposed_as_xml_and_as_pdf() {
        let answer = json!({"collection": [version(1), version(10), version(2)]}).to_string();
        let host = Recorded::new().json(&details("biorxiv"), NONE).json(&details("medrxiv"), &answer);
        let finding = ask(&host, DOI).unwrap();
        let proposed: Vec<_> =
            finding.candidates.iter().map(|c| (c.url.as_str(), c.format, c.version)).collect();
        assert_eq!(
            proposed,
            [
                (
                    "https://www.medrxiv.org/content/early/2099/01/05/2099.01.02.123456.source.10.xml",
                    Format::Jats,
                    Version::Submitted
                ),
                (
                    "https://www.medrxiv.org/content/10.1101/2099.01.02.123456v10.full.pdf",
                    Format::Pdf,
                    Version::Submitted
                )
            ]
        );
        assert_eq!(finding.candidates[0].license.as_deref(), Some("cc-by"));
        assert_eq!(finding.facts.authors, ["Roe", "van Doe"]);
        assert_eq!((finding.facts.year, finding.facts.title.as_deref()), (Some(2099), Some("On Mars")));
    }

    #[test]
    fn only_preprints_are_asked_for_and_what_neither_has_is_not_found() {
        for other in ["10.1101/gr.12345.6", "10.1101/lm.1", "10.1000/1", "10.1101/"] {
            assert_eq!(ask(&Recorded::new(), other), Err(SourceError::NotApplicable), "{other}");
        }
        for answer in
            [NONE, "{}", r#"{"collection": [7, null, "x"]}"#, r#"{"collection": [{"doi": "10.1101/1"}]}"#]
        {
            let host = Recorded::new().json(&details("biorxiv"), answer).json(&details("medrxiv"), answer);
            assert_eq!(ask(&host, DOI), Err(SourceError::NotFound), "{answer}");
        }
    }
}
