//! What a plugin says about itself, checked before it is used.

use std::collections::HashSet;

use crate::bindings::source::tierfall::source::types as wit;
use crate::clean::clean;
use crate::wire;
use tierfall_http::Role;
use tierfall_ids::{IdKind, WorkId};

/// What a plugin declares: its name, its version and its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// 1 to 40 lower-case letters, digits and `_`.
    pub name: String,
    /// The plugin's own version, in any form; for people.
    pub version: String,
    /// At least one, and no name twice.
    pub sources: Vec<SourceDescription>,
}

/// What a plugin declares of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceDescription {
    /// 1 to 40 lower-case letters, digits and `_`.
    pub name: String,
    /// What it is, for people.
    pub summary: String,
    /// It is asked only about works that have an identifier of one of these kinds.
    pub ids: Vec<IdKind>,
    /// Whether it is asked about works that are known by their title as well, and answers with records that may be
    /// the work.
    pub titles: bool,
    /// The most works of one question, for a source that is asked about several at once.
    pub batch: Option<u32>,
    /// Works that are known to have a copy there.
    pub known_works: Vec<WorkId>,
    /// The hosts that it wants to fetch from.
    pub hosts: Vec<HostNeed>,
    /// The values that the operator can give it.
    pub settings: Vec<Setting>,
}

/// A host that a source wants to fetch from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNeed {
    /// Which host.
    pub pattern: HostPattern,
    /// Whose pace, and whether robots.txt, holds for requests to it.
    pub role: Role,
}

/// A place on the network, as a plugin declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This host name.
    Exact(String),
    /// Every name below this one, and itself.
    Subdomains(String),
    /// The host of the URL in this setting.
    Setting(String),
    /// The hosts of the work's own URLs, and where they redirect.
    WorkHosts,
}

/// A value that the operator can give a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// 1 to 40 lower-case letters, digits and `_`.
    pub name: String,
    /// What it is, for people.
    pub summary: String,
    /// Its value where the operator gives none.
    pub default: Option<String>,
    /// Whether the source cannot be used without it.
    pub required: bool,
    /// For a key: where the host sends it. Its value never enters the plugin.
    pub secret: Option<SecretUse>,
}

/// Where a secret goes: `header: prefix + value`, on requests to `host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse {
    /// The only host that it is sent to.
    pub host: HostPattern,
    /// In lower case.
    pub header: String,
    /// Before the value: `Bearer `.
    pub prefix: String,
}

impl SourceDescription {
    /// The declared setting of this name.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }

    /// The label of a pattern, with the host itself where a setting has one by default.
    pub fn host_label(&self, pattern: &HostPattern) -> String {
        let HostPattern::Setting(name) = pattern else { return pattern.label() };
        let default = self.setting(name).and_then(|setting| setting.default.as_ref());
        let host = default.and_then(|url| url::Url::parse(url).ok()?.host_str().map(str::to_owned));
        host.map_or_else(|| pattern.label(), |host| format!("{} ({host})", pattern.label()))
    }
}

impl HostPattern {
    /// As it is written in the configuration and shown by `plugin inspect`.
    pub fn label(&self) -> String {
        match self {
            Self::Exact(host) => host.clone(),
            Self::Subdomains(host) => format!("*.{host}"),
            Self::Setting(name) => format!("the host of `{name}`"),
            Self::WorkHosts => "work-hosts".to_owned(),
        }
    }
}

// More than real plugins have; they bound what a hostile description can cost.
const MOST_SOURCES: usize = 64;
const MOST_SETTINGS: usize = 64;
const MOST_HOSTS: usize = 256;
const LONGEST_TEXT: usize = 500;

impl Description {
    /// Checks a description: names that can be typed, no source twice, everything bounded. The error says
    /// what is wrong, and completes "the plugin describes itself wrongly: ".
    pub(crate) fn checked(raw: wit::Description) -> Result<Self, String> {
        let name = checked_name("the plugin's name", raw.name)?;
        if raw.sources.is_empty() {
            return Err("it has no source".into());
        }
        if raw.sources.len() > MOST_SOURCES {
            return Err(format!("it has {} sources; {MOST_SOURCES} is the most", raw.sources.len()));
        }
        let sources = raw.sources.into_iter().map(checked_source).collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        if let Some(twice) = sources.iter().find(|source| !seen.insert(source.name.as_str())) {
            return Err(format!("it describes the source `{}` twice", twice.name));
        }
        Ok(Self { name, version: clean(&raw.version, 64), sources })
    }
}

