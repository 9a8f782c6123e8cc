//! `[secrets]`: keys by value, from variables, from files; never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use tierfall_settings::{path, text};

use super::de::Reader;
use super::environment::Environment;
use super::origin::Origin;
use super::problem::Problem;
use super::tree::{Leaf, Node, Tree, Value};

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

    pub(super) fn read(tree: &Tree, reader: &mut Reader, environment: &Environment) -> Self {
        let mut entries = BTreeMap::new();
        for (name, node) in tree.table("secrets").into_iter().flat_map(Tree::iter) {
            let path = ["secrets", name];
            let entry = match node {
                Node::Leaf(Leaf { value: Value::Text(text) | Value::Raw(text), origin }) => {
                    Some(SecretEntry { value: secret(text), plugin: None, origin: origin.clone() })
                }
                Node::Leaf(_) => {
                    reader.complain(&path, "a secret is a text, or a table with value, env or file");
                    None
                }
                Node::Table(table, origin) => {
                    let given: Option<GivenSecret> = reader.read(&path);
                    if ["value", "env", "file"].iter().filter(|way| table.get(way).is_some()).count() == 1 {
                        given.and_then(|given| given.entry(name, origin, reader, environment))
                    } else {
                        let message = format!("`secrets.{name}` has one of value, env and file");
                        reader.problems.push(Problem { origin: origin.clone(), message });
                        None
                    }
                }
            };
            entries.extend(entry.map(|entry| (name.to_owned(), entry)));
        }
        Self { entries }
    }
}

/// A secret as a table gives it: by one of the first three.
#[derive(Deserialize)]
struct GivenSecret {
    value: Option<String>,
    env: Option<String>,
    #[serde(default, deserialize_with = "path")]
    file: Option<PathBuf>,
    #[serde(default, deserialize_with = "text")]
    plugin: Option<String>,
}

impl GivenSecret {
    fn entry(
        self,
        name: &str,
        origin: &Origin,
        reader: &mut Reader,
        environment: &Environment,
    ) -> Option<SecretEntry> {
        let (value, origin) = match (self.value, self.env, self.file) {
            (Some(value), None, None) => (secret(&value), origin.clone()),
            (None, Some(name), None) => {
                (environment.value(&name).and_then(secret), Origin::Environment(name))
            }
            (None, None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => (secret(&text), origin.clone()),
                Err(error) => {
                    let message = format_args!("failed to read {}: {error}", path.display());
                    reader.complain(&["secrets", name, "file"], message);
                    return None;
                }
            },
            _ => return None,
        };
        Some(SecretEntry { value, plugin: self.plugin, origin })
    }
}

/// Files end with a line break that is not part of the key; an empty value is none.
fn secret(text: &str) -> Option<Secret> {
    let text = text.trim();
    (!text.is_empty()).then(|| Secret(text.to_owned()))
}
