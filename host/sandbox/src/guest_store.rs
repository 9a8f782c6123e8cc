//! The store of one call of a plugin, and why a call in it failed.

use std::sync::Arc;

use wasmtime::Store;

use crate::engine::Sandbox;
use crate::error::FailureKind;
use crate::guest::Guest;
use crate::limits::Limiter;
use crate::notes::{LastWords, Notes};
use crate::request::Network;
use crate::store::{failure_kind, limited_store};
use crate::transcript::Transcript;

/// A store for a call about this many works: its limits are those of one work, and grow with their number.
pub(crate) fn new_store(
    sandbox: &Sandbox,
    works: usize,
    name: String,
    notes: Notes,
    network: Option<Arc<Network>>,
    transcript: Transcript,
) -> Store<Guest> {
    let settings = &sandbox.settings;
    let counted = shares_of(works);
    let times = usize::try_from(counted).unwrap_or(usize::MAX);
    let others = u32::try_from(works.saturating_sub(1)).unwrap_or(u32::MAX);
    let fetches = settings.fetches.saturating_add(others.saturating_mul(FETCHES_PER_WORK));
    let alone = settings.fetches.saturating_mul(others.saturating_add(1));
    let guest = Guest {
        limiter: Limiter::new(
            settings.memory_bytes.saturating_mul(times),
            settings.table_elements,
            settings.instances,
        ),
        name,
        notes,
        last_words: LastWords::default(),
        log_lines: settings.log_lines.saturating_mul(counted),
        fetches: fetches.min(alone),
        fetch_bytes: settings.fetch_bytes.saturating_mul(u64::from(counted)),
        network,
        transcript,
        left: None,
    };
    let hostcall_bytes = settings.hostcall_bytes.saturating_mul(times);
    limited_store(&sandbox.engine, guest, hostcall_bytes, settings.handles)
}

/// So many works more add as much to the limits of a call as one work has.
const WORKS_PER_SHARE: usize = 50;
/// So many fetches each of them adds: it may need one of its own.
const FETCHES_PER_WORK: u32 = 3;

/// What the limits of a call about one work are multiplied by for one about so many, its time among them.
pub fn shares_of(works: usize) -> u32 {
    u32::try_from(1 + works.saturating_sub(1).div_ceil(WORKS_PER_SHARE)).unwrap_or(u32::MAX)
}

/// Why a call ended, in the guest's own words where it left some: the engine knows only which instruction it was.
pub(crate) fn failure(error: &wasmtime::Error, guest: &Guest) -> FailureKind {
    match failure_kind(error, &guest.limiter) {
        FailureKind::Trap(mut detail) => {
            if detail.contains("wasi:") {
                detail.push_str(NO_WASI);
            }
            if let Some(words) = guest.last_words.said() {
                detail.push_str(&format!("; it said: {words}"));
            }
            FailureKind::Trap(detail)
        }
        limit => limit,
    }
}

/// What an author does about a function of WASI that is not there.
const NO_WASI: &str = "; Tierfall offers the contract and no WASI: build the plugin so that it needs none, with `componentize-py --stub-wasi` or `jco componentize --disable all` for example";
