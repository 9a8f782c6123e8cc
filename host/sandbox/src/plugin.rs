//! A loaded plugin: it describes itself once, and is then asked about works.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use sha2::{Digest, Sha256};

use crate::compile::Maker;
use crate::description::Description;
use crate::engine::Sandbox;
use crate::error::{FailureKind, LoadError};
use crate::generation::Linked;
use crate::guest_store::{failure, new_store};
use crate::limits::ResourceLimit;
use crate::notes::Notes;
use crate::places::{CallPlaces, Places};
use crate::pool::SlotCount;
use crate::transcript::Transcript;

/// One component, compiled and linked; cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) sandbox: Sandbox,
    pub(crate) linked: Linked,
    slots: SlotCount,
    /// Where the calls of each source may run.
    shares: HashMap<String, Places>,
    pub(crate) description: Description,
    sha256: String,
    pub(crate) failures_in_a_row: AtomicU32,
}

impl Plugin {
    /// Compiles, checks and describes a component. `origin` names it in errors until it has said its name.
    pub async fn load(sandbox: &Sandbox, origin: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        Self::load_of(Maker::Stranger, sandbox, origin, bytes).await
    }

    /// As [`load`](Self::load), for a component that is part of this program: nobody needs to be protected from it
    /// while it is compiled.
    pub async fn load_own(sandbox: &Sandbox, origin: &str, bytes: &'static [u8]) -> Result<Self, LoadError> {
        Self::load_of(Maker::Ourselves, sandbox, origin, bytes).await
    }

    async fn load_of(maker: Maker, sandbox: &Sandbox, origin: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        let component = sandbox.compile(origin, bytes.to_vec(), maker).await?;
        let linked = Linked::link(&sandbox.engine, &sandbox.linker, origin, &component)?;
        let slots = sandbox.pool.slots_for(&component);
        let description = describe(sandbox, origin, &linked, slots).await?;
        let sources = description.sources.iter();
        let shares = sources.map(|source| (source.name.clone(), sandbox.pool.share())).collect();
        Ok(Self {
            inner: Arc::new(Inner {
                sandbox: sandbox.clone(),
                linked,
                slots,
                shares,
                description,
                sha256: hex::encode(Sha256::digest(bytes)),
                failures_in_a_row: AtomicU32::new(0),
            }),
        })
    }

    /// Where a call of one of its sources runs.
    pub(crate) fn places(&self, source: &str) -> CallPlaces {
        let Inner { sandbox, slots, shares, .. } = &*self.inner;
        let share = shares.get(source).cloned().unwrap_or_else(|| sandbox.pool.share());
        sandbox.pool.call_places(*slots, &share)
    }

    /// What it declares.
    pub fn description(&self) -> &Description {
        &self.inner.description
    }

    /// The contract that it was built against: `tierfall:source@0.2.0`.
    pub fn contract(&self) -> String {
        self.inner.linked.contract()
    }

    /// The digest of the component file, in lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.inner.sha256
    }
}

async fn describe(
    sandbox: &Sandbox,
    origin: &str,
    linked: &Linked,
    slots: SlotCount,
) -> Result<Description, LoadError> {
    let _slots = sandbox.pool.acquire(slots).await;
    let mut store = new_store(sandbox, 1, origin.to_owned(), Notes::default(), None, Transcript::default());
    let running = linked.describe(&mut store);
    let failed = |failure| LoadError::Describe { plugin: origin.to_owned(), failure };
    match tokio::time::timeout(sandbox.settings.describe_timeout, running).await {
        Err(_) => Err(failed(FailureKind::Limit(ResourceLimit::Time))),
        Ok(Err(error)) => Err(failed(failure(&error, store.data()))),
        Ok(Ok(raw)) => Description::checked(raw)
            .map_err(|detail| LoadError::Description { plugin: origin.to_owned(), detail }),
    }
}
