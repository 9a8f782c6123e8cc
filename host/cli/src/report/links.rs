//! Where a work can be asked for.

use url::form_urlencoded;

use super::work::Work;

/// Its DOI, where one is known.
pub fn doi_of(work: &Work) -> Option<&str> {
    work.doi.as_deref().or_else(|| work.id.strip_prefix("doi:"))
}

/// The question to a library's resolver (ANSI/NISO Z39.88, by key and value).
pub fn openurl(base: &str, work: &Work) -> String {
    let mut asked = form_urlencoded::Serializer::new(String::new());
    asked.append_pair("url_ver", "Z39.88-2004").append_pair("ctx_ver", "Z39.88-2004");
    asked.append_pair("rft_val_fmt", "info:ofi/fmt:kev:mtx:journal").append_pair("rft.genre", "article");
    if let Some(doi) = doi_of(work) {
        asked.append_pair("rft_id", &format!("info:doi/{doi}"));
    } else if let Some(pmid) = work.id.strip_prefix("pmid:") {
        asked.append_pair("rft_id", &format!("info:pmid/{pmid}"));
    }
    if let Some(title) = &work.title {
        asked.append_pair("rft.atitle", title);
    }
    if let Some(year) = work.year {
        asked.append_pair("rft.date", &year.to_string());
    }
    format!("{base}{}{}", if base.contains('?') { "&" } else { "?" }, asked.finish())
}

/// Percent-encodes everything but what a path may hold.
pub fn path(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte))
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
