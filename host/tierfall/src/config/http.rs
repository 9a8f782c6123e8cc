//! `[http]`: the door to the network.

use std::path::PathBuf;
use std::time::Duration;

use super::section::Section;

#[derive(Clone, Debug)]
pub struct Http {
    pub mailto: Option<String>,
    /// `None` is the program's own.
    pub user_agent: Option<String>,
    pub proxy: Proxy,
    pub ca_certs: Vec<PathBuf>,
    pub allow_private: Vec<String>,
    pub robots: bool,
    pub limits: Limits,
    pub pace: Pace,
    pub retry: Retry,
    pub breaker: Breaker,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Proxy {
    Environment,
    Direct,
    /// May hold a password.
    Url(String),
}

#[derive(Clone, Debug)]
pub struct Limits {
    pub connect: Duration,
    pub first_byte: Duration,
    pub idle: Duration,
    pub stall_bytes: u64,
    pub stall_window: Duration,
    pub redirects: u32,
    pub header_count: usize,
    pub header_bytes: usize,
    pub body_bytes: u64,
}

#[derive(Clone, Debug)]
pub struct Pace {
    pub enabled: bool,
    pub max_hold: Duration,
    pub max_crawl_delay: Duration,
    pub api: Rate,
    pub page: Rate,
    pub file: Rate,
    /// The user's own first; the first that fits holds.
    pub rules: Vec<PaceRule>,
}

/// One request starts `every` so often, and `concurrency` are open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub every: Duration,
    pub concurrency: usize,
}

#[derive(Clone, Debug)]
pub struct PaceRule {
    pub name: String,
    pub hosts: Vec<String>,
    /// `None` is all of them together.
    pub role: Option<PaceRole>,
    pub shared: bool,
    pub rate: Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaceRole {
    Api,
    Page,
    File,
}

#[derive(Clone, Debug)]
pub struct Retry {
    pub base: Duration,
    pub max: Duration,
}

#[derive(Clone, Debug)]
pub struct Breaker {
    /// 0 is never.
    pub failures: u32,
    pub open: Duration,
    pub max_open: Duration,
}

impl Http {
    pub(super) fn read(section: Section<'_>) -> Self {
        let mailto = section.maybe_text("mailto");
        if let Some(wrong) = mailto.as_ref().filter(|address| !is_address(address)) {
            section.complain("mailto", format!("{wrong:?} is not an e-mail address"));
        }
        let proxy = match section.text("proxy").as_str() {
            "environment" | "" => Proxy::Environment,
            "direct" => Proxy::Direct,
            url => {
                const SCHEMES: [&str; 5] = ["http", "https", "socks4", "socks5", "socks5h"];
                // Not the value: it may hold a password.
                if !url::Url::parse(url).is_ok_and(|url| SCHEMES.contains(&url.scheme()) && url.has_host()) {
                    let expected =
                        "it is \"environment\", \"direct\", or a URL like http://proxy.example.org:3128";
                    section.complain("proxy", expected);
                }
                Proxy::Url(url.to_owned())
            }
        };
        let http = Self {
            mailto,
            user_agent: section.maybe_text("user_agent"),
            proxy,
            ca_certs: section.paths("ca_certs"),
            allow_private: section.list("allow_private"),
            robots: section.flag("robots"),
            limits: Limits::read(section.section("limits")),
            pace: Pace::read(section.section("pace")),
            retry: Retry::read(section.section("retry")),
            breaker: Breaker::read(section.section("breaker")),
        };
        section.finish();
        http
    }
}

impl Limits {
    fn read(section: Section<'_>) -> Self {
        let limits = Self {
            connect: section.some_millis("connect_ms"),
            first_byte: section.some_millis("first_byte_ms"),
            idle: section.some_millis("idle_ms"),
            stall_bytes: section.bytes("stall_bytes"),
            stall_window: section.some_millis("stall_window_ms"),
            redirects: section.number("redirects", 0..=100),
            header_count: section.number("header_count", 1..=100_000),
            header_bytes: section.bytes("header_bytes"),
            body_bytes: section.bytes("body_bytes"),
        };
        section.finish();
        limits
    }
}

impl Pace {
    fn read(section: Section<'_>) -> Self {
        let rules = section.section("rules").sections();
        let (own, built_in): (Vec<_>, Vec<_>) =
            rules.into_iter().partition(|(name, _)| !super::defaults_have(&["http", "pace", "rules", name]));
        let pace = Self {
            enabled: section.flag("enabled"),
            max_hold: section.millis("max_hold_ms"),
            max_crawl_delay: section.millis("max_crawl_delay_ms"),
            api: Rate::alone(section.section("api")),
            page: Rate::alone(section.section("page")),
            file: Rate::alone(section.section("file")),
            rules: own.into_iter().chain(built_in).map(|(name, rule)| PaceRule::read(name, rule)).collect(),
        };
        section.finish();
        pace
    }
}

impl Rate {
    fn alone(section: Section<'_>) -> Self {
        let rate = Self::within(&section);
        section.finish();
        rate
    }

    fn within(section: &Section<'_>) -> Self {
        Self { every: section.millis("every_ms"), concurrency: section.number("concurrency", 1..=1000) }
    }
}

impl PaceRule {
    fn read(name: String, section: Section<'_>) -> Self {
        const ROLES: [(&str, PaceRole); 3] =
            [("api", PaceRole::Api), ("page", PaceRole::Page), ("file", PaceRole::File)];
        let rule = Self {
            name,
            hosts: section.list("hosts"),
            role: if section.has("role") { section.choice("role", &ROLES) } else { None },
            shared: section.has("shared") && section.flag("shared"),
            rate: Rate::within(&section),
        };
        section.finish();
        rule
    }
}

impl Retry {
    fn read(section: Section<'_>) -> Self {
        let retry = Self { base: section.some_millis("base_ms"), max: section.some_millis("max_ms") };
        section.finish();
        retry
    }
}

impl Breaker {
    fn read(section: Section<'_>) -> Self {
        let breaker = Self {
            failures: section.number("failures", 0..=1_000_000),
            open: section.some_millis("open_ms"),
            max_open: section.some_millis("max_open_ms"),
        };
        section.finish();
        breaker
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::Direct => "Direct",
            Self::Url(_) => "Url(…)",
        })
    }
}

fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && host.contains('.')
            && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}
