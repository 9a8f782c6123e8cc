//! What an operator can set about the object store. Its address is `run.store`, its keys are variables of the environment.

use std::time::Duration;

use serde::Deserialize;
use tierfall_settings::{number, some_millis};

/// Parts are at least as long, but for the last (Amazon's limit, and so everybody's).
const LEAST_PART: u64 = 5 << 20;
/// A part is in memory while it is sent.
const MOST_PART: u64 = 1 << 30;

/// `[store]`.
#[derive(Clone, Debug, Deserialize)]
pub struct ObjectSettings {
    /// The length of a part, in bytes; a file that is not longer goes up in one request.
    #[serde(deserialize_with = "part")]
    pub part_bytes: u64,
    /// For one request.
    #[serde(rename = "timeout_ms", deserialize_with = "some_millis")]
    pub timeout: Duration,
    /// Tries again of one request, for what may pass.
    #[serde(deserialize_with = "number::<_, _, 0, 20>")]
    pub retries: u32,
}

fn part<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let part: u64 = tierfall_settings::bytes(deserializer)?;
    if (LEAST_PART..=MOST_PART).contains(&part) {
        return Ok(part);
    }
    Err(serde::de::Error::custom("a part is from 5 MiB to 1 GiB"))
}
