//! What the hosts of each plugin said last, so that a person can see why a source has nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tierfall_http::{Answered, Listener};

/// One answer, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// What was asked for; mail addresses are left out.
    pub url: String,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The first lines of the answer, or why there was none.
    pub said: String,
}

/// The answers to each plugin since they were last taken.
#[derive(Default)]
pub struct ReplyLog(Mutex<HashMap<String, Vec<Reply>>>);

/// Answers kept of one plugin: a source asks few questions about one work.
const MOST: usize = 16;
/// Lines shown of an answer, and bytes of them.
const LINES: usize = 4;
const BYTES: usize = 400;

impl ReplyLog {
    /// What was said to a plugin; then it is forgotten.
    pub fn take(&self, plugin: &str) -> Vec<Reply> {
        self.lock().remove(plugin).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Reply>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for ReplyLog {
    fn answered(&self, answered: &Answered<'_>) {
        let (status, said) = match answered.result {
            Ok((status, body)) => (Some(status), first_lines(body)),
            Err(error) => (None, error.to_string()),
        };
        let mut log = self.lock();
        let replies = log.entry(answered.plugin.to_owned()).or_default();
        if replies.len() < MOST {
            replies.push(Reply { url: without_addresses(answered.url), status, said });
        }
    }
}

/// The URL without what says who asks: a report of it is passed on.
fn without_addresses(url: &url::Url) -> String {
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if !pairs.iter().any(|(_, value)| value.contains('@')) {
        return url.to_string();
    }
    let mut shown = url.clone();
    let pairs = pairs.iter().map(|(name, value)| (name, if value.contains('@') { "…" } else { value }));
    shown.query_pairs_mut().clear().extend_pairs(pairs);
    shown.to_string()
}

fn first_lines(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(BYTES * 4)]);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(LINES);
    let mut shown = String::new();
    for line in lines {
        let room = BYTES.saturating_sub(shown.len());
        let mut end = line.len().min(room);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        if end == 0 {
            break;
        }
        if !shown.is_empty() {
            shown.push('\n');
        }
        shown.push_str(&line[..end]);
        if end < line.len() {
            shown.push('…');
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_http::FetchError;

    #[test]
    fn the_first_lines_are_kept_of_each_plugin_and_no_mail_address() {
        let log = ReplyLog::default();
        let url = "https://api.example/v1?email=me%40library.example&id=10.5555/x".parse().expect("a URL");
        let body = format!("\n  <html>\n{}\n\nthird\nfourth\nfifth", "long ".repeat(200));
        for plugin in ["one", "other"] {
            let result = Ok((503, body.as_bytes()));
            log.answered(&Answered { plugin, url: &url, result });
        }
        log.answered(&Answered { plugin: "one", url: &url, result: Err(&FetchError::Timeout) });
        let replies = log.take("one");
        assert_eq!(replies.len(), 2);
        assert_eq!(replies[0].status, Some(503));
        assert!(replies[0].said.starts_with("<html>\nlong ") && replies[0].said.len() < 450, "{replies:?}");
        assert!(!replies[0].url.contains("library"), "{replies:?}");
        assert_eq!(
            (replies[1].status, replies[1].said.as_str()),
            (None, "no answer in the time it may take")
        );
        assert!(log.take("one").is_empty());
        assert_eq!(log.take("other").len(), 1);
    }

    #[test]
    fn an_answer_of_any_length_and_bytes_is_shown_in_a_few_lines() {
        let all: Vec<u8> = (0..=255).collect();
        for body in [all.repeat(100), "ü".repeat(10_000).into_bytes(), Vec::new(), b"\n\n\n".to_vec()] {
            assert!(first_lines(&body).len() <= BYTES + LINES * 4);
        }
    }
}
