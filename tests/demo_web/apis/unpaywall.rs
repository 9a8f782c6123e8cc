//! Unpaywall, version 2 (<https://unpaywall.org/data-format>).

use serde_json::{Value, json};

use super::{Location, Place};
use crate::demo_web::record::Record;
use crate::demo_web::recording::Reply;

/// The work with its locations, best first; none of them means closed.
pub fn work(record: &Record, locations: &[Location]) -> Reply {
    let doi = record.asked_doi().unwrap_or_default();
    let mut all: Vec<Value> = locations.iter().map(|location| described(location, &doi)).collect();
    if let Some(best) = all.first_mut() {
        best["is_best"] = true.into();
    }
    let status = match locations.first().map(|best| (best.by, best.license)) {
        None => "closed",
        Some((Place::Publisher, Some(_))) => "hybrid",
        Some((Place::Publisher, None)) => "bronze",
        Some((Place::Repository, _)) => "green",
    };
    let authors: Vec<Value> = record
        .authors
        .iter()
        .enumerate()
        .map(|(at, (given, family))| {
            json!({"given": given, "family": family, "sequence": if at == 0 { "first" } else { "additional" }})
        })
        .collect();
    Reply::json(&json!({
        "doi": doi,
        "doi_url": format!("https://doi.org/{doi}"),
        "title": record.title,
        "genre": "journal-article",
        "is_paratext": false,
        "published_date": format!("{}-03-01", record.year),
        "year": record.year,
        "journal_name": record.journal,
        "journal_issns": null,
        "journal_issn_l": null,
        "journal_is_oa": false,
        "journal_is_in_doaj": false,
        "publisher": record.publisher,
        "is_oa": !all.is_empty(),
        "oa_status": status,
        "has_repository_copy": locations.iter().any(|location| location.by == Place::Repository),
        "best_oa_location": all.first(),
        "first_oa_location": all.first(),
        "oa_locations": all,
        "oa_locations_embargoed": [],
        "updated": "2025-11-02T03:04:05.000000",
        "data_standard": 2,
        "z_authors": authors,
    }))
}

pub fn unknown(record: &Record) -> Reply {
    let doi = record.asked_doi().unwrap_or_default();
    let message = format!("'{doi}' isn't in Unpaywall. See https://support.unpaywall.org/");
    Reply::json(&json!({"HTTP_status_code": 404, "error": true, "message": message})).with_status(404)
}

fn described(location: &Location, doi: &str) -> Value {
    let (host, evidence) = match location.by {
        Place::Publisher => ("publisher", "open (via page says license)"),
        Place::Repository => ("repository", "oa repository (via OAI-PMH doi match)"),
    };
    json!({
        "updated": "2025-11-02T03:04:05.000000",
        "url": location.pdf.unwrap_or(location.landing),
        "url_for_pdf": location.pdf,
        "url_for_landing_page": location.landing,
        "evidence": evidence,
        "license": location.license,
        "version": location.version,
        "host_type": host,
        "is_best": false,
        "pmh_id": (location.by == Place::Repository).then(|| format!("oai:repository.example:{doi}")),
        "endpoint_id": null,
        "repository_institution": null,
        "oa_date": "2019-04-01",
    })
}
