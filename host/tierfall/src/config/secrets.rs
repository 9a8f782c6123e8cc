//! `[secrets]`: keys by value, from variables, from files; never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::section::{Section, resolved};
use super::tree::{Node, Value};
use super::{Environment, Origin};

/// A value that must not be seen: it has no way to print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Keys by name: `SOURCE_SETTING`.
#[derive(Clone, Debug)]
pub struct Secrets {
    entries: BTreeMap<String, SecretEntry>,
}

#[derive(Clone, Debug)]
struct SecretEntry {
    value: Option<Secret>,
    /// The one plugin that gets it.
    plugin: Option<String>,
    /// Where the value comes from, or would.
    origin: Origin,
}

impl Secret {
    /// The value itself, to be put on a request.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

impl Secrets {
    /// The value of a source's secret setting, if it is set and `plugin` may have it. A plugin that the
    /// plan names by its file has no name here.
    pub fn of(&self, plugin: Option<&str>, source: &str, setting: &str) -> Option<&Secret> {
        let entry = self.entries.get(&format!("{source}_{setting}"))?;
        let allowed = entry.plugin.as_deref().is_none_or(|only| Some(only) == plugin);
        entry.value.as_ref().filter(|_| allowed)
    }

    /// Every name, whether it is set, and where its value comes from.
    pub fn iter(&self) -> impl Iterator<Item = (&str, bool, &Origin)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry.value.is_some(), &entry.origin))
    }

    pub(super) fn read(section: Section<'_>, environment: &Environment) -> Self {
        let mut entries = BTreeMap::new();
        for (name, node) in section.others() {
            let entry = match node {
                Node::Leaf(leaf) => match &leaf.value {
                    Value::Text(text) | Value::Raw(text) => {
                        Some(SecretEntry { value: secret(text), plugin: None, origin: leaf.origin.clone() })
                    }
                    _ => {
                        section.complain(&name, "a secret is a text, or a table with value, env or file");
                        None
                    }
                },
                Node::Table(_, origin) => from_table(section.section(&name), origin, environment),
            };
            if let Some(entry) = entry {
                entries.insert(name, entry);
            }
        }
        Self { entries }
    }
}

fn from_table(section: Section<'_>, origin: &Origin, environment: &Environment) -> Option<SecretEntry> {
    let plugin = if section.has("plugin") { section.maybe_text("plugin") } else { None };
    let given: Vec<&str> = ["value", "env", "file"].into_iter().filter(|key| section.has(key)).collect();
    let entry = match given.as_slice() {
        ["value"] => Some((secret(&section.text("value")), origin.clone())),
        ["env"] => {
            let name = section.text("env");
            Some((environment.value(&name).and_then(secret), Origin::Environment(name)))
        }
        ["file"] => {
            let path = resolved(Path::new(&section.text("file")), origin);
            match std::fs::read_to_string(&path) {
                Ok(text) => Some((secret(&text), origin.clone())),
                Err(error) => {
                    section.complain("file", format!("failed to read {}: {error}", path.display()));
                    None
                }
            }
        }
        _ => {
            let path = section.path().to_owned();
            section.problem(origin, format!("`{path}` has one of value, env and file"));
            None
        }
    };
    section.finish();
    entry.map(|(value, origin)| SecretEntry { value, plugin, origin })
}

/// Files end with a line break that is not part of the key; an empty value is none.
fn secret(text: &str) -> Option<Secret> {
    let text = text.trim();
    (!text.is_empty()).then(|| Secret(text.to_owned()))
}
