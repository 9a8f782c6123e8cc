//! How requests, answers and failures are written into a recording's records, and read from them.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use http::header::{HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use sha2::{Digest, Sha256};
use url::{Position, Url};

use super::error::{Denial, FetchError};
use super::headers::{header, header_text};
use super::request::Method;

/// The largest head of a recorded HTTP message; more than live answers may have.
const HEAD_BYTES: u64 = 512 * 1024;
const HEADERS: usize = 2048;

/// What of a request decides which recorded answer it gets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey {
    pub method: Method,
    url: String,
    range: Option<String>,
    /// Its digest, so that a recording of many costs no more memory than one of few; `None` is no body.
    body: Option<[u8; 32]>,
}

/// Why a recorded body ends before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truncated {
    /// `WARC-Truncated`: `disconnect` (it broke off), `time` (it stalled), or anything else (nobody read on).
    pub why: String,
    pub detail: String,
}

/// Where a record keeps `Truncated::detail`.
pub const TRUNCATED_DETAIL: &str = "WARC-Truncated-Detail";

/// The URI of what a recording keeps under a name beside its exchanges: `urn:x-tierfall:question:direct_oa/crossref`.
pub const NOTE_URI: &str = "urn:x-tierfall:";
/// Their type.
pub const NOTE_TYPE: &str = "application/json";
/// The longest one that is kept.
pub const NOTE_BYTES: u64 = 4 << 20;

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    kind: &'static str,
    detail: String,
}

impl RequestKey {
    pub fn new(method: Method, url: &Url, headers: &HeaderMap, body: &[u8]) -> Self {
        let range = header(headers, "range").map(Cow::into_owned);
        let body = (!body.is_empty()).then(|| Sha256::digest(body).into());
        Self { method, url: anonymous(url), range, body }
    }

    /// About how much memory it takes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.url.len() + self.range.as_ref().map_or(0, String::len)
    }

    /// The same request without its range, if it has one: a server may always answer with the whole.
    pub fn whole(&self) -> Option<Self> {
        self.range.is_some().then(|| Self { range: None, ..self.clone() })
    }

    /// Reads a request record's block.
    pub fn parse(url: &Url, block: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        // Other writers write HTTP/2 in the request line of what was sent by HTTP/2.
        let line = block.iter().position(|byte| *byte == b'\n').unwrap_or(block.len());
        let method = std::str::from_utf8(block.get(..line)?).ok()?.split(' ').next()?;
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            _ => return None,
        };
        let body = match request.parse(block) {
            Ok(httparse::Status::Complete(read)) => block.get(read..).unwrap_or_default(),
            _ => &[],
        };
        Some(Self::new(method, url, &owned(request.headers), body))
    }
}

impl Truncated {
    /// Nobody read to the end.
    pub fn unread() -> Self {
        Self { why: "unspecified".into(), detail: String::new() }
    }

    pub fn of(error: &FetchError) -> Self {
        let (why, detail) = match error {
            FetchError::Stalled(detail) => ("time", detail.clone()),
            FetchError::Incomplete(detail) => ("disconnect", detail.clone()),
            error => ("disconnect", error.to_string()),
        };
        Self { why: why.into(), detail: detail.replace(['\r', '\n'], " ") }
    }

    /// The error that follows the last recorded byte.
    pub fn error(&self) -> FetchError {
        match self.why.as_str() {
            "disconnect" => FetchError::Incomplete(self.detail.clone()),
            "time" => FetchError::Stalled(self.detail.clone()),
            _ => FetchError::NotRecorded("the rest of this body, which nobody read then".into()),
        }
    }
}

impl Failure {
    /// Only failures of the network are recorded; what the client denied, it will deny again.
    pub fn of(error: &FetchError) -> Option<Self> {
        let (kind, detail) = match error {
            FetchError::Transport(detail) => ("transport", detail.clone()),
            FetchError::Timeout => ("timeout", String::new()),
            FetchError::Certificate(detail) => ("certificate", detail.clone()),
            FetchError::Malformed(detail) => ("malformed", detail.clone()),
            FetchError::Denied { reason: Denial::DnsPrivate, detail } => ("address", detail.clone()),
            _ => return None,
        };
        Some(Self { kind, detail })
    }

    pub fn error(&self) -> FetchError {
        let detail = self.detail.clone();
        match self.kind {
            "timeout" => FetchError::Timeout,
            "certificate" => FetchError::Certificate(detail),
            "malformed" => FetchError::Malformed(detail),
            "address" => FetchError::denied(Denial::DnsPrivate, detail),
            _ => FetchError::Transport(detail),
        }
    }

