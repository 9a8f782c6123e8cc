//! `TIER[:OPTION=VALUE,…]`: a tier of the plan, as `fallback.tiers` and `--fallback-tier` write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::source::Robots;
use super::tree::is_component_path;

/// A tier, and what is different about it.
#[derive(Clone, PartialEq, Eq)]
pub struct TierSpec {
    /// Which tier.
    pub tier: TierName,
    /// Attempts in flight.
    pub parallel: Option<usize>,
    /// In place of the tier's own; never empty.
    pub sources: Option<Vec<String>>,
    /// Of one attempt.
    pub timeout_ms: Option<u64>,
    /// Within one attempt.
    pub retries: Option<u32>,
    /// Whether pages are subject to robots.txt.
    pub robots: Option<Robots>,
    /// Whatever else is given: settings of the plugin, in their order.
    pub settings: Vec<(String, String)>,
}

/// What is before the colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TierName {
    /// A tier of the configuration, or a plugin.
    Name(String),
    /// A component's file, as it was written.
    Path(PathBuf),
}

/// What is wrong with a tier; the text names the option and its number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message says what it is")]
pub enum InvalidTier {
    #[error("a tier has a name: write TIER[:OPTION=VALUE,…]")]
    Empty,
    #[error(
        "`{0}` is not the name of a tier; several tiers are given one by one, or separated by semicolons"
    )]
    Name(String),
    #[error("`{0}:` has a colon and no options behind it")]
    NoOptions(String),
    #[error("option {nth} of `{tier}` is `{option}`; write it OPTION=VALUE")]
    NoValue { tier: String, nth: usize, option: String },
    #[error("option {nth} of `{tier}`, `{option}`, is given twice")]
    Twice { tier: String, nth: usize, option: String },
    #[error("option {nth} of `{tier}`, `{option}={value}`: {expected}")]
    Value { tier: String, nth: usize, option: String, value: String, expected: String },
}

impl TierSpec {
    /// The options that every tier has; all others are settings of its plugin.
    pub const OPTIONS: [&str; 5] = ["parallel", "sources", "timeout_ms", "retries", "robots"];

    /// A tier as it is configured.
    pub fn plain(tier: TierName) -> Self {
        Self {
            tier,
            parallel: None,
            sources: None,
            timeout_ms: None,
            retries: None,
            robots: None,
            settings: Vec::new(),
        }
    }

    /// Whether it only chooses among what the operator has: no component of its own, no setting of a plugin
    /// (which may say where a key is sent), no host's rules passed over.
    pub(super) fn is_harmless(&self) -> bool {
        matches!(self.tier, TierName::Name(_))
            && self.settings.is_empty()
            && self.robots != Some(Robots::Ignore)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), String> {
        match option {
            "parallel" => self.parallel = Some(number(value, 1, 64)? as usize),
            "timeout_ms" => self.timeout_ms = Some(number(value, 1, 24 * 60 * 60 * 1000)?),
            "retries" => self.retries = Some(number(value, 0, 10)? as u32),
            "robots" => {
                self.robots = Some(match value {
                    "honour" => Robots::Honour,
                    "ignore" => Robots::Ignore,
                    _ => return Err("expected honour or ignore".into()),
                });
            }
            "sources" => {
                let sources: Vec<String> = value.split('+').map(|name| name.trim().to_owned()).collect();
                if sources.iter().any(String::is_empty) {
                    return Err("expected names of sources, joined by `+`".into());
                }
                if let Some(twice) = repeated(&sources) {
                    return Err(format!("the source `{twice}` is given twice"));
                }
                self.sources = Some(sources);
            }
            setting => self.settings.push((setting.to_owned(), value.to_owned())),
        }
        Ok(())
    }
}

/// Without the values of settings, among which somebody may have put a key.
impl fmt::Debug for TierSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TierSpec")
            .field("tier", &self.tier)
            .field("parallel", &self.parallel)
            .field("sources", &self.sources)
            .field("timeout_ms", &self.timeout_ms)
            .field("retries", &self.retries)
            .field("robots", &self.robots)
            .field("settings", &self.settings.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}

impl FromStr for TierSpec {
    type Err = InvalidTier;

