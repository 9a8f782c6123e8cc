//! Memories, tables and stacks that guests take turns at: to map and unmap them for each call would cost more
//! than most calls do, and make the threads of the program wait for one another in the kernel.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Component;
use wasmtime::{Enabled, PoolingAllocationConfig};

use super::limits::SandboxSettings;

/// The slots of the engine's pool, each with a memory, a stack and [`TABLES`] tables.
#[derive(Clone)]
pub(super) struct Pool {
    slots: u32,
    free: Arc<Semaphore>,
}

/// How many slots a call into a component takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(u32);

/// Held while a call has its slots: longer than its store.
pub(super) struct Turn {
    _slots: Option<OwnedSemaphorePermit>,
}

/// A component that was made in the usual way has two: its own, and one of its imports.
const TABLES: u32 = 4;

/// Each slot reserves 4 GiB of addresses, so that no access needs a check of its bounds. A thousand of them, the
/// engine's own default, are a thirtieth of what a process has; calls beyond that wait for their turn.
const MOST_SLOTS: u32 = 1000;

/// What a slot keeps between two calls. Most write less: an examiner with its paper, a source with its answers.
/// What a call wrote beyond this is given back to the system.
const KEPT_MEMORY: usize = 1 << 20;
/// Four pages: functions that are called by their number stand at the beginning of a table.
const KEPT_TABLE: usize = 16 << 10;

impl Pool {
    pub fn new(settings: &SandboxSettings) -> Self {
        let wanted = u32::try_from(settings.calls).unwrap_or(MOST_SLOTS).min(MOST_SLOTS);
        // Any component that its limits allow has room.
        let slots = wanted.max(u32::try_from(settings.instances).unwrap_or(u32::MAX));
        Self { slots, free: Arc::new(Semaphore::new(slots as usize)) }
    }

    /// The same slots, for the engine. What a guest may use of them is left to its store's limits, which have names.
    pub fn allocation(&self, settings: &SandboxSettings) -> PoolingAllocationConfig {
        let one_component = u32::try_from(settings.instances).unwrap_or(u32::MAX);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_memories(self.slots)
            .total_stacks(self.slots)
            .total_component_instances(self.slots)
            .total_tables(self.slots.saturating_mul(TABLES))
            // Nothing is reserved for these: they are counted, and bounded by their component's size.
            .total_core_instances(self.slots.saturating_mul(one_component))
            .max_core_instance_size(usize::MAX / 2)
            .max_component_instance_size(usize::MAX / 2)
            .max_memories_per_module(one_component)
            .max_tables_per_module(one_component)
            .table_elements(settings.table_elements)
            // A slot that was used is used again before a new one is, whatever ran in it.
            .max_unused_warm_slots(0)
            .linear_memory_keep_resident(KEPT_MEMORY)
            .table_keep_resident(KEPT_TABLE)
            // Where the system can tell which pages a guest wrote (Linux 6.7 and later), only those are reset.
            .pagemap_scan(Enabled::Auto);
        pool
    }

    pub fn share_of(&self, component: &Component) -> Share {
        // What imports core modules cannot be linked here; it is given all there is.
        let needs = component.resources_required();
        let slots =
            needs.map_or(self.slots, |needs| needs.num_memories.max(needs.num_tables.div_ceil(TABLES)));
        // One with more than all there is meets the limit of its instances before it meets the pool.
        Share(slots.clamp(1, self.slots))
    }

    /// Waits for enough slots. Whoever holds some has a limited time.
    pub async fn turn(&self, share: Share) -> Turn {
        // Nobody closes the semaphore; without a permit a full pool would be a failure of the call, which says so.
        Turn { _slots: Arc::clone(&self.free).acquire_many_owned(share.0).await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_call_waits_until_its_slots_are_free() {
        let pool = Pool { slots: 3, free: Arc::new(Semaphore::new(3)) };
        let (one, all) = (Share(1), Share(3));
        let first = pool.turn(one).await;
        let mut large = Box::pin(pool.turn(all));
        assert!(large.as_mut().now_or_never().is_none(), "two of three are free");
        assert!(pool.turn(one).now_or_never().is_none(), "whoever comes later does not pass it by");
        drop(first);
        let large = large.await;
        assert!(pool.turn(one).now_or_never().is_none());
        drop(large);
        assert!(pool.turn(one).now_or_never().is_some());
    }
}
