//! Values from variables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::origin::Origin;
use super::problem::{Problem, did_you_mean};
use super::tree::{Leaf, Node, Tree, Value};

/// Variables with names of their own, and the keys they set; of two for one key the later holds.
const NAMED: [(&str, &str); 15] = [
    ("DOCSTOKG_FALLBACK_TOTAL_TIMEOUT_MS", "fallback.total_timeout_ms"),
    ("DOCSTOKG_FALLBACK_TOTAL_ATTEMPTS", "fallback.max_attempts"),
    ("DOCSTOKG_FALLBACK_MAX_CONCURRENT", "fallback.max_concurrent"),
    ("DOCSTOKG_FALLBACK_PER_SOURCE_TIMEOUT_MS", "fallback.source_timeout_ms"),
    ("DOCSTOKG_ENABLE_IDEMPOTENCY", "ledger.enabled"),
    ("UNPAYWALL_EMAIL", "http.mailto"),
    ("TIERFALL_FALLBACK_TOTAL_ATTEMPTS", "fallback.max_attempts"),
    ("TIERFALL_FALLBACK_PER_SOURCE_TIMEOUT_MS", "fallback.source_timeout_ms"),
    ("TIERFALL_FALLBACK_TIER", "fallback.tiers"),
    ("TIERFALL_DISABLE_WAYBACK_FALLBACK", "fallback.disable_wayback"),
    ("TIERFALL_ENABLE_IDEMPOTENCY", "ledger.enabled"),
    ("TIERFALL_LEDGER", "ledger.url"),
    ("TIERFALL_OUT", "run.out"),
    ("TIERFALL_WORKERS", "run.workers"),
    ("TIERFALL_LOG", "telemetry.log"),
];

/// Read elsewhere: it names the configuration file.
const ELSEWHERE: [&str; 1] = ["TIERFALL_CONFIG"];

const PREFIX: &str = "TIERFALL_";

/// The environment as it was given. A variable without a value counts as not set, as shells and
/// containers leave them.
pub(super) struct Environment {
    values: BTreeMap<String, String>,
}

impl Environment {
    pub(super) fn new(values: Vec<(String, String)>) -> Self {
        Self { values: values.into_iter().filter(|(_, value)| !value.is_empty()).collect() }
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A base directory of the XDG specification: `variable`, else a folder below the home.
    pub(super) fn folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        match self.value(variable).map(PathBuf::from).filter(|path| path.is_absolute()) {
            Some(folder) => Some(folder),
            None => self.value("HOME").map(|home| PathBuf::from(home).join(below_home)),
        }
    }

    /// What the variables set, one tree each, the later over the earlier. `tree` is what they are merged
    /// into: it says which keys there are.
    pub(super) fn layers(&self, tree: &Tree, problems: &mut Vec<Problem>) -> Vec<Tree> {
        let mut layers = Vec::new();
        let mut set = |path: &[&str], name: &str, value: &str| {
            let leaf =
                Leaf { value: Value::Raw(value.to_owned()), origin: Origin::Environment(name.to_owned()) };
            layers.push(Tree::of(path, leaf));
        };
        for (name, key) in NAMED {
            if let Some(value) = self.value(name) {
                set(&key.split('.').collect::<Vec<_>>(), name, value);
            }
        }
        let own = self.values.iter().filter(|(name, _)| name.starts_with(PREFIX));
        let unnamed =
            |name: &str| !ELSEWHERE.contains(&name) && !NAMED.iter().any(|(known, _)| *known == name);
        for (name, value) in own.filter(|(name, _)| unnamed(name)) {
            match key_of(name.strip_prefix(PREFIX).unwrap_or(name), tree) {
                Some(path) => set(&path.iter().map(String::as_str).collect::<Vec<_>>(), name, value),
                None => problems.push(unknown(name, tree)),
            }
        }
        layers
    }
}

