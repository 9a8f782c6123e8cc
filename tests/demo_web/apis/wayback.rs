//! The Wayback Machine: the availability API and the CDX index.

use serde_json::{Value, json};

use crate::demo_web::record::Record;
use crate::demo_web::recording::{Recording, Reply};
use crate::demo_web::urls;

/// One capture as the index lists it.
pub struct Capture {
    /// `YYYYMMDDhhmmss`.
    pub timestamp: &'static str,
    pub mimetype: &'static str,
    pub digest: &'static str,
}

/// What both services know of a URL of a work; no captures means that it was never archived.
pub fn captures(web: &mut Recording, record: &Record, url: &str, captures: &[Capture]) {
    let closest = captures.last().map(|capture| {
        let replay = format!("http://web.archive.org/web/{}/{url}", capture.timestamp);
        json!({"closest": {"status": "200", "available": true, "url": replay, "timestamp": capture.timestamp}})
    });
    let available = json!({"url": url, "archived_snapshots": closest.unwrap_or(json!({}))});
    web.get(&urls::availability(url, Some(record.year)), Reply::json(&available));
    let header = json!(["timestamp", "original", "mimetype", "statuscode", "digest", "length"]);
    let row =
        |capture: &Capture| json!([capture.timestamp, url, capture.mimetype, "200", capture.digest, "48000"]);
    let rows: Vec<Value> = match captures {
        // For nothing the index answers an empty list, without its header.
        [] => Vec::new(),
        _ => std::iter::once(header).chain(captures.iter().map(row)).collect(),
    };
    web.get(&urls::cdx(url), Reply::json(&rows.into()));
}

/// The DOI's own redirect was never archived.
pub fn no_redirects(web: &mut Recording, record: &Record, year: Option<u16>) {
    for url in urls::resolver_captures(record, year) {
        let body =
            "<!DOCTYPE html><html><body><p>The Wayback Machine has not archived that URL.</p></body></html>";
        web.get(&url, Reply::typed(404, "text/html", body));
    }
}
