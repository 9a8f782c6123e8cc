//! Sources that answer nobody: in a long run that is worth knowing before its end.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::manifest::Line;
use crate::tiers::AttemptOutcome;

/// So long may a source be down without anybody being told.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// When each source answered last.
#[derive(Debug, Default)]
pub(super) struct Silence(BTreeMap<String, SourceSilence>);

#[derive(Debug)]
struct SourceSilence {
    /// Of its last answer, or of the first question.
    since: Instant,
    /// Questions since then.
    unanswered: u64,
    /// It was said.
    told: bool,
}

impl Silence {
    /// Takes in what became of the questions about one work.
    pub(super) fn count(&mut self, line: &Line) {
        let now = Instant::now();
        for attempt in line.trail.attempts() {
            let answered = match attempt.outcome {
                AttemptOutcome::Success | AttemptOutcome::NoPdf => true,
                AttemptOutcome::Retryable | AttemptOutcome::Timeout | AttemptOutcome::Error => false,
                // Its host is left alone because it does not answer.
                AttemptOutcome::Skipped if attempt.retryable => false,
                AttemptOutcome::Nonretryable | AttemptOutcome::Skipped => continue,
            };
            let fresh = SourceSilence { since: now, unanswered: 0, told: false };
            let source = self.0.entry(attempt.source.clone()).or_insert(fresh);
            if answered {
                *source = SourceSilence { since: now, unanswered: 0, told: false };
                continue;
            }
            source.unanswered += 1;
            if !source.told && source.since.elapsed() >= LONG {
                source.told = true;
                tracing::warn!(
                    "{} has answered nobody for a day ({} questions): `tierfall doctor` says why",
                    attempt.source,
                    source.unanswered
                );
            }
        }
    }

    /// The sources that have answered nobody for a day or more, and for how many hours.
    pub(super) fn hours(&self) -> BTreeMap<String, u64> {
        let long =
            self.0.iter().filter(|(_, source)| source.unanswered > 0 && source.since.elapsed() >= LONG);
        long.map(|(name, source)| (name.clone(), source.since.elapsed().as_secs() / 3600)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiers::{AttemptEntry, Status, Trail, TrailEntry};
    use tierfall_work::Work;

    fn line(outcomes: &[(&str, AttemptOutcome)]) -> Line {
        let work = Work::new("10.5555/1".parse().expect("a DOI"));
        let mut line = Line::of("run", "10.5555/1".into(), &work, Status::NoCopy);
        let entry = |(source, outcome): &(&str, AttemptOutcome)| {
            TrailEntry::Attempt(AttemptEntry {
                at_ms: 0,
                tier: "tier".into(),
                plugin: "plugin".into(),
                source: (*source).into(),
                outcome: *outcome,
                ms: 0,
                candidates: Vec::new(),
                detail: String::new(),
                reason: None,
                notes: Vec::new(),
                requests: Vec::new(),
                retryable: *outcome != AttemptOutcome::NoPdf,
            })
        };
        line.trail = Trail(outcomes.iter().map(entry).collect());
        line
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_answers_nobody_for_a_day_is_named_and_one_that_answers_is_not() {
        use AttemptOutcome::{NoPdf, Nonretryable, Retryable, Skipped, Timeout};
        let mut silence = Silence::default();
        silence.count(&line(&[
            ("dead", Timeout),
            ("well", NoPdf),
            ("odd", Nonretryable),
            ("closed", Skipped),
        ]));
        tokio::time::advance(Duration::from_secs(23 * 3600)).await;
        silence.count(&line(&[("dead", Retryable), ("well", Timeout), ("closed", Skipped)]));
        assert!(silence.hours().is_empty());
        tokio::time::advance(Duration::from_secs(2 * 3600)).await;
        silence.count(&line(&[("dead", Skipped), ("well", NoPdf), ("odd", Nonretryable)]));
        let hours = silence.hours();
        assert_eq!(hours.get("dead"), Some(&25));
        assert_eq!(hours.keys().collect::<Vec<_>>(), ["closed", "dead"], "whose host is left alone too");
        silence.count(&line(&[("dead", NoPdf)]));
        assert!(!silence.hours().contains_key("dead"), "it is back");
    }
}
