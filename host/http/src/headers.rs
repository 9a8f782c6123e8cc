//! How headers are read, and which of them a caller may set.

use std::borrow::Cow;
use std::time::SystemTime;

use http::header::{
    AUTHORIZATION, AsHeaderName, CONTENT_ENCODING, COOKIE, DATE, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};

use super::error::{Denial, FetchError};

/// Headers that belong to the connection (RFC 9110, 7.6.1), to the client's framing, or to the host
/// program's identity. A plugin that could set them could speak for another host or smuggle a request.
const RESERVED: [&str; 15] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "http2-settings",
    "proxy-authorization",
    "proxy-connection",
    "proxy-authenticate",
    "accept-encoding",
    "user-agent",
];
/// No server takes this many, and a `HeaderMap` panics when it grows beyond 2^15.
const MOST: usize = 1 << 12;

/// The headers of a request, from names and values that a plugin or a user gave. What cannot be sent
/// as a header, or is the host program's to set, is denied.
pub fn header_map<N: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> Result<HeaderMap, FetchError> {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let given = name.as_ref();
        let name = HeaderName::from_bytes(given.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value.as_ref())) else {
            return Err(denied(given, "cannot be sent as a header"));
        };
        allow(given, &name, map.len())?;
        map.append(name, value);
    }
    Ok(map)
}

/// Checks the headers of a request, however they were made.
pub(super) fn check(headers: &HeaderMap) -> Result<(), FetchError> {
    headers.keys().try_for_each(|name| allow(name.as_str(), name, headers.len() - 1))
}

/// Headers that say who asks: they are for the origin they were given for, like secrets.
pub(super) fn personal(name: &HeaderName) -> bool {
    *name == AUTHORIZATION || *name == COOKIE
}

/// The headers whose name is not `dropped`, in their order, which `HeaderMap::remove` would not keep.
pub(super) fn without(headers: &HeaderMap, dropped: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| !dropped(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The first value of a header as text.
pub fn header(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Cow<'_, str>> {
    headers.get(name).map(|value| header_text(value.as_bytes()))
}

/// When the server sent an answer, by its own clock.
pub(super) fn sent_at(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(header(headers, DATE)?.trim()).ok()
}

/// All values of a header, as one list (RFC 9110, 5.3).
pub(super) fn every(headers: &HeaderMap, name: impl AsHeaderName) -> String {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| header_text(value.as_bytes())).collect();
    values.join(",")
}

/// What is packed on its way only (RFC 9112, 7.2) stays packed when its framing is removed: then its coding is one of the
/// content.
pub(super) fn keep_packed(headers: &mut HeaderMap) {
    if !headers.contains_key(TRANSFER_ENCODING) {
        return;
    }
    let transfer = every(headers, TRANSFER_ENCODING).to_ascii_lowercase();
    let codings = transfer.split(',').map(str::trim);
    for coding in codings.filter(|coding| matches!(*coding, "gzip" | "x-gzip" | "deflate")) {
        if let Ok(coding) = HeaderValue::from_str(coding) {
            headers.append(CONTENT_ENCODING, coding);
        }
    }
}

/// A header's value as text: UTF-8, or Latin-1 where it is not (RFC 9110, 5.5).
pub fn header_text(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => value.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn allow(given: &str, name: &HeaderName, others: usize) -> Result<(), FetchError> {
    if RESERVED.contains(&name.as_str()) {
        return Err(denied(given, "is set by the host alone"));
    }
    if others >= MOST {
        return Err(denied(given, "is one header too many"));
    }
    Ok(())
}

fn denied(name: &str, why: &str) -> FetchError {
    FetchError::denied(Denial::Header, format!("{name:?} {why}"))
}
