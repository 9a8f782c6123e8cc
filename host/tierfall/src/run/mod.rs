//! A run: works are read, raced by a pool of workers, and written to the manifest as they end.

mod admission;
mod artifact_jobs;
mod company;
mod drive;
mod error;
mod estimate;
mod feed;
mod file_system;
mod finalize;
mod full_disk;
mod inventory;
mod job;
mod job_end;
mod journal;
mod last_moment;
mod leases;
mod maintenance;
mod manifest;
mod manifest_file;
mod metrics;
mod needless;
mod opening;
#[cfg(test)]
mod outage_tests;
mod parked;
mod plan;
mod planning;
mod plugins;
mod pool;
mod program;
mod reporter;
mod request;
mod shared_pace;
mod silence;
mod slots;
mod store_files;
mod stored;
mod summary;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use drive::{Run, new_run_id};
pub use error::{RunError, SetupError};
pub use estimate::{Estimate, HostCost, Seen, estimate};
pub use inventory::StoreInventory;
pub use job::{job_key, kept_line};
pub use leases::QueueMode;
pub use maintenance::Maintenance;
pub use manifest::{Ids, Line, StoredFile};
pub use manifest_file::Manifest;
pub(crate) use opening::open_objects;
pub use opening::{LedgerPlace, find_ledger, open_client, open_ledger, open_store};
pub use program::{Program, Survey};
pub use reporter::Reporter;
pub use request::{EntryPlace, InputItem, WorkRequest};
pub use stored::find_line;
pub use summary::{PlanSummary, SourceFailures, Summary};
