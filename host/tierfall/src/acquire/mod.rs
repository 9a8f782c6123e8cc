//! From a candidate to a stored file: fetched by the HTTP client, proven by what is in it, stored once.

mod acquirer;
mod bucket;
mod digest;
mod effects;
mod examine;
mod inventory;
mod journal;
mod key;
mod names;
mod naming;
mod partial;
mod patterns;
mod policy;
mod quota;
mod settings;
mod sink;
mod sniff;
mod store;
mod transfer;
mod usage_rights;
mod verdict;
mod verified;

#[cfg(test)]
mod tests;

pub use acquirer::{Acquire, Acquirer, Acquisition, FetchContext};
pub use examine::Examine;
pub use inventory::Leftover;
pub use journal::{FetchStep, Journal, NoJournal};
pub use key::{DailyLimit, FileKey};
pub use naming::{InvalidTemplate, NameFacts, NameTemplate};
pub use policy::{CopyPolicy, Preference, Shortfall};
pub use settings::{AcquireSettings, PolicySettings, TdmPolicy, TransferSettings};
pub(crate) use sniff::refusal;
pub use store::{Artifact, Store, StoreError, Stored};
pub(crate) use store::{is_sha256, object_path, path_of};
pub use usage_rights::UsageRights;
pub use verdict::{Reason, Verdict};
pub use verified::VerifiedFile;

pub use tierfall_objects::is_address;
