//! The configuration for people: every value with its origin, and a file to start from.

use url::Url;

use super::defaults::DEFAULTS;
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

const MASK: &str = "********";

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
    const TELLING: [&str; 5] = ["key", "token", "secret", "password", "credential"];
    let name = key.rsplit('.').next().unwrap_or(key).to_ascii_lowercase();
    if key.starts_with("sources.") && TELLING.iter().any(|word| name.contains(word)) {
        return MASK.to_owned();
    }
    match &leaf.value {
        Value::Text(text) | Value::Raw(text) => match without_password(text) {
            Some(masked) => Value::Text(masked).shown(),
            None => leaf.value.shown(),
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

fn without_password(text: &str) -> Option<String> {
    let mut url = Url::parse(text).ok().filter(|url| url.password().is_some())?;
    url.set_password(Some(MASK)).ok()?;
    Some(url.into())
}

fn without_options(text: &str) -> String {
    let masked = text.split(',').map(|option| match option.rsplit_once('=') {
        Some((name, _)) if ["key", "token", "secret", "password"].iter().any(|word| name.contains(word)) => {
            format!("{name}={MASK}")
        }
        _ => option.to_owned(),
    });
    masked.collect::<Vec<_>>().join(",")
}
