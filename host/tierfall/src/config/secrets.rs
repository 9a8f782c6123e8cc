//! `[secrets]`: keys by value, from variables, from files; never shown. Each belongs to one plugin, however it is
//! given: any plugin can call a source `core`, and would get the key of CORE by that.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use tierfall_settings::path;

use super::de::{Reader, resolved};
use super::defaults::defaults;
use super::environment::Environment;
use super::origin::Origin;
use super::plugin::PluginRef;
use super::problem::Problem;
use super::tree::{Leaf, Node, Tree, Value, WAYS};

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
    /// The one plugin that gets it; `None` where nobody has named one.
    plugin: Option<PluginRef>,
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
    /// The value of a source's secret setting, if it is set and belongs to `plugin`.
    pub fn of(&self, plugin: &PluginRef, source: &str, setting: &str) -> Option<&Secret> {
        let entry = self.entries.get(&secret_name(source, setting))?;
        entry.value.as_ref().filter(|_| entry.is_for(plugin))
    }

    /// Whether a source's secret setting is set, and belongs to another plugin than `plugin`: to this one, or to
    /// nobody yet.
    pub fn withheld(&self, plugin: &PluginRef, source: &str, setting: &str) -> Option<Option<&PluginRef>> {
        let entry = self.entries.get(&secret_name(source, setting))?;
        (entry.value.is_some() && !entry.is_for(plugin)).then_some(entry.plugin.as_ref())
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
                    let mut ways = WAYS.iter().filter_map(|way| table.get(way));
                    let way = ways.next().map(Node::origin);
                    // A variable may give the value of a secret whose plugin the file names.
                    if ways.next().is_none() && (way.is_some() || table.get("plugin").is_some()) {
                        let owned_by = table.get("plugin").map_or(origin, Node::origin);
                        let named = |given: GivenSecret| given.resolved(owned_by);
                        let origin = way.unwrap_or(origin);
                        given.map(named).and_then(|given| given.entry(name, origin, reader, environment))
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
    plugin: Option<PluginRef>,
}

/// `SOURCE_SETTING`: the name under which a source's secret setting is given.
pub fn secret_name(source: &str, setting: &str) -> String {
    format!("{source}_{setting}")
}

impl SecretEntry {
    /// Whether it is for this plugin. Where none is named it is for those that are built in.
    fn is_for(&self, plugin: &PluginRef) -> bool {
        match &self.plugin {
            Some(named) => named == plugin,
            None => matches!(plugin, PluginRef::Name(name) if defaults().at(&["plugins", name]).is_some()),
        }
    }
}

impl GivenSecret {
    /// With its plugin as the plan has it; `origin` is where that is named.
    fn resolved(self, origin: &Origin) -> Self {
        let plugin = match self.plugin {
            Some(PluginRef::Path(path)) => Some(PluginRef::Path(resolved(&path, origin))),
            Some(PluginRef::Name(name)) if name.is_empty() => None,
            named => named,
        };
        Self { plugin, ..self }
    }

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
            _ => (None, origin.clone()),
        };
        Some(SecretEntry { value, plugin: self.plugin, origin })
    }
}

/// Files end with a line break that is not part of the key; an empty value is none.
fn secret(text: &str) -> Option<Secret> {
    let text = text.trim();
    (!text.is_empty()).then(|| Secret(text.to_owned()))
}
