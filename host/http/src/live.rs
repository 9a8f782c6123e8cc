//! The network as a transport, by the HTTP library. It follows no redirects, decodes no bodies and keeps no
//! cookies: all of that is done above it.

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Version};
use reqwest::{Client, ClientBuilder, redirect};
use url::Url;

use super::address::{AddressPolicy, Forbidden};
use super::error::{Denial, FetchError, HttpError};
use super::headers::keep_packed;
use super::proxy::Proxies;
use super::reach::{OutageCause, Reach};
use super::request::Method;
use super::resolver::{CheckedResolver, Lookup, SystemLookup, Trust};
use super::settings::{HttpSettings, Limits};
use super::tls;
use super::transport::{Incoming, Outgoing, RawBody, Transport, printable};

/// Idle connections are kept this long; most servers close them after 5 to 60 seconds. Each takes memory and a file of the
/// system's, and a run meets thousands of hosts.
const POOL_IDLE: Duration = Duration::from_secs(15);
/// Few hosts are allowed more requests at once than this, so more would rarely be used again.
const POOL_PER_HOST: usize = 8;

/// Of so many origins it is remembered that they want HTTP/1.1; beyond that they are asked anew.
const PLAIN_ORIGINS: usize = 1024;

pub struct Live {
    direct: Clients,
    /// Clients of their own, because only their resolver may return the private address of a proxy.
    proxied: Clients,
    /// The same two for hosts and ports that the operator opened. A resolver is not told the port, so that these have
    /// their own, and connections of their own.
    opened: Option<(Clients, Clients)>,
    /// Origins that refused HTTP/2.
    plain: Mutex<HashSet<String>>,
    policy: Arc<AddressPolicy>,
    proxies: Proxies,
    limits: Limits,
    reach: Reach,
}

/// One way to the network: by the latest HTTP that the server offers, and by HTTP/1.1.
struct Clients {
    latest: Client,
    plain: Client,
}

impl Live {
    pub fn new(settings: &HttpSettings, policy: Arc<AddressPolicy>) -> Result<Self, HttpError> {
        Self::resolving(settings, policy, Arc::new(SystemLookup))
    }

