//! One request and the redirects it leads through (RFC 9110, 15.4): what is asked next, what is taken
//! along, and when to stop.

use std::collections::HashSet;

use bytes::Bytes;
use cookie_store::CookieStore;
use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue,
    SET_COOKIE,
};
use url::Url;

use super::error::{Denial, FetchError};
use super::headers::{self, header, header_text};
use super::request::{Method, Request, Role};
use super::transport::{Outgoing, shown};

/// Cookies live as long as the chain. A server that floods with them gets no more than this back.
const COOKIES: usize = 50;
/// RFC 6265, 6.1 asks for 4096 bytes per cookie; longer ones would only grow our own requests.
const COOKIE_BYTES: usize = 4096;
/// Longer URLs work nowhere; servers answer 414 from 8 KiB on.
const URL_BYTES: usize = 16 * 1024;

pub struct RedirectChain {
    method: Method,
    url: Url,
    /// The origin that the caller's secrets are for.
    home: url::Origin,
    headers: HeaderMap,
    secret_headers: HeaderMap,
    body: Option<Bytes>,
    jar: CookieStore,
    seen: HashSet<(Method, String, String)>,
    hop: u32,
    limit: u32,
}

impl RedirectChain {
    pub fn new(mut request: Request, limit: u32) -> Result<Self, FetchError> {
        headers::check(&mut request)?;
        let mut chain = Self {
            method: request.method,
            home: request.url.origin(),
            url: request.url,
            headers: request.headers,
            secret_headers: request.secret_headers,
            body: request.body.map(Bytes::from),
            jar: CookieStore::default(),
            seen: HashSet::new(),
            hop: 0,
            limit,
        };
        chain.url.set_fragment(None);
        chain.mark()?;
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
        let at_home = self.url.origin() == self.home;
        let mut own = headers::without(&self.headers, |name| !at_home && headers::personal(name));
        let mut cookies = self.cookies().into_bytes();
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
            headers: headers::with_defaults(own, role),
            secret_headers: if at_home { self.secret_headers.clone() } else { HeaderMap::new() },
            body: self.body.clone(),
        }
    }

    /// Takes an answer in. `true`: it leads on, and the chain now stands at the next hop.
    pub fn follow(&mut self, status: u16, answer: &HeaderMap) -> Result<bool, FetchError> {
        self.keep_cookies(answer);
        let (true, Some(location)) =
            (matches!(status, 301 | 302 | 303 | 307 | 308), header(answer, "location"))
        else {
            return Ok(false);
        };
        if self.hop >= self.limit {
            return Err(FetchError::Redirects(format!(
                "more than {}, the last to {}",
                self.limit,
                shown(&location)
            )));
        }
        let next = self.url.join(location.trim()).map_err(|error| {
            FetchError::Redirects(format!("to {}, which is no URL: {error}", shown(&location)))
        })?;
        if next.as_str().len() > URL_BYTES {
            return Err(FetchError::Redirects(format!("to a URL of {} bytes", next.as_str().len())));
        }
        // 303 asks for another thing by GET; after 301 and 302 a POST becomes one too, as everywhere.
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
        self.mark()?;
        Ok(true)
    }

    /// The same question with the same cookies gets the same answer: that is a loop. With another
    /// cookie it is how sites set one, and goes on.
    fn mark(&mut self) -> Result<(), FetchError> {
        let state = (self.method, self.url.to_string(), self.cookies());
        if self.seen.insert(state) {
            return Ok(());
        }
        Err(FetchError::Redirects(format!("a loop at {}", shown(self.url.as_str()))))
    }

    fn keep_cookies(&mut self, answer: &HeaderMap) {
        let given = answer.get_all(SET_COOKIE).iter().map(|value| header_text(value.as_bytes()));
        for value in given.filter(|value| value.len() <= COOKIE_BYTES).take(COOKIES) {
            if self.jar.iter_unexpired().count() >= COOKIES {
                return;
            }
            // A cookie that is none, or is for another site, is not kept.
            let _ = self.jar.parse(&value, &self.url);
        }
    }

    fn cookies(&self) -> String {
        let mut pairs: Vec<String> = self
            .jar
            .get_request_values(&self.url)
            .map(|(name, value)| format!("{name}={value}"))
            .filter(|pair| HeaderValue::from_str(pair).is_ok())
            .collect();
        // The jar has no order; a loop is only seen when the same cookies read the same.
        pairs.sort();
        pairs.join("; ")
    }
}

/// A redirect to something that cannot be asked is denied by the same words as a first request.
pub fn at_hop(error: FetchError, hop: u32) -> FetchError {
    match error {
        FetchError::Denied { reason, detail } if hop > 0 && reason != Denial::Breaker => {
            FetchError::Denied { reason, detail: format!("after {hop} redirects: {detail}") }
        }
        error => error,
    }
}
