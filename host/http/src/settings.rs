//! What an operator can set about the client, as plain data that serde fills.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use serde::de::{Deserialize, Deserializer, Error};
use tierfall_settings::{Harmless, bytes, millis, named, number, path, some_bytes, some_millis, text};
use url::Url;

use super::Role;
use super::address::Opening;

/// Everything that can be set about the client (`[http]`).
#[derive(Clone, Debug, serde::Deserialize)]
pub struct HttpSettings {
    /// How to reach who runs this; added to the user agent as `(+mailto:…)`.
    #[serde(deserialize_with = "mailto")]
    pub mailto: Option<String>,
    /// Product and version: `Tierfall/0.1.0`, unless another is given.
    #[serde(deserialize_with = "user_agent")]
    pub user_agent: String,
    /// Which proxy requests go through.
    pub proxy: ProxyChoice,
    /// PEM files with roots that are trusted beside the system's.
    #[serde(deserialize_with = "path")]
    pub ca_certs: Vec<PathBuf>,
    /// Host names and literal addresses that may be asked although they are not public, each on every port, or on the
    /// one that follows it: `HOST:PORT`.
    #[serde(deserialize_with = "openings")]
    pub allow_private: Vec<String>,
    /// Ask robots.txt before pages and files.
    pub robots: bool,
    /// What one request may take.
    pub limits: Limits,
    /// How often, and how many at once, one host is asked.
    pub pace: PaceSettings,
    /// How long to wait before a request is tried again.
    pub retry: RetrySettings,
    /// When a host that keeps failing is left alone.
    pub breaker: BreakerSettings,
}

/// Which proxy requests go through.
#[derive(Clone, PartialEq, Eq)]
pub enum ProxyChoice {
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl reads them.
    Environment,
    /// This URL (`http`, `https`, `socks4`, `socks5`) for everything; it may hold a password.
    Url(String),
    /// None.
    Direct,
}

/// What one request may take.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Limits {
    /// Name resolution, TCP and TLS.
    #[serde(rename = "connect_ms", deserialize_with = "some_millis")]
    pub connect: Duration,
    /// From sending a request to the head of its answer.
    #[serde(rename = "first_byte_ms", deserialize_with = "some_millis")]
    pub first_byte: Duration,
    /// Between two pieces of a body.
    #[serde(rename = "idle_ms", deserialize_with = "some_millis")]
    pub idle: Duration,
    /// A body that brings less than this in `stall_window` is given up.
    #[serde(deserialize_with = "bytes")]
    pub stall_bytes: u64,
    /// See `stall_bytes`.
    #[serde(rename = "stall_window_ms", deserialize_with = "some_millis")]
    pub stall_window: Duration,
    /// Redirects of one request.
    #[serde(deserialize_with = "number::<_, _, 0, 100>")]
    pub redirects: u32,
    /// Header lines of one answer.
    #[serde(deserialize_with = "number::<_, _, 1, 100_000>")]
    pub header_count: usize,
    /// Names and values of one answer's head.
    #[serde(deserialize_with = "some_bytes")]
    pub header_bytes: usize,
    /// Any decoded body.
    #[serde(deserialize_with = "some_bytes")]
    pub body_bytes: u64,
}

/// How often, and how many at once, one host is asked.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct PaceSettings {
    /// Off: no rates and no concurrency limits; holds (Retry-After) are kept all the same.
    pub enabled: bool,
    /// Whether processes of this user, or of one ledger, keep the pace together.
    pub share: bool,
    /// The longest a host's Retry-After is obeyed, so that one answer cannot close a host for a day.
    #[serde(rename = "max_hold_ms", deserialize_with = "millis")]
    pub max_hold: Duration,
    /// The longest robots.txt crawl-delay that is obeyed.
    #[serde(rename = "max_crawl_delay_ms", deserialize_with = "millis")]
    pub max_crawl_delay: Duration,
    /// Of [`Role::Api`], where no rule fits.
    pub api: Limit,
    /// Of [`Role::Page`], where no rule fits.
    pub page: Limit,
    /// Of [`Role::File`], where no rule fits.
    pub file: Limit,
    /// By name. The first rule that fits a host and role replaces the role's limit.
    #[serde(deserialize_with = "named")]
    pub rules: Vec<(String, PaceRule)>,
}