    /// With another resolver than the operating system's.
    pub fn resolving(
        settings: &HttpSettings,
        policy: Arc<AddressPolicy>,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, HttpError> {
        let proxies = Proxies::new(&settings.proxy)?;
        let tls = tls::client_config(&settings.ca_certs)?;
        let mut plain_tls = tls.clone();
        plain_tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let builder = |tls: &rustls::ClientConfig| -> Result<ClientBuilder, HttpError> {
            let agent = HeaderValue::from_str(&settings.user_agent_header())
                .map_err(|_| HttpError::UserAgent(settings.user_agent_header()))?;
            let header_bytes = u32::try_from(settings.limits.header_bytes).unwrap_or(u32::MAX);
            Ok(Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(agent)
                .redirect(redirect::Policy::none())
                .referer(false)
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .connect_timeout(settings.limits.connect)
                .pool_idle_timeout(POOL_IDLE)
                .pool_max_idle_per_host(POOL_PER_HOST)
                .http1_max_headers(settings.limits.header_count)
                // Heads as recordings of them are read, and other clients take them.
                .http1_allow_obsolete_multiline_headers_in_responses(true)
                .http1_allow_spaces_after_header_name_in_responses(true)
                .http1_ignore_invalid_headers_in_responses(true)
                .http2_max_header_list_size(header_bytes))
        };
        let resolver = |trust| Arc::new(CheckedResolver::new(Arc::clone(&lookup), trust));
        let clients = |through: &dyn Fn(ClientBuilder) -> Result<ClientBuilder, HttpError>| -> Result<Clients, HttpError> {
            let latest = through(builder(&tls)?)?.build()?;
            Ok(Clients { latest, plain: through(builder(&plain_tls)?)?.http1_only().build()? })
        };
        let direct = |trust| {
            let resolver = resolver(trust);
            clients(&|builder| Ok(builder.no_proxy().dns_resolver(Arc::clone(&resolver))))
        };
        let proxied = |trust| {
            let resolver = resolver(trust);
            clients(&|builder| Ok(proxies.apply(builder)?.dns_resolver(Arc::clone(&resolver))))
        };
        let opened = match settings.allow_private.is_empty() {
            true => None,
            false => Some((direct(Trust::All)?, proxied(Trust::All)?)),
        };
        Ok(Self {
            direct: direct(Trust::Names(Vec::new()))?,
            proxied: proxied(Trust::Names(proxies.hosts()))?,
            opened,
            plain: Mutex::default(),
            policy,
            proxies,
            limits: settings.limits.clone(),
            reach: Reach::default(),
        })
    }

    /// Tells whether anything is reached.
    pub fn telling(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    fn wants_plain(&self, url: &Url) -> bool {
        let plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        !plain.is_empty() && plain.contains(&url.origin().ascii_serialization())
    }

    fn remember_plain(&self, url: &Url) {
        let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        if plain.len() >= PLAIN_ORIGINS {
            plain.clear();
        }
        plain.insert(url.origin().ascii_serialization());
    }
}

impl Transport for Live {
    fn send(&self, hop: Outgoing) -> BoxFuture<'_, Result<Incoming, FetchError>> {
        Box::pin(async move {
            let (direct, proxied) = match &self.opened {
                Some((direct, proxied)) if self.policy.opens(&hop.url) => (direct, proxied),
                _ => (&self.direct, &self.proxied),
            };
            let proxy = self.proxies.place(&hop.url);
            let clients = if proxy.is_some() { proxied } else { direct };
            let method = match hop.method {
                Method::Get => reqwest::Method::GET,
                Method::Head => reqwest::Method::HEAD,
                Method::Post => reqwest::Method::POST,
            };
            let headers = all_headers(hop.headers, hop.secret_headers)?;
            let ask = |client: &Client| {
                let mut request = client.request(method.clone(), hop.url.clone()).headers(headers.clone());
                if let Some(body) = hop.body.clone() {
                    request = request.body(body);
                }
                request.send()
            };
            let asking = async {
                if self.wants_plain(&hop.url) {
                    return ask(&clients.plain).await;
                }
                match ask(&clients.latest).await {
                    // RFC 9113, 7: it has done nothing, and wants to be asked by HTTP/1.1.
                    Err(error) if requires_plain(&error) => {
                        self.remember_plain(&hop.url);
                        ask(&clients.plain).await
                    }
                    answer => answer,
                }
            };
            let host = hop.url.host_str().unwrap_or_default();
            let watched = self.reach.watch(host);
            let mut answer = match tokio::time::timeout(self.limits.first_byte, asking).await {
                Ok(answer) => {
                    watched.over();
                    answer.map_err(|error| {
                        let failed = failure(&error, &hop.url, proxy.as_deref());
                        self.tell(host, proxy.is_some(), &error, &failed);
                        failed
                    })?
                }
                Err(_) => return Err(FetchError::Timeout),
            };
            self.reach.answered();
            let status = answer.status().as_u16();
            // Nobody but the proxy asks for this, and it says nothing about what it was to fetch.
            if let (Some(proxy), 407) = (&proxy, status) {
                return Err(refused_by(proxy));
            }
            let mut headers = std::mem::take(answer.headers_mut());
            keep_packed(&mut headers);
            // Its end is that of the connection, and nothing else says where it is.
            let open_ended = answer.version() <= Version::HTTP_11
                && !headers.contains_key(CONTENT_LENGTH)
                && !headers.contains_key(TRANSFER_ENCODING);
            let pieces = answer.bytes_stream().take_while(move |piece| {
                let ended = piece.as_ref().is_err_and(|error| open_ended && is_end_of_connection(error));
                std::future::ready(!ended)
            });
            let body = RawBody::new(pieces.map_err(|error| FetchError::Incomplete(reasons(&error))));
            Ok(Incoming { status, headers, body: body.with_stall_limits(&self.limits) })
        })
    }

    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Live {
    /// Tells what a failure says of the way to all hosts. A connection that came about and broke says that there is one.
    fn tell(&self, host: &str, by_proxy: bool, error: &reqwest::Error, failed: &FetchError) {
        match failed {
            FetchError::Certificate(detail) if OutageCause::of(failed) == OutageCause::Certificates => {
                self.reach.untrusted(host, detail.clone());
            }
            FetchError::Certificate(detail) | FetchError::Denied { reason: Denial::DnsPrivate, detail } => {
                self.reach.led_astray(host, OutageCause::of(failed), detail.clone());
            }
            FetchError::Transport(detail) if error.is_connect() || error.is_timeout() => {
                let told = causes(error);
                // A proxy that refuses to open a tunnel is there, and so is who speaks something else than TLS.
                let refused = told.contains("tunnel error") && !told.contains("underlying connection");
                match by_proxy {
                    // Whether the proxy is silent, or who is behind it, is not known.
                    true if error.is_timeout() => {}
                    _ if refused || !is_unconnected(error, &told) => self.reach.answered(),
                    true => self.reach.failed(host, true, reasons(error)),
                    false => self.reach.failed(host, false, detail.clone()),
                }
            }
            FetchError::Transport(_) | FetchError::Malformed(_) => self.reach.answered(),
            _ => {}
        }
    }
}

/// Whether not even a connection came about: the name was not found, or nobody was there.
fn is_unconnected(error: &reqwest::Error, told: &str) -> bool {
    use std::io::ErrorKind;
    let mut next = beneath(error);
    while let Some(cause) = next {
        let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let nobody = [
            ErrorKind::ConnectionRefused,
            ErrorKind::TimedOut,
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
            ErrorKind::NetworkDown,
            ErrorKind::AddrNotAvailable,
        ];
        if kind.is_some_and(|kind| nobody.contains(&kind)) {
            return true;
        }
        next = beneath(cause);
    }
    error.is_timeout() || told.contains("dns error")
}

/// An error with all its causes.
fn causes(error: &reqwest::Error) -> String {
    let mut told = error.to_string();
    let mut next = beneath(error);
    while let Some(cause) = next {
        told.push_str(": ");
        told.push_str(&cause.to_string());
        next = beneath(cause);
    }
    told
}

/// What goes over the wire: a request's headers and its secrets.
fn all_headers(mut headers: HeaderMap, secret: HeaderMap) -> Result<HeaderMap, FetchError> {
    for (name, value) in &secret {
        let full = |_| FetchError::denied(Denial::Header, "there are too many headers");
        headers.try_append(name, value.clone()).map_err(full)?;
    }
    Ok(headers)
}

/// What went wrong before an answer began.
fn failure(error: &reqwest::Error, url: &Url, proxy: Option<&str>) -> FetchError {
    let host = url.host_str().unwrap_or_default();
    let mut next = beneath(error);
    while let Some(cause) = next {
        if let Some(forbidden) = cause.downcast_ref::<Forbidden>() {
            let detail = format!(
                "{forbidden}; a network that wants a login, or a filter, may answer so: log in, or mend its DNS"
            );
            return FetchError::denied(Denial::DnsPrivate, detail);
        }
        if let Some(rustls::Error::InvalidCertificate(reason)) = cause.downcast_ref() {
            return FetchError::Certificate(format!("{host}: {}", printable(&reason.to_string())));
        }
        if let Some(parse) = cause.downcast_ref::<hyper::Error>()
            && parse.is_parse()
        {
            return FetchError::Malformed(format!("{host}: {parse}"));
        }
        next = beneath(cause);
    }
    if error.is_timeout() {
        return FetchError::Transport(format!("{host}: no connection in time"));
    }
    let reasons = reasons(error);
    match proxy {
        Some(proxy) if reasons.contains(NO_TUNNEL) => refused_by(proxy),
        Some(proxy) => FetchError::Transport(format!("{host}, through the proxy {proxy}: {reasons}")),
        None => FetchError::Transport(format!("{host}: {reasons}")),
    }
}

/// What the HTTP library says of a 407 to `CONNECT`, for which it has no type.
const NO_TUNNEL: &str = "proxy authorization required";

/// The proxy wants to know who asks: the network cannot be reached until it is told.
fn refused_by(proxy: &str) -> FetchError {
    FetchError::Transport(format!(
        "the proxy {proxy} wants a name and a password that it takes (407): give them as http://NAME:PASSWORD@{proxy} in \
         http.proxy or HTTP_PROXY"
    ))
}

/// The server refused HTTP/2 for this request.
fn requires_plain(error: &reqwest::Error) -> bool {
    let mut next = beneath(error);
    while let Some(cause) = next {
        let reason = cause.downcast_ref::<h2::Error>().and_then(h2::Error::reason);
        if reason == Some(h2::Reason::HTTP_1_1_REQUIRED) {
            return true;
        }
        next = beneath(cause);
    }
    false
}

/// The connection ended without TLS' own goodbye, which many servers leave out.
fn is_end_of_connection(error: &reqwest::Error) -> bool {
    let mut next = beneath(error);
    while let Some(cause) = next {
        let io = cause.downcast_ref::<std::io::Error>();
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof) {
            return true;
        }
        next = beneath(cause);
    }
    false
}

/// The cause of an error. An I/O error that wraps another one gives that one's cause as its own.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// The innermost cause: "connection refused", not "error sending request".
fn reasons(error: &reqwest::Error) -> String {
    let mut deepest: &(dyn Error + 'static) = error;
    while let Some(cause) = beneath(deepest) {
        deepest = cause;
    }
    deepest.to_string()
}
