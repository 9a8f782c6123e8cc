//! Keys: one hash for one job and for one side effect, however they were written down.

use std::fmt;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::op::OpKind;

/// Goes into every key, so that a later rule for keys can live beside this one.
const KEY_VERSION: u64 = 1;

/// A job's identity: SHA-256 in lower-case hex over `{v, kind: "JOB", work_id, artifact_id, role}`.
/// Candidate URLs are no part of it: the same work by another URL is the same job.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey(String);

/// A side effect's identity: SHA-256 in lower-case hex over `{v, kind, job_id, context}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpKey(String);

impl JobKey {
    pub fn new(work_id: &str, artifact_id: &str, role: &str) -> Self {
        Self(digest(&json!({
            "v": KEY_VERSION, "kind": "JOB", "work_id": work_id, "artifact_id": artifact_id, "role": role,
        })))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A key as the database or a partial file's name holds it; `None` if it is not 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let hex = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        hex.then(|| Self(text.to_owned()))
    }
}

impl OpKey {
    pub fn new(job: &JobKey, kind: OpKind, context: &Value) -> Self {
        Self(digest(&json!({"v": KEY_VERSION, "kind": kind.label(), "job_id": job.0, "context": context})))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for OpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Over the canonical form of RFC 8785: keys sorted, no spaces, one way to write a number.
fn digest(value: &Value) -> String {
    let canonical =
        serde_json_canonicalizer::to_vec(value).expect("a JSON value with text keys always serialises");
    Sha256::digest(canonical).iter().fold(String::with_capacity(64), |mut hex, byte| {
        hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        hex
    })
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
    fn the_order_of_a_contexts_keys_does_not_make_another_op() {
        let job = JobKey::new("doi:10.1/x", "pdf", "fulltext");
        let one = OpKey::new(&job, OpKind::Head, &json!({"url": "https://a/", "n": [1, {"b": 2, "a": 1}]}));
        let two = OpKey::new(&job, OpKind::Head, &json!({"n": [1, {"a": 1, "b": 2}], "url": "https://a/"}));
        assert_eq!(one, two);
    }

    #[test]
    fn job_kind_and_context_each_make_another_op() {
        let job = JobKey::new("doi:10.1/x", "pdf", "fulltext");
        let other = JobKey::new("doi:10.1/y", "pdf", "fulltext");
        let at = |url: &str| json!({"url": url});
        let keys = [
            OpKey::new(&job, OpKind::Head, &at("a")),
            OpKey::new(&job, OpKind::Head, &at("b")),
            OpKey::new(&job, OpKind::Stream, &at("a")),
            OpKey::new(&other, OpKind::Head, &at("a")),
        ];
        for (i, one) in keys.iter().enumerate() {
            assert!(keys.iter().skip(i + 1).all(|two| one != two));
        }
    }

    #[test]
    fn what_is_no_key_is_not_taken_for_one() {
        assert_eq!(JobKey::from_hex("abc"), None);
        assert_eq!(JobKey::from_hex(&"g".repeat(64)), None);
        assert_eq!(JobKey::from_hex(&"A".repeat(64)), None);
    }
}