    /// As `application/warc-fields`.
    pub fn fields(&self) -> String {
        format!(
            "fetch-error: {}\r\nfetch-error-detail: {}\r\n",
            self.kind,
            self.detail.replace(['\r', '\n'], " ")
        )
    }

    pub fn parse(block: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(block);
        let field = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        let given = field("fetch-error")?;
        let known = ["transport", "timeout", "certificate", "malformed", "address"];
        let kind = known.into_iter().find(|kind| *kind == given)?;
        Some(Self { kind, detail: field("fetch-error-detail").unwrap_or_default().to_owned() })
    }
}

/// A request record's block.
pub fn request_block<'a>(
    method: Method,
    url: &Url,
    headers: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
    body: &[u8],
) -> Vec<u8> {
    let method = match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
    };
    let (target, host) =
        (&url[Position::BeforePath..Position::AfterQuery], &url[Position::BeforeHost..Position::AfterPort]);
    let mut block = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n").into_bytes();
    push_headers(&mut block, headers);
    block.extend_from_slice(body);
    block
}

/// The head of a response record's block. The body that follows has no transfer coding.
pub fn response_head(status: u16, headers: &HeaderMap) -> Vec<u8> {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or_default()).into_bytes();
    push_headers(&mut head, headers.iter().filter(|(name, _)| **name != TRANSFER_ENCODING));
    head
}

/// Reads the head of a response record's block; the body is what remains of `block`.
pub fn read_response(block: &mut impl BufRead) -> io::Result<(u16, HeaderMap)> {
    let mut head = Vec::new();
    let mut limited = block.take(HEAD_BYTES);
    loop {
        let line = head.len();
        if limited.read_until(b'\n', &mut head)? == 0 {
            break;
        }
        if matches!(head.get(line..), Some(b"\r\n" | b"\n")) {
            break;
        }
    }
    // Other writers begin with HTTP/2 what came by HTTP/2; the rest is as in HTTP/1.1.
    if head.starts_with(b"HTTP/2") || head.starts_with(b"HTTP/3") {
        let version = head.iter().position(|byte| *byte == b' ').unwrap_or(head.len());
        head.splice(..version, *b"HTTP/1.1");
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = httparse::ParserConfig::default()
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .parse_response(&mut response, &head);
    match (parsed, response.code) {
        // RFC 9110, 15: a status has three digits, and none begins with a zero.
        (Ok(httparse::Status::Complete(_)), Some(status @ 100..=999)) => {
            Ok((status, owned(response.headers)))
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the record holds no HTTP answer")),
    }
}

/// A URL without its fragment and without the parameters that only say who asks, so that anyone can replay
/// what another recorded, and no message names its sender.
pub fn anonymous(url: &Url) -> String {
    let personal = |name: &str| matches!(name, "email" | "mailto");
    let mut url = url.clone();
    url.set_fragment(None);
    if url.query_pairs().any(|(name, _)| personal(&name)) {
        let kept: Vec<&str> = url
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !personal(pair.split('=').next().unwrap_or_default()))
            .collect();
        let kept = kept.join("&");
        url.set_query((!kept.is_empty()).then_some(kept.as_str()));
    }
    url.into()
}

/// The headers of a recorded message. Their values become UTF-8, as `push_headers` writes them; what
/// the parser accepts and `HeaderMap` does not is left out.
fn owned(headers: &[httparse::Header<'_>]) -> HeaderMap {
    let text = |header: &httparse::Header<'_>| match header_text(header.value) {
        // A value may go on in the next line, which means a space (RFC 9112, 5.2).
        folded if folded.contains(['\r', '\n']) => {
            folded.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
        }
        text => text.into_owned(),
    };
    let named = |header: &httparse::Header<'_>| {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        Some((name, HeaderValue::try_from(text(header)).ok()?))
    };
    headers.iter().filter_map(named).collect()
}

/// Recordings hold headers as text: a value in Latin-1 is written in UTF-8.
fn push_headers<'a>(block: &mut Vec<u8>, headers: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>) {
    for (name, value) in headers {
        block.extend_from_slice(format!("{name}: {}\r\n", header_text(value.as_bytes())).as_bytes());
    }
    block.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_goes_on_in_the_next_line_is_one_line() {
        let head = b"HTTP/1.0 302 Found\r\nLocation: /a\r\n  b\r\n\r\nbody";
        let (status, headers) = read_response(&mut head.as_slice()).unwrap();
        assert_eq!((status, headers), (302, crate::header_map([("location", "/a b")]).unwrap()));
    }

    #[test]
    fn a_status_that_begins_with_a_zero_is_none() {
        assert!(read_response(&mut b"HTTP/1.0 032 Found\r\n\r\n".as_slice()).is_err());
        assert!(read_response(&mut b"HTTP/1.1 999 Denied\r\n\r\n".as_slice()).is_ok());
    }
}
