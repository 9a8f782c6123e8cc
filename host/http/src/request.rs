//! What callers ask of the client, and what they get back.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::AtomicU32;

use bytes::Bytes;
use http::HeaderMap;
use http::header::AsHeaderName;
use url::Url;

use super::clock::AttemptClock;
use super::cost::RequestCost;
use super::headers;

/// How a host is treated: an `Api` is asked at its published rate and has no robots.txt; pages and
/// files have both a pace and a robots.txt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A documented programming interface.
    Api,
    /// A web page.
    Page,
    /// A file to be stored.
    File,
}

impl Role {
    /// The word by which processes tell each other of it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Page => "page",
            Self::File => "file",
        }
    }

    /// The role of a word.
    pub fn of_label(label: &str) -> Option<Self> {
        [Self::Api, Self::Page, Self::File].into_iter().find(|role| role.label() == label)
    }
}

/// Decides for each hop of a request whether it may go on, and in which role.
pub trait HopPolicy: Send + Sync {
    /// Hop 0 is the request itself, 1 its first redirect. An `Err` is the reason, for people.
    fn admit(&self, url: &Url, hop: u32) -> Result<Role, String>;

    /// The plugin for which the request is made: what it meets at a host closes that to nobody else.
    /// Empty for a request of nobody's. Without a default: a policy around another one must hand its plugin on.
    fn plugin(&self) -> &str;

    /// Whether robots.txt is asked before pages and files; an operator can lift it for one source.
    fn robots(&self) -> bool {
        true
    }
}

/// A role on its own admits every hop in that role; addresses and robots.txt are checked all the same.
impl HopPolicy for Role {
    fn admit(&self, _url: &Url, _hop: u32) -> Result<Role, String> {
        Ok(*self)
    }

    fn plugin(&self) -> &str {
        ""
    }
}

/// The HTTP methods that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
}

/// One request, before its redirects and retries.
#[derive(Clone, Debug)]
pub struct Request {
    /// `Post` is never retried once it may have arrived.
    pub method: Method,
    /// Its fragment is not sent.
    pub url: Url,
    /// Connection headers (`Host`, `Content-Length`, …) are refused; see [`header_map`](crate::header_map).
    pub headers: HeaderMap,
    /// Secrets: sent on hop 0, and on a redirect only to the same origin; never logged or recorded.
    pub secret_headers: HeaderMap,
    /// The secrets in `secret_headers`, without what stands before them there: an answer that repeats them is given
    /// without them.
    pub secrets: Secrets,
    /// For `Post`.
    pub body: Option<Vec<u8>>,
}

/// Texts that are not shown.
#[derive(Clone, Default)]
pub struct Secrets(pub Vec<String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

/// What one request may spend.
pub struct RequestBudget<'a> {
    /// Asked before each hop.
    pub hops: &'a dyn HopPolicy,
    /// The time of the attempt that the request belongs to.
    pub clock: &'a AttemptClock,
    /// Retries left; shared by the requests of one attempt.
    pub retries: &'a AtomicU32,
    /// Where it is noted what the request cost.
    pub cost: &'a RequestCost,
}

/// The head of an answer, whatever its status, after redirects.
#[derive(Clone, Debug)]
pub struct Head {
    /// 100 to 999.
    pub status: u16,
    /// The URL that answered.
    pub url: Url,
    /// As received; [`header`](crate::header) reads one as text.
    pub headers: HeaderMap,
}

/// An answer read whole (up to a limit).
#[derive(Clone, Debug)]
pub struct Response {
    /// Status, final URL and headers.
    pub head: Head,
    /// Decoded.
    pub body: Bytes,
    /// There was more than the limit.
    pub truncated: bool,
}

impl Request {
    /// A `GET` without headers.
    pub fn get(url: Url) -> Self {
        let (headers, secret_headers, secrets) = Default::default();
        Self { method: Method::Get, url, headers, secret_headers, secrets, body: None }
    }
}

impl Head {
    /// The first value of a header as text.
    pub fn header(&self, name: impl AsHeaderName) -> Option<Cow<'_, str>> {
        headers::header(&self.headers, name)
    }
}
