//! Runs source plugins and the PDF examiner as WebAssembly components; the only crate that knows wasmtime.
//!
//! A component holds no authority. Each call gets a fresh store from a compiled, pre-linked component, with
//! every limit set, and the store is dropped afterwards. A plugin reaches the network only by asking the host
//! to fetch: [`SourceAccess`] decides whether it may, and the HTTP client of the call carries it out.
//!
//! The crate does not know tiers, retries of attempts, verdicts or files: it calls one source about one work
//! and returns what the source answered, bounded and cleaned.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//! use tierfall_sandbox::{Call, CallError, Grant, LoadError, Plugin, Sandbox, SourceAccess};
//!
//! async fn load(sandbox: &Sandbox, component: &[u8]) -> Result<(Plugin, Arc<SourceAccess>), LoadError> {
//!     let plugin = Plugin::load(sandbox, "mine.wasm", component).await?;
//!     let source = &plugin.description().sources[0];
//!     let access = SourceAccess::new("mine", source, Grant::Declared, &BTreeMap::new())
//!         .expect("no setting is required");
//!     Ok((plugin, Arc::new(access)))
//! }
//!
//! async fn candidates(plugin: &Plugin, call: Call) -> Result<usize, CallError> {
//!     let (found, report) = plugin.find(call).await;
//!     report.notes.iter().for_each(|note| eprintln!("{note}"));
//!     Ok(found?.candidates.len())
//! }
//! ```

#![warn(missing_docs)]

mod bindings;
mod calls;
mod clean;
mod compile;
mod description;
mod engine;
mod error;
mod examiner;
mod first;
mod generation;
mod grant;
mod guest;
mod guest_store;
mod limits;
mod notes;
mod pages;
mod places;
mod plugin;
mod pool;
mod private;
mod report;
mod request;
mod space;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
mod transcript;
mod wire;

pub use calls::{BatchCall, Call, Reported, Tried, WorkQuestion};
pub use compile::{COMPILE_ARGUMENT, compile_for_parent, this_program};
pub use description::{Description, HostNeed, HostPattern, SecretUse, Setting, SourceDescription};
pub use engine::Sandbox;
pub use error::{CallError, Failure, FailureKind, LoadError, SourceError};
pub use examiner::Examiner;
pub use grant::{Grant, SourceAccess};
pub use guest_store::shares_of;
pub use limits::{ExaminerSettings, ResourceLimit, SandboxSettings};
pub use pages::AnsweredPages;
pub use plugin::Plugin;
pub use private::PrivateFolder;
pub use report::{CallReport, Obstacle, RefusedPage, RequestReport};
