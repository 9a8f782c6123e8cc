//! One request and its redirects (RFC 9110, 15.4): where each leads, which headers and cookies go along,
//! and when to stop.

use std::collections::HashSet;

use bytes::Bytes;
use cookie_store::CookieStore;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE,
    HeaderMap, HeaderValue, LOCATION, RANGE, SET_COOKIE,
};
use url::Url;

use super::decode::ACCEPTED;
use super::error::{Denial, FetchError};
use super::headers::{self, header_text};
use super::request::{Method, Request, Role, Secrets};
use super::transport::{Outgoing, printable};

/// Cookies are kept for one chain, and of each answer no more than this.
const COOKIES: usize = 50;
/// RFC 6265, 6.1 asks for 4096 bytes per cookie; longer ones are not kept.
const COOKIE_BYTES: usize = 4096;
/// Servers answer 414 from 8 KiB on.
const URL_BYTES: usize = 16 * 1024;

/// The state between two hops.
pub struct RedirectChain {
    method: Method,
    url: Url,
    /// The origin that the caller's secrets are for.
    origin: url::Origin,
    headers: HeaderMap,
    secret_headers: HeaderMap,
    secrets: Secrets,
    body: Option<Bytes>,
    cookies: CookieStore,
    seen: HashSet<(Method, String, String)>,
    hop: u32,
    limit: u32,
}

impl RedirectChain {
    pub fn new(mut request: Request, limit: u32) -> Result<Self, FetchError> {
        headers::check(&request.headers)?;
        headers::check(&request.secret_headers)?;
        request.secret_headers.values_mut().for_each(|value| value.set_sensitive(true));
        let mut chain = Self {
            method: request.method,
            origin: request.url.origin(),
            url: request.url,
            headers: request.headers,
            secret_headers: request.secret_headers,
            secrets: request.secrets,
            body: request.body.map(Bytes::from),
            cookies: CookieStore::default(),
            seen: HashSet::new(),
            hop: 0,
            limit,
        };
        chain.url.set_fragment(None);
        chain.refuse_loop()?;
        Ok(chain)
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// 0 is the request itself.
    pub fn hop(&self) -> u32 {
        self.hop
    }

    /// What is sent for this hop.
    pub fn outgoing(&self, role: Role) -> Outgoing {
        let same_origin = self.url.origin() == self.origin;
        let mut own = headers::without(&self.headers, |name| !same_origin && headers::personal(name));
        let mut cookies = self.cookie_header().into_bytes();
        if !cookies.is_empty() {
            if let Some(given) = own.get(COOKIE) {
                cookies = [given.as_bytes(), b"; ", &cookies].concat();
            }
            // Both parts are header values, so their sum is one.
            if let Ok(cookies) = HeaderValue::from_bytes(&cookies) {
                match own.get_mut(COOKIE) {
                    Some(given) => *given = cookies,
                    None => drop(own.insert(COOKIE, cookies)),
                }
            }
        }
        Outgoing {
            method: self.method,
            url: self.url.clone(),
            headers: with_defaults(own, role),
            secret_headers: if same_origin { self.secret_headers.clone() } else { HeaderMap::new() },
            secrets: if same_origin { self.secrets.clone() } else { Secrets::default() },
            body: self.body.clone(),
        }
    }

    /// Reads an answer. `true`: it is a redirect, and the chain now stands at the next hop.
    pub fn follow(&mut self, status: u16, answer: &HeaderMap) -> Result<bool, FetchError> {
        self.keep_cookies(answer);
        let (true, Some(location)) =
            (matches!(status, 300..=303 | 307 | 308), answer.get(LOCATION).map(location_text))
        else {
            return Ok(false);
        };
        if self.hop >= self.limit {
            return Err(FetchError::Redirects(format!(
                "more than {}, the last to {}",
                self.limit,
                printable(&location)
            )));
        }
        let next = self.url.join(location.trim()).map_err(|error| {
            FetchError::Redirects(format!("to {}, which is no URL: {error}", printable(&location)))
        })?;
        if next.as_str().len() > URL_BYTES {
            return Err(FetchError::Redirects(format!("to a URL of {} bytes", next.as_str().len())));
        }
        // After 303 the next request is a GET; after 301 and 302 a POST becomes one too, as in browsers.
        if (status == 303 && self.method != Method::Head)
            || (matches!(status, 301 | 302) && self.method == Method::Post)
        {
            self.method = Method::Get;
            self.body = None;
            let of_body = [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION];
            self.headers = headers::without(&self.headers, |name| of_body.contains(name));
        }
        self.url = next;
        self.url.set_fragment(None);
        self.hop += 1;
        self.refuse_loop()?;
        Ok(true)
    }

    /// The same request with the same cookies gets the same answer: that is a loop. With another cookie it
    /// goes on: that is how sites set one.
    fn refuse_loop(&mut self) -> Result<(), FetchError> {
        let state = (self.method, self.url.to_string(), self.cookie_header());
        if self.seen.insert(state) {
            return Ok(());
        }
        Err(FetchError::Redirects(format!("a loop at {}", printable(self.url.as_str()))))
    }

    fn keep_cookies(&mut self, answer: &HeaderMap) {
        let given = answer.get_all(SET_COOKIE).iter().map(|value| header_text(value.as_bytes()));
        for value in given.filter(|value| value.len() <= COOKIE_BYTES).take(COOKIES) {
            if self.cookies.iter_unexpired().count() >= COOKIES {
                return;
            }
            // What is no cookie, or is one for another site, is not kept.
            let _ = self.cookies.parse(&value, &self.url);
        }
    }

    fn cookie_header(&self) -> String {
        let mut pairs: Vec<String> = self
            .cookies
            .get_request_values(&self.url)
            .map(|(name, value)| format!("{name}={value}"))
            .filter(|pair| HeaderValue::from_str(pair).is_ok())
            .collect();
        // The store has no order; a loop is only seen when the same cookies give the same text.
        pairs.sort();
        pairs.join("; ")
    }
}

/// A location as it is to be sent: bytes that are no UTF-8 (a path in Latin-1) go back as the bytes that they were.
fn location_text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().fold(String::new(), |mut text, byte| {
            match byte.is_ascii() {
                true => text.push(char::from(*byte)),
                false => text.push_str(&format!("%{byte:02X}")),
            }
            text
        }),
    }
}

/// What a normal client says it wants, where the caller did not say it.
/// A file is asked for without a content coding: lengths and ranges then mean the file.
fn with_defaults(mut headers: HeaderMap, role: Role) -> HeaderMap {
    let (accept, coding) = match role {
        Role::Api => ("application/json, application/xml;q=0.9, */*;q=0.8", ACCEPTED),
        Role::Page => ("text/html, application/xhtml+xml, application/pdf;q=0.9, */*;q=0.8", ACCEPTED),
        Role::File => ("application/pdf, */*;q=0.8", "identity"),
    };
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static(accept));
    // So is a part of anything.
    let coding = if headers.contains_key(RANGE) { "identity" } else { coding };
    headers.append(ACCEPT_ENCODING, HeaderValue::from_static(coding));
    headers
}

/// Tells of a redirect that is denied how many redirects led to it.
pub fn at_hop(error: FetchError, hop: u32) -> FetchError {
    match error {
        FetchError::Denied { reason, detail } if hop > 0 && reason != Denial::Breaker => {
            FetchError::Denied { reason, detail: format!("after {hop} redirects: {detail}") }
        }
        error => error,
    }
}