/// One request starts `every` so often, and `concurrency` are open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Limit {
    /// The time between the starts of two requests.
    #[serde(rename = "every_ms", deserialize_with = "millis")]
    pub every: Duration,
    /// Requests that are open at once.
    #[serde(deserialize_with = "number::<_, _, 1, 1000>")]
    pub concurrency: usize,
}

/// A limit for some hosts.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct PaceRule {
    /// Names, or `*.example.org` for that name and all below it.
    pub hosts: Vec<String>,
    /// `None` is for all roles, which then share one pace.
    pub role: Option<Role>,
    /// The paths of one of the host's services, or `/works/*` for all below; none is for the whole host.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Only requests with a key of the operator's, or only those without.
    #[serde(default)]
    pub secret: Option<bool>,
    /// All hosts of the rule share one pace, as if they were one machine.
    #[serde(default)]
    pub shared: bool,
    /// At most so many requests within `per`, beside the time between two.
    #[serde(default, deserialize_with = "some_number")]
    pub requests: Option<usize>,
    /// See `requests`.
    #[serde(rename = "per_ms", default = "second", deserialize_with = "some_millis")]
    pub per: Duration,
    /// So many may start at once after a pause: what was not used meanwhile is made up for. 1 is none.
    #[serde(default = "one", deserialize_with = "number::<_, _, 1, 1000>")]
    pub burst: u32,
    /// A request that would wait longer for its turn is refused at once.
    #[serde(rename = "patience_ms", default, deserialize_with = "some_millis")]
    pub patience: Option<Duration>,
    /// The pace itself; read from the same table ([`tierfall_settings::SAME_TABLE`]).
    #[serde(rename = "")]
    pub limit: Limit,
}

/// So many requests within a time, however they are spread over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Never zero.
    pub requests: usize,
    /// Never zero.
    pub per: Duration,
}

impl Window {
    /// The time between two requests that are spread evenly.
    pub(crate) fn interval(self) -> Option<Duration> {
        self.per.checked_div(u32::try_from(self.requests).ok()?)
    }
}

impl PaceRule {
    /// How many requests within which time.
    pub(crate) fn window(&self) -> Option<Window> {
        Some(Window { requests: self.requests?, per: self.per })
    }

    /// It is for some of a host's requests, which then have a queue of their own.
    pub(crate) fn is_of_a_service(&self) -> bool {
        !self.paths.is_empty() || self.secret.is_some()
    }
}

fn one() -> u32 {
    1
}

fn second() -> Duration {
    Duration::from_secs(1)
}

fn some_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    number::<_, _, 1, 1_000_000>(deserializer).map(Some)
}

/// How long to wait before a request is tried again.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct RetrySettings {
    /// Before the first retry; doubled for each further one.
    #[serde(rename = "base_ms", deserialize_with = "some_millis")]
    pub base: Duration,
    /// The longest wait that no host has asked for.
    #[serde(rename = "max_ms", deserialize_with = "some_millis")]
    pub max: Duration,
}

/// When a host that keeps failing is left alone.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct BreakerSettings {
    /// Failures in a row that open it; 0 turns breakers off.
    #[serde(deserialize_with = "number::<_, _, 0, 1_000_000>")]
    pub failures: u32,
    /// For how long it stays open; doubled each time the probe fails.
    #[serde(rename = "open_ms", deserialize_with = "some_millis")]
    pub open: Duration,
    /// For how long at most.
    #[serde(rename = "max_open_ms", deserialize_with = "some_millis")]
    pub max_open: Duration,
}

impl HttpSettings {
    /// See [`Harmless`].
    pub const HARMLESS: &[Harmless] = &[
        Harmless::key("mailto"),
        Harmless::key("limits.connect_ms"),
        Harmless::key("limits.first_byte_ms"),
        Harmless::key("limits.idle_ms"),
        Harmless::key("limits.stall_bytes"),
        Harmless::key("limits.stall_window_ms"),
    ];

