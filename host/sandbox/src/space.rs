//! How much address space there is for guests. Usually more than enough: each memory is set aside whole, and no access
//! needs a check of its bounds. Under a limit (`ulimit -v`, batch systems) memories are mapped as they grow, fewer
//! calls run at one time, and all of it works, only slower.

use wasmtime::{Config, InstanceAllocationStrategy};

use crate::limits::SandboxSettings;

/// What the engine may map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressSpace {
    /// As much as it likes.
    Ample,
    /// So many bytes for everything that runs at one time.
    Limited(u64),
}

/// Of the limit, what is not the guests': compiled code, threads, files that are examined, the ledger.
const HEADROOM: u64 = 1 << 30;
/// What a slot of the pool reserves, with the guards around it.
const SLOT: u64 = (4 << 30) + (64 << 20);
/// A memory that grows is moved, so that for a moment it is there twice.
const MOVED: u64 = 2;

impl AddressSpace {
    /// There was too little, and nobody says how much there is: one examination at a time, and what runs beside it.
    pub(crate) const UNKNOWN: Self = Self::Limited(2 << 30);

    /// Whether a pool of so many slots fits into what this process may map.
    pub(crate) fn for_slots(slots: u32) -> Self {
        let Some(limit) = limit() else { return Self::Ample };
        let free = limit.saturating_sub(mapped()).saturating_sub(HEADROOM);
        // Twice: what the rest of the program maps later is not known here.
        match free / 2 >= u64::from(slots).saturating_mul(SLOT) {
            true => Self::Ample,
            false => Self::Limited(free),
        }
    }

    pub(crate) fn is_limited(self) -> bool {
        self != Self::Ample
    }

    /// Code that is compiled for one of them does not run in the other.
    pub(crate) fn configure(self, config: &mut Config) {
        if self.is_limited() {
            config
                .allocation_strategy(InstanceAllocationStrategy::OnDemand)
                .memory_reservation(0)
                .memory_reservation_for_growth(1 << 20)
                .memory_guard_size(1 << 16)
                .guard_before_linear_memory(false)
                .memory_may_move(true);
        }
    }

    /// How many calls of a plugin may run at one time, and how many of these an examination stands for.
    pub(crate) fn shares(self, settings: &SandboxSettings) -> Option<(u32, u32)> {
        let Self::Limited(bytes) = self else { return None };
        let call = (settings.memory_bytes as u64).saturating_mul(MOVED).max(1);
        let examination = (settings.examiner.memory_bytes as u64).saturating_mul(MOVED);
        let calls = u32::try_from(bytes / call).unwrap_or(u32::MAX).clamp(1, 1000);
        let of_examination = u32::try_from(examination.div_ceil(call)).unwrap_or(u32::MAX).clamp(1, calls);
        Some((calls, of_examination))
    }
}

/// The most that this process may map, if there is a limit.
#[cfg(unix)]
fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(not(unix))]
fn limit() -> Option<u64> {
    None
}

/// What it has mapped already; nothing where the system does not tell.
fn mapped() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix("kB"));
    size.and_then(|size| size.trim().parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024)
}
