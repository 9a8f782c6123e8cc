//! Keys: the same hash for the same job or side effect, whoever computes it.

use std::fmt;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Part of every key, so that a later rule for keys can live beside this one.
pub(crate) const KEY_VERSION: u64 = 1;

/// A job's identity: SHA-256 in lower-case hex over `{v, kind: "JOB", work_id, artifact_id, role}`.
/// Candidate URLs are no part of it: the same work by another URL is the same job.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey(String);

impl JobKey {
    /// The key of this artifact of this work, as in `doi:10.1371/journal.pone.0000308`, `pdf`, `fulltext`.
    pub fn new(work_id: &str, artifact_id: &str, role: &str) -> Self {
        Self(digest(&json!({
            "v": KEY_VERSION, "kind": "JOB", "work_id": work_id, "artifact_id": artifact_id, "role": role,
        })))
    }

    /// 64 lower-case hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a key from the database or from the name of a partial file; `None` if it is not 64 lower-case hex
    /// digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let is_key = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_key.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// SHA-256 over the canonical form of RFC 8785: keys sorted, no spaces, one way to write a number.
pub(crate) fn digest(value: &Value) -> String {
    let canonical =
        serde_json_canonicalizer::to_vec(value).expect("a JSON value with text keys always serialises");
    hex::encode(Sha256::digest(canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_key_is_the_sha256_of_the_canonical_json_anyone_can_compute() {
        // printf '{"artifact_id":"pdf","kind":"JOB","role":"fulltext","v":1,"work_id":"doi:10.1/x"}' | sha256sum
        let key = JobKey::new("doi:10.1/x", "pdf", "fulltext");
        assert_eq!(key.as_str(), "baf134a5aca5297c846631e51c585697f8707fac32da5808478252ccf0bea405");
        assert_eq!(JobKey::from_hex(key.as_str()), Some(key));
    }

    #[test]
    fn what_is_no_key_is_not_taken_for_one() {
        assert_eq!(JobKey::from_hex("abc"), None);
        assert_eq!(JobKey::from_hex(&"g".repeat(64)), None);
        assert_eq!(JobKey::from_hex(&"A".repeat(64)), None);
    }
}
