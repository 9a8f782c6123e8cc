//! Keys of works in few bytes, within one process.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Among millions of works two share one about once in a million runs.
pub(super) fn digest(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
