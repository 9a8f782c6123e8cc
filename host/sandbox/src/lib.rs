//! Where plugins run: the only room that knows wasmtime.
//!
//! A plugin holds no authority. Each call gets a fresh store from a cached, pre-linked component, with
//! every limit set, and is dropped afterwards; what the plugin may fetch is decided here and carried out
//! by the one door.

mod bindings;
mod describe;
mod engine;
mod error;
mod examiner;
mod grant;
mod guest;
mod limits;
mod plugin;
mod pool;
mod text;

pub use describe::{Description, HostNeed, HostPattern, Setting, SourceDescription};
pub use engine::Sandbox;
pub use error::{Failure, FailureKind, LoadError};
pub use examiner::Examiner;
pub use grant::{Grant, Secret, SourceAccess};
pub use limits::{ExaminerSettings, Limit, SandboxSettings};
pub use plugin::{Call, CallError, Plugin, SourceError, Tried};