fn checked_source(raw: wit::Source) -> Result<SourceDescription, String> {
    let name = checked_name("a source's name", raw.name)?;
    if raw.hosts.len() > MOST_HOSTS || raw.settings.len() > MOST_SETTINGS {
        return Err(format!(
            "source `{name}` declares more than {MOST_HOSTS} hosts or {MOST_SETTINGS} settings"
        ));
    }
    if raw.ids.is_empty() {
        return Err(format!("source `{name}` takes no kind of identifier"));
    }
    let settings = raw
        .settings
        .into_iter()
        .map(|setting| {
            Ok(Setting {
                name: checked_name("a setting's name", setting.name)?,
                summary: clean(&setting.summary, LONGEST_TEXT),
                default: setting.default.map(|value| clean(&value, LONGEST_TEXT)),
                required: setting.required,
                secret: setting
                    .secret
                    .map(|secret| {
                        Ok::<_, String>(SecretUse {
                            host: checked_pattern(secret.host)?,
                            header: clean(&secret.header, 64).to_lowercase(),
                            prefix: clean(&secret.prefix, 64),
                        })
                    })
                    .transpose()?,
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let hosts = raw
        .hosts
        .into_iter()
        .map(|need| {
            let role = match need.role {
                wit::Role::Api => Role::Api,
                wit::Role::Page => Role::Page,
            };
            Ok(HostNeed { pattern: checked_pattern(need.pattern)?, role })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let mut seen = HashSet::new();
    // Of two, one could be the secret and the other be told its value.
    if let Some(twice) = settings.iter().find(|setting| !seen.insert(setting.name.as_str())) {
        return Err(format!("source `{name}` declares the setting `{}` twice", twice.name));
    }
    for need in &hosts {
        check_host_setting(&name, &need.pattern, &settings)?;
    }
    for (setting, secret) in settings.iter().filter_map(|setting| Some((setting, setting.secret.as_ref()?))) {
        check_host_setting(&name, &secret.host, &settings)?;
        if secret.host == HostPattern::WorkHosts {
            let setting = &setting.name;
            return Err(format!(
                "source `{name}` wants its secret `{setting}` sent to the works' own hosts; it needs a host of its own"
            ));
        }
    }
    if raw.batch == Some(0) {
        return Err(format!("source `{name}` takes no work in a question (`batch`)"));
    }
    // Which work's hosts would they be?
    if raw.batch.is_some() && hosts.iter().any(|need| need.pattern == HostPattern::WorkHosts) {
        return Err(format!(
            "source `{name}` is asked about several works at once (`batch`), so that it may not ask the works' own hosts (`work-hosts`)"
        ));
    }
    let titles = raw.ids.contains(&wit::IdKind::Title);
    let mut ids: Vec<IdKind> = raw.ids.into_iter().filter_map(id_kind).collect();
    ids.dedup();
    Ok(SourceDescription {
        name,
        summary: clean(&raw.summary, LONGEST_TEXT),
        ids,
        titles,
        batch: raw.batch,
        known_works: wire::ids(raw.known_works),
        hosts,
        settings,
    })
}

/// The host of a setting is shown to people and to the plugin: the setting must be there, and be no secret.
fn check_host_setting(source: &str, pattern: &HostPattern, settings: &[Setting]) -> Result<(), String> {
    let HostPattern::Setting(wanted) = pattern else { return Ok(()) };
    match settings.iter().find(|setting| setting.name == *wanted) {
        None => {
            Err(format!("source `{source}` names the host of a setting `{wanted}` that it does not declare"))
        }
        Some(setting) if setting.secret.is_some() => Err(format!(
            "source `{source}` names the host of its setting `{wanted}`, which is a secret; a host is in a setting that is none"
        )),
        Some(_) => Ok(()),
    }
}

fn checked_name(what: &str, name: String) -> Result<String, String> {
    // Short enough for a table, and safe in a path, a TOML key and a command line.
    let good = (1..=40).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if good {
        Ok(name)
    } else {
        Err(format!("{what} `{}` is not 1 to 40 lower-case letters, digits and `_`", clean(&name, 80)))
    }
}

fn checked_pattern(raw: wit::HostPattern) -> Result<HostPattern, String> {
    Ok(match raw {
        wit::HostPattern::Exact(host) => HostPattern::Exact(checked_host(&host)?),
        wit::HostPattern::Subdomains(host) => HostPattern::Subdomains(checked_host(&host)?),
        wit::HostPattern::Setting(name) => HostPattern::Setting(checked_name("a setting's name", name)?),
        wit::HostPattern::WorkHosts => HostPattern::WorkHosts,
    })
}

fn checked_host(host: &str) -> Result<String, String> {
    match url::Host::parse(host) {
        Ok(parsed) if parsed.to_string().contains('.') || host == "localhost" => Ok(parsed.to_string()),
        _ => Err(format!("`{}` is not a host name", clean(host, 80))),
    }
}

/// `None`: a title is no identifier.
fn id_kind(raw: wit::IdKind) -> Option<IdKind> {
    Some(match raw {
        wit::IdKind::Doi => IdKind::Doi,
        wit::IdKind::Arxiv => IdKind::Arxiv,
        wit::IdKind::Pmid => IdKind::Pmid,
        wit::IdKind::Pmcid => IdKind::Pmcid,
        wit::IdKind::Openalex => IdKind::Openalex,
        wit::IdKind::Url => IdKind::Url,
        wit::IdKind::Title => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> wit::Source {
        wit::Source {
            name: name.into(),
            summary: "finds".into(),
            ids: vec![wit::IdKind::Doi],
            hosts: vec![wit::HostNeed {
                pattern: wit::HostPattern::Exact("API.Example.org".into()),
                role: wit::Role::Api,
            }],
            settings: vec![],
            batch: None,
            known_works: vec![],
        }
    }

    fn described(name: &str, sources: Vec<wit::Source>) -> Result<Description, String> {
        Description::checked(wit::Description { name: name.into(), version: "1.0".into(), sources })
    }

    #[test]
    fn a_sound_description_is_taken_with_its_hosts_normalised() {
        let good = described("mine", vec![source("a"), source("b")]).unwrap();
        assert_eq!(good.sources[0].hosts[0].pattern, HostPattern::Exact("api.example.org".into()));
    }

    #[test]
    fn names_that_cannot_be_typed_are_refused() {
        for name in ["", "Mine", "a b", "\u{1b}[31m", "../x", &"x".repeat(41)] {
            assert!(described(name, vec![source("a")]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_source_described_twice_is_refused() {
        assert!(described("mine", vec![source("a"), source("a")]).unwrap_err().contains("twice"));
    }

    #[test]
    fn the_host_of_an_undeclared_setting_is_refused() {
        let mut lying = source("a");
        lying.hosts[0].pattern = wit::HostPattern::Setting("api_base".into());
        assert!(described("mine", vec![lying]).unwrap_err().contains("api_base"));
    }

    #[test]
    fn a_source_that_is_asked_about_several_works_may_not_ask_their_own_hosts() {
        let batching = |batch, pattern| {
            let mut source = wit::Source { batch, ..source("a") };
            source.hosts[0].pattern = pattern;
            described("mine", vec![source])
        };
        let own = || wit::HostPattern::Exact("api.example.org".into());
        assert_eq!(batching(Some(50), own()).unwrap().sources[0].batch, Some(50));
        assert!(batching(Some(0), own()).unwrap_err().contains("batch"));
        assert!(batching(Some(50), wit::HostPattern::WorkHosts).unwrap_err().contains("work-hosts"));
        assert!(batching(None, wit::HostPattern::WorkHosts).is_ok());
    }

    #[test]
    fn a_title_is_no_identifier_but_something_to_ask_by() {
        let mut both = source("a");
        both.ids = vec![wit::IdKind::Title, wit::IdKind::Doi];
        both.known_works = vec![wit::WorkId::Doi("10.1371/x".into()), wit::WorkId::Pmid("no number".into())];
        let described = described("mine", vec![both]).unwrap();
        let source = &described.sources[0];
        assert!(source.titles && source.ids == [IdKind::Doi], "{source:?}");
        assert_eq!(source.known_works.len(), 1);
    }

    fn key(name: &str, host: wit::HostPattern) -> wit::Setting {
        wit::Setting {
            name: name.into(),
            summary: String::new(),
            default: None,
            required: false,
            secret: Some(wit::SecretUse { host, header: "X-Key".into(), prefix: String::new() }),
        }
    }

    #[test]
    fn a_secret_is_no_host_and_goes_to_a_host_of_its_own() {
        let own = || wit::HostPattern::Exact("api.example.org".into());
        let setting = |name: &str| wit::HostPattern::Setting(name.into());
        let refused = |settings: Vec<wit::Setting>, host: wit::HostPattern| {
            let mut source = source("a");
            source.settings = settings;
            source.hosts[0].pattern = host;
            described("mine", vec![source]).unwrap_err()
        };
        for (settings, host) in [
            (vec![key("key", own())], setting("key")),
            (vec![key("key", setting("key"))], own()),
            (vec![key("key", setting("base"))], own()),
            (vec![key("key", wit::HostPattern::WorkHosts)], own()),
        ] {
            assert!(refused(settings, host).contains("source `a`"));
        }
        let plain = wit::Setting { secret: None, ..key("key", own()) };
        assert!(refused(vec![key("key", own()), plain], own()).contains("twice"));
    }
}
