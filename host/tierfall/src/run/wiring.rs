//! The configuration, handed to each room in the room's own terms.

use crate::acquire::AcquireSettings;
use crate::config;
use crate::tiers::Budgets;
use tierfall_http as http;
use tierfall_proof::IdentityPolicy;
use tierfall_sandbox::{ExaminerSettings, SandboxSettings};

pub(super) fn http(config: &config::Http) -> http::HttpSettings {
    http::HttpSettings {
        user_agent: config
            .user_agent
            .clone()
            .unwrap_or_else(|| concat!("Tierfall/", env!("CARGO_PKG_VERSION")).into()),
        mailto: config.mailto.clone(),
        proxy: match &config.proxy {
            config::Proxy::Environment => http::ProxyChoice::Environment,
            config::Proxy::Direct => http::ProxyChoice::Direct,
            config::Proxy::Url(url) => http::ProxyChoice::Url(url.clone()),
        },
        ca_certs: config.ca_certs.clone(),
        allow_private: config.allow_private.clone(),
        limits: http::Limits {
            connect: config.limits.connect,
            first_byte: config.limits.first_byte,
            idle: config.limits.idle,
            stall_bytes: config.limits.stall_bytes,
            stall_window: config.limits.stall_window,
            redirects: config.limits.redirects,
            header_count: config.limits.header_count,
            header_bytes: config.limits.header_bytes,
            body_bytes: config.limits.body_bytes,
        },
        robots: config.robots,
        pace: http::PaceSettings {
            enabled: config.pace.enabled,
            api: rate(config.pace.api),
            page: rate(config.pace.page),
            file: rate(config.pace.file),
            rules: config.pace.rules.iter().map(pace_rule).collect(),
            max_hold: config.pace.max_hold,
            max_crawl_delay: config.pace.max_crawl_delay,
        },
        retry: http::RetrySettings { base: config.retry.base, max: config.retry.max },
        breaker: http::BreakerSettings {
            failures: config.breaker.failures,
            open: config.breaker.open,
            max_open: config.breaker.max_open,
        },
    }
}

pub(super) fn sandbox(config: &config::Config) -> SandboxSettings {
    let calls = config.run.workers * config.fallback.max_concurrent + examinations();
    let config = &config.sandbox;
    SandboxSettings {
        calls,
        memory_bytes: config.memory_bytes,
        table_elements: config.table_elements,
        instances: config.instances,
        stack_bytes: config.stack_bytes,
        hostcall_bytes: config.hostcall_bytes,
        handles: config.handles,
        fetches: config.fetches,
        fetch_bytes: config.fetch_bytes,
        log_lines: config.log_lines,
        candidates: config.candidates,
        component_bytes: config.component_bytes,
        tick: config.tick,
        describe_timeout: config.describe_timeout,
        failures: config.failures,
        cache_dir: config.cache_dir.clone(),
        examiner: ExaminerSettings {
            memory_bytes: config.examiner.memory_bytes,
            timeout: config.examiner.timeout,
        },
    }
}

pub(super) fn budgets(config: &config::Fallback) -> Budgets {
    Budgets {
        total: config.total_timeout,
        max_attempts: config.max_attempts,
        max_concurrent: config.max_concurrent,
        hedge: config.hedge,
    }
}

pub(super) fn acquire(config: &config::Config) -> AcquireSettings {
    AcquireSettings {
        max_bytes: config.acquire.max_bytes,
        timeout: config.acquire.timeout,
        retries: config.acquire.retries,
        resume: config.acquire.resume,
        identity: match config.proof.identity {
            config::IdentityPolicy::Strict => IdentityPolicy::Strict,
            config::IdentityPolicy::Normal => IdentityPolicy::Normal,
            config::IdentityPolicy::Off => IdentityPolicy::Off,
        },
        first_pages: config.proof.first_pages,
        honour_tdm: config.policy.tdm == config::Tdm::Honour,
        examinations: examinations(),
    }
}

/// Each keeps a processor busy.
fn examinations() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn rate(rate: config::Rate) -> http::Limit {
    http::Limit { every: rate.every, concurrency: rate.concurrency }
}

fn pace_rule(rule: &config::PaceRule) -> http::PaceRule {
    http::PaceRule {
        hosts: rule.hosts.clone(),
        role: rule.role.map(|role| match role {
            config::PaceRole::Api => http::Role::Api,
            config::PaceRole::Page => http::Role::Page,
            config::PaceRole::File => http::Role::File,
        }),
        shared: rule.shared,
        limit: rate(rule.rate),
    }
}
