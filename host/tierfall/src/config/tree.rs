//! Values by their keys, each with its origin; layers are merged here.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::origin::{Layer, Origin};
use super::problem::{Problem, did_you_mean};

/// A value without its type: what TOML says it is, or a text from a variable or a flag that becomes
/// whatever its key wants.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Raw(String),
    /// What no key takes: the word for it.
    Other(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub value: Value,
    pub origin: Origin,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Leaf(Leaf),
    Table(Tree, Origin),
}

/// A table; its keys are in the order in which they were first given.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    entries: Vec<(String, Node)>,
}

impl Tree {
    /// Reads TOML; `origin` makes an origin of a line.
    pub(super) fn parse(text: &str, origin: impl Fn(usize) -> Origin) -> Result<Self, Problem> {
        let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        match DeTable::parse(text) {
            Ok(table) => Ok(tree(table.get_ref(), &|at| origin(line(at)))),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                let message = error.message().replace('\n', ", ");
                // The key and not its value, which may be a secret.
                let broken = text.lines().nth(line(at) - 1).and_then(|line| line.split('=').next());
                let place = broken.map(|key| format!(" at `{}`", key.trim())).unwrap_or_default();
                Err(Problem {
                    origin: origin(line(at)),
                    message: format!("it is not TOML{place}: {message}"),
                })
            }
        }
    }

    /// A tree with this one value.
    pub(super) fn of(path: &[&str], leaf: Leaf) -> Self {
        let origin = leaf.origin.clone();
        let mut tree = Self::default();
        if let Some((last, tables)) = path.split_last() {
            tree.entries.push(((*last).to_owned(), Node::Leaf(leaf)));
            for table in tables.iter().rev() {
                let inner = std::mem::take(&mut tree);
                tree.entries.push(((*table).to_owned(), Node::Table(inner, origin.clone())));
            }
        }
        tree
    }

    /// Merges a later layer into this one. A value where a table belongs, and the other way round, is left
    /// out and reported.
    pub(super) fn merge(&mut self, over: Self, problems: &mut Vec<Problem>) {
        self.merge_at("", over, problems);
    }

    fn merge_at(&mut self, path: &str, over: Self, problems: &mut Vec<Problem>) {
        for (key, node) in over.entries {
            let here = joined(path, &key);
            let Some((_, own)) = self.entries.iter_mut().find(|(name, _)| *name == key) else {
                self.entries.push((key, node));
                continue;
            };
            match (own, node) {
                (own, node) if path == "secrets" => own.merge_secret(node),
                (Node::Table(own, _), Node::Table(over, _)) => own.merge_at(&here, over, problems),
                (Node::Leaf(own), Node::Leaf(over)) => *own = over,
                (Node::Table(..), Node::Leaf(leaf)) => {
                    let message = format!("`{here}` is a table: write [{here}] and its keys below");
                    problems.push(Problem { origin: leaf.origin, message });
                }
                (Node::Leaf(_), Node::Table(_, origin)) => {
                    problems.push(Problem { origin, message: format!("`{here}` is a value, and no table") });
                }
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    pub(super) fn table(&self, key: &str) -> Option<&Self> {
        match self.get(key)? {
            Node::Table(tree, _) => Some(tree),
            Node::Leaf(_) => None,
        }
    }

    /// What is at a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Node> {
        let (key, tables) = path.split_last()?;
        tables.iter().try_fold(self, |tree, name| tree.table(name))?.get(key)
    }

    /// The text at a path, if there is one.
    pub(super) fn text(&self, path: &[&str]) -> Option<&str> {
        match self.at(path)? {
            Node::Leaf(Leaf { value: Value::Text(text) | Value::Raw(text), .. }) => Some(text.trim()),
            _ => None,
        }
    }

    /// Of the value at a path, or of the last table on the way to it.
    pub(super) fn origin(&self, path: &[&str]) -> Origin {
        let node = (1..=path.len()).rev().find_map(|length| self.at(path.get(..length)?));
        node.map_or(Origin::Default { line: 1 }, |node| node.origin().clone())
    }

    /// Puts a node at a path whose tables are there, or takes away what is there.
    pub(super) fn set(&mut self, path: &[&str], node: Option<Node>) {
        let Some((key, rest)) = path.split_first() else { return };
        let at = self.entries.iter().position(|(name, _)| name == key);
        match (at.map(|at| (at, &mut self.entries[at].1)), node) {
            (Some((_, Node::Table(table, _))), node) if !rest.is_empty() => table.set(rest, node),
            (Some((_, own)), Some(node)) => *own = node,
            (Some((at, _)), None) => drop(self.entries.remove(at)),
            (None, Some(node)) => self.entries.push(((*key).to_owned(), node)),
            (None, None) => {}
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(name, node)| (name.as_str(), node))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// Takes out the values that `keep` refuses; it is given the path of each.
    pub(super) fn retain(&mut self, keep: &mut impl FnMut(&[&str], &Leaf) -> bool) {
        self.retain_below(&[], keep);
    }

    fn retain_below(&mut self, path: &[&str], keep: &mut impl FnMut(&[&str], &Leaf) -> bool) {
        self.entries.retain_mut(|(name, node)| {
            let path = [path, &[name.as_str()]].concat();
            match node {
                Node::Leaf(leaf) => keep(&path, leaf),
                Node::Table(table, _) => {
                    table.retain_below(&path, keep);
                    !table.entries.is_empty()
                }
            }
        });
    }

    /// Every value with its dotted key, in order.
    pub(super) fn leaves(&self) -> Vec<(String, &Leaf)> {
        let mut leaves = Vec::new();
        self.gather("", &mut leaves);
        leaves
    }

    fn gather<'a>(&'a self, path: &str, leaves: &mut Vec<(String, &'a Leaf)>) {
        for (name, node) in &self.entries {
            let here = joined(path, name);
            match node {
                Node::Leaf(leaf) => leaves.push((here, leaf)),
                Node::Table(tree, _) => tree.gather(&here, leaves),
            }
        }
    }
}

/// The ways to give a secret.
pub(super) const WAYS: [&str; 3] = ["value", "env", "file"];

impl Node {
    /// Merges a later layer's secret into this one. However it is given, it takes the place of what was given before,
    /// so that a `file` does not meet an `env` from below; but whose it is stays, until a layer says otherwise.
    fn merge_secret(&mut self, over: Self) {
        let origin = over.origin().clone();
        let mut own = std::mem::replace(self, Self::Table(Tree::default(), origin.clone())).into_secret();
        let over = over.into_secret();
        if WAYS.iter().any(|way| over.get(way).is_some()) {
            own.entries.retain(|(key, _)| !WAYS.contains(&key.as_str()));
        }
        for (key, node) in over.entries {
            own.set(&[key.as_str()], Some(node));
        }
        *self = Self::Table(own, origin);
    }

    /// The table of a secret; a bare text is the value in it.
    fn into_secret(self) -> Tree {
        match self {
            Self::Table(tree, _) => tree,
            Self::Leaf(leaf) => Tree::of(&["value"], leaf),
        }
    }

    pub(super) fn origin(&self) -> &Origin {
        match self {
            Self::Leaf(leaf) => &leaf.origin,
            Self::Table(_, origin) => origin,
        }
    }
}

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) | Self::Raw(_) => "a text",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }

    /// As TOML writes it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(text) => toml::Value::String(text.clone()).to_string(),
            Self::List(values) => {
                format!("[{}]", values.iter().map(Self::shown).collect::<Vec<_>>().join(", "))
            }
            Self::Raw(text) => match text.parse::<i64>() {
                Ok(number) => number.to_string(),
                Err(_) if matches!(text.as_str(), "true" | "false") => text.clone(),
                Err(_) => toml::Value::String(text.clone()).to_string(),
            },
            Self::Other(kind) => (*kind).to_owned(),
        }
    }
}

