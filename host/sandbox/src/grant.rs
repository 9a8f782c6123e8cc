//! Capabilities: what a source declares, what the operator grants, and what one call may therefore do.
//!
//! A host that is not both declared and granted is denied, and the denial says which half is missing.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use url::{Host, Url};

use crate::description::{HostPattern, SourceDescription};
use tierfall_http::{HeaderMap, HopPolicy, Role, Secrets, header_map};
use tierfall_ids::{IdKind, WorkId};
use tierfall_work::Work;

/// Which of the declared hosts the operator grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Whatever the plugin declares.
    Declared,
    /// These hosts alone: `host`, `*.host`, or `work-hosts`.
    Hosts(Vec<String>),
}

/// A secret and where it may go.
#[derive(Clone)]
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) header: String,
    prefix: String,
    pub(crate) value: String,
    host: Rule,
}

impl Secret {
    /// As it is sent.
    pub(crate) fn sent(&self) -> String {
        format!("{}{}", self.prefix, self.value)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret")
            .field("name", &self.name)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// What one source may do, resolved once: its hosts, its settings, its secrets.
#[derive(Debug)]
pub struct SourceAccess {
    pub(crate) plugin: String,
    pub(crate) source: String,
    /// Effective values of the settings that are not secret.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) secrets: Vec<Secret>,
    needs: Vec<(Rule, Role)>,
    /// The role of requests to the work's own hosts, where they were declared.
    work_hosts: Option<Role>,
    grant: Grant,
    /// Whether robots.txt holds for its pages.
    robots: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Exact(String),
    Subdomains(String),
}

impl SourceAccess {
    /// Combines what `source` declares with the operator's grant and values. `values` holds settings
    /// and secrets by name. The error says which setting is missing or unreadable.
    pub fn new(
        plugin: &str,
        source: &SourceDescription,
        grant: Grant,
        values: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let value = |name: &str| {
            values
                .get(name)
                .cloned()
                .or_else(|| source.setting(name).and_then(|setting| setting.default.clone()))
        };
        if let Some(missing) = source
            .settings
            .iter()
            .find(|setting| setting.required && value(&setting.name).is_none_or(|value| value.is_empty()))
        {
            let kind = if missing.secret.is_some() { "key" } else { "setting" };
            return Err(format!("the {kind} `{}` is not set", missing.name));
        }
        let resolve = |pattern: &HostPattern| -> Result<Option<Rule>, String> {
            Ok(match pattern {
                HostPattern::Exact(host) => Some(Rule::Exact(host.clone())),
                HostPattern::Subdomains(host) => Some(Rule::Subdomains(host.clone())),
                HostPattern::Setting(name) => match value(name) {
                    None => None,
                    Some(base) => {
                        let url = Url::parse(&base).ok().and_then(|url| url.host_str().map(str::to_owned));
                        // Without its value: somebody may have put a key there by mistake.
                        Some(Rule::Exact(url.ok_or_else(|| format!("the setting `{name}` is not a URL"))?))
                    }
                },
                HostPattern::WorkHosts => None,
            })
        };
        let mut needs = Vec::new();
        let mut work_hosts = None;
        for need in &source.hosts {
            if need.pattern == HostPattern::WorkHosts {
                work_hosts = Some(need.role);
            } else if let Some(rule) = resolve(&need.pattern)? {
                needs.push((rule, need.role));
            }
        }
        let mut settings = Vec::new();
        let mut secrets = Vec::new();
        for setting in &source.settings {
            let Some(value) = value(&setting.name) else { continue };
            match &setting.secret {
                None => settings.push((setting.name.clone(), value)),
                Some(secret) => {
                    if let Some(host) = resolve(&secret.host)?.filter(|_| !value.is_empty()) {
                        secrets.push(Secret {
                            name: setting.name.clone(),
                            header: secret.header.clone(),
                            prefix: secret.prefix.clone(),
                            value,
                            host,
                        });
                    }
                }
            }
        }
        Ok(Self {
            plugin: plugin.to_owned(),
            source: source.name.clone(),
            settings,
            secrets,
            needs,
            work_hosts,
            grant,
            robots: true,
        })
    }

    /// Fetches this source's pages whatever robots.txt says.
    pub fn ignoring_robots(self) -> Self {
        Self { robots: false, ..self }
    }

    /// The keys that belong on a request for a file at `url` that this source proposes: over TLS or within this
    /// machine, and only at a host that it declares as an API for the key. `None` where none does.
    pub fn file_keys(&self, url: &Url) -> Option<(HeaderMap, Secrets)> {
        let host = url.host_str().unwrap_or_default();
        let granted = self.declared(host) == Some(Role::Api) && self.granted(host);
        if !(url.scheme() == "https" || is_loopback(url)) || !granted {
            return None;
        }
        let fitting: Vec<_> = self.secrets.iter().filter(|secret| secret.host.matches(host)).collect();
        let headers = header_map(fitting.iter().map(|secret| (&secret.header, secret.sent()))).ok()?;
        let values = Secrets(fitting.iter().map(|secret| secret.value.clone()).collect());
        (!headers.is_empty()).then_some((headers, values))
    }

    /// The hosts that it declares and is not granted, as it declares them: requests to them are denied.
    pub fn ungranted(&self) -> Vec<String> {
        let Grant::Hosts(granted) = &self.grant else { return Vec::new() };
        let granted: Vec<Rule> = granted.iter().map(|rule| Rule::parse(rule)).collect();
        let missing = self.needs.iter().map(|(rule, _)| rule).filter(|rule| match rule {
            Rule::Exact(host) => !granted.iter().any(|granted| granted.matches(host)),
            // All below it, or a host of them: a part is what an operator may want.
            Rule::Subdomains(parent) => !granted.iter().any(|granted| match granted {
                Rule::Exact(host) => rule.matches(host),
                Rule::Subdomains(known) => rule.matches(known) || granted.matches(parent),
            }),
        });
        let mut missing: Vec<String> = missing.map(ToString::to_string).collect();
        if self.work_hosts.is_some() && !self.work_hosts_granted() {
            missing.push("work-hosts".to_owned());
        }
        missing
    }

    /// The value of a setting that is not secret.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The hosts that it asks whatever the work, with their roles.
    pub fn fixed_hosts(&self) -> impl Iterator<Item = (&str, Role)> {
        self.needs.iter().filter_map(|(rule, role)| match rule {
            Rule::Exact(host) => Some((host.as_str(), *role)),
            Rule::Subdomains(_) => None,
        })
    }

    /// Whether it also asks the hosts of a work's own pages.
    pub fn asks_work_hosts(&self) -> bool {
        self.work_hosts.is_some()
    }

    /// Whether a key goes with its requests.
    pub fn has_secrets(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// The hosts that it may fetch from for `work`, with their roles, as far as they are known before the call:
    /// those of its APIs, and those of the work's own pages.
    pub fn hosts_for(&self, work: &Work) -> impl Iterator<Item = (String, Role)> {
        let fixed = self.needs.iter().filter_map(|(rule, role)| match rule {
            Rule::Exact(host) => Some((host.clone(), *role)),
            Rule::Subdomains(_) => None,
        });
        let own = self.work_hosts.map(|role| own_hosts(work).into_iter().map(move |host| (host, role)));
        fixed.chain(own.into_iter().flatten())
    }

    /// The rules for one call about `work`; `tried` are the URLs earlier tiers tried for it.
    pub(crate) fn for_work<'a>(
        self: &Arc<Self>,
        work: &'a Work,
        tried: impl IntoIterator<Item = &'a str>,
    ) -> CallHops {
        let (mut hosts, mut resolvable) = (HashSet::new(), Vec::new());
        if self.work_hosts.is_some() {
            let tried: Vec<&str> = tried.into_iter().collect();
            hosts = own_hosts(work);
            hosts.extend(tried.iter().copied().filter_map(host_of));
            let urls = work.landing_urls.iter().map(String::as_str).chain(tried);
            let pages = urls.filter_map(|url| url.parse::<WorkId>().ok());
            resolvable = pages.map(|id| id.key()).chain(work.ids.iter().map(WorkId::key)).collect();
        }
        CallHops { access: Arc::clone(self), work_hosts: Mutex::new(hosts), resolvable }
    }

    /// The declared role of a host. One that is declared as both is a page: otherwise a page could escape its
    /// robots.txt as an API.
    fn declared(&self, host: &str) -> Option<Role> {
        let roles = || self.needs.iter().filter(|(rule, _)| rule.matches(host)).map(|(_, role)| *role);
        roles().find(|role| *role != Role::Api).or_else(|| roles().next())
    }

    fn granted(&self, host: &str) -> bool {
        match &self.grant {
            Grant::Declared => true,
            Grant::Hosts(hosts) => hosts.iter().any(|granted| Rule::parse(granted).matches(host)),
        }
    }

    fn work_hosts_granted(&self) -> bool {
        match &self.grant {
            Grant::Declared => true,
            Grant::Hosts(hosts) => hosts.iter().any(|granted| granted == "work-hosts"),
        }
    }
}

/// The hop policy of one call.
#[derive(Debug)]
pub(crate) struct CallHops {
    access: Arc<SourceAccess>,
    work_hosts: Mutex<HashSet<String>>,
    /// What a resolver may be asked for: the keys of the work's own identifiers and pages.
    resolvable: Vec<String>,
}

/// Hosts that lead to anybody's: one of their URLs is the work's, and not the whole host.
const RESOLVERS: [&str; 4] = ["doi.org", "dx.doi.org", "www.doi.org", "hdl.handle.net"];

impl CallHops {
    /// The secrets that belong on a request to `url`: over TLS or within this machine, to the declared host alone, and
    /// to an API: a page may be anybody's.
    pub(crate) fn secrets_for(&self, url: &Url) -> Vec<&Secret> {
        let access = &self.access;
        let loopback = is_loopback(url);
        let host = url.host_str().unwrap_or_default();
        let page = access.work_hosts.is_some() && self.lock().contains(host);
        if url.scheme() != "https" && !loopback || page || access.declared(host) != Some(Role::Api) {
            return Vec::new();
        }
        access.secrets.iter().filter(|secret| secret.host.matches(host)).collect()
    }

    /// Whether a resolver is asked for something else than the work.
    fn resolves_another(&self, url: &Url) -> bool {
        let resolver = url.host_str().is_some_and(|host| RESOLVERS.contains(&host));
        let own = |id: WorkId| self.resolvable.contains(&id.key());
        resolver && !url.as_str().parse().is_ok_and(own)
    }
    /// Allows the host of `url`, to which a page of the work redirects by `<meta http-equiv="refresh">`: it
    /// counts as a redirect like any other.
    pub(crate) fn redirected_to(&self, url: &Url) {
        if let Some(host) = url.host_str() {
            self.lock().insert(host.to_owned());
        }
    }

    pub(crate) fn follows_pages(&self) -> bool {
        self.access.work_hosts.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.work_hosts.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl HopPolicy for CallHops {
    fn plugin(&self) -> &str {
        &self.access.plugin
    }

    fn robots(&self) -> bool {
        self.access.robots
    }

    fn admit(&self, url: &Url, hop: u32) -> Result<Role, String> {
        let access = &self.access;
        let host = url.host_str().unwrap_or_default();
        let who = format!("plugin {} (source {})", access.plugin, access.source);
        if let Some(role) = access.declared(host) {
            return if access.granted(host) {
                Ok(role)
            } else {
                Err(format!(
                    "{host} is declared by {who} but not granted: see `plugins.{}.hosts`",
                    access.plugin
                ))
            };
        }
        let Some(role) = access.work_hosts else {
            return Err(format!("{host} is not declared by {who}"));
        };
        if hop > 0 {
            self.lock().insert(host.to_owned());
        } else if !self.lock().contains(host) {
            return Err(format!("{host} is not declared by {who}, and is none of this work's own hosts"));
        } else if self.resolves_another(url) {
            return Err(format!("{host} is asked by {who} for something else than this work"));
        }
        if access.work_hosts_granted() || access.granted(host) {
            Ok(role)
        } else {
            Err(format!(
                "{host} is declared by {who} as one of the work's own hosts but not granted: `work-hosts` is missing in `plugins.{}.hosts`",
                access.plugin
            ))
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    }
}

impl Rule {
    fn parse(text: &str) -> Self {
        let text = text.trim().to_ascii_lowercase();
        match text.strip_prefix("*.") {
            Some(parent) => Self::Subdomains(parent.to_owned()),
            None => Self::Exact(text),
        }
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Subdomains(parent) => {
                host == parent || host.strip_suffix(parent.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Subdomains(parent) => write!(f, "*.{parent}"),
        }
    }
}

/// The hosts of a work's own URLs.
fn own_hosts(work: &Work) -> HashSet<String> {
    let mut hosts: HashSet<String> = work.landing_urls.iter().filter_map(|url| host_of(url)).collect();
    if work.has(IdKind::Doi) {
        // The DOI's own URL is one of the work's.
        hosts.insert("doi.org".to_owned());
    }
    hosts
}

fn host_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    match url.host()? {
        Host::Domain(name) => Some(name.to_owned()),
        Host::Ipv4(_) | Host::Ipv6(_) => url.host_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::{HostNeed, SecretUse, Setting};

    fn source(hosts: Vec<HostNeed>, settings: Vec<Setting>) -> SourceDescription {
        SourceDescription {
            name: "repo".into(),
            summary: String::new(),
            ids: vec![IdKind::Doi],
            titles: false,
            batch: None,
            known_works: Vec::new(),
            hosts,
            settings,
        }
    }

    fn exact(host: &str) -> HostNeed {
        HostNeed { pattern: HostPattern::Exact(host.into()), role: Role::Api }
    }

    fn work() -> Work {
        let mut work = Work::new("10.5555/1".parse().expect("a DOI"));
        work.landing_urls.push("https://journal.example/article/1".into());
        work
    }

    fn hops(hosts: Vec<HostNeed>, grant: Grant) -> CallHops {
        let access = SourceAccess::new("mine", &source(hosts, vec![]), grant, &BTreeMap::new()).unwrap();
        Arc::new(access).for_work(&work(), [])
    }

    fn admit(hops: &CallHops, url: &str, hop: u32) -> Result<Role, String> {
        hops.admit(&Url::parse(url).unwrap(), hop)
    }

    #[test]
    fn what_is_declared_and_granted_is_admitted() {
        assert_eq!(
            admit(&hops(vec![exact("api.example.org")], Grant::Declared), "https://api.example.org/x", 0),
            Ok(Role::Api)
        );
    }

    #[test]
    fn a_denial_says_which_half_is_missing() {
        let undeclared = hops(vec![exact("api.example.org")], Grant::Declared);
        assert!(admit(&undeclared, "https://evil.example/x", 0).unwrap_err().contains("not declared"));
        let ungranted = hops(vec![exact("api.example.org")], Grant::Hosts(vec!["other.example".into()]));
        assert!(admit(&ungranted, "https://api.example.org/x", 0).unwrap_err().contains("not granted"));
    }

    #[test]
    fn an_api_cannot_redirect_its_source_to_a_host_it_did_not_declare() {
        let api = hops(vec![exact("api.example.org")], Grant::Declared);
        assert!(admit(&api, "https://evil.example/x", 1).is_err());
    }

    #[test]
    fn a_page_source_reaches_the_works_own_hosts_and_where_they_redirect() {
        let need = HostNeed { pattern: HostPattern::WorkHosts, role: Role::Page };
        let pages = hops(vec![need], Grant::Declared);
        assert_eq!(admit(&pages, "https://journal.example/pdf", 0), Ok(Role::Page));
        assert!(admit(&pages, "https://cdn.example/x", 0).is_err());
        assert_eq!(admit(&pages, "https://cdn.example/x", 1), Ok(Role::Page));
        assert_eq!(admit(&pages, "https://cdn.example/y", 0), Ok(Role::Page));
    }

    #[test]
    fn a_name_that_only_ends_alike_is_not_a_subdomain() {
        assert!(Rule::parse("*.example.org").matches("a.example.org"));
        assert!(!Rule::parse("*.example.org").matches("evilexample.org"));
    }

    #[test]
    fn a_secret_goes_to_its_own_host_over_tls_alone() {
        let setting = Setting {
            name: "api_key".into(),
            summary: String::new(),
            default: None,
            required: true,
            secret: Some(SecretUse {
                host: HostPattern::Exact("api.example.org".into()),
                header: "authorization".into(),
                prefix: "Bearer ".into(),
            }),
        };
        let described = source(vec![exact("api.example.org"), exact("other.example")], vec![setting]);
        let missing = SourceAccess::new("mine", &described, Grant::Declared, &BTreeMap::new());
        assert!(missing.unwrap_err().contains("`api_key` is not set"));

        let values = BTreeMap::from([("api_key".to_owned(), "k123".to_owned())]);
        let access = Arc::new(SourceAccess::new("mine", &described, Grant::Declared, &values).unwrap());
        let hops = access.for_work(&work(), []);
        let on = |url: &str| -> Vec<(String, String)> {
            let secrets = hops.secrets_for(&Url::parse(url).unwrap());
            secrets.into_iter().map(|secret| (secret.header.clone(), secret.sent())).collect()
        };
        assert_eq!(
            on("https://api.example.org/v3"),
            [("authorization".to_owned(), "Bearer k123".to_owned())]
        );
        assert!(on("http://api.example.org/v3").is_empty());
        assert!(on("https://other.example/").is_empty());
        assert!(!format!("{access:?}{hops:?}").contains("k123"));
        assert!(access.settings.is_empty());
    }

    #[test]
    fn a_host_that_is_declared_as_both_is_a_page_and_gets_no_secret() {
        let page = |pattern: HostPattern| HostNeed { pattern, role: Role::Page };
        let setting = Setting {
            name: "api_key".into(),
            summary: String::new(),
            default: None,
            required: true,
            secret: Some(SecretUse {
                host: HostPattern::Exact("journal.example".into()),
                header: "x-key".into(),
                prefix: String::new(),
            }),
        };
        let values = BTreeMap::from([("api_key".to_owned(), "k123".to_owned())]);
        let hops = |other: HostNeed| {
            let described = source(vec![exact("journal.example"), other], vec![setting.clone()]);
            let access = SourceAccess::new("mine", &described, Grant::Declared, &values).unwrap();
            Arc::new(access).for_work(&work(), [])
        };
        let url = "https://journal.example/x";
        for both in [
            page(HostPattern::Exact("journal.example".into())),
            page(HostPattern::Subdomains("example".into())),
        ] {
            let hops = hops(both);
            assert_eq!(admit(&hops, url, 0), Ok(Role::Page));
            assert!(hops.secrets_for(&Url::parse(url).unwrap()).is_empty());
        }
        // It is the host of the work's own page.
        assert!(hops(page(HostPattern::WorkHosts)).secrets_for(&Url::parse(url).unwrap()).is_empty());
        let api = hops(page(HostPattern::Exact("pages.example".into())));
        assert_eq!(api.secrets_for(&Url::parse(url).unwrap()).len(), 1);
    }

    #[test]
    fn a_resolver_is_asked_for_the_work_and_not_for_anybodys_page() {
        let need = HostNeed { pattern: HostPattern::WorkHosts, role: Role::Page };
        let pages = hops(vec![need], Grant::Declared);
        for own in
            ["https://doi.org/10.5555/1", "https://doi.org/10.5555%2F1#top", "http://doi.org/doi:10.5555/1"]
        {
            assert_eq!(admit(&pages, own, 0), Ok(Role::Page), "{own}");
        }
        for another in ["https://doi.org/10.6666/mine", "https://doi.org/10/short", "https://doi.org/"] {
            assert!(admit(&pages, another, 0).is_err(), "{another}");
        }
        assert_eq!(admit(&pages, "https://doi.org/10.6666/mine", 1), Ok(Role::Page), "a page leads there");
    }
}
