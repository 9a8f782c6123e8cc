//! What is wrong with a configuration: each mistake once, with its place and a suggestion.

use std::fmt;
use std::path::PathBuf;

use super::origin::Origin;

/// Characters of a mistake that are told.
const MOST_SAID: usize = 1000;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub origin: Origin,
    /// What happened, to which key, and what to do.
    pub message: String,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message names the file and the error")]
pub enum ConfigError {
    /// The file that was named, or found, cannot be read.
    #[error("failed to read the configuration {path}: {error}", path = .path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    /// Never empty; layer by layer, in the order of the file.
    #[error("{}", listed(.0))]
    Problems(Vec<Problem>),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        // A name that somebody chose may be as long as the file.
        match self.message.char_indices().nth(MOST_SAID) {
            Some((end, _)) => write!(f, "{}…", self.message.get(..end).unwrap_or_default()),
            None => f.write_str(&self.message),
        }
    }
}

/// The one of `known` that was probably meant.
pub fn suggestion<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Jaro-Winkler favours a common beginning, as in `timeout` for `timeout_ms`; below this value pairs
    // have little in common but their length.
    const ALIKE: f64 = 0.8;
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

/// `; did you mean …?`, or nothing.
pub(super) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    suggestion(given, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
