//! What of a race goes on with another worker, after the work was given back because its turn at a host is far off.
//!
//! It is kept where others can write, so that it may cost a work a source or a copy, but never bring one: it names the
//! sources that had nothing and the URLs that were no copy, which are not asked for again. Whoever told something, or
//! proposed what is still to be fetched, is asked anew, and vouches for it anew.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::reason::EndReason;
use super::trail::{AttemptOutcome, Trail, TrailEntry};
use crate::acquire::Reason;
use tierfall_http::WorkClock;
use tierfall_proof::Reason as ProofReason;

/// A work that can only wait for a turn that is far off.
#[derive(Debug)]
pub struct Parked {
    /// Its next turn, at the earliest.
    pub until: Instant,
    /// For whoever goes on with it.
    pub so_far: SoFar,
}

/// Completes when a work is to be given back: it has been parked for as long as `patience` says, and will be for as long
/// again. With the time of its next turn.
pub(in crate::tiers) async fn parked_beyond(patience: Option<Duration>, clock: &WorkClock) -> Instant {
    match patience {
        Some(patience) => clock.parked_beyond(patience).await,
        None => std::future::pending().await,
    }
}

/// What was found out about a work, and what that took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SoFar {
    /// Sources that had nothing, and URLs that were no copy.
    pub(in crate::tiers) trail: Trail,
    /// The time that the work has taken, in milliseconds.
    pub(in crate::tiers) used_ms: u64,
    /// The time since its first attempt in which a worker had it, in milliseconds.
    pub(in crate::tiers) elapsed_ms: u64,
    /// Sources that answered nobody, and that the work was given back for. If they do not answer whoever goes on, who may
    /// never have had an answer of theirs, that is no failure of the work either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::tiers) waits_for: Vec<String>,
}

/// More entries than any plan and all its candidates have.
const MOST: usize = 500;
/// More characters than these hold; a work that needs more begins anew.
const LONGEST: usize = 256 * 1024;

impl SoFar {
    /// As it stands in a row. What cannot be read, or is not of the kinds that are kept, is left out.
    pub fn read(row: &Value) -> Self {
        let Self { trail, used_ms, elapsed_ms, waits_for } = Self::deserialize(row).unwrap_or_default();
        Self::of(trail, used_ms, elapsed_ms).waiting_for(waits_for)
    }

    /// For a row.
    pub fn value(&self) -> Value {
        let value = serde_json::to_value(self).unwrap_or_default();
        match value.to_string().len() {
            length if length > LONGEST => serde_json::to_value(Self::default()).unwrap_or_default(),
            _ => value,
        }
    }

    /// Keeps of a trail what is settled.
    pub(in crate::tiers) fn of(trail: Trail, used_ms: u64, elapsed_ms: u64) -> Self {
        let mut so_far = Self { trail, used_ms, elapsed_ms, waits_for: Vec::new() };
        so_far.trail.0.retain(is_settled);
        so_far.trail.0.truncate(MOST);
        so_far
    }

    /// The same for a work that is given back because of these sources.
    pub(in crate::tiers) fn waiting_for(mut self, mut sources: Vec<String>) -> Self {
        sources.sort();
        sources.dedup();
        sources.truncate(MOST);
        self.waits_for = sources;
        self
    }
}

/// What would end the same way if it were done again, whoever proposed it, and from which nothing else follows.
fn is_settled(entry: &TrailEntry) -> bool {
    match entry {
        TrailEntry::Attempt(attempt) => {
            let final_answer = matches!(attempt.outcome, AttemptOutcome::NoPdf);
            // A page that is refused stays so; what a policy forbids, another worker's may not.
            let refused = [Reason::LoginWall, Reason::BotCheck, Reason::HttpStatus].map(EndReason::Rejected);
            let settled = attempt.reason.is_none_or(|reason| refused.contains(&reason));
            final_answer && attempt.candidates.is_empty() && settled
        }
        TrailEntry::Acquisition(acquisition) => acquisition.rejected.is_some_and(|reason| {
            !reason.retryable()
                && !matches!(
                    reason,
                    // A page in place of a file may link it.
                    Reason::HtmlInstead
                        // Is said again when the copy is proposed again.
                        | Reason::PolicyVersion
                        | Reason::PolicyLicense
                        // A stronger proposal may end otherwise.
                        | Reason::Proof(ProofReason::Unproven | ProofReason::WrongWork)
                )
        }),
    }
}
