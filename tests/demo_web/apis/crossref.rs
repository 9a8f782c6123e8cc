//! Crossref works (<https://api.crossref.org/swagger-ui/index.html>).

use serde_json::{Value, json};

use crate::demo_web::record::Record;
use crate::demo_web::recording::Reply;

/// The work with links to full texts: URL and intended application.
pub fn work(record: &Record, links: &[(&str, &str)]) -> Reply {
    let doi = record.asked_doi().unwrap_or_default();
    let authors: Vec<Value> = record
        .authors
        .iter()
        .enumerate()
        .map(|(at, (given, family))| {
            json!({"given": given, "family": family, "sequence": if at == 0 { "first" } else { "additional" }, "affiliation": []})
        })
        .collect();
    let links: Vec<Value> = links
        .iter()
        .map(|(url, purpose)| {
            json!({"URL": url, "content-type": "application/pdf", "content-version": "vor", "intended-application": purpose})
        })
        .collect();
    let license = json!({
        "start": {"date-parts": [[record.year, 3, 1]]},
        "content-version": "vor",
        "delay-in-days": 0,
        "URL": "https://creativecommons.org/licenses/by/4.0/",
    });
    let mut message = json!({
        "DOI": doi,
        "URL": format!("https://doi.org/{doi}"),
        "type": "journal-article",
        "title": [record.title],
        "author": authors,
        "container-title": [record.journal],
        "publisher": record.publisher,
        "published": {"date-parts": [[record.year, 3, 1]]},
        "volume": "7",
        "issue": "2",
        "page": format!("{}-{}", record.first_page, record.last_page()),
        "resource": {"primary": {"URL": record.landing}},
        "is-referenced-by-count": 0,
    });
    if !links.is_empty() {
        message["link"] = links.into();
        message["license"] = json!([license]);
    }
    Reply::json(
        &json!({"status": "ok", "message-type": "work", "message-version": "1.0.0", "message": message}),
    )
}
