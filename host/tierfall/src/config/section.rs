//! One table of the configuration, read key by key. What is asked for is known; what is left over at the
//! end was mistyped.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Origin;
use super::problem::{Problem, did_you_mean};
use super::tree::{self, Leaf, Node, Tree, Value};

/// Values are read with the type that their key has; a mistake is noted, and a stand-in is answered, so
/// that all mistakes are found at once. What stands in is never used: a configuration with problems is
/// not handed out.
pub(super) struct Section<'a> {
    path: String,
    tree: &'a Tree,
    /// Of the table itself.
    origin: Origin,
    asked: RefCell<Vec<String>>,
    problems: &'a RefCell<Vec<Problem>>,
}

impl<'a> Section<'a> {
    /// The whole configuration.
    pub(super) fn root(tree: &'a Tree, problems: &'a RefCell<Vec<Problem>>) -> Self {
        let origin = Origin::Default { line: 1 };
        Self { path: String::new(), tree, origin, asked: RefCell::default(), problems }
    }

    /// A table that `default.toml` has.
    pub(super) fn section(&self, key: &str) -> Section<'a> {
        self.ask(key);
        let (tree, origin) = match self.tree.get(key) {
            Some(Node::Table(tree, origin)) => (tree, origin.clone()),
            _ => {
                self.problem(&self.origin(key), format!("`{}` is a table", tree::joined(&self.path, key)));
                (self.tree, self.origin.clone())
            }
        };
        self.inner(key, tree, origin)
    }

    /// The tables in this one, whatever their names: in the order of [`Tree`].
    pub(super) fn sections(&self) -> Vec<(String, Section<'a>)> {
        let mut sections = Vec::new();
        for (name, node) in self.tree.iter() {
            self.ask(name);
            match node {
                Node::Table(tree, origin) => {
                    sections.push((name.to_owned(), self.inner(name, tree, origin.clone())));
                }
                Node::Leaf(leaf) => {
                    let path = tree::joined(&self.path, name);
                    let message = format!("`{path}` is a table: write [{path}] and its keys below");
                    self.problem(&leaf.origin, message);
                }
            }
        }
        sections
    }

    /// What has not been asked for: keys whose names are not fixed. The section knows them from now on.
    pub(super) fn others(&self) -> Vec<(String, &'a Node)> {
        let asked = self.asked.borrow().clone();
        let others: Vec<_> = self.tree.iter().filter(|(name, _)| !asked.iter().any(|a| a == name)).collect();
        others
            .into_iter()
            .map(|(name, node)| {
                self.ask(name);
                (name.to_owned(), node)
            })
            .collect()
    }

    /// Reports the keys that nothing asked for.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        for (name, node) in self.tree.iter().filter(|(name, _)| !asked.iter().any(|a| a == name)) {
            let known = asked.iter().map(String::as_str);
            self.problems.borrow_mut().push(tree::unknown(&self.path, name, node.origin(), known));
        }
    }

    /// Whether a key is given that has no default.
    pub(super) fn has(&self, key: &str) -> bool {
        self.ask(key);
        self.tree.get(key).is_some()
    }

    /// Of a value; of the table where there is none.
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.tree.get(key).map_or(&self.origin, |node| node.origin()).clone()
    }

    pub(super) fn text(&self, key: &str) -> String {
        self.read(key, "a text", |leaf| match &leaf.value {
            Value::Text(text) | Value::Raw(text) => Some(text.trim().to_owned()),
            _ => None,
        })
    }

    /// `None` when it is empty.
    pub(super) fn maybe_text(&self, key: &str) -> Option<String> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.read(key, "true or false", |leaf| match &leaf.value {
            Value::Bool(value) => Some(*value),
            Value::Raw(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        })
    }

    /// A whole number within a range that fits its type.
    pub(super) fn number<T: TryFrom<u64> + Default>(&self, key: &str, range: RangeInclusive<u64>) -> T {
        let expected = match (range.start(), range.end()) {
            (from, &u64::MAX) => format!("a whole number, {from} or more"),
            (from, to) => format!("a whole number from {from} to {to}"),
        };
        self.read(key, &expected, |leaf| {
            let number = match &leaf.value {
                Value::Integer(number) => u64::try_from(*number).ok(),
                Value::Raw(text) => text.trim().replace('_', "").parse().ok(),
                _ => None,
            };
            number.filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok())
        })
    }

    /// Milliseconds, up to a day.
    pub(super) fn millis(&self, key: &str) -> Duration {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        Duration::from_millis(self.number(key, 0..=DAY))
    }

    /// As [`Section::millis`], and not zero.
    pub(super) fn some_millis(&self, key: &str) -> Duration {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        Duration::from_millis(self.number(key, 1..=DAY))
    }

    /// Seconds, from one to thirty days.
    pub(super) fn seconds(&self, key: &str) -> Duration {
        const MONTH: u64 = 30 * 24 * 60 * 60;
        Duration::from_secs(self.number(key, 1..=MONTH))
    }

    /// A size: a number of bytes, or a text like `64 MiB`.
    pub(super) fn bytes<T: TryFrom<u64> + Default>(&self, key: &str) -> T {
        self.read(key, "a size: a number of bytes, or a text like \"64 MiB\"", |leaf| {
            let bytes = match &leaf.value {
                Value::Integer(number) => u64::try_from(*number).ok(),
                Value::Text(text) | Value::Raw(text) => size(text),
                _ => None,
            };
            bytes.and_then(|bytes| T::try_from(bytes).ok())
        })
    }

    /// One of some words.
    pub(super) fn choice<T: Clone>(&self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let words = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        self.ask(key);
        let leaf = self.leaf(key)?;
        let given = match &leaf.value {
            Value::Text(text) | Value::Raw(text) => text.trim(),
            other => {
                self.wrong(key, leaf, &format!("one of {words}"), other.kind());
                return None;
            }
        };
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(given));
        if found.is_none() {
            let path = tree::joined(&self.path, key);
            let hint = did_you_mean(given, choices.iter().map(|(word, _)| *word));
            self.problem(&leaf.origin, format!("`{path}` must be one of {words}, not \"{given}\"{hint}"));
        }
        found.map(|(_, choice)| choice.clone())
    }

    /// Texts; from a variable or a flag, separated by commas.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        self.separated(key, ',')
    }

    /// Texts; from a variable or a flag, separated by `separator`.
    pub(super) fn separated(&self, key: &str, separator: char) -> Vec<String> {
        self.read(key, "a list of texts", |leaf| match &leaf.value {
            Value::List(values) => values
                .iter()
                .map(|value| match value {
                    Value::Text(text) | Value::Raw(text) => Some(text.trim().to_owned()),
                    _ => None,
                })
                .collect(),
            Value::Raw(text) => Some(
                text.split(separator)
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(Into::into)
                    .collect(),
            ),
            _ => None,
        })
    }

    /// `None` for the one word that stands in place of a list.
    pub(super) fn list_or(&self, key: &str, word: &str) -> Option<Vec<String>> {
        let is_word = self.leaf(key).is_some_and(
            |leaf| matches!(&leaf.value, Value::Text(text) | Value::Raw(text) if text.trim() == word),
        );
        self.ask(key);
        (!is_word).then(|| self.list(key))
    }

    pub(super) fn paths(&self, key: &str) -> Vec<PathBuf> {
        let origin = self.origin(key);
        self.list(key).iter().map(|path| resolved(Path::new(path), &origin)).collect()
    }

    /// Notes a mistake in the value of a key.
    pub(super) fn complain(&self, key: &str, message: impl AsRef<str>) {
        let path = tree::joined(&self.path, key);
        self.problem(&self.origin(key), format!("`{path}`: {}", message.as_ref()));
    }

    pub(super) fn problem(&self, origin: &Origin, message: String) {
        self.problems.borrow_mut().push(Problem { origin: origin.clone(), message });
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn inner(&self, key: &str, tree: &'a Tree, origin: Origin) -> Section<'a> {
        let path = tree::joined(&self.path, key);
        Section { path, tree, origin, asked: RefCell::default(), problems: self.problems }
    }

    fn read<T: Default>(&self, key: &str, expected: &str, read: impl FnOnce(&Leaf) -> Option<T>) -> T {
        self.ask(key);
        let Some(leaf) = self.leaf(key) else { return T::default() };
        read(leaf).unwrap_or_else(|| {
            let given = match &leaf.value {
                Value::Raw(text) => format!("\"{text}\""),
                value @ (Value::Text(_) | Value::Integer(_) | Value::Float(_)) => value.shown(),
                value => value.kind().to_owned(),
            };
            self.wrong(key, leaf, expected, &given);
            T::default()
        })
    }

    fn leaf(&self, key: &str) -> Option<&'a Leaf> {
        match self.tree.get(key) {
            Some(Node::Leaf(leaf)) => Some(leaf),
            Some(Node::Table(_, origin)) => {
                let path = tree::joined(&self.path, key);
                self.problem(origin, format!("`{path}` is a value, and no table"));
                None
            }
            None => {
                let message = format!("[{}] has no `{key}`, which it needs", self.path);
                self.problem(&self.origin(key), message);
                None
            }
        }
    }

    fn wrong(&self, key: &str, leaf: &Leaf, expected: &str, given: &str) {
        let path = tree::joined(&self.path, key);
        self.problem(&leaf.origin, format!("`{path}` must be {expected}, not {given}"));
    }

    fn ask(&self, key: &str) {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|name| name == key) {
            asked.push(key.to_owned());
        }
    }
}

/// A relative path counts from the folder of the file that names it.
pub(super) fn resolved(path: &Path, origin: &Origin) -> PathBuf {
    match origin.folder() {
        Some(folder) => folder.join(path),
        None => path.to_owned(),
    }
}

fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '_')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.replace('_', "").parse().ok()?;
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        for (text, bytes) in [
            ("1024", Some(1024)),
            ("64 MiB", Some(64 << 20)),
            ("1_000kB", Some(1_000_000)),
            ("1.5 MiB", None),
            ("MiB", None),
            ("99999999999 GiB", None),
            ("", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }
}
