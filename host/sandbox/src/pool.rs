//! Memories, tables and stacks that are mapped once and reused by one call after another. Mapping and unmapping
//! them for each call would cost more than most calls do, and the program's threads would wait for one another
//! in the kernel.

use wasmtime::component::Component;
use wasmtime::{Enabled, PoolingAllocationConfig};

use crate::limits::SandboxSettings;
use crate::places::{CallPlaces, PlacePermit, Places};

/// The slots of the engine's pool, each with a memory, a stack and [`TABLES`] tables.
#[derive(Clone)]
pub(crate) struct Pool {
    slots: u32,
    places: Places,
    /// Where nothing is set aside, how many calls an examination stands for: a call is one slot then.
    of_examination: Option<u32>,
}

/// How many slots a call into a component takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotCount(u32);

/// A usual component has two: its own, and one of its imports.
const TABLES: u32 = 4;

/// Each slot reserves 4 GiB of addresses, so that no access needs a check of its bounds. A thousand of them, the
/// engine's own default, are a thirtieth of what a process has; calls beyond that wait for their turn.
const MOST_SLOTS: u32 = 1000;

/// Of the calls that may run at once those of one source may be this part: a source that computes leaves room for the
/// others.
const PARTS: u32 = 4;

/// Memory that a slot keeps mapped between two calls. Most calls write less than this; what one wrote beyond it
/// is returned to the system.
const KEPT_MEMORY: usize = 1 << 20;
/// Four pages: the entries in use are at the beginning of a table.
const KEPT_TABLE: usize = 16 << 10;

impl Pool {
    pub(crate) fn new(settings: &SandboxSettings, calls: usize) -> Self {
        let wanted = u32::try_from(calls).unwrap_or(MOST_SLOTS).min(MOST_SLOTS);
        // A component that uses all its instances still fits.
        let slots = wanted.max(u32::try_from(settings.instances).unwrap_or(u32::MAX));
        Self { slots, places: Places::new(slots), of_examination: None }
    }

    /// Slots for which nothing is set aside: they only bound how much runs at one time.
    pub(crate) fn of_shares(calls: u32, of_examination: u32) -> Self {
        Self { slots: calls, places: Places::new(calls), of_examination: Some(of_examination) }
    }

    pub(crate) fn slots(&self) -> u32 {
        self.slots
    }

    /// How many slots an examination by `component` needs.
    pub(crate) fn slots_for_examiner(&self, component: &Component) -> SlotCount {
        self.of_examination.map_or_else(|| self.slots_for(component), SlotCount)
    }

    /// The engine's configuration for these slots. What a guest may use of them is left to the limits of its
    /// store, which are reported by name.
    pub(crate) fn allocation(&self, settings: &SandboxSettings) -> PoolingAllocationConfig {
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

    /// How many slots a call into `component` needs.
    pub(crate) fn slots_for(&self, component: &Component) -> SlotCount {
        if self.of_examination.is_some() {
            return SlotCount(1);
        }
        // Unknown only for components that import core modules; they fail to link anyway.
        let needs = component.resources_required();
        let slots =
            needs.map_or(self.slots, |needs| needs.num_memories.max(needs.num_tables.div_ceil(TABLES)));
        // One that needs more than the whole pool runs into the limit on instances first.
        SlotCount(slots.clamp(1, self.slots))
    }

    /// Waits until enough slots are free. Every call that holds some has a timeout, and without them the engine itself
    /// would end it with an error. What is returned must be dropped after the call's store.
    pub(crate) async fn acquire(&self, slots: SlotCount) -> PlacePermit {
        self.places.take(slots.0).await
    }

    /// The part of the places that the calls of one source may take.
    pub(crate) fn share(&self) -> Places {
        Places::new(self.slots / PARTS)
    }

    /// Where a call runs that takes so many slots.
    pub(crate) fn call_places(&self, slots: SlotCount, share: &Places) -> CallPlaces {
        CallPlaces { slots: (self.places.clone(), slots.0), share: share.clone() }
    }
}