    fn from_str(text: &str) -> Result<Self, InvalidTier> {
        let (name, options) = split(text.trim());
        if name.is_empty() {
            return Err(InvalidTier::Empty);
        }
        let tier = if is_component_path(name) {
            TierName::Path(name.into())
        } else if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            TierName::Name(name.to_owned())
        } else {
            return Err(InvalidTier::Name(name.to_owned()));
        };
        let mut spec = Self::plain(tier);
        let Some(options) = options else { return Ok(spec) };
        if options.trim().is_empty() {
            return Err(InvalidTier::NoOptions(name.to_owned()));
        }
        let mut seen: Vec<&str> = Vec::new();
        for (nth, given) in (1..).zip(options.split(',')) {
            let (tier, given) = (name.to_owned(), given.trim());
            let (option, value) = match given.split_once('=') {
                Some((option, value)) if !option.trim().is_empty() => (option.trim(), value.trim()),
                _ => return Err(InvalidTier::NoValue { tier, nth, option: given.to_owned() }),
            };
            if seen.contains(&option) {
                return Err(InvalidTier::Twice { tier, nth, option: option.to_owned() });
            }
            seen.push(option);
            spec.set(option, value).map_err(|expected| InvalidTier::Value {
                tier,
                nth,
                option: option.to_owned(),
                value: value.to_owned(),
                expected,
            })?;
        }
        Ok(spec)
    }
}

/// At the first colon: neither names nor paths of components have one.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((name, options)) => (name.trim(), Some(options)),
        None => (text, None),
    }
}

fn number(value: &str, least: u64, most: u64) -> Result<u64, String> {
    match value.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number from {least} to {most}")),
    }
}

pub(super) fn repeated(names: &[String]) -> Option<&String> {
    names
        .iter()
        .enumerate()
        .find(|(at, name)| names.iter().take(*at).any(|earlier| earlier == *name))
        .map(|(_, n)| n)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tier_takes_options_and_settings() {
        let spec: TierSpec =
            "archive:parallel=4, sources=core+zenodo,timeout_ms=5000,retries=0,robots=ignore,api_base=http://127.0.0.1:8080/v3"
                .parse()
                .expect("a tier");
        assert_eq!(
            spec,
            TierSpec {
                tier: TierName::Name("archive".into()),
                parallel: Some(4),
                sources: Some(vec!["core".into(), "zenodo".into()]),
                timeout_ms: Some(5000),
                retries: Some(0),
                robots: Some(Robots::Ignore),
                settings: vec![("api_base".into(), "http://127.0.0.1:8080/v3".into())],
            }
        );
    }

    #[test]
    fn paths_are_told_from_names() {
        for path in ["./mine.wasm", "/opt/mine.wasm", "mine.wasm", "../a/b", "plugins/my one.wasm"] {
            let spec: TierSpec = format!("{path}:parallel=2").parse().expect(path);
            assert_eq!(spec.tier, TierName::Path(path.into()));
            assert_eq!(spec.parallel, Some(2));
        }
        let spec: TierSpec = " my_library ".parse().expect("a name");
        assert_eq!(spec, TierSpec::plain(TierName::Name("my_library".into())));
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let refused = |text: &str| text.parse::<TierSpec>().expect_err(text).to_string();
        insta::assert_snapshot!(
            [
                "", ":parallel=1", "direct_oa,wayback", "archive:", "archive:parallel", "archive:parallel=2,,",
                "archive:parallel=2,parallel=3", "archive:parallel=0", "archive:retries=x", "archive:sources=core++hal",
                "archive:sources=core+core", "archive:parallel=1,robots=no", "archive:=1",
            ]
            .map(refused)
            .join("\n"),
            @r#"
            a tier has a name: write TIER[:OPTION=VALUE,…]
            a tier has a name: write TIER[:OPTION=VALUE,…]
            `direct_oa,wayback` is not the name of a tier; several tiers are given one by one, or separated by semicolons
            `archive:` has a colon and no options behind it
            option 1 of `archive` is `parallel`; write it OPTION=VALUE
            option 2 of `archive` is ``; write it OPTION=VALUE
            option 2 of `archive`, `parallel`, is given twice
            option 1 of `archive`, `parallel=0`: expected a whole number from 1 to 64
            option 1 of `archive`, `retries=x`: expected a whole number from 0 to 10
            option 1 of `archive`, `sources=core++hal`: expected names of sources, joined by `+`
            option 1 of `archive`, `sources=core+core`: the source `core` is given twice
            option 2 of `archive`, `robots=no`: expected honour or ignore
            option 1 of `archive` is `=1`; write it OPTION=VALUE
            "#
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z_./:=,+0-9 ]{0,40}|\\PC{0,40}") {
            let _ = text.parse::<TierSpec>();
        }
    }
}
