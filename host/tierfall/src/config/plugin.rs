//! `[plugins.NAME]`: the operator's half of what a plugin may do.

use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Error};
use tierfall_settings::text;

use super::de::Reader;
use super::defaults::defaults;
use super::tree::{Tree, is_component_path};

/// Which plugin a tier asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginRef {
    /// A name of `[plugins]`.
    Name(String),
    /// A component that the plan names by its file.
    Path(PathBuf),
}

/// What the operator says of a plugin.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Plugin {
    /// `None` is built in.
    #[serde(deserialize_with = "path")]
    pub path: Option<PathBuf>,
    /// The hosts that are granted: `None` is whatever the plugin declares.
    #[serde(default, deserialize_with = "hosts")]
    pub hosts: Option<Vec<String>>,
    /// Lower case hexadecimal; another file is refused.
    #[serde(default, deserialize_with = "sha256")]
    pub sha256: Option<String>,
}

impl Plugin {
    /// A component that the plan names by its file is granted what it declares.
    pub(super) fn by_path(path: &Path) -> Self {
        Self { path: Some(path.to_owned()), hosts: None, sha256: None }
    }
}

/// Notes whose file cannot be: what the table alone does not say.
pub(super) fn check_paths(tree: &Tree, reader: &mut Reader) {
    for name in tree.table("plugins").into_iter().flat_map(Tree::names) {
        let path = ["plugins", name, "path"];
        match tree.text(&path) {
            Some("built-in") if defaults().at(&["plugins", name]).is_none() => reader.complain(
                &path,
                format_args!("no plugin called `{name}` is built in; give the path of its component"),
            ),
            Some("") => reader.complain(&path, "it is empty; give the path of a component"),
            _ => {}
        }
    }
}

impl<'de> Deserialize<'de> for PluginRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(if is_component_path(&text) { Self::Path(text.into()) } else { Self::Name(text) })
    }
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(rename = "path|built-in")]
    struct Component(Option<PathBuf>);
    Component::deserialize(deserializer).map(|Component(path)| path)
}

fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(rename = "hosts|declared")]
    struct Hosts(Option<Vec<String>>);
    Hosts::deserialize(deserializer).map(|Hosts(hosts)| hosts)
}

fn sha256<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let hash = text(deserializer)?;
    if hash
        .as_ref()
        .is_some_and(|hash| hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return Err(D::Error::custom("a SHA-256 has 64 hexadecimal digits"));
    }
    Ok(hash.map(|hash| hash.to_ascii_lowercase()))
}
