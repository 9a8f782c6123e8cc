//! Which headers a caller may set, and which every request has.

use super::error::{Denial, FetchError};
use super::transport::header;
use super::{Request, Role};

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

/// Checks a caller's headers; names in lower case come back.
pub fn checked(request: &Request) -> Result<Headers, FetchError> {
    let fold = |given: &[(String, String)]| -> Result<Vec<(String, String)>, FetchError> {
        given.iter().map(|(name, value)| check(name, value)).collect()
    };
    Ok(Headers { open: fold(&request.headers)?, secret: fold(&request.secret_headers)? })
}

/// A request's own headers.
pub struct Headers {
    pub open: Vec<(String, String)>,
    pub secret: Vec<(String, String)>,
}

/// What a normal client says it wants, where the caller did not say it.
/// A file is asked for unpacked: lengths and ranges then mean the file.
pub fn with_defaults(mut headers: Vec<(String, String)>, role: Role) -> Vec<(String, String)> {
    let accept = match role {
        Role::Api => "application/json, application/xml;q=0.9, */*;q=0.8",
        Role::Page => "text/html, application/xhtml+xml, application/pdf;q=0.9, */*;q=0.8",
        Role::File => "application/pdf, */*;q=0.8",
    };
    let coding = match role {
        Role::Api | Role::Page => super::decode::ACCEPTED,
        Role::File => "identity",
    };
    if header(&headers, "accept").is_none() {
        headers.push(("accept".into(), accept.into()));
    }
    // A range is one of the unpacked file, whoever asks for it.
    let coding = if header(&headers, "range").is_some() { "identity" } else { coding };
    headers.push(("accept-encoding".into(), coding.into()));
    headers
}

/// Headers that say who asks: they are for the origin they were given for, like secrets.
pub fn personal(name: &str) -> bool {
    matches!(name, "authorization" | "cookie")
}

fn check(name: &str, value: &str) -> Result<(String, String), FetchError> {
    let denied = |why: &str| FetchError::denied(Denial::Header, format!("{name:?} {why}"));
    let lower = name.to_ascii_lowercase();
    if http::HeaderName::from_bytes(lower.as_bytes()).is_err() || http::HeaderValue::from_str(value).is_err()
    {
        return Err(denied("cannot be sent as a header"));
    }
    if RESERVED.contains(&lower.as_str()) {
        return Err(denied("is set by the host alone"));
    }
    Ok((lower, value.to_owned()))
}
