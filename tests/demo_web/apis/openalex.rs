//! OpenAlex works (<https://docs.openalex.org/api-entities/works/work-object>).

use serde_json::{Value, json};

use super::{Location, Place};
use crate::demo_web::record::Record;
use crate::demo_web::recording::Reply;

/// The work with its open locations; the registry's own page comes as a closed one.
pub fn work(record: &Record, open: &[Location]) -> Reply {
    let doi = record.asked_doi().map(|doi| format!("https://doi.org/{doi}"));
    let id = record.openalex.unwrap_or("W9900000000");
    let primary = json!({
        "is_oa": false, "landing_page_url": record.landing, "pdf_url": null, "source": null,
        "license": null, "license_id": null, "version": null, "is_accepted": false, "is_published": false,
    });
    let described: Vec<Value> = open.iter().map(location).collect();
    let locations: Vec<&Value> = std::iter::once(&primary).chain(&described).collect();
    let authorships: Vec<Value> = record
        .names()
        .iter()
        .enumerate()
        .map(|(at, name)| {
            json!({
                "author_position": if at == 0 { "first" } else { "last" },
                "author": {"id": format!("https://openalex.org/A990000000{at}"), "display_name": name, "orcid": null},
                "institutions": [],
                "is_corresponding": at == 0,
                "raw_author_name": name,
            })
        })
        .collect();
    let url = open.first().map(|best| best.pdf.unwrap_or(best.landing));
    Reply::json(&json!({
        "id": format!("https://openalex.org/{id}"),
        "doi": doi,
        "title": record.title,
        "display_name": record.title,
        "publication_year": record.year,
        "publication_date": format!("{}-03-01", record.year),
        "ids": {
            "openalex": format!("https://openalex.org/{id}"),
            "doi": doi,
            "pmid": record.pmid.map(|id| format!("https://pubmed.ncbi.nlm.nih.gov/{id}")),
            "pmcid": record.pmcid.map(|id| format!("https://www.ncbi.nlm.nih.gov/pmc/articles/{}", id.trim_start_matches("PMC"))),
        },
        "language": "en",
        "type": "article",
        "primary_location": primary,
        "open_access": {
            "is_oa": !open.is_empty(),
            "oa_status": if open.is_empty() { "closed" } else { "green" },
            "oa_url": url,
            "any_repository_has_fulltext": open.iter().any(|location| location.by == Place::Repository),
        },
        "authorships": authorships,
        "biblio": {
            "volume": "7",
            "issue": "2",
            "first_page": record.first_page.to_string(),
            "last_page": record.last_page().to_string(),
        },
        "is_retracted": false,
        "is_paratext": false,
        "locations_count": locations.len(),
        "locations": locations,
        "best_oa_location": described.first(),
    }))
}

pub fn unknown() -> Reply {
    Reply::json(&json!({"error": "Not Found", "message": "No work with this id was found."})).with_status(404)
}

fn location(location: &Location) -> Value {
    json!({
        "is_oa": true,
        "landing_page_url": location.landing,
        "pdf_url": location.pdf,
        "source": {
            "id": "https://openalex.org/S9900000001",
            "display_name": "An Invented Source",
            "type": if location.by == Place::Repository { "repository" } else { "journal" },
        },
        "license": location.license,
        "license_id": location.license.map(|license| format!("https://openalex.org/licenses/{license}")),
        "version": location.version,
        "is_accepted": location.version != "submittedVersion",
        "is_published": location.version == "publishedVersion",
    })
}
