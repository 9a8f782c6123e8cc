//! `[sources.NAME]`.

use std::fmt;
use std::time::Duration;

use super::Origin;
use super::section::Section;
use super::tree::{Node, Value};

/// Whether robots.txt is asked for a source's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Robots {
    Honour,
    Ignore,
}

/// What is different about a source.
#[derive(Clone, Default)]
pub(super) struct Source {
    pub timeout: Option<(Duration, Origin)>,
    pub retries: Option<(u32, Origin)>,
    pub robots: Option<(Robots, Origin)>,
    /// Every other key: whether the source declares it is known when its plugin is loaded.
    pub settings: Vec<(String, String, Origin)>,
}

impl Source {
    pub(super) fn read(section: Section<'_>) -> Self {
        let robots = [("honour", Robots::Honour), ("ignore", Robots::Ignore)];
        let given = |key: &'static str| section.has(key).then(|| section.origin(key));
        let mut source = Self {
            timeout: given("timeout_ms").map(|origin| (section.some_millis("timeout_ms"), origin)),
            retries: given("retries").map(|origin| (section.number("retries", 0..=10), origin)),
            robots: given("robots")
                .and_then(|origin| section.choice("robots", &robots).map(|robots| (robots, origin))),
            settings: Vec::new(),
        };
        for (name, node) in section.others() {
            let value = match node {
                Node::Leaf(leaf) => text(&leaf.value),
                Node::Table(..) => None,
            };
            match value {
                Some(value) => source.settings.push((name, value, node.origin().clone())),
                None => section.complain(&name, "settings of a source are texts, numbers, or true or false"),
            }
        }
        section.finish();
        source
    }
}

/// Without the values of settings, among which somebody may have put a key.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .field("robots", &self.robots)
            .field("settings", &self.settings.iter().map(|(name, ..)| name).collect::<Vec<_>>())
            .finish()
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Raw(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::List(_) | Value::Other(_) => None,
    }
}
