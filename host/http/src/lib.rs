//! The one door to the network. Plugins and acquisitions both go through it; there is no other client
//! in the program.

mod address;
mod body;
mod breaker;
mod client;
mod clock;
mod decode;
mod error;
mod exchange;
mod headers;
mod live;
mod origins;
mod pace;
mod proxy;
mod record;
mod redirects;
mod replay;
mod resolver;
mod retry;
mod robots;
mod settings;
mod tdm;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
pub mod warc;

pub use body::Body;
pub use client::{HttpClient, Mode};
pub use clock::AttemptClock;
pub use error::{Denial, FetchError, HttpError};
pub use exchange::{read_response, response_head};
pub use robots::Rules as RobotsRules;
pub use settings::{
    BreakerSettings, HttpSettings, Limit, Limits, PaceRule, PaceSettings, ProxyChoice, RetrySettings,
};
pub use tdm::{Reservation, SaidBy};
pub use tls::tls_config;
pub use transport::{Incoming, Outgoing, RawBody, Transport};

use std::sync::atomic::AtomicU32;

use bytes::Bytes;
use url::Url;

/// How a host is treated (DESIGN section 8): an `Api` is asked at its published rate and has no
/// robots.txt; pages and files have both a pace and a robots.txt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Api,
    Page,
    File,
}

/// Decides for each hop of a request whether it may go on, and in which role.
/// Hop 0 is the request itself, 1 its first redirect. An `Err` is the reason, for people.
pub trait HopPolicy: Send + Sync {
    fn admit(&self, url: &Url, hop: u32) -> Result<Role, String>;

    /// Whether robots.txt is asked before pages and files; an operator can lift it for one source.
    fn robots(&self) -> bool {
        true
    }
}

/// A role on its own admits every hop in that role; addresses and robots are checked all the same.
impl HopPolicy for Role {
    fn admit(&self, _url: &Url, _hop: u32) -> Result<Role, String> {
        Ok(*self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    Get,
    Head,
    Post,
}

#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    /// Connection headers (`Host`, `Content-Length`, …) are refused.
    pub headers: Vec<(String, String)>,
    /// Secrets: sent on hop 0, and on a redirect only to the same origin; never logged or recorded.
    pub secret_headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

/// What one request may spend.
pub struct RequestBudget<'a> {
    pub hops: &'a dyn HopPolicy,
    pub clock: &'a AttemptClock,
    /// Retries left; shared by the fetches of one attempt.
    pub retries: &'a AtomicU32,
}

/// A head, whatever its status, after redirects.
#[derive(Clone, Debug)]
pub struct Head {
    pub status: u16,
    /// The URL that answered.
    pub url: Url,
    /// In order; names in lower case; values that are not UTF-8 are read as Latin-1.
    pub headers: Vec<(String, String)>,
}

/// An answer read whole (up to `cap`).
#[derive(Clone, Debug)]
pub struct Response {
    pub head: Head,
    pub body: Bytes,
    /// There was more than the cap.
    pub truncated: bool,
}

impl Head {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        transport::header(&self.headers, name)
    }
}
