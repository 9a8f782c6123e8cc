//! How a source is, by what it answered about works that are known to have a copy there.

use std::time::Duration;

use serde::Serialize;

use super::reply_log::Reply;
use tierfall_sandbox::{CallError, SourceError};
use tierfall_work::{Finding, Work};

/// How a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It has what it is known to have.
    Answers,
    /// The same, after more than half of the time that it has.
    Slow,
    /// It asks to be asked less.
    Limited,
    /// It does not answer, or with errors that may pass.
    Dead,
    /// It refuses: a key is wrong or missing, or it takes us for a robot.
    Refused,
    /// It answers, and does not have what it is known to have, or says it in a way that cannot be read.
    Changed,
    /// Its plugin failed.
    Broken,
    /// It is in the plan and cannot be asked.
    NotAsked,
    /// It names no work that it is known to have.
    Unknown,
}

/// What was found out about one source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceCondition {
    /// The tier that asks it.
    pub tier: String,
    /// Its plugin.
    pub plugin: String,
    /// Its name.
    pub source: String,
    /// How it is.
    pub condition: Condition,
    /// Why, for people.
    pub detail: String,
    /// The works that it was asked about.
    pub works: Vec<String>,
    /// How long the answer about the last of them took, in milliseconds.
    pub ms: u64,
    /// What its hosts said about that.
    pub replies: Vec<Reply>,
}

impl Condition {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Answers,
        Self::Slow,
        Self::Limited,
        Self::Dead,
        Self::Refused,
        Self::Changed,
        Self::Broken,
        Self::NotAsked,
        Self::Unknown,
    ];

    /// The word in tables and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Slow => "slow",
            Self::Limited => "limited",
            Self::Dead => "dead",
            Self::Refused => "refused",
            Self::Changed => "changed",
            Self::Broken => "broken",
            Self::NotAsked => "not_asked",
            Self::Unknown => "unknown",
        }
    }

    /// What it means, in a line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Answers => "it has what it is known to have",
            Self::Slow => "the same, after more than half of the time that it has",
            Self::Limited => "it asks to be asked less; a key, or waiting, helps",
            Self::Dead => "it does not answer, or with errors that may pass",
            Self::Refused => "it refuses: a key is wrong or missing, or it takes us for a robot",
            Self::Changed => {
                "it answers, and does not have what it is known to have: its plugin may be out of date"
            }
            Self::Broken => "its plugin failed",
            Self::NotAsked => "it is in the plan and cannot be asked",
            Self::Unknown => "it names no work that it is known to have, so that nobody can tell",
        }
    }

    /// Whether it has what it is known to have.
    pub fn is_well(self) -> bool {
        matches!(self, Self::Answers | Self::Slow)
    }

    /// Whether it may be well another time, without anybody doing anything.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Limited | Self::Dead)
    }
}

