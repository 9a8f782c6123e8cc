//! The configuration for people: every value with its origin, and a file to start from.

use super::defaults::DEFAULTS;
use super::mask::{MASK, is_telling, masked};
use super::origin::Origin;
use super::secrets::Secrets;
use super::tree::{Leaf, Tree, Value};

/// One value as `config show` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Dotted.
    pub key: String,
    /// As TOML writes it; secrets are masked.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// A file with every key, its default and its meaning, in which nothing is set yet.
pub fn init_text() -> String {
    const INTRODUCTION: &str = "# Configuration of Tierfall. Every key is here with its default: take the # away and change the value.\n";
    let mut text = String::from(INTRODUCTION);
    // The first line speaks of the defaults themselves.
    for line in DEFAULTS.lines().skip(1) {
        let sets = line.starts_with(|c: char| c.is_ascii_lowercase());
        text += if sets { "#" } else { "" };
        text += line;
        text += "\n";
    }
    text
}

pub(super) fn effective(tree: &Tree, secrets: &Secrets) -> Vec<Effective> {
    let values =
        tree.leaves().into_iter().filter(|(key, _)| !key.starts_with("secrets.")).map(|(key, leaf)| {
            let value = shown(&key, leaf);
            Effective { key, value, origin: leaf.origin.clone() }
        });
    let secrets = secrets.iter().map(|(name, set, origin)| Effective {
        key: format!("secrets.{name}"),
        value: if set { MASK } else { "not set" }.to_owned(),
        origin: origin.clone(),
    });
    values.chain(secrets).collect()
}

/// Masks what looks like a secret, wherever somebody has put it.
fn shown(key: &str, leaf: &Leaf) -> String {
    let name = key.rsplit('.').next().unwrap_or(key);
    if key.starts_with("sources.") && is_telling(name) {
        return MASK.to_owned();
    }
    match &leaf.value {
        Value::Text(text) | Value::Raw(text) => match masked(text) {
            masked if masked == *text => leaf.value.shown(),
            masked => Value::Text(masked).shown(),
        },
        Value::List(values) => {
            let masked = values.iter().map(|value| match value {
                // `archive:api_key=…`
                Value::Text(text) | Value::Raw(text) => Value::Text(without_options(text)),
                other => other.clone(),
            });
            Value::List(masked.collect()).shown()
        }
        value => value.shown(),
    }
}

fn without_options(text: &str) -> String {
    let masked = text.split(',').map(|option| match option.rsplit_once('=') {
        Some((name, _)) if is_telling(name) => format!("{name}={MASK}"),
        _ => masked(option),
    });
    masked.collect::<Vec<_>>().join(",")
}