    /// The value of `User-Agent`: who asks, and how to reach them.
    pub fn user_agent_header(&self) -> String {
        match &self.mailto {
            Some(mailto) => format!("{} (+mailto:{mailto})", self.user_agent),
            None => self.user_agent.clone(),
        }
    }
}

/// Without the URL, which may hold a password.
impl fmt::Debug for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::Direct => "Direct",
            Self::Url(_) => "Url(…)",
        })
    }
}

impl<'de> Deserialize<'de> for ProxyChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const SCHEMES: [&str; 5] = ["http", "https", "socks4", "socks5", "socks5h"];
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "environment" | "" => Ok(Self::Environment),
            "direct" => Ok(Self::Direct),
            url if Url::parse(url).is_ok_and(|url| SCHEMES.contains(&url.scheme()) && url.has_host()) => {
                Ok(Self::Url(text))
            }
            // Not the value: it may hold a password.
            _ => Err(D::Error::custom(
                "it is \"environment\", \"direct\", or a URL like http://proxy.example.org:3128",
            )),
        }
    }
}

fn user_agent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let own = || concat!("Tierfall/", env!("CARGO_PKG_VERSION")).to_owned();
    let name = text(deserializer)?.unwrap_or_else(own);
    match HeaderValue::from_str(&name) {
        Ok(_) => Ok(name),
        Err(_) => {
            Err(D::Error::custom("it cannot be sent in a header: it is one line, without control characters"))
        }
    }
}

fn openings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let entries = Vec::<String>::deserialize(deserializer)?;
    for entry in &entries {
        entry
            .parse::<Opening>()
            .map_err(|wrong| D::Error::custom(format_args!("{entry:?} cannot be opened: {wrong}")))?;
    }
    Ok(entries)
}

fn mailto<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let address = text(deserializer)?;
    match &address {
        Some(wrong) if !is_address(wrong) => {
            Err(D::Error::custom(format_args!("{wrong:?} is not an e-mail address")))
        }
        Some(nobodys) if is_placeholder(nobodys) => Err(D::Error::custom(format_args!(
            "{nobodys:?} is nobody's address; give your own, so that hosts can write to you"
        ))),
        _ => Ok(address),
    }
}

/// The domain of all copied examples. Unpaywall answers 422 to it, and to it alone.
fn is_placeholder(address: &str) -> bool {
    address.rsplit('@').next().is_some_and(|host| host.eq_ignore_ascii_case("example.com"))
}

fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && host.contains('.')
            && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

#[cfg(any(test, feature = "testing"))]
impl HttpSettings {
    /// For tests against servers on 127.0.0.1: no proxy, pace, robots or breaker, and short waits.
    pub fn for_tests() -> Self {
        let limit = Limit { every: Duration::ZERO, concurrency: 64 };
        Self {
            user_agent: "Tierfall/0.0.0".into(),
            mailto: None,
            proxy: ProxyChoice::Direct,
            ca_certs: Vec::new(),
            allow_private: vec!["127.0.0.1".into(), "localhost".into()],
            limits: Limits {
                connect: Duration::from_secs(5),
                first_byte: Duration::from_secs(10),
                idle: Duration::from_secs(10),
                stall_bytes: 1024,
                stall_window: Duration::from_secs(20),
                redirects: 20,
                header_count: 256,
                header_bytes: 64 * 1024,
                body_bytes: 1 << 30,
            },
            robots: false,
            pace: PaceSettings {
                enabled: false,
                share: false,
                api: limit,
                page: limit,
                file: limit,
                rules: Vec::new(),
                max_hold: Duration::from_secs(300),
                max_crawl_delay: Duration::from_secs(30),
            },
            retry: RetrySettings { base: Duration::from_millis(1), max: Duration::from_millis(10) },
            breaker: BreakerSettings {
                failures: 0,
                open: Duration::from_secs(30),
                max_open: Duration::from_secs(300),
            },
        }
    }
}