/// The message about a key that nothing reads.
pub(super) fn unknown<'a>(
    path: &str,
    key: &str,
    origin: &Origin,
    known: impl IntoIterator<Item = &'a str>,
) -> Problem {
    let place = if path.is_empty() { String::new() } else { format!(" in [{path}]") };
    let message = match origin.layer() {
        // There is no table to look at: the key is given whole.
        Layer::CommandLine => {
            let known: Vec<String> = known.into_iter().map(|name| joined(path, name)).collect();
            let key = joined(path, key);
            format!("there is no key `{key}`{}", did_you_mean(&key, known.iter().map(String::as_str)))
        }
        _ => format!("there is no key `{key}`{place}{}", did_you_mean(key, known)),
    };
    Problem { origin: origin.clone(), message }
}

/// A dotted key.
pub(super) fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Whether a path names a file of a component rather than a name.
pub(super) fn is_component_path(text: &str) -> bool {
    text.contains('/') || Path::new(text).extension().is_some_and(|extension| extension == "wasm")
}

fn tree(table: &DeTable<'_>, origin: &impl Fn(usize) -> Origin) -> Tree {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries
        .into_iter()
        .map(|(key, value)| {
            let place = origin(key.span().start);
            let node = match value.get_ref() {
                DeValue::Table(table) => Node::Table(tree(table, origin), place),
                other => Node::Leaf(Leaf { value: leaf(other), origin: place }),
            };
            (key.get_ref().clone().into_owned(), node)
        })
        .collect();
    Tree { entries }
}

fn leaf(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number that is too large"), Value::Integer),
        DeValue::Float(number) => number.as_str().parse().map_or(Value::Other("no number"), Value::Float),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(values) => Value::List(values.iter().map(|value| leaf(value.get_ref())).collect()),
        DeValue::Table(_) => Value::Other("a table"),
    }
}
