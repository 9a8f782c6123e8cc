//! When a failed job is tried again, and when it no longer is.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tierfall_settings::{number, seconds};

use crate::key::JobKey;

/// A job is leased at most `max_attempts` times; after attempt *n* fails it waits between a half and the whole of
/// `base` × 2^(n-1), and never longer than `longest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Schedule {
    /// At least one attempt is made, whatever this says.
    #[serde(deserialize_with = "number::<_, _, 1, 1000>")]
    pub max_attempts: u32,
    /// The longest wait after the first attempt.
    #[serde(rename = "retry_base_s", deserialize_with = "seconds")]
    pub base: Duration,
    /// The longest wait after any attempt.
    #[serde(rename = "retry_max_s", deserialize_with = "seconds")]
    pub longest: Duration,
}

impl Schedule {
    /// How long to wait after `attempts` attempts failed; `None` after the last.
    ///
    /// The jitter is derived from the job's key: it spreads the jobs of one outage as chance would, and a test run
    /// can be repeated.
    pub(crate) fn delay(&self, job: &JobKey, attempts: u32) -> Option<Duration> {
        if attempts >= self.max_attempts {
            return None;
        }
        let doubled =
            self.base.saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
        let half = doubled.min(self.longest) / 2;
        Some(half + half.mul_f64(jitter(job, attempts)))
    }
}

/// A number from 0 up to 1 that looks random and is always the same for this attempt of this job.
fn jitter(job: &JobKey, attempts: u32) -> f64 {
    let mut hash = Sha256::new();
    hash.update(job.as_str());
    hash.update(attempts.to_be_bytes());
    let drawn = hash.finalize().iter().take(4).fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    f64::from(drawn) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule =
        Schedule { max_attempts: 5, base: Duration::from_secs(60), longest: Duration::from_secs(300) };

    #[test]
    fn the_wait_doubles_up_to_the_longest_and_ends_with_the_last_attempt() {
        let job = JobKey::new("doi:10.1/x", "pdf", "fulltext");
        for (attempts, whole) in [(1, 60), (2, 120), (3, 240), (4, 300)] {
            let delay = SCHEDULE.delay(&job, attempts).unwrap_or_default();
            let whole = Duration::from_secs(whole);
            assert!(delay >= whole / 2 && delay <= whole, "after {attempts}: {delay:?}");
        }
        assert_eq!(SCHEDULE.delay(&job, 5), None);
        assert_eq!(SCHEDULE.delay(&job, u32::MAX), None);
    }

    #[test]
    fn jobs_that_failed_together_do_not_come_back_together() {
        let delays: std::collections::BTreeSet<Duration> = (0..100)
            .filter_map(|i| SCHEDULE.delay(&JobKey::new(&format!("doi:10.1/{i}"), "pdf", "fulltext"), 1))
            .collect();
        assert_eq!(delays.len(), 100);
        let range = delays.last().zip(delays.first()).map(|(last, first)| *last - *first);
        assert!(range > Some(Duration::from_secs(20)), "{range:?} of a possible 30 s");
    }

    #[test]
    fn no_number_of_attempts_overflows_the_wait() {
        let endless = Schedule { max_attempts: u32::MAX, ..SCHEDULE };
        let job = JobKey::new("doi:10.1/x", "pdf", "fulltext");
        for attempts in [0, 31, 32, 33, 64, u32::MAX - 1] {
            assert!(endless.delay(&job, attempts).is_some_and(|delay| delay <= SCHEDULE.longest));
        }
    }
}
