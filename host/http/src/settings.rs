//! What an operator can set about the door, as plain data.

use std::path::PathBuf;
use std::time::Duration;

use super::Role;

#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Product and version: `Tierfall/0.1.0`.
    pub user_agent: String,
    /// How to reach who runs this; added to the user agent as `(+mailto:…)`.
    pub mailto: Option<String>,
    pub proxy: ProxyChoice,
    /// PEM files with roots that are trusted beside the system's.
    pub ca_certs: Vec<PathBuf>,
    /// Host names and literal addresses that may be asked although they are not public.
    pub allow_private: Vec<String>,
    pub limits: Limits,
    /// Ask robots.txt before pages and files.
    pub robots: bool,
    pub pace: PaceSettings,
    pub retry: RetrySettings,
    pub breaker: BreakerSettings,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyChoice {
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl reads them.
    Environment,
    /// This URL (`http`, `https`, `socks4`, `socks5`) for everything.
    Url(String),
    Direct,
}

#[derive(Clone, Debug)]
pub struct Limits {
    /// Name resolution, TCP and TLS.
    pub connect: Duration,
    /// From sending a request to the head of its answer.
    pub first_byte: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
    /// A body that brings less than `stall_bytes` in `stall_window` is given up.
    pub stall_bytes: u64,
    pub stall_window: Duration,
    pub redirects: u32,
    pub header_count: usize,
    /// Names and values of one answer's head.
    pub header_bytes: usize,
    /// Any decoded body.
    pub body_bytes: u64,
}

#[derive(Clone, Debug)]
pub struct PaceSettings {
    /// Off: no rates and no concurrency limits; holds (Retry-After) are kept all the same.
    pub enabled: bool,
    pub api: Limit,
    pub page: Limit,
    pub file: Limit,
    /// The first rule that fits a host and role replaces the role's limit.
    pub rules: Vec<PaceRule>,
    /// The longest a host's Retry-After is obeyed, so that one answer cannot close a host for a day.
    pub max_hold: Duration,
    /// The longest robots.txt crawl-delay that is obeyed.
    pub max_crawl_delay: Duration,
}

/// One request starts `every` so often, and `concurrency` are open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub every: Duration,
    pub concurrency: usize,
}

#[derive(Clone, Debug)]
pub struct PaceRule {
    /// Names, or `*.example.org` for that name and all below it.
    pub hosts: Vec<String>,
    /// `None` is for all roles, which then share one pace.
    pub role: Option<Role>,
    /// All hosts of the rule share one pace, as if they were one machine.
    pub shared: bool,
    pub limit: Limit,
}

#[derive(Clone, Debug)]
pub struct RetrySettings {
    /// Before the first retry; doubled for each further one.
    pub base: Duration,
    pub max: Duration,
}

#[derive(Clone, Debug)]
pub struct BreakerSettings {
    /// Failures in a row that open it; 0 turns breakers off.
    pub failures: u32,
    /// For how long it stays open; doubled each time the probe fails.
    pub open: Duration,
    pub max_open: Duration,
}

impl HttpSettings {
    /// The value of `User-Agent`: who asks, and how to reach them.
    pub fn user_agent_header(&self) -> String {
        match &self.mailto {
            Some(mailto) => format!("{} (+mailto:{mailto})", self.user_agent),
            None => self.user_agent.clone(),
        }
    }
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