/// How a source is that answered so, and why. `replies`: what its hosts said meanwhile.
pub(super) fn judge(
    result: &Result<Finding, CallError>,
    work: &Work,
    replies: &[Reply],
    took: Duration,
    timeout: Duration,
) -> (Condition, String) {
    let last = replies.last();
    let status = last.and_then(|reply| reply.status);
    let silent = !replies.is_empty() && replies.iter().all(|reply| reply.status.is_none());
    let said = |text: String| match status {
        Some(status) => format!("{text} (HTTP {status})"),
        None => text,
    };
    let by_status = |other: Condition| match status {
        Some(429) => Condition::Limited,
        Some(401 | 402 | 403 | 451) => Condition::Refused,
        Some(500..) => Condition::Dead,
        _ if silent => Condition::Dead,
        _ => other,
    };
    match result {
        Ok(finding) if !finding.candidates.is_empty() || learned(finding) => {
            let count = match finding.candidates.len() {
                0 => "it knows the work".to_owned(),
                1 => "1 copy".to_owned(),
                count => format!("{count} copies"),
            };
            match took > timeout / 2 {
                true => (Condition::Slow, count),
                false => (Condition::Answers, count),
            }
        }
        Ok(_) => (by_status(Condition::Changed), said(format!("it has no copy of {}", work.key()))),
        Err(CallError::Source(error)) => match error {
            SourceError::NotFound | SourceError::NotApplicable => {
                (by_status(Condition::Changed), said(format!("it does not know {}", work.key())))
            }
            SourceError::Unavailable { retry_after_s } => {
                let wait =
                    retry_after_s.map(|seconds| format!("; it asks for {seconds} s")).unwrap_or_default();
                (by_status(Condition::Dead), said(format!("it cannot answer now{wait}")))
            }
            SourceError::Misconfigured(detail) => (Condition::Refused, detail.clone()),
            SourceError::BadAnswer(detail) => (by_status(Condition::Changed), said(detail.clone())),
        },
        Err(CallError::Timeout) => {
            (by_status(Condition::Dead), format!("no answer within {} ms", timeout.as_millis()))
        }
        Err(CallError::Failure(failure)) => (Condition::Broken, failure.to_string()),
    }
}

/// Whether an answer without a copy shows that the source knows the work: some only tell what they know of it.
fn learned(finding: &Finding) -> bool {
    let facts = &finding.facts;
    facts.title.is_some() || !facts.ids.is_empty() || !facts.landing_urls.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_work::Facts;

    fn reply(status: Option<u16>) -> Reply {
        Reply { url: "https://api.example/".into(), status, said: "…".into() }
    }

    fn judged(result: Result<Finding, CallError>, replies: &[Reply], ms: u64) -> Condition {
        let work = Work::new("10.5555/x".parse().expect("a DOI"));
        judge(&result, &work, replies, Duration::from_millis(ms), Duration::from_secs(10)).0
    }

    fn error(error: SourceError) -> CallError {
        error.into()
    }

    #[test]
    fn a_source_is_judged_by_its_answer_and_by_what_its_hosts_said() {
        let known =
            || Finding { facts: Facts { title: Some("A".into()), ..Facts::default() }, ..Finding::default() };
        let busy = || error(SourceError::Unavailable { retry_after_s: Some(3600) });
        for (result, replies, ms, expected) in [
            (Ok(known()), vec![reply(Some(200))], 10, Condition::Answers),
            (Ok(known()), vec![reply(Some(200))], 6000, Condition::Slow),
            (Ok(Finding::default()), vec![reply(Some(200))], 10, Condition::Changed),
            (Err(error(SourceError::NotFound)), vec![reply(Some(404))], 10, Condition::Changed),
            (Err(error(SourceError::NotFound)), vec![reply(None)], 10, Condition::Dead),
            (
                Err(error(SourceError::BadAnswer("no JSON".into()))),
                vec![reply(Some(200))],
                10,
                Condition::Changed,
            ),
            (
                Err(error(SourceError::BadAnswer("no JSON".into()))),
                vec![reply(Some(403))],
                10,
                Condition::Refused,
            ),
            (Err(busy()), vec![reply(Some(429))], 10, Condition::Limited),
            (Err(busy()), vec![reply(Some(503))], 10, Condition::Dead),
            (Err(busy()), vec![], 10, Condition::Dead),
            (
                Err(error(SourceError::Misconfigured("no key".into()))),
                vec![reply(Some(401))],
                10,
                Condition::Refused,
            ),
            (Err(CallError::Timeout), vec![], 10_000, Condition::Dead),
        ] {
            let said = format!("{result:?} {replies:?}");
            assert_eq!(judged(result, &replies, ms), expected, "{said}");
        }
    }

    #[test]
    fn every_condition_has_a_word_of_its_own_and_a_meaning() {
        for condition in Condition::ALL {
            assert_eq!(serde_json::to_value(condition).expect("JSON"), condition.label());
            assert!(!condition.meaning().is_empty());
        }
    }
}