/// The key of `HTTP_PACE_ENABLED`. Names may contain what separates them, so that they are compared as a
/// whole; in tables whose keys are not fixed the longest name that fits is taken.
fn key_of(name: &str, tree: &Tree) -> Option<Vec<String>> {
    if let Some((key, _)) =
        tree.leaves().into_iter().find(|(key, _)| variable(key) == name && !is_secret(key))
    {
        return Some(key.split('.').map(Into::into).collect());
    }
    if let Some(secret) = name.strip_prefix("SECRETS_") {
        return Some(vec!["secrets".into(), secret.to_ascii_lowercase()]);
    }
    for (table, keys) in [
        ("tiers", Some(&["plugin", "parallel", "sources"])),
        ("plugins", Some(&["path", "hosts", "sha256"])),
        ("sources", None),
    ] {
        let Some(rest) = name.strip_prefix(&format!("{}_", variable(table))) else { continue };
        let mut names = names(tree, table);
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        for name in names {
            let key = rest.strip_prefix(&format!("{}_", variable(&name))).map(str::to_ascii_lowercase);
            match key {
                Some(key) if !key.is_empty() && keys.is_none_or(|keys| keys.contains(&key.as_str())) => {
                    return Some(vec![table.into(), name, key]);
                }
                _ => {}
            }
        }
    }
    None
}

/// Of a table whose keys are not fixed. Sources have names before they have a table.
fn names(tree: &Tree, table: &str) -> Vec<String> {
    let mut names: Vec<String> =
        tree.table(table).into_iter().flat_map(Tree::names).map(Into::into).collect();
    if table == "sources" {
        let tiers = tree.table("tiers").into_iter().flat_map(Tree::iter);
        let lists = tiers.filter_map(|(_, node)| match node {
            Node::Table(tier, _) => tier.get("sources"),
            Node::Leaf(_) => None,
        });
        let fallback = tree.table("fallback");
        let named = ["facts", "titles"].into_iter().filter_map(|key| fallback?.get(key));
        for list in lists.chain(named) {
            if let Node::Leaf(Leaf { value: Value::List(values), .. }) = list {
                names.extend(values.iter().filter_map(|value| match value {
                    Value::Text(name) => Some(name.clone()),
                    _ => None,
                }));
            }
        }
    }
    names
}

fn variable(key: &str) -> String {
    key.replace(['.', '-'], "_").to_ascii_uppercase()
}

fn is_secret(key: &str) -> bool {
    key.starts_with("secrets.")
}

fn unknown(name: &str, tree: &Tree) -> Problem {
    let general: Vec<String> = tree
        .leaves()
        .into_iter()
        .filter(|(key, _)| !is_secret(key))
        .map(|(key, _)| format!("{PREFIX}{}", variable(&key)))
        .collect();
    let known = general.iter().map(String::as_str).chain(NAMED.iter().map(|(name, _)| *name));
    let hint = did_you_mean(name, known);
    let message = format!("no key belongs to this variable{hint}");
    Problem { origin: Origin::Environment(name.to_owned()), message }
}

#[cfg(test)]
mod tests {
    use super::super::defaults::defaults;
    use super::*;

    #[test]
    fn every_named_variable_sets_a_key_that_there_is() {
        let keys: Vec<String> = defaults().leaves().into_iter().map(|(key, _)| key).collect();
        for (name, key) in NAMED {
            assert!(keys.iter().any(|known| known == key), "{name} sets {key}");
        }
    }

    #[test]
    fn names_that_contain_what_separates_them_are_found() {
        for (name, key) in [
            ("HTTP_MAILTO", "http.mailto"),
            ("HTTP_PACE_RULES_CROSSREF_EVERY_MS", "http.pace.rules.crossref.every_ms"),
            ("SOURCES_EUROPE_PMC_TIMEOUT_MS", "sources.europe_pmc.timeout_ms"),
            ("SOURCES_PMC_API_BASE", "sources.pmc.api_base"),
            ("TIERS_DIRECT_OA_PARALLEL", "tiers.direct_oa.parallel"),
            ("SECRETS_MY_LIBRARY_KEY", "secrets.my_library_key"),
        ] {
            assert_eq!(key_of(name, defaults()).map(|path| path.join(".")).as_deref(), Some(key), "{name}");
        }
        assert_eq!(key_of("TIERS_DIRECT_OA_PARALEL", defaults()), None);
        assert_eq!(key_of("SOURCES_NOBODY_KEY", defaults()), None);
    }
}
